"""The JSON documents inside a bundle, as models. Foreign keys are ignored where the OCI specification allows them."""

from __future__ import annotations

import json
import re
from typing import Annotated, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, FailFast, Field, StringConstraints, ValidationError

from staithe.bundle.layout import INDEX_TYPE, MANIFEST_TYPE
from staithe.errors import BundleError

# The architecture in the words of OCI and of `uname -m`.
ARCHITECTURES = {"amd64": "x86_64", "arm64": "aarch64"}
OCI_NAMES = {machine: name for name, machine in ARCHITECTURES.items()}
# Manifests and configs are a few KiB; what is larger is no such document.
DOCUMENT_LIMIT_BYTES = 4 * 1024 * 1024

VERSION_PATTERN = r"^[0-9]+\.[0-9]+\.[0-9]+([-~+.][0-9A-Za-z.~+-]+)?$"
Digest = Annotated[str, StringConstraints(pattern=r"^sha256:[0-9a-f]{64}$")]
DocumentT = TypeVar("DocumentT", bound="Document")


class Document(BaseModel):
    """A JSON object of the OCI specification."""

    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)


class Platform(Document):
    """Where an image runs."""

    architecture: str
    os: str
    variant: str | None = None


class Descriptor(Document):
    """A blob: what it is, which, and how large."""

    media_type: str = Field(alias="mediaType")
    digest: Digest
    size: int = Field(ge=0)
    annotations: dict[str, str] = {}
    platform: Platform | None = None
    artifact_type: str | None = Field(default=None, alias="artifactType")

    @property
    def hex(self) -> str:
        return self.digest.removeprefix("sha256:")


Descriptors = Annotated[tuple[Descriptor, ...], FailFast()]


class Index(Document):
    """index.json, or an index of one image's platforms."""

    schema_version: Literal[2] = Field(alias="schemaVersion")
    media_type: str = Field(default=INDEX_TYPE, alias="mediaType")
    manifests: Descriptors
    annotations: dict[str, str] = {}


class Manifest(Document):
    """An image or artifact manifest."""

    schema_version: Literal[2] = Field(alias="schemaVersion")
    media_type: str = Field(default=MANIFEST_TYPE, alias="mediaType")
    artifact_type: str | None = Field(default=None, alias="artifactType")
    config: Descriptor
    layers: Descriptors


class RootFs(Document):
    """The layers of an image, named by their uncompressed content."""

    type: Literal["layers"]
    # A list of millions of mistakes would fill the memory with what is to be said of them.
    diff_ids: Annotated[tuple[Digest, ...], FailFast()]


class ImageConfig(Document):
    """What staithe needs of an image's config."""

    architecture: str
    os: str
    rootfs: RootFs


class LayoutVersion(Document):
    """The file oci-layout."""

    version: str = Field(alias="imageLayoutVersion")


class ProgramEntry(BaseModel):
    """One program of an engine archive."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    sha256: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
    size: int = Field(gt=0)
    mode: Annotated[str, StringConstraints(pattern=r"^[0-7]{3,4}$")]


class EngineConfig(Document):
    """The config blob of an engine archive."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: Literal[1]
    # Part of a folder's name on hosts.
    version: Annotated[str, StringConstraints(pattern=VERSION_PATTERN, max_length=64)]
    arch: Literal["x86_64", "aarch64"]
    programs: dict[Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")], ProgramEntry]


def parse(model: type[DocumentT], content: bytes, where: str) -> DocumentT:
    """Return `content` as `model`; raises BundleError that says which key of which file is wrong."""
    try:
        return model.model_validate_json(content)
    except ValidationError as error:
        raise BundleError(
            f"this is no {_words(model)}: {first_mistake(error)}",
            where=where,
            hint="make the bundle or the archive again; this one is damaged or of another version",
        ) from error


def first_mistake(error: ValidationError) -> str:
    """Return the first thing that is wrong with a document; of a document full of mistakes only that it is."""
    if error.error_count() > 1000:
        return f"it has {error.error_count()} mistakes"
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    path = ".".join(str(part)[:80] for part in first["loc"])
    return (f"{path}: " if path else "") + first["msg"]


def dump(value: object) -> bytes:
    """Return `value` as JSON, the same bytes each time."""
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def _words(model: type[Document]) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", model.__name__).lower()
