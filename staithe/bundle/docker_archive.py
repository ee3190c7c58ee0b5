"""Reads what `docker save` writes: manifest.json beside configs and layers.

Two forms share it: ID/layer.tar with links between layers that are alike (before 25.0), and blobs/sha256/ (since).
Format: moby image/tarexport (docs in image/spec/v1.2.md).
"""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, FailFast, Field, TypeAdapter, ValidationError

from staithe.bundle import reference
from staithe.bundle.archive_files import ArchiveFiles, read_document
from staithe.bundle.documents import ImageConfig, first_mistake, parse
from staithe.bundle.source_image import SourceImage, SourceLayer, arch_of, unnamed
from staithe.errors import BundleError

MANIFEST_FILE = "manifest.json"

_BLOB = re.compile(r"blobs/sha256/([0-9a-f]{64})")


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    config: str = Field(alias="Config")
    repo_tags: Annotated[tuple[str, ...], FailFast(), BeforeValidator(lambda tags: tags or ())] = Field(
        alias="RepoTags", default=()
    )
    layers: Annotated[tuple[str, ...], FailFast()] = Field(alias="Layers")


_Entries = TypeAdapter(Annotated[tuple[_Entry, ...], FailFast(), Field(min_length=1)])


def read_docker_archive(files: ArchiveFiles) -> list[SourceImage]:
    """Return the images of the archive; raises BundleError when it is not whole."""
    where = f"{files.where}: {MANIFEST_FILE}"
    return [_image(entry, files, where) for entry in _entries(files, where)]


def tags_by_config(files: ArchiveFiles) -> dict[str, tuple[str, ...]]:
    """Return the names that manifest.json gives, by the config's digest, for configs that are named by it."""
    tags = {}
    for entry in _entries(files, f"{files.where}: {MANIFEST_FILE}"):
        if match := _BLOB.fullmatch(entry.config):
            tags[f"sha256:{match.group(1)}"] = _references(entry)
    return tags


def _entries(files: ArchiveFiles, where: str) -> tuple[_Entry, ...]:
    try:
        return _Entries.validate_json(read_document(files, MANIFEST_FILE))
    except ValidationError as error:
        raise BundleError(first_mistake(error), where=where, expected="what docker save writes") from error


def _image(entry: _Entry, files: ArchiveFiles, where: str) -> SourceImage:
    content = read_document(files, entry.config)
    config = parse(ImageConfig, content, f"{files.where}: {entry.config}")
    diff_ids = config.rootfs.diff_ids
    if len(diff_ids) != len(entry.layers):
        raise BundleError(
            f"the image {entry.config} has not the layers that its config names",
            where=where,
            found=f"{len(entry.layers)} layers",
            expected=f"{len(diff_ids)}",
        )
    if not entry.repo_tags:
        raise unnamed(files.where)
    return SourceImage(
        references=_references(entry),
        config=content,
        config_digest=_named_digest(entry.config),
        arch=arch_of(config, files.where),
        layers=tuple(
            SourceLayer(name, diff_id, _named_digest(name))
            for name, diff_id in zip(entry.layers, diff_ids, strict=True)
        ),
    )


def _references(entry: _Entry) -> tuple[str, ...]:
    return tuple(sorted({reference.full(tag) for tag in entry.repo_tags or ()}))


def _named_digest(name: str) -> str | None:
    match = _BLOB.fullmatch(name)
    return f"sha256:{match.group(1)}" if match else None
