"""The run directory: what is kept, how it is found again."""

from __future__ import annotations

from pathlib import Path

import pytest

from staithe.errors import ProjectError
from staithe.events import Command, HostConnected, HostDone, RunStarted
from staithe.runs import RunDirectory, events_of, find_run, host_log, latest_run


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunDirectory:
    monkeypatch.setenv("STAITHE_RUNS", str(tmp_path / "runs"))
    return RunDirectory()


def _command(host: str, what: str) -> Command:
    return Command(host=host, what=what, command="ls\n-l", exit_code=3, seconds=0.5, output="one\ntwo\n")


def test_events_come_back_in_their_order(run: RunDirectory) -> None:
    done = HostDone(host="h1", outcome="changed", seconds=2)
    events = [HostConnected(host="h1", seconds=1), _command("h1", "look"), done]
    for event in events:
        run.write(event)
    run.close("{}")
    assert list(events_of(run.path)) == events
    assert (run.path / "summary.json").read_text() == "{}\n"


def test_a_host_s_log_has_each_command_with_exit_code_duration_and_output(run: RunDirectory) -> None:
    run.write(_command("h1", "look"))
    run.close("{}")
    lines = host_log(run.path, "h1").splitlines()
    assert lines[0].endswith("look: exit code 3, 0.50 s")
    assert lines[1:] == ["  | ls", "  | -l", "    one", "    two"]


def test_what_comes_after_a_host_s_end_is_added_to_its_log(run: RunDirectory) -> None:
    """A neighbour may ask a host that is done already to read its published port."""
    run.write(_command("h1", "first"))
    run.write(HostDone(host="h1", outcome="changed", seconds=1))
    run.write(_command("h1", "read a neighbour's port"))
    run.close("{}")
    log = host_log(run.path, "h1")
    assert "first" in log and "neighbour" in log


def test_only_the_owner_may_read_it(run: RunDirectory) -> None:
    assert run.path.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("name", ["../../etc/passwd", "a/b", "@fake/h1", "fe80::1%eth0"])
def test_a_host_s_name_is_no_path(run: RunDirectory, name: str) -> None:
    run.write(_command(name, "look"))
    run.close("{}")
    (log,) = (run.path / "hosts").iterdir()
    assert log.parent == run.path / "hosts"
    assert "look" in host_log(run.path, name)


def test_names_of_runs_sort_in_their_order(run: RunDirectory) -> None:
    """Within a second too."""
    names = [run.run_id, *(RunDirectory().run_id for _ in range(30))]
    assert names == sorted(set(names))
    assert find_run().name == names[-1]


def test_no_two_hosts_share_a_log(run: RunDirectory) -> None:
    names = ["a/b", "a_b", "a b", "A_b", "...", "..", "." + "x" * 300, "x" * 300, "é", "è"]
    for name in names:
        run.write(_command(name, f"look at {name}"))
    run.close("{}")
    assert len(list((run.path / "hosts").iterdir())) == len(names)
    for name in names:
        assert f"look at {name}:" in host_log(run.path, name)


def test_a_line_that_a_kill_has_cut_is_left_out(run: RunDirectory) -> None:
    run.write(HostConnected(host="h1", seconds=1))
    with (run.path / "events.jsonl").open("a", encoding="utf-8") as file:
        file.write('{"type": "host_done", "host": "h')
    assert len(list(events_of(run.path))) == 1


def test_the_newest_run_of_a_kind(run: RunDirectory) -> None:
    run.write(RunStarted(hosts=["h1"], mode="apply"))
    RunDirectory().write(RunStarted(hosts=["h1"], mode="plan"))
    RunDirectory()
    assert latest_run(["apply"]) == run.path
    with pytest.raises(ProjectError, match="no run of smoke"):
        latest_run(["smoke"])


def test_a_full_disk_is_one_clear_error(run: RunDirectory, monkeypatch: pytest.MonkeyPatch) -> None:
    """/dev/full says what a full disk says."""
    full = Path("/dev/full").open("w", encoding="utf-8")  # noqa: SIM115 - the run closes it
    monkeypatch.setattr(run, "_events", full)
    with pytest.raises(ProjectError, match="No space left"):
        run.write(HostConnected(host="h1", seconds=1))


def test_runs_are_found_by_their_beginning_the_newest_without(run: RunDirectory) -> None:
    newer = run.path.parent / "99991231-000000-aaaa"
    newer.mkdir()
    (newer / "events.jsonl").touch()
    (run.path.parent / "99991231-000001-no-events").mkdir()
    assert find_run() == newer
    assert find_run(run.run_id[:12]) == run.path


@pytest.mark.parametrize("wanted", [None, "2026"])
def test_no_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wanted: str | None) -> None:
    monkeypatch.setenv("STAITHE_RUNS", str(tmp_path))
    with pytest.raises(ProjectError):
        find_run(wanted)


def test_no_log_names_those_that_there_are(run: RunDirectory) -> None:
    run.write(_command("h1", "look"))
    with pytest.raises(ProjectError, match="h1"):
        host_log(run.path, "h2")


def test_a_folder_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("STAITHE_RUNS", str(tmp_path / "file"))
    with pytest.raises(ProjectError, match="cannot write"):
        RunDirectory()


def test_a_record_that_has_no_room_is_told_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A device that is always full stands for the disk."""
    monkeypatch.setenv("STAITHE_RUNS", str(tmp_path))
    directory = RunDirectory()
    (directory.path / "summary.json").symlink_to("/dev/full")
    with pytest.raises(ProjectError, match="cannot write the record of the run: No space left") as caught:
        directory.close("{}")
    assert "STAITHE_RUNS=DIR" in (caught.value.hint or "")
