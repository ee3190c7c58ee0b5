"""Bundles in a real registry, with TLS and a login and without both; hosts pull from there and from nowhere else."""

from __future__ import annotations

import hashlib
import json
import os
import ssl
import subprocess
import time
import urllib.error
import urllib.request
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bcrypt
import pytest

from staithe.lab import artifacts, network, places
from tests.lab.capture import capturing
from tests.lab.conftest import LAB_ID, Host, Site
from tests.lab.sampling import sampled
from tests.lab.test_relay import events, reset, runs_the_right_engine

USER, PASSWORD = "hosts", 'p4ss "of\\the registry'
NAME = "site/bundle"
INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"


@dataclass(frozen=True)
class Registry:
    """A docker-registry on the lab's bridge, and where its files are."""

    host: str
    storage: Path
    ca: Path | None

    @property
    def url(self) -> str:
        return f"{'https' if self.ca else 'http'}://{self.host}"

    def get(self, path: str, accept: str = "*/*") -> bytes:
        """Ask it, without anything of staithe."""
        login = b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        headers = {"Accept": accept, **({"Authorization": f"Basic {login}"} if self.ca else {})}
        context = ssl.create_default_context(cafile=str(self.ca)) if self.ca else None
        request = urllib.request.Request(f"{self.url}/v2/{NAME}/{path}", headers=headers)
        with urllib.request.urlopen(request, timeout=30, context=context) as answer:
            return bytes(answer.read())

    def options(self) -> list[str]:
        return ["--ca", str(self.ca)] if self.ca else ["--plain-http"]

    def transfer(self) -> dict[str, Any]:
        place = {"registry": f"{self.host}/{NAME}:1"}
        if self.ca is None:
            return {**place, "registry_plain_http": True}
        login = {"registry_user": USER, "registry_password": {"from_env": "HOSTS_PASSWORD"}}
        return {**place, **login, "registry_ca": str(self.ca)}


def certificate(folder: Path, address: str) -> Path:
    made = folder / "ca.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=lab"),
            *("-addext", f"subjectAltName=IP:{address}", "-keyout", folder / "key.pem", "-out", made),
        ],
        check=True,
        capture_output=True,
    )
    return made


@contextmanager
def running(folder: Path, address: str, port: int, *, closed: bool) -> Iterator[Registry]:
    folder.mkdir()
    ca = certificate(folder, address) if closed else None
    config: dict[str, Any] = {
        "version": 0.1,
        "log": {"level": "warn", "accesslog": {"disabled": True}},
        "storage": {"filesystem": {"rootdirectory": str(folder / "storage")}},
        "http": {"addr": f"{address}:{port}"},
    }
    if ca is not None:
        config["http"]["tls"] = {"certificate": str(ca), "key": str(folder / "key.pem")}
        (folder / "htpasswd").write_bytes(USER.encode() + b":" + bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)))
        config["auth"] = {"htpasswd": {"realm": "lab", "path": str(folder / "htpasswd")}}
    (folder / "config.yml").write_text(json.dumps(config))
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [artifacts.located().registry, "serve", folder / "config.yml"], stdout=log, stderr=log
        )
    registry = Registry(f"{address}:{port}", folder / "storage", ca)
    try:
        deadline = time.monotonic() + 15
        while True:
            try:
                registry.get("tags/list")
                break
            except urllib.error.HTTPError:
                break
            except OSError:
                assert time.monotonic() < deadline, (folder / "log").read_text()
                time.sleep(0.05)
        yield registry
    finally:
        process.terminate()
        process.wait(10)


