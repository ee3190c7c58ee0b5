"""Blobs and documents of a bundle: found, and compared with what names them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from staithe.bundle.contents import Blob
from staithe.bundle.documents import DOCUMENT_LIMIT_BYTES, Descriptor, Index, Manifest, parse
from staithe.bundle.files import BundleFiles
from staithe.bundle.layout import INDEX_FILE, INDEX_TYPE, blob_name
from staithe.errors import BundleError
from staithe.shell import word

AGAIN = "make it again with `staithe bundle build`, or copy it again"


def manifest(files: BundleFiles, descriptor: Descriptor) -> Manifest:
    """Return a manifest; raises BundleError."""
    return parse(Manifest, document(files, descriptor), files.place(blob_name(descriptor.digest)))


def document(files: BundleFiles, descriptor: Descriptor) -> bytes:
    """Return a small blob, whose content must have its digest."""
    small = blob(files, descriptor)
    name = blob_name(small.digest)
    if small.size_bytes > DOCUMENT_LIMIT_BYTES:
        raise BundleError("this blob is too large for a JSON document", where=files.place(name), hint=AGAIN)
    with files.open(name) as stream:
        content = stream.read(DOCUMENT_LIMIT_BYTES)
    found = hashlib.sha256(content).hexdigest()
    if found != small.hex:
        raise BundleError("a blob was changed", where=files.place(name), found=found, expected=small.hex, hint=AGAIN)
    return content


def blob(files: BundleFiles, descriptor: Descriptor) -> Blob:
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
            hint=AGAIN,
        )
    return Blob(descriptor.digest, size_bytes, descriptor.media_type)


def _missing(files: BundleFiles, name: str) -> BundleError:
    index = parse(Index, root_file(files, INDEX_FILE), files.place(INDEX_FILE))
    missing = [name]
    # Only with all manifests it is known what else is missing; those of images' indexes are named by these alone.
    if all(_is_there(files, one) for one in index.manifests) and all(
        _is_there(files, one) for one in _manifests(files)
    ):
        missing = [one for one in named_blobs(files) if files.sizes.get(one, -1) < 0]
    more = f"; {len(missing) - 1} more are missing" if len(missing) > 1 else ""
    return BundleError(
        f"a blob is missing{more}",
        where=files.place(name),
        hint="copy it again; a delta (`export --since OLD`) is made whole first: "
        f"staithe bundle export {word(str(files.root))} --with OLD --out FOLDER",
    )


def _is_there(files: BundleFiles, descriptor: Descriptor) -> bool:
    return files.sizes.get(blob_name(descriptor.digest), -1) == descriptor.size


def root_file(files: BundleFiles, name: str) -> bytes:
    """Return the content of a document beside the blobs; raises BundleError."""
    if files.sizes.get(name, -1) < 0:
        raise BundleError("this is no bundle", where=str(files.root), found=f"no {name}", hint=AGAIN)
    with files.open(name) as stream:
        content = stream.read(DOCUMENT_LIMIT_BYTES + 1)
    if len(content) > DOCUMENT_LIMIT_BYTES:
        raise BundleError("this is too large for a JSON document", where=files.place(name), hint=AGAIN)
    return content


def unknown(where: str, what: str, found: str, expected: str) -> BundleError:
    """Make the error for what only a newer staithe knows."""
    return BundleError(
        f"unknown {what}", where=where, found=found, expected=expected, hint="read it with a newer staithe"
    )


def named_blobs(files: BundleFiles) -> set[str]:
    """Return the names of the files of all blobs that the index and its manifests name, there or not.

    Raises BundleError when a manifest itself is missing.
    """
    named = manifest_names(files)
    for descriptor in _manifests(files):
        found = manifest(files, descriptor)
        named |= {blob_name(one.digest) for one in (found.config, *found.layers)}
    return named


def manifest_names(files: BundleFiles) -> set[str]:
    """Return the names of the files of the manifests, and of the indexes of images, that the index names."""
    index = parse(Index, root_file(files, INDEX_FILE), files.place(INDEX_FILE))
    return {blob_name(one.digest) for one in (*index.manifests, *_manifests(files))}


def _manifests(files: BundleFiles) -> Iterator[Descriptor]:
    """Yield the manifests that the index names, itself or by an image's index."""
    index = parse(Index, root_file(files, INDEX_FILE), files.place(INDEX_FILE))
    for descriptor in index.manifests:
        if descriptor.media_type == INDEX_TYPE:
            yield from parse(Index, document(files, descriptor), files.place(blob_name(descriptor.digest))).manifests
        else:
            yield descriptor
