"""Files and command lines that nobody means well: one clear error, or exactly what was written."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from staithe.cli.app import app
from staithe.cli.options import read_settings
from staithe.config.root import Config
from staithe.errors import ConfigError, StaitheError, UsageError
from staithe.shell import word
from staithe.visible import visible
from tests.hostile import CANARY, TEXTS

MANY = {
    "deadline": None,
    "derandomize": True,
    "suppress_health_check": [HealthCheck.function_scoped_fixture],
}
odd = st.one_of(st.text(max_size=40), st.sampled_from([text[:400] for text in TEXTS]))


def shown(text: str) -> str:
    return ascii(text[:40])


def staithe(folder: Path, *arguments: str | bytes) -> subprocess.CompletedProcess[str]:
    program = str(Path(sys.executable).with_name("staithe"))
    done = subprocess.run(
        [program, *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        errors="surrogateescape",
        timeout=30,
        stdin=subprocess.DEVNULL,
    )
    assert "Traceback" not in done.stdout + done.stderr
    assert visible(done.stdout + done.stderr) == done.stdout + done.stderr
    return done


def assert_one_error(done: subprocess.CompletedProcess[str], code: str) -> None:
    assert done.returncode == 2, done.stderr
    assert done.stderr.count("error E") == 1, done.stderr
    assert f"error {code}:" in done.stderr
    assert "unexpectedly" not in done.stderr


@settings(max_examples=400, **MANY)
@given(
    st.sampled_from(["daemon.labels", "users.docker_group", "engine.bundle", "kernel.sysctl.a.b", "", "daemon"]), odd
)
def test_any_setting(key: str, text: str) -> None:
    for one in (f"{key}={text}", text, f"{text}={text}", f"daemon.{text}=1", f"{key}=[{text!r}]"):
        try:
            layer = read_settings([one], None)
            Config.from_layers([layer], "web1")
        except ConfigError as error:
            assert all(visible(line) == line for line in error.problems)
        except UsageError as error:
            assert visible(str(error)).encode()


@pytest.mark.parametrize(
    "text", ["[" * 100_000, '{"a":' * 100_000, "9" * 5000, "NaN", "-Infinity", '"\\ud800"', "1e999"]
)
def test_json_that_is_none_for_daemon_json(text: str) -> None:
    with pytest.raises(UsageError) as failure:
        Config.from_layers([read_settings([f"daemon.builder.history.a={text}"], None)], "web1")
        # Digits without end are no number that Python reads, so they stay text, and are carried.
        assert text.startswith("9")
        raise UsageError("carried")
    assert visible(str(failure.value)) == str(failure.value)
    assert len(str(failure.value)) < 1000


@pytest.mark.parametrize(
    "text",
    [
        'hosts = ["\\ud800"]',
        'hosts = ["a\\x1b[2Jb"]',
        'hosts = ["a\\nb"]',
        'hosts = ["-oProxyCommand=touch canary"]',
        f'hosts = ["{"x" * 300}"]',
        'globals()["gr\\udcff"] = ["a"]',
        'hosts = [("a", 5)]',
        'hosts = [("a", {"engine": {"bundle": object()}})]',
        'hosts = [("a", {"engine": {"version": "\\ud800"}})]',
        'x = {}\nx["a"] = x\nhosts = [("a", {"engine": x})]',
        'hosts = ["a"]\nraise SystemExit(0)',
        'hosts = ["a"]\n\0',
        f"x = {'-' * 100_000}1",
        f"x = {'(' * 100_000}1",
        f"x = {'+'.join(['1'] * 100_000)}",
    ],
    ids=shown,
)
def test_an_inventory_that_is_an_attack_is_one_error(tmp_path: Path, text: str) -> None:
    (tmp_path / "inventory.py").write_text(text + "\n", encoding="utf-8")
    assert_one_error(staithe(tmp_path, "config", "check", "inventory.py"), "E102")
    assert not list(tmp_path.glob(f"*{CANARY}*"))


@pytest.mark.parametrize(
    "arguments",
    [
        ("plan", b"\xff.py"),
        ("plan", "web1", "--limit", b"\xff"),
        ("plan", "web1", "--set", b"users.docker_group=[\xff]"),
        ("logs", b"\xff"),
        ("bundle", "build", "--engine", b"\xff", "--out", "x"),
    ],
)
def test_an_argument_that_is_no_utf8(tmp_path: Path, arguments: tuple[Any, ...]) -> None:
    assert_one_error(staithe(tmp_path, *arguments), "E100")


def test_a_thousand_odd_inventories_addresses_and_limits(tmp_path: Path) -> None:
    """In a process of its own: pyinfra's command line patches the one that imports it."""
    root = Path(__file__).parents[2]
    script = root / "tests" / "odd_inventories.py"
    done = subprocess.run(
        [sys.executable, str(script)], cwd=tmp_path, env={"PYTHONPATH": str(root)}, capture_output=True, timeout=200
    )
    assert done.returncode == 0, done.stderr.decode()[-3000:]
    assert done.stdout == b"1000\n"
    assert not list(tmp_path.rglob(f"*{CANARY}*"))


@pytest.mark.parametrize(
    "text", [text for text in TEXTS if "\0" not in text and "\udcff" not in text and len(text) < 300], ids=shown
)
def test_names_on_the_command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.chdir(tmp_path)
    for arguments in (("logs", "--", text), ("logs", "--", text, "h1"), ("bundle", "show", "--", text)):
        done = CliRunner().invoke(app, arguments)
        assert isinstance(done.exception, StaitheError), done
        assert done.output == ""
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("text", TEXTS, ids=shown)
def test_a_name_in_a_shown_command_is_one_word(text: str) -> None:
    import shlex

    if "\0" not in text:
        assert shlex.split(f"ssh {word(text)} true") == ["ssh", text, "true"]
        assert not word(text).startswith("-")
    assert word("web1.example.com") == "web1.example.com"


def test_an_inventory_that_is_missing_keeps_its_own_error(tmp_path: Path) -> None:
    """What the loader itself finds wrong does not pass for a surprise."""
    for source, words in (("nowhere.py", "nowhere.py: no such inventory"), ("a b", "a b: neither an inventory file")):
        done = staithe(tmp_path, "config", "check", source)
        assert_one_error(done, "E102")
        assert f"error E102: {words}" in done.stderr
