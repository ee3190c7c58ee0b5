"""Modules that are loaded when something of them is used, and not when they are imported."""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import Any


def put_off(name: str) -> None:
    """Let `import name` cost nothing until the module is used. Nothing happens when there is no such module.

    importlib's LazyLoader does not serve: the import statement itself looks at the module, which loads it.
    """
    if name in sys.modules or find_spec(name) is None:
        return
    placeholder = ModuleType(name)

    def load(attribute: str) -> Any:
        if sys.modules.get(name) is placeholder:
            del sys.modules[name]
        return getattr(import_module(name), attribute)

    # What a module lacks is asked of its own __getattr__ (PEP 562).
    placeholder.__getattr__ = load  # type: ignore[method-assign]
    sys.modules[name] = placeholder
