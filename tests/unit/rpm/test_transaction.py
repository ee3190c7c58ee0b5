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
# As dnf5 5.4.6 said it: the table alone goes to stdout.
DNF_5 = """\
Package                    Arch   Version          Repository      Size
Downgrading:
 containerd.io             x86_64 0:1.6.20-3.1.el9 docker-ce   87.5 MiB
   replacing containerd.io x86_64 0:1.7.24-3.1.el9 docker-ce  104.4 MiB
 docker-ce                 x86_64 3:20.10.24-1.el9 docker-ce   74.1 MiB
   replacing docker-ce     x86_64 3:26.1.5-1.el9   docker-ce   93.0 MiB
Installing dependencies:
 docker-ce-rootless-extras x86_64 0:28.5.2-1.el9   docker-ce    5.0   B
 slirp4netns               x86_64 0:1.3.2-1.el9    el           9.0   B

Transaction Summary:
 Installing:         2 packages
 Replacing:          2 packages
 Downgrading:        2 packages

"""
DNF_5_REMOVAL = """\
Package                  Arch   Version          Repository      Size
Removing:
 container-selinux       noarch 4:2.232.1-1.el9  el           9.0   B
Removing dependent packages:
 docker-ce               x86_64 3:26.1.5-1.el9   docker-ce   93.0 MiB
Removing unused dependencies:
 selinux-policy          noarch 0:38.1.45-3.el9  el           9.0   B

Transaction Summary:
 Removing:           3 packages

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


def test_dnf_5() -> None:
    """What it says to be replaced is the former version of what it changes; it writes an epoch of 0 too."""
    assert seen(DNF_5) == [
        ("change", "containerd.io", "1.6.20-3.1.el9"),
        ("change", "docker-ce", "3:20.10.24-1.el9"),
        ("install", "docker-ce-rootless-extras", "28.5.2-1.el9"),
        ("install", "slirp4netns", "1.3.2-1.el9"),
    ]
    assert seen(DNF_5_REMOVAL) == [
        ("remove", "container-selinux", "4:2.232.1-1.el9"),
        ("remove", "docker-ce", "3:26.1.5-1.el9"),
        ("remove", "selinux-policy", "38.1.45-3.el9"),
    ]


def test_what_dnf_5_may_change_it_may_replace() -> None:
    deals = read_transaction(DNF_5)
    assert unwanted(deals, engine=["docker-ce"], may_change=["containerd.io"], may_remove=[]) == ()
    assert unwanted(deals, engine=["docker-ce"], may_change=[], may_remove=[]) == (
        "containerd.io would become 1.6.20-3.1.el9",
    )


def test_another_package_that_dnf_5_replaces_is_removed() -> None:
    """Its columns are as wide as the longest name, on no terminal too."""
    name = "a-package-with-a-name-that-is-so-long-that-no-terminal-of-eighty-columns-has-room-for-it"
    said = f"""\
Package                {" " * 67} Arch   Version               Repository      Size
Installing:
 {name} x86_64 0:1.2.3.4.5.6.7.8.9-1 long         0.0   B
   replacing fuse-overlayfs{" " * 63} x86_64 0:1.14-1.el9          el           9.0   B

Transaction Summary:
"""
    assert seen(said) == [("install", name, "1.2.3.4.5.6.7.8.9-1"), ("remove", "fuse-overlayfs", "1.14-1.el9")]


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
