"""The images: what makes the base another EL major, as thin read-only layers."""

from __future__ import annotations

import os
import shutil
import stat
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Release:
    """How one EL major names itself."""

    major: int
    name: str
    version: str
    line: str
    home: str
    extra: str

    @property
    def os_release(self) -> str:
        """Return the text of /etc/os-release."""
        platform = f'PLATFORM_ID="platform:el{self.major}"\n' if self.major > 7 else ""
        return (
            f'NAME="{self.name}"\nVERSION="{self.version}"\nID="centos"\nID_LIKE="rhel fedora"\n'
            f'VERSION_ID="{self.major}"\n{platform}PRETTY_NAME="{self.name} {self.version}"\nANSI_COLOR="0;31"\n'
            f'CPE_NAME="cpe:/o:centos:centos:{self.major}"\nHOME_URL="{self.home}"\n{self.extra}'
        )


_STREAM = (
    'BUG_REPORT_URL="https://issues.redhat.com/"\nREDHAT_SUPPORT_PRODUCT="Red Hat Enterprise Linux {}"\n'
    'REDHAT_SUPPORT_PRODUCT_VERSION="CentOS Stream"\n'
)
_LINUX = 'BUG_REPORT_URL="https://bugs.centos.org/"\nCENTOS_MANTISBT_PROJECT="CentOS-{0}"\n'
_RELEASES = (
    Release(
        7,
        "CentOS Linux",
        "7 (Core)",
        "CentOS Linux release 7.9.2009 (Core)",
        "https://www.centos.org/",
        _LINUX.format(7),
    ),
    Release(8, "CentOS Linux", "8", "CentOS Linux release 8.5.2111", "https://centos.org/", _LINUX.format(8)),
    Release(9, "CentOS Stream", "9", "CentOS Stream release 9", "https://centos.org/", _STREAM.format(9)),
    Release(
        10,
        "CentOS Stream",
        "10 (Coughlan)",
        "CentOS Stream release 10 (Coughlan)",
        "https://centos.org/",
        _STREAM.format(10),
    ),
)
IMAGES = {f"el{release.major}": release for release in _RELEASES}
DEFAULT_IMAGE = "el9"


def fingerprint() -> str:
    """Return text that changes when a layer would."""
    return "".join(f"{release}{_files(release)}" for release in _RELEASES)


def _files(release: Release) -> dict[str, str]:
    return {
        "usr/lib/os-release": release.os_release,
        "etc/centos-release": f"{release.line}\n",
        "etc/system-release-cpe": f"cpe:/o:centos:centos:{release.major}\n",
        "etc/rpm/macros": (
            f"%_dbpath /var/lib/rpm\n%dist .el{release.major}\n%rhel {release.major}\n%_pkgverify_level digest\n"
        ),
    }


def _links(release: Release) -> dict[str, str]:
    return {
        "etc/os-release": "../usr/lib/os-release",
        "etc/redhat-release": "centos-release",
        "etc/system-release": "centos-release",
    }


def write(databases: Path, target: Path, root: Path) -> None:
    """Write all layers into `target`, taking the rpm databases that the recipe left in `databases`."""
    for image, release in IMAGES.items():
        layer = target / image
        for name, text in _files(release).items():
            _folder(layer, Path(name).parent, root)
            (layer / name).write_text(text)
        for name, destination in _links(release).items():
            (layer / name).symlink_to(destination)
        if (databases / image).is_dir():
            _folder(layer, Path("var/lib"), root)
            (databases / image / "var/lib/rpm").rename(layer / "var/lib/rpm")
        if release.major >= 8:
            _folder(layer, Path("etc/dnf/vars"), root)
            (layer / "etc/dnf/vars/stream").write_text(f"{release.major}-stream\n")
        else:
            # EL 7 has yum only. A character device 0:0 is overlayfs's word for "not here".
            _folder(layer, Path("usr/bin"), root)
            for tool in ("dnf", "dnf-3"):
                os.mknod(layer / "usr/bin" / tool, stat.S_IFCHR, os.makedev(0, 0))
            shutil.copy2(root / "usr/bin/dnf-3", layer / "usr/bin/yum")
    shutil.rmtree(databases, ignore_errors=True)


def _folder(layer: Path, folder: Path, root: Path) -> None:
    """Make a folder of the layer with the owner and mode it has in the base, which it will hide."""
    for part in (*reversed(folder.parents), folder):
        made, model = layer / part, root / part
        if not made.is_dir():
            made.mkdir(parents=True)
            if model.is_dir():
                shutil.copystat(model, made)
                info = model.stat()
                os.chown(made, info.st_uid, info.st_gid)
