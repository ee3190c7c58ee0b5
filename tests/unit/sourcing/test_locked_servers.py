"""`bundle lock` and `build` over HTTP: what is fetched, and who gets a login."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from staithe.lab.rpm_specs import Stub
from tests.file_server import FileServer, file_server
from tests.rpm_site import CLI, HAS_TOOLS, LOCKED, Site

pytestmark = pytest.mark.skipif(not HAS_TOOLS, reason="needs Debian's rpm and gnupg")


def test_over_http_only_heads_of_packages_are_fetched(site: Site, server: FileServer) -> None:
    big = site.add("docker", [Stub("big", "1-1")])[0]
    server.publish(site.home)
    del server.files[f"/docker/{big.name}"]
    site.describe(docker=f"{server.url}/docker", base=f"{server.url}/base")
    site.run("lock")
    assert sorted(site.packages) == LOCKED
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
        other.publish(site.home)
        server.login = "me:s3cr3t-word"
        site.describe(docker=f"{server.url}/docker", base="base")
        with_login(site)
        path = site.home / "bundle.toml"
        path.write_text(path.read_text().replace("RPM-GPG-KEY-lab", f"{other.url}/RPM-GPG-KEY-lab"))
        site.run("lock")
        shutil.rmtree(site.home / "cache")
        site.run("build")
        assert other.logins == [None, None, None], "each repository's key, and the build's"


@pytest.fixture
def proxied(site: Site, server: FileServer) -> Iterator[FileServer]:
    """A proxy that wants a login; what is at origin.invalid, only it can reach."""
    with file_server() as proxy:
        proxy.files = {f"http://origin.invalid{path}": content for path, content in server.files.items()}
        proxy.proxy_login = "out:pr0xy-word"
        yield proxy


def with_proxy(site: Site, proxy: FileServer, login: str = "") -> None:
    path = site.home / "bundle.toml"
    path.write_text(path.read_text().replace("[[repository]]\n", f'[[repository]]\nproxy = "{proxy.url}"\n{login}'))


PROXY_LOGIN = 'proxy_username = "out"\nproxy_password = { from_env = "PROXY_PASSWORD" }\n'


def test_the_login_of_a_proxy_is_a_secret_that_lies_elsewhere(site: Site, proxied: FileServer) -> None:
    site.describe(docker="http://origin.invalid/docker", base="http://origin.invalid/base")
    with_proxy(site, proxied)
    told = site.run("lock", code=5).stderr
    assert "407" in told and "proxy_password" in told
    site.describe(docker="http://origin.invalid/docker", base="http://origin.invalid/base")
    with_proxy(site, proxied, PROXY_LOGIN)
    assert "E105" in site.run("lock", code=2).stderr, "nobody has set it"
    done = site.run("lock", env={"PROXY_PASSWORD": "pr0xy-word"})
    assert sorted(site.packages) == LOCKED
    assert "pr0xy-word" not in site.lock.read_text() + done.stdout + done.stderr
    refused = site.run("build", env={"PROXY_PASSWORD": "wr0ng-word"}, code=5).stderr
    assert "407" in refused and "wr0ng-word" not in refused
    site.run("build", env={"PROXY_PASSWORD": "pr0xy-word"})


def test_a_login_in_the_address_of_a_proxy_is_refused(site: Site, proxied: FileServer) -> None:
    site.describe(docker="http://origin.invalid/docker", base="base")
    path = site.home / "bundle.toml"
    address = proxied.url.replace("//", "//out:pr0xy-word@")
    path.write_text(path.read_text().replace("[[repository]]\n", f'[[repository]]\nproxy = "{address}"\n'))
    told = site.run("lock", code=2).stderr
    assert "E109" in told and "proxy_username" in told and "from_env" in told
    assert "pr0xy-word" not in told
