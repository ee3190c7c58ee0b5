"""The small files that turn loose blobs on a host into something `docker load` reads.

The host puts them beside blobs/sha256/ and runs `tar -cf - oci-layout index.json manifest.json blobs/... | docker
load`. The classic store reads manifest.json, the containerd store index.json.
"""

from __future__ import annotations

from collections.abc import Sequence

from staithe.bundle import reference
from staithe.bundle.contents import ImageArtifact
from staithe.bundle.docker_archive import MANIFEST_FILE
from staithe.bundle.documents import dump
from staithe.bundle.image_blobs import descriptor
from staithe.bundle.layout import (
    BLOBS,
    IMAGE_NAME,
    INDEX_FILE,
    INDEX_TYPE,
    OCI_LAYOUT_FILE,
    OCI_LAYOUT_VERSION,
    REF_NAME,
)


def load_metadata(images: Sequence[ImageArtifact]) -> dict[str, bytes]:
    """Return the files by name. The blobs that must lie beside them are `blobs` of each image."""
    names = [(image, reference.full(name)) for image in images for name in image.references]
    index = {
        "schemaVersion": 2,
        "mediaType": INDEX_TYPE,
        "manifests": [
            {**descriptor(image.manifest), "annotations": {IMAGE_NAME: name, REF_NAME: name.rpartition(":")[2]}}
            for image, name in names
        ],
    }
    manifest = [
        {
            "Config": f"{BLOBS}/{image.config.hex}",
            "RepoTags": list(image.references),
            "Layers": [f"{BLOBS}/{layer.hex}" for layer in image.layers],
        }
        for image in images
    ]
    return {
        OCI_LAYOUT_FILE: dump({"imageLayoutVersion": OCI_LAYOUT_VERSION}),
        INDEX_FILE: dump(index),
        MANIFEST_FILE: dump(manifest),
    }
