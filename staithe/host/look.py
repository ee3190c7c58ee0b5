"""Asks a host what it is, in one exec; what understands the answer may be loaded while the host works on it."""

from __future__ import annotations

import time

from staithe.errors import CommandFailed, ProbeFailed, StaitheError
from staithe.host.remote import Remote, last_lines
from staithe.probe.request import ProbeRequest
from staithe.probe.script import build
from staithe.ssh import Completed

LIMIT_BYTES = 8 << 20
TIMEOUT_S = 60.0
BEGIN = b"@begin staithe-probe"


def ask(remote: Remote, request: ProbeRequest) -> Completed:
    """Run the probe and return what it says, unread; raises ProbeFailed when it says nothing."""
    try:
        result = remote.run(
            build(request),
            "probe",
            timeout_s=TIMEOUT_S,
            limit_bytes=LIMIT_BYTES,
            check=False,
            looks=True,
            shown="(the probe: staithe/probe/script.sh)",
        )
    except CommandFailed as error:
        # Without a check of the exit code only this is left: far more came than any probe says.
        raise ProbeFailed(error.message, found=error.found, hint=error.hint) from error
    if result.exit_code != 0 and BEGIN not in result.stdout:
        raise ProbeFailed(
            f"the probe ended with exit code {result.exit_code}",
            found=last_lines(result),
            hint=f"ssh {remote.name}",
        )
    return result


class FirstLook:
    """The probe of a host that has just been connected, or why it failed; for the session, which comes later."""

    def __init__(self, remote: Remote, request: ProbeRequest) -> None:
        """Ask the host. `asked_at` is of time.monotonic."""
        self.asked_at = time.monotonic()
        self._answer: Completed | StaitheError | None
        try:
            self._answer = ask(remote, request)
        except StaitheError as error:
            self._answer = error

    def answer(self) -> Completed:
        """Return what the host said, once: nobody keeps it; raises what went wrong when it was asked."""
        answer, self._answer = self._answer, None
        assert answer is not None
        if isinstance(answer, StaitheError):
            raise answer
        return answer
