"""Module metadata (modules.yaml): which streams there are, what belongs to them, which are the defaults."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

from staithe.errors import RepositoryError
from staithe.rpm.plain_yaml import documents

_SIZE_LIMIT_BYTES = 64 << 20
_NAMES_LIMIT = 100_000


@dataclass(frozen=True)
class Stream:
    """One build of a module stream.

    `requires` has what each dependency allows: ("platform", ("el8",)); a stream with a dash in front is ruled out,
    and no stream at all means any. `artifacts` are NEVRAs, sources among them.
    """

    name: str
    stream: str
    version: int
    context: str
    arch: str
    requires: tuple[tuple[str, tuple[str, ...]], ...]
    artifacts: tuple[str, ...]
    static_context: bool = False


@dataclass(frozen=True)
class Default:
    """What a repository says of the default stream of a module; None: it has none."""

    module: str
    stream: str | None
    modified: int


@dataclass(frozen=True)
class ModuleMetadata:
    """The module metadata of one repository."""

    streams: tuple[Stream, ...] = ()
    defaults: tuple[Default, ...] = ()


def read(handle: int, where: str) -> ModuleMetadata:
    """Read modules.yaml from a descriptor; raises RepositoryError."""
    if os.fstat(handle).st_size > _SIZE_LIMIT_BYTES:
        raise RepositoryError("its module metadata are too large", where=where, expected=f"{_SIZE_LIMIT_BYTES} bytes")
    with os.fdopen(os.dup(handle), "rb") as stream:
        return parse(stream.read(), where)


def parse(content: bytes, where: str) -> ModuleMetadata:
    """Read modules.yaml; raises RepositoryError for what is no YAML, or has not the form of module metadata.

    Documents other than streams (modulemd, version 2) and defaults are passed over, as dnf does by default.
    """
    streams: list[Stream] = []
    defaults: list[Default] = []
    for document in documents(content, where):
        kind = _mapping(document, "a document", where).get("document")
        if kind == "modulemd":
            streams.append(_stream(document, where))
        elif kind == "modulemd-defaults":
            defaults.append(_default(document, where))
    return ModuleMetadata(tuple(streams), tuple(defaults))


def _stream(document: Any, where: str) -> Stream:
    if document.get("version") != "2":
        raise RepositoryError(
            "its module metadata have an unknown version",
            where=where,
            found=_shown(document.get("version")),
            expected="modulemd version 2",
        )
    data = _mapping(document.get("data"), "a stream", where)
    name = _text(data, "name", where)
    here = f"{where}: module {name}"
    requires: list[tuple[str, tuple[str, ...]]] = []
    for dependency in _list(data.get("dependencies", []), "dependencies", here):
        needed = _mapping(_mapping(dependency, "a dependency", here).get("requires", {}), "requires", here)
        for module, allowed in needed.items():
            requires.append((_plain(module, "requires", here), _texts(allowed, "requires", here)))
    artifacts = _mapping(data.get("artifacts", {}), "artifacts", here)
    version = _text(data, "version", here)
    if not version.isascii() or not version.isdigit() or len(version) > 20:
        raise RepositoryError("the version of a module stream is no number", where=here, found=repr(version[:100]))
    return Stream(
        name=name,
        stream=_text(data, "stream", here),
        version=int(version),
        context=_plain(data.get("context", ""), "context", here),
        arch=_plain(data.get("arch", "noarch"), "arch", here),
        requires=tuple(requires),
        artifacts=_texts(artifacts.get("rpms", []), "artifacts", here),
        static_context=data.get("static_context") == "true",
    )


def _default(document: Any, where: str) -> Default:
    data = _mapping(document.get("data"), "a default", where)
    module = _text(data, "module", where)
    modified = data.get("modified", "0")
    stream = data.get("stream")
    return Default(
        module=module,
        stream=_plain(stream, "stream", f"{where}: module {module}") if stream else None,
        modified=int(modified) if isinstance(modified, str) and modified.isdecimal() and len(modified) <= 20 else 0,
    )


def _mapping(value: object, what: str, where: str) -> dict[Any, Any]:
    if not isinstance(value, dict):
        raise _odd(what, value, "a mapping", where)
    return value


def _list(value: object, what: str, where: str) -> list[Any]:
    if not isinstance(value, list) or len(value) > _NAMES_LIMIT:
        raise _odd(what, value, "a list", where)
    return value


def _texts(value: object, what: str, where: str) -> tuple[str, ...]:
    return tuple(_plain(one, what, where) for one in _list(value, what, where))


def _text(data: dict[Any, Any], key: str, where: str) -> str:
    text = _plain(data.get(key), key, where)
    if not text:
        raise _odd(key, text, "a text", where)
    return text


def _plain(value: object, what: str, where: str) -> str:
    if not isinstance(value, str) or len(value) > 1000 or any(ord(letter) < 32 for letter in value):
        raise _odd(what, value, "a text", where)
    return value


def _odd(what: str, value: object, expected: str, where: str) -> RepositoryError:
    return RepositoryError(
        f"{what} in the module metadata has another form", where=where, found=_shown(value), expected=expected
    )


def _shown(value: object) -> str:
    # Not the value itself: with aliases in it, a text of it could be endless.
    return repr(value[:100]) if isinstance(value, str) else type(value).__name__
