"""The shell text that takes staithe away from a host. Pure; operations/removal.py runs it.

Each step may find its work done: a removal that was killed is begun again from the front. The notes that it works
from go last.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import PurePosixPath

from staithe.change import Change
from staithe.engine import PACKAGES
from staithe.host_layout import (
    BIN_DIR,
    ENGINE_CURRENT,
    ENGINE_ROOT,
    ORIGINAL_DIR,
    STATE_DIR,
    UNIT_DIR,
    UNITS,
    VERSION_LOCKS,
)
from staithe.placing import staged
from staithe.plan.hold import without_text
from staithe.plan.removal import ENDING, saved
from staithe.shell import join, quote

STOP_TIMEOUT_S = 300
# With live-restore containers outlive the engine, and without it nobody could end them: it is started for that.
_END_CONTAINERS = f"""shims() {{
  for exe in /proc/[0-9]*/exe; do
    case $(readlink "$exe" 2>/dev/null || :) in
    {ENGINE_ROOT}/*/containerd-shim*|{BIN_DIR}/containerd-shim*) echo "$exe" ;;
    esac
  done
}}
if [ -n "$(shims)" ] && [ "$(systemctl is-active docker.service || :)" != active ]; then
  systemctl reset-failed {join(UNITS)} 2>/dev/null || :
  timeout {STOP_TIMEOUT_S} systemctl start docker.service
fi
if [ "$(systemctl is-active docker.service || :)" = active ]; then
  running=$(docker -H unix:///run/docker.sock ps -q)
  if [ -n "$running" ]; then docker -H unix:///run/docker.sock stop -t 10 $running > /dev/null; fi
fi
for second in 1 2 3 4 5; do if [ -z "$(shims)" ]; then break; fi; sleep 1; done
if [ -n "$(shims)" ]; then echo "staithe: containers do not end: $(shims | head -n 3 | tr '\\n' ' ')" >&2; exit 1; fi
"""
# What tells that a folder is an engine's: nothing else is ever emptied.
_MARKS = ("engine-id", "containers", "image", "io.containerd.metadata.v1.bolt")


def removal_script(
    changes: Sequence[Change], files: Collection[str], changed: Sequence[str], folders: Sequence[str]
) -> str:
    """Return the script for all `changes`.

    `files`: what staithe wrote. `changed`: those of them that stay under another name. `folders`: data to purge.
    """
    return "".join(
        (
            "set -eu\n",
            _stop(changes, files),
            *(_empty(folder) for folder in folders),
            *(f"if [ -f {quote(path)} ]; then mv -Tf {quote(path)} {quote(saved(path))}; fi\n" for path in changed),
            *(_bring_back(path) for path in files),
            "systemctl daemon-reload\n",
            *(without_text(path) for path in VERSION_LOCKS),
            _packages(changes),
            _enable(changes),
            _programs(),
            _kernel(changes),
            _group(changes),
            _run(changes),
            # Folders that have become empty; their owners keep what they put there.
            "rmdir /etc/docker /etc/containerd /etc/cni/net.d /etc/cni /usr/libexec/docker 2>/dev/null || :\n",
            f"rm -rf {STATE_DIR}\n",
        )
    )


def _stop(changes: Sequence[Change], files: Collection[str]) -> str:
    named = [one.target for one in changes if one.kind == "stop"]
    ends_containers = any(one not in ENDING for one in named)
    containers = _END_CONTAINERS if ends_containers else ""
    # All of them: what ends containers may have started the others.
    units = [unit for unit in ENDING if ends_containers or unit in named]
    stop = f"timeout {STOP_TIMEOUT_S} systemctl stop {join(units)}\n" if units else ""
    disable = "".join(
        f"if [ -e {path} ]; then systemctl -q disable {unit} 2>/dev/null || :; fi\n"
        for unit in UNITS
        if (path := f"{UNIT_DIR}/{unit}") in files
    )
    # The engine has gone; its own bridge would stay.
    bridge = "if [ -e /sys/class/net/docker0 ]; then ip link delete docker0 2>/dev/null || :; fi\n" if units else ""
    return containers + stop + disable + f"systemctl reset-failed {join(UNITS)} 2>/dev/null || :\n" + bridge


def _bring_back(path: str) -> str:
    original, new = quote(ORIGINAL_DIR + path), quote(staged(path))
    folder = quote(str(PurePosixPath(path).parent))
    # The copy is there when something stood in the file's place, whatever the notes say.
    return f"""if [ -f {original} ] || [ -L {original} ]; then
  mkdir -p {folder}
  cp -Pp {original} {new}
  mv -Tf {new} {quote(path)}
  if command -v selinuxenabled > /dev/null 2>&1 && selinuxenabled; then restorecon -F {quote(path)}; fi
else
  rm -f {quote(path)}
fi
"""


def _enable(changes: Sequence[Change]) -> str:
    text = ""
    # reenable: the link may lead to the unit's file in the other folder.
    for verb, state in (("reenable", "enabled"), ("disable", "disabled")):
        units = [one.target for one in changes if one.kind == "enable" and one.after == state]
        text += f"systemctl -q {verb} {join(units)} || :\n" if units else ""
    return text


def _run(changes: Sequence[Change]) -> str:
    """Return the text that lets an engine that is not staithe's run with what was put back."""
    return "".join(
        f"systemctl reset-failed {join(UNITS)} 2>/dev/null || :\n"
        f"timeout {STOP_TIMEOUT_S} systemctl {one.kind} {quote(one.target)} >&2\n"
        for one in changes
        if one.kind in ("start", "restart", "reload")
    )


def _packages(changes: Sequence[Change]) -> str:
    names = [one.target.removeprefix("package ") for one in changes if one.target.startswith("package ")]
    if not names:
        return ""
    # What somebody has installed since may need one of them: then the others go, and that one stays.
    return f"""set --
for name in {join(names)}; do
  if rpm -q "$name" > /dev/null 2>&1; then set -- "$@" "$name"; fi
done
if [ $# -gt 0 ] && ! rpm -e "$@" 2>/dev/null; then
  for round in 1 2 3; do for name in "$@"; do rpm -e "$name" > /dev/null 2>&1 || :; done; done
  for name in {join(PACKAGES)}; do
    case " $* " in *" $name "*) if rpm -q "$name" > /dev/null; then rpm -e "$name"; fi ;; esac
  done
fi
"""


def _programs() -> str:
    return f"""for path in {BIN_DIR}/*; do
  if [ -L "$path" ]; then case $(readlink "$path") in {ENGINE_CURRENT}/*) rm -f "$path" ;; esac; fi
done
rm -rf {ENGINE_ROOT}
"""


def _kernel(changes: Sequence[Change]) -> str:
    lines = []
    for one in changes:
        if one.kind == "set":
            # The module that had the key may be gone.
            lines.append(f"sysctl -q -w {quote(f'{one.target}={one.after}')} 2>/dev/null || :\n")
        elif one.target.startswith("module "):
            lines.append(f"modprobe -r -- {quote(one.target.removeprefix('module '))} 2>/dev/null || :\n")
    return "".join(lines)


def _group(changes: Sequence[Change]) -> str:
    lines = []
    for one in changes:
        if one.target == "group docker":
            # Somebody's primary group stays; it is told afterwards.
            lines.append("if getent group docker > /dev/null; then groupdel docker 2>/dev/null || :; fi\n")
        elif one.target.endswith(" from group docker"):
            user = quote(one.target.removesuffix(" from group docker"))
            lines.append(f"gpasswd -d {user} docker > /dev/null\n")
    return "".join(lines)


def _empty(folder: str) -> str:
    marks = " || ".join(f'[ -e "$folder/{mark}" ]' for mark in _MARKS)
    # A mount point itself stays, empty. -xdev does not see what is mounted below from the same file system.
    return f"""folder=$(readlink -f {quote(folder)} || :)
if [ -n "$folder" ] && {{ {marks}; }}; then
  while read -r _ _ _ _ point _; do
    case $point in "$folder"/*)
      echo "staithe: $point is mounted below the engine's data; umount it, then remove again" >&2
      exit 1 ;;
    esac
  done < /proc/self/mountinfo
  find "$folder" -xdev -mindepth 1 -delete 2>/dev/null || :
  left=$(find "$folder" -xdev -mindepth 1 ! -type d -print -quit)
  if [ -n "$left" ]; then echo "staithe: $left cannot be deleted" >&2; exit 1; fi
  rmdir "$folder" 2>/dev/null || :
fi
"""
