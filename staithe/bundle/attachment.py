"""Documents about a bundle inside it, bundle.lock and the SBOM: an artifact manifest with one layer each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from staithe.bundle.artifact import add_artifact, titled
from staithe.bundle.blob_store import BlobStore
from staithe.bundle.contents import Blob
from staithe.bundle.documents import Descriptor
from staithe.bundle.files import BundleFiles
from staithe.bundle.layout import EMPTY_TYPE, REF_NAME, blob_name
from staithe.bundle.read_blobs import blob, manifest, unknown


@dataclass(frozen=True)
class Attachment:
    """A document and what it is."""

    name: str  # of a file: bundle.lock
    artifact_type: str
    content: bytes


def add_attachment(attachment: Attachment, store: BlobStore) -> dict[str, Any]:
    """Store the document, and return its entry for the index."""
    layer = store.add_bytes(attachment.content, attachment.artifact_type)
    config = store.add_bytes(b"{}", EMPTY_TYPE)
    return add_artifact(
        store, attachment.artifact_type, config, [titled(layer, attachment.name)], {REF_NAME: attachment.name}
    )


def read_attachment(files: BundleFiles, entry: Descriptor) -> Blob:
    """Return the document's blob; raises BundleError."""
    parts = manifest(files, entry)
    if len(parts.layers) != 1:
        found = f"{len(parts.layers)} layers"
        raise unknown(files.place(blob_name(entry.digest)), "form of a document", found, "one layer")
    blob(files, parts.config)
    return blob(files, parts.layers[0])
