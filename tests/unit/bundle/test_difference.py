"""What differs between two bundles: packages too, by name, with their versions."""

from __future__ import annotations

from dataclasses import replace

from staithe.bundle.contents import Bundle, Package, PackageSet
from staithe.bundle.difference import differences, transfer_bytes
from tests.unit import states


def package(nevra: str, letter: str) -> Package:
    return Package(nevra, f"{nevra}.rpm", "ABCD", states.blob(letter, 100))


def with_packages(*packages: Package, metadata: str = "9") -> Bundle:
    one = PackageSet("el9-x86_64", "28.5.2", packages, {"repomd.xml": states.blob(metadata, 7)}, {})
    return replace(states.bundle(), package_sets=(one,))


def test_packages_by_name() -> None:
    tini = package("tini-0.19.0-1.x86_64", "2")
    old = with_packages(package("containerd.io-1.7.24-3.1.el9.x86_64", "1"), tini, package("gone-0:1-2.noarch", "3"))
    new = with_packages(package("containerd.io-2.1.9-1.el9.x86_64", "4"), tini, package("came-5-1.noarch", "5"))
    found = [
        (one.kind, one.what, one.arch, one.before and one.before.version, one.after and one.after.version)
        for one in differences(old, new)
    ]
    assert found == [
        ("added", "package came", "el9-x86_64 28.5.2", None, "5-1"),
        ("changed", "package containerd.io", "el9-x86_64 28.5.2", "1.7.24-3.1.el9", "2.1.9-1.el9"),
        ("removed", "package gone", "el9-x86_64 28.5.2", "0:1-2", None),
    ]
    assert transfer_bytes(old, new) == 200
    assert differences(new, new) == ()


def test_two_versions_of_one_package_are_two_things() -> None:
    first, second = package("kernel-core-5.14-1.x86_64", "1"), package("kernel-core-5.14-2.x86_64", "2")
    found = differences(with_packages(first, second), with_packages(first, second, package("a-1-1.noarch", "3")))
    assert [one.what for one in found] == ["package a"]


def test_metadata_is_carried_but_is_no_thing() -> None:
    tini = package("tini-0.19.0-1.x86_64", "2")
    old, new = with_packages(tini), with_packages(tini, metadata="8")
    assert differences(old, new) == ()
    assert transfer_bytes(old, new) == 7
