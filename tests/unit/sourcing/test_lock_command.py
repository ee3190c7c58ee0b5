"""`staithe bundle lock` over real signed packages; what is in the lock is asked of rpm and sha256."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from staithe.lab.rpm_specs import Stub
from tests.rpm_site import CLI, CONTAINERD, HAS_TOOLS, LOCKED, Site, engine, sha256

pytestmark = pytest.mark.skipif(not HAS_TOOLS, reason="needs Debian's rpm and gnupg")


def test_the_lock_names_the_closure_to_the_byte(site: Site) -> None:
    assert "serial 1; engine 28.5.1, 6 packages" in site.run("lock").stdout
    assert sorted(site.packages) == LOCKED
    for nevra, one in site.packages.items():
        path = site.home / str(one["url"])
        assert (one["size"], one["sha256"]) == (path.stat().st_size, sha256(path))
        assert one["key"] == site.fingerprint
        query = ["rpm", "-qp", "--nosignature", "--qf", "%{NAME}-%{EPOCHNUM}:%{VERSION}-%{RELEASE}.%{ARCH}", path]
        assert subprocess.check_output(query, text=True).replace("-0:", "-") == nevra


def test_the_same_again_changes_nothing(site: Site) -> None:
    site.run("lock")
    before = site.lock.read_bytes()
    assert "nothing to change" in site.run("lock").stdout
    site.run("lock", "--check")
    assert site.lock.read_bytes() == before


def test_what_is_locked_stays_until_it_is_upgraded(site: Site) -> None:
    site.run("lock")
    site.add("docker", [*engine("28.5.2"), Stub("containerd.io", "2.2.0-1", "libseccomp")])
    site.add("base", [Stub("libseccomp", "2.6.0-1")])
    assert "nothing to change" in site.run("lock").stdout
    assert sorted(site.packages) == LOCKED
    told = site.run("lock", "--upgrade", "engine").stdout
    assert "~ docker-ce 3:28.5.1-1.el9 -> 3:28.5.2-1.el9 (el9-x86_64)" in told
    changed = [name.replace("28.5.1", "28.5.2") for name in LOCKED]
    assert sorted(site.packages) == changed, "only what must change"
    assert site.locked["serial"] == 2
    site.run("lock", "--upgrade", "libseccomp")
    assert "libseccomp-2.6.0-1.el9.noarch" in site.packages
    assert "containerd.io-2.1.9-3.1.el9.noarch" in site.packages
    site.run("lock", "--upgrade-all")
    assert "containerd.io-2.2.0-1.el9.noarch" in site.packages


_PINNED = '[engine]\nversion = "28"\npins = {{ "containerd.io" = "{}" }}\n'


@pytest.mark.parametrize("pin", ["2.1.9", "2.1.9-3.1.el9"])
def test_what_goes_with_the_engine_can_be_pinned(site: Site, pin: str) -> None:
    for release in ("2.2.0-1", "2.1.9-2"):
        site.add("docker", [Stub("containerd.io", release, "libseccomp")])
    site.run("lock")
    assert "containerd.io-2.2.0-1.el9.noarch" in site.packages
    # The pin goes before what was locked, and holds when everything is chosen anew.
    site.describe(_PINNED.format(pin))
    told = site.run("lock").stdout
    assert "~ containerd.io 2.2.0-1.el9 -> 2.1.9-3.1.el9" in told
    assert sorted(site.packages) == LOCKED
    site.run("lock", "--upgrade-all")
    assert sorted(site.packages) == LOCKED


@pytest.mark.parametrize("pin", ["2.0.9", "2.1.9-4.el9", "2.1"])
def test_a_pin_that_nobody_offers_is_refused(site: Site, pin: str) -> None:
    site.run("lock")
    before = site.lock.read_bytes()
    site.describe(_PINNED.format(pin))
    told = site.run("lock", code=2).stderr
    assert "E110" in told and f"containerd.io {pin} is not offered for el9-x86_64" in told and "2.1.9" in told
    assert site.lock.read_bytes() == before


def test_a_pin_of_what_does_not_come_along_is_a_mistake(site: Site) -> None:
    site.describe('[engine]\nversion = "28"\npins = { "docker-buildx-plugin" = "0.29.1" }\n')
    assert "pins names docker-buildx-plugin" in site.run("lock", code=2).stderr
    site.describe('[engine]\nversion = "28"\npins = { "docker-ce" = "28.5.1" }\n')
    assert "engine.pins" in site.run("lock", code=2).stderr


@pytest.mark.parametrize(
    "exclude", ["containerd.io-2.2.0", "containerd.io-2.2.0-1.el9", "containerd.io-0:2.2.0-1.el9.noarch"]
)
def test_an_exclude_of_a_version_leaves_out_that_version(site: Site, exclude: str) -> None:
    site.add("docker", [Stub("containerd.io", "2.2.0-1", "libseccomp")])
    site.describe(f'[engine]\nversion = "28"\n[packages]\nexclude = ["{exclude}"]\n')
    done = site.run("lock")
    assert sorted(site.packages) == LOCKED and "warning" not in done.stderr


def test_an_exclude_that_fits_nothing_is_told(site: Site) -> None:
    site.describe('[engine]\nversion = "28"\n[packages]\nexclude = ["containerd.io-9.9", "podmann", "tar"]\n')
    text = (site.home / "bundle.toml").read_text()
    (site.home / "bundle.toml").write_text(f'{text}exclude = ["docker-ce", "tar"]\n')
    told = site.run("lock").stderr
    warned = [
        line.partition("warning: ")[2].partition(" fits")[0] for line in told.splitlines() if "warning: " in line
    ]
    assert warned == [
        "packages.exclude: containerd.io-9.9",
        "packages.exclude: podmann",
        "exclude of [[repository]] base: docker-ce",
    ]


@pytest.mark.parametrize("where", ["beside", "elsewhere"])
def test_a_lock_that_is_a_symlink_stays_one(site: Site, tmp_path: Path, where: str) -> None:
    target = site.home / "shared.lock" if where == "beside" else tmp_path / "shared.lock"
    site.lock.symlink_to("shared.lock" if where == "beside" else target)
    for word in ("wrote", "nothing to change"):
        assert word in site.run("lock").stdout
    site.add("docker", engine("28.5.2"))
    site.run("lock", "--upgrade", "engine")
    assert site.lock.is_symlink() and site.locked["engine"] == "28.5.2"
    assert target.is_file() and not target.is_symlink()
    assert not list(site.home.glob(".*.lock*")) and not list(tmp_path.glob(".*.lock*"))


def test_a_symlink_that_leads_nowhere_is_told(site: Site) -> None:
    site.lock.symlink_to("missing/bundle.lock")
    assert "cannot be written" in site.run("lock", code=2).stderr
    site.lock.unlink()
    site.lock.symlink_to("bundle.lock")
    assert "cannot be read" in site.run("lock", code=2).stderr


def test_another_order_of_repositories_is_no_new_serial(site: Site) -> None:
    site.run("lock")
    before = site.locked
    site.describe(base="base", docker="docker")
    assert "bundle.toml has changed" in site.run("build", code=2).stderr
    site.run("lock")
    assert site.locked["serial"] == 1 and site.locked["package"] == before["package"]
    assert "nothing to change" in site.run("lock").stdout
    site.run("build")


def test_the_order_of_repositories_counts_where_several_have_a_package(site: Site) -> None:
    site.add("more", [Stub("libseccomp", "2.5.2-2")])
    site.describe(docker="docker", base="base", more="more")
    site.run("lock")
    assert site.packages["libseccomp-2.5.2-2.el9.noarch"]["repository"] == "base"
    site.describe(docker="docker", more="more", base="base")
    site.run("lock", "--upgrade-all")
    assert site.packages["libseccomp-2.5.2-2.el9.noarch"]["repository"] == "more"
    assert site.locked["serial"] == 2


def test_check_tells_and_writes_nothing(site: Site) -> None:
    assert "+ docker-ce 3:28.5.1-1.el9" in site.run("lock", "--check", code=3).stdout
    assert not site.lock.exists()


def test_what_cannot_be_solved_is_explained(site: Site) -> None:
    site.add(
        "docker", [*engine("28.6.0")[1:], Stub("docker-ce", "28.6.0-1", "docker-ce-cli, libmissing >= 2", epoch=3)]
    )
    told = site.run("lock", code=2).stderr
    assert "nothing provides libmissing >= 2 needed by docker-ce-3:28.6.0-1.el9.noarch" in told


def test_a_version_that_nobody_offers(site: Site) -> None:
    site.describe('[engine]\nversion = "27"\n')
    told = site.run("lock", code=2).stderr
    assert "no engine version 27 is offered (found 28.5.1)" in told


def test_a_mistyped_name_upgrades_nothing_and_is_told(site: Site) -> None:
    site.run("lock")
    told = site.run("lock", "--upgrade", "containerd", "--upgrade", "engine", code=2).stderr
    assert "found containerd, expected" in told
    site.run("lock", "--upgrade", "containerd.io", "--upgrade", "engine")


def test_a_lock_that_cannot_be_written_is_told(site: Site) -> None:
    if os.geteuid() != 0:
        pytest.skip("mounts")
    script = (
        f"mount --bind . . && cd . && mount -o remount,bind,ro {site.home} && cd {site.home} && {CLI} bundle lock"
    )
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", script],
        cwd=site.home,
        env={**os.environ, "STAITHE_CACHE": str(site.home.parent / "cache")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2, done.stderr
    assert "bundle.lock: cannot be written: Read-only file system" in done.stderr
    assert "Traceback" not in done.stderr


def test_two_kinds_of_hosts_share_what_is_the_same(site: Site) -> None:
    site.add("base8", [Stub("bash", "4.4.20-5", provides="/bin/sh")], major=8)
    site.add("docker8", [*engine("28.5.1"), CONTAINERD], major=8)
    site.describe(
        '[targets]\nmajors = [8, 9]\n[engine]\nversion = "28"\n',
        docker="docker$releasever",
        base="base",
        base8="base8",
    )
    (site.home / "docker").rename(site.home / "docker9")
    text = (site.home / "bundle.toml").read_text()
    (site.home / "bundle.toml").write_text(text.replace('id = "base8"', 'id = "base8"\nmajors = [8]\npriority = 1'))
    site.run("lock")
    found = site.packages
    assert found["libseccomp-2.5.2-2.el9.noarch"]["targets"] == ["el8-x86_64", "el9-x86_64"]
    assert found["bash-4.4.20-5.el8.noarch"]["targets"] == ["el8-x86_64"]
    assert found["bash-5.1.8-9.el9.noarch"]["targets"] == ["el9-x86_64"]


@pytest.mark.parametrize("harm", ["serial = 'x'", "[[package]]\nnevra = '../../x'", "\x00"])
def test_a_damaged_lock_is_not_overwritten(site: Site, harm: str) -> None:
    site.lock.write_text(harm)
    assert "E110" in site.run("lock", code=2).stderr
    assert site.lock.read_text() == harm
