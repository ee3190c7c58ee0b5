"""One bundle for hosts of several releases and architectures, locked and built on a machine that is none of them."""

from __future__ import annotations

import json
import subprocess
import tomllib
from pathlib import Path

import pytest

from staithe.lab import rpms
from tests.rpm_site import HAS_TOOLS, Site

pytestmark = pytest.mark.skipif(not HAS_TOOLS, reason="rpmbuild, rpmsign and gpg make the packages")

ENGINE = """Name: docker-ce
Epoch: 3
Version: 26.1.4
Release: 1%{dist}
Summary: engine
License: x
Requires: docker-ce-cli containerd.io
%description
x
%files
%package -n docker-ce-cli
Epoch: 1
Summary: client
%description -n docker-ce-cli
x
%files -n docker-ce-cli
%package -n containerd.io
Epoch: 0
Summary: containerd
%description -n containerd.io
x
%files -n containerd.io
"""


def publish(site: Site, major: int, arch: str, *others: str) -> None:
    """Publish the engine for one kind of host; packages for `others` lie beside, as some repositories have them."""
    folder = site.home / f"el{major}" / arch
    for cpu in (arch, *others):
        top = site.home / "top"
        top.mkdir()
        (top / "x.spec").write_text(ENGINE)
        # EL 7 knows neither zstd nor SHA-256 of a payload's content before it is packed.
        payload = "w6.xzdio" if major == 7 else "w1.zstdio"
        defines = (("_topdir", top), ("dist", f".el{major}"), ("_binary_payload", payload))
        words = [word for name, value in defines for word in ("--define", f"{name} {value}")]
        subprocess.run(["rpmbuild", "-bb", "--quiet", "--target", f"{cpu}-linux", *words, top / "x.spec"], check=True)
        folder.mkdir(parents=True, exist_ok=True)
        made = [path.rename(folder / path.name) for path in (top / "RPMS").rglob("*.rpm")]
        rpms.sign(site.home / "gnupg", "lab", made)
        subprocess.run(["rm", "-r", top], check=True)
    rpms.write_metadata(folder)


def test_each_kind_of_host_gets_its_own(site: Site) -> None:
    publish(site, 7, "x86_64", "i686")
    publish(site, 9, "x86_64", "aarch64")
    publish(site, 9, "aarch64", "x86_64")
    text = '[targets]\nmajors = [7, 9]\narchs = ["x86_64", "aarch64"]\n[engine]\nversion = "26.1"\n'
    # Docker has nothing for EL 7 on aarch64.
    site.describe(text, engine="el$releasever/$basearch")
    told = site.run("lock", code=5).stderr
    assert "el7/aarch64" in told and "E404" in told
    publish(site, 7, "aarch64")
    site.run("lock")
    locked = tomllib.loads(site.lock.read_text())["package"]
    expected = {
        f"{name}-26.1.4-1.el{major}.{arch}": [f"el{major}-{arch}"]
        for name in ("docker-ce", "docker-ce-cli", "containerd.io")
        for major in (7, 9)
        for arch in ("x86_64", "aarch64")
    }
    found = {_without_epoch(one["nevra"]): one["targets"] for one in locked}
    assert found == expected

    site.run("build")
    shown = json.loads(site.run("show", "bundle", "--json").stdout)
    assert {one["target"]: len(one["packages"]) for one in shown["package_sets"]} == {
        target: 3 for targets in expected.values() for target in targets
    }
    assert all(one["engine"] == "26.1.4" for one in shown["package_sets"])
    # rpm says of each blob what the lock says.
    for one in locked:
        blob = site.home / "bundle/blobs/sha256" / one["sha256"]
        name = subprocess.check_output(
            ["rpm", "-qp", "--nosignature", "--qf", "%{NAME}-%{VERSION}-%{RELEASE}.%{ARCH}", blob], text=True
        )
        assert name == _without_epoch(one["nevra"])


def _without_epoch(nevra: str) -> str:
    name, version, release = nevra.rsplit("-", 2)
    return f"{name}-{version.rpartition(':')[2]}-{release}"


def test_an_architecture_that_is_not_wanted_is_not_carried(site: Site, tmp_path: Path) -> None:
    publish(site, 9, "x86_64", "aarch64", "i686")
    site.describe('[engine]\nversion = "26.1"\n', engine="el$releasever/$basearch")
    site.run("lock")
    assert {one["nevra"].rpartition(".")[2] for one in tomllib.loads(site.lock.read_text())["package"]} == {"x86_64"}
