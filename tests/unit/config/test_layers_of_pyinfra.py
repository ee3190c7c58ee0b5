"""The layers that pyinfra really has, from a real inventory with group_data."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

_READ = """
import json, sys
import pyinfra
pyinfra.is_cli = True
from pyinfra.api.state import State
from pyinfra.context import ctx_state
from pyinfra_cli.inventory import make_inventory
from staithe.config import from_data
from staithe.config.layers import layers_of
ctx_state.set(State())
inventory = make_inventory(sys.argv[1], cwd=".", override_data={"users": {"docker_group": ["forced"]}})
print(json.dumps({
    host.name: {"layers": layers_of(host.data), "config": from_data(host.data).model_dump(mode="json", by_alias=True)}
    for host in inventory
}))
"""


def test_every_group_is_a_layer_of_its_own(tmp_path: Path) -> None:
    group_data = tmp_path / "group_data"
    group_data.mkdir()
    (tmp_path / "site.py").write_text(
        'web = [("web1", {"smoke": {"enabled": False}}), "web2"]\nold = ["web1"]\n', encoding="utf-8"
    )
    (group_data / "all.py").write_text('engine = {"bundle": "./bundle"}\n_sudo = True\n', encoding="utf-8")
    (group_data / "web.py").write_text('engine = {"version": "28.5.2"}\n', encoding="utf-8")
    (group_data / "old.py").write_text('engine = {"version": "26.1.5"}\ndaemon = {"debug": True}\n', encoding="utf-8")
    (group_data / "site.py").write_text('daemon = {"mtu": 1450}\n', encoding="utf-8")

    done = subprocess.run(
        [sys.executable, "-c", _READ, str(tmp_path / "site.py")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    hosts = json.loads(done.stdout)

    origins = [origin for origin, data in hosts["web1"]["layers"] if data]
    assert origins == ["all", "group web", "group old", "group site", "host", "--data"]
    web1, web2 = (hosts[name]["config"] for name in ("web1", "web2"))
    assert (web1["engine"]["bundle"], web1["engine"]["version"]) == ("./bundle", "26.1.5")
    assert web2["engine"]["version"] == "28.5.2"
    # Two groups give different keys of one section: both hold.
    assert (web1["daemon"]["debug"], web1["daemon"]["mtu"]) == (True, 1450)
    assert (web2["daemon"]["debug"], web2["daemon"]["mtu"]) == (None, 1450)
    assert (web1["smoke"]["enabled"], web2["smoke"]["enabled"]) == (False, True)
    assert web1["users"]["docker_group"] == ["forced"]
