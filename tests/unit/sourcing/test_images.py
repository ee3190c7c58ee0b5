"""Images from registries and layouts: locked by digest, fetched by digest, the same bytes each time."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from tests.oci_images import INDEX, Made, attestation, digest_of, image, index, layer, write_layout
from tests.registry_server import RegistryServer, registry_server

CLI = str(Path(sys.executable).with_name("staithe"))
BASE = layer(base=b"base" * 5000)
AMD = image(BASE, layer(app=b"amd64"))
ARM = image(layer(base=b"arm" * 5000), layer(app=b"arm64"), architecture="arm64")
BOTH = index(AMD, ARM)


@dataclass
class Folder:
    """A folder with bundle.toml, and the command line at work in it."""

    home: Path
    registry: RegistryServer

    def describe(self, *images: str, archs: str = '"x86_64"', more: str = "") -> None:
        tables = "".join(f"[[image]]\n{one}\n" for one in images)
        (self.home / "bundle.toml").write_text(
            f'schema_version = 1\nname = "site"\n[targets]\narchs = [{archs}]\n{tables}{more}'
        )

    def run(self, *words: str, code: int = 0, env: Mapping[str, str] | None = None) -> str:
        done = subprocess.run(
            [CLI, "bundle", *words],
            cwd=self.home,
            env={
                **os.environ,
                "STAITHE_CACHE": str(self.home / "cache"),
                "DOCKER_CONFIG": str(self.home / "docker"),
                "COLUMNS": "200",
                **(env or {}),
            },
            text=True,
            capture_output=True,
            timeout=120,
        )
        assert done.returncode == code, f"{words}: exit {done.returncode}\n{done.stdout}\n{done.stderr}"
        assert "Traceback" not in done.stderr
        return done.stdout + done.stderr

    @property
    def locked(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = tomllib.loads((self.home / "bundle.lock").read_text())["oci_image"]
        return found

    def entries(self, out: str = "bundle") -> list[dict[str, Any]]:
        """Return the entries of images in the bundle's index."""
        entries = json.loads((self.home / out / "index.json").read_text())["manifests"]
        return [one for one in entries if "artifactType" not in one]

    def blobs(self, out: str = "bundle") -> set[str]:
        return {f"sha256:{path.name}" for path in (self.home / out / "blobs/sha256").iterdir()}

    def log_in(self, login: str) -> None:
        (self.home / "docker").mkdir(exist_ok=True)
        entry = {"auth": base64.b64encode(login.encode()).decode()}
        (self.home / "docker/config.json").write_text(json.dumps({"auths": {self.registry.host: entry}}))


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Folder]:
    with registry_server() as registry:
        yield Folder(tmp_path, registry)


def _reference(folder: Folder, made: Made = BOTH, name: str = "team/app", tag: str = "1.0") -> str:
    made.put(folder.registry, name, tag)
    return f'reference = "{folder.registry.host}/{name}:{tag}"'


def test_an_image_of_two_platforms_keeps_its_index(folder: Folder) -> None:
    folder.describe(_reference(folder), archs='"x86_64", "aarch64"')
    folder.run("lock")
    (locked,) = folder.locked
    assert (locked["sha256"], locked["size"]) == (BOTH.digest.removeprefix("sha256:"), len(BOTH.content))
    assert [(one["arch"], one["config"]) for one in locked["platform"]] == [
        ("x86_64", AMD.config),
        ("aarch64", ARM.config),
    ]
    # Of the content itself locking needs nothing.
    assert not any(
        "blobs" in one and AMD.config not in one and ARM.config not in one for one in folder.registry.asked
    )
    folder.run("build")
    (entry,) = folder.entries()
    assert (entry["digest"], entry["mediaType"]) == (BOTH.digest, BOTH.media_type)
    assert entry["annotations"] == {
        "io.containerd.image.name": locked["name"],
        "org.opencontainers.image.ref.name": locked["name"],
    }
    assert {*BOTH.blobs, *BOTH.manifests} <= folder.blobs()
    assert "every blob is what its name says" in folder.run("show", "bundle", "--verify")


