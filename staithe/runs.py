"""The record of runs on this machine: .staithe/runs/RUN/ with events, summary and a log for each host."""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Iterator
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
    SmokeChecked,
    read_event,
)
from staithe.runs_folder import runs_folder
from staithe.visible import visible

EVENTS_FILE = "events.jsonl"
SUMMARY_FILE = "summary.json"


class RunDirectory:
    """One run's folder, open for writing."""

    def __init__(self) -> None:
        self.run_id = f"{time.strftime('%Y%m%d-%H%M%S')}-{secrets.token_hex(2)}"
        self.path = runs_folder() / self.run_id
        try:
            (self.path / "hosts").mkdir(parents=True)
            # Outputs of hosts may be confidential, whatever is masked in them.
            self.path.chmod(0o700)
        except OSError as error:
            raise ProjectError(
                f"cannot write the run directory: {error.strerror}",
                where=str(self.path),
                hint="STAITHE_RUNS=DIR staithe ...",
            ) from error
        self._events = (self.path / EVENTS_FILE).open("w", encoding="utf-8")
        self._logs: dict[str, IO[str]] = {}

    @property
    def runner_log(self) -> Path:
        return self.path / "runner.log"

    def write(self, event: AnyEvent) -> None:
        """Append one event to the events, and to its host's log when it tells of work there."""
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
        """Write the summary and end."""
        (self.path / SUMMARY_FILE).write_text(summary + "\n", encoding="utf-8")
        self._events.close()
        for log in self._logs.values():
            log.close()


def _file_name(host: str) -> str:
    return re.sub(r"[^A-Za-z0-9._@-]", "_", host)


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
        case HostFailed():
            return f"{at} error {event.error.code}: {event.error.message}\n"
        case HostDone():
            return f"{at} end: {event.outcome}, {event.seconds:.2f} s\n"
    return ""


def find_run(run: str | None = None) -> Path:
    """Return a run's folder by its id, or by the beginning of it; the newest for None."""
    folder = runs_folder()
    all_runs = sorted((path for path in folder.glob("*") if (path / EVENTS_FILE).is_file()), reverse=True)
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
    """Yield the events of a run in the order in which they came."""
    with (run / EVENTS_FILE).open(encoding="utf-8") as lines:
        for line in lines:
            yield read_event(line)
