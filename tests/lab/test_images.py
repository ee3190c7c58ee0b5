"""Images from a real registry to the stores of three engines, compared by skopeo and by the engines themselves."""

from __future__ import annotations

import datetime
import gzip
import hashlib
import ipaddress
import json
import platform
import socket
import subprocess
import tarfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import bcrypt
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from staithe.programs import PROGRAMS
from tests.lab.conftest import Host, Site, Staithe
from tests.oci_images import Made, image, index, layer, write_layout

LOGIN = ("me", "s3cret-word")
NATIVE = {"x86_64": "amd64", "aarch64": "arm64"}[platform.machine()]
FOREIGN = {"amd64": "arm64", "arm64": "amd64"}[NATIVE]
# {host: (engine, whether it keeps images in containerd's store)}
STORES = {"h1": ("20.10.24", False), "h2": ("28.5.2", False), "h3": ("28.5.2", True)}


@dataclass(frozen=True)
class Skopeo:
    """skopeo of the distribution."""

    program: Path

    def __call__(self, *words: str) -> bytes:
        done = subprocess.run([str(self.program), *words], capture_output=True, timeout=120)
        assert done.returncode == 0, f"skopeo {words}: {done.stderr.decode()}"
        return done.stdout

    def raw(self, place: str, *options: str) -> bytes:
        return self("inspect", "--raw", *options, place)

    def config(self, place: str, *options: str) -> bytes:
        return self("--override-arch", NATIVE, "inspect", "--config", "--raw", *options, place)


@dataclass(frozen=True)
class Registry:
    """The distribution's registry with TLS and a password; skopeo at work on it."""

    host: str
    ca: Path
    docker_config: Path
    skopeo: Skopeo

    def place(self, name: str) -> str:
        return f"docker://{self.host}/library/{name}"

    def options(self, prefix: str = "") -> list[str]:
        return ["--authfile", str(self.docker_config / "config.json"), f"--{prefix}cert-dir", str(self.ca.parent)]

    def push(self, layout: str, name: str, *options: str) -> None:
        self.skopeo("copy", *options, *self.options("dest-"), f"oci:{layout}", self.place(name))

    def raw(self, name: str) -> bytes:
        return self.skopeo.raw(self.place(name), *self.options())