def test_the_same_lock_gives_the_same_bytes_also_offline(folder: Folder) -> None:
    folder.describe(_reference(folder), _reference(folder, AMD, "team/other"), archs='"x86_64"')
    folder.run("lock", code=0)
    folder.run("build", "--out", "one")
    asked = len(folder.registry.asked)
    folder.run("build", "--offline", "--out", "two")
    folder.run("build", "--out", "three")
    assert len(folder.registry.asked) == asked
    folder.run("build", "--out", "four", env={"STAITHE_CACHE": str(folder.home / "fresh")})
    texts = {(folder.home / out / "index.json").read_bytes() for out in ("one", "two", "three", "four")}
    assert len(texts) == 1
    folder.run("build", "--offline", "--out", "five", code=5, env={"STAITHE_CACHE": str(folder.home / "empty")})
    assert not (folder.home / "five").exists()


def test_one_platform_of_two_is_the_manifest_itself(folder: Folder) -> None:
    folder.describe(_reference(folder))
    folder.run("lock")
    folder.run("build")
    (entry,) = folder.entries()
    assert entry["digest"] == AMD.digest
    assert entry["annotations"]["dev.staithe.image.origin"] == BOTH.digest
    assert not {*ARM.blobs, *ARM.manifests, BOTH.digest} & folder.blobs()
    assert not any(digest in one for one in folder.registry.asked for digest in ARM.blobs)


def test_a_new_index_names_what_is_there_and_the_old_one(folder: Folder) -> None:
    other = image(layer(app=b"s390x"), architecture="s390x")
    made = index(other, ARM, AMD, extra=[attestation()])
    folder.describe(_reference(folder, made), archs='"x86_64", "aarch64"')
    folder.run("lock")
    folder.run("build")
    (entry,) = folder.entries()
    assert entry["annotations"]["dev.staithe.image.origin"] == made.digest
    path = folder.home / "bundle/blobs/sha256" / entry["digest"].removeprefix("sha256:")
    found = json.loads(path.read_bytes())
    assert [(one["digest"], one["platform"]["architecture"]) for one in found["manifests"]] == [
        (ARM.digest, "arm64"),
        (AMD.digest, "amd64"),
    ]
    assert {*found} == {"schemaVersion", "mediaType", "manifests"}
    assert "every blob" in folder.run("show", "bundle", "--verify")


def test_dockers_own_manifests_become_ocis(folder: Folder) -> None:
    amd, arm = image(BASE, docker=True), image(BASE, architecture="arm64", docker=True)
    made = index(amd, arm, docker=True)
    folder.describe(_reference(folder, made), archs='"x86_64", "aarch64"')
    folder.run("lock")
    folder.run("build")
    (entry,) = folder.entries()
    assert entry["mediaType"] == BOTH.media_type
    assert entry["annotations"]["dev.staithe.image.origin"] == made.digest
    shown = json.loads(folder.run("show", "bundle", "--json", "--verify"))
    assert {one["config_digest"] for one in shown["images"]} == {f"sha256:{one.config}" for one in (amd, arm)}
    assert {*amd.blobs, *arm.blobs} <= folder.blobs()
    assert not {amd.digest, arm.digest, made.digest} & folder.blobs()


def test_a_tag_that_moved_is_taken_on_upgrade_alone(folder: Folder) -> None:
    wish = _reference(folder, AMD)
    name = f"{folder.registry.host}/team/app:1.0"
    folder.describe(wish)
    folder.run("lock")
    before = (folder.home / "bundle.lock").read_bytes()
    moved = image(BASE, layer(app=b"moved"))
    moved.put(folder.registry, "team/app", "1.0")
    asked = len(folder.registry.asked)
    assert "nothing to change" in folder.run("lock", "--check")
    assert len(folder.registry.asked) == asked
    assert "image" in folder.run("lock", "--check", "--upgrade", name, code=3)
    assert (folder.home / "bundle.lock").read_bytes() == before
    folder.run("build")
    assert folder.entries()[0]["digest"] == AMD.digest
    told = folder.run("lock", "--upgrade", name)
    assert f"~ image {name} {AMD.digest[7:19]} -> {moved.digest[7:19]} (x86_64)" in told
    assert tomllib.loads((folder.home / "bundle.lock").read_text())["serial"] == 2
    assert f"sha256:{folder.locked[0]['sha256']}" == moved.digest
    folder.run("lock", "--upgrade", "no-such-image:1", code=2)


