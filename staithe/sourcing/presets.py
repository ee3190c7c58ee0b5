"""Package repositories that have a name: Docker's own, and the mirrors that carry the same tree. Data.

Sources: docs.docker.com (engine/install/centos), the help pages of the mirrors. Whether a mirror is alive is for the
download to find out.
"""

from __future__ import annotations

# docs.docker.com/engine/install/centos: the key of all of Docker's RPM repositories.
DOCKER_KEY = "060A61C51B558A7F742B77AAC52FEB6B621E9F35"

# {mirror: what stands in place of https://download.docker.com}
DOCKER_MIRRORS = {
    "official": "https://download.docker.com",
    "aliyun": "https://mirrors.aliyun.com/docker-ce",
    "tencent": "https://mirrors.cloud.tencent.com/docker-ce",
    "huaweicloud": "https://mirrors.huaweicloud.com/docker-ce",
    "tuna": "https://mirrors.tuna.tsinghua.edu.cn/docker-ce",
    "ustc": "https://mirrors.ustc.edu.cn/docker-ce",
    "pku": "https://mirrors.pku.edu.cn/docker-ce",
    "zju": "https://mirrors.zju.edu.cn/docker-ce",
    "nju": "https://mirrors.nju.edu.cn/docker-ce",
    "azure": "https://mirror.azure.cn/docker-ce",
}


def docker_packages(mirror: str, channel: str = "stable") -> str:
    """Return the address of the RPM repository, with $releasever and $basearch in it."""
    return f"{DOCKER_MIRRORS[mirror]}/linux/centos/$releasever/$basearch/{channel}"


def docker_key(mirror: str) -> str:
    """Return the address of the key; what counts is its fingerprint."""
    return f"{DOCKER_MIRRORS[mirror]}/linux/centos/gpg"


def docker_static(mirror: str) -> str:
    """Return the address of the folder with one folder of static archives for each architecture."""
    return f"{DOCKER_MIRRORS[mirror]}/linux/static/stable"
