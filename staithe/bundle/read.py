"""Opens a bundle: reads its index and manifests, and checks them strictly."""

from __future__ import annotations

import hashlib
from pathlib import Path

from staithe.bundle import reference
from staithe.bundle.blob_store import CHUNK_BYTES
from staithe.bundle.contents import Blob, Bundle, EngineArtifact, ImageArtifact, Program
from staithe.bundle.documents import (
    ARCHITECTURES,
    DOCUMENT_LIMIT_BYTES,
    Descriptor,
    EngineConfig,
    Index,
    LayoutVersion,
    Manifest,
    parse,
)
from staithe.bundle.layout import (
    BLOBS,
    ENGINE_ARCHIVE_TYPE,
    ENGINE_ARTIFACT_TYPE,
    ENGINE_CONFIG_TYPE,
    IMAGE_NAME,
    INDEX_FILE,
    MANIFEST_TYPE,
    OCI_LAYOUT_FILE,
    OCI_LAYOUT_VERSION,
)
from staithe.errors import BundleError

# Each costs reading a document of up to 4 MiB.
_ENTRIES_LIMIT = 1000
_AGAIN = "make it again with `staithe bundle build`, or copy it again"


def read_bundle(path: Path) -> Bundle:
    """Return what the bundle in the folder `path` holds.

    Every blob must be there with its size; their contents are not read, see verify_blobs. Raises BundleError.
    """
    root = path.absolute()
    if not root.is_dir():
        raise BundleError(
            "there is no bundle", where=str(path), hint="make one: `staithe bundle build --engine FILE --out FOLDER`"
        )
    layout = parse(LayoutVersion, _root_file(root, OCI_LAYOUT_FILE), str(root / OCI_LAYOUT_FILE))
    if layout.version != OCI_LAYOUT_VERSION:
        raise _unknown(root / OCI_LAYOUT_FILE, "version of the layout", layout.version, OCI_LAYOUT_VERSION)
    content = _root_file(root, INDEX_FILE)
    index = parse(Index, content, str(root / INDEX_FILE))
    if len(index.manifests) > _ENTRIES_LIMIT:
        found = str(len(index.manifests))
        raise BundleError(
            "the bundle names too many things",
            where=str(root / INDEX_FILE),
            found=found,
            expected=f"{_ENTRIES_LIMIT}",
        )
    engines: list[EngineArtifact] = []
    images: dict[str, ImageArtifact] = {}
    for descriptor in index.manifests:
        if descriptor.media_type != MANIFEST_TYPE:
            raise _unknown(root / INDEX_FILE, "type of a manifest", descriptor.media_type, MANIFEST_TYPE)
        if descriptor.artifact_type == ENGINE_ARTIFACT_TYPE:
            engines.append(_engine(root, descriptor))
        elif descriptor.artifact_type is None:
            known = images.get(descriptor.digest)
            images[descriptor.digest] = _image(root, descriptor, known.references if known else ())
        else:
            raise _unknown(root / INDEX_FILE, "type of an artifact", descriptor.artifact_type, ENGINE_ARTIFACT_TYPE)
    return Bundle(root, f"sha256:{hashlib.sha256(content).hexdigest()}", tuple(engines), tuple(images.values()))


def verify_blobs(bundle: Bundle) -> None:
    """Hash every blob of the bundle; raises BundleError for one that was changed, or that nothing names."""
    expected = {INDEX_FILE, OCI_LAYOUT_FILE, *(f"{BLOBS}/{name}" for name in _named_blobs(bundle.root))}
    for path in sorted(bundle.root.rglob("*")):
        name = path.relative_to(bundle.root).as_posix()
        if path.is_dir() and not path.is_symlink():
            continue
        if name not in expected:
            raise BundleError("a file does not belong to the bundle", where=str(path), hint=_AGAIN)
        if path.parent.name == "sha256":
            _verify(path)


def _named_blobs(root: Path) -> set[str]:
    index = parse(Index, _root_file(root, INDEX_FILE), str(root / INDEX_FILE))
    named = set()
    for descriptor in index.manifests:
        manifest = _manifest(root, descriptor)
        named |= {descriptor.hex, manifest.config.hex, *(layer.hex for layer in manifest.layers)}
    return named


