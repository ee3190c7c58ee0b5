"""Every code of an error or a warning with its explanation: `staithe explain` and docs/errors.md."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from dataclasses import dataclass

from staithe import errors

_EXIT_CODES = (
    (errors.EXIT_OK, "done, or nothing to do"),
    (errors.EXIT_HOST_FAILED, "a host failed"),
    (errors.EXIT_USAGE, "the command line or the configuration is wrong; no host was asked anything"),
    (
        errors.EXIT_PENDING,
        "changes are pending (`staithe plan --check`), or two bundles differ (`staithe bundle diff`)",
    ),
    (errors.EXIT_REFUSED, "preflight refused a host; it was not touched"),
    (errors.EXIT_BUNDLE, "the bundle is missing, incomplete or not what it says"),
    (errors.EXIT_INTERRUPTED, "interrupted"),
)


@dataclass(frozen=True)
class Explanation:
    """What one code means and what to do."""

    code: str
    name: str
    exit_code: int
    text: str

    @property
    def summary(self) -> str:
        """Return the first sentence."""
        first_paragraph = " ".join(self.text.split("\n\n", maxsplit=1)[0].split())
        return first_paragraph.split(". ", maxsplit=1)[0].rstrip(".") + "."


def explanations() -> list[Explanation]:
    """Return all codes in their order."""
    found = [
        Explanation(cls.code, cls.__name__, cls.exit_code, inspect.cleandoc(cls.__doc__ or ""))
        for cls in errors.error_classes()
    ]
    return sorted([*found, *_preflight_checks(), *_moved_plans(), *_warnings()], key=lambda one: one.code)


def _preflight_checks() -> Iterator[Explanation]:
    from staithe.preflight import checks

    for check in checks():
        yield Explanation(check.code, "preflight", errors.EXIT_REFUSED, inspect.cleandoc(check.doc))


def _moved_plans() -> Iterator[Explanation]:
    from staithe.plan.moved import REFUSALS

    for code, make in REFUSALS:
        yield Explanation(code, "plan", errors.EXIT_REFUSED, inspect.cleandoc(make.__doc__ or ""))


def _warnings() -> Iterator[Explanation]:
    from staithe.plan.warnings import kinds

    for code, text in kinds().items():
        yield Explanation(code, "warning", errors.EXIT_OK, text)


def markdown() -> str:
    """Return docs/errors.md."""
    parts = [
        "<!-- Made by `staithe explain --markdown` from staithe/errors/, preflight/ and plan/: `make docs`. -->",
        "# Errors, warnings and exit codes",
        "Every error has a code, and so has every warning of a plan. `staithe explain CODE` prints what stands here.",
        "| exit code | meaning |\n|---|---|\n" + "\n".join(f"| {code} | {text} |" for code, text in _EXIT_CODES),
        "When several apply, the first of 130, 2, 5, 1, 4, 3, 0 is the exit code of the run.",
    ]
    parts += [f"## {one.code} {one.name} (exit code {one.exit_code})\n\n{one.text}" for one in explanations()]
    return "\n\n".join(parts) + "\n"
