"""A runner starts without looking through all installed packages; each case in a process of its own."""

from __future__ import annotations

import subprocess
import sys

_COUNTED = """
import importlib.metadata as metadata
groups = []
real = metadata.entry_points
def counted(**asked):
    groups.append(asked["group"])
    return real(**asked)
metadata.entry_points = counted
{load}
print(sum(group.startswith(("gevent", "pydantic")) for group in groups))
"""


def _searches(load: str) -> int:
    done = subprocess.run(
        [sys.executable, "-c", _COUNTED.format(load=load)], capture_output=True, text=True, check=True
    )
    return int(done.stdout)


def test_nobody_looks_for_plugins() -> None:
    assert _searches("import staithe.runner.__main__") == 0


def test_gevent_alone_would() -> None:
    assert _searches("from gevent import monkey; monkey.patch_all()") > 1


def test_what_only_a_connected_host_needs_comes_later() -> None:
    code = (
        "import sys, staithe.runner.__main__; from staithe.runner.shard import _FOR_CHECKS, _LATER, _load; "
        "late = [*_FOR_CHECKS, *_LATER]; before = [name for name in late if name in sys.modules]; _load(late); "
        "print(before, [name for name in late if name not in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[] []"
