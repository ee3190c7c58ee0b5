"""Repository files of releases that have ended, led to the vault."""

from __future__ import annotations

import pytest

from staithe.base_repositories import FOLDERS, has_ended, rewritten
from staithe.probe.state import OsRelease

CENTOS_7 = """\
[base]
name=CentOS-$releasever - Base
mirrorlist=http://mirrorlist.centos.org/?release=$releasever&arch=$basearch&repo=os&infra=$infra
#baseurl=http://mirror.centos.org/centos/$releasever/os/$basearch/
gpgcheck=1
gpgkey=file:///etc/pki/rpm-gpg/RPM-GPG-KEY-CentOS-7
"""
STREAM_8 = """\
[baseos]
name=CentOS Stream $releasever - BaseOS
mirrorlist=http://mirrorlist.centos.org/?release=$stream&arch=$basearch&repo=BaseOS&infra=$infra
#baseurl=http://mirror.centos.org/$contentdir/$stream/BaseOS/$basearch/os/
gpgcheck=1
"""


@pytest.mark.parametrize(
    ("path", "text", "address"),
    [
        ("/etc/yum.repos.d/CentOS-Base.repo", CENTOS_7, "https://vault.centos.org/7.9.2009/os/$basearch/"),
        (
            "/etc/yum.repos.d/CentOS-Stream-BaseOS.repo",
            STREAM_8,
            "https://vault.centos.org/8-stream/BaseOS/$basearch/os/",
        ),
    ],
)
def test_the_address_leads_to_the_vault_and_the_list_of_mirrors_is_off(path: str, text: str, address: str) -> None:
    made = rewritten(path, text, "vault")
    assert f"\nbaseurl={address}\n" in made
    assert [line for line in made.splitlines() if line.startswith("mirrorlist")] == []
    # The rest is as it was, signatures checked.
    kept = [line for line in text.splitlines() if "mirror" not in line]
    assert [line for line in made.splitlines() if "mirrorlist" not in line and "baseurl" not in line] == kept
    assert rewritten(path, made, "vault") == made
    assert "mirrors.aliyun.com/centos-vault" in rewritten(path, made, "aliyun")


def test_only_centos_7_and_8_have_ended() -> None:
    assert has_ended(OsRelease(id="centos", major=7)) and has_ended(OsRelease(id="centos", major=8))
    assert not has_ended(OsRelease(id="centos", major=9)) and not has_ended(OsRelease(id="rocky", major=8))


def test_each_file_has_its_folder() -> None:
    assert FOLDERS["/etc/yum.repos.d/CentOS-Linux-AppStream.repo"] == "8.5.2111"
