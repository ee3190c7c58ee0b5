"""Names of packages as dnf writes them. What is older or newer is for libsolv to say, not for us."""

from __future__ import annotations

import re
from dataclasses import dataclass

# Neither version nor release has a dash, no architecture has a dot.
_NEVRA = re.compile(
    r"(?P<name>[^\s/]+)-(?:(?P<epoch>[0-9]{1,9}):)?(?P<version>[^\s/:-]+)-(?P<release>[^\s/:-]+)\.(?P<arch>[^\s/.:-]+)",
    re.ASCII,
)


@dataclass(frozen=True)
class Nevra:
    """Name, epoch, version, release and architecture of one package."""

    name: str
    epoch: int
    version: str
    release: str
    arch: str

    @classmethod
    def parse(cls, text: str) -> Nevra:
        """Read `docker-ce-3:28.5.2-1.el9.x86_64`; without an epoch it is 0. Raises ValueError."""
        match = _NEVRA.fullmatch(text)
        if match is None:
            raise ValueError(f"{text!r} is no NAME-[EPOCH:]VERSION-RELEASE.ARCH")
        return cls(match["name"], int(match["epoch"] or 0), match["version"], match["release"], match["arch"])

    @property
    def evr(self) -> str:
        """Return the version as libsolv writes it: an epoch of 0 is left out."""
        epoch = f"{self.epoch}:" if self.epoch else ""
        return f"{epoch}{self.version}-{self.release}"

    def __str__(self) -> str:
        return f"{self.name}-{self.evr}.{self.arch}"


def rpm_name(nevra: str) -> str:
    """Return the name that the file of a package has: no epoch in it. Raises ValueError."""
    one = Nevra.parse(nevra)
    return f"{one.name}-{one.version}-{one.release}.{one.arch}.rpm"
