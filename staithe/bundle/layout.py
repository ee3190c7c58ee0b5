"""Every file name, media type and annotation of a bundle, in one place.

A bundle is an OCI image layout (image-spec 1.1): blobs by sha256, index.json, one artifact manifest for each engine
archive, and ordinary image manifests.
"""

from __future__ import annotations

OCI_LAYOUT_FILE = "oci-layout"
OCI_LAYOUT_VERSION = "1.0.0"
INDEX_FILE = "index.json"
BLOBS = "blobs/sha256"
# SSH signatures, outside of what the same files make the same: NAME.sig, each over the line that
# `sha256sum index.json` prints.
SIGNATURES = "signatures"
SIGNATURE_NAME = r"[A-Za-z0-9][A-Za-z0-9._@-]{0,99}\.sig"
SIGNATURE_NAMESPACE = "bundle@staithe"

INDEX_TYPE = "application/vnd.oci.image.index.v1+json"
MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"
# The same before OCI; registries are full of them. In a layout no tool looks for them: bundles have OCI's.
DOCKER_INDEX_TYPE = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_MANIFEST_TYPE = "application/vnd.docker.distribution.manifest.v2+json"
INDEX_TYPES = (INDEX_TYPE, DOCKER_INDEX_TYPE)
IMAGE_MANIFEST_TYPES = (MANIFEST_TYPE, DOCKER_MANIFEST_TYPE)
IMAGE_CONFIG_TYPE = "application/vnd.oci.image.config.v1+json"
LAYER_TYPE = "application/vnd.oci.image.layer.v1.tar"
LAYER_GZIP_TYPE = "application/vnd.oci.image.layer.v1.tar+gzip"

ENGINE_ARTIFACT_TYPE = "application/vnd.staithe.engine.v1"
# The engine manifest's config blob: JSON, version, arch and each program's sha256, size and mode.
ENGINE_CONFIG_TYPE = "application/vnd.staithe.engine.config.v1+json"
ENGINE_ARCHIVE_TYPE = "application/vnd.staithe.engine.static.v1.tar+gzip"

# The packages for one kind of host. The config blob is JSON: which, for whom, signed by which keys; the layers are
# the RPMs, the repository's metadata and the public keys, each with its name as its title.
PACKAGES_ARTIFACT_TYPE = "application/vnd.staithe.packages.v1"
PACKAGES_CONFIG_TYPE = "application/vnd.staithe.packages.config.v1+json"
RPM_TYPE = "application/x-rpm"
REPODATA_TYPE = "application/vnd.staithe.repodata.v1+xml"
KEY_TYPE = "application/pgp-keys"
# Documents about the bundle itself: one layer, an empty config.
LOCK_ARTIFACT_TYPE = "application/vnd.staithe.lock.v1+toml"
SBOM_ARTIFACT_TYPE = "application/vnd.cyclonedx+json"
EMPTY_TYPE = "application/vnd.oci.empty.v1+json"

TITLE = "org.opencontainers.image.title"
REF_NAME = "org.opencontainers.image.ref.name"
IMAGE_NAME = "io.containerd.image.name"
# Of an image: the digest of what it was taken from, where the bundle has not that very document; and the reference by
# digest that somebody pinned it with.
IMAGE_ORIGIN = "dev.staithe.image.origin"
IMAGE_PINNED = "dev.staithe.image.pinned"
ENGINE_VERSION = "io.staithe.engine.version"
# Of index.json itself.
BUNDLE_NAME = "dev.staithe.bundle.name"
BUNDLE_NAME_PATTERN = r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}"
LOCK_SERIAL = "dev.staithe.lock.serial"


def blob_name(digest: str) -> str:
    """Return the name of the file of a blob."""
    return f"{BLOBS}/{digest.removeprefix('sha256:')}"
