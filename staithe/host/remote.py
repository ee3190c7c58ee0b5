"""The one way to run things on a host: POSIX sh as root, limited in time on the host itself, told as an event."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from pyinfra.api.command import StringCommand

from staithe import ssh
from staithe.errors import CommandFailed, SudoRefused
from staithe.events import Command, Event
from staithe.shell import quote

if TYPE_CHECKING:
    from pyinfra.api.host import Host

Emit = Callable[[Event], None]

# The local end waits a little longer than the limit on the host, which is the one that ends the command.
_GRACE_S = 15.0


class Remote:
    """Runs scripts on one host over the connection that pyinfra made."""

    def __init__(self, host: Host, emit: Emit) -> None:
        self._host = host
        self._emit = emit

    @property
    def name(self) -> str:
        return str(self._host.name)

    def run(
        self,
        script: str,
        what: str,
        *,
        stdin: Iterable[bytes] = (),
        timeout_s: float = 120.0,
        limit_bytes: int = 1 << 20,
        check: bool = True,
        shown: str | None = None,
    ) -> ssh.Completed:
        """Run a POSIX sh script as root, ended on the host after `timeout_s`.

        `shown` stands for the script in the log when that is the same every time, and leaves its output out.
        Raises CommandFailed (when `check`), CommandTimeout, ConnectionLost, SudoRefused.
        """
        command = f"timeout -k 5 {timeout_s:.0f} sh -c {quote(script)}"
        if self.needs_sudo:
            command = f"sudo -n -H {command}"
        result = self._execute(command, stdin, timeout_s + _GRACE_S, limit_bytes)
        self._tell(what, script if shown is None else shown, result, silent=shown is not None)
        self._check_sudo(result)
        if check and result.exit_code != 0:
            raise CommandFailed(
                f"{what} failed with exit code {result.exit_code}",
                found=last_lines(result),
                hint=f"staithe logs {self.name}",
            )
        return result

    def _execute(self, command: str, stdin: Iterable[bytes], timeout_s: float, limit_bytes: int) -> ssh.Completed:
        client = getattr(self._host.connector, "client", None)
        if client is not None:
            return ssh.execute(client, command, stdin=stdin, timeout_s=timeout_s, limit_bytes=limit_bytes)
        # @fake, @local and other connectors of pyinfra.
        began = time.monotonic()
        ok, output = self._host.connector.run_shell_command(
            StringCommand(command), print_output=False, print_input=False
        )
        return ssh.Completed(0 if ok else 1, output.stdout.encode(), output.stderr.encode(), time.monotonic() - began)

    @property
    def needs_sudo(self) -> bool:
        """Whether commands go through sudo."""
        return bool(self._host.data.get("_sudo", True))

    def _check_sudo(self, result: ssh.Completed) -> None:
        text = result.stderr.decode("utf-8", "replace")
        first = text.strip().splitlines()[0] if text.strip() else ""
        refused = result.exit_code == 1 and first.startswith("sudo:")
        if self.needs_sudo and (refused or (result.exit_code == 127 and "sudo" in first)):
            raise SudoRefused(
                "the user may not become root",
                found=first,
                expected="sudo without a password",
                hint="staithe explain E205   # the line that sudoers needs",
            )

    def _tell(self, what: str, script: str, result: ssh.Completed, *, silent: bool) -> None:
        out = b"" if silent else result.stdout
        output = (out + result.stderr).decode("utf-8", "replace")
        self._emit(
            Command(
                host=self.name,
                what=what,
                command=script,
                exit_code=result.exit_code,
                seconds=round(result.seconds, 3),
                output=output[-65536:],
            )
        )


def last_lines(result: ssh.Completed, count: int = 3) -> str:
    """Return what a command said last, on one line."""
    text = (result.stderr or result.stdout).decode("utf-8", "replace").strip()
    return " | ".join(text.splitlines()[-count:]) or "no output"
