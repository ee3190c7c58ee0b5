"""Entries of images in a bundle's index: platforms of one name together, and what is refused on reading."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from staithe.bundle.build import build
from staithe.bundle.read import read_bundle
from staithe.errors import BundleError
from tests.oci_images import INDEX, Made, describe, digest_of, image, index, layer, write_layout

AMD = image(layer(app=b"amd64"))
ARM = image(layer(app=b"arm64"), architecture="arm64")


def _entries(bundle: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((bundle / "index.json").read_bytes())["manifests"]
    return found


def _built(folder: Path, **images: Made) -> Path:
    paths = []
    for name, made in images.items():
        write_layout(folder / name, team_1=made)
        paths.append(folder / name)
    build([], paths, folder / "out")
    return folder / "out"


def test_platforms_from_several_archives_stand_in_one_index(tmp_path: Path) -> None:
    (entry,) = _entries(_built(tmp_path, one=AMD, two=ARM))
    assert entry["mediaType"] == INDEX
    assert "dev.staithe.image.origin" not in entry["annotations"]
    bundle = read_bundle(tmp_path / "out")
    assert {(one.arch, one.manifest.digest) for one in bundle.images} == {
        ("x86_64", AMD.digest),
        ("aarch64", ARM.digest),
    }
    assert {one.references for one in bundle.images} == {("team:1",)}
    assert all(entry["digest"] in one.ids for one in bundle.images)


def test_an_index_that_is_whole_stays_and_its_digest_is_an_id(tmp_path: Path) -> None:
    both = index(AMD, ARM)
    (entry,) = _entries(_built(tmp_path, one=both))
    assert entry["digest"] == both.digest
    assert all(both.digest in one.ids for one in read_bundle(tmp_path / "out").images)


def test_two_archives_with_other_images_of_one_name(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"claim to be docker\.io/library/team:1 for x86_64"):
        _built(tmp_path, one=AMD, two=image(layer(app=b"other")))


@pytest.mark.parametrize(
    ("manifests", "words"),
    [
        ([], "unknown form of an image"),
        ([{**AMD.descriptor, "platform": {"architecture": "amd64", "os": "linux"}}] * 2, "unknown form of an image"),
        ([AMD.descriptor], "no known platform"),
        ([{**AMD.descriptor, "platform": {"architecture": "s390x", "os": "linux"}}], "no known platform"),
        (
            [{**AMD.descriptor, "mediaType": INDEX, "platform": {"architecture": "amd64", "os": "linux"}}],
            "unknown type of a manifest",
        ),
        (
            [{**describe(b"gone", AMD.media_type), "platform": {"architecture": "amd64", "os": "linux"}}],
            "a blob is missing",
        ),
        ("none", "this is no index"),
    ],
)
def test_an_index_of_platforms_that_is_none(tmp_path: Path, manifests: Any, words: str) -> None:
    out = _built(tmp_path, one=AMD)
    content = json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": manifests}).encode()
    (out / "blobs/sha256" / digest_of(content).removeprefix("sha256:")).write_bytes(content)
    top = json.loads((out / "index.json").read_bytes())
    top["manifests"][0] |= describe(content, INDEX)
    (out / "index.json").write_text(json.dumps(top))
    with pytest.raises(BundleError, match=words):
        read_bundle(out)
