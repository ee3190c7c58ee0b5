"""Image archives that are not whole, not honest, or not for this program."""

from __future__ import annotations

import gzip
import json
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from staithe.bundle.build import build
from staithe.errors import BundleError

Make = Callable[..., Path]


@pytest.fixture
def refuse(make_tar: Make, tmp_path: Path) -> Callable[..., BundleError]:
    def check(members: dict[str, Any], message: str) -> BundleError:
        with pytest.raises(BundleError, match=message) as failure:
            build([], [make_tar(members)], tmp_path / "out")
        assert not (tmp_path / "out").exists()
        return failure.value

    return check


Refuse = Callable[..., BundleError]


def test_a_tar_of_something_else(refuse: Refuse) -> None:
    assert "docker save" in (refuse({"README": b"hello"}, "no image archive").hint or "")


@pytest.mark.parametrize("content", [b"", b"text", b"\x1f\x8bnot gzip"])
def test_no_tar_at_all(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "image.tar").write_bytes(content)
    with pytest.raises(BundleError, match=r"damaged|no image"):
        build([], [tmp_path / "image.tar"], tmp_path / "out")


def test_an_image_without_a_name(refuse: Refuse, samples: Any) -> None:
    for form in (samples.old, samples.new):
        error = refuse(form(samples.image(tags=())), "has no name")
        assert "docker save" in (error.hint or "")


@pytest.mark.parametrize("form", ["old", "new"])
def test_an_image_for_an_unknown_machine(refuse: Refuse, samples: Any, form: str) -> None:
    error = refuse(getattr(samples, form)(samples.image(architecture="s390x")), "does not know")
    assert error.found == "linux/s390x"
    refuse(getattr(samples, form)(samples.image(config={"os": "windows"})), "does not know")


@pytest.mark.parametrize("form", ["old", "new"])
def test_a_missing_file_is_named(refuse: Refuse, samples: Any, form: str) -> None:
    whole = getattr(samples, form)(samples.image())
    for name in whole:
        if name in ("manifest.json", "oci-layout", "index.json"):
            continue
        refuse({key: value for key, value in whole.items() if key != name}, "is not in the archive")


def test_a_layer_that_is_not_what_the_config_says(refuse: Refuse, samples: Any) -> None:
    members = samples.old(samples.image())
    name = next(name for name in members if name.endswith("layer.tar"))
    refuse(members | {name: samples.tar({"file": b"evil"})}, "not what the archive says")


def test_a_blob_that_is_not_what_its_name_says(refuse: Refuse, samples: Any) -> None:
    members = samples.new(samples.image())
    for name in members:
        if name.startswith("blobs"):
            refuse(members | {name: members[name].replace(b"0", b"1")}, "not what")


def test_a_compressed_layer_that_is_damaged(refuse: Refuse, samples: Any) -> None:
    image = samples.image(compressed=True)
    members = samples.old(image)
    name = next(name for name in members if name.endswith("layer.tar"))
    refuse(members | {name: members[name][:-20]}, "damaged or cut short")


def test_a_compressed_layer_with_another_content(refuse: Refuse, samples: Any) -> None:
    members = samples.old(samples.image(compressed=True))
    name = next(name for name in members if name.endswith("layer.tar"))
    refuse(members | {name: gzip.compress(samples.tar({"file": b"evil"}))}, "uncompressed")


def test_a_layer_compressed_with_zstd(refuse: Refuse, samples: Any) -> None:
    members = samples.old(samples.image())
    name = next(name for name in members if name.endswith("layer.tar"))
    refuse(members | {name: b"\x28\xb5\x2f\xfd" + bytes(100)}, "zstd")


def test_more_layers_than_the_config_names(refuse: Refuse, samples: Any) -> None:
    members = samples.old(samples.image())
    entries = json.loads(members["manifest.json"])
    entries[0]["Layers"].append(entries[0]["Layers"][0])
    refuse(members | {"manifest.json": json.dumps(entries).encode()}, "not the layers")


@pytest.mark.parametrize(
    "manifest", [b"", b"{}", b"[]", b'[{"Config": 1}]', b'[{"Config": "x", "Layers": ["y"], "RepoTags": ["z:1"]}]']
)
def test_a_manifest_that_docker_does_not_write(refuse: Refuse, samples: Any, manifest: bytes) -> None:
    refuse(
        samples.old(samples.image()) | {"manifest.json": manifest}, r"Config|JSON|valid|at least|not in the archive"
    )


def test_a_manifest_far_too_large(refuse: Refuse, samples: Any) -> None:
    refuse(samples.old(samples.image()) | {"manifest.json": b" " * (4 * 1024 * 1024 + 1)}, "too large")


@pytest.mark.parametrize("target", ["../../../../etc/passwd", "/etc/passwd", "layer.tar", "missing"])
def test_a_link_never_leaves_the_archive(refuse: Refuse, samples: Any, target: str) -> None:
    members = samples.old(samples.image())
    name = next(name for name in members if name.endswith("layer.tar"))
    refuse(members | {name: samples.special(name, tarfile.SYMTYPE, target)}, "is not in the archive")


