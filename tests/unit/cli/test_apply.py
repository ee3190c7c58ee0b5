"""staithe apply, as far as no host is needed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.parametrize("stdin", ["<&-", "</dev/null"])
def test_without_anybody_to_ask_it_refuses(tmp_path: Path, stdin: str) -> None:
    staithe = Path(sys.executable).with_name("staithe")
    done = subprocess.run(
        ["sh", "-c", f"{staithe} apply hosts.py {stdin}"], cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 2
    assert "nobody to ask" in done.stderr
    assert "Traceback" not in done.stderr
