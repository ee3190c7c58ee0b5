"""Like hosts, and what each has installed: what a host is asked for, and how its answer is read. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

from staithe.errors import ProbeFailed
from staithe.rpm.base import QUERY_FORMAT
from staithe.rpm.nevra import Nevra

NO_RPM = 42
_NAMES = r"%{NAME}\t%{EPOCHNUM}\t%{VERSION}\t%{RELEASE}\t%{ARCH}\n"
# VERSION_ID of some releases has the major alone; /etc/redhat-release then has the minor, where there is one.
LIST_SCRIPT = f"""command -v rpm >/dev/null || exit {NO_RPM}
uname -r
uname -m
sed -n 's/^VERSION_ID=//p' /etc/os-release
sed -n 1p /etc/redhat-release 2>/dev/null
echo packages:
rpm -qa --qf '{_NAMES}'
"""
# Packed: the lists of files are most of it. The last line tells whether rpm came to its end.
DUMP_SCRIPT = f"""{{
    rpm -qa --qf '{QUERY_FORMAT}'
    printf 'end\\t%s\\n' $?
}} | gzip -1 -c
"""
_RELEASE = re.compile(r"[0-9]{1,3}(\.[0-9]{1,4})?", re.ASCII)
_WORD = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._+~^-]{0,127}", re.ASCII)


@dataclass(frozen=True, order=True)
class HostKind:
    """What hosts of one base have in common."""

    # "9.4"; "9" where the host says no more.
    release: str
    arch: str
    kernel: str
    # VERSION-RELEASE, or "none".
    selinux_policy: str

    @property
    def major(self) -> int:
        return int(self.release.partition(".")[0])

    @property
    def name(self) -> str:
        """The name of the base, and of its file."""
        kernel = self.kernel.removesuffix(f".{self.arch}")
        return f"el{self.release}-{self.arch}-kernel-{kernel}-policy-{self.selinux_policy}"

    def check(self) -> None:
        """Raise ValueError for what would be no name of a file."""
        if not _RELEASE.fullmatch(self.release):
            raise ValueError(f"{self.release!r} is no release such as 9 or 9.4")
        for text in (self.arch, self.kernel, self.selinux_policy):
            if not _WORD.fullmatch(text):
                raise ValueError(f"{text!r} is no name of an architecture, a kernel or a version")


def read_listing(text: str, host: str) -> tuple[HostKind, tuple[str, ...]]:
    """Read what LIST_SCRIPT printed: the kind, and the packages by their NEVRAs. Raises ProbeFailed."""
    head, _, names = text.partition("\npackages:\n")
    try:
        kernel, arch, version_id, *lines = head.split("\n")
        packages = [_nevra(line) for line in names.splitlines()]
        policy = next((f"{one.version}-{one.release}" for one in packages if one.name == "selinux-policy"), "none")
        kind = HostKind(_release(version_id.strip("\"'"), " ".join(lines)), arch, kernel, policy)
        kind.check()
    except ValueError as error:
        raise ProbeFailed(f"the host does not say what it has installed: {error}", hint=_look(host)) from error
    found = tuple(sorted(str(one) for one in packages if one.name != "gpg-pubkey"))
    if not found:
        raise ProbeFailed("rpm knows of no package on the host", hint=f"ssh {host} rpm -qa")
    return kind, found


def _nevra(line: str) -> Nevra:
    name, epoch, version, release, arch = line.split("\t")
    return Nevra(name, int(epoch), version, release, "noarch" if arch == "(none)" else arch)


def _release(version_id: str, redhat_release: str) -> str:
    if "." in version_id:
        return version_id
    found = re.search(rf"(?<![0-9.]){re.escape(version_id)}\.[0-9]+", redhat_release)
    return found[0] if found and version_id else version_id


def _look(host: str) -> str:
    return f"staithe logs {host}   # what the host said"
