"""The texts that wait for an engine and watch it, run by a real shell against stubs of systemctl and docker."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from staithe.health import ENDED, health_text, watch_text
from tests.unit.test_placing import run

# The process changes after the second look, and answers all the time: systemd has started it again.
_DIES = "echo x >> $0.looks; if [ $(wc -l < $0.looks) -gt 2 ]; then echo MainPID=8; else echo MainPID=7; fi"


@pytest.fixture
def watched(tmp_path: Path) -> Callable[..., tuple[int, str]]:
    def watch(
        systemctl: str, *, units: str = "docker.service active enabled", replaced: str = "packages"
    ) -> tuple[int, str]:
        journal = tmp_path / "var/lib/staithe/journal"
        journal.mkdir(parents=True)
        (journal / "units").write_text(f"{units}\n")
        (journal / replaced).write_text("")
        for name, text in (("systemctl", systemctl), ("docker", ":")):
            (tmp_path / name).write_text(f"#!/bin/sh\n{text}\n")
            (tmp_path / name).chmod(0o755)
        done = run(["sh"], f"PATH={tmp_path}:$PATH\nset -eu\n{watch_text(2)}echo end >&2", b"", tmp_path)
        return done.returncode, done.stderr.decode()

    return watch


def test_an_engine_that_stays_is_healthy(watched: Callable[..., tuple[int, str]]) -> None:
    assert watched("echo MainPID=7") == (0, "end\n")


def test_an_engine_that_was_started_again_is_not(watched: Callable[..., tuple[int, str]]) -> None:
    assert watched(_DIES) == (1, f"{ENDED}\n")


@pytest.mark.parametrize(
    ("units", "replaced"),
    [("docker.service inactive absent", "packages"), ("docker.service active enabled", "paths")],
    ids=["there was none", "only files changed"],
)
def test_nobody_waits_where_there_is_nothing_to_lose(
    watched: Callable[..., tuple[int, str]], units: str, replaced: str
) -> None:
    assert watched("echo never looked >&2; exit 3", units=units, replaced=replaced) == (0, "end\n")


def test_an_engine_that_does_not_answer_ends_the_script(tmp_path: Path) -> None:
    (tmp_path / "systemctl").write_text("#!/bin/sh\necho activating\n")
    (tmp_path / "systemctl").chmod(0o755)
    done = run(["sh"], f"PATH={tmp_path}:$PATH\nset -eu\n{health_text(0)}echo end", b"", tmp_path)
    assert (done.returncode, done.stdout) == (1, b"")
