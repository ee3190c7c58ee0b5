"""The bundles of a run, each opened once for all its hosts."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from staithe.bundle.contents import Bundle
from staithe.bundle.read import read_bundle
from staithe.config import Config
from staithe.errors import ConfigError


def bundle_of(config: Config) -> Bundle:
    """Open the bundle that the configuration names; the hosts of a run share it."""
    if config.engine.bundle is None:
        raise ConfigError(["engine.bundle: not given"], hint="--set engine.bundle=DIR   # or in the group data")
    return _read_once(config.engine.bundle)


@lru_cache(maxsize=16)
def _read_once(folder: str) -> Bundle:
    return read_bundle(Path(folder))
