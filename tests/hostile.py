"""What a hostile inventory may hold: every place where the configuration takes a value, and texts to put there."""

from __future__ import annotations

import types
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import TypeAdapter, ValidationError

from staithe.config.root import Config
from staithe.config.section import Section

# Made by any of the texts below that becomes a command, in the folder where it runs.
CANARY = "canary"

TEXTS = (
    f"$(touch {CANARY})",
    f"`touch {CANARY}`",
    f"x;touch {CANARY}",
    f"x|touch {CANARY}",
    f"x&touch {CANARY}&",
    f"x&&touch {CANARY}",
    f"'; touch {CANARY}; '",
    f'"; touch {CANARY}; "',
    f"'\"$(touch {CANARY})\"'",
    f"x >{CANARY}",
    f"a=$(touch {CANARY})",
    f"a='$(touch {CANARY})\"`touch {CANARY}`",
    f"/x/$(touch {CANARY})",
    f"/x;touch {CANARY}",
    f"https://$(touch {CANARY})",
    f"https://mirror.example.com/$(touch {CANARY})",
    f"http://proxy.example.com:3128/?$(touch {CANARY})",
    f"10.0.0.1;touch {CANARY}",
    f"fe80::1%$(touch {CANARY})",
    f"x\ntouch {CANARY}\n",
    f"x\rtouch {CANARY}",
    f"1\nnet.ipv4.conf.all.forwarding=$(touch {CANARY})",
    f"\\\ntouch {CANARY}",
    f"${{IFS}}touch${{IFS}}{CANARY}",
    f"%(touch {CANARY})s {{{{ 7*7 }}}} {{% raw %}} %n %s",
    f"@end staithe-probe 1 $(touch {CANARY})",
    "-rf",
    "--privileged",
    "--help",
    "-",
    "--",
    "-o ProxyCommand=x",
    "",
    " ",
    " x",
    "x ",
    "\t",
    "~",
    "~root/x",
    "*",
    "[a-z]*?",
    "..",
    "../../etc/passwd",
    "/../../etc/passwd",
    "/etc/passwd\0.json",
    "x" * 65,
    "x" * 5000,
    "x" * 200_000,
    "/" + "x/" * 3000,
    "a=" + "é" * 3000,
    "一般",
    "Ärger/ß",
    "１２３",
    "١٢٣",
    "a=日本語 العربية \U0001f433",
    "раypal",
    "x\u202egnp",
    "x\u200by",
    "x\u2028y",
    "a\x1b[2Jb",
    "a\x9b31mb",
    "\x7f\x08",
    "\udcff",
    "“quoted”",
    "#comment",
    "x #comment",
    "a,b",
    "a:b",
    "a\\b",
    "null",
    "true",
    "1e309",
    "{}",
    '{"a": 1}',
    '", "evil": "',
)


@dataclass(frozen=True)
class Place:
    """A place in the configuration: its path as messages name it, and the data that has a value there."""

    path: str
    kind: Any
    data: Callable[[object], dict[str, Any]]

    @property
    def takes_text(self) -> bool:
        """Whether some text is in order there."""
        return self.kind is str or self.kind is Any

    def __repr__(self) -> str:
        return self.path


def places() -> list[Place]:
    """Return every place of the schema: fields, items of lists, keys and values of dictionaries, parts of unions."""
    return [Place(path, kind, data) for path, kind, data in _of_section(Config)]


_Found = tuple[str, Any, Callable[[object], Any]]


def _of_section(section: type[Section]) -> Iterator[_Found]:
    needed = {f.alias or n: _sample(_whole(f)) for n, f in section.model_fields.items() if f.is_required()}
    for name, field in section.model_fields.items():
        key = field.alias or name
        for path, kind, make in _inside(_whole(field)):
            yield _join(key, path), kind, lambda x, key=key, make=make: {**needed, key: make(x)}


def _whole(field: Any) -> Any:
    """Return a field's type with its checks, which pydantic has taken apart."""
    return Annotated[field.annotation, *field.metadata] if field.metadata else field.annotation


def _inside(kind: Any) -> Iterator[_Found]:
    """Yield (path, kind, maker) of every place inside a type; a maker wraps a value into what the type looks like."""
    origin, args = get_origin(kind), get_args(kind)
    if origin is Annotated:
        yield from _inside(args[0])
    elif origin in (Union, types.UnionType):
        for arg in args:
            yield from _inside(arg) if arg is not type(None) else ()
    elif origin is tuple:
        for path, inner, make in _inside(args[0]):
            yield _join("[0]", path), inner, lambda x, make=make: [make(x)]
    elif origin is dict:
        key, value = _sample(args[0]), _sample(args[1])
        yield "*", str, lambda x: {x: value}
        for path, inner, make in _inside(args[1]):
            yield _join(key, path), inner, lambda x, make=make: {key: make(x)}
    elif isinstance(kind, type) and issubclass(kind, Section):
        yield from _of_section(kind)
    elif origin is Literal:
        yield "", Literal, lambda x: x
    else:
        assert kind in (str, int, bool, Any), f"a kind of value that the enumeration does not know: {kind!r}"
        yield "", kind, lambda x: x


def _join(first: str, rest: str) -> str:
    return first + (rest if not rest or rest.startswith("[") else f".{rest}")


def _sample(kind: Any) -> Any:
    """Return a value that the type accepts."""
    if isinstance(kind, type) and issubclass(kind, Section):
        return {f.alias or n: _sample(_whole(f)) for n, f in kind.model_fields.items() if f.is_required()}
    if get_origin(kind) is Literal:
        return get_args(kind)[0]
    adapter = TypeAdapter(kind)
    for value in ("x", "net.ipv4.ip_forward", "10.0.0.0/8", "/x", "a=b", 24, True, "300m", {}, {"x": "x"}):
        try:
            adapter.validate_python(value, strict=True)
        except ValidationError:
            continue
        return value
    raise AssertionError(f"no value is known that {kind!r} accepts")
