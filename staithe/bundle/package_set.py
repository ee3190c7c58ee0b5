"""The packages for one kind of host inside a bundle: an artifact manifest that names RPMs, metadata and keys."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, StringConstraints

from staithe.bundle.artifact import add_artifact, titled
from staithe.bundle.blob_store import BlobStore
from staithe.bundle.contents import Blob, Package, PackageSet
from staithe.bundle.documents import Descriptor, Digest, Document, dump, parse
from staithe.bundle.files import BundleFiles
from staithe.bundle.layout import (
    KEY_TYPE,
    PACKAGES_ARTIFACT_TYPE,
    PACKAGES_CONFIG_TYPE,
    REF_NAME,
    REPODATA_TYPE,
    blob_name,
)
from staithe.bundle.read_blobs import AGAIN, blob, document, manifest, unknown
from staithe.errors import BundleError

# Names become names of files on hosts.
_FileName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_][A-Za-z0-9._+~^-]{0,254}$")]
_Fingerprint = Annotated[str, StringConstraints(pattern=r"^[0-9A-F]{40,64}$")]


class _PackageEntry(Document):
    model_config = ConfigDict(frozen=True, extra="forbid")

    nevra: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_][A-Za-z0-9._+:~^-]{0,511}$")]
    file: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_][A-Za-z0-9._+~^-]{0,250}\.rpm$")]
    digest: Digest
    key: _Fingerprint


class PackagesConfig(Document):
    """The config blob of a package set."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: Literal[1]
    target: Annotated[str, StringConstraints(pattern=r"^el[0-9]{1,2}-(x86_64|aarch64)$")]
    engine: Annotated[str, StringConstraints(pattern=r"^[0-9]+\.[0-9]+\.[0-9]+$")] | None
    packages: tuple[_PackageEntry, ...]
    metadata: dict[_FileName, Digest]
    keys: dict[_FileName, Digest]


@dataclass(frozen=True)
class PackageFile:
    """A package on this machine."""

    nevra: str
    file_name: str
    key: str
    path: Path
    blob: Blob
    # Where in the file its tags end.
    payload_start: int


@dataclass(frozen=True)
class PackageSource:
    """What a package set is made of."""

    target: str
    engine: str | None
    packages: Sequence[PackageFile]
    metadata: dict[str, bytes]
    keys: dict[str, bytes]


def add_package_set(source: PackageSource, store: BlobStore) -> dict[str, Any]:
    """Store the set, and return its entry for the index."""
    layers: list[dict[str, Any]] = []

    def layer(content: Blob, title: str) -> str:
        layers.append(titled(content, title))
        return content.digest

    packages = []
    for one in sorted(source.packages, key=lambda one: one.nevra):
        digest = layer(store.add_file(one.path, one.blob), one.file_name)
        packages.append({"nevra": one.nevra, "file": one.file_name, "digest": digest, "key": one.key})
    metadata = {
        name: layer(store.add_bytes(content, REPODATA_TYPE), f"repodata/{name}")
        for name, content in sorted(source.metadata.items())
    }
    keys = {name: layer(store.add_bytes(content, KEY_TYPE), name) for name, content in sorted(source.keys.items())}
    config = PackagesConfig.model_validate(
        {
            "schema_version": 1,
            "target": source.target,
            "engine": source.engine,
            "packages": packages,
            "metadata": metadata,
            "keys": keys,
        }
    )
    config_blob = store.add_bytes(dump(config.model_dump(mode="json")), PACKAGES_CONFIG_TYPE)
    names = {REF_NAME: f"packages:{source.target}"}
    return add_artifact(store, PACKAGES_ARTIFACT_TYPE, config_blob, layers, names)


def read_package_set(files: BundleFiles, entry: Descriptor) -> PackageSet:
    """Return the set that an entry of the index names; raises BundleError."""
    parts = manifest(files, entry)
    where = files.place(blob_name(entry.digest))
    if parts.config.media_type != PACKAGES_CONFIG_TYPE:
        raise unknown(where, "form of a package set", parts.config.media_type, PACKAGES_CONFIG_TYPE)
    config = parse(PackagesConfig, document(files, parts.config), files.place(blob_name(parts.config.digest)))
    layers = {layer.digest: blob(files, layer) for layer in parts.layers}
    named = [*(one.digest for one in config.packages), *config.metadata.values(), *config.keys.values()]
    names = [one.file for one in config.packages]
    if set(named) != set(layers) or len(set(names)) != len(names):
        raise BundleError("the package set does not name what it holds", where=where, hint=AGAIN)
    return PackageSet(
        target=config.target,
        engine=config.engine,
        packages=tuple(Package(one.nevra, one.file, one.key, layers[one.digest]) for one in config.packages),
        metadata={name: layers[digest] for name, digest in config.metadata.items()},
        keys={name: layers[digest] for name, digest in config.keys.items()},
    )