def test_a_folder_never_leads_outside(samples: Any, tmp_path: Path) -> None:
    members = samples.new(samples.image(), docker=False)
    for name, content in members.items():
        path = tmp_path / "layout" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    assert build([], [tmp_path / "layout"], tmp_path / "out").images[0].references == ("team/app:1",)
    (tmp_path / "layout" / "manifest.json").write_text(
        json.dumps([{"Config": "../secret", "RepoTags": ["x:1"], "Layers": []}])
    )
    (tmp_path / "layout" / "oci-layout").unlink()
    (tmp_path / "secret").write_text("{}")
    with pytest.raises(BundleError, match=r"\.\./secret is not in the archive"):
        build([], [tmp_path / "layout"], tmp_path / "other")


def test_a_layout_of_another_version(refuse: Refuse, samples: Any) -> None:
    members = samples.new(samples.image(), docker=False) | {"oci-layout": b'{"imageLayoutVersion":"2.0.0"}'}
    assert refuse(members, "unknown version").expected == "1.0.0"


def multi_platform(samples: Any) -> tuple[dict[str, Any], Any, Any]:
    """An index of an index: two machines that are there, one that was not saved, and a provenance manifest."""
    amd, arm = samples.image(), samples.image(architecture="arm64", files=(b"arm",))
    one, two = samples.new(amd, docker=False), samples.new(arm, docker=False)
    entries = [json.loads(members["index.json"])["manifests"][0] for members in (one, two)]
    for entry, machine in zip(entries, ("amd64", "arm64"), strict=True):
        del entry["annotations"]
        entry["platform"] = {"os": "linux", "architecture": machine}
    absent = {**entries[0], "digest": "sha256:" + "0" * 64, "platform": {"os": "linux", "architecture": "s390x"}}
    provenance = {**absent, "annotations": {"vnd.docker.reference.type": "attestation-manifest"}}
    nested = json.dumps({"schemaVersion": 2, "manifests": [*entries, absent, provenance]}).encode()
    top = {
        "mediaType": "application/vnd.oci.image.index.v1+json",
        "digest": f"sha256:{samples.sha256(nested)}",
        "size": len(nested),
        "annotations": {"org.opencontainers.image.ref.name": "registry.example/app:7"},
    }
    index = json.dumps({"schemaVersion": 2, "manifests": [top]}).encode()
    blob = {f"blobs/sha256/{samples.sha256(nested)}": nested}
    return {**one, **two, **blob, "index.json": index}, amd, arm


def test_an_index_of_platforms(make_tar: Make, samples: Any, tmp_path: Path) -> None:
    members, amd, arm = multi_platform(samples)
    bundle = build([], [make_tar(members)], tmp_path / "out")
    assert {image.arch: image.config.digest for image in bundle.images} == {
        "x86_64": amd.config_digest,
        "aarch64": arm.config_digest,
    }
    assert {image.references for image in bundle.images} == {("registry.example/app:7",)}


def test_whoever_names_an_index_names_its_images(make_tar: Make, samples: Any, tmp_path: Path) -> None:
    members, _amd, _arm = multi_platform(samples)
    top = json.loads(members["index.json"])
    old = top["manifests"][0]["digest"].removeprefix("sha256:")
    inner = json.loads(members.pop(f"blobs/sha256/{old}"))
    for entry in inner["manifests"]:
        entry.setdefault("annotations", {})["io.containerd.image.name"] = "docker.io/library/nginx:1.27"
        entry["annotations"]["dev.staithe.image.pinned"] = "docker.io/library/nginx@sha256:" + "0" * 64
    nested = json.dumps(inner).encode()
    top["manifests"][0] |= {"digest": f"sha256:{samples.sha256(nested)}", "size": len(nested)}
    members |= {f"blobs/sha256/{samples.sha256(nested)}": nested, "index.json": json.dumps(top).encode()}
    bundle = build([], [make_tar(members)], tmp_path / "out")
    assert {image.references for image in bundle.images} == {("registry.example/app:7",)}
    assert {image.pinned for image in bundle.images} == {None}
    # A tag alone is no name: it leaves it to those below.
    top["manifests"][0]["annotations"] = {"org.opencontainers.image.ref.name": "7"}
    members["index.json"] = json.dumps(top).encode()
    bundle = build([], [make_tar(members)], tmp_path / "other")
    assert {image.references for image in bundle.images} == {("nginx:1.27",)}


def test_an_index_without_any_of_its_images(refuse: Refuse, samples: Any) -> None:
    members, _amd, _arm = multi_platform(samples)
    manifests = {name for name, content in members.items() if name.startswith("blobs") and b'"config"' in content}
    refuse({name: content for name, content in members.items() if name not in manifests}, "holds no image")


def test_the_manifest_of_a_layout_stays_as_it_is(make_tar: Make, samples: Any, tmp_path: Path) -> None:
    members = samples.new(samples.image(compressed=True))
    digest = json.loads(members["index.json"])["manifests"][0]["digest"]
    assert build([], [make_tar(members)], tmp_path / "out").images[0].manifest.digest == digest


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_a_tar_that_was_cut_never_makes_a_bundle(
    make_tar: Make, samples: Any, tmp_path: Path, data: st.DataObject
) -> None:
    form = data.draw(st.sampled_from(["old", "new"]))
    path = make_tar(getattr(samples, form)(samples.image()))
    content = path.read_bytes()
    # Of the zeros that tar ends with only the first block is asked for.
    end = len(content.rstrip(b"\0"))
    path.write_bytes(content[: data.draw(st.integers(0, end - 1))])
    with pytest.raises(BundleError):
        build([], [path], tmp_path / "out")
    assert not (tmp_path / "out").exists()
