"""What dnf and yum are about to do, read from tables as the three of them print them."""

from __future__ import annotations

import pytest

from staithe.rpm.transaction import Deal, Unreadable, read_transaction, unwanted

DNF_4 = """\
Last metadata expiration check: 0:02:52 ago on Sat Nov 21 21:56:42 2026.
Dependencies resolved.
================================================================================
 Package                    Arch    Version            Repository          Size
================================================================================
Installing:
 docker-ce-rootless-extras  x86_64  20.10.24-1.el9     staithe-docker-ce  6.3 k
     replacing  docker-engine.x86_64 1.13.1-1.el9
 a-name-that-is-longer-than-its-column-so-that-dnf-breaks-the-row
                            noarch  4:2.232.1-1.el9    base               6.2 k
Installing dependencies:
 container-selinux          noarch  4:2.232.1-1.el9    base               6.2 k
Downgrading:
 containerd.io              x86_64  1.6.20-3.1.el9     staithe-docker-ce   33 M
 docker-ce                  x86_64  3:20.10.24-1.el9   staithe-docker-ce   26 M
Removing dependent packages:
 podman-docker              noarch  5:4.9.4-1.el9      @appstream         238 k

Transaction Summary
================================================================================
Install    3 Packages
"""
YUM_3 = """\
Resolving Dependencies
================================================================================
 Package             Arch      Version                 Repository          Size
================================================================================
Updating:
 docker-ce           x86_64    3:20.10.24-3.el7        staithe-docker-ce   21 M
Installing for dependencies:
 libcgroup           x86_64    0.41-21.el7             base                66 k

Transaction Summary
================================================================================
"""
DNF_5 = """\
Updating and loading repositories:
Repositories loaded.
Package           Arch   Version         Repository            Size
Upgrading:
 docker-ce        x86_64 3:28.5.2-1.el10 staithe-docker-ce 87.2 MiB
   replacing docker-ce x86_64 3:28.5.1-1.el10 staithe-docker-ce 87.1 MiB
Installing dependencies:
 nftables         x86_64 1:1.1.1-6.el10  baseos             1.0 MiB

Transaction Summary:
 Installing:        1 package
"""


def seen(output: str) -> list[tuple[str, str, str]]:
    return [(deal.deed, deal.name, deal.evr) for deal in read_transaction(output)]


def test_dnf_4() -> None:
    assert seen(DNF_4) == [
        ("install", "docker-ce-rootless-extras", "20.10.24-1.el9"),
        ("remove", "docker-engine", "1.13.1-1.el9"),
        ("install", "a-name-that-is-longer-than-its-column-so-that-dnf-breaks-the-row", "4:2.232.1-1.el9"),
        ("install", "container-selinux", "4:2.232.1-1.el9"),
        ("change", "containerd.io", "1.6.20-3.1.el9"),
        ("change", "docker-ce", "3:20.10.24-1.el9"),
        ("remove", "podman-docker", "5:4.9.4-1.el9"),
    ]


def test_yum_3() -> None:
    assert seen(YUM_3) == [("change", "docker-ce", "3:20.10.24-3.el7"), ("install", "libcgroup", "0.41-21.el7")]


def test_dnf_5_names_what_an_upgrade_replaces() -> None:
    deals = [one for one in seen(DNF_5) if one[0] != "remove"]
    assert deals == [("change", "docker-ce", "3:28.5.2-1.el10"), ("install", "nftables", "1:1.1.1-6.el10")]
    # An older build of the same package, which goes: the engine's own may.
    assert unwanted(read_transaction(DNF_5), engine=["docker-ce"], may_change=[], may_remove=[]) == ()


def test_headings_of_modules_touch_no_package() -> None:
    modules = "Enabling module streams:\n container-tools                   rhel8\n"
    told = DNF_4.replace("Downgrading:", modules + "Downgrading:")
    assert seen(told) == seen(DNF_4)


def test_nothing_to_do() -> None:
    assert read_transaction("Dependencies resolved.\nNothing to do.\nComplete!\n") == ()


@pytest.mark.parametrize(
    "text",
    [
        DNF_4.partition("Transaction Summary")[0],
        DNF_4.replace("Downgrading:", "Bewitching:"),
        "Removing:\n glibc x86_64 2.34-1 @base\nTransaction Summary\n",
    ],
    ids=["cut off", "unknown heading", "without its columns"],
)
def test_what_cannot_be_read_is_not_guessed(text: str) -> None:
    with pytest.raises(Unreadable):
        read_transaction(text)


def test_only_what_is_allowed_is_touched() -> None:
    deals = read_transaction(DNF_4)
    engine = ["docker-ce", "containerd.io", "docker-ce-rootless-extras"]
    assert unwanted(deals, engine=engine, may_change=[], may_remove=["docker-engine"]) == (
        "podman-docker-5:4.9.4-1.el9.noarch would be removed",
    )
    changed = (Deal("change", "systemd", "x86_64", "252-46.el9"),)
    assert unwanted(changed, engine=engine, may_change=[], may_remove=[]) == ("systemd would become 252-46.el9",)
    assert unwanted(changed, engine=engine, may_change=["systemd"], may_remove=[]) == ()


def test_the_file_of_a_package_has_no_epoch() -> None:
    assert Deal("install", "docker-ce", "x86_64", "3:28.5.2-1.el9").file_name == "docker-ce-28.5.2-1.el9.x86_64.rpm"
