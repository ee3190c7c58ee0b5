"""Image archives and static engine archives in bundle.lock."""

from __future__ import annotations

import shutil
import ssl
import subprocess
from pathlib import Path

import pytest

from tests.archives import engine_archive, image_archive
from tests.file_server import FileServer, file_server
from tests.rpm_site import HAS_TOOLS, Site, sha256

pytestmark = pytest.mark.skipif(not HAS_TOOLS, reason="needs Debian's rpm and gnupg")


def test_an_image_archive_is_pinned_with_what_is_inside(site: Site) -> None:
    archive, config = image_archive(site.home)
    site.describe(f'[engine]\nversion = "28"\n[[image]]\narchive = "{archive.name}"\n')
    site.run("lock")
    (image,) = site.locked["image"]
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
    (static,) = site.locked["static"]
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
    (static,) = site.locked["static"]
    assert static["url"] == f"{server.url}/x86_64/docker-28.5.2.tgz"
    assert "nothing to change" in site.run("lock").stdout


WISH = '[engine]\nversion = "28.5"\nsources = ["static"]\n'
LOGIN = 'username = "me"\npassword = { from_file = "password" }\n'


def publish_archive(site: Site, server: FileServer) -> Path:
    archive = engine_archive(site.home, "28.5.2")
    server.files = {
        "/x86_64/": b'<a href="docker-28.5.2.tgz">',
        "/x86_64/docker-28.5.2.tgz": archive.read_bytes(),
    }
    (site.home / "password").write_text("s3cr3t-word\n")
    return archive


def test_archives_behind_a_login_are_locked_and_built(site: Site, server: FileServer) -> None:
    archive = publish_archive(site, server)
    server.login = "me:s3cr3t-word"
    site.describe(f'{WISH}static = "{server.url}"\n', base="base")
    assert "401" in site.run("lock", code=5).stderr
    site.describe(f'{WISH}static = "{server.url}"\n{LOGIN}', base="base")
    done = site.run("lock")
    assert site.locked["static"][0]["sha256"] == sha256(archive)
    shutil.rmtree(site.home / "cache")
    done = site.run("build")
    assert "s3cr3t-word" not in site.lock.read_text() + done.stdout + done.stderr
    assert (site.home / "bundle/blobs/sha256" / sha256(archive)).is_file()


def test_archives_come_through_the_engine_s_own_proxy(site: Site, server: FileServer) -> None:
    publish_archive(site, server)
    with file_server() as proxy:
        proxy.files = {f"http://origin.invalid{path}": content for path, content in server.files.items()}
        proxy.proxy_login = "me:s3cr3t-word"
        login = LOGIN.replace("username", "proxy_username").replace("password =", "proxy_password =")
        wish = f'{WISH}static = "http://origin.invalid"\nproxy = "{proxy.url}"\n'
        site.describe(wish, base="base")
        assert "407" in site.run("lock", code=5).stderr
        site.describe(f"{wish}{login}", base="base")
        site.run("lock")
        shutil.rmtree(site.home / "cache")
        site.run("build")


def test_archives_of_a_server_with_a_ca_of_its_own(site: Site, server: FileServer) -> None:
    publish_archive(site, server)
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "key.pem", "-out", "ca.pem"),
            *("-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-days", "2"),
        ],
        cwd=site.home,
        check=True,
        capture_output=True,
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(site.home / "ca.pem", site.home / "key.pem")
    with file_server(context) as secure:
        secure.files = server.files
        address = f'{WISH}static = "{secure.url}"\n'
        site.describe(address, base="base")
        assert "certificate" in site.run("lock", code=5).stderr.lower()
        site.describe(f'{address}ca = "ca.pem"\n', base="base")
        site.run("lock")
        shutil.rmtree(site.home / "cache")
        site.run("build")
