"""Small OCI images for tests: made here, put into a registry or a layout."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.registry_server import RegistryServer

INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
DOCKER_INDEX = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_CONFIG = "application/vnd.docker.container.image.v1+json"
DOCKER_LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"


@dataclass(frozen=True)
class Made:
    """A manifest or index and everything below it."""

    content: bytes
    media_type: str
    blobs: Mapping[str, bytes]  # by digest
    manifests: Mapping[str, tuple[bytes, str]]  # by digest, this one too
    architecture: str = ""

    @property
    def digest(self) -> str:
        return digest_of(self.content)

    @property
    def descriptor(self) -> dict[str, Any]:
        return describe(self.content, self.media_type)

    @property
    def config(self) -> str:
        digest: str = json.loads(self.content)["config"]["digest"]
        return digest.removeprefix("sha256:")

    def put(self, registry: RegistryServer, repository: str, *tags: str) -> None:
        """Put it into a registry."""
        for blob in self.blobs.values():
            registry.add_blob(repository, blob)
        for content, media_type in self.manifests.values():
            registry.add_manifest(repository, content, media_type)
        registry.add_manifest(repository, self.content, self.media_type, *tags)


def digest_of(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def describe(content: bytes, media_type: str) -> dict[str, Any]:
    return {"mediaType": media_type, "digest": digest_of(content), "size": len(content)}


def layer(**files: bytes) -> bytes:
    """Return a layer as a plain tar."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as tar:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size, info.mode = len(content), 0o755
            tar.addfile(info, io.BytesIO(content))
    return stream.getvalue()


def image(*layers: bytes, architecture: str = "amd64", docker: bool = False, **config: Any) -> Made:
    """Return an image of these layers, in OCI's words or in docker's own."""
    packed = [gzip.compress(one, mtime=0) for one in layers]
    rootfs = {"type": "layers", "diff_ids": [digest_of(one) for one in layers]}
    history = [{"created": "2024-01-01T00:00:00Z", "created_by": f"layer {n}"} for n, _ in enumerate(layers)]
    settings = json.dumps(
        {"architecture": architecture, "os": "linux", "rootfs": rootfs, "history": history, "config": config}
    ).encode()
    types = (DOCKER_MANIFEST, DOCKER_CONFIG, DOCKER_LAYER) if docker else (MANIFEST, CONFIG, LAYER)
    manifest = json.dumps(
        {
            "schemaVersion": 2,
            "mediaType": types[0],
            "config": describe(settings, types[1]),
            "layers": [describe(one, types[2]) for one in packed],
        },
        indent=1,
    ).encode()
    blobs = {digest_of(one): one for one in (settings, *packed)}
    return Made(manifest, types[0], blobs, {digest_of(manifest): (manifest, types[0])}, architecture)


def index(*images: Made, docker: bool = False, extra: Sequence[dict[str, Any]] = ()) -> Made:
    """Return an index of images by their platforms, and of `extra` entries that nothing is behind."""
    entries = [{**one.descriptor, "platform": {"architecture": one.architecture, "os": "linux"}} for one in images]
    media_type = DOCKER_INDEX if docker else INDEX
    content = json.dumps(
        {"schemaVersion": 2, "mediaType": media_type, "manifests": [*entries, *extra]}, indent=2
    ).encode()
    blobs = {digest: blob for one in images for digest, blob in one.blobs.items()}
    manifests = {digest: found for one in images for digest, found in one.manifests.items()}
    return Made(content, media_type, blobs, {**manifests, digest_of(content): (content, media_type)})


def attestation() -> dict[str, Any]:
    """Return the entry of what buildx puts beside an image."""
    return {
        **describe(b"provenance", MANIFEST),
        "platform": {"architecture": "unknown", "os": "unknown"},
        "annotations": {"vnd.docker.reference.type": "attestation-manifest"},
    }


def write_layout(folder: Path, **images: Made) -> None:
    """Write a layout; a name of "" is no name."""
    (folder / "blobs/sha256").mkdir(parents=True)
    (folder / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}')
    entries = []
    for name, made in images.items():
        contents = [*made.blobs.values(), *(content for content, _ in made.manifests.values())]
        for content in contents:
            (folder / "blobs/sha256" / digest_of(content).removeprefix("sha256:")).write_bytes(content)
        notes = {"org.opencontainers.image.ref.name": name.replace("_", ":")}
        entries.append({**made.descriptor, "annotations": notes})
    (folder / "index.json").write_text(json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": entries}))
