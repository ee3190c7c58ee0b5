"""Makes pyinfra's look at the call stack cheap.

To identify an operation pyinfra takes the line numbers of its call stack, but reads the source text around each frame
too, which looks through all loaded modules for files that are none, like deploy.py: 10 ms of processor time for each
host with ten operations, as much as its connection. It also resolves the types of all global arguments anew for each
operation, asks typeguard, which takes long to load, whether a string is a string, and looks through all installed
packages for connectors, four times. All give the same answers without that.
"""

from __future__ import annotations

import functools
import inspect
from typing import Any

import pyinfra.api.arguments
import pyinfra.api.connectors
import pyinfra.api.util
import pyinfra.connectors.base


def lighten() -> None:
    """Let pyinfra read frames without source text, types and connectors once, plain types without typeguard."""
    pyinfra.api.util.stack = functools.partial(inspect.stack, 0)  # type: ignore[attr-defined]
    pyinfra.api.util.getframeinfo = functools.partial(inspect.getframeinfo, context=0)  # type: ignore[attr-defined]
    pyinfra.api.arguments.all_global_arguments = functools.cache(pyinfra.api.arguments.all_global_arguments)
    connectors: Any = pyinfra.api.connectors
    connectors.entry_points = functools.cache(connectors.entry_points)
    _check_plainly(pyinfra.connectors.base)
    _check_plainly(pyinfra.api.arguments)


def _check_plainly(module: Any) -> None:
    """Let a module of pyinfra leave to typeguard what is not just of the type that is asked for."""
    whole = module.raise_if_bad_type

    def raise_if_bad_type(value: Any, type_: Any, *told: Any) -> None:
        if type(value) is not type_:
            whole(value, type_, *told)

    module.raise_if_bad_type = raise_if_bad_type
