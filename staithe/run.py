"""A run from the first question to the summary: drives the fleet, shows it, keeps the record."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any

from staithe.errors import StaitheError
from staithe.events import AnyEvent, Prepared, RunRefused, Start
from staithe.fleet import Fleet
from staithe.report.console import console_for
from staithe.report.plan import Diffs, print_plan
from staithe.report.terminal import Progress, print_summary
from staithe.result import Mode, RunResult
from staithe.runs import RunDirectory


class Run:
    """One command over a fleet."""

    def __init__(
        self,
        mode: Mode,
        inventory: str,
        *,
        shards: int = 1,
        as_json: bool = False,
        ask: Callable[[RunResult], bool] | None = None,
        deploy: str = "deploy.py",
        **start: Any,
    ) -> None:
        """`ask` is called once with all plans; without it the runners go on at once. `start`: fields of Start."""
        self._directory = RunDirectory()
        self.result = RunResult(run_id=self._directory.run_id, mode=mode, directory=str(self._directory.path))
        self._start = Start(
            run_id=self._directory.run_id, mode=mode, inventory=inventory, deploy=deploy, proceed=ask is None, **start
        )
        self._shards = shards
        self._unprepared = shards
        self._ask = ask
        self._as_json = as_json
        self.console = console_for(stderr=as_json)
        self._interrupts = 0

    def go(
        self, *, check: bool = False, show_plan: bool = False, diffs: Diffs = "changes", show_summary: bool = True
    ) -> RunResult:
        """Run to the end and return what came of it. Ctrl-C once: stop before the next change; twice: at once."""
        fleet = Fleet(self._start, shards=self._shards, log_path=self._directory.runner_log)
        former = signal.signal(signal.SIGINT, lambda number, frame: self._interrupted(fleet, number, frame))
        try:
            with Progress(self.console) as progress:
                fleet.run(lambda event: self._take(event, progress, fleet))
        finally:
            signal.signal(signal.SIGINT, former)
            # Whatever ended the run: what came of it so far is on record.
            self.result.finish(check=check)
            self._directory.close(self.result.model_dump_json(indent=1))
        if self.result.error is not None:
            if self._as_json:
                sys.stdout.write(self.result.model_dump_json(indent=1) + "\n")
            report = self.result.error
            error = StaitheError(report.message, hint=report.hint)
            raise _as_reported(error, report.code, report.exit_code)
        if show_plan:
            print_plan(self.console, self.result.hosts, diffs=diffs)
        if self._as_json:
            sys.stdout.write(self.result.model_dump_json(indent=1) + "\n")
        elif show_summary:
            print_summary(self.console, self.result)
        return self.result

    def _take(self, event: AnyEvent, progress: Progress, fleet: Fleet) -> None:
        self._directory.write(event)
        self.result.take(event)
        progress.take(event)
        if isinstance(event, Prepared | RunRefused):
            self._unprepared -= 1
            if self._unprepared == 0 and self._ask is not None:
                # The answer may take its time; the runners' pipes must not fill up meanwhile.
                threading.Thread(target=self._decide, args=(progress, fleet), daemon=True).start()

    def _decide(self, progress: Progress, fleet: Fleet) -> None:
        assert self._ask is not None
        if self.result.error is not None or not any(host.changes for host in self.result.hosts):
            fleet.proceed()
            return
        progress.pause()
        agreed = self._ask(self.result)
        progress.go_on()
        if agreed:
            fleet.proceed()
        else:
            self.result.cancelled = True
            fleet.cancel()

    def _interrupted(self, fleet: Fleet, number: int, frame: FrameType | None) -> None:
        self._interrupts += 1
        self.result.cancelled = True
        if self._interrupts > 1:
            raise KeyboardInterrupt
        self.console.print("stopping: changes at work are finished, no new one begins (Ctrl-C again: at once)")
        fleet.cancel()


def _as_reported(error: StaitheError, code: str, exit_code: int) -> StaitheError:
    """Give an error from a runner its own code."""
    error.code = code  # type: ignore[misc]
    error.exit_code = exit_code  # type: ignore[misc]
    return error
