"""Which hosts `--limit` leaves."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

# In a process of its own: who imports pyinfra's inventories gets gevent's sockets and threads with them.
_CODE = """
import json, sys
from pyinfra.api.state import State
from pyinfra.context import ctx_state
from staithe.errors import InventoryError
from staithe.runner.inventory import limited, load_inventory

ctx_state.set(State())
try:
    print(json.dumps([host.name for host in limited(load_inventory(sys.argv[1]), json.loads(sys.argv[2]))]))
except InventoryError as error:
    sys.exit(str(error))
"""


def _limited(folder: Path, limit: list[str]) -> subprocess.CompletedProcess[str]:
    path = folder / "hosts.py"
    path.write_text('hosts = ["db1", "web1", "web2"]\nstores = ["db1"]\n')
    command = [sys.executable, "-c", _CODE, str(path), json.dumps(limit)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize(
    ("limit", "names"),
    [
        ([], ["db1", "web1", "web2"]),
        (["web2", "stores"], ["db1", "web2"]),
        (["web2,stores"], ["db1", "web2"]),
        (["web*, db1"], ["db1", "web1", "web2"]),
    ],
)
def test_names_groups_and_patterns(tmp_path: Path, limit: list[str], names: list[str]) -> None:
    assert json.loads(_limited(tmp_path, limit).stdout) == names


@pytest.mark.parametrize("limit", ["web1,web3", "web1,", ""])
def test_one_that_fits_nothing_is_refused(tmp_path: Path, limit: str) -> None:
    done = _limited(tmp_path, [limit])
    assert done.returncode == 1
    assert "fits no host or group" in done.stderr
