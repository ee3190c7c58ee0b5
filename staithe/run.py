"""A run from the first question to the summary: drives the fleet, shows it, keeps the record."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from staithe.batches import Batches
from staithe.errors import StaitheError
from staithe.events import (
    AnyEvent,
    BlobReady,
    BlobsWanted,
    ErrorReport,
    HostDone,
    HostPlanned,
    PlanBasis,
    Prepared,
    RunRefused,
    RunStarted,
    SecretWanted,
)
from staithe.fleet import Fleet
from staithe.messages import Start
from staithe.report.console import console_for, print_document
from staithe.report.plan import Diffs, print_plan, print_warnings
from staithe.report.progress import Progress
from staithe.report.terminal import print_batch, print_summary
from staithe.result import Mode, RunResult
from staithe.runs import RunDirectory
from staithe.secret import ask_secret
from staithe.uploads import Uploads

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


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
        batches: Batches | None = None,
        uploads: int = 0,
        deploy: str = "deploy.py",
        watch: Callable[[AnyEvent], None] = lambda event: None,
        **start: Any,
    ) -> None:
        """`ask` is called once with all plans; `batches` say which hosts begin when, `uploads` how many
        receive blobs at once (0: all that are at work); `watch` is told every event; `start`: fields of Start.

        Without both the runners go on at once.
        """
        self._directory = RunDirectory()
        self.result = RunResult(
            run_id=self._directory.run_id, mode=mode, inventory=inventory, directory=str(self._directory.path)
        )
        self.start = Start(
            run_id=self._directory.run_id,
            mode=mode,
            inventory=inventory,
            deploy=deploy,
            proceed=ask is None and batches is None,
            agreed=ask is not None,
            uploads=uploads,
            **start,
        )
        # What each plan rests on, when it is to be saved.
        self.bases: dict[str, PlanBasis] = {}
        self._shards = shards
        self._ask = ask
        self._watch = watch
        # Without `batches` all hosts are one batch.
        self._batches = batches or Batches()
        self._shown_batch = -1
        self._uploads = Uploads(uploads)
        # Hosts that are not done; when none is left, no relay is needed any longer.
        self._open: set[str] = set()
        self._order_lock = threading.RLock()
        self._as_json = as_json
        self.console = console_for(stderr=as_json)
        self._interrupts = 0
        self._asked: set[str] = set()
        # With the question a person has seen the plans.
        self._has_asked = False

    def go(
        self, *, check: bool = False, show_plan: bool = False, diffs: Diffs = "changes", show_summary: bool = True
    ) -> RunResult:
        """Run to the end and return what came of it. Ctrl-C once: stop before the next change; twice: at once."""
        try:
            self._drive()
        except StaitheError as error:
            error.record = self.result.directory
            raise
        except BaseException:
            self.console.print(f"record: {self.result.directory}", highlight=False, markup=False, soft_wrap=True)
            raise
        finally:
            # Whatever ended the run: what came of it so far is on record.
            self.result.finish(check=check)
            self._directory.close(self.result.model_dump_json(indent=1))
        refused = self.result.error is not None
        if show_plan and not refused:
            print_plan(self.console, self.result.hosts, diffs=diffs)
        elif not self._has_asked and not self._as_json:
            print_warnings(self.console, self.result.hosts)
        if self._as_json:
            print_document(self.result.model_dump_json(indent=1))
        elif show_summary and (self.result.hosts or not refused):
            print_summary(self.console, self.result)
        if self.result.error is not None:
            report = self.result.error
            refusal = _as_reported(report)
            refusal.record = self.result.directory
            raise refusal
        return self.result

    def _drive(self) -> None:
        fleet = Fleet(self.start, shards=self._shards, log_path=self._directory.runner_log)
        self._unstarted = self._unprepared = fleet.shards
        try:
            with self._signals(fleet), Progress(self.console) as progress:
                fleet.run(lambda event: self._take(event, progress, fleet))
        except KeyboardInterrupt:
            self.console.print("stopped at once: commands at work on hosts go on there until their time limit")

    def _take(self, event: AnyEvent, progress: Progress, fleet: Fleet) -> None:
        self._directory.write(event)
        self.result.take(event)
        self._watch(event)
        if isinstance(event, HostPlanned) and event.basis is not None and event.host:
            self.bases[event.host] = event.basis
        progress.take(event)
        receiving = self._uploads.take(event)
        if receiving:
            fleet.upload(receiving)
        with self._order_lock:
            self._let_begin(self._batches.take(event), progress, fleet)
            if isinstance(event, RunStarted | RunRefused):
                self._unstarted -= 1
                if self._unstarted == 0:
                    self._batches.all_known()
                    may_open = self._ask is None and not self.start.proceed
                    self._let_begin(self._batches.open() if may_open else [], progress, fleet)
        self._relay(event, fleet)
        if isinstance(event, SecretWanted) and event.prompt not in self._asked:
            self._asked.add(event.prompt)
            # Typing takes its time; the runners' pipes must not fill up meanwhile.
            threading.Thread(target=self._type_secret, args=(event.prompt, progress, fleet), daemon=True).start()
        if isinstance(event, Prepared | RunRefused):
            self._unprepared -= 1
            if self._unprepared == 0 and self._ask is not None:
                # The answer may take its time; the runners' pipes must not fill up meanwhile.
                threading.Thread(target=self._decide, args=(progress, fleet), daemon=True).start()

    def _relay(self, event: AnyEvent, fleet: Fleet) -> None:
        """Carry words between hosts and the relay that another runner may keep; end it after the last host."""
        match event:
            case BlobsWanted():
                fleet.want(event)
            case BlobReady():
                fleet.answer(event)
            case RunStarted():
                self._open.update(event.hosts)
            case HostDone():
                self._open.discard(event.host or "")
        if isinstance(event, RunStarted | RunRefused | HostDone) and not self._open and not self._unstarted:
            fleet.end_relays()

    def _type_secret(self, prompt: str, progress: Progress, fleet: Fleet) -> None:
        progress.pause()
        value = ask_secret(prompt)
        progress.go_on()
        if value is None:
            fleet.cancel()
        else:
            fleet.give_secret(prompt, value)

    def _let_begin(self, hosts: list[str], progress: Progress, fleet: Fleet) -> None:
        if hosts:
            if self._batches.count > 1 and self._batches.current != self._shown_batch:
                self._shown_batch = self._batches.current
                print_batch(self.console, self._batches)
            fleet.proceed(hosts)
        elif self._batches.stopped and not self.result.halted:
            self.result.halted = True
            fleet.halt()

    def _decide(self, progress: Progress, fleet: Fleet) -> None:
        assert self._ask is not None
        pending = any(host.changes for host in self.result.hosts)
        if self.result.error is not None or not pending or self.result.halted or self.result.cancelled:
            fleet.proceed()
            return
        progress.pause()
        self._has_asked = True
        agreed = self._ask(self.result)
        progress.go_on()
        if agreed:
            with self._order_lock:
                self._let_begin(self._batches.open(), progress, fleet)
        else:
            self.result.cancelled = True
            fleet.cancel()

    @contextmanager
    def _signals(self, fleet: Fleet) -> Iterator[None]:
        """Stop cleanly when somebody ends the run: by Ctrl-C, by `kill`, or by closing the terminal."""
        former = {
            number: signal.signal(number, lambda number, frame: self._interrupted(fleet, number, frame))
            for number in _SIGNALS
            # What nohup has set stays.
            if number is not signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN
        }
        try:
            yield
        finally:
            for number, handler in former.items():
                signal.signal(number, handler)

    def _interrupted(self, fleet: Fleet, number: int, frame: FrameType | None) -> None:
        self._interrupts += 1
        self.result.cancelled = True
        if self._interrupts > 1:
            raise KeyboardInterrupt
        self.console.print("stopping: changes at work are finished, no new one begins (Ctrl-C again: at once)")
        fleet.cancel()


def _as_reported(report: ErrorReport) -> StaitheError:
    """Return an error from a runner with its own code."""
    error = StaitheError(report.message, hint=report.hint)
    error.code = report.code  # type: ignore[misc]
    error.exit_code = report.exit_code  # type: ignore[misc]
    return error
