"""The other Enterprise Linux majors, each as its own image, side by side in a lab of their own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.lab.conftest import LAB_ID, ROOT, SMOKE_IMAGE, Host, Staithe

# Beside the session's lab, so that its six hosts stay as they are.
_ENV = {"STAITHE_LAB_ID": LAB_ID[:5] + ("0" if LAB_ID[5] != "0" else "1")}
_IMAGES = {"h1": "el7", "h2": "el8", "h3": "el10"}
_NAMES = {"h1": "CentOS Linux 7", "h2": "CentOS", "h3": "CentOS Stream 10"}


@pytest.fixture
def releases(staithe: Staithe) -> Iterator[dict[str, Any]]:
    staithe("lab", "down", env=_ENV, code=None)
    for name, image in _IMAGES.items():
        staithe("lab", "up", name, "--image", image, env=_ENV)
    try:
        yield staithe("lab", "status", "--json", env=_ENV).json
    finally:
        staithe("lab", "down", env=_ENV)


def test_every_major_becomes_proven(
    staithe: Staithe, releases: dict[str, Any], lab: dict[str, Any], bundle: Path, tmp_path: Path
) -> None:
    (tmp_path / "inventory.py").write_text((ROOT / "inventories" / "lab.py").read_text())
    # EL7's last engine in Docker's own repository was of the 26.1 line.
    options = ["--bundle", str(bundle), "--set", "engine.version=26.1.5", "--json"]
    options += ["--set", f"trust.allowed_signers={lab['allowed_signers']}"]
    applied = staithe("apply", "inventory.py", "--yes", *options, env=_ENV)
    for name in _IMAGES:
        result = applied.host(name)
        assert result["outcome"] == "changed"
        assert result["summary"]["os"].startswith(_NAMES[name])
        assert {check["status"] for check in result["checks"] if check["name"] != "mirror pull"} == {"passed"}
        host = Host(name, releases["hosts"][name]["ip"], releases["ssh_config"])
        assert host.sh(f"docker run --rm {SMOKE_IMAGE} echo seen") == "seen"
    checked = staithe("plan", "inventory.py", "--check", *options, env=_ENV)
    assert [host["changes"] for host in checked.json["hosts"]] == [[], [], []]
