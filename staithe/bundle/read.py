"""Opens a bundle: reads its index and manifests, and checks them strictly."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from staithe.bundle.attachment import read_attachment
from staithe.bundle.blob_store import CHUNK_BYTES
from staithe.bundle.contents import Blob, Bundle, EngineArtifact, ImageArtifact, PackageSet, Program
from staithe.bundle.documents import (
    Descriptor,
    EngineConfig,
    Index,
    LayoutVersion,
    parse,
)
from staithe.bundle.files import BundleFiles, open_files
from staithe.bundle.layout import (
    BLOBS,
    BUNDLE_NAME,
    BUNDLE_NAME_PATTERN,
    ENGINE_ARCHIVE_TYPE,
    ENGINE_ARTIFACT_TYPE,
    ENGINE_CONFIG_TYPE,
    INDEX_FILE,
    LOCK_ARTIFACT_TYPE,
    LOCK_SERIAL,
    MANIFEST_TYPE,
    OCI_LAYOUT_FILE,
    OCI_LAYOUT_VERSION,
    PACKAGES_ARTIFACT_TYPE,
    SBOM_ARTIFACT_TYPE,
    SIGNATURE_NAME,
    SIGNATURES,
    blob_name,
)
from staithe.bundle.package_set import read_package_set
from staithe.bundle.read_blobs import AGAIN, blob, document, manifest, named_blobs, root_file, unknown
from staithe.bundle.read_image import joined, read_image
from staithe.errors import BundleError

# Each costs reading a document of up to 4 MiB.
_ENTRIES_LIMIT = 1000


def read_bundle(path: Path) -> Bundle:
    """Return what the bundle in the folder or tar `path` holds.

    Every blob must be there with its size; their contents are not read, see verify_blobs. Raises BundleError.
    """
    return read_files(open_files(path))


def read_files(files: BundleFiles) -> Bundle:
    """Return what the bundle in these files holds, as read_bundle does."""
    layout = parse(LayoutVersion, root_file(files, OCI_LAYOUT_FILE), files.place(OCI_LAYOUT_FILE))
    if layout.version != OCI_LAYOUT_VERSION:
        raise unknown(files.place(OCI_LAYOUT_FILE), "version of the layout", layout.version, OCI_LAYOUT_VERSION)
    content = root_file(files, INDEX_FILE)
    where = files.place(INDEX_FILE)
    index = parse(Index, content, where)
    if len(index.manifests) > _ENTRIES_LIMIT:
        found = str(len(index.manifests))
        raise BundleError("the bundle names too many things", where=where, found=found, expected=f"{_ENTRIES_LIMIT}")
    engines: list[EngineArtifact] = []
    images: dict[str, ImageArtifact] = {}
    package_sets: list[PackageSet] = []
    attachments: dict[str, Blob] = {}
    for descriptor in index.manifests:
        if descriptor.artifact_type is None:
            for image in read_image(files, descriptor):
                images[image.manifest.digest] = joined(image, images.get(image.manifest.digest))
        elif descriptor.media_type != MANIFEST_TYPE:
            raise unknown(where, "type of a manifest", descriptor.media_type, MANIFEST_TYPE)
        elif descriptor.artifact_type == ENGINE_ARTIFACT_TYPE:
            engines.append(_engine(files, descriptor))
        elif descriptor.artifact_type == PACKAGES_ARTIFACT_TYPE:
            package_sets.append(read_package_set(files, descriptor))
        elif descriptor.artifact_type in (LOCK_ARTIFACT_TYPE, SBOM_ARTIFACT_TYPE):
            attachments[descriptor.artifact_type] = read_attachment(files, descriptor)
        else:
            raise unknown(where, "type of an artifact", descriptor.artifact_type, ENGINE_ARTIFACT_TYPE)
    return Bundle(
        files.root,
        f"sha256:{hashlib.sha256(content).hexdigest()}",
        tuple(engines),
        tuple(images.values()),
        tuple(package_sets),
        lock=attachments.get(LOCK_ARTIFACT_TYPE),
        sbom=attachments.get(SBOM_ARTIFACT_TYPE),
        name=_name(index, where),
        serial=_serial(index, where),
        files=files,
    )


def verify_blobs(bundle: Bundle) -> None:
    """Hash every blob of the bundle; raises BundleError for one that was changed, or that nothing names."""
    assert bundle.files is not None
    verify_names(bundle.files)
    for name in bundle.files.sizes:
        if name.startswith(f"{BLOBS}/"):
            _verify(bundle.files, name)


def verify_names(files: BundleFiles) -> None:
    """Look for files that nothing in the bundle names; raises BundleError."""
    expected = {INDEX_FILE, OCI_LAYOUT_FILE, *named_blobs(files)}
    for name, size_bytes in sorted(files.sizes.items()):
        is_signature = re.fullmatch(f"{SIGNATURES}/{SIGNATURE_NAME}", name) and size_bytes >= 0
        if name not in expected and not is_signature:
            raise BundleError(
                "a file does not belong to the bundle",
                where=files.place(name),
                hint="find out who put it there; without it, verify again",
            )


def _verify(files: BundleFiles, name: str) -> None:
    digest = hashlib.sha256()
    with files.open(name) as stream:
        while chunk := stream.read(CHUNK_BYTES):
            digest.update(chunk)
    expected = name.rpartition("/")[2]
    if digest.hexdigest() != expected:
        raise BundleError(
            "a blob was changed", where=files.place(name), found=digest.hexdigest(), expected=expected, hint=AGAIN
        )


def _name(index: Index, where: str) -> str:
    name = index.annotations.get(BUNDLE_NAME, "")
    if name and not re.fullmatch(BUNDLE_NAME_PATTERN, name):
        raise BundleError(
            "the bundle has a name that is none",
            where=where,
            found=ascii(name[:100]),
            expected="letters, digits and . _ -",
            hint=AGAIN,
        )
    return name


def _serial(index: Index, where: str) -> int | None:
    text = index.annotations.get(LOCK_SERIAL)
    if text is None:
        return None
    if not re.fullmatch("[0-9]{1,18}", text):
        raise BundleError("the serial of the lock is no number", where=where, found=text, hint=AGAIN)
    return int(text)


def _engine(files: BundleFiles, descriptor: Descriptor) -> EngineArtifact:
    parts = manifest(files, descriptor)
    where = files.place(blob_name(descriptor.digest))
    types = [parts.config.media_type, *(layer.media_type for layer in parts.layers)]
    if types != [ENGINE_CONFIG_TYPE, ENGINE_ARCHIVE_TYPE]:
        raise unknown(where, "form of an engine", ", ".join(types), f"{ENGINE_CONFIG_TYPE}, {ENGINE_ARCHIVE_TYPE}")
    content = document(files, parts.config)
    config = parse(EngineConfig, content, files.place(blob_name(parts.config.digest)))
    programs = {name: Program(entry.sha256, entry.size) for name, entry in sorted(config.programs.items())}
    return EngineArtifact(config.version, config.arch, blob(files, parts.layers[0]), programs)
