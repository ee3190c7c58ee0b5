"""The two ends of the runner protocol inside the runner."""

from __future__ import annotations

import json
import time
from typing import IO

import gevent
from gevent.event import Event as Flag
from gevent.fileobject import FileObject
from pydantic import ValidationError

from staithe.errors import StaitheError
from staithe.events import ErrorReport, Event, Start


class Control:
    """Tells events and listens for `proceed` and `cancel`; a closed pipe counts as `cancel`."""

    def __init__(self, stdin: int, out: IO[str]) -> None:
        self._lines = FileObject(stdin, "r", encoding="utf-8", closefd=False)
        self._out = out
        self._seq = 0
        self._run_id = ""
        self.go = Flag()
        self.cancelled = False

    def read_start(self) -> Start | None:
        """Read the first line; None when it is no `start` of this protocol."""
        try:
            start = Start.model_validate_json(self._lines.readline())
        except ValidationError as error:
            print(f"staithe.runner: not a start line: {error}")
            return None
        self._run_id = start.run_id
        if start.proceed:
            self.go.set()
        gevent.spawn(self._listen)
        return start

    def _listen(self) -> None:
        for line in self._lines:
            try:
                told = json.loads(line).get("type")
            except (ValueError, AttributeError):
                continue
            if told == "proceed":
                self.go.set()
            elif told == "cancel":
                self.cancel()
        self.cancel()

    def cancel(self) -> None:
        """Begin no further change; wake those that wait for `proceed`."""
        self.cancelled = True
        self.go.set()

    def tell(self, event: Event) -> None:
        """Write one event, numbered and timed."""
        self._seq += 1
        whole = event.model_copy(update={"run_id": self._run_id, "seq": self._seq, "time": round(time.time(), 3)})
        try:
            self._out.write(whole.model_dump_json() + "\n")
            self._out.flush()
        except (BrokenPipeError, ValueError):
            self.cancel()


def report_of(error: StaitheError) -> ErrorReport:
    """Return the error as data."""
    return ErrorReport(code=error.code, exit_code=error.exit_code, message=str(error), hint=error.hint)
