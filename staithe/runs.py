"""The record of runs on this machine: .staithe/runs/RUN/ with events, summary and a log for each host."""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Collection, Iterator
from contextlib import suppress
from pathlib import Path
from typing import IO

from staithe.errors import ProjectError
from staithe.events import (
    AnyEvent,
    ChangeDone,
    ChangeStarted,
    Command,
    HostDone,
    HostFailed,
    Notice,
    PackagesDumped,
    Pulling,
    RunStarted,
    SmokeChecked,
    read_event,
)
from staithe.runs_folder import runs_folder
from staithe.shell import word
from staithe.visible import visible

EVENTS_FILE = "events.jsonl"
SUMMARY_FILE = "summary.json"


class RunDirectory:
    """One run's folder, open for writing."""

    def __init__(self) -> None:
        try:
            self.path = _new_folder()
            (self.path / "hosts").mkdir()
        except OSError as error:
            raise ProjectError(
                f"cannot write the run directory: {error.strerror}",
                where=str(runs_folder()),
                hint="STAITHE_RUNS=DIR staithe ...",
            ) from error
        self.run_id = self.path.name
        self._events = (self.path / EVENTS_FILE).open("w", encoding="utf-8")
        self._logs: dict[str, IO[str]] = {}

    @property
    def runner_log(self) -> Path:
        return self.path / "runner.log"

    def write(self, event: AnyEvent) -> None:
        """Append one event to the events, and to its host's log when it tells of work there; raise ProjectError."""
        try:
            self._write(event)
        except OSError as error:
            raise self._unwritable(error) from error

    def _write(self, event: AnyEvent) -> None:
        if isinstance(event, PackagesDumped):
            # Megabytes, which end in a file of their own.
            event = event.model_copy(update={"dump": ""})
        self._events.write(event.model_dump_json() + "\n")
        self._events.flush()
        text = _log_text(event)
        if event.host and text:
            log = self._logs.get(event.host)
            if log is None:
                # Added to: a host that is done may still be asked by a neighbour.
                log = (self.path / "hosts" / f"{_file_name(event.host)}.log").open("a", encoding="utf-8")
                self._logs[event.host] = log
            # For people, who look at it in a terminal; the events have every byte.
            log.write(visible(text))
            log.flush()
        if isinstance(event, HostDone) and event.host in self._logs:
            self._logs.pop(event.host).close()

    def close(self, summary: str) -> None:
        """Write the summary and end; raises ProjectError."""
        try:
            (self.path / SUMMARY_FILE).write_text(summary + "\n", encoding="utf-8")
        except OSError as error:
            raise self._unwritable(error) from error
        finally:
            for file in (self._events, *self._logs.values()):
                # What could not be written has been told.
                with suppress(OSError):
                    file.close()

    def _unwritable(self, error: OSError) -> ProjectError:
        return ProjectError(
            f"cannot write the record of the run: {error.strerror}",
            where=str(self.path),
            hint=f"df -h {word(str(self.path))}   # or another place: STAITHE_RUNS=DIR staithe ...",
        )


def _new_folder() -> Path:
    """Make the folder of a new run, readable by its owner alone; later runs have later names."""
    runs_folder().mkdir(parents=True, exist_ok=True)
    while True:
        now = time.time_ns()
        name = f"{time.strftime('%Y%m%d-%H%M%S', time.localtime(now // 10**9))}-{now % 10**9 // 1000:06d}"
        try:
            # Outputs of hosts may be confidential, whatever is masked in them.
            (runs_folder() / name).mkdir(mode=0o700)
        except FileExistsError:
            continue
        return runs_folder() / name


def _file_name(host: str) -> str:
    """Return a file name that no other host has: its own name, or what can be kept of it and a digest."""
    if re.fullmatch(r"[A-Za-z0-9@_-][A-Za-z0-9._@-]{0,199}", host):
        return host
    kept = re.sub(r"[^A-Za-z0-9._@-]", "_", host)[:100].lstrip(".")
    return f"{kept}%{hashlib.sha256(host.encode()).hexdigest()[:8]}"


def _log_text(event: AnyEvent) -> str:
    at = time.strftime("%H:%M:%S", time.localtime(event.time))
    match event:
        case Command():
            body = "".join(f"    {line}\n" for line in event.output.splitlines())
            script = "".join(f"  | {line}\n" for line in event.command.splitlines())
            head = f"{at} {event.what}: exit code {event.exit_code}, {event.seconds:.2f} s\n"
            return head + script + body
        case ChangeStarted():
            return f"{at} begin {event.change_id}\n"
        case ChangeDone():
            return f"{at} done  {event.change_id} ({event.seconds:.2f} s)\n"
        case SmokeChecked():
            one = event.check
            return f"{at} smoke {one.status}: {one.name}: {one.did}; expected {one.expected}; saw {one.saw}\n"
        case Pulling():
            return f"{at} pull  blob {event.blob[7:19]} from {event.origin}\n"
        case Notice():
            return f"{at} notice: {event.text}\n"
        case HostFailed():
            return f"{at} error {event.error.code}: {event.error.message}\n"
        case HostDone():
            return f"{at} end: {event.outcome}, {event.seconds:.2f} s\n"
    return ""


def find_run(run: str | None = None) -> Path:
    """Return a run's folder by its id, or by the beginning of it; the newest for None."""
    folder = runs_folder()
    all_runs = _all_runs()
    found = [path for path in all_runs if run is None or path.name.startswith(run)]
    if not found:
        text = f"no run {run}" if run else "no run yet"
        raise ProjectError(text, where=str(folder), hint=f"ls {folder}" if all_runs else "staithe plan INVENTORY")
    return found[0]


def host_log(run: Path, host: str) -> str:
    """Return the log of one host of a run."""
    path = run / "hosts" / f"{_file_name(host)}.log"
    if not path.is_file():
        known = sorted(one.stem for one in (run / "hosts").glob("*.log"))
        raise ProjectError(
            f"run {run.name} has no log of {host}",
            found=", ".join(known) or "no logs",
            hint=f"cat {run / EVENTS_FILE}",
        )
    return path.read_text(encoding="utf-8")


def events_of(run: Path) -> Iterator[AnyEvent]:
    """Yield the events of a run in the order in which they came; of a run that was killed, the whole ones."""
    with (run / EVENTS_FILE).open(encoding="utf-8") as lines:
        for line in lines:
            if line.endswith("\n"):
                yield read_event(line)


def latest_run(modes: Collection[str]) -> Path:
    """Return the folder of the newest run of one of these modes that came as far as its hosts."""
    for path in _all_runs():
        started = next((one for one in events_of(path) if isinstance(one, RunStarted)), None)
        if started is not None and started.mode in modes:
            return path
    raise ProjectError(f"no run of {' or '.join(modes)} yet", where=str(runs_folder()), hint=f"ls {runs_folder()}")


def _all_runs() -> list[Path]:
    """Return the folders of all runs, the newest first."""
    return sorted((path for path in runs_folder().glob("*") if (path / EVENTS_FILE).is_file()), reverse=True)
