"""Opens a bundle: reads its index and manifests, and checks them strictly."""

from __future__ import annotations

import hashlib
import re
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
from staithe.bundle.files import BundleFiles, open_files
from staithe.bundle.layout import (
    BLOBS,
    BUNDLE_NAME,
    BUNDLE_NAME_PATTERN,
    ENGINE_ARCHIVE_TYPE,
    ENGINE_ARTIFACT_TYPE,
    ENGINE_CONFIG_TYPE,
    IMAGE_NAME,
    INDEX_FILE,
    LOCK_SERIAL,
    MANIFEST_TYPE,
    OCI_LAYOUT_FILE,
    OCI_LAYOUT_VERSION,
    SIGNATURE_NAME,
    SIGNATURES,
    blob_name,
)
from staithe.errors import BundleError
from staithe.shell import word

# Each costs reading a document of up to 4 MiB.
_ENTRIES_LIMIT = 1000
_AGAIN = "make it again with `staithe bundle build`, or copy it again"


def read_bundle(path: Path) -> Bundle:
    """Return what the bundle in the folder or tar `path` holds.

    Every blob must be there with its size; their contents are not read, see verify_blobs. Raises BundleError.
    """
    return read_files(open_files(path))


def read_files(files: BundleFiles) -> Bundle:
    """Return what the bundle in these files holds, as read_bundle does."""
    layout = parse(LayoutVersion, _root_file(files, OCI_LAYOUT_FILE), files.place(OCI_LAYOUT_FILE))
    if layout.version != OCI_LAYOUT_VERSION:
        raise _unknown(files.place(OCI_LAYOUT_FILE), "version of the layout", layout.version, OCI_LAYOUT_VERSION)
    content = _root_file(files, INDEX_FILE)
    where = files.place(INDEX_FILE)
    index = parse(Index, content, where)
    if len(index.manifests) > _ENTRIES_LIMIT:
        found = str(len(index.manifests))
        raise BundleError("the bundle names too many things", where=where, found=found, expected=f"{_ENTRIES_LIMIT}")
    engines: list[EngineArtifact] = []
    images: dict[str, ImageArtifact] = {}
    for descriptor in index.manifests:
        if descriptor.media_type != MANIFEST_TYPE:
            raise _unknown(where, "type of a manifest", descriptor.media_type, MANIFEST_TYPE)
        if descriptor.artifact_type == ENGINE_ARTIFACT_TYPE:
            engines.append(_engine(files, descriptor))
        elif descriptor.artifact_type is None:
            known = images.get(descriptor.digest)
            images[descriptor.digest] = _image(files, descriptor, known.references if known else ())
        else:
            raise _unknown(where, "type of an artifact", descriptor.artifact_type, ENGINE_ARTIFACT_TYPE)
    return Bundle(
        files.root,
        f"sha256:{hashlib.sha256(content).hexdigest()}",
        tuple(engines),
        tuple(images.values()),
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


def named_blobs(files: BundleFiles) -> set[str]:
    """Return the names of the files of all blobs that the index and its manifests name, there or not.

    Raises BundleError when a manifest itself is missing.
    """
    index = parse(Index, _root_file(files, INDEX_FILE), files.place(INDEX_FILE))
    named = set()
    for descriptor in index.manifests:
        manifest = _manifest(files, descriptor)
        named |= {blob_name(one.digest) for one in (descriptor, manifest.config, *manifest.layers)}
    return named


def manifest_names(files: BundleFiles) -> set[str]:
    """Return the names of the files of the manifests in the index."""
    index = parse(Index, _root_file(files, INDEX_FILE), files.place(INDEX_FILE))
    return {blob_name(one.digest) for one in index.manifests}


def _verify(files: BundleFiles, name: str) -> None:
    digest = hashlib.sha256()
    with files.open(name) as stream:
        while chunk := stream.read(CHUNK_BYTES):
            digest.update(chunk)
    expected = name.rpartition("/")[2]
    if digest.hexdigest() != expected:
        raise BundleError(
            "a blob was changed", where=files.place(name), found=digest.hexdigest(), expected=expected, hint=_AGAIN
        )


def _name(index: Index, where: str) -> str:
    name = index.annotations.get(BUNDLE_NAME, "")
    if name and not re.fullmatch(BUNDLE_NAME_PATTERN, name):
        raise BundleError(
            "the bundle has a name that is none",
            where=where,
            found=ascii(name[:100]),
            expected="letters, digits and . _ -",
            hint=_AGAIN,
        )
    return name


def _serial(index: Index, where: str) -> int | None:
    text = index.annotations.get(LOCK_SERIAL)
    if text is None:
        return None
    if not re.fullmatch("[0-9]{1,18}", text):
        raise BundleError("the serial of the lock is no number", where=where, found=text, hint=_AGAIN)
    return int(text)


def _engine(files: BundleFiles, descriptor: Descriptor) -> EngineArtifact:
    manifest = _manifest(files, descriptor)
    where = files.place(blob_name(descriptor.digest))
    types = [manifest.config.media_type, *(layer.media_type for layer in manifest.layers)]
    if types != [ENGINE_CONFIG_TYPE, ENGINE_ARCHIVE_TYPE]:
        raise _unknown(where, "form of an engine", ", ".join(types), f"{ENGINE_CONFIG_TYPE}, {ENGINE_ARCHIVE_TYPE}")
    content = _document(files, manifest.config)
    config = parse(EngineConfig, content, files.place(blob_name(manifest.config.digest)))
    programs = {name: Program(entry.sha256, entry.size) for name, entry in sorted(config.programs.items())}
    return EngineArtifact(config.version, config.arch, _blob(files, manifest.layers[0]), programs)


def _image(files: BundleFiles, descriptor: Descriptor, references: tuple[str, ...]) -> ImageArtifact:
    name = descriptor.annotations.get(IMAGE_NAME)
    platform = descriptor.platform
    if name is None or platform is None or platform.architecture not in ARCHITECTURES:
        raise BundleError(
            f"the image {descriptor.digest} has no {'name' if name is None else 'known platform'}",
            where=files.place(INDEX_FILE),
            hint=_AGAIN,
        )
    manifest = _manifest(files, descriptor)
    return ImageArtifact(
        references=tuple(sorted({*references, reference.familiar(name)})),
        arch=ARCHITECTURES[platform.architecture],
        manifest=_blob(files, descriptor),
        config=_blob(files, manifest.config),
        layers=tuple(_blob(files, layer) for layer in manifest.layers),
    )


def _manifest(files: BundleFiles, descriptor: Descriptor) -> Manifest:
    return parse(Manifest, _document(files, descriptor), files.place(blob_name(descriptor.digest)))


def _document(files: BundleFiles, descriptor: Descriptor) -> bytes:
    """Return a small blob, whose content must have its digest."""
    blob = _blob(files, descriptor)
    name = blob_name(blob.digest)
    if blob.size_bytes > DOCUMENT_LIMIT_BYTES:
        raise BundleError("this blob is too large for a JSON document", where=files.place(name), hint=_AGAIN)
    with files.open(name) as stream:
        content = stream.read(DOCUMENT_LIMIT_BYTES)
    found = hashlib.sha256(content).hexdigest()
    if found != blob.hex:
        raise BundleError("a blob was changed", where=files.place(name), found=found, expected=blob.hex, hint=_AGAIN)
    return content


def _blob(files: BundleFiles, descriptor: Descriptor) -> Blob:
    """Return the blob of a descriptor, after a look whether it is there with its size."""
    name = blob_name(descriptor.digest)
    size_bytes = files.sizes.get(name, -1)
    if size_bytes < 0:
        raise _missing(files, name)
    if size_bytes != descriptor.size:
        raise BundleError(
            "a blob has another size",
            where=files.place(name),
            found=f"{size_bytes}",
            expected=f"{descriptor.size}",
            hint=_AGAIN,
        )
    return Blob(descriptor.digest, size_bytes, descriptor.media_type)


def _missing(files: BundleFiles, name: str) -> BundleError:
    index = parse(Index, _root_file(files, INDEX_FILE), files.place(INDEX_FILE))
    missing = [name]
    if all(files.sizes.get(blob_name(one.digest), -1) == one.size for one in index.manifests):
        missing = [one for one in named_blobs(files) if files.sizes.get(one, -1) < 0]
    more = f"; {len(missing) - 1} more are missing" if len(missing) > 1 else ""
    return BundleError(
        f"a blob is missing{more}",
        where=files.place(name),
        hint="copy it again; a delta (`export --since OLD`) is made whole first: "
        f"staithe bundle export {word(str(files.root))} --with OLD --out FOLDER",
    )


def _root_file(files: BundleFiles, name: str) -> bytes:
    if files.sizes.get(name, -1) < 0:
        raise BundleError("this is no bundle", where=str(files.root), found=f"no {name}", hint=_AGAIN)
    with files.open(name) as stream:
        content = stream.read(DOCUMENT_LIMIT_BYTES + 1)
    if len(content) > DOCUMENT_LIMIT_BYTES:
        raise BundleError("this is too large for a JSON document", where=files.place(name), hint=_AGAIN)
    return content


def _unknown(where: str, what: str, found: str, expected: str) -> BundleError:
    return BundleError(
        f"unknown {what}", where=where, found=found, expected=expected, hint="read it with a newer staithe"
    )
