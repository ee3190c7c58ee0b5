"""A project whose hosts are @fake ones of pyinfra: they answer the probe with a given text, all else with success."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from staithe.bundle.read import read_bundle
from staithe.config import Config
from staithe.probe.state import HostState
from staithe.probe_request import probe_request
from tests.answers import answer_of
from tests.archives import allowed_signers
from tests.unit import states

ROOT = Path(__file__).parents[1]
_INVENTORY = """import json
from pathlib import Path

_here = Path(__file__).parent
_hosts = json.loads((_here / "hosts.json").read_text())
hosts = [
    (
        f"@fake/{name}",
        {
            "fake_responses": {
                "staithe-probe": {"stdout": (_here / f"{name}.answer").read_text().splitlines()},
                **data.pop("responses", {}),
            },
            "fake_delay": data.pop("delay", 0),
            "fake_delay_jitter": 0,
            **data,
        },
    )
    for name, data in _hosts.items()
]
"""


@dataclass(frozen=True)
class Done:
    """A command that ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        loaded: dict[str, Any] = json.loads(self.out)
        return loaded

    def host(self, name: str) -> dict[str, Any]:
        """Return what a --json result says of one host."""
        return next(one for one in self.json["hosts"] if one["host"] == f"@fake/{name}")

    @property
    def outcomes(self) -> dict[str, str]:
        return {one["host"].removeprefix("@fake/"): one["outcome"] for one in self.json["hosts"]}


@dataclass
class FakeSite:
    """A folder with an inventory of fake hosts, and the bundle that they are to get."""

    folder: Path
    bundle: Path
    _hosts: dict[str, Any] = field(default_factory=dict)

    @property
    def config(self) -> Config:
        """Return what the inventory describes for a host without data of its own."""
        return states.config(engine={"bundle": str(self.bundle)}, trust=self.trust)

    @property
    def trust(self) -> dict[str, str]:
        return {"allowed_signers": allowed_signers(self.bundle)}

    def bare(self) -> HostState:
        return states.bare()

    def converged(self) -> HostState:
        return states.converged(self.config, read_bundle(self.bundle))

    def add(self, name: str, answer: HostState | str, **data: Any) -> None:
        """Put a host into the inventory. `delay` (seconds) and `responses` are the fake's, the rest its own data."""
        text = answer if isinstance(answer, str) else answer_of(answer, probe_request(self.config))
        common = {"engine": {"bundle": str(self.bundle)}, "trust": self.trust, "users": {"docker_group": ["ops"]}}
        self._hosts[name] = {**common, **data}
        (self.folder / f"{name}.answer").write_text(text, encoding="utf-8")
        (self.folder / "hosts.json").write_text(json.dumps(self._hosts), encoding="utf-8")
        (self.folder / "inventory.py").write_text(_INVENTORY, encoding="utf-8")

    def staithe(self, *arguments: str, code: int | None = 0) -> Done:
        """Run `staithe ARGUMENTS` in the folder; `code` None takes any exit code."""
        done = self.start("staithe", *arguments).communicate_all()
        assert code is None or done.code == code, f"exit code {done.code}\n{done.out[-4000:]}{done.err[-4000:]}"
        assert "Traceback" not in done.out + done.err, done.err[-4000:]
        return done

    def start(self, program: str, *arguments: str) -> Running:
        """Start a program of the venv in the folder."""
        return Running(
            [str(Path(sys.executable).with_name(program)), *arguments],
            cwd=self.folder,
            env={**os.environ, "COLUMNS": "200"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )


class Running(subprocess.Popen[str]):
    """A program at work."""

    def communicate_all(self) -> Done:
        """Wait for the end."""
        out, err = self.communicate(timeout=60)
        return Done(self.returncode, out, err)
