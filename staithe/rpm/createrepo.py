"""Writes a repository's metadata: the same bytes for the same packages, wherever and whenever they are made."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from staithe.errors import SolverMissing
from staithe.rpm import elsewhere

_NO_SETTINGS = Path(__file__).with_name("no_settings")


def _createrepo() -> Any:
    # librpm reads its settings when it is loaded: the machine's own have no say here.
    before = os.environ.get("RPM_CONFIGDIR")
    os.environ["RPM_CONFIGDIR"] = str(_NO_SETTINGS)
    try:
        import createrepo_c
    except ImportError as error:
        raise SolverMissing(
            "createrepo_c, which writes repositories' metadata, cannot be loaded",
            found=f"{error}; {elsewhere.this_machine()}",
            expected=elsewhere.NEEDED,
            hint=elsewhere.what_to_type(),
        ) from error
    finally:
        if before is None:
            del os.environ["RPM_CONFIGDIR"]
        else:
            os.environ["RPM_CONFIGDIR"] = before
    return createrepo_c


def write_metadata(packages: Sequence[tuple[str, Path]], revision: str) -> dict[str, bytes]:
    """Return the files of repodata/ by name, for packages given as (name in the repository, file).

    They are not compressed: what a compressor makes of the same text differs from version to version.
    """
    library = _createrepo()
    kinds = {
        "primary": (library.PrimaryXmlFile, library.xml_dump_primary),
        "filelists": (library.FilelistsXmlFile, library.xml_dump_filelists),
    }
    newest = 0
    with tempfile.TemporaryDirectory(prefix="staithe-repodata-") as work, ExitStack() as files:
        writers = {}
        for kind, (writer, _) in kinds.items():
            writers[kind] = writer(f"{work}/{kind}.xml", library.NO_COMPRESSION)
            files.callback(writers[kind].close)
            writers[kind].set_num_of_pkgs(len(packages))
        for name, path in sorted(packages):
            package = library.package_from_rpm(str(path), location_href=name, changelog_limit=0)
            # The file's own time is that of a copy.
            package.time_file = package.time_build
            newest = max(newest, package.time_build)
            for kind, (_, dump) in kinds.items():
                writers[kind].add_chunk(dump(package))
        files.close()
        contents = {f"{kind}.xml": Path(work, f"{kind}.xml").read_bytes() for kind in kinds}
    return {"repomd.xml": _table(library, contents, revision, newest), **contents}


def _table(library: Any, contents: dict[str, bytes], revision: str, timestamp: int) -> bytes:
    table = library.Repomd()
    table.set_revision(revision)
    for name, content in sorted(contents.items()):
        record = library.RepomdRecord(name.removesuffix(".xml"), "")
        digest = hashlib.sha256(content).hexdigest()
        record.location_href = f"repodata/{name}"
        record.checksum_type = record.checksum_open_type = "sha256"
        record.checksum = record.checksum_open = digest
        record.size = record.size_open = len(content)
        record.timestamp = timestamp
        table.set_record(record)
    text: str = table.xml_dump()
    return text.encode()
