"""Images that every host has from the start."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Discriminator, Field, Tag

from staithe.config.section import Section
from staithe.config.values import ImageReference, unexpected


def _kind(value: Any) -> str:
    return "<list>" if isinstance(value, list | tuple) else "<all>"


def _all_or_list(value: Any) -> Any:
    if value != "all" and not isinstance(value, list | tuple):
        raise unexpected('"all" or a list of image references')
    return value


class Images(Section):
    """Which images of the bundle are loaded on the host."""

    load: Annotated[
        Annotated[Literal["all"], Tag("<all>")] | Annotated[tuple[ImageReference, ...], Tag("<list>")],
        Discriminator(_kind),
        BeforeValidator(_all_or_list),
    ] = Field(
        default="all",
        description='"all" images of the bundle that fit the host\'s architecture, or a list of their references.',
        examples=[["staithe/smoke:1"]],
    )
    keep_blobs: bool = Field(
        default=True,
        description="Whether the blobs of this and the former generation's images stay in "
        "/var/lib/staithe/blobs. They take as much room as the images' archives, and spare sending them again (a "
        "deleted image, a new data-root, the way back).",
        examples=[False],
    )
