"""Makes pyinfra's look at the call stack cheap.

To identify an operation pyinfra takes the line numbers of its call stack, but reads the source text around each frame
too, which looks through all loaded modules for files that are none, like deploy.py: 10 ms of processor time for each
host with ten operations, as much as its connection. It also resolves the types of all global arguments anew for each
operation. Both give the same answers without that.
"""

from __future__ import annotations

import functools
import inspect

import pyinfra.api.arguments
import pyinfra.api.util


def lighten() -> None:
    """Let pyinfra read frames without source text, and the types of its arguments once."""
    pyinfra.api.util.stack = functools.partial(inspect.stack, 0)  # type: ignore[attr-defined]
    pyinfra.api.util.getframeinfo = functools.partial(inspect.getframeinfo, context=0)  # type: ignore[attr-defined]
    pyinfra.api.arguments.all_global_arguments = functools.cache(pyinfra.api.arguments.all_global_arguments)
