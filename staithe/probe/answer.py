"""Takes the probe's answer apart: markers, sections, lines. Knows nothing of what the lines mean."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from pydantic import ValidationError

from staithe.errors import ProbeFailed
from staithe.probe.request import ProbeRequest
from staithe.probe.script import PROBE_VERSION, SECTIONS, sections

# Every managed file at its limit, the record, and a thousand images are below 8 MiB and 100,000 lines.
MAX_CHARACTERS = 16 * 1024 * 1024
MAX_LINES = 250_000

_MARK = "staithe-probe"
_HINT = "run it again; when it stays so, see whether the login prints or changes something: ssh HOST sudo -n true"


@dataclass
class Section:
    """The lines of one section, in their order."""

    name: str
    # (key, value): "|" for a line of text, a path for a line of a file.
    lines: list[tuple[str, str]] = field(default_factory=list)

    def values(self, key: str) -> list[str]:
        """Return every value of `key`."""
        return [value for name, value in self.lines if name == key]

    def value(self, key: str, default: str = "") -> str:
        """Return the first value of `key`."""
        return next(iter(self.values(key)), default)

    def texts(self) -> list[str]:
        """Return the lines of commands' output."""
        return self.values("|")

    def after(self, key: str) -> Section:
        """Return the part that follows the first line with `key`; nothing when there is none."""
        at = next((i for i, (name, _) in enumerate(self.lines) if name == key), len(self.lines))
        return Section(self.name, self.lines[at + 1 :])

    def before(self, key: str) -> Section:
        """Return the part that stands before the first line with `key`; all when there is none."""
        at = next((i for i, (name, _) in enumerate(self.lines) if name == key), len(self.lines))
        return Section(self.name, self.lines[:at])


@dataclass(frozen=True)
class Answer:
    """A whole answer: both markers were there, and every section that was asked for, once."""

    request: ProbeRequest
    clock: int
    sections: dict[str, Section]


def take_apart(output: str) -> Answer:
    """Return the answer in `output`, leaving out what was printed before and after it (banners of a login).

    Raises ProbeFailed when it is no answer, an answer of another version, or not whole.
    """
    if len(output) > MAX_CHARACTERS:
        raise _failed("the host's answer is too long", f"{len(output)} characters", f"at most {MAX_CHARACTERS}")
    if output.count("\n") > MAX_LINES:
        raise _failed("the host's answer is too long", f"more than {MAX_LINES} lines")
    lines = iter([line.rstrip("\r") for line in output.split("\n")])
    _find_begin(lines, output)
    head, request_line = Section("head"), ""
    found: dict[str, Section] = {}
    current = head
    for line in lines:
        if not line.startswith("@"):
            _add(current, line)
            continue
        word, _, rest = line[1:].partition(" ")
        if word == "end" and rest == f"{_MARK} {PROBE_VERSION}":
            return _whole(request_line, head, found)
        if word == "request" and not request_line:
            request_line = rest
        elif word == "section" and rest not in SECTIONS:
            raise _failed("the answer to the probe holds a section that no probe writes", repr(rest[:40]))
        elif word == "section" and rest not in found:
            current = found[rest] = Section(rest)
        elif word == "section":
            raise _failed("the answer to the probe holds a section twice", repr(rest[:40]))
        else:
            raise _failed("the answer to the probe holds a line that no probe writes", repr(line[:80]))
    raise _failed("the answer to the probe ends too early", f"sections {', '.join(found) or 'none'}, no end mark")


def _find_begin(lines: Iterator[str], output: str) -> None:
    for line in lines:
        if line.startswith(f"@begin {_MARK} "):
            version = line.removeprefix(f"@begin {_MARK} ")
            if version != str(PROBE_VERSION):
                raise _failed("another version of the probe answered", repr(version[:20]), str(PROBE_VERSION))
            return
    start = repr(output.strip()[:120]) if output.strip() else "no output"
    raise _failed("the host did not answer the probe", start, "the probe's begin mark")


def _add(section: Section, line: str) -> None:
    key, tab, value = line.partition("\t")
    if line.startswith("|"):
        section.lines.append(("|", line[1:]))
    elif line.startswith("/") and ":" in line:
        path, _, text = line.partition(":")
        section.lines.append((path, text))
    elif tab and key.isidentifier():
        section.lines.append((key, value))
    elif line:
        section.lines.append(("|", line))


def _whole(request_line: str, head: Section, found: dict[str, Section]) -> Answer:
    try:
        request = ProbeRequest.model_validate_json(request_line)
        clock = int(head.value("clock"))
    except (ValidationError, ValueError) as error:
        raise _failed("the answer to the probe does not say what was asked", repr(request_line[:80])) from error
    expected = sections(request)
    if set(found) != set(expected):
        raise _failed("the answer to the probe has not the sections asked for", ", ".join(found), ", ".join(expected))
    return Answer(request, clock, found)


def _failed(message: str, found: str, expected: str | None = None) -> ProbeFailed:
    return ProbeFailed(message, found=found, expected=expected, hint=_HINT)
