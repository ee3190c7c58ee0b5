"""`staithe bundle lock` and `build` for hosts that have something already."""

from __future__ import annotations

from pathlib import Path

import pytest

from staithe.lab.rpm_specs import Stub
from staithe.rpm.base_file import base_text
from staithe.rpm.host_kind import HostKind
from tests.rpm_site import HAS_TOOLS, Site, engine, sha256

pytestmark = pytest.mark.skipif(not HAS_TOOLS, reason="needs Debian's rpm and gnupg")
TARGETS = '[targets]\nbases = ["bases/*.rpms"]\n[engine]\nversion = "28"\n'
SECCOMP = "libseccomp-2.5.2-2.el9.noarch"
BASH = "bash-5.1.8-9.el9.noarch"
POLICY = "container-selinux-4:2.232.1-1.el9.noarch"


def installed(*packages: tuple[str, str, str], requires: str = "") -> str:
    """Return a dump of packages, each NAME, [EPOCH:]VERSION-RELEASE and what it provides beside itself."""
    lines = []
    for name, evr, provides in packages:
        epoch, _, rest = evr.rpartition(":")
        version, _, release = rest.partition("-")
        lines += [f"P\t{name}\t{epoch or 0}\t{version}\t{release}\tnoarch", f"V\t{name}\t=\t{evr}"]
        lines += [f"V\t{one}\t\t" for one in provides.split()]
        lines += [f"R\t{requires}\t\t"] if requires else []
    return "\n".join(lines) + "\n"


def write_base(site: Site, dump: str, release: str = "9.4", kernel: str = "5.14") -> Path:
    everywhere = [
        f"{name}-{f'{epoch}:' if epoch != '0' else ''}{version}-{rest}.{arch}"
        for name, epoch, version, rest, arch in (
            line.split("\t")[1:] for line in dump.splitlines() if line.startswith("P\t")
        )
    ]
    kind = HostKind(release, "x86_64", kernel, "1")
    path = site.home / "bases" / f"{kind.name}.rpms"
    path.parent.mkdir(exist_ok=True)
    path.write_text(base_text(kind, ["h1"], dump, everywhere))
    return path


HAS_BASH = installed(("bash", "5.1.8-9.el9", "/bin/sh"))
HAS_MORE = installed(("bash", "5.1.8-9.el9", "/bin/sh"), ("container-selinux", "2:2.70-1", ""))


def test_each_base_has_a_closure_of_its_own_and_files_are_carried_once(site: Site) -> None:
    one = write_base(site, HAS_BASH)
    other = write_base(site, installed(("libseccomp", "2.5.2-2.el9", "")), kernel="5.15")
    site.describe(TARGETS)
    told = site.run("lock").stdout
    names = [path.name.removesuffix(".rpms") for path in (one, other)]
    found = site.packages
    assert found[SECCOMP]["bases"] == [names[0]] and found[BASH]["bases"] == [names[1]]
    assert found[POLICY]["bases"] == names and found[POLICY]["targets"] == ["el9-x86_64"]
    assert f"+ libseccomp 2.5.2-2.el9 ({names[0]})" in told
    bases = site.locked["base"]
    assert bases == [
        {"name": name, "target": "el9-x86_64", "sha256": sha256(path)}
        for name, path in zip(names, (one, other), strict=True)
    ]
    assert "6 packages with engine 28.5.1 for el9" in site.run("build").stdout
    assert "nothing to change" in site.run("lock").stdout


def test_what_is_there_is_not_carried_and_what_is_too_old_is(site: Site) -> None:
    site.run("lock")
    assert BASH in site.packages, "without a base everything is"
    site.lock.unlink()
    write_base(site, HAS_MORE)
    site.describe(TARGETS)
    site.run("lock")
    assert BASH not in site.packages
    assert POLICY in site.packages


def test_hosts_that_have_everything_need_nothing(site: Site) -> None:
    engine_packages = (("docker-ce", "3:28.5.1-1.el9", ""), ("docker-ce-cli", "1:28.5.1-1.el9", ""))
    write_base(site, installed(*engine_packages, ("containerd.io", "2.1.9-3.1.el9", "")))
    site.describe(TARGETS + '[packages]\nextra = ["tar"]\n')
    site.run("lock")
    assert [name.split("-")[0] for name in site.packages] == ["tar"]
    assert "1 package for el9" in site.run("build").stdout, "and no engine is promised"


def test_a_base_of_other_hosts_is_refused(site: Site) -> None:
    path = write_base(site, HAS_BASH, release="8.10")
    site.describe(TARGETS)
    told = site.run("lock", code=2).stderr
    assert str(path) in told and "found el8-x86_64, expected el9-x86_64" in told and "majors and archs" in told
    assert not site.lock.exists()


def test_patterns_without_files_and_names_that_come_twice_are_refused(site: Site) -> None:
    site.describe(TARGETS)
    told = site.run("lock", code=2).stderr
    assert "found bases/*.rpms" in told and "staithe bundle base" in told
    path = write_base(site, HAS_BASH)
    (site.home / "more").mkdir()
    (site.home / "more" / path.name).write_text(path.read_text())
    site.describe(TARGETS.replace("]\n[engine", ', "more/*.rpms"]\n[engine'))
    assert "two bases have one name" in site.run("lock", code=2).stderr


def test_a_base_that_changed_wants_a_new_lock_but_no_new_serial_for_the_same_result(site: Site) -> None:
    path = write_base(site, HAS_BASH)
    site.describe(TARGETS)
    site.run("lock")
    path.write_text(path.read_text().replace("# hosts: h1", "# hosts: h1 h2"))
    assert "bases have changed" in site.run("build", code=2).stderr
    site.run("lock", "--check", code=3)
    site.run("lock")
    assert site.locked["serial"] == 1
    site.run("build")
    write_base(site, HAS_MORE.replace("2:2.70-1", "2:2.80-1").replace("\t2.70\t", "\t2.80\t"))
    site.run("lock")
    assert POLICY not in site.packages
    assert site.locked["serial"] == 2
    path.unlink()
    assert "names no file" in site.run("build", "--force", code=2).stderr


def test_what_conflicts_with_the_base_is_explained_with_its_name(site: Site) -> None:
    path = write_base(site, HAS_BASH)
    site.add("docker", [*engine("28.6.0")[1:], Stub("docker-ce", "28.6.0-1", "docker-ce-cli, libmissing", epoch=3)])
    site.describe(TARGETS)
    told = site.run("lock", code=2).stderr
    assert "nothing provides libmissing needed by docker-ce-3:28.6.0-1.el9.noarch" in told
    assert path.name in told and "staithe bundle base" in told


def test_releases_without_a_base_are_resolved_from_nothing(site: Site) -> None:
    site.add("base8", [Stub("bash", "4.4.20-5", provides="/bin/sh")], major=8)
    write_base(site, HAS_BASH)
    site.describe(TARGETS.replace("[targets]\n", "[targets]\nmajors = [8, 9]\n"))
    site.run("lock")
    found = site.packages
    assert found[BASH]["targets"] == ["el8-x86_64"] and "bases" not in found[BASH]
    assert found[SECCOMP]["targets"] == ["el8-x86_64", "el9-x86_64"] and len(found[SECCOMP]["bases"]) == 1
