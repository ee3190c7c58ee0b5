"""Artifact manifests: how a bundle names what is no image (OCI image-spec 1.1, guidelines for artifact usage)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from staithe.bundle.blob_store import BlobStore
from staithe.bundle.contents import Blob
from staithe.bundle.documents import dump
from staithe.bundle.image_blobs import descriptor
from staithe.bundle.layout import MANIFEST_TYPE, TITLE


def titled(blob: Blob, title: str) -> dict[str, Any]:
    """Return the descriptor of a layer that is a file of that name."""
    return {**descriptor(blob), "annotations": {TITLE: title}}


def add_artifact(
    store: BlobStore,
    artifact_type: str,
    config: Blob,
    layers: Sequence[Mapping[str, Any]],
    annotations: Mapping[str, str],
) -> dict[str, Any]:
    """Store a manifest, and return its entry for the index. `annotations` are the entry's."""
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST_TYPE,
        "artifactType": artifact_type,
        "config": descriptor(config),
        "layers": list(layers),
    }
    return {
        **descriptor(store.add_bytes(dump(manifest), MANIFEST_TYPE)),
        "artifactType": artifact_type,
        "annotations": dict(annotations),
    }
