"""What rpm says it lacks, and what offers it. The words are rpm 4.11's and 4.18's."""

from __future__ import annotations

import pytest

from staithe.errors import RepositoryError
from staithe.rpm.needs import offering, offers, read_lacking, speaks_of

SAID = """warning: docker-ce.rpm: Header V4 RSA/SHA512 Signature, key ID 621e9f35: NOKEY
error: Failed dependencies:
\tcontainer-selinux >= 2:2.74 is needed by docker-ce-3:28.5.2-1.el9.x86_64
\t/usr/sbin/groupadd is needed by docker-ce-3:28.5.2-1.el9.x86_64
\tlibseccomp.so.2()(64bit) is needed by containerd.io-2.1.9-3.1.el9.x86_64
\tcontainer-selinux >= 2:2.74 is needed by containerd.io-2.1.9-3.1.el9.x86_64
\t(iptables-nft or iptables) is needed by docker-ce-3:28.5.2-1.el9.x86_64
\trunc conflicts with containerd.io-2.1.9-3.1.el9.x86_64
\tlibfoo.so.1 is needed by (installed) podman-5.0-1.el9.x86_64
"""
PRIMARY = b"""<?xml version="1.0" encoding="UTF-8"?>
<metadata xmlns="http://linux.duke.edu/metadata/common" xmlns:rpm="http://linux.duke.edu/metadata/rpm" packages="2">
<package type="rpm"><name>container-selinux</name><arch>noarch</arch><version epoch="2" ver="2.232" rel="1.el9"/>
<format><rpm:provides><rpm:entry name="container-selinux" flags="EQ" epoch="2" ver="2.232"/></rpm:provides>
</format></package>
<package type="rpm"><name>iptables-nft</name><arch>x86_64</arch><version epoch="0" ver="1.8.10" rel="11.el9"/>
<format><rpm:provides><rpm:entry name="iptables"/><rpm:entry name="iptables-nft"/></rpm:provides></format></package>
</metadata>"""
FILELISTS = b"""<?xml version="1.0" encoding="UTF-8"?>
<filelists xmlns="http://linux.duke.edu/metadata/filelists" packages="1">
<package pkgid="0" name="shadow-utils" arch="x86_64"><version epoch="2" ver="4.9" rel="12.el9"/>
<file>/usr/sbin/groupadd</file></package></filelists>"""


def test_needs_and_obstacles_are_told_apart() -> None:
    lacking = read_lacking(SAID)
    assert lacking.needed == (
        "container-selinux >= 2:2.74",
        "/usr/sbin/groupadd",
        "libseccomp.so.2()(64bit)",
        "(iptables-nft or iptables)",
    )
    assert lacking.obstacles == (
        "runc conflicts with containerd.io-2.1.9-3.1.el9.x86_64",
        "libfoo.so.1 is needed by (installed) podman-5.0-1.el9.x86_64",
    )
    assert read_lacking("") == read_lacking("warning: something else\n")


def test_a_need_leads_to_the_package_that_offers_it() -> None:
    offered = offers(PRIMARY, FILELISTS, "a bundle")
    found = {what: offering(what, offered) for what in read_lacking(SAID).needed}
    assert found == {
        "container-selinux >= 2:2.74": "container-selinux-2:2.232-1.el9.noarch",
        "/usr/sbin/groupadd": "shadow-utils-2:4.9-12.el9.x86_64",
        "libseccomp.so.2()(64bit)": None,
        "(iptables-nft or iptables)": "iptables-nft-1.8.10-11.el9.x86_64",
    }


def test_the_next_of_several_offers_is_taken() -> None:
    offered = {"foo": ("foo-1-1.x86_64", "foo-2-1.x86_64")}
    assert offering("foo >= 2", offered) == "foo-1-1.x86_64"
    assert offering("foo >= 2", offered, {"foo-1-1.x86_64"}) == "foo-2-1.x86_64"
    assert offering("foo >= 2", offered, offered["foo"]) is None


def test_what_is_not_understood_is_an_obstacle() -> None:
    full = "installing package docker-ce-3:28.5.2-1.el9.x86_64 needs 92MB more space on the /usr filesystem"
    assert read_lacking(f"error: Failed dependencies:\n\t{full}\n").obstacles == (full,)


def test_consent_is_for_one_package_and_not_for_what_is_called_alike() -> None:
    line = "file /usr/bin/dockerd from install of docker-ce-3:28.5.2-1.el9.x86_64 conflicts with file from package "
    assert speaks_of(f"{line}docker-1.13.1-209.el7.x86_64", "docker-2:1.13.1-209.el7.x86_64")
    assert speaks_of("runc conflicts with runc-1.1.12-1", "runc-1.1.12-1.x86_64")
    assert not speaks_of(f"{line}site-tools-1.0-1.noarch", "docker-2:1.13.1-209.el7.x86_64")
    assert not speaks_of("x conflicts with runc-1.1.12-10.x86_64", "runc-1.1.12-1.x86_64")


def test_what_could_grow_without_end_is_refused() -> None:
    bomb = b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaa">]>' + PRIMARY.partition(b"?>")[2]
    with pytest.raises(RepositoryError):
        offers(bomb, FILELISTS, "a bundle")
