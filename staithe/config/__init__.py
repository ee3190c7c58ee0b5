"""The described state: sections of typed, checked values, and the only home of defaults.

Config and its makers are loaded on first use: pydantic costs more than the rest of `staithe --help`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from staithe.config.root import Config, config_for, configs_for, from_data

__all__ = ["Config", "config_for", "configs_for", "from_data"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from staithe.config import root

    return getattr(root, name)
