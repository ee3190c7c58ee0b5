"""The system's own repository files of a release that has ended, led to where its packages are kept. Pure.

CentOS 7 and 8, and Stream 8: the mirrors have taken them away; vault.centos.org has the last of each, and some
mirrors have the vault. Sources: vault.centos.org, help pages of the mirrors.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from staithe.probe.state import OsRelease

VAULTS = {
    "vault": "https://vault.centos.org",
    "aliyun": "https://mirrors.aliyun.com/centos-vault",
    "tencent": "https://mirrors.cloud.tencent.com/centos-vault",
    "huaweicloud": "https://mirrors.huaweicloud.com/centos-vault",
    "tuna": "https://mirrors.tuna.tsinghua.edu.cn/centos-vault",
    "ustc": "https://mirrors.ustc.edu.cn/centos-vault",
}
# The files that these releases came with, and the folder of the vault that each leads to. Extras hold nothing that
# an engine needs, but dnf fails over any repository that does not answer.
_LINUX_8 = ("AppStream", "BaseOS", "Extras", "PowerTools", "HighAvailability", "Plus")
_STREAM_8 = (*_LINUX_8[:5], "RealTime", "NFV", "ResilientStorage", "Extras-common")
FOLDERS = {
    "/etc/yum.repos.d/CentOS-Base.repo": "7.9.2009",
    **{f"/etc/yum.repos.d/CentOS-Linux-{name}.repo": "8.5.2111" for name in _LINUX_8},
    **{f"/etc/yum.repos.d/CentOS-Stream-{name}.repo": "8-stream" for name in _STREAM_8},
}
_ENDED = (7, 8)
# centos/$releasever, $contentdir/$releasever, $contentdir/$stream
_BASEURL = re.compile(
    r"^#?\s*baseurl\s*=\s*\S*?://[^/\s]+/(?:centos|centos-vault|\$contentdir)/[^/\s]+/(?P<rest>\S*)$"
)
_BY_VERSION = re.compile(r"^#?\s*baseurl\s*=\s*https?://[^/\s]+/(?:7\.[0-9.]+|8[.-][0-9a-z.]+)/(?P<rest>\S*)$")
_MIRRORLIST = re.compile(r"^\s*(mirrorlist|metalink)\s*=")


def paths(vault: str | None) -> tuple[str, ...]:
    """Return the files that a host is asked for."""
    return tuple(FOLDERS) if vault is not None else ()


def has_ended(release: OsRelease) -> bool:
    """Tell whether the repositories of a release have moved to the vault."""
    return release.id == "centos" and release.major in _ENDED


def rewritten(path: str, text: str, vault: str) -> str:
    """Return the text of a repository file with its addresses led to the vault."""
    folder = f"{VAULTS[vault]}/{FOLDERS[path]}"
    return "".join(_lines(text.splitlines(keepends=True), folder))


def _lines(lines: Iterable[str], folder: str) -> Iterable[str]:
    for line in lines:
        bare = line.rstrip("\n")
        found = _BASEURL.match(bare) or _BY_VERSION.match(bare)
        if found is not None:
            yield f"baseurl={folder}/{found['rest']}\n"
        elif _MIRRORLIST.match(bare):
            yield f"#{line}"
        else:
            yield line
