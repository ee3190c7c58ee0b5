"""One run at a time changes a host: a lock that the host holds as long as this run's connection stands.

flock(1) on the host holds it, on a channel that stays open. When the run ends, is killed or loses its connection, the
channel closes and the host lets go by itself; a lock never outlives `_LIMIT_S`.
"""

from __future__ import annotations

import getpass
import socket
import time
from typing import TYPE_CHECKING

from staithe import ssh
from staithe.errors import HostLocked
from staithe.host_layout import LOCK, STATE_DIR
from staithe.shell import quote

if TYPE_CHECKING:
    from pyinfra.api.host import Host

_LIMIT_S = 4 * 3600
_ANSWER_S = 30.0
_LOCKED = "staithe: locked"

_SCRIPT = f"""set -eu
umask 077
mkdir -p -m 700 {STATE_DIR}
exec 9>>{LOCK}
if ! flock -n 9; then
  cat {LOCK}.holder 2>/dev/null || echo 'another run'
  exit 75
fi
printf '%s\\n' "$1" > {LOCK}.holder
echo '{_LOCKED}'
timeout {_LIMIT_S} cat > /dev/null || :
rm -f {LOCK}.holder
"""


class HostLock:
    """The lock of one host for one run; nothing on connections that are not SSH (@fake, @local)."""

    def __init__(self, host: Host, run_id: str, *, sudo: bool) -> None:
        self._host = host
        self._run_id = run_id or "plain pyinfra"
        self._sudo = "sudo -n -H " if sudo else ""
        self._held: ssh.Held | None = None

    def acquire(self) -> None:
        """Take the lock; HostLocked says who has it, since when and from where. Taking it twice is taking it once."""
        client = getattr(self._host.connector, "client", None)
        if client is None or self._held is not None:
            return
        since = time.strftime("%Y-%m-%d %H:%M:%S %Z")
        holder = f"run {self._run_id} of {getpass.getuser()} on {socket.gethostname()}, since {since}"
        command = f"{self._sudo}sh -c {quote(_SCRIPT)} sh {quote(holder)}"
        held, answer = ssh.hold(client, command, timeout_s=_ANSWER_S)
        if answer != _LOCKED:
            held.release()
            raise HostLocked(
                "another run is changing this host",
                found=answer or "no answer",
                expected="nobody else at work",
                hint="wait until that run has ended, then apply again",
            )
        self._held = held

    def release(self) -> None:
        """Let go, if it is held."""
        if self._held is not None:
            self._held.release()
            self._held = None
