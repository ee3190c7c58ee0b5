"""What staithe is installed from: exact versions and hashes, as controller.lock in this package has them. Pure.

`make lock` writes that file together with requirements.lock, with the same versions.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files

from packaging.markers import Marker
from packaging.utils import canonicalize_name

from staithe.rpm.elsewhere import GLIBC

LOCK_FILE = "controller.lock"
_OLDEST_GLIBC = 5
_LINE = re.compile(
    r"(?P<name>[A-Za-z0-9._-]+)==(?P<version>[^ ;]+)(?: ; (?P<marker>[^\\]+?))?(?P<hashes>(?: --hash=\S+)+)"
)


@dataclass(frozen=True, order=True)
class Interpreter:
    """A Python on Linux that wheels are for."""

    # "3.12"
    version: str
    arch: str

    def __str__(self) -> str:
        return f"Python {self.version} on {self.arch}"

    @property
    def platforms(self) -> tuple[str, ...]:
        """What pip calls the systems whose wheels run there, the newest first."""
        return (
            *(f"manylinux_{GLIBC[0]}_{minor}_{self.arch}" for minor in range(GLIBC[1], _OLDEST_GLIBC - 1, -1)),
            f"manylinux2014_{self.arch}",
            *((f"manylinux2010_{self.arch}", f"manylinux1_{self.arch}") if self.arch == "x86_64" else ()),
        )

    @property
    def environment(self) -> dict[str, str]:
        """What markers ask for. pip would answer them with the Python that it runs on itself."""
        return {
            "implementation_name": "cpython",
            "implementation_version": f"{self.version}.0",
            "os_name": "posix",
            "platform_machine": self.arch,
            "platform_python_implementation": "CPython",
            "platform_release": "",
            "platform_system": "Linux",
            "platform_version": "",
            "python_full_version": f"{self.version}.0",
            "python_version": self.version,
            "sys_platform": "linux",
        }


@dataclass(frozen=True)
class Pinned:
    """One requirement."""

    name: str
    version: str
    marker: str | None
    # sha256, of the wheels for all systems.
    hashes: frozenset[str]

    @property
    def line(self) -> str:
        """As pip reads it, without the marker."""
        return " ".join((f"{self.name}=={self.version}", *(f"--hash=sha256:{one}" for one in sorted(self.hashes))))

    def is_for(self, interpreter: Interpreter) -> bool:
        """Tell whether staithe needs it there."""
        return self.marker is None or Marker(self.marker).evaluate(interpreter.environment)


def lock_text() -> str:
    """Return the file as it is."""
    return files(__package__).joinpath(LOCK_FILE).read_text(encoding="utf-8")


def read_pinned(text: str) -> tuple[Pinned, ...]:
    """Return the requirements of a lock; raises ValueError for a line without a version or a hash."""
    return tuple(_requirements(text))


def _requirements(text: str) -> Iterator[Pinned]:
    for line in text.replace("\\\n", " ").splitlines():
        words = " ".join(line.split())
        if not words or words.startswith("#"):
            continue
        match = _LINE.fullmatch(words)
        if match is None:
            raise ValueError(f"no NAME==VERSION with hashes: {words[:80]}")
        hashes = frozenset(one.removeprefix("--hash=sha256:") for one in match["hashes"].split())
        yield Pinned(canonicalize_name(match["name"]), match["version"], match["marker"], hashes)
