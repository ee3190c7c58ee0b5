"""The probe as a pyinfra fact, on this machine."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from staithe.probe.state import HostState

ANSWERS = Path(__file__).parent / "answers"


def pyinfra(folder: Path, *arguments: str) -> str:
    command = [str(Path(sys.executable).with_name("pyinfra")), *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


def test_pyinfra_prints_the_state(tmp_path: Path) -> None:
    printed = pyinfra(tmp_path, "@local", "fact", "staithe.probe.fact.HostProbe", "data_root=/srv")
    data = json.loads(printed[printed.index("{") : printed.rindex("}") + 1])
    state = HostState.model_validate(next(iter(data.values())))
    assert "/srv" in state.storage
    assert state.kernel.release


def test_a_fake_host_answers_by_the_word_in_the_command(tmp_path: Path) -> None:
    answer = (ANSWERS / "converged.txt").read_text()
    inventory = f"hosts = [('@fake/h1', {{'fake_responses': {{'staithe-probe': {answer!r}}}, 'fake_delay': 0}})]\n"
    (tmp_path / "inventory.py").write_text(inventory)
    printed = pyinfra(tmp_path, "inventory.py", "fact", "staithe.probe.fact.HostProbe")
    assert '"28.5.2-c88cf8cbe6af"' in printed
