"""The engine's packages held by the versionlock plugin, where it is there: a block of lines that is staithe's. Pure.

Without the plugin the repository's own file holds them, which leaves them out (`exclude`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from staithe.change import Change, change
from staithe.host_layout import VERSION_LOCKS
from staithe.probe.state import HostState, ManagedFile
from staithe.rpm.nevra import Nevra
from staithe.shell import quote

BEGIN, END = "# staithe begin", "# staithe end"


def changes(state: HostState, packages: Mapping[str, str], *, hold: bool) -> Iterator[Change]:
    """Yield a change when the block in the list of locks is not as wanted. `packages`: name -> NEVRA as installed."""
    path = _list_of(state)
    wanted = _lines(packages, path) if hold else ()
    if path is not None and _block(state.files[path].text or "") != wanted:
        what = f"hold {', '.join(packages)}" if wanted else "released"
        yield change("packages", "set", f"staithe's lines in {path}", "they say something else", after=what)


def hold_text(state: HostState, packages: Mapping[str, str], *, hold: bool) -> str:
    """Return the shell text that writes the block into the list of locks, if there is one."""
    path = _list_of(state)
    if path is None:
        return ""
    lines = _lines(packages, path) if hold else ()
    block = quote("\n".join([BEGIN, *lines, END]))
    return without_text(path) + (f"printf '%s\\n' {block} >> {path}\n" if lines else "")


def without_text(path: str) -> str:
    """Return the shell text that takes the block out of a list, and leaves what others wrote."""
    # Without its end the block would go on to the end of the file.
    return f"if grep -qsx '{END}' {path}; then sed -i '/^{BEGIN}$/,/^{END}$/d' {path}; fi\n"


def _list_of(state: HostState) -> str | None:
    # From EL 8 on yum's path leads to dnf's.
    there = (path for path in VERSION_LOCKS if state.files.get(path, ManagedFile()).text is not None)
    return next(there, None)


def _lines(packages: Mapping[str, str], path: str | None) -> tuple[str, ...]:
    found = []
    for nevra in packages.values():
        one = Nevra.parse(nevra)
        # Each plugin lists what the other writes, and heeds its own form alone.
        name = f"{one.epoch}:{one.name}-" if path == VERSION_LOCKS[1] else f"{one.name}-{one.epoch}:"
        found.append(f"{name}{one.version}-{one.release}.*")
    return tuple(found)


def _block(text: str) -> tuple[str, ...]:
    _, begun, rest = text.partition(f"{BEGIN}\n")
    inside, ended, _ = rest.partition(f"{END}\n")
    return tuple(inside.splitlines()) if begun and ended else ()
