"""`staithe config`, from a real inventory: pyinfra loads it in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

STAITHE = str(Path(sys.executable).with_name("staithe"))
ROOT = Path(__file__).parents[3]


def staithe(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([STAITHE, *arguments], cwd=cwd, capture_output=True, text=True, check=False, timeout=60)


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """Make a project with three hosts in two groups, all of it valid."""
    group_data = tmp_path / "group_data"
    group_data.mkdir()
    (tmp_path / "site.py").write_text(
        'web = [("web1", {"smoke": {"timeout_s": 9}}), "web2"]\nbuild = ["build1"]\n', encoding="utf-8"
    )
    (group_data / "all.py").write_text('engine = {"bundle": "./bundle"}\nmine = {"a": 1}\n', encoding="utf-8")
    (group_data / "web.py").write_text('engine = {"version": "28.5.2"}\n', encoding="utf-8")
    return tmp_path


def test_what_init_writes_is_valid(tmp_path: Path) -> None:
    assert staithe("init", "site", "--host", "deploy@10.0.0.5", cwd=tmp_path).returncode == 0
    done = staithe("config", "check", "inventories/hosts.py", cwd=tmp_path / "site")
    assert done.returncode == 0, done.stderr
    assert done.stdout == "inventories/hosts.py: the configuration of 1 host is valid\n"


@pytest.mark.parametrize("name", ["example", "airgap"])
def test_the_inventories_of_the_checkout_are_valid(name: str) -> None:
    done = staithe("config", "check", f"inventories/{name}.py", cwd=ROOT)
    assert done.returncode == 0, done.stderr
    assert "the configuration of 3 hosts is valid" in done.stdout


def test_every_problem_of_every_host_is_told_with_its_place(site: Path) -> None:
    (site / "group_data/web.py").write_text('engine = {"version": "28"}\ndeamon = {}\n', encoding="utf-8")
    (site / "group_data/build.py").write_text(
        'daemon = {\n    "registry-mirrors": ["“https://m.example”"],\n    "debug": True,\n    "debug": False,\n}\n',
        encoding="utf-8",
    )
    done = staithe("config", "check", "site.py", cwd=site)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines() == [
        "error E101: 4 problems in the configuration",
        "  group_data/build.py:4: 'debug' stands here and in line 3 of the same dictionary; only the last one counts",
        "  web1: deamon: staithe has no such section; did you mean daemon? (and 1 other host)",
        "  web1: engine.version: found '28', expected an exact version such as 28.5.2 (and 1 other host)",
        "  build1: daemon.registry-mirrors[0]: found '“https://m.example”', expected plain quotes; "
        "“ is a typographic quote, as word processors make them",
        "  try: staithe config docs",
        "  more: staithe explain E101",
    ]


def test_limit_looks_at_some_hosts_only(site: Path) -> None:
    (site / "group_data/build.py").write_text('engine = {"version": 1}\n', encoding="utf-8")
    done = staithe("config", "check", "site.py", "--limit", "web", cwd=site)
    assert done.stdout == "site.py: the configuration of 2 hosts is valid\n"
    assert staithe("config", "check", "site.py", "--limit", "build1", cwd=site).returncode == 2


def test_settings_of_the_command_line_are_checked_too(site: Path) -> None:
    done = staithe("config", "check", "site.py", "--set", "smoke.timeout_s=1", cwd=site)
    assert done.returncode == 2
    assert "web1: smoke.timeout_s: found 1, expected 5 or more (and 2 other hosts)" in done.stderr


def test_show_names_the_layer_of_each_value(site: Path) -> None:
    done = staithe("config", "show", "site.py", "web1", cwd=site)
    lines = done.stdout.splitlines()
    assert lines[0] == "web1"
    assert '  engine.bundle = "./bundle"  [all]' in lines
    assert '  engine.version = "28.5.2"  [group web]' in lines
    assert "  smoke.timeout_s = 9  [host]" in lines
    assert "  service.enabled = True  [default]" in lines
    assert "web2" not in done.stdout


def test_show_as_json_has_every_host(site: Path) -> None:
    document = json.loads(staithe("config", "show", "site.py", "--json", cwd=site).stdout)
    assert document["schema_version"] == 1
    assert list(document["hosts"]) == ["web1", "web2", "build1"]
    assert document["hosts"]["web2"]["values"]["engine.version"] == {"value": "28.5.2", "origin": "group web"}
    assert document["hosts"]["build1"]["values"]["engine.version"] == {"value": None, "origin": "default"}


def test_an_unknown_host_and_a_missing_inventory_are_usage_errors(site: Path) -> None:
    for arguments in (["show", "site.py", "web9"], ["check", "nowhere.py"]):
        done = staithe("config", *arguments, cwd=site)
        assert done.returncode == 2
        assert "error E102" in done.stderr


def test_docs_and_group_data_are_printed(tmp_path: Path) -> None:
    assert staithe("config", "docs", cwd=tmp_path).stdout == (ROOT / "docs/config.md").read_text(encoding="utf-8")
    printed = staithe("config", "docs", "--group-data", cwd=tmp_path).stdout
    assert printed == (ROOT / "inventories/group_data/all.py").read_text(encoding="utf-8")
