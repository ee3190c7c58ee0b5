"""Real hosts for the tests: one lab for the session, driven through the command line as a user would.

What staithe says of a host is never taken for true here: `Host.sh` asks the host itself, over OpenSSH.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.lab.thorough import is_thorough, unknown_names

if TYPE_CHECKING:
    from tests.lab.supply import Supply

pytest.register_assert_rewrite("tests.lab.killing", "tests.lab.engine_checks")

ROOT = Path(__file__).resolve().parents[2]
ENGINES = ("20.10.24", "26.1.5", "28.5.2")
# A lab of its own for each worker, beside the one of `make demo`.
LAB_ID = hashlib.sha256(f"{ROOT} tests {os.environ.get('PYTEST_XDIST_WORKER', '')}".encode()).hexdigest()[:6]
SMOKE_IMAGE = "staithe/smoke:1"
HOSTS = 6


@pytest.hookimpl(tryfirst=True)  # before -m and -k leave out what is to be marked
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark all tests here; off Linux they are skipped, but never in CI."""
    is_whole = not any("::" in one for one in config.args) and not config.getoption("lf", default=False)
    unknown = unknown_names((Path(item.path).stem, item.name) for item in items) if is_whole else []
    if unknown:
        raise pytest.UsageError(f"tests/lab/thorough.py names what is not there: {', '.join(unknown)}")
    for item in items:
        if Path(__file__).parent in Path(item.path).parents:
            item.add_marker(pytest.mark.lab)
            if is_thorough(Path(item.path).stem, item.name):
                item.add_marker(pytest.mark.thorough)
            if platform.system() != "Linux" and not os.environ.get("CI"):
                item.add_marker(pytest.mark.skip(reason="the lab needs Linux"))


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
        """Return one host of a --json result."""
        return next(host for host in self.json["hosts"] if host["host"] == name)

    @property
    def text(self) -> str:
        return self.out + self.err

    @property
    def complaint(self) -> str:
        """Return what went wrong, short enough to be read in a report: of a --json result only what failed."""
        try:
            hosts = self.json["hosts"]
        except (ValueError, KeyError, TypeError):
            return self.text[-6000:]
        told = [
            {
                "host": host["host"],
                "outcome": host.get("outcome"),
                "error": host.get("error"),
                "problems": host.get("problems"),
                "checks": [one for one in host.get("checks") or () if one["status"] == "failed"],
            }
            for host in hosts
        ]
        return f"{json.dumps([one for one in told if one['error'] or one['problems']], indent=1)}\n{self.err[-2000:]}"


@dataclass(frozen=True)
class Staithe:
    """The command line, called in a folder of its own."""

    program: str
    folder: Path

    def __call__(self, *args: str, code: int | None = 0, env: dict[str, str] | None = None) -> Done:
        """Run `staithe ARGS`; `code` None takes any exit code."""
        done = subprocess.run(
            [self.program, *args],
            cwd=self.folder,
            env={**os.environ, "STAITHE_LAB_ID": LAB_ID, "COLUMNS": "200", **(env or {})},
            capture_output=True,
            text=True,
            timeout=280,
            stdin=subprocess.DEVNULL,
        )
        result = Done(done.returncode, done.stdout, done.stderr)
        assert code is None or result.code == code, f"exit code {result.code}\n{result.complaint}"
        assert "Traceback" not in result.text, result.text[-6000:]
        return result


