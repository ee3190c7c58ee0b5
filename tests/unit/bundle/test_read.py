"""Bundles that were damaged, cut, or written by someone else: one clear error, and never a half-read bundle."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from staithe.bundle.build import EngineSource, build
from staithe.bundle.read import read_bundle, verify_blobs
from staithe.errors import BundleError

Make = Callable[..., Path]


@pytest.fixture
def root(make_engine: Make, make_tar: Make, samples: Any, tmp_path: Path) -> Path:
    out = tmp_path / "bundle"
    build([EngineSource(make_engine(), "28.5.2")], [make_tar(samples.new(samples.image()))], out)
    return out


def blobs(root: Path) -> list[Path]:
    return sorted((root / "blobs/sha256").iterdir())


def edit_index(root: Path, change: Callable[[dict[str, Any]], None]) -> None:
    index = json.loads((root / "index.json").read_text())
    change(index)
    (root / "index.json").write_text(json.dumps(index))


def rewrite(root: Path, samples: Any, media_type: str, change: Callable[[dict[str, Any]], None]) -> None:
    """Change the engine's manifest or config, with digests that fit: what another program could have written."""

    def put(content: bytes) -> dict[str, Any]:
        (root / "blobs/sha256" / samples.sha256(content)).write_bytes(content)
        return {"digest": f"sha256:{samples.sha256(content)}", "size": len(content)}

    def load(entry: dict[str, Any]) -> dict[str, Any]:
        loaded: dict[str, Any] = json.loads((root / "blobs/sha256" / entry["digest"][7:]).read_text())
        return loaded

    def change_index(index: dict[str, Any]) -> None:
        entry = next(entry for entry in index["manifests"] if "artifactType" in entry)
        manifest = load(entry)
        if media_type == "config":
            config = load(manifest["config"])
            change(config)
            manifest["config"].update(put(json.dumps(config).encode()))
        else:
            change(manifest)
        entry.update(put(json.dumps(manifest).encode()))

    edit_index(root, change_index)


def test_there_is_no_folder(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="no bundle") as failure:
        read_bundle(tmp_path / "missing")
    assert "bundle build" in (failure.value.hint or "")


@pytest.mark.parametrize("name", ["oci-layout", "index.json"])
def test_a_folder_that_is_no_bundle(root: Path, name: str) -> None:
    (root / name).unlink()
    with pytest.raises(BundleError, match="no bundle") as failure:
        read_bundle(root)
    assert failure.value.found == f"no {name}"


@pytest.mark.parametrize("name", ["oci-layout", "index.json"])
@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b"\xff\xfe", b'{"schemaVersion": 3, "manifests": []}'])
def test_a_document_that_is_none(root: Path, name: str, content: bytes) -> None:
    (root / name).write_bytes(content)
    with pytest.raises(BundleError, match=name):
        read_bundle(root)


def test_every_missing_blob_is_seen(root: Path, tmp_path: Path) -> None:
    for blob in blobs(root):
        copy = tmp_path / "copy"
        shutil.copytree(root, copy)
        (copy / "blobs/sha256" / blob.name).unlink()
        with pytest.raises(BundleError, match=f"{blob.name}: a blob is missing"):
            read_bundle(copy)
        shutil.rmtree(copy)


def test_every_blob_of_another_size_is_seen(root: Path, tmp_path: Path) -> None:
    for blob in blobs(root):
        copy = tmp_path / "copy"
        shutil.copytree(root, copy)
        with (copy / "blobs/sha256" / blob.name).open("ab") as stream:
            stream.write(b"x")
        with pytest.raises(BundleError, match=f"{blob.name}: a blob has another size"):
            read_bundle(copy)
        shutil.rmtree(copy)


def test_every_changed_blob_is_seen_when_asked(root: Path, tmp_path: Path) -> None:
    verify_blobs(read_bundle(root))
    for blob in blobs(root):
        copy = tmp_path / "copy"
        shutil.copytree(root, copy)
        content = bytearray(blob.read_bytes())
        content[-1] ^= 1
        (copy / "blobs/sha256" / blob.name).write_bytes(bytes(content))
        with pytest.raises(BundleError, match=f"{blob.name}: a blob was changed"):
            verify_blobs(read_bundle(copy))
        shutil.rmtree(copy)


@pytest.mark.parametrize("name", ["notes.txt", "blobs/extra", f"blobs/sha256/{'0' * 64}"])
def test_an_extra_file_is_seen_when_asked(root: Path, name: str) -> None:
    (root / name).write_bytes(b"")
    bundle = read_bundle(root)
    with pytest.raises(BundleError, match="does not belong"):
        verify_blobs(bundle)


def test_a_digest_never_leads_outside(root: Path) -> None:
    edit_index(root, lambda index: index["manifests"][0].update(digest="sha256:../../../etc/passwd"))
    with pytest.raises(BundleError, match=r"manifests\.0\.digest"):
        read_bundle(root)


def test_a_blob_that_is_a_link_is_refused(root: Path, tmp_path: Path) -> None:
    blob = blobs(root)[0]
    blob.rename(tmp_path / "elsewhere")
    blob.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(BundleError, match="missing"):
        read_bundle(root)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"mediaType": "application/vnd.oci.image.index.v1+json"}, "unknown type of a manifest"),
        ({"artifactType": "application/vnd.staithe.engine.v2"}, "unknown type of an artifact"),
        ({"artifactType": None, "annotations": {}}, "has no name"),
        ({"artifactType": None, "platform": None, "annotations": {"io.containerd.image.name": "a:1"}}, "platform"),
        ({"size": -1}, "size"),
    ],
)
def test_an_entry_of_an_unknown_kind(root: Path, change: dict[str, Any], message: str) -> None:
    def apply(index: dict[str, Any]) -> None:
        next(entry for entry in index["manifests"] if "artifactType" in entry).update(change)

    edit_index(root, apply)
    with pytest.raises(BundleError, match=message):
        read_bundle(root)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"schema_version": 2}, "schema_version"),
        ({"arch": "sparc"}, "arch"),
        ({"new_key": 1}, "new_key"),
        ({"programs": {"../../bin/sh": {"sha256": "0" * 64, "size": 1, "mode": "755"}}}, "programs"),
        ({"programs": {"dockerd": {"sha256": "short", "size": 1, "mode": "755"}}}, r"programs\.dockerd\.sha256"),
    ],
)
def test_an_engine_config_of_another_schema(root: Path, samples: Any, change: dict[str, Any], message: str) -> None:
    rewrite(root, samples, "config", lambda config: config.update(change))
    with pytest.raises(BundleError, match=message):
        read_bundle(root)


def test_an_engine_of_another_form(root: Path, samples: Any) -> None:
    rewrite(root, samples, "manifest", lambda manifest: manifest.update(layers=[]))
    with pytest.raises(BundleError, match="unknown form of an engine"):
        read_bundle(root)


def test_a_document_with_another_digest_is_refused_at_once(root: Path) -> None:
    index = json.loads((root / "index.json").read_text())
    path = root / "blobs/sha256" / index["manifests"][0]["digest"][7:]
    path.write_bytes(path.read_bytes().replace(b"sha256:", b"sha257:"))
    with pytest.raises(BundleError, match="was changed"):
        read_bundle(root)
