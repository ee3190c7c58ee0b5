"""The lists of commands can be read in a terminal of 80 columns: no sentence breaks off."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest


@pytest.mark.parametrize("group", [[], ["bundle"], ["config"], ["lab"]])
def test_each_command_is_told_in_a_whole_sentence(group: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "staithe", *group, "--help"],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "COLUMNS": "80"},
    )
    commands = done.stdout.partition("Commands:\n")[2].splitlines()
    assert len(commands) >= 3
    assert [line for line in commands if not line.endswith(".") or line.endswith("...")] == []