@pytest.fixture(params=["open", "closed"])
def registry(
    request: pytest.FixtureRequest, site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Registry]:
    """A registry without TLS and login, or with both; docker's configuration on this machine has the login."""
    closed = request.param == "closed"
    port = network.SERVED_PORTS[0] + 7 + closed
    with running(tmp_path / "registry", str(site.lab["address"]), port, closed=closed) as made:
        auth = b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        (tmp_path / "docker").mkdir()
        (tmp_path / "docker/config.json").write_text(json.dumps({"auths": {made.host: {"auth": auth}}}))
        monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "docker"))
        monkeypatch.setenv("HOSTS_PASSWORD", PASSWORD)
        # Nobody is asked by these.
        for name in ("http_proxy", "https_proxy", "HTTPS_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, "http://127.0.0.1:9")
        monkeypatch.setenv("no_proxy", made.host.partition(":")[0])
        yield made


def push(site: Site, registry: Registry, code: int | None = 0, tag: str = "1", *more: str) -> Any:
    signers = ["--allowed-signers", str(site.lab["allowed_signers"])]
    return site.staithe(
        "bundle", "push", f"{registry.host}/{NAME}:{tag}", "bundle", *signers, *registry.options(), *more, code=code
    )


def test_a_registry_has_the_bundle_whole_with_its_signatures(site: Site, registry: Registry, tmp_path: Path) -> None:
    blobs = {path.name for path in (site.folder / "bundle/blobs/sha256").iterdir()}
    first = push(site, registry)
    assert "there already: 0 blobs" in first.out
    assert "signatures: 1" in first.out
    written = sorted(path.stat().st_mtime_ns for path in registry.storage.rglob("*") if path.is_file())
    again = push(site, registry)
    assert "sent 0 blobs (0.0 KiB)" in again.out
    assert written == sorted(path.stat().st_mtime_ns for path in registry.storage.rglob("*") if path.is_file())
    # By hand: the index under the tag, everything that it names, and who has signed it.
    index = registry.get("manifests/1", INDEX)
    assert index == (site.folder / "bundle/index.json").read_bytes()
    seen = set()
    for entry in json.loads(index)["manifests"]:
        text = registry.get(f"manifests/{entry['digest']}", entry["mediaType"])
        seen.add(hashlib.sha256(text).hexdigest())
        parts = json.loads(text)
        for one in (parts["config"], *parts["layers"]):
            assert hashlib.sha256(registry.get(f"blobs/{one['digest']}")).hexdigest() == one["digest"][7:]
            seen.add(one["digest"][7:])
    assert seen == blobs
    digest = hashlib.sha256(index).hexdigest()
    artifact = json.loads(registry.get(f"manifests/sha256-{digest}.signatures", MANIFEST))
    (layer,) = artifact["layers"]
    (tmp_path / "one.sig").write_bytes(registry.get(f"blobs/{layer['digest']}"))
    signers = Path(site.lab["allowed_signers"])
    name = signers.read_text().split()[0]
    subprocess.run(
        ["ssh-keygen", "-Y", "verify", "-f", signers, "-I", name, "-n", "bundle@staithe", "-s", tmp_path / "one.sig"],
        input=f"{digest}  index.json\n".encode(),
        check=True,
        capture_output=True,
    )


def test_hosts_pull_from_the_registry_and_speak_to_nobody_else(
    site: Site, registry: Registry, hosts: dict[str, Host]
) -> None:
    push(site, registry)
    reset(site, "h2", "h3")
    site.configure(smoke={"enabled": False}, daemon={}, transfer=registry.transfer())
    links = [places.link_name(LAB_ID, name) for name in ("h2", "h3")]
    with capturing(links) as capture, sampled(hosts["h2"]) as commands:
        done = site.run("apply", "--limit", "h2", "--limit", "h3")
        time.sleep(0.5)
    assert {one["outcome"] for one in done.json["hosts"]} == {"changed"}
    assert [one["notices"] for one in done.json["hosts"]] == [[], []]
    assert events(site, "transferred") == [], "not a byte of a blob came over SSH"
    assert {one["origin"] for one in events(site, "pulling")} == {f"registry {registry.host}/{NAME}:1"}
    for name in ("h2", "h3"):
        runs_the_right_engine(hosts[name])
    address, _, port = registry.host.partition(":")
    rest = [one for one in capture.not_to(address) if (one.target, one.port) != (address, int(port))]
    assert [str(one) for one in rest] == []
    # Neither the password nor what it becomes on the line is in an argument, a file, an event.
    told = b"\n".join(commands) + "".join(done.text).encode()
    told += b"".join(path.read_bytes() for path in (site.folder / ".staithe").rglob("*") if path.is_file())
    told += hosts["h2"].sh("cat /run/samples /run/environments | tr -d '\\0'").encode()
    told += hosts["h2"].sh("grep -rlsF 'p4ss ' /var/lib/staithe /etc /run /tmp /root 2>/dev/null || :").encode()
    for secret in ("p4ss ", b64encode(f"{USER}:{PASSWORD}".encode()).decode()):
        assert secret.encode() not in told
    assert site.run("apply", "--limit", "h2").host("h2")["outcome"] == "unchanged"


@pytest.mark.parametrize("registry", ["open"], indirect=True)
def test_a_registry_that_does_wrong_is_told_and_done_without(
    site: Site, registry: Registry, hosts: dict[str, Host]
) -> None:
    push(site, registry)
    site.configure(smoke={"enabled": False}, daemon={}, transfer=registry.transfer())
    lock = json.loads((site.folder / "bundle/index.json").read_text())
    assert lock
    largest = max(registry.storage.rglob("data"), key=lambda path: path.stat().st_size)
    archive = artifacts.located().engines["28.5.2"].stat().st_size
    for path in registry.storage.rglob("data"):
        if path.stat().st_size == archive:
            with path.open("r+b") as file:
                file.seek(archive // 2)
                file.write(b"another")
    assert largest.exists()
    reset(site, "h2")
    done = site.run("apply", limit="h2")
    assert done.host("h2")["outcome"] == "changed"
    assert f"from registry {registry.host}/{NAME}:1: refused: sha256 is " in done.host("h2")["notices"][0]
    runs_the_right_engine(hosts["h2"])
    # One that is not there.
    site.configure(
        smoke={"enabled": False},
        daemon={},
        transfer={**registry.transfer(), "registry": f"{registry.host}/{NAME}x:1"},
    )
    reset(site, "h2")
    done = site.run("apply", limit="h2")
    assert "404" in done.host("h2")["notices"][0]
    runs_the_right_engine(hosts["h2"])


@pytest.mark.parametrize("registry", ["closed"], indirect=True)
def test_a_login_that_is_refused_and_a_certificate_that_nobody_knows(
    site: Site, registry: Registry, hosts: dict[str, Host], monkeypatch: pytest.MonkeyPatch
) -> None:
    push(site, registry)
    reset(site, "h2")
    monkeypatch.setenv("HOSTS_PASSWORD", "wrong-one")
    site.configure(smoke={"enabled": False}, daemon={}, transfer=registry.transfer())
    done = site.run("apply", limit="h2")
    assert done.host("h2")["outcome"] == "changed"
    assert "401" in done.host("h2")["notices"][0] or "refuses" in done.host("h2")["notices"][0]
    assert "wrong-one" not in done.text
    transfer = registry.transfer()
    del transfer["registry_ca"]
    site.configure(smoke={"enabled": False}, daemon={}, transfer=transfer)
    reset(site, "h2")
    done = site.run("apply", limit="h2")
    assert "the server's certificate is not trusted" in done.host("h2")["notices"][0]
    refused = site.staithe("bundle", "push", f"{registry.host}/{NAME}:2", "bundle", "--allow-unsigned", code=5)
    assert "certificate is not trusted" in refused.text
    (Path(os.environ["DOCKER_CONFIG"]) / "config.json").write_text("{}")
    refused = push(site, registry, 5, "2")
    assert "the registry refuses anybody without a login" in refused.text


@pytest.mark.parametrize("registry", ["open"], indirect=True)
def test_a_bundle_that_is_not_good_does_not_go_there(site: Site, registry: Registry, tmp_path: Path) -> None:
    subprocess.run(["cp", "-rL", site.folder / "bundle", tmp_path / "copy"], check=True)
    copy = tmp_path / "copy"
    target = f"{registry.host}/{NAME}:bad"
    signers = ["--allowed-signers", str(site.lab["allowed_signers"])]
    assert "nobody is named" in site.staithe("bundle", "push", target, "copy", "--plain-http", code=2).text
    for path in (copy / "signatures").iterdir():
        path.rename(tmp_path / "kept.sig")
    assert "E401" in site.staithe("bundle", "push", target, "copy", "--plain-http", *signers, code=5).text
    (tmp_path / "kept.sig").rename(copy / "signatures/kept.sig")
    blob = max((copy / "blobs/sha256").iterdir(), key=lambda path: path.stat().st_size)
    with blob.open("r+b") as file:
        file.write(b"another")
    assert (
        "a blob was changed" in site.staithe("bundle", "push", target, "copy", "--plain-http", *signers, code=5).text
    )
    assert "push needs a tag" in site.staithe("bundle", "push", f"{registry.host}/{NAME}", "copy", code=2).text
    with pytest.raises(urllib.error.HTTPError, match="404"):
        registry.get("manifests/bad", INDEX)
