"""The probe over a host's connection: alone, or at the end of a script that changes something."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

from staithe.errors import CommandFailed, HostError, ProbeFailed
from staithe.host.remote import Remote, failure_of, last_lines
from staithe.probe.parse import parse
from staithe.probe.request import ProbeRequest
from staithe.probe.script import build
from staithe.probe.state import HostState
from staithe.ssh import Completed, Question

_LIMIT_BYTES = 8 << 20
_TIMEOUT_S = 60.0
_BEGIN = b"@begin staithe-probe"


def ask(remote: Remote, request: ProbeRequest) -> HostState:
    """Ask the host, in one exec, and change nothing."""
    try:
        result = remote.run(
            build(request),
            "probe",
            timeout_s=_TIMEOUT_S,
            limit_bytes=_LIMIT_BYTES,
            check=False,
            looks=True,
            shown="(the probe: staithe/probe/script.sh)",
        )
    except CommandFailed as error:
        # Without a check of the exit code only this is left: far more came than any probe says.
        raise ProbeFailed(error.message, found=error.found, hint=error.hint) from error
    if result.exit_code != 0 and _BEGIN not in result.stdout:
        raise ProbeFailed(
            f"the probe ended with exit code {result.exit_code}",
            found=last_lines(result),
            hint=f"ssh {remote.name}",
        )
    return _noted(parse(result.stdout.decode("utf-8", "replace")))


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
        timeout_s=timeout_s + _TIMEOUT_S,
        limit_bytes=_LIMIT_BYTES,
        check=False,
        shown=script,
    )
    if result.exit_code != 0 and _BEGIN not in result.stdout:
        raise failed(result) if failed else failure_of(what, result, remote.name)
    # What it asked stands before the answer of the probe, and may be anything.
    answer = result.stdout.rpartition(question.mark)[2] if question else result.stdout
    return _noted(parse(answer.decode("utf-8", "replace"), base))


def _noted(state: HostState) -> HostState:
    """Put the time here beside the host's own."""
    return state.model_copy(update={"asked_at": int(time.time())})