def _certificates(folder: Path) -> tuple[Path, Path, Path]:
    """Make a CA, and a certificate of 127.0.0.1 that it signed; return the CA's, the certificate, its key."""
    now = datetime.datetime.now(datetime.UTC)
    keys = [ec.generate_private_key(ec.SECP256R1()) for _ in range(2)]
    names = [x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)]) for name in ("lab CA", "registry")]
    made = []
    for number in range(2):
        builder = (
            x509.CertificateBuilder()
            .subject_name(names[number])
            .issuer_name(names[0])
            .public_key(keys[number].public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=number == 0, path_length=None), critical=True)
        )
        if number:
            address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
            builder = builder.add_extension(x509.SubjectAlternativeName([address]), critical=False)
        made.append(builder.sign(keys[0], hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    paths = (folder / "ca/ca.crt", folder / "server.pem", folder / "server.key")
    paths[0].parent.mkdir()
    paths[0].write_bytes(made[0])
    paths[1].write_bytes(made[1])
    paths[2].write_bytes(
        keys[1].private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return paths


@pytest.fixture(scope="module")
def skopeo() -> Skopeo:
    from staithe.lab import skopeo

    return Skopeo(skopeo.ensure(print))


@contextmanager
def _running(program: Path, folder: Path, port: int, certificate: Path, key: Path) -> Iterator[None]:
    (folder / "htpasswd").write_text(f"{LOGIN[0]}:{bcrypt.hashpw(LOGIN[1].encode(), bcrypt.gensalt(4)).decode()}\n")
    config = {
        "version": "0.1",
        "log": {"level": "warn"},
        "storage": {"filesystem": {"rootdirectory": str(folder / "storage")}},
        "http": {"addr": f"127.0.0.1:{port}", "tls": {"certificate": str(certificate), "key": str(key)}},
        "auth": {"htpasswd": {"realm": "lab", "path": str(folder / "htpasswd")}},
    }
    (folder / "config.yml").write_text(json.dumps(config))
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([str(program), "serve", str(folder / "config.yml")], stdout=log, stderr=log)
    try:
        deadline = time.monotonic() + 20
        while process.poll() is None and time.monotonic() < deadline:
            with socket.socket() as connection:
                if connection.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.02)
        yield
    finally:
        process.terminate()
        process.wait()


@pytest.fixture(scope="module")
def registry(lab: dict[str, Any], skopeo: Skopeo, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """A registry with TLS and a password."""
    from staithe.lab import artifacts

    folder = tmp_path_factory.mktemp("registry")
    ca, certificate, key = _certificates(folder)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with _running(artifacts.located().registry, folder, port, certificate, key):
        registry = Registry(f"127.0.0.1:{port}", ca, folder / "docker", skopeo)
        # skopeo writes what `docker login` writes, and tries the login.
        registry.docker_config.mkdir()
        login = ["login", *registry.options(), "-u", LOGIN[0], "-p", LOGIN[1], registry.host]
        skopeo(*login)
        yield registry


@dataclass(frozen=True)
class Content:
    """What the registry has: `first` for two platforms, `second` in docker's words, `third` by its digest."""

    first: Made
    native: Made
    diff_ids: dict[str, list[str]]
    digests: dict[str, str]


@pytest.fixture(scope="module")
def content(registry: Registry, tmp_path_factory: pytest.TempPathFactory) -> Content:
    from staithe.lab import artifacts, images

    root = images.root_layer(artifacts.folder() / "busybox")
    words = {name: layer(word=name.encode()) for name in ("first", "second", "third")}
    made = {name: image(root, word, architecture=NATIVE, Cmd=["cat", "/word"]) for name, word in words.items()}
    foreign = image(layer(word=b"foreign"), architecture=FOREIGN)
    first = index(made["first"], foreign)
    layout = tmp_path_factory.mktemp("layout") / "layout"
    write_layout(layout, first_1=first, second_1=made["second"], third_1=made["third"])
    registry.push(f"{layout}:first:1", "first:1.0", "--all")
    registry.push(f"{layout}:second:1", "second:1.0", "--format", "v2s2")
    registry.push(f"{layout}:third:1", "third:1.0")
    return Content(
        first,
        made["first"],
        {name: [f"sha256:{hashlib.sha256(one).hexdigest()}" for one in (root, words[name])] for name in words},
        {name: f"sha256:{hashlib.sha256(registry.raw(f'{name}:1.0')).hexdigest()}" for name in words},
    )


def _foreign_engine(folder: Path, version: str) -> None:
    """Write an archive that passes for an engine of the other architecture."""
    machine = {"arm64": 183, "amd64": 62}[FOREIGN]
    head = b"\x7fELF\x02\x01\x01" + bytes(9) + (3).to_bytes(2, "little") + machine.to_bytes(2, "little")
    stream = BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as tar:
        for name in PROGRAMS:
            info = tarfile.TarInfo(f"docker/{name}")
            info.size, info.mode = 4096, 0o755
            tar.addfile(info, BytesIO((head + name.encode()).ljust(4096, b"\0")))
    target = folder / {"arm64": "aarch64", "amd64": "x86_64"}[FOREIGN]
    target.mkdir(exist_ok=True)
    (target / f"docker-{version}.tgz").write_bytes(gzip.compress(stream.getvalue(), mtime=0))


@pytest.fixture(scope="module")
def bundles(
    program: str, lab: dict[str, Any], registry: Registry, content: Content, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Path]:
    """Bundles from a lock, one for each engine, with all images for both architectures."""
    from staithe.lab import artifacts

    home = tmp_path_factory.mktemp("described")
    made: dict[str, Path] = {}
    for version in {version for version, _ in STORES.values()}:
        folder = home / version
        native = folder / "static" / platform.machine()
        native.mkdir(parents=True)
        (native / f"docker-{version}.tgz").symlink_to(artifacts.located().engines[version])
        _foreign_engine(folder / "static", version)
        (folder / "bundle.toml").write_text(
            f'schema_version = 1\nname = "images"\n[targets]\narchs = ["x86_64", "aarch64"]\n'
            f'[engine]\nversion = "{version}"\nsources = ["static"]\nstatic = "static"\n'
            '[[image]]\nreference = "first:1.0"\n'
            f'[[image]]\nreference = "second:1.0"\narchs = ["{platform.machine()}"]\n'
            f'[[image]]\nreference = "third@{content.digests["third"]}"\nname = "third:pinned"\n'
            f'archs = ["{platform.machine()}"]\n'
            f'[[registry]]\nhost = "docker.io"\nmirror = "{registry.host}"\n'
            f'[[registry]]\nhost = "{registry.host}"\nca = "{registry.ca}"\n'
        )
        staithe = Staithe(program, folder)
        env = {"DOCKER_CONFIG": str(registry.docker_config), "STAITHE_CACHE": str(home / "cache")}
        told = staithe("bundle", "lock", env=env)
        assert "hosts know this image as third:pinned alone" in " ".join(told.err.split())
        staithe("bundle", "build", env=env)
        staithe("bundle", "sign", "bundle", "--key", lab["signing_key"])
        assert LOGIN[1] not in told.text
        made[version] = folder / "bundle"
    return made


def _digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def test_skopeo_reads_the_bundle_as_it_reads_the_registry(
    registry: Registry, content: Content, bundles: dict[str, Path], skopeo: Skopeo, tmp_path: Path
) -> None:
    bundle = bundles["28.5.2"]
    for name, registered in (
        ("docker.io/library/first:1.0", "first:1.0"),
        ("docker.io/library/second:1.0", "second:1.0"),
        ("docker.io/library/third:pinned", "third:1.0"),
    ):
        place = f"oci:{bundle}:{name}"
        raw, registered_raw = skopeo.raw(place), registry.raw(registered)
        if registered == "second:1.0":
            # A layout has no manifests of docker's kind; what they name stays.
            raw, registered_raw = (
                json.dumps([one["digest"] for one in (found["config"], *found["layers"])]).encode()
                for found in (json.loads(raw), json.loads(registered_raw))
            )
        assert raw == registered_raw
        there = skopeo.config(registry.place(registered), *registry.options())
        assert skopeo.config(place) == there
        skopeo("copy", "--all", place, f"dir:{tmp_path / registered.partition(':')[0]}")
    copied = {path.name for path in (tmp_path / "first").iterdir()}
    assert {digest.removeprefix("sha256:") for digest in content.first.blobs} <= copied
    assert len([name for name in copied if name.endswith(".manifest.json")]) == 2
    # The layer that all three have is carried once, and nothing that nobody names.
    index_json = json.loads((bundle / "index.json").read_bytes())
    assert len([one for one in index_json["manifests"] if "artifactType" not in one]) == 3
    layers = [
        digest
        for name in ("first:1.0", "second:1.0", "third:pinned")
        for digest in json.loads(
            skopeo("--override-arch", NATIVE, "inspect", f"oci:{bundle}:docker.io/library/{name}")
        )["Layers"]
    ]
    assert (len(layers), len(set(layers))) == (6, 4)
    assert all((bundle / "blobs/sha256" / one.removeprefix("sha256:")).is_file() for one in layers)


@pytest.mark.parametrize("name", STORES)
def test_every_store_has_what_the_registry_has(
    site: Site,
    hosts: dict[str, Host],
    registry: Registry,
    content: Content,
    bundles: dict[str, Path],
    skopeo: Skopeo,
    name: str,
) -> None:
    version, in_containerd = STORES[name]
    host, bundle = hosts[name], bundles[version]
    site.staithe("lab", "reset", name)
    features = {"features": {"containerd-snapshotter": True}} if in_containerd else {}
    site.configure(
        version,
        engine={"bundle": str(bundle), "version": version},
        smoke={"enabled": False},
        daemon={"registry-mirrors": [site.lab["registry"]["url"]], **features},
    )
    planned = site.run("plan", limit=name).host(name)
    (pinned,) = [one for one in planned["changes"] if one["target"] == "third:pinned"]
    assert "containers name it third:pinned" in pinned["reason"]
    assert site.run("apply", limit=name).host(name)["outcome"] == "changed"
    assert ("driver-type" in host.sh("docker info -f '{{json .DriverStatus}}'")) == in_containerd

    for tag, registered in (("first:1.0", "first"), ("second:1.0", "second"), ("third:pinned", "third")):
        config = skopeo.config(registry.place(f"{registered}:1.0"), *registry.options())
        manifest = _digest(skopeo.raw(f"oci:{bundle}:docker.io/library/{tag}"))
        if registered == "first":
            manifest = content.native.digest
        inspected = json.loads(host.sh(f"docker image inspect {tag}"))[0]
        assert inspected["Id"] == (manifest if in_containerd else _digest(config))
        assert inspected["Architecture"] == NATIVE
        assert inspected["RootFS"]["Layers"] == content.diff_ids[registered]
        history = host.sh(f"docker history --no-trunc --format '{{{{.CreatedBy}}}}' {tag}").splitlines()
        assert history == [one["created_by"] for one in reversed(json.loads(config)["history"])]
        assert host.sh(f"docker run --rm {tag}") == registered
    # Only what is for this machine came.
    foreign = [digest for digest in content.first.blobs if digest not in content.native.blobs]
    kept = host.sh("ls /var/lib/staithe/blobs/sha256")
    assert not any(digest.removeprefix("sha256:") in kept for digest in foreign)
    if not in_containerd:
        # What the warning is about.
        host.sh(f"docker image inspect third@{content.digests['third']} && exit 1; exit 0")
    again = site.run("plan", "--check", limit=name).host(name)
    assert (again["outcome"], again["changes"]) == ("unchanged", [])

    host.sh("docker image rm -f second:1.0 && docker tag first:1.0 third:pinned")
    planned = site.run("plan", "--check", limit=name, code=3).host(name)
    assert {one["target"] for one in planned["changes"] if one["component"] == "images"} == {
        "second:1.0",
        "third:pinned",
    }
    site.run("apply", limit=name)
    assert host.sh("docker run --rm second:1.0; docker run --rm third:pinned") == "secondthird"


def test_an_image_that_the_host_pulled_itself_is_not_sent(
    site: Site, hosts: dict[str, Host], content: Content, bundles: dict[str, Path], registry: Registry, skopeo: Skopeo
) -> None:
    """containerd's store names a pulled image by its index, one that was loaded by its manifest."""
    host = hosts["h3"]
    plain = site.lab["registry"]["url"].removeprefix("http://")
    skopeo(
        *("copy", "--all", "--src-authfile", str(registry.docker_config / "config.json")),
        *("--src-cert-dir", str(registry.ca.parent), "--dest-tls-verify=false"),
        *(registry.place("first:1.0"), f"docker://{plain}/library/first:1.0"),
    )
    site.configure(
        engine={"bundle": str(bundles["28.5.2"]), "version": "28.5.2"},
        smoke={"enabled": False},
        daemon={
            "registry-mirrors": [site.lab["registry"]["url"]],
            "features": {"containerd-snapshotter": True},
        },
    )
    site.run("apply", limit="h3")
    host.sh("docker image rm -f first:1.0 && docker pull first:1.0")
    assert host.sh("docker image inspect -f '{{.Id}}' first:1.0") == content.first.digest
    checked = site.run("plan", "--check", limit="h3").host("h3")
    assert (checked["outcome"], checked["changes"]) == ("unchanged", [])
    assert host.sh("docker run --rm first:1.0") == "first"


def test_a_registry_that_nobody_can_talk_to(
    program: str, registry: Registry, content: Content, tmp_path: Path
) -> None:
    staithe = Staithe(program, tmp_path)
    text = (
        'schema_version = 1\nname = "x"\n[targets]\narchs = ["x86_64"]\n'
        f'[[image]]\nreference = "{registry.host}/library/second:1.0"\n'
    )
    with_ca = f'{text}[[registry]]\nhost = "{registry.host}"\nca = "{registry.ca}"\n'
    empty = {"DOCKER_CONFIG": str(tmp_path), "STAITHE_CACHE": str(tmp_path / "cache")}
    logged_in = {**empty, "DOCKER_CONFIG": str(registry.docker_config)}
    plain = f'{text}[[registry]]\nhost = "{registry.host}"\nplain_http = true\n'
    unverified = f'{text}[[registry]]\nhost = "{registry.host}"\nplain_http = false\n'
    for described, env, words in (
        (unverified, logged_in, "certificate is not trusted"),
        (plain, logged_in, "this is no registry"),
        (with_ca, empty, "refuses anybody without a login"),
    ):
        (tmp_path / "bundle.toml").write_text(described)
        refused = staithe("bundle", "lock", env=env, code=5)
        assert words in refused.err
        assert "E406" in refused.err
    (tmp_path / "bundle.toml").write_text(with_ca)
    staithe("bundle", "lock", env=logged_in)
    staithe("bundle", "build", env=logged_in)
    assert (tmp_path / "bundle/index.json").is_file()
