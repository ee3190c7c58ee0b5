"""`staithe bundle lock` over real signed packages; what is in the lock is asked of rpm and sha256."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import time
import tomllib
from collections.abc import Iterator
from pathlib import Path

import createrepo_c
import pytest

from staithe.lab.rpm_specs import Stub
from tests.archives import image_archive
from tests.file_server import FileServer, file_server
from tests.rpm_site import CLI, CONTAINERD, HAS_TOOLS, Site, engine, sha256

pytestmark = pytest.mark.skipif(not HAS_TOOLS, reason="needs Debian's rpm and gnupg")


def packages(site: Site) -> dict[str, dict[str, object]]:
    data = tomllib.loads(site.lock.read_text())
    return {one["nevra"]: one for one in data["package"]}


def names(site: Site) -> list[str]:
    return sorted(packages(site))


LOCKED = [
    "bash-5.1.8-9.el9.noarch",
    "container-selinux-4:2.232.1-1.el9.noarch",
    "containerd.io-2.1.9-3.1.el9.noarch",
    "docker-ce-3:28.5.1-1.el9.noarch",
    "docker-ce-cli-1:28.5.1-1.el9.noarch",
    "libseccomp-2.5.2-2.el9.noarch",
]


def test_the_lock_names_the_closure_to_the_byte(site: Site) -> None:
    assert "serial 1; engine 28.5.1, 6 packages" in site.run("lock").stdout
    assert names(site) == LOCKED, "tar is needed by nothing"
    for nevra, one in packages(site).items():
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
    assert names(site) == LOCKED
    told = site.run("lock", "--upgrade", "engine").stdout
    assert "~ docker-ce 3:28.5.1-1.el9 -> 3:28.5.2-1.el9 (el9-x86_64)" in told
    changed = [name.replace("28.5.1", "28.5.2") for name in LOCKED]
    assert names(site) == changed, "only what must change"
    assert tomllib.loads(site.lock.read_text())["serial"] == 2
    site.run("lock", "--upgrade", "libseccomp")
    assert "libseccomp-2.6.0-1.el9.noarch" in names(site)
    assert "containerd.io-2.1.9-3.1.el9.noarch" in names(site)
    site.run("lock", "--upgrade-all")
    assert "containerd.io-2.2.0-1.el9.noarch" in names(site)


def test_check_tells_and_writes_nothing(site: Site) -> None:
    assert "+ docker-ce 3:28.5.1-1.el9" in site.run("lock", "--check", code=3).stdout
    assert not site.lock.exists()


@pytest.mark.parametrize("key", [None, "other"])
def test_a_package_that_no_pinned_key_signed_is_refused(site: Site, key: str | None) -> None:
    site.add("docker", engine("28.6.0"), key=key)
    told = site.run("lock", code=5).stderr
    assert "E405" in told
    assert ("not signed" if key is None else "not by a pinned key") in told
    assert "28.6.0" in told
    assert not site.lock.exists()


def test_a_package_under_another_name_is_refused(site: Site) -> None:
    # Validly signed, but what the metadata call 2.7.0 is the old one: a known hole comes back.
    (new,) = site.add("base", [Stub("libseccomp", "2.7.0-1")])
    (old,) = site.home.glob("base/libseccomp-2.5.2*.rpm")
    forge(site.home / "base", new, old)
    told = site.run("lock", code=5).stderr
    assert "this is another package (found libseccomp-2.5.2-2.el9.noarch, expected libseccomp-2.7.0-1" in told


def forge(repository: Path, name: Path, content: Path) -> None:
    """Let the metadata describe `name` while the file is `content`: whoever has the mirror can."""
    described = {path: createrepo_c.package_from_rpm(str(path)) for path in sorted(repository.glob("*.rpm"))}
    described[name].pkgId, described[name].size_package = sha256(content), content.stat().st_size
    name.write_bytes(content.read_bytes())
    with createrepo_c.RepositoryWriter(str(repository)) as writer:
        writer.set_num_of_pkgs(len(described))
        for path, package in described.items():
            package.location_href = path.name
            writer.add_pkg(package)


def test_a_key_that_is_not_pinned_is_refused(site: Site) -> None:
    text = (site.home / "bundle.toml").read_text()
    (site.home / "bundle.toml").write_text(text.replace(site.fingerprint, "0" * 40))
    told = site.run("lock", code=5).stderr
    assert site.fingerprint in told
    assert "0" * 40 in told


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


def age(site: Site, repository: str) -> None:
    """Let a repository go back to what it was a day ago."""
    table = site.home / repository / "repodata/repomd.xml"
    text = table.read_text()
    for stamp in set(re.findall(r"<timestamp>(\d+)<", text)):
        text = text.replace(stamp, str(int(stamp) - 86400))
    table.write_text(text)


def test_metadata_that_went_back_are_refused(site: Site) -> None:
    site.run("lock")
    age(site, "docker")
    told = site.run("lock", code=2).stderr
    assert "older than those that were seen before" in told
    # The lock alone is enough to see it, and so is what this machine has seen.
    (site.home / "cache/seen-metadata.json").unlink()
    site.run("lock", code=2)
    site.run("lock", "--allow-older")


def test_another_site_of_the_same_names_is_another_site(site: Site, tmp_path: Path) -> None:
    other = site.copy(tmp_path / "other")
    age(other, "docker")
    site.run("lock")
    other.run("lock", env={"STAITHE_CACHE": str(site.home / "cache")})


def test_metadata_that_were_only_looked_at_count_too(site: Site) -> None:
    site.run("lock", "--check", code=3)
    age(site, "base")
    assert not site.lock.exists()
    assert "E106" in site.run("lock", code=2).stderr


def test_a_changed_list_of_packages_is_refused(site: Site) -> None:
    (primary,) = site.home.glob("docker/repodata/*primary.xml*")
    content = bytearray(primary.read_bytes())
    content[-5] ^= 1
    primary.write_bytes(content)
    assert site.run("lock", code=5).stderr.count("expected") >= 1
    assert not site.lock.exists()


def test_signed_metadata(site: Site) -> None:
    text = (site.home / "bundle.toml").read_text()
    (site.home / "bundle.toml").write_text(text.replace("[[repository]]", "[[repository]]\nsigned_metadata = true"))
    assert "repomd.xml.asc" in site.run("lock", code=5).stderr
    for repository in ("docker", "base"):
        sign_metadata(site, repository, "lab")
    site.run("lock")
    sign_metadata(site, "base", "other")
    assert "not by a pinned key" in site.run("lock", code=5).stderr


def sign_metadata(site: Site, repository: str, key: str) -> None:
    table = site.home / repository / "repodata/repomd.xml"
    table.with_name("repomd.xml.asc").unlink(missing_ok=True)
    gpg = ["gpg", "--homedir", site.home / "gnupg", "--batch", "--quiet", "-u", f"{key}@lab.invalid"]
    subprocess.run([*gpg, "--armor", "--detach-sign", table], check=True)
    subprocess.run(["gpgconf", "--homedir", site.home / "gnupg", "--kill", "all"], check=True)


@pytest.fixture
def server(site: Site) -> Iterator[FileServer]:
    with file_server() as served:
        serve(served, site.home)
        yield served


def serve(server: FileServer, folder: Path) -> None:
    files = [path for path in folder.rglob("*") if path.is_file()]
    server.files = {f"/{path.relative_to(folder)}": path.read_bytes() for path in files}


def test_over_http_only_heads_of_packages_are_fetched(site: Site, server: FileServer) -> None:
    big = site.add("docker", [Stub("big", "1-1")])[0]
    serve(server, site.home)
    del server.files[f"/docker/{big.name}"]
    site.describe(docker=f"{server.url}/docker", base=f"{server.url}/base")
    site.run("lock")
    assert names(site) == LOCKED
    asked = {path for path, _, _ in server.requests}
    assert not any("other.xml" in path for path in asked)
    assert f"/docker/{big.name}" not in asked


def test_one_interrupt_ends_it_though_a_server_hardly_sends(site: Site, server: FileServer) -> None:
    server.trickling = {path for path in server.files if path.endswith(".rpm")}
    site.describe(docker=f"{server.url}/docker", base=f"{server.url}/base")
    env = {**os.environ, "STAITHE_CACHE": str(site.home / "cache")}
    with subprocess.Popen(
        [CLI, "bundle", "lock"], cwd=site.home, env=env, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        while process.stderr.readline() != "signatures\n":
            pass
        time.sleep(1)  # All heads are being read then; a signal before is another story.
        process.send_signal(signal.SIGINT)
        try:
            assert process.wait(10) == 130
        finally:
            process.kill()
        assert "Traceback" not in process.stderr.read()
    assert not site.lock.exists()


def test_a_login_stands_nowhere(site: Site, server: FileServer, tmp_path: Path) -> None:
    server.login = "me:s3cr3t-word"
    site.describe(docker=f"{server.url}/docker", base="base")
    with_login(site)
    done = site.run("lock")
    assert "s3cr3t-word" not in site.lock.read_text() + done.stdout + done.stderr
    (site.home / "password").write_text("wr0ng-word\n")
    refused = site.run("lock", code=5).stderr
    assert "401" in refused
    assert "wr0ng-word" not in refused


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


def with_login(site: Site) -> None:
    """Give the repositories a login, with its password in the file `password`."""
    text = (site.home / "bundle.toml").read_text()
    login = '[[repository]]\nusername = "me"\npassword = { from_file = "password" }\n'
    (site.home / "bundle.toml").write_text(text.replace("[[repository]]\n", login))
    (site.home / "password").write_text("s3cr3t-word\n")


def test_a_key_behind_the_login_is_fetched_by_lock_and_by_build(site: Site, server: FileServer) -> None:
    server.login = "me:s3cr3t-word"
    site.describe(docker=f"{server.url}/docker", base=f"{server.url}/base")
    with_login(site)
    path = site.home / "bundle.toml"
    path.write_text(path.read_text().replace("RPM-GPG-KEY-lab", f"{server.url}/RPM-GPG-KEY-lab"))
    site.run("lock")
    shutil.rmtree(site.home / "cache")
    site.run("build")


def test_a_key_on_another_server_costs_no_login(site: Site, server: FileServer) -> None:
    with file_server() as other:
        serve(other, site.home)
        server.login = "me:s3cr3t-word"
        site.describe(docker=f"{server.url}/docker", base="base")
        with_login(site)
        path = site.home / "bundle.toml"
        path.write_text(path.read_text().replace("RPM-GPG-KEY-lab", f"{other.url}/RPM-GPG-KEY-lab"))
        site.run("lock")
        shutil.rmtree(site.home / "cache")
        site.run("build")
        assert other.logins == [None, None, None], "each repository's key, and the build's"


def test_an_image_archive_is_pinned_with_what_is_inside(site: Site) -> None:
    archive, config = image_archive(site.home)
    site.describe(f'[engine]\nversion = "28"\n[[image]]\narchive = "{archive.name}"\n')
    site.run("lock")
    (image,) = tomllib.loads(site.lock.read_text())["image"]
    size = archive.stat().st_size
    assert image == {"url": archive.name, "size": size, "sha256": sha256(archive), "configs": [config]}
    archive.write_bytes(b"x" * 5000)
    assert "E400" in site.run("lock", code=5).stderr


def test_a_static_archive_is_pinned_at_first_sight(site: Site) -> None:
    folder = site.home / "static/x86_64"
    folder.mkdir(parents=True)
    for version in ("28.5.1", "28.5.2", "29.0.0"):
        (folder / f"docker-{version}.tgz").write_bytes(version.encode() * 100)
    site.describe('[engine]\nversion = "28"\nsources = ["static"]\nstatic = "static"\n', base="base")
    site.run("lock")
    (static,) = tomllib.loads(site.lock.read_text())["static"]
    newest = folder / "docker-28.5.2.tgz"
    assert (static["version"], static["sha256"]) == ("28.5.2", sha256(newest))
    newest.write_bytes(b"something else")
    assert "nothing to change" in site.run("lock").stdout, "what is pinned is not looked at again"
    pin = f'static_sha256 = {{ x86_64 = "{"0" * 64}" }}'
    site.describe(f'[engine]\nversion = "28"\nsources = ["static"]\nstatic = "static"\n{pin}\n', base="base")
    assert "E404" in site.run("lock", code=5).stderr


def test_a_whole_version_needs_no_list_of_archives(site: Site, server: FileServer) -> None:
    server.files = {"/x86_64/docker-28.5.2.tgz": b"x" * 100}
    wish = f'sources = ["static"]\nstatic = "{server.url}"\n'
    site.describe(f'[engine]\nversion = "28.5"\n{wish}', base="base")
    assert "404" in site.run("lock", code=5).stderr, "a range does"
    site.describe(f'[engine]\nversion = "28.5.2"\n{wish}', base="base")
    site.run("lock")
    (static,) = tomllib.loads(site.lock.read_text())["static"]
    assert static["url"] == f"{server.url}/x86_64/docker-28.5.2.tgz"
    assert "nothing to change" in site.run("lock").stdout


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
    found = packages(site)
    assert found["libseccomp-2.5.2-2.el9.noarch"]["targets"] == ["el8-x86_64", "el9-x86_64"]
    assert found["bash-4.4.20-5.el8.noarch"]["targets"] == ["el8-x86_64"]
    assert found["bash-5.1.8-9.el9.noarch"]["targets"] == ["el9-x86_64"]


@pytest.mark.parametrize("harm", ["serial = 'x'", "[[package]]\nnevra = '../../x'", "\x00"])
def test_a_damaged_lock_is_not_overwritten(site: Site, harm: str) -> None:
    site.lock.write_text(harm)
    assert "E110" in site.run("lock", code=2).stderr
    assert site.lock.read_text() == harm
