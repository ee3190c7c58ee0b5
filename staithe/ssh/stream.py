"""The output of a command that runs, drained while it runs, and the answer to what it asks in the middle."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import paramiko

_READ_BYTES = 1 << 17


@dataclass(frozen=True)
class Question:
    """What a command asks: it prints `mark`, and reads the answer from stdin. `answer` gets its stdout so far."""

    mark: bytes
    answer: Callable[[bytes], Iterable[bytes]]


class Reader(threading.Thread):
    """Drain one stream; call `stop`, which ends the command, when more than `limit_bytes` come."""

    def __init__(self, read: Callable[[int], bytes], limit_bytes: int, stop: Callable[[], None]) -> None:
        super().__init__(daemon=True)
        self._read = read
        self._limit_bytes = limit_bytes
        self._end_command = stop
        self._kept: list[bytes] = []
        self._size = 0
        self._is_over = False
        self._news = threading.Condition()
        self.flooded = False
        self.error: Exception | None = None

    def run(self) -> None:
        try:
            while data := self._read(_READ_BYTES):
                self._size += len(data)
                with self._news:
                    self._kept.append(data)
                    self._news.notify_all()
                if self._size > self._limit_bytes:
                    # A part of an answer is none, and the rest might never end. What still writes there gets SIGPIPE.
                    self.flooded = True
                    self._end_command()
                    return
        except (OSError, ValueError, EOFError, paramiko.SSHException) as error:
            self.error = error
        finally:
            with self._news:
                self._is_over = True
                self._news.notify_all()

    @property
    def data(self) -> bytes:
        return b"".join(self._kept)

    def until(self, mark: bytes, deadline: float) -> bytes | None:
        """Wait until `mark` has come and return all that has; None when the stream ends without it.

        Raises TimeoutError at `deadline` (of time.monotonic).
        """
        with self._news:
            while mark not in self.data:
                if self._is_over:
                    return None
                if not self._news.wait(max(0.0, deadline - time.monotonic())) and time.monotonic() >= deadline:
                    raise TimeoutError
            return self.data


def with_answer(stdin: Iterable[bytes], question: Question | None, out: Reader, deadline: float) -> Iterator[bytes]:
    """Yield `stdin`, then the answer to the question once `out` has asked it."""
    yield from stdin
    if question is not None:
        said = out.until(question.mark, deadline)
        if said is not None:
            yield from question.answer(said)
