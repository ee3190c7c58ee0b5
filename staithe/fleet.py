"""Drives the runners: one process for each shard, events from all of them into one place."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from pydantic import BaseModel, ValidationError

from staithe import early_runner
from staithe.errors import InventoryError, StaitheError
from staithe.events import (
    AnyEvent,
    Cancel,
    ErrorReport,
    InventoryDescribed,
    Proceed,
    RunDone,
    RunRefused,
    Start,
    read_event,
)

Sink = Callable[[AnyEvent], None]


class _Runner:
    """One runner process and the pipe that controls it."""

    def __init__(self, start: Start, log: IO[bytes] | None) -> None:
        self._start = start
        self._process = early_runner.take(log)
        self._lock = threading.Lock()
        self.say(start)

    def say(self, told: BaseModel) -> None:
        """Tell the runner one line; a runner that is gone hears nothing more."""
        assert self._process.stdin is not None
        with self._lock:
            try:
                self._process.stdin.write(told.model_dump_json().encode() + b"\n")
                self._process.stdin.flush()
            except (BrokenPipeError, ValueError):
                return

    def kill(self) -> None:
        """End the runner at once; what it left half done on hosts is mended by the next run."""
        self._process.kill()

    def drive(self, sink: Sink) -> None:
        """Hand every event to `sink` until the runner is done; a runner that dies is told as an event too."""
        assert self._process.stdout is not None
        ended = False
        for line in self._process.stdout:
            try:
                event = read_event(line)
            except ValidationError:
                continue
            ended = ended or isinstance(event, RunDone | RunRefused | InventoryDescribed)
            sink(event)
        code = self._process.wait()
        if not ended:
            message = f"the runner ended unexpectedly (exit code {code})"
            hint = "read runner.log in the run directory"
            sink(RunRefused(error=ErrorReport(code=StaitheError.code, exit_code=1, message=message, hint=hint)))


class Fleet:
    """The runners of one run."""

    def __init__(self, start: Start, *, shards: int = 1, log_path: Path | None = None) -> None:
        self._log = log_path.open("wb") if log_path else None
        parts = [start.model_copy(update={"shard": shard, "shards": shards}) for shard in range(shards)]
        self._runners = [_Runner(part, self._log) for part in parts]

    def run(self, sink: Sink, executor: Executor | None = None) -> None:
        """Hand all events to `sink`, one at a time, until every runner is done."""
        lock = threading.Lock()

        def one_at_a_time(event: AnyEvent) -> None:
            with lock:
                sink(event)

        pool = executor or ThreadPoolExecutor(len(self._runners))
        futures = [pool.submit(runner.drive, one_at_a_time) for runner in self._runners]
        try:
            for future in futures:
                future.result()
        except BaseException:
            # Ctrl-C a second time, or a sink that failed: a runner at work would keep this process until its end.
            for runner in self._runners:
                runner.kill()
            raise
        finally:
            if executor is None:
                pool.shutdown()
            if self._log:
                self._log.close()

    def proceed(self) -> None:
        """Let all runners carry their plans out."""
        for runner in self._runners:
            runner.say(Proceed())

    def cancel(self) -> None:
        """Let no runner begin a further change."""
        for runner in self._runners:
            runner.say(Cancel())


@dataclass(frozen=True)
class HostDescription:
    """A host as its inventory describes it."""

    name: str
    groups: tuple[str, ...]
    # (origin, data), lowest priority first.
    layers: tuple[tuple[str, dict[str, Any]], ...]


def describe_inventory(inventory: str, limit: list[str] | None = None) -> list[HostDescription]:
    """Load an inventory in a process of its own; InventoryError when it does not load or is empty."""
    described: list[HostDescription] = []
    errors: list[ErrorReport] = []

    def sink(event: AnyEvent) -> None:
        if isinstance(event, RunRefused):
            errors.append(event.error)
        elif isinstance(event, InventoryDescribed):
            for host in event.hosts:
                layers = tuple((origin, data) for origin, data in host["layers"])
                described.append(HostDescription(host["name"], tuple(host["groups"]), layers))

    Fleet(Start(run_id="describe", mode="describe", inventory=inventory, limit=limit or [])).run(sink)
    if errors:
        raise InventoryError(errors[0].message, hint=errors[0].hint)
    return described