def test_another_architecture_is_of_the_locked_image(folder: Folder) -> None:
    wish = _reference(folder)
    folder.describe(wish)
    folder.run("lock")
    index(image(layer(app=b"new")), image(layer(app=b"new"), architecture="arm64")).put(
        folder.registry, "team/app", "1.0"
    )
    folder.describe(wish, archs='"x86_64", "aarch64"')
    folder.run("lock")
    (locked,) = folder.locked
    assert f"sha256:{locked['sha256']}" == BOTH.digest
    assert [one["config"] for one in locked["platform"]] == [AMD.config, ARM.config]


def test_other_bytes_under_a_digest_are_refused(folder: Folder) -> None:
    folder.describe(_reference(folder, AMD))
    folder.run("lock")
    digest = next(one for one in AMD.blobs if AMD.config not in one)
    path = f"/v2/team/app/blobs/{digest}"
    content = folder.registry.served.files[path]
    folder.registry.served.files[path] = content[:-1] + bytes([content[-1] ^ 1])
    told = folder.run("build", code=5)
    assert "E404" in told
    assert digest.removeprefix("sha256:") in told
    assert not (folder.home / "bundle").exists()
    folder.registry.served.files[path] = content
    folder.run("build")


def test_a_blob_that_is_cut_goes_on_at_the_byte(folder: Folder) -> None:
    noise = b"".join(hashlib.sha256(bytes([n % 251, n // 251])).digest() for n in range(30_000))
    made = image(layer(noise=noise))
    folder.describe(_reference(folder, made))
    folder.run("lock")
    sent = folder.registry.served.sent_bytes
    digest = max(made.blobs, key=lambda one: len(made.blobs[one]))
    folder.registry.served.cuts[f"/v2/team/app/blobs/{digest}"] = [500_000, 200_000]
    folder.run("build")
    assert folder.registry.served.sent_bytes - sent == len(made.blobs[digest])


def test_a_layer_of_two_images_comes_and_lies_once(folder: Folder) -> None:
    other = image(BASE, layer(app=b"other"))
    folder.describe(_reference(folder, AMD), _reference(folder, other, "team/other"))
    folder.run("lock")
    folder.run("build")
    (shared,) = {*AMD.blobs} & {*other.blobs}
    assert (
        folder.registry.count(f"GET /v2/team/app/blobs/{shared}")
        + folder.registry.count(f"GET /v2/team/other/blobs/{shared}")
        == 1
    )
    assert len(folder.entries()) == 2


def test_a_platform_that_is_not_offered(folder: Folder) -> None:
    made = index(AMD, image(layer(app=b"x"), architecture="s390x"), extra=[attestation()])
    folder.describe(_reference(folder, made), archs='"x86_64", "aarch64"')
    told = folder.run("lock", code=2)
    assert "not made for linux/arm64" in told
    assert "found linux/amd64, linux/s390x" in told
    folder.describe(_reference(folder, AMD), archs='"aarch64"')
    assert "found linux/amd64" in folder.run("lock", code=2)
    folder.describe(_reference(folder, AMD) + '\narchs = ["x86_64"]', archs='"x86_64", "aarch64"')
    folder.run("lock")
    assert not (folder.home / "docker").exists()


def test_a_mirror_gives_the_content_and_the_lock_keeps_the_name(folder: Folder) -> None:
    BOTH.put(folder.registry, "hub/library/app", "1.0")
    more = f'[[registry]]\nhost = "docker.io"\nmirror = "{folder.registry.host}/hub"\n'
    folder.describe('reference = "app:1.0"', more=more)
    folder.run("lock")
    folder.run("build")
    (locked,) = folder.locked
    assert (locked["name"], locked["reference"]) == ("docker.io/library/app:1.0",) * 2
    assert folder.registry.host not in (folder.home / "bundle.lock").read_text()
    assert json.loads(folder.run("show", "bundle", "--json"))["images"][0]["references"] == ["app:1.0"]


@pytest.mark.parametrize("kind", ["basic", "bearer"])
def test_a_login_of_docker_and_no_trace_of_it(folder: Folder, kind: str) -> None:
    folder.registry.kind, folder.registry.login = kind, "me:s3cret-word"  # type: ignore[assignment]
    folder.describe(_reference(folder, AMD))
    assert f"docker login {folder.registry.host}" in folder.run("lock", code=5)
    folder.log_in("me:wrong-word")
    told = folder.run("lock", code=5)
    assert "E406" in told and "refuses the login" in told and "wrong-word" not in told
    folder.log_in("me:s3cret-word")
    told = folder.run("lock") + folder.run("build")
    texts = [told.encode(), (folder.home / "bundle.lock").read_bytes()]
    texts += [path.read_bytes() for path in (folder.home / "bundle").rglob("*") if path.is_file()]
    packed = base64.b64encode(b"me:s3cret-word")
    assert not any(b"s3cret-word" in one or packed in one or b"token-" in one for one in texts)


def test_a_layout(folder: Folder) -> None:
    write_layout(folder.home / "layout", team_1=BOTH, other_2=AMD)
    folder.describe('layout = "layout"', archs='"x86_64", "aarch64"')
    assert "not made for linux/arm64" in folder.run("lock", code=2)
    folder.describe('layout = "layout"')
    folder.run("lock")
    assert [(one["name"], one["layout"]) for one in folder.locked] == [
        ("docker.io/library/other:2", "layout"),
        ("docker.io/library/team:1", "layout"),
    ]
    folder.run("build")
    assert [one["digest"] for one in folder.entries()] == [AMD.digest, AMD.digest]
    shutil.rmtree(folder.home / "layout")
    folder.run("build", "--offline", "--force")
    # What is in the folder now is what is locked next.
    write_layout(folder.home / "layout", team_1=image(layer(app=b"new")))
    assert "- image docker.io/library/other:2" in folder.run("lock")


def test_what_is_no_layout_or_archive_is_named_as_in_bundle_toml(folder: Folder) -> None:
    (folder.home / "st").mkdir()
    (folder.home / "st/wrong.tgz").write_bytes(gzip.compress(b"no tar" * 1000))
    for wish, *words in (
        ('layout = "st"', "error E110: st: this is no OCI image layout", "found wrong.tgz", "oci-layout"),
        ('layout = "none"', "error E110: none: this is no OCI image layout", "found nothing"),
        ('layout = "st/wrong.tgz"', "no OCI image layout", 'try: archive = "st/wrong.tgz"'),
        ('archive = "st/wrong.tgz"', "error E400: st/wrong.tgz: "),
    ):
        folder.describe(wish)
        told = folder.run("lock", code=5 if wish.startswith("archive") else 2)
        assert all(word in told for word in words), told
        assert str(folder.home / "cache") not in told


def test_an_archive_whose_layer_is_wrong_is_named_as_in_bundle_toml(folder: Folder) -> None:
    write_layout(folder.home / "made", team_1=AMD)
    (layer_digest, *_) = (one for one in AMD.blobs if AMD.config not in one)
    (folder.home / "made/blobs/sha256" / layer_digest.removeprefix("sha256:")).write_bytes(b"another")
    with tarfile.open(folder.home / "app.tar", "w") as tar:
        tar.add(folder.home / "made", ".")
    folder.describe('archive = "app.tar"')
    folder.run("lock")
    told = folder.run("build", code=5)
    assert "error E400: app.tar: " in told and str(folder.home / "cache") not in told


def test_an_image_of_a_layout_without_a_name(folder: Folder) -> None:
    write_layout(folder.home / "layout", latest=AMD)
    folder.describe('layout = "layout"')
    assert "name = " in folder.run("lock", code=2)
    folder.describe('layout = "layout"\nname = "team/app:1"')
    folder.run("lock")
    folder.run("build")
    assert folder.entries()[0]["annotations"]["io.containerd.image.name"] == "docker.io/team/app:1"


def test_an_image_pinned_by_digest_is_told_how_it_is_named(folder: Folder) -> None:
    AMD.put(folder.registry, "team/app")
    name = f"{folder.registry.host}/team/app"
    folder.describe(f'reference = "{name}@{AMD.digest}"')
    assert f'name = "{name}:pinned"' in folder.run("lock", code=2)
    folder.describe(f'reference = "{name}@{AMD.digest}"\nname = "app:pinned"')
    told = folder.run("lock")
    assert f"warning: {name}@{AMD.digest}: hosts know this image as app:pinned alone" in told
    folder.run("build")
    (entry,) = folder.entries()
    assert entry["annotations"]["io.containerd.image.name"] == "docker.io/library/app:pinned"
    assert entry["annotations"]["dev.staithe.image.pinned"] == f"{name}@{AMD.digest}"
    # A tag beside the digest is a name; what it leads to now is of no account.
    BOTH.put(folder.registry, "team/app", "1.0")
    folder.describe(f'reference = "{name}:1.0@{AMD.digest}"')
    folder.run("lock", "--upgrade-all")
    assert f"sha256:{folder.locked[0]['sha256']}" == AMD.digest


def test_what_somebody_lacks_of_an_image_of_two_platforms(folder: Folder) -> None:
    folder.describe(_reference(folder), archs='"x86_64", "aarch64"')
    folder.run("lock")
    folder.run("build", "--out", "old")
    newer = index(image(BASE, layer(app=b"newer")), ARM, extra=[attestation()])
    newer.put(folder.registry, "team/app", "1.0")
    folder.run("lock", "--upgrade-all")
    folder.run("build", "--out", "new")
    folder.run("export", "new", "--out", "delta", "--since", "old")
    assert not {*ARM.blobs} & folder.blobs("delta")
    assert ARM.digest in folder.blobs("delta")
    folder.run("export", "delta", "--with", "old", "--out", "whole")
    assert folder.blobs("whole") == folder.blobs("new")
    assert "every blob" in folder.run("show", "whole", "--verify")


def _named(made: Made, **notes: str) -> Made:
    """Return the index with these annotations at each entry and at itself."""
    content = json.loads(made.content)
    names = {name.replace("_", "."): value for name, value in notes.items()}
    content["annotations"] = names
    for entry in content["manifests"]:
        entry["annotations"] = names
    text = json.dumps(content).encode()
    return replace(made, content=text, manifests={**made.manifests, digest_of(text): (text, made.media_type)})


@pytest.mark.parametrize("docker", [False, True])
def test_a_registry_does_not_name_its_images(folder: Folder, docker: bool) -> None:
    false = {
        "io_containerd_image_name": "docker.io/library/nginx:1.27",
        "org_opencontainers_image_ref_name": "nginx:1.27",
        "dev_staithe_image_pinned": f"docker.io/library/nginx@sha256:{'0' * 64}",
    }
    made = _named(index(image(layer(app=b"x"), docker=docker), docker=docker), **false)
    folder.describe(_reference(folder, made, "x/y", "tool"))
    folder.run("lock")
    name = f"{folder.registry.host}/x/y:tool"
    assert [one["name"] for one in folder.locked] == [name]
    folder.run("build")
    (entry,) = folder.entries()
    notes = entry["annotations"]
    assert notes["io.containerd.image.name"] == notes["org.opencontainers.image.ref.name"] == name
    assert "dev.staithe.image.pinned" not in notes
    (shown,) = json.loads(folder.run("show", "bundle", "--json", "--verify"))["images"]
    assert shown["references"] == [name]


def test_a_name_that_the_lock_does_not_give_makes_no_bundle(folder: Folder) -> None:
    content = json.loads(index(AMD, ARM, extra=[attestation()]).content)
    del content["manifests"][1]["platform"]
    text = json.dumps(content).encode()
    made = replace(BOTH, content=text, manifests={**BOTH.manifests, digest_of(text): (text, BOTH.media_type)})
    folder.describe(
        _reference(folder, made) + '\narchs = ["x86_64"]',
        _reference(folder, ARM, "team/arm") + '\narchs = ["aarch64"]',
        archs='"x86_64", "aarch64"',
    )
    folder.run("lock")
    told = folder.run("build", code=5)
    assert "a name that the lock does not give it" in told and "team/app:1.0 for aarch64" in told
    assert not (folder.home / "bundle").exists()


def test_a_bundle_with_a_name_that_its_lock_does_not_give(folder: Folder) -> None:
    folder.describe(_reference(folder, AMD))
    folder.run("lock")
    folder.run("build")
    path = folder.home / "bundle/index.json"
    content = json.loads(path.read_bytes())
    (entry,) = folder.entries()
    other = dict.fromkeys(entry["annotations"], "docker.io/library/nginx:1.27")
    content["manifests"].append({**entry, "annotations": other})
    path.write_text(json.dumps(content))
    assert "a name that the lock does not give it" in folder.run("show", "bundle", "--verify", code=5)


def test_two_images_cannot_change_places(folder: Folder) -> None:
    other = image(BASE, layer(app=b"other"))
    folder.describe(_reference(folder, AMD), _reference(folder, other, "team/other"))
    folder.run("lock")
    folder.run("build")
    path = folder.home / "bundle/index.json"
    text = path.read_text()
    path.write_text(
        text.replace("team/app:1.0", "TEAM")
        .replace("team/other:1.0", "team/app:1.0")
        .replace("TEAM", "team/other:1.0")
    )
    assert "is not that of its lock" in folder.run("show", "bundle", "--verify", code=5)


def test_a_pushed_bundle_is_no_image(folder: Folder, small_bundle: Path) -> None:
    for path in (small_bundle / "blobs/sha256").iterdir():
        folder.registry.add_blob("site/bundle", path.read_bytes())
        folder.registry.add_manifest("site/bundle", path.read_bytes(), AMD.media_type)
    folder.registry.add_manifest("site/bundle", (small_bundle / "index.json").read_bytes(), INDEX, "1")
    folder.describe(f'reference = "{folder.registry.host}/site/bundle:1"')
    told = folder.run("lock", code=2)
    assert "this is no image" in told and "staithe bundle push" in told and "transfer.registry" in told
    several = json.loads(BOTH.content)
    for number, entry in enumerate(several["manifests"]):
        entry["annotations"] = {"io.containerd.image.name": f"docker.io/team/app:{number}"}
    folder.registry.add_manifest("team/app", json.dumps(several).encode(), INDEX, "several")
    folder.describe(f'reference = "{folder.registry.host}/team/app:several"')
    told = folder.run("lock", code=2)
    assert "this is no image" in told and "docker.io/team/app:0, docker.io/team/app:1" in told
    assert not (folder.home / "bundle.lock").exists()


def test_what_is_no_image(folder: Folder) -> None:
    folder.registry.add_manifest("team/app", b'{"schemaVersion": 1, "fsLayers": []}', AMD.media_type, "one")
    folder.registry.add_manifest("team/app", b'{"manifests": [], "layers": []}', AMD.media_type, "two")
    host = folder.registry.host
    for tag, words in (("one", "no image"), ("two", "no image"), ("none", "no such image")):
        folder.describe(f'reference = "{host}/team/app:{tag}"')
        told = folder.run("lock", code=5 if tag == "none" else 2)
        assert words in told and "team/app" in told


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "one of reference, layout and archive"),
        ('reference = "a:1"\nlayout = "b"', "one of reference, layout and archive"),
        ('reference = "app"', "with its tag or digest"),
        ('reference = "App:1"', "with its tag or digest"),
        ('reference = "https://a.example.com/app:1"', "with its tag or digest"),
        ('reference = "app@sha256:12"', "with its tag or digest"),
        ('reference = "app:1"\nname = "b"', "a name with its tag"),
        ('archive = "a.tar"\nname = "b:1"', "an archive has names of its own"),
        ('reference = "app:1"\n[[image]]\nreference = "docker.io/library/app:1"', "two images have the name"),
        ('reference = "app:1"\narchs = ["aarch64"]', "none of targets.archs"),
        ('reference = "app:1"\n[[registry]]\nhost = "index.docker.io"', 'host = "docker.io"'),
        ('reference = "app:1"\n[[registry]]\nhost = "http://a"', "HOST or HOST:PORT"),
        ('reference = "app:1"\n[[registry]]\nhost = "a.b"\n[[registry]]\nhost = "a.b"', "two registries have"),
        ('reference = "app:1"\n[[registry]]\nhost = "a.b"\nmirror = "a.b/x"', "its own mirror"),
        ('reference = "app:1"\n[[registry]]\nhost = "a.b"\nplain_http = true\nca = "x"', "no certificates"),
    ],
)
def test_a_description_that_is_none(folder: Folder, text: str, words: str) -> None:
    folder.describe(text)
    assert words in folder.run("lock", code=2)
    assert folder.registry.asked == []
