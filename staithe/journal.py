"""The journal on a host: what a run has replaced since the engine was last seen healthy, so that it can come back.

Pure: shell texts. The journal lies on the host and not in the run's memory, so the way back survives a run that was
killed: the next one goes on with the same journal. What is noted first stays: it belongs to the healthy state.
A healthy engine settles the journal: it is taken away.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from staithe import base_repositories
from staithe.former_packages import FORMER_PACKAGES
from staithe.host_layout import (
    BIN_DIR,
    DAEMON_JSON,
    ENGINE_CURRENT,
    ENGINE_ROOT,
    JOURNAL,
    MODULES_FILE,
    REPOSITORY_DIR,
    REPOSITORY_FILE,
    REPOSITORY_KEY,
    SYSCTL_FILE,
    UNIT_DIR,
    UNITS,
    VERSION_LOCKS,
)
from staithe.probe.state import HostState, Unit
from staithe.programs import PROGRAMS
from staithe.shell import join, quote

# The script that brings the former state back ends with this when that state does not run either.
NOT_HEALTHY = 70
_MANAGED = (
    MODULES_FILE,
    SYSCTL_FILE,
    DAEMON_JSON,
    REPOSITORY_FILE,
    REPOSITORY_KEY,
    *VERSION_LOCKS,
    *base_repositories.FOLDERS,
    *(f"{UNIT_DIR}/{unit}" for unit in UNITS),
    *(f"{BIN_DIR}/{program}" for program in PROGRAMS),
)

# What the former state undoes, by the beginning of the changes' ids.
UNDONE = (
    "kernel:create:",
    "kernel:update:",
    "kernel:set:",
    "packages:",
    "binaries:set:",
    "binaries:remove:",
    "units:create:/",
    "units:update:",
    "units:set:",
    "units:remove:",
    "daemon:",
    "service:",
)

_FUNCTIONS = f"""keep() {{
  if grep -qxF -e "$1" {JOURNAL}/paths 2>/dev/null; then return 0; fi
  if [ -f "$1" ] || [ -L "$1" ]; then
    mkdir -p "{JOURNAL}/files${{1%/*}}"
    cp -Pp "$1" "{JOURNAL}/files$1.new"
    mv -Tf "{JOURNAL}/files$1.new" "{JOURNAL}/files$1"
  fi
  printf '%s\\n' "$1" >> {JOURNAL}/paths
}}
bring_back() {{
  new=${{1%/*}}/.${{1##*/}}.staithe-new
  if [ -f "{JOURNAL}/files$1" ] || [ -L "{JOURNAL}/files$1" ]; then
    cp -Pp "{JOURNAL}/files$1" "$new" && mv -Tf "$new" "$1" || {{ rm -f "$new"; return 1; }}
  else
    rm -f "$1"
  fi
}}
"""

_UNIT_FUNCTIONS = f"""each() {{
  if [ ! -f {JOURNAL}/"$1" ]; then return 0; fi
  while read -r line; do "$2" $line < /dev/null; done < {JOURNAL}/"$1"
}}
halt() {{
  if [ "$2" != active ]; then systemctl stop "$1" 2>/dev/null || :; fi
  if [ "$3" != enabled ]; then systemctl -q disable "$1" 2>/dev/null || :; fi
}}
resume() {{
  if [ "$3" = enabled ]; then systemctl -q enable "$1" || :; fi
  if [ "$2" = active ]; then timeout 120 systemctl restart "$1" || lost "$1"; fi
}}
unlink_program() {{
  case $(readlink {BIN_DIR}/"$1" || :) in {ENGINE_CURRENT}/*) rm -f {BIN_DIR}/"$1" || lost {BIN_DIR}/"$1" ;; esac
}}
{FORMER_PACKAGES}"""


def open_text(run_id: str, *, anew: bool = False) -> str:
    """Return the shell text that begins the journal, or goes on with the one of a run that did not end.

    `anew`: that one leads back to a state that is no longer the healthy one, so it is settled first.
    """
    return f"""umask 077
{settle_text() if anew else ""}mkdir -p {JOURNAL}/files
if [ ! -s {JOURNAL}/run ]; then printf '%s\\n' {quote(run_id)} > {JOURNAL}/run; fi
umask 022
{_FUNCTIONS}"""


def keep_text(paths: Iterable[str]) -> str:
    """Return the shell text that notes these files as they are now. Needs `open_text` before it."""
    return f'for path in {join(paths)}; do keep "$path"; done\n'


def bring_back_text(paths: Iterable[str]) -> str:
    """Return the shell text that puts files back, for the script that kept them. Needs `open_text` before it."""
    return f'for path in {join(paths)}; do bring_back "$path"; done\n'


def keep_sysctl_text(values: Mapping[str, str]) -> str:
    """Return the shell text that notes live values by their keys."""
    lines = [
        f"grep -q -e {quote(f'^{key}=')} {JOURNAL}/sysctl 2>/dev/null || "
        f"printf '%s\\n' {quote(f'{key}={value}')} >> {JOURNAL}/sysctl\n"
        for key, value in values.items()
    ]
    return "".join(lines)


def keep_current_text() -> str:
    """Return the shell text that notes which engine is in place; empty for none."""
    return f"""if [ ! -e {JOURNAL}/current ]; then
  readlink {ENGINE_CURRENT} > {JOURNAL}/current.new 2>/dev/null || :
  mv -Tf {JOURNAL}/current.new {JOURNAL}/current
fi
"""


def keep_units_text(state: HostState) -> str:
    """Return the shell text that notes which services run and are enabled, before they are touched."""
    lines = []
    # The order in which they are started again.
    for name in sorted(UNITS, key=lambda unit: unit == "docker.service"):
        unit = state.units.get(name, Unit())
        active = "active" if unit.active_state in ("active", "reloading") else "inactive"
        lines.append(f"{name} {active} {unit.unit_file_state or 'absent'}")
    text = quote("\n".join(lines))
    return f"if [ ! -s {JOURNAL}/units ]; then printf '%s\\n' {text} > {JOURNAL}/units; fi\n"


def settle_text() -> str:
    """Return the shell text that ends the journal: what is there now is the healthy state."""
    return f"""rm -rf {JOURNAL}.settled
if [ -d {JOURNAL} ]; then mv -T {JOURNAL} {JOURNAL}.settled; fi
rm -rf {JOURNAL}.settled
"""


def former_state_script(health_timeout_s: int) -> str:
    """Return the script that brings back what the journal holds, and waits for the engine that ran then.

    Ends with NOT_HEALTHY, names what it could not bring back, and keeps the journal, when that did not work wholly.
    """
    return f"""set -u
if [ ! -d {JOURNAL} ]; then exit 0; fi
{_FUNCTIONS}
{_UNIT_FUNCTIONS}lost() {{
  echo "staithe: $1 did not come back" >&2
  failed=1
}}
healthy() {{
  end=$(($(date +%s) + {health_timeout_s}))
  until timeout 10 docker -H unix:///run/docker.sock version > /dev/null 2>&1; do
    if [ "$(date +%s)" -ge "$end" ]; then return 1; fi
    sleep 0.2
  done
}}
failed=0
each units halt
former_packages
if [ -f {JOURNAL}/paths ]; then
  while IFS= read -r path; do
    # A note that was damaged must not lead to other files.
    case $path in {"|".join(_MANAGED)}) bring_back "$path" || lost "$path" ;; esac
  done < {JOURNAL}/paths
fi
if [ -f {JOURNAL}/sysctl ]; then
  while IFS= read -r setting; do sysctl -q -w "$setting" || lost "$setting"; done < {JOURNAL}/sysctl
fi
each links unlink_program
if [ -f {JOURNAL}/current ]; then
  former=$(cat {JOURNAL}/current)
  if [ -n "$former" ]; then
    ln -sfn "$former" {ENGINE_ROOT}/.current.new && mv -Tf {ENGINE_ROOT}/.current.new {ENGINE_CURRENT} ||
      lost {ENGINE_CURRENT}
  else
    rm -f {ENGINE_CURRENT} || lost {ENGINE_CURRENT}
  fi
fi
rm -rf {REPOSITORY_DIR}
if grep -q ^/etc/systemd/ {JOURNAL}/paths 2>/dev/null; then systemctl daemon-reload; fi
if [ -f {JOURNAL}/units ]; then
  systemctl reset-failed {join(UNITS)} 2>/dev/null || :
  # With containerd still there, it can stop its containers.
  timeout 120 systemctl stop docker.service 2>/dev/null || :
  each units resume
  if grep -q '^docker.service active' {JOURNAL}/units && ! healthy; then lost "the engine"; fi
fi
if [ $failed != 0 ]; then exit {NOT_HEALTHY}; fi
{settle_text()}"""
