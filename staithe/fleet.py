"""Drives the runners: one process for each shard, events from all of them into one place."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from pydantic import BaseModel, ValidationError

from staithe import early_runner
from staithe.errors import InventoryError, StaitheError
from staithe.events import (
    AnyEvent,
    BlobReady,
    BlobsWanted,
    ErrorReport,
    HostDone,
    HostFailed,
    InventoryDescribed,
    Prepared,
    RunDone,
    RunRefused,
    RunStarted,
    read_event,
)
from staithe.messages import Cancel, Halt, Proceed, RelayOver, RelayReady, RelayWanted, SecretGiven, Start, Upload

Sink = Callable[[AnyEvent], None]


class _Seen:
    """What a runner has told, as far as it must be made whole when the runner dies."""

    def __init__(self) -> None:
        self._open: dict[str, None] | None = None
        self._is_prepared = False
        self._ended = False

    def take(self, event: AnyEvent) -> None:
        """Take note of one event."""
        match event:
            case RunStarted():
                self._open = dict.fromkeys(event.hosts)
            case Prepared():
                self._is_prepared = True
            case HostDone() if self._open is not None:
                self._open.pop(event.host or "", None)
            case RunDone() | RunRefused() | InventoryDescribed():
                self._ended = True

    def missing(self, why: str) -> Iterator[AnyEvent]:
        """Yield what a runner that ended without a last word should still have told."""
        if self._ended:
            return
        report = ErrorReport(code=StaitheError.code, exit_code=1, message=why, hint="read runner.log in the record")
        if self._open is None:
            yield RunRefused(error=report, time=round(time.time(), 3))
            return
        for host in self._open:
            yield HostFailed(host=host, error=report, time=round(time.time(), 3))
            yield HostDone(host=host, outcome="failed", seconds=0, time=round(time.time(), 3))
        if not self._is_prepared:
            yield Prepared()
        yield RunDone()


class _Runner:
    """One runner process and the pipe that controls it."""

    def __init__(self, start: Start, log: IO[bytes] | None) -> None:
        self._start = start
        self._process = early_runner.take(log)
        self._lock = threading.Lock()
        self._killed = False
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
        self._killed = True
        self._process.kill()

    def drive(self, sink: Sink) -> None:
        """Hand every event to `sink` until the runner is done; what a runner that dies leaves open is told too."""
        assert self._process.stdout is not None
        seen = _Seen()
        for line in self._process.stdout:
            try:
                event = read_event(line)
            except ValidationError:
                continue
            seen.take(event)
            sink(event)
        code = self._process.wait()
        if not self._killed:
            for event in seen.missing(f"the runner ended unexpectedly (exit code {code})"):
                sink(event)


def _part(whole: int, shard: int, shards: int) -> int:
    """Return this shard's part of `whole`; the first shards take what is left over."""
    return whole // shards + (shard < whole % shards)


class Fleet:
    """The runners of one run."""

    def __init__(self, start: Start, *, shards: int = 1, log_path: Path | None = None) -> None:
        self._log = log_path.open("wb") if log_path else None
        # What may be at work at once is said for the whole run; each process takes its part of it.
        shards = min(shards, start.parallel) if start.parallel else shards
        parts = [
            start.model_copy(
                update={"shard": shard, "shards": shards, "parallel": _part(start.parallel, shard, shards)}
            )
            for shard in range(shards)
        ]
        self._runners = [_Runner(part, self._log) for part in parts]
        self.shards = shards

    def run(self, sink: Sink, executor: Executor | None = None) -> None:
        """Hand all events to `sink`, one at a time, until every runner is done."""
        lock = threading.Lock()

        def one_at_a_time(event: AnyEvent) -> None:
            with lock:
                sink(event)

        pool = executor or ThreadPoolExecutor(len(self._runners))
        futures = [pool.submit(runner.drive, one_at_a_time) for runner in self._runners]
        # The first one keeps the relays: nobody waits for an answer of it when it is gone.
        futures[0].add_done_callback(lambda _: self.end_relays())
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

    def proceed(self, hosts: list[str] | None = None) -> None:
        """Let all hosts carry their plans out, or those named."""
        for runner in self._runners:
            runner.say(Proceed(hosts=hosts))

    def give_secret(self, prompt: str, value: str) -> None:
        """Answer `secret_wanted`, for all runners."""
        for runner in self._runners:
            runner.say(SecretGiven(prompt=prompt, value=value))

    def upload(self, hosts: list[str]) -> None:
        """Let these hosts receive blobs."""
        for runner in self._runners:
            runner.say(Upload(hosts=hosts))

    def want(self, wanted: BlobsWanted) -> None:
        """Let the runner that keeps the relays know what a host wants from one."""
        self._runners[0].say(RelayWanted(wanted=wanted))

    def answer(self, ready: BlobReady) -> None:
        """Tell a host what a relay answers."""
        for runner in self._runners:
            runner.say(RelayReady(ready=ready))

    def end_relays(self) -> None:
        """Take the relays away: no host needs them any longer."""
        for runner in self._runners:
            runner.say(RelayOver())

    def halt(self) -> None:
        """Let no further host begin; those at work finish whole."""
        for runner in self._runners:
            runner.say(Halt())

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
