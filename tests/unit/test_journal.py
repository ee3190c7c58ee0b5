"""The journal's texts, run by real shells in a folder that stands for the host's root; services are stubs."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from staithe import journal, placing
from staithe.desired import File
from staithe.probe.state import Unit
from tests.unit import states
from tests.unit.test_placing import run

DAEMON_JSON, UNIT = "/etc/docker/daemon.json", "/etc/systemd/system/docker.service"


@pytest.fixture(params=["dash", "bash"])
def shell(request: pytest.FixtureRequest) -> list[str]:
    return [str(request.param)]


@dataclass
class Place:
    """A host's root, and what its services were told."""

    shell: list[str]
    root: Path

    def do(self, script: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        return run(self.shell, f"PATH={self.root}/stubs:$PATH\n{script}", stdin, self.root)

    def replace(self, text: str, run_id: str = "r1") -> None:
        files = {DAEMON_JSON: File(text), UNIT: File(f"unit {text}")}
        done = self.do(placing.place_script(files, opening=journal.open_text(run_id)), placing.archive_of(files))
        assert done.returncode == 0, done.stderr

    def switch(self, directory: str) -> None:
        (self.root / "usr/bin").mkdir(parents=True, exist_ok=True)
        (self.root / "usr/libexec/docker/staithe").mkdir(parents=True, exist_ok=True)
        done = self.do(placing.switch_engine_script(directory, ("dockerd", "runc"), journal.open_text("r1")))
        assert done.returncode == 0, done.stderr

    def bring_back(self, code: int = 0) -> None:
        done = self.do(journal.former_state_script(0))
        assert done.returncode == code, done.stderr

    def path(self, name: str) -> Path:
        return Path(f"{self.root}{name}")

    @property
    def told(self) -> list[str]:
        log = self.root / "told"
        return log.read_text().splitlines() if log.exists() else []


@pytest.fixture
def place(shell: list[str], tmp_path: Path) -> Place:
    stubs = tmp_path / "stubs"
    stubs.mkdir()
    for name in ("systemctl", "docker", "sysctl"):
        (stubs / name).write_text(f'#!/bin/sh\necho {name} "$@" >> {tmp_path}/told\ntest ! -e {tmp_path}/broken\n')
        (stubs / name).chmod(0o755)
    return Place(shell, tmp_path)


def test_without_a_journal_nothing_happens(place: Place) -> None:
    place.bring_back()
    assert place.told == []


def test_files_come_back_and_the_journal_ends(place: Place) -> None:
    place.path(DAEMON_JSON).parent.mkdir(parents=True)
    place.path(DAEMON_JSON).write_text("healthy\n")
    place.replace("wish\n")
    place.bring_back()
    assert place.path(DAEMON_JSON).read_text() == "healthy\n"
    assert not place.path(UNIT).exists(), "there was none before"
    assert not list(place.root.rglob("journal*"))
    assert place.told == ["systemctl daemon-reload"], "services that were not touched are left alone"


def test_a_second_run_goes_on_with_the_first_ones_journal(place: Place) -> None:
    """A run was killed between swap and restart; what the next one replaces is not the healthy state."""
    place.path(DAEMON_JSON).parent.mkdir(parents=True)
    place.path(DAEMON_JSON).write_text("healthy\n")
    place.replace("wish\n", "r1")
    place.replace("second wish\n", "r2")
    assert place.path("/var/lib/staithe/journal/run").read_text() == "r1\n"
    place.bring_back()
    assert place.path(DAEMON_JSON).read_text() == "healthy\n"


def test_a_settled_journal_brings_nothing_back(place: Place) -> None:
    place.replace("wish\n")
    assert place.do(journal.settle_text()).returncode == 0
    place.bring_back()
    assert place.path(DAEMON_JSON).read_text() == "wish\n"
    assert not list(place.root.rglob("journal*"))


@pytest.mark.parametrize("former", [None, "26.1.5-aaaa"])
def test_the_engine_and_its_links_come_back(place: Place, former: str | None) -> None:
    current = place.path("/usr/libexec/docker/staithe/current")
    if former is not None:
        place.switch(former)
        assert place.do(journal.settle_text()).returncode == 0
    place.switch("28.5.2-bbbb")
    assert str(current.readlink()) == "28.5.2-bbbb"
    place.bring_back()
    assert (str(current.readlink()) if current.is_symlink() else None) == former
    assert place.path("/usr/bin/dockerd").is_symlink() == (former is not None)


def test_services_that_ran_are_started_again_and_others_stopped(place: Place) -> None:
    ran = Unit(active_state="active", unit_file_state="enabled")
    found = states.bare().model_copy(update={"units": {"docker.service": ran, "containerd.service": Unit()}})
    assert place.do(journal.open_text("r1") + journal.keep_units_text(found)).returncode == 0
    place.bring_back()
    told = place.told
    assert "systemctl stop containerd.service" in told and "systemctl -q disable containerd.service" in told
    assert "systemctl restart docker.service" in told and "systemctl -q enable docker.service" in told
    # The one that cannot do without the other goes first.
    assert told.index("systemctl stop docker.service") < told.index("systemctl restart docker.service")
    assert "systemctl -q disable docker.service" not in told
    assert told[-1].startswith("docker"), "the engine is asked last"


def test_a_former_state_that_does_not_run_either_is_told_and_its_journal_kept(place: Place) -> None:
    ran = Unit(active_state="active", unit_file_state="enabled")
    found = states.bare().model_copy(update={"units": {"docker.service": ran}})
    place.replace("wish\n")
    assert place.do(journal.open_text("r1") + journal.keep_units_text(found)).returncode == 0
    (place.root / "broken").touch()
    place.bring_back(journal.NOT_HEALTHY)
    assert place.path("/var/lib/staithe/journal/run").exists()
    (place.root / "broken").unlink()
    place.bring_back()
    assert not place.path("/var/lib/staithe/journal").exists()


def test_a_journal_begun_anew_leads_to_what_is_there_now(place: Place) -> None:
    """Somebody mended the engine by hand after a run had failed: that is the healthy state then."""
    place.path(DAEMON_JSON).parent.mkdir(parents=True)
    place.path(DAEMON_JSON).write_text("long ago\n")
    place.replace("wish\n")
    place.path(DAEMON_JSON).write_text("mended by hand\n")
    files = {DAEMON_JSON: File("second wish\n")}
    script = placing.place_script(files, opening=journal.open_text("r2", anew=True))
    assert place.do(script, placing.archive_of(files)).returncode == 0
    place.bring_back()
    assert place.path(DAEMON_JSON).read_text() == "mended by hand\n"


def test_a_file_that_does_not_come_back_is_named_and_the_journal_kept(place: Place) -> None:
    place.replace("wish\n")
    place.path(DAEMON_JSON).unlink()
    place.path(f"{DAEMON_JSON}/in-the-way").mkdir(parents=True)
    done = place.do(journal.former_state_script(0))
    assert done.returncode == journal.NOT_HEALTHY
    assert b"daemon.json did not come back" in done.stderr
    assert place.path("/var/lib/staithe/journal/run").exists()
    assert not list(place.root.rglob("*staithe-new"))


def test_a_link_comes_back_as_a_link(place: Place) -> None:
    place.path("/elsewhere.json").write_text("healthy\n")
    place.path(DAEMON_JSON).parent.mkdir(parents=True)
    place.path(DAEMON_JSON).symlink_to(place.path("/elsewhere.json"))
    place.replace("wish\n")
    place.bring_back()
    assert place.path(DAEMON_JSON).is_symlink() and place.path(DAEMON_JSON).read_text() == "healthy\n"


def test_a_damaged_note_leads_to_no_other_file(place: Place) -> None:
    place.path("/etc").mkdir(parents=True)
    place.path("/etc/passwd").write_text("root\n")
    place.replace("wish\n")
    with place.path("/var/lib/staithe/journal/paths").open("a") as paths:
        paths.write(f"{place.root}/etc/passwd\n")
    place.bring_back()
    assert place.path("/etc/passwd").read_text() == "root\n"


def test_live_values_come_back(place: Place) -> None:
    values = {"net.ipv4.ip_forward": "0", "net.ipv4.ip_local_port_range": "1 2"}
    assert place.do(journal.open_text("r1") + journal.keep_sysctl_text(values)).returncode == 0
    assert place.do(journal.keep_sysctl_text({"net.ipv4.ip_forward": "1"})).returncode == 0
    place.bring_back()
    assert place.told == ["sysctl -q -w net.ipv4.ip_forward=0", "sysctl -q -w net.ipv4.ip_local_port_range=1 2"]
