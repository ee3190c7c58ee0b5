"""Which packages of an engine a pattern of yum and dnf speaks of. Pure."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase

from staithe.engine import PACKAGES

# What makes an engine, and the one package of the system that containers cannot do without.
ENGINE_PACKAGES = (*PACKAGES, "container-selinux")
_EPOCH = re.compile(r"^\d+:")


def named_by(pattern: str) -> tuple[str, ...]:
    """Return the packages of an engine that a pattern speaks of, be it only of some of their versions."""
    return tuple(name for name in ENGINE_PACKAGES if version_in(pattern, name) is not None)


def version_in(pattern: str, name: str) -> str | None:
    """Return what a pattern says of the version of a package: `*` for all; None when it speaks of another package.

    Names, globs, NAME-[EPOCH:]VERSION-RELEASE as dnf writes them, EPOCH:NAME-VERSION-RELEASE as yum does.
    """
    # yum's epoch stands in front of the name.
    pattern = _EPOCH.sub("", pattern)
    if fnmatchcase(name, pattern) or pattern in (f"{name}.*", f"{name}-*"):
        return "*"
    rest = pattern.removeprefix(f"{name}-")
    version = _EPOCH.sub("", rest).partition("-")[0]
    return version if rest != pattern and version[:1].isdigit() else None
