"""What a host has installed, for `staithe bundle base`: asked, checked, told as events."""

from __future__ import annotations

import base64
import zlib

from staithe.errors import HostError, NoRpm, ProbeFailed, UsageError
from staithe.events import PackagesDumped, PackagesListed
from staithe.host.session import Session
from staithe.rpm import base
from staithe.rpm.host_kind import DUMP_SCRIPT, LIST_SCRIPT, NO_RPM, HostKind, read_listing

_TIMEOUT_S = 300.0
_PACKED_LIMIT_BYTES = 64 << 20
_LIMIT_BYTES = 512 << 20


def tell_list(session: Session) -> HostKind:
    """Ask which packages the host has; raises NoRpm, ProbeFailed, and what Remote.run raises."""
    result = session.run(
        LIST_SCRIPT, "list the packages", looks=True, check=False, timeout_s=_TIMEOUT_S, shown=LIST_SCRIPT
    )
    if result.exit_code == NO_RPM:
        raise NoRpm(
            "the host has no rpm, so nobody knows its packages", hint=f"ssh {session.name} cat /etc/os-release"
        )
    if result.exit_code != 0:
        raise _no_answer(session, result.exit_code)
    kind, found = read_listing(result.stdout.decode("utf-8", "replace"), session.name)
    session.tell(
        PackagesListed(
            host=session.name,
            release=kind.release,
            arch=kind.arch,
            kernel=kind.kernel,
            selinux_policy=kind.selinux_policy,
            packages=list(found),
        )
    )
    return kind


def tell_dump(session: Session) -> None:
    """Ask for all that rpm says of the packages; raises ProbeFailed, and what Remote.run raises."""
    result = session.run(
        DUMP_SCRIPT,
        "read what the packages provide and require",
        looks=True,
        timeout_s=_TIMEOUT_S,
        limit_bytes=_PACKED_LIMIT_BYTES,
        shown=DUMP_SCRIPT,
    )
    text = unpacked(result.stdout, session.name)
    dump, _, end = text.rpartition("end\t")
    if end != "0\n":
        raise _no_answer(session, end.strip())
    try:
        base.parse(dump, session.name)
    except UsageError as error:
        raise ProbeFailed(f"rpm's answer cannot be read: {error}", hint=f"staithe logs {session.name}") from error
    # Packed again, by ourselves: what the host packed may hold more than what was looked at.
    packed = base64.b64encode(zlib.compress(dump.encode(), 6)).decode()
    session.tell(PackagesDumped(host=session.name, dump=packed))


def unpacked(packed: bytes, host: str) -> str:
    """Return the text of what gzip packed; raises ProbeFailed for other things, and for more than any host has."""
    try:
        reader = zlib.decompressobj(wbits=31)
        content = reader.decompress(packed, _LIMIT_BYTES)
    except zlib.error as error:
        raise ProbeFailed(
            "the host packed rpm's answer wrongly", found=str(error), hint=f"staithe logs {host}"
        ) from error
    if not reader.eof:
        raise ProbeFailed("rpm's answer is cut off, or no host has so many packages", hint=f"staithe logs {host}")
    return content.decode("utf-8", "replace")


def _no_answer(session: Session, code: int | str) -> HostError:
    return ProbeFailed(
        "rpm does not say what is installed",
        found=f"exit code {code}",
        hint=f"ssh {session.name} sudo rpm -qa   # a damaged database: rpm --rebuilddb",
    )
