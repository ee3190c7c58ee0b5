"""Modules that are loaded when something of them is used, and not when they are imported."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import Any


def put_off(name: str, before: Callable[[], object] = lambda: None) -> None:
    """Let `import name` cost nothing until the module is used; `before` is called just before it is loaded.

    Nothing happens when there is no such module. importlib's LazyLoader does not serve: the import statement itself
    looks at the module, which loads it.
    """
    if name in sys.modules or find_spec(name) is None:
        return

    def load(attribute: str) -> Any:
        # Whoever looks through all modules (inspect does) has no use for this one.
        if attribute == "__file__":
            raise AttributeError(attribute)
        if sys.modules.get(name) is placeholder:
            del sys.modules[name]
            before()
        return getattr(import_module(name), attribute)

    placeholder = _placeholder(name, load)


@contextmanager
def stand_ins(*names: str) -> Iterator[None]:
    """Let `from name import anything` cost nothing inside the block.

    What is imported so stands in for the real thing until one of the same module is called: then the module is loaded
    and all its stand-ins are replaced, wherever modules have them. So it serves for functions and classes that are
    called, later, with nothing else done with them before. After the block everybody gets the real ones.
    """
    made = {
        name: _placeholder(name, partial(_stand_in, name))
        for name in names
        if name not in sys.modules and find_spec(name) is not None
    }
    try:
        yield
    finally:
        for name, placeholder in made.items():
            if sys.modules.get(name) is placeholder:
                del sys.modules[name]


class _StandIn:
    """A function or class of a module that is not loaded yet."""

    def __init__(self, module: str, name: str) -> None:
        self.module = module
        self.name = name

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        _replace(self.module)
        return _real(self)(*map(_real, args), **{key: _real(value) for key, value in kwargs.items()})


def _stand_in(module: str, name: str) -> _StandIn:
    if name.startswith("__"):
        raise AttributeError(name)
    return _StandIn(module, name)


def _real(one: Any) -> Any:
    return getattr(import_module(one.module), one.name) if type(one) is _StandIn else one


def _replace(name: str) -> None:
    """Put the real things in the place of a module's stand-ins."""
    for module in list(sys.modules.values()):
        for key, value in list(getattr(module, "__dict__", {}).items()):
            if type(value) is _StandIn and value.module == name:
                setattr(module, key, _real(value))


def _placeholder(name: str, attribute: Callable[[str], Any]) -> ModuleType:
    placeholder = ModuleType(name)
    # What a module lacks is asked of its own __getattr__ (PEP 562).
    placeholder.__getattr__ = attribute  # type: ignore[method-assign]
    sys.modules[name] = placeholder
    return placeholder
