"""Which of the engines in a bundle a machine takes when nobody says: the packages, or the static archive. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from staithe.bundle.contents import Bundle
from staithe.sourcing.target import Target

BundleSource = Literal["rpm-bundle", "static-bundle"]


@dataclass(frozen=True)
class Choice:
    """What is taken, and what a person is told of it."""

    source: BundleSource
    words: str


def chosen(
    bundle: Bundle, machine: Target | None, version: str | None, *, has_manager: bool, is_static: bool
) -> Choice:
    """Choose between what the bundle has for `machine` (None: no EL) in `version` (None: any).

    `has_manager`: dnf or yum is there. `is_static`: a static engine of staithe's is in place, and stays what it is.
    Where the bundle has nothing that fits, the choice is what it has at all: the run says what is missing.
    """
    packages = _has_packages(bundle, machine, version)
    archive = any(
        machine is None or one.arch == machine.arch for one in bundle.engines if version in (None, one.version)
    )
    name = machine.name if machine is not None else "this machine"
    if packages and archive:
        other = "its static archive: --source static-bundle"
        if is_static:
            return Choice("static-bundle", "the static archive, as now; its packages: --source rpm-bundle")
        if not has_manager:
            return Choice("static-bundle", "the static archive, for there is neither dnf nor yum here")
        return Choice("rpm-bundle", f"the packages for {name}; {other}")
    if packages:
        return Choice("rpm-bundle", f"the packages for {name}; it has no static archive for that")
    if archive:
        return Choice("static-bundle", f"the static archive; it has no packages of the engine for {name}")
    if bundle.engines or not any(one.engine for one in bundle.package_sets):
        return Choice("static-bundle", "the static archive")
    return Choice("rpm-bundle", "the packages")


def _has_packages(bundle: Bundle, machine: Target | None, version: str | None) -> bool:
    return machine is not None and any(
        one.target == machine.name and one.engine is not None and version in (None, one.engine)
        for one in bundle.package_sets
    )
