"""The file of a base: the packages that all hosts of a kind have. Text, the same for the same hosts; for git."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from staithe.errors import UsageError
from staithe.rpm.base import AGAIN, Base, parse
from staithe.rpm.host_kind import HostKind
from staithe.rpm.nevra import Nevra

SUFFIX = ".rpms"
_INTRODUCTION = """\
# What hosts of one kind have installed, told by rpm: `staithe bundle lock` carries what these lack.
# Made by `staithe bundle base`. Keep it in git, make it again when the hosts were updated; do not edit it.
"""
_NONE = "none"


@dataclass(frozen=True)
class BaseFile:
    """A base as its file has it."""

    kind: HostKind
    hosts: tuple[str, ...]
    base: Base


def base_text(
    kind: HostKind, hosts: Sequence[str], dump: str, everywhere: Collection[str], anywhere: Collection[str] = ()
) -> str:
    """Return the file: from one host's dump, the packages (NEVRAs) that are `everywhere` on these hosts.

    `anywhere`: those of all hosts; whichever of them has told the dump, the file is the same.
    """
    packages = _by_package(dump)
    left_out = sorted((packages.keys() | set(anywhere)) - set(everywhere))
    head = {
        "release": kind.release,
        "arch": kind.arch,
        "kernel": kind.kernel,
        "selinux-policy": kind.selinux_policy,
        "hosts": " ".join(sorted(hosts)),
        "not on all of them": " ".join(left_out) or _NONE,
    }
    lines = [f"# {key}: {value}\n" for key, value in head.items()]
    return "".join(
        [_INTRODUCTION, *lines, *(text for nevra, text in sorted(packages.items()) if nevra not in set(left_out))]
    )


def read_base_file(text: str, where: str) -> BaseFile:
    """Read a file that `base_text` made; raises UsageError."""
    head = dict(line[2:].split(": ", 1) for line in text.splitlines()[:20] if line[:2] == "# " and ": " in line)
    try:
        kind = HostKind(head["release"], head["arch"], head["kernel"], head["selinux-policy"])
        kind.check()
        hosts = tuple(head["hosts"].split())
    except (KeyError, ValueError) as error:
        raise UsageError(f"this is no base: {error}", where=where, hint=AGAIN) from error
    return BaseFile(kind, hosts, parse(text, where))


def _by_package(dump: str) -> dict[str, str]:
    """Return the lines of each package; one that is there twice counts once."""
    found: dict[str, str] = {}
    for part in dump.split("\nP\t"):
        name, epoch, version, release, arch = part.removeprefix("P\t").split("\n", 1)[0].split("\t")
        if name != "gpg-pubkey":
            nevra = Nevra(name, int(epoch), version, release, "noarch" if arch == "(none)" else arch)
            found[str(nevra)] = f"P\t{part.removeprefix(f'P{chr(9)}').rstrip(chr(10))}\n"
    return found
