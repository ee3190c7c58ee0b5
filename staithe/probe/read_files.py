"""Reads the sections that carry files: the managed ones, and staithe's record."""

from __future__ import annotations

import base64
import hashlib
import re
from typing import Any

from staithe import host_layout
from staithe.probe.answer import Section
from staithe.probe.request import ProbeRequest
from staithe.probe.script import RECORD_LIMIT_BYTES, TEXT_LIMIT_BYTES
from staithe.probe.state import HostState, ManagedFile

_FILE = re.compile(r"(\d+) ([0-7]+) (\d+(?:\.\d+)?) (\d+) (\d+) (.*?):(.*?) (/.*)")


def read_files(section: Section, request: ProbeRequest, state: HostState) -> dict[str, Any]:
    """Read the managed files and the record; files of an earlier probe that were not asked for now stay."""
    own = host_layout.NOTES
    files, odd = _carried(section, (*request.files, *own))
    unread = [path for path in own if files[path].exists and files[path].text is None]
    if unread and not odd:
        odd = f"{unread[0]} is no text, or larger than {RECORD_LIMIT_BYTES} bytes"
    asked = {path: files[path] for path in request.files}
    record, running, former, unfinished, transaction = (files[path].text for path in own)
    return {
        "files": {**state.files, **asked},
        "record": record,
        "running": running,
        "former": former,
        "unfinished": unfinished.strip() if unfinished is not None else None,
        "is_cut_off": transaction is not None,
        "odd": odd,
    }


def _carried(section: Section, paths: tuple[str, ...]) -> tuple[dict[str, ManagedFile], str]:
    """Return the files and what was odd. A text is given only when its sha256 is the one the host computed."""
    digests = _digests(section.before("contents"))
    stream = base64.b64decode("".join(section.after("contents").texts()), validate=True)
    special = section.values("special")
    files = {path: ManagedFile(exists=path in special) for path in paths}
    at, changed = 0, []
    for value in section.values("file"):
        match = _FILE.fullmatch(value)
        if match is None:
            raise ValueError(f"stat says: {value[:100]}")
        size, mode, ctime, uid, gid, user, group, path = match.groups()
        if path not in files:
            raise ValueError(f"not asked for: {path}")
        content = None
        if int(size) <= _limit(path):
            content = stream[at : at + int(size)]
            at += int(size)
            if hashlib.sha256(content).hexdigest() != digests.get(path):
                content = None
                changed.append(path)
        files[path] = ManagedFile(
            exists=True,
            sha256=digests.get(path, ""),
            text=_text(content),
            mode=mode,
            owner=f"{uid if user == 'UNKNOWN' else user}:{gid if group == 'UNKNOWN' else group}",
            ctime=float(ctime),
        )
    return files, f"changed while it was read: {', '.join(changed)}" if changed else ""


def _limit(path: str) -> int:
    return RECORD_LIMIT_BYTES if path.startswith(f"{host_layout.STATE_DIR}/") else TEXT_LIMIT_BYTES


def _digests(section: Section) -> dict[str, str]:
    digests = {}
    for line in section.texts():
        sha256, _, path = line.partition("  ")
        if sha256.startswith("\\"):  # sha256sum's way to write a backslash in a name
            sha256, path = sha256[1:], path.replace("\\\\", "\\")
        digests[path] = sha256
    return digests


def _text(content: bytes | None) -> str | None:
    try:
        return None if content is None else content.decode("utf-8")
    except UnicodeDecodeError:
        return None
