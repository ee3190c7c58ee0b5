"""The libraries of `pip install 'staithe[bundle]'`: whether they are here, before anything is begun."""

from __future__ import annotations

from importlib.util import find_spec

from staithe.errors import SolverMissing
from staithe.rpm import elsewhere

_NEEDED = ("cyclonedx", "httpx", "tomli_w", "yaml", "zstandard")
# These exist for Linux alone; bundles without packages are made anywhere.
_FOR_PACKAGES = ("createrepo_c", "solv")


def require_libraries() -> None:
    """Raise SolverMissing where `bundle lock` and `bundle build` would end for the lack of a library."""
    missing = [name for name in _NEEDED if find_spec(name) is None]
    if missing:
        raise SolverMissing(
            "staithe is installed without the libraries that bundles are locked and built with",
            found=f"no {', '.join(missing)}",
            hint="pip install 'staithe[bundle]'",
        )


def require_package_libraries() -> None:
    """Raise SolverMissing where packages can neither be resolved nor packed; its hint is a whole command."""
    missing = [name for name in _FOR_PACKAGES if find_spec(name) is None]
    if missing:
        raise SolverMissing(
            "packages are resolved and packed with libraries that this Python does not have",
            found=f"no {', '.join(missing)}; {elsewhere.this_machine()}",
            expected=elsewhere.NEEDED,
            hint=elsewhere.what_to_type(),
        )
