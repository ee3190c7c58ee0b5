"""A section whose keys are written with dashes, as in daemon.json."""

from __future__ import annotations

from typing import Any

from pydantic import ConfigDict, Field

from staithe.config.section import Section


class Dashed(Section):
    """A JSON object of daemon.json: the field `data_root` is the key `data-root`."""

    model_config = ConfigDict(alias_generator=lambda name: name.replace("_", "-"))


def key(description: str, **constraints: Any) -> Any:
    """Declare a key that is left out of daemon.json unless it is set."""
    return Field(default=None, description=description, **constraints)