def _verify(path: Path) -> None:
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(CHUNK_BYTES):
            digest.update(chunk)
    if digest.hexdigest() != path.name:
        raise BundleError(
            "a blob was changed", where=str(path), found=digest.hexdigest(), expected=path.name, hint=_AGAIN
        )


def _engine(root: Path, descriptor: Descriptor) -> EngineArtifact:
    manifest = _manifest(root, descriptor)
    where = root / BLOBS / descriptor.hex
    types = [manifest.config.media_type, *(layer.media_type for layer in manifest.layers)]
    if types != [ENGINE_CONFIG_TYPE, ENGINE_ARCHIVE_TYPE]:
        raise _unknown(where, "form of an engine", ", ".join(types), f"{ENGINE_CONFIG_TYPE}, {ENGINE_ARCHIVE_TYPE}")
    content = _document(root, manifest.config)
    config = parse(EngineConfig, content, str(root / BLOBS / manifest.config.hex))
    programs = {name: Program(entry.sha256, entry.size) for name, entry in sorted(config.programs.items())}
    return EngineArtifact(config.version, config.arch, _blob(root, manifest.layers[0]), programs)


def _image(root: Path, descriptor: Descriptor, references: tuple[str, ...]) -> ImageArtifact:
    name = descriptor.annotations.get(IMAGE_NAME)
    platform = descriptor.platform
    if name is None or platform is None or platform.architecture not in ARCHITECTURES:
        raise BundleError(
            f"the image {descriptor.digest} has no {'name' if name is None else 'known platform'}",
            where=str(root / INDEX_FILE),
            hint=_AGAIN,
        )
    manifest = _manifest(root, descriptor)
    return ImageArtifact(
        references=tuple(sorted({*references, reference.familiar(name)})),
        arch=ARCHITECTURES[platform.architecture],
        manifest=_blob(root, descriptor),
        config=_blob(root, manifest.config),
        layers=tuple(_blob(root, layer) for layer in manifest.layers),
    )


def _manifest(root: Path, descriptor: Descriptor) -> Manifest:
    return parse(Manifest, _document(root, descriptor), str(root / BLOBS / descriptor.hex))


def _document(root: Path, descriptor: Descriptor) -> bytes:
    """Return a small blob, whose content must have its digest."""
    blob = _blob(root, descriptor)
    path = root / BLOBS / blob.hex
    if blob.size_bytes > DOCUMENT_LIMIT_BYTES:
        raise BundleError("this blob is too large for a JSON document", where=str(path), hint=_AGAIN)
    _verify(path)
    return path.read_bytes()


def _blob(root: Path, descriptor: Descriptor) -> Blob:
    """Return the blob of a descriptor, after a look whether it is there with its size."""
    path = root / BLOBS / descriptor.hex
    if not path.is_file() or path.is_symlink():
        raise BundleError("a blob is missing", where=str(path), hint=_AGAIN)
    size_bytes = path.stat().st_size
    if size_bytes != descriptor.size:
        raise BundleError(
            "a blob has another size",
            where=str(path),
            found=f"{size_bytes}",
            expected=f"{descriptor.size}",
            hint=_AGAIN,
        )
    return Blob(descriptor.digest, size_bytes, descriptor.media_type)


def _root_file(root: Path, name: str) -> bytes:
    path = root / name
    if not path.is_file():
        raise BundleError("this folder is no bundle", where=str(root), found=f"no {name}", hint=_AGAIN)
    with path.open("rb") as stream:
        content = stream.read(DOCUMENT_LIMIT_BYTES + 1)
    if len(content) > DOCUMENT_LIMIT_BYTES:
        raise BundleError("this is too large for a JSON document", where=str(path), hint=_AGAIN)
    return content


def _unknown(path: Path, what: str, found: str, expected: str) -> BundleError:
    return BundleError(
        f"unknown {what}", where=str(path), found=found, expected=expected, hint="read it with a newer staithe"
    )
