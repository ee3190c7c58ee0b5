"""What a host's probe says, as its state: of a look (look.py), or at the end of a script that changes something."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

from staithe.errors import HostError
from staithe.host.look import BEGIN, LIMIT_BYTES, TIMEOUT_S
from staithe.host.remote import Remote, failure_of
from staithe.probe.parse import parse
from staithe.probe.request import ProbeRequest
from staithe.probe.script import build
from staithe.probe.state import HostState
from staithe.ssh import Completed, Question


def read(answer: Completed) -> HostState:
    """Return what the probe of a whole host said; raises ProbeFailed."""
    return _noted(parse(answer.stdout.decode("utf-8", "replace")))


def alter(
    remote: Remote,
    script: str,
    what: str,
    request: ProbeRequest,
    base: HostState | None,
    *,
    stdin: Iterable[bytes],
    question: Question | None = None,
    failed: Callable[[Completed], HostError] | None = None,
    timeout_s: float,
) -> HostState:
    """Run a script that changes the host and, when it ends well, ask in the same exec; the rest stays as in `base`.

    What the script asks (`question`) it prints to its descriptor 3: its stdout is for the log. Raises what `failed`
    returns (CommandFailed without it) when the change failed, ProbeFailed when only the answer is missing.
    """
    result = remote.run(
        # The script has a shell of its own, which it may leave or set as it likes. Stdout is the answer's alone.
        f"(\n{script}) 3>&1 >&2\ncode=$?\nif [ $code != 0 ]; then exit $code; fi\n{build(request)}",
        what,
        stdin=stdin,
        question=question,
        timeout_s=timeout_s + TIMEOUT_S,
        limit_bytes=LIMIT_BYTES,
        check=False,
        shown=script,
    )
    if result.exit_code != 0 and BEGIN not in result.stdout:
        raise failed(result) if failed else failure_of(what, result, remote.name)
    # What it asked stands before the answer of the probe, and may be anything.
    answer = result.stdout.rpartition(question.mark)[2] if question else result.stdout
    return _noted(parse(answer.decode("utf-8", "replace"), base))


def _noted(state: HostState) -> HostState:
    """Put the time here beside the host's own."""
    return state.model_copy(update={"asked_at": int(time.time())})
