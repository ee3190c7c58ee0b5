"""The libraries of `pip install 'staithe[bundle]'`: whether they are here, before anything is begun."""

from __future__ import annotations

from importlib.util import find_spec

from staithe.errors import SolverMissing

# Not libsolv and createrepo_c, which exist for Linux alone: bundles without packages are made anywhere.
_NEEDED = ("cyclonedx", "httpx", "tomli_w", "yaml", "zstandard")


def require_libraries() -> None:
    """Raise SolverMissing where `bundle lock` and `bundle build` would end for the lack of a library."""
    missing = [name for name in _NEEDED if find_spec(name) is None]
    if missing:
        raise SolverMissing(
            "staithe is installed without the libraries that bundles are locked and built with",
            found=f"no {', '.join(missing)}",
            hint="pip install 'staithe[bundle]'",
        )
