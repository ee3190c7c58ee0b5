"""The kinds of values that sections are made of: each says in words what it expects."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import SplitResult, urlsplit

from pydantic import AfterValidator
from pydantic_core import PydanticCustomError

# Of names that a host is asked for: the probe must fit into one argument of a command (128 KiB on Linux).
NAMES_LIMIT = 100


def unexpected(expected: str) -> PydanticCustomError:
    """Make the error "found ..., expected `expected`"."""
    return PydanticCustomError("expected", "{expected}", {"expected": expected})


def mistake(sentence: str) -> PydanticCustomError:
    """Make an error that says `sentence` and nothing else (not even the value found)."""
    return PydanticCustomError("mistake", "{sentence}", {"sentence": sentence})


@dataclass(frozen=True)
class Expects(AfterValidator):
    """A check that also says in words what it accepts, for the reference."""

    words: str = ""


def text(expected: str, pattern: str, max_length: int = 255) -> Expects:
    """Accept text that `pattern` matches as a whole."""
    compiled = re.compile(pattern)

    def check(value: str) -> str:
        if len(value) > max_length or not compiled.fullmatch(value):
            raise unexpected(expected)
        return value

    return Expects(check, expected)


def parsed(expected: str, parse: Callable[[str], object]) -> Expects:
    """Accept text that `parse` takes without a ValueError; the text itself stays as it is."""

    def check(value: str) -> str:
        try:
            parse(value)
        except ValueError:
            raise unexpected(expected) from None
        return value

    return Expects(check, expected)


# Python takes anything for the zone of an IPv6 address; it is the name of an interface.
_ADDRESS = re.compile(r"[0-9A-Fa-f.:]+(%[A-Za-z0-9_][A-Za-z0-9_.-]{0,14})?(/[0-9.]{1,15})?")


def address(expected: str, parse: Callable[[str], object]) -> Expects:
    """Accept an address or network that `parse` takes without a ValueError."""

    def check(value: str) -> object:
        if not _ADDRESS.fullmatch(value):
            raise ValueError(value)
        return parse(value)

    return parsed(expected, check)


def _split(value: str) -> SplitResult:
    # urlsplit drops blanks at the ends, and tabs anywhere.
    if not re.fullmatch(r"[!-~]+", value):
        raise ValueError(value)
    return urlsplit(value)


def _check_path(value: str) -> str:
    if not re.fullmatch(r"/[A-Za-z0-9._/@+=,-]*", value) or len(value) > 1024:
        raise unexpected("an absolute path of letters, digits and . _ / @ + = , -")
    if ".." in value.split("/"):
        raise unexpected('a path without ".."')
    return value


def _check_mirror(value: str) -> str:
    expected = "an address such as https://mirror.example.com, without a path"
    try:
        url = _split(value)
        port = url.port
    except ValueError:
        raise unexpected(expected) from None
    if url.username is not None or url.password is not None:
        raise mistake("a mirror's address may not hold a user name or password: the engine refuses it")
    if url.scheme not in ("http", "https"):
        raise unexpected(f"{expected}: it must start with https:// or http://")
    if not _is_host(url.hostname or "") or port == 0:
        raise unexpected(expected)
    if url.path not in ("", "/") or "?" in value or "#" in value:
        raise unexpected(f"{expected}, query or fragment: engines refuse such a mirror")
    return value


_HOST_NAME = re.compile(r"(?!-)[A-Za-z0-9_-]+(?<!-)(\.(?!-)[A-Za-z0-9_-]+(?<!-))*")


def _is_host(value: str) -> bool:
    if len(value) <= 253 and _HOST_NAME.fullmatch(value):
        return True
    try:
        ipaddress.ip_address(value)
    except ValueError:
        return False
    return "%" not in value


def _interface(parse: Callable[[str], object]) -> Callable[[str], object]:
    def check(value: str) -> object:
        if "/" not in value:
            raise ValueError(value)
        return parse(value)

    return check


def _check_host_port(value: str) -> None:
    url = _split(f"//{value}")
    if url.path or url.query or url.fragment or "@" in value or not _is_host(url.hostname or ""):
        raise ValueError(value)
    if url.port == 0 or value.endswith(":"):
        raise ValueError(value)


def _check_insecure_registry(value: str) -> str:
    if "://" in value:
        raise unexpected("HOST[:PORT] or a network such as 10.0.0.0/8, without http:// or https://")
    try:
        if "/" in value:
            ipaddress.ip_network(value, strict=False)
        else:
            _check_host_port(value)
    except ValueError:
        raise unexpected("HOST[:PORT] or a network such as 10.0.0.0/8") from None
    return value


def _check_proxy(value: str) -> None:
    url = _split(value)
    if url.scheme not in ("http", "https", "socks5") or not _is_host(url.hostname or "") or url.port == 0:
        raise ValueError(value)


def _check_no_proxy(value: str) -> None:
    if not re.fullmatch(r"[A-Za-z0-9.*:/_\[\], -]{1,4096}", value):
        raise ValueError(value)


AbsolutePath = Annotated[str, Expects(_check_path, "an absolute path")]
Cidr = Annotated[str, address("a network such as 172.26.0.0/16", lambda v: ipaddress.ip_network(v, strict=False))]
# An interface address keeps its host part: 172.26.0.1/16.
InterfaceV4 = Annotated[
    str,
    address("an IPv4 address with its network, such as 172.26.0.1/16", _interface(ipaddress.IPv4Interface)),
]
InterfaceV6 = Annotated[
    str,
    address("an IPv6 address with its network, such as fd00::1/64", _interface(ipaddress.IPv6Interface)),
]
CidrV4 = Annotated[str, address("an IPv4 network such as 172.26.5.0/24", lambda v: ipaddress.IPv4Network(v, False))]
CidrV6 = Annotated[str, address("an IPv6 network such as fd00:26::/64", lambda v: ipaddress.IPv6Network(v, False))]
Ip = Annotated[str, address("an IP address", ipaddress.ip_address)]
IpV4 = Annotated[str, address("an IPv4 address", ipaddress.IPv4Address)]
IpV6 = Annotated[str, address("an IPv6 address", ipaddress.IPv6Address)]
HostPort = Annotated[str, parsed("HOST:PORT", _check_host_port), text("HOST:PORT", r".*:[0-9]+")]
MirrorUrl = Annotated[str, Expects(_check_mirror, "an address such as https://mirror.example.com")]
InsecureRegistry = Annotated[str, Expects(_check_insecure_registry, "HOST[:PORT] or a network such as 10.0.0.0/8")]
ProxyUrl = Annotated[str, parsed("an address such as http://proxy.example.com:3128", _check_proxy)]
NoProxy = Annotated[str, parsed("names, addresses and networks with commas between them", _check_no_proxy)]

SIZE_PATTERN = r"[0-9]+(\.[0-9]+)? ?([kKmMgGtTpP]i?)?[bB]?"
Size = Annotated[str, text('a size such as "300m" or "20GB"', SIZE_PATTERN)]
Name = Annotated[
    str, text("a name of letters, digits and . _ - that starts with no dash", r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
]
PluginName = Annotated[str, text("a name such as vendor/plugin:latest", r"[A-Za-z0-9_][A-Za-z0-9_./:@-]*")]
KeyValue = Annotated[str, text("KEY=VALUE", r"[A-Za-z0-9_][A-Za-z0-9_./-]*=.*", 4096)]
Domain = Annotated[str, text("a domain such as example.com", r"(\.|[A-Za-z0-9_][A-Za-z0-9_.-]*)")]
Interface = Annotated[
    str, text("the name of a network interface (15 characters at most)", r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,14}")
]
Version = Annotated[
    str,
    text("an exact version such as 28.5.2", r"[0-9]+\.[0-9]+\.[0-9]+([-~+.][0-9A-Za-z.~+-]+)?", 64),
]
ImageReference = Annotated[
    str,
    text(
        "an image reference such as registry.example.com:5000/team/app:1.0",
        r"([A-Za-z0-9][A-Za-z0-9.-]*(:[0-9]+)?/)?[a-z0-9]+([._/-]+[a-z0-9]+)*"
        r"(:[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?(@sha256:[0-9a-f]{64})?",
        512,
    ),
]
LocalPath = Annotated[str, text("a path; ./-name where it starts with a dash", r"[^-].*", 4096)]
