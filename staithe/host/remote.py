"""The one way to run things on a host: POSIX sh as root, limited in time on the host itself, told as an event."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING

from pyinfra.api.command import StringCommand
from pyinfra.connectors.local import LocalConnector

from staithe import ssh
from staithe.errors import CommandFailed, CommandKilled, DiskFull, HostLocked, SudoRefused
from staithe.events import Command, Event
from staithe.host import local
from staithe.shell import quote

if TYPE_CHECKING:
    from pyinfra.api.host import Host

Emit = Callable[[Event], None]

# What a host's own words mean, and what to type next. The one place for such hints.
_CAUSES: tuple[tuple[str, tuple[type[CommandFailed], str]], ...] = (
    ("No space left on device", (DiskFull, "df -h /usr /var /etc   # on the host; then apply again")),
    ("Disk quota exceeded", (DiskFull, "df -h /usr /var /etc   # on the host; then apply again")),
    ("Read-only file system", (CommandFailed, "findmnt -O ro   # on the host; then apply again")),
)

# A command whose run has lost the lock ends with this, having done nothing (staithe/host/lock.py).
LOCK_LOST = 76
_LOST_WORDS = b"staithe: this run no longer has the lock"
_MARK = "staithe-go"
_READ_AWAY = f'while IFS= read -r line && [ "$line" != {_MARK} ]; do :; done; unset line; exec "$@"'
# The local end waits a little longer than the limit on the host, which is the one that ends the command.
_GRACE_S = 15.0


@dataclass(frozen=True)
class RootCommand:
    """A command that runs as root, and what must come first on its stdin."""

    text: str
    stdin: bytes = b""


class Remote:
    """Runs scripts on one host over the connection that pyinfra made."""

    def __init__(self, host: Host, emit: Emit) -> None:
        self._host = host
        self._emit = emit
        # Shell text that stops a changing command whose run has lost the host's lock.
        self.check_lock: Callable[[], str] = lambda: ""
        self.lost_lock: Callable[[], bool] = lambda: False

    @property
    def name(self) -> str:
        return str(self._host.name)

    def run(
        self,
        script: str,
        what: str,
        *,
        stdin: Iterable[bytes] = (),
        question: ssh.Question | None = None,
        timeout_s: float = 120.0,
        limit_bytes: int = 4 << 20,
        check: bool = True,
        looks: bool = False,
        shown: str | None = None,
    ) -> ssh.Completed:
        """Run a POSIX sh script as root, ended on the host after `timeout_s`.

        `looks`: it changes nothing, so it needs no lock. `shown` stands in the log for a script with the probe in it,
        and leaves its stdout, the probe's answer, out. Raises CommandFailed (when `check`), CommandTimeout,
        ConnectionLost, HostLocked, SudoRefused.
        """
        whole = script if looks else self.check_lock() + script
        command = self.as_root(f"timeout -k 5 {timeout_s:.0f} sh -c {quote(whole)}", is_fed=stdin != ())
        try:
            result = self._execute(command, stdin, question, timeout_s + _GRACE_S, limit_bytes)
        except CommandKilled as error:
            if self.lost_lock():
                raise self._lock_lost() from error
            raise
        self._tell(what, script if shown is None else shown, result, silent=shown is not None)
        self.refuse_sudo(result)
        if result.exit_code == LOCK_LOST and _LOST_WORDS in result.stderr:
            raise self._lock_lost()
        if check and result.exit_code != 0:
            raise failure_of(what, result, self.name)
        return result

    def _lock_lost(self) -> HostLocked:
        return HostLocked(
            "this run no longer has the host's lock: the line was dead too long, or somebody unlocked the host",
            hint=f"staithe plan INVENTORY --limit {self.name}   # what is left to do",
        )

    def as_root(self, command: str, *, is_fed: bool = True) -> RootCommand:
        """Return the command as root runs it. `is_fed`: it reads something from its stdin."""
        if not self.needs_sudo:
            return RootCommand(command)
        password = self._host.data.get("_sudo_password")
        if not password:
            return RootCommand(f"sudo -n -H {command}")
        # -k: asked for whatever sudo remembers, so that the password never runs on into the command's own input.
        # Where sudo asks for none, it is read away up to the mark.
        text = f"sudo -k -S -p '' -H sh -c {quote(_READ_AWAY)} sh {command}"
        return RootCommand(text, f"{password}\n{f'{_MARK}{chr(10)}' if is_fed else ''}".encode())

    def _execute(
        self,
        command: RootCommand,
        stdin: Iterable[bytes],
        question: ssh.Question | None,
        timeout_s: float,
        limit_bytes: int,
    ) -> ssh.Completed:
        client = getattr(self._host.connector, "client", None)
        whole = chain((command.stdin,), stdin) if command.stdin else stdin
        if client is not None:
            return ssh.execute(
                client, command.text, stdin=whole, question=question, timeout_s=timeout_s, limit_bytes=limit_bytes
            )
        if self.is_local:
            return local.execute(
                command.text, stdin=whole, question=question, timeout_s=timeout_s, limit_bytes=limit_bytes
            )
        # @fake and other connectors of pyinfra.
        began = time.monotonic()
        ok, output = self._host.connector.run_shell_command(
            StringCommand(command.text), print_output=False, print_input=False
        )
        return ssh.Completed(0 if ok else 1, output.stdout.encode(), output.stderr.encode(), time.monotonic() - began)

    @property
    def is_local(self) -> bool:
        """Whether the host is this machine itself."""
        return isinstance(getattr(self._host, "connector", None), LocalConnector)

    @property
    def needs_sudo(self) -> bool:
        """Whether commands go through sudo; root on this machine itself needs none, and may have none."""
        if self.is_local and os.geteuid() == 0:
            return False
        return bool(self._host.data.get("_sudo", True))

    def refuse_sudo(self, result: ssh.Completed) -> None:
        """Raise SudoRefused when it was sudo that ended the command."""
        lines = [line for line in result.stderr.decode("utf-8", "replace").splitlines() if line.startswith("sudo:")]
        missing = result.exit_code == 127 and b"sudo" in result.stderr
        if not self.needs_sudo or not (missing or (result.exit_code == 1 and lines)):
            return
        given = bool(self._host.data.get("_sudo_password"))
        raise SudoRefused(
            "the host refuses the sudo password" if given and not missing else "the user may not become root",
            found=lines[0] if lines else last_lines(result),
            expected="the user's own password"
            if given
            else "sudo without a password, or _sudo_password in the inventory",
            hint="staithe explain E205   # the line that sudoers needs, and how to give a password",
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


def failure_of(what: str, result: ssh.Completed, host: str) -> CommandFailed:
    """Return the error for a command that failed, naming what is known of the cause."""
    text = result.stderr.decode("utf-8", "replace")
    known = next((cause for words, cause in _CAUSES if words in text), None)
    kind, hint = known or (CommandFailed, f"staithe logs {host}")
    return kind(f"{what} failed with exit code {result.exit_code}", found=last_lines(result), hint=hint)


def last_lines(result: ssh.Completed, count: int = 3) -> str:
    """Return what a command said last, on one line."""
    text = (result.stderr or result.stdout).decode("utf-8", "replace").strip()
    return " | ".join(text.splitlines()[-count:]) or "no output"
