"""The kinds of hosts that a bundle is for. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from staithe.sourcing.description import RepositoryWish


@dataclass(frozen=True)
class Target:
    """A kind of host: one major release of EL on one architecture."""

    major: int
    arch: str

    @property
    def name(self) -> str:
        return f"el{self.major}-{self.arch}"

    @property
    def platform(self) -> str:
        """What modules require of the host."""
        return f"platform:el{self.major}"

    def has(self, wish: RepositoryWish) -> bool:
        """Tell whether a repository is meant for such hosts."""
        return self.major in (wish.majors or (self.major,)) and self.arch in (wish.archs or (self.arch,))

    def address(self, wish: RepositoryWish) -> str:
        """Return the repository's address or path for such hosts."""
        return self.filled_in(wish.address)

    def filled_in(self, address: str) -> str:
        """Return an address with the release and architecture of such hosts in it."""
        return address.replace("$releasever", str(self.major)).replace("$basearch", self.arch).rstrip("/")
