"""The same work through plain pyinfra, and from an installed wheel in any folder."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.lab.conftest import LAB_ID, ROOT, Host, Site

_PYINFRA = str(Path(sys.executable).with_name("pyinfra"))


def test_plain_pyinfra_does_the_same_work(site: Site, bare: Host) -> None:
    config = {
        "engine": {"bundle": str(site.folder / "bundle"), "version": "28.5.2"},
        "daemon": {
            "registry-mirrors": [site.lab["registry"]["url"]],
            "log-opts": {"max-size": "300m", "max-file": "2"},
            "max-concurrent-downloads": 10,
        },
        "users": {"docker_group": ["ops"]},
        "smoke": {"pull_image": site.lab["registry"]["images"][0]},
    }
    data = [word for key, value in config.items() for word in ("--data", f"{key}={json.dumps(value)}")]
    done = subprocess.run(
        [
            str(Path(sys.executable).with_name("pyinfra")),
            "-y",
            "--limit",
            "h1",
            *data,
            "inventories/lab.py",
            "deploy.py",
        ],
        cwd=ROOT,
        env={**os.environ, "STAITHE_LAB_ID": LAB_ID},
        capture_output=True,
        text=True,
        timeout=200,
        stdin=subprocess.DEVNULL,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert bare.sh("docker info -f '{{.ServerVersion}}'").startswith("28.5.2")
    assert json.loads(bare.sh("cat /var/lib/staithe/record.json"))["proved"] is True
    assert site.run("plan", "--check", limit="h1").host("h1")["changes"] == []


def test_plain_pyinfra_refuses_one_host_and_goes_on(site: Site, hosts: dict[str, Host], converged: Host) -> None:
    site.staithe("lab", "reset", "h1")
    hosts["h1"].sh("echo mine > /usr/bin/runc")
    done = subprocess.run(
        [
            _PYINFRA, "-y", "--limit", "h1", "--limit", "h2",
            str(site.folder / "inventory.py"), "deploy.py",
        ],
        cwd=ROOT,
        env={**os.environ, "STAITHE_LAB_ID": LAB_ID},
        capture_output=True,
        text=True,
        timeout=200,
        stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert done.returncode != 0
    assert "E310" in done.stdout + done.stderr
    assert hosts["h1"].sh("cat /usr/bin/runc") == "mine"
    assert site.run("plan", "--check", limit="h2").host("h2")["changes"] == []


def test_wheel_in_an_empty_environment_applies_from_any_folder(site: Site, bare: Host, tmp_path: Path) -> None:
    uv = str(Path(sys.executable).with_name("uv"))
    here = tmp_path / "elsewhere"
    here.mkdir()

    def call(*words: str) -> subprocess.CompletedProcess[str]:
        env = {key: value for key, value in os.environ.items() if key not in ("VIRTUAL_ENV", "PYTHONPATH")}
        done = subprocess.run(
            words, cwd=here, env={**env, "STAITHE_LAB_ID": LAB_ID}, capture_output=True, text=True, timeout=250
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done

    call(sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", str(here), str(ROOT))
    wheel = next(here.glob("staithe-*.whl"))
    call(uv, "venv", "-q", "--python", sys.executable, "empty")
    python = str(here / "empty" / "bin" / "python")
    call(uv, "pip", "install", "-q", "--python", python, "-c", str(ROOT / "requirements.lock"), str(wheel))
    top = {path.name for path in (here / "empty").glob("lib/python*/site-packages/*")}
    assert not top & {"operations", "deploys", "templates", "deploy.py", "inventories", "tests"}

    staithe = str(here / "empty" / "bin" / "staithe")
    where = call(python, "-c", "import staithe; print(staithe.__file__)").stdout
    assert str(here) in where, "the checkout was used, not the wheel"
    inventory = str(site.folder / "inventory.py")
    call(staithe, "apply", inventory, "--limit", "h1", "--yes")
    assert bare.sh("docker info -f '{{.ServerVersion}}'").startswith("28.5.2")
    checked = call(staithe, "plan", inventory, "--limit", "h1", "--check", "--json")
    assert json.loads(checked.stdout)["hosts"][0]["changes"] == []
    assert site.run("plan", "--check", limit="h1").host("h1")["changes"] == []


def test_address_without_a_file(site: Site, converged: Host, tmp_path: Path) -> None:
    """USER@HOST needs no inventory; key and known_hosts come from the user's own ssh configuration."""
    home = tmp_path / "home"
    (home / ".ssh").mkdir(parents=True)
    (home / ".ssh" / "config").write_text(Path(converged.ssh_config).read_text())
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    done = site.staithe(
        "status", f"ops@{converged.ip}", "--bundle", str(site.folder / "bundle"), "--set", "engine.version=28.5.2",
        "--set", f"trust.allowed_signers={site.lab['allowed_signers']}", "--json",
        env={"HOME": str(home), "STAITHE_RUNS": str(elsewhere)},
    )  # fmt: skip
    assert done.json["hosts"][0]["summary"]["engine_version"].startswith("28.5.2")
