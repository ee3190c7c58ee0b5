"""What registries say of an image, when they say nonsense."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from staithe.errors import LockError
from staithe.sourcing.image_documents import chosen_platforms, media_type, read_config, read_manifest
from tests.oci_images import DOCKER_INDEX, INDEX, MANIFEST, describe, image, index, layer

_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(
        ["mediaType", "manifests", "config", "layers", "digest", "size", "platform", "os", "architecture", "rootfs"]
    ), inner),
    max_leaves=20,
)  # fmt: skip


@given(_JSON)
def test_nonsense_is_one_error(data: Any) -> None:
    content = json.dumps(data).encode()
    for read in (
        media_type,
        read_manifest,
        read_config,
        lambda content, where: chosen_platforms(content, ["x86_64"], where),
    ):
        with contextlib.suppress(LockError):
            read(content, "here")


@given(st.binary())
def test_what_is_no_json(content: bytes) -> None:
    with pytest.raises(LockError, match="no image"):
        media_type(content, "here")


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ({"manifests": []}, INDEX),
        ({"manifests": [], "mediaType": DOCKER_INDEX}, DOCKER_INDEX),
        ({"config": {}, "layers": []}, MANIFEST),
    ],
)
def test_a_document_without_its_type(data: dict[str, Any], expected: str) -> None:
    assert media_type(json.dumps(data).encode(), "here") == expected


def test_layers_that_old_engines_cannot_load() -> None:
    made = json.loads(image(layer(a=b"")).content)
    made["layers"][0]["mediaType"] = "application/vnd.oci.image.layer.v1.tar+zstd"
    with pytest.raises(LockError, match="zstd"):
        read_manifest(json.dumps(made).encode(), "here")


def _of_platforms(*variants: str | None, **notes: str) -> tuple[bytes, list[str]]:
    """Return an index of amd64 images of these variants, and their digests; the notes are those of the last."""
    made = [image(layer(a=str(number).encode())) for number, _ in enumerate(variants)]
    content = json.loads(index(*made).content)
    for entry, variant in zip(content["manifests"], variants, strict=True):
        entry["platform"] |= {"variant": variant} if variant else {}
    content["manifests"][-1]["annotations"] = notes
    windows = {**describe(b"w", MANIFEST), "platform": {"architecture": "amd64", "os": "windows"}}
    content["manifests"].insert(0, windows)
    return json.dumps(content).encode(), [one.digest for one in made]


@pytest.mark.parametrize(
    ("variants", "notes"),
    [((None, "v3"), {}), ((None, None), {"io.github.containers.compression.zstd": "true"})],
)
def test_the_first_variant_is_taken_and_others_passed_over(variants: tuple[str], notes: dict[str, str]) -> None:
    content, digests = _of_platforms(*variants, **notes)
    found = chosen_platforms(content, ["x86_64"], "here")
    assert {arch: one.digest for arch, one in found.items()} == {"x86_64": digests[0]}


@pytest.mark.parametrize("variants", [(None, None), (None, "v3", "v3")])
def test_two_images_of_one_platform_are_refused(variants: tuple[str | None, ...]) -> None:
    content, digests = _of_platforms(*variants)
    with pytest.raises(LockError, match="two images for linux/amd64") as caught:
        chosen_platforms(content, ["x86_64"], "here")
    assert caught.value.found == " and ".join(digests[-2:])


def test_an_image_twice_is_one() -> None:
    amd = image(layer(a=b"1"))
    assert chosen_platforms(index(amd, amd).content, ["x86_64"], "here")["x86_64"].digest == amd.digest
