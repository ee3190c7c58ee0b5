"""What is put beside loose blobs is a whole `docker save` archive: read back, it is the same image."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from staithe.bundle.build import build
from staithe.bundle.contents import Bundle
from staithe.bundle.load_archive import load_metadata

Make = Callable[..., Path]


def archive(bundle: Bundle, *, without: str = "") -> dict[str, bytes]:
    members = {name: content for name, content in load_metadata(bundle.images).items() if name != without}
    for image in bundle.images:
        for blob in image.blobs:
            members[f"blobs/sha256/{blob.hex}"] = bundle.open(blob).read()
    return members


def test_it_can_be_read_as_either_format(make_tar: Make, samples: Any, tmp_path: Path) -> None:
    one = samples.image(tags=("busybox:1.35", "localhost:5000/b:1"), compressed=True)
    two = samples.image(tags=("team/app:1",), files=(b"base", b"more"))
    first = build([], [make_tar(samples.old(one, two))], tmp_path / "first")
    as_oci = build([], [make_tar(archive(first, without="manifest.json"), "oci.tar")], tmp_path / "oci")
    assert as_oci.images == first.images
    as_docker = build([], [make_tar(archive(first, without="oci-layout"), "docker.tar")], tmp_path / "docker")
    assert as_docker.images == first.images


def test_docker_is_told_the_short_names_and_containerd_the_full_ones(
    make_tar: Make, samples: Any, tmp_path: Path
) -> None:
    bundle = build([], [make_tar(samples.new(samples.image(tags=("busybox:1.35",))))], tmp_path / "out")
    files = load_metadata(bundle.images)
    [entry] = json.loads(files["manifest.json"])
    assert entry["RepoTags"] == ["busybox:1.35"]
    assert entry["Config"] == f"blobs/sha256/{bundle.images[0].config.hex}"
    [descriptor] = json.loads(files["index.json"])["manifests"]
    assert descriptor["annotations"] == {
        "io.containerd.image.name": "docker.io/library/busybox:1.35",
        "org.opencontainers.image.ref.name": "1.35",
    }
    assert json.loads(files["oci-layout"]) == {"imageLayoutVersion": "1.0.0"}


def test_images_are_told_apart_and_the_bytes_are_the_same_each_time(
    make_tar: Make, samples: Any, tmp_path: Path
) -> None:
    bundle = build([], [make_tar(samples.new(samples.image(), samples.image(tags=("b:1",))))], tmp_path / "out")
    assert load_metadata(bundle.images) == load_metadata(bundle.images)
    assert len(json.loads(load_metadata(bundle.images[:1])["manifest.json"])) == 1
