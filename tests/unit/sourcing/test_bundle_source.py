"""What a machine takes out of a bundle when nobody says."""

from __future__ import annotations

from dataclasses import replace

import pytest

from staithe.bundle.contents import Bundle, PackageSet
from staithe.sourcing.bundle_source import chosen
from staithe.sourcing.target import Target
from tests.unit import states

EL9 = Target(9, "x86_64")


def packages(target: str = "el9-x86_64", engine: str | None = "28.5.2") -> PackageSet:
    return PackageSet(target, engine, (), {}, {})


def bundle(*sets: PackageSet, archive: bool) -> Bundle:
    found = replace(states.bundle(), package_sets=sets)
    return found if archive else replace(found, engines=())


def take(what: Bundle, machine: Target | None = EL9, version: str | None = None, **here: bool) -> str:
    choice = chosen(what, machine, version, **{"has_manager": True, "is_static": False, **here})
    assert choice.words
    return choice.source


@pytest.mark.parametrize(
    ("what", "source"),
    [
        (bundle(packages(), archive=False), "rpm-bundle"),
        (bundle(archive=True), "static-bundle"),
        (bundle(packages(), archive=True), "rpm-bundle"),
        # For others: their packages are of no use here.
        (bundle(packages("el8-x86_64"), archive=True), "static-bundle"),
        # Packages without an engine, which some bundles have for other purposes.
        (bundle(packages(engine=None), archive=True), "static-bundle"),
        # Nothing fits: the run says what is missing of what there is.
        (bundle(packages("el8-x86_64"), archive=False), "rpm-bundle"),
        (bundle(archive=False), "static-bundle"),
    ],
)
def test_what_fits_is_taken(what: Bundle, source: str) -> None:
    assert take(what) == source


def test_of_both_a_machine_takes_what_suits_it() -> None:
    both = bundle(packages(), archive=True)
    assert take(both, has_manager=False) == "static-bundle"
    # A static engine is not moved to packages because nobody said anything.
    assert take(both, is_static=True) == "static-bundle"
    assert take(bundle(packages(), archive=False), is_static=True) == "rpm-bundle"
    assert take(both, machine=None) == "static-bundle"


def test_the_version_decides_where_only_one_has_it() -> None:
    both = bundle(packages(engine="26.1.5"), archive=True)
    assert take(both, version="28.5.2") == "static-bundle"
    assert take(both, version="26.1.5") == "rpm-bundle"