@dataclass(frozen=True)
class Host:
    """A lab host, asked over OpenSSH, without anything of staithe."""

    name: str
    ip: str
    ssh_config: str

    def sh(self, script: str, *, check: bool = True, user: str = "root") -> str:
        """Run a script as root (or as the login user) and return what it printed."""
        shell = ["sudo", "sh"] if user == "root" else ["sh"]
        done = subprocess.run(
            ["ssh", "-F", self.ssh_config, self.name, *shell],
            input=script,
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert not check or done.returncode == 0, f"{self.name}: {script}\n{done.stdout}{done.stderr}"
        return done.stdout.strip()

    def execs(self) -> int:
        """Count the commands that sshd started, this one included."""
        return int(self.sh("journalctl -u sshd -o cat --no-pager | grep -c 'Starting session: command'"))

    def pid(self, unit: str = "docker.service") -> str:
        return self.sh(f"systemctl show -p MainPID --value {unit}")


@pytest.fixture(scope="session")
def program() -> str:
    return str(Path(sys.executable).with_name("staithe"))


@pytest.fixture(scope="session")
def lab(program: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """A lab of six hosts and a registry, up for the whole session."""
    staithe = Staithe(program, tmp_path_factory.mktemp("lab"))
    staithe("lab", "down", code=None)
    staithe("lab", "up", str(HOSTS), "--registry")
    try:
        yield staithe("lab", "status", "--json").json
    finally:
        staithe("lab", "down")


@pytest.fixture(scope="session")
def bundle(program: str, lab: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle with all three engines and the smoke image, signed with the lab's key."""
    from staithe.lab import artifacts

    made = artifacts.located()
    out = tmp_path_factory.mktemp("bundle") / "bundle"
    engines = [word for version in ENGINES for word in ("--engine", str(made.engines[version]))]
    staithe = Staithe(program, out.parent)
    staithe("bundle", "build", *engines, "--image", str(made.images[SMOKE_IMAGE]), "--out", str(out))
    staithe("bundle", "sign", str(out), "--key", lab["signing_key"])
    return out


@pytest.fixture
def staithe(program: str, tmp_path: Path) -> Staithe:
    return Staithe(program, tmp_path)


@pytest.fixture(scope="session")
def hosts(lab: dict[str, Any]) -> dict[str, Host]:
    """The hosts of the lab by name, as they are left by the test before."""
    config = lab["ssh_config"]
    return {name: Host(name, host["ip"], config) for name, host in lab["hosts"].items()}


@dataclass(frozen=True)
class Site:
    """A folder as an operator has it: inventory, group data, and the command to work on it."""

    staithe: Staithe
    inventory: str
    folder: Path
    lab: dict[str, Any]

    def run(self, command: str, *args: str, limit: str = "", code: int | None = 0) -> Done:
        """Run a fleet command with --json."""
        extra = ["--limit", limit] if limit else []
        extra += ["--yes"] if command == "apply" else []
        return self.staithe(command, self.inventory, "--json", *extra, *args, code=code)

    def write_group_data(self, text: str) -> None:
        (self.folder / "group_data" / "all.py").write_text(text)

    def configure(self, version: str = "28.5.2", **sections: Any) -> None:
        """Write group data: the bundle, a version, and sections merged over the tests' own."""
        registry = self.lab["registry"]["url"]
        data: dict[str, Any] = {
            "engine": {"bundle": str(self.folder / "bundle"), "version": version},
            "trust": {"allowed_signers": self.lab["allowed_signers"]},
            "daemon": {
                "registry-mirrors": [registry],
                "log-opts": {"max-size": "300m", "max-file": "2"},
                "max-concurrent-downloads": 10,
            },
            "users": {"docker_group": ["ops"]},
            "smoke": {"pull_image": self.lab["registry"]["images"][0]},
            # Those that are about it wait; for the others it would be minutes.
            "service": {"watch_s": 0},
        }
        data.update(sections)
        self.write_group_data("\n".join(f"{name} = {value!r}" for name, value in data.items()) + "\n")


@pytest.fixture
def site(staithe: Staithe, lab: dict[str, Any], bundle: Path, tmp_path: Path) -> Site:
    """A folder with the lab's inventory and default group data."""
    (tmp_path / "inventory.py").write_text((ROOT / "inventories" / "lab.py").read_text())
    (tmp_path / "group_data").mkdir()
    (tmp_path / "bundle").symlink_to(bundle)
    site = Site(staithe, "inventory.py", tmp_path, lab)
    site.configure()
    return site


@pytest.fixture(scope="session")
def supply(program: str, lab: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Supply]:
    """Everything that an engine can come from, served on the lab's bridge."""
    from tests.lab.supply import supplied

    with supplied(Staithe(program, tmp_path_factory.mktemp("supply")), lab) as supply:
        yield supply


@pytest.fixture
def bare(staithe: Staithe, hosts: dict[str, Host]) -> Host:
    """h1, as it came from the base."""
    staithe("lab", "reset", "h1")
    return hosts["h1"]


@pytest.fixture
def converged(site: Site, hosts: dict[str, Host]) -> Host:
    """h2, as described in the site; brought there first if it is not."""
    done = site.run("apply", limit="h2")
    assert done.host("h2")["outcome"] in ("changed", "unchanged")
    return hosts["h2"]
