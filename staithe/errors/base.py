"""The root of the tree, and exit codes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import ClassVar

EXIT_OK = 0
EXIT_HOST_FAILED = 1
EXIT_USAGE = 2
EXIT_PENDING = 3
EXIT_REFUSED = 4
EXIT_BUNDLE = 5
EXIT_INTERRUPTED = 130

_FOUND_LIMIT = 1000

# When several apply, the first of these that occurred is the exit code of the run.
_EXIT_PRECEDENCE = (
    EXIT_INTERRUPTED,
    EXIT_USAGE,
    EXIT_BUNDLE,
    EXIT_HOST_FAILED,
    EXIT_REFUSED,
    EXIT_PENDING,
    EXIT_OK,
)


def worst_exit_code(codes: Iterable[int]) -> int:
    """Return the exit code that stands for all of `codes`; 0 for none."""
    seen = set(codes)
    return next((code for code in _EXIT_PRECEDENCE if code in seen), EXIT_OK)


class StaitheError(Exception):
    """staithe itself failed in a way it did not foresee.

    Run the same command with --verbose and report what it prints.
    """

    code: ClassVar[str] = "E001"
    exit_code: ClassVar[int] = EXIT_HOST_FAILED
    # The run directory, when there is one.
    record: str | None = None

    def __init__(
        self,
        message: str,
        *,
        where: str | None = None,
        found: str | None = None,
        expected: str | None = None,
        hint: str | None = None,
    ) -> None:
        """`where` is a path in a file or config, `hint` the next command to type."""
        super().__init__(message)
        self.message = message
        self.where = where
        self.found = found
        self.expected = expected
        self.hint = hint

    def __str__(self) -> str:
        text = f"{self.where}: {self.message}" if self.where else self.message
        if self.found is not None:
            text += f" (found {_shortened(self.found)}"
            text += f", expected {self.expected})" if self.expected is not None else ")"
        elif self.expected is not None:
            text += f" (expected {self.expected})"
        return text


def _shortened(found: str) -> str:
    # What a host said may be a megabyte without a newline.
    return found if len(found) <= _FOUND_LIMIT else f"{found[: _FOUND_LIMIT // 2]} ... {found[-_FOUND_LIMIT // 2 :]}"


def error_classes() -> Iterator[type[StaitheError]]:
    """Yield every class of the tree, parents first."""
    pending: list[type[StaitheError]] = [StaitheError]
    while pending:
        cls = pending.pop(0)
        yield cls
        pending.extend(cls.__subclasses__())
