"""The shell text that brings a host back to a generation that it keeps. Pure; operations/rollback.py runs it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePosixPath

from staithe.change import Change
from staithe.former_packages import keep_packages_text, transaction_text
from staithe.host_layout import (
    BIN_DIR,
    ENGINE_CURRENT,
    ENGINE_ROOT,
    GENERATIONS,
    PACKAGE_DIR,
    RUNNING,
    UNITS,
)
from staithe.journal import keep_current_text, keep_text, keep_units_text
from staithe.placing import staged
from staithe.plan.hold import hold_text
from staithe.probe.state import HostState
from staithe.record import Record
from staithe.rpm.nevra import rpm_name
from staithe.shell import join, quote


def rollback_script(
    state: HostState,
    then: Record,
    changes: Sequence[Change],
    *,
    packages_in: Sequence[str],
    packages_out: Sequence[str],
    held: bool,
    opening: str,
    health: str,
) -> str:
    """Return the script. `opening` opens the journal, `health` waits until the engine answers."""
    paths = [one.target for one in changes if one.target.startswith("/etc/")]
    gone = [one.target for one in changes if one.kind == "remove" and one.target.startswith("/etc/")]
    links = [binary.path for binary in state.engine.binaries.values() if binary.path.startswith(f"{BIN_DIR}/")]
    return "".join(
        (
            f"set -eu\numask 022\n{opening}",
            keep_packages_text() if packages_in or packages_out else "",
            keep_units_text(state),
            keep_current_text(),
            keep_text([*paths, *_by_hand(state, links)]) if paths or _by_hand(state, links) else "",
            _files(then, [path for path in paths if path not in gone]),
            f"rm -f {join(gone)}\n" if gone else "",
            _packages(packages_in, packages_out),
            hold_text(state, then.contents.packages, hold=held),
            _programs(then),
            "systemctl daemon-reload\n",
            _services(then, changes) + health if any(one.kind == "restart" for one in changes) else "",
            _sysctl(changes),
        )
    )


def _by_hand(state: HostState, links: Sequence[str]) -> list[str]:
    """Return the links of staithe's in /usr/bin, which packages would overwrite."""
    return [path for path in links if state.engine.binaries[path.rpartition("/")[2]].target.startswith(ENGINE_ROOT)]


def _files(then: Record, paths: Sequence[str]) -> str:
    folder = f"{GENERATIONS}/{then.generation}/files"
    lines = []
    for path in paths:
        new = staged(path)
        lines.append(
            f"mkdir -p {quote(str(PurePosixPath(path).parent))}\ncp -p {quote(folder + path)} {quote(new)}\n"
        )
        lines.append(f"mv -Tf {quote(new)} {quote(path)}\n")
    return "".join(lines)


def _packages(packages_in: Sequence[str], packages_out: Sequence[str]) -> str:
    files = [f"{PACKAGE_DIR}/{rpm_name(nevra)}" for nevra in packages_in]
    text = ""
    if files:
        # What lies here came through gpgcheck when it was installed, and only root can write it.
        text += transaction_text(f"rpm -U --oldpackage --replacepkgs {join(files)}")
    if packages_out:
        text += transaction_text(f"rpm -e {join(packages_out)}")
    return text


def _programs(then: Record) -> str:
    directory = then.contents.engine_directory.removeprefix(f"{ENGINE_ROOT}/")
    if not directory:
        return f"""for path in {BIN_DIR}/*; do
  if [ -L "$path" ]; then case $(readlink "$path") in {ENGINE_CURRENT}/*) rm -f "$path" ;; esac; fi
done
rm -f {ENGINE_CURRENT}
"""
    names = [PurePosixPath(path).name for path in then.contents.links]
    links = f"""for name in {join(names)}; do
  if [ ! -L {BIN_DIR}/"$name" ]; then ln -sfn {ENGINE_CURRENT}/"$name" {BIN_DIR}/"$name"; fi
done
"""
    return f"""{links}ln -sfn {quote(directory)} {ENGINE_ROOT}/.current.new
mv -Tf {ENGINE_ROOT}/.current.new {ENGINE_CURRENT}
"""


def _services(then: Record, changes: Sequence[Change]) -> str:
    # What the daemons run with is worked out anew: they start after the files are in place.
    return f"""rm -f {RUNNING}
systemctl reset-failed {join(UNITS)} 2>/dev/null || :
systemctl -q reenable {join(UNITS)} 2>/dev/null || systemctl -q enable {join(UNITS)}
timeout 120 systemctl stop docker.service
systemctl restart docker.socket 2>/dev/null || :
timeout 120 systemctl restart {join(one.target for one in changes if one.kind == "restart")}
"""


def _sysctl(changes: Sequence[Change]) -> str:
    files = [one.target for one in changes if one.target.startswith("/etc/sysctl.d/") and one.kind != "remove"]
    return "".join(f"sysctl -q -p {quote(path)} || :\n" for path in files)
