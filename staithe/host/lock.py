"""One run at a time changes a host: a lock that the host holds as long as this run gives signs of life.

flock(1) on the host holds it, on a channel that stays open. It goes when the run ends, is killed or loses its
connection; when the line is dead without anybody noticing, the host lets go after `LEASE_S` without a sign of life,
and ends what that run had still at work. Each command that changes something first makes sure that its run has the
lock.
"""

from __future__ import annotations

import getpass
import math
import os
import secrets
import socket
import time
from typing import TYPE_CHECKING

from staithe import ssh
from staithe.errors import HostLocked
from staithe.host import local
from staithe.host.remote import LOCK_LOST, failure_of
from staithe.host_layout import LOCK, RECORD, STATE_DIR, WORK_LOCK
from staithe.shell import quote

if TYPE_CHECKING:
    from pyinfra.api.host import Host

    from staithe.host.remote import Remote

LEASE_S = 60
_BEAT_S = 10.0
# What a run that was killed had at work ends by itself, mostly in this time.
_WAIT_FOR_WORK_S = 45
_ANSWER_S = _WAIT_FOR_WORK_S + 30.0
_LOCKED = "staithe: locked, idle for "
_HELD = "staithe: held by "

# Processes that have one of the files open, by inode: in another mount namespace anything may have this name. Not
# with -samefile, for which find itself opens the file.
_HOLDERS = """holders() {
  wanted=$(stat -Lc '^%d:%i ' "$@" 2>/dev/null)
  if [ -z "$wanted" ]; then return 0; fi
  find -L /proc/[0-9]*/fd -maxdepth 1 -printf '%D:%i %p\\n' 2>/dev/null | grep -e "$wanted" |
    sed 's,^.* /proc/\\([0-9]*\\)/.*,\\1,' | sort -u | grep -vx $$
}
end_all() {
  kill $(holders "$@") 2>/dev/null || :
  for second in 1 2 3 4 5; do
    if [ -z "$(holders "$@")" ]; then return 0; fi
    sleep 1
  done
  kill -9 $(holders "$@") 2>/dev/null || :
}
"""

_TAKE = f"""set -eu
umask 077
{_HOLDERS}mkdir -p -m 700 {STATE_DIR}
exec 9>>{LOCK}
if ! flock -n 9; then
  echo "{_HELD}$(sed -n 2p {LOCK}.holder 2>/dev/null || echo 'another run')"
  exit 75
fi
exec 8>>{WORK_LOCK}
if ! flock -w {_WAIT_FOR_WORK_S} 8; then
  echo "{_HELD}commands that $(sed -n 2p {LOCK}.holder 2>/dev/null || echo 'another run') left at work"
  exit 75
fi
exec 8>&-
# How long nobody has had the lock: 0 after a run that did not let go by itself.
idle=never
if [ -e {LOCK}.holder ]; then
  idle=0
elif [ -e {LOCK}.last ]; then
  idle=$(($(date +%s) - $(stat -c %Y {LOCK}.last)))
elif [ -e {RECORD} ]; then
  idle=0
fi
printf '%s\\n%s\\n' "$1" "$2" > {LOCK}.holder.new
mv -Tf {LOCK}.holder.new {LOCK}.holder
echo "{_LOCKED}$idle"
set +e
while :; do
  beat=$(timeout {LEASE_S} dd bs=1 count=1 2>/dev/null)
  if [ $? = 124 ]; then
    end_all {WORK_LOCK}
    break
  fi
  if [ -z "$beat" ]; then break; fi
done
touch {LOCK}.last
rm -f {LOCK}.holder
"""

_LOOK = f"""set -u
umask 077
{_HOLDERS}if [ ! -e {LOCK} ]; then
  echo free
  exit 0
fi
: >> {WORK_LOCK}
if [ -z "$(holders {LOCK} {WORK_LOCK})" ]; then
  echo free
  exit 0
fi
sed -n 2p {LOCK}.holder 2>/dev/null || echo 'a run that is gone; a command of it is still at work'
"""
_END = f"""set -u
{_HOLDERS}end_all {LOCK} {WORK_LOCK}
touch {LOCK}.last
rm -f {LOCK}.holder
if [ -n "$(holders {LOCK} {WORK_LOCK})" ]; then
  echo 'staithe: what holds the lock does not end' >&2
  exit 1
fi
"""


class HostLock:
    """The lock of one host for one run; nothing on connections that are neither SSH nor this machine (@fake)."""

    def __init__(self, host: Host, remote: Remote, run_id: str) -> None:
        self._host = host
        self._remote = remote
        self._run_id = run_id or "plain pyinfra"
        self._token = f"{self._run_id} {secrets.token_hex(8)}"
        self._held: ssh.Held | local.Held | None = None
        # For how many seconds nobody had the lock before this run took it.
        self.idle_s = 0.0

    def acquire(self) -> None:
        """Take the lock; HostLocked says who has it, since when and from where. Taking it twice is taking it once."""
        client = getattr(self._host.connector, "client", None)
        if (client is None and not self._remote.is_local) or self._held is not None:
            return
        since = time.strftime("%Y-%m-%d %H:%M:%S %Z")
        holder = f"run {self._run_id} of {_user()} on {socket.gethostname()}, since {since}"
        command = self._remote.as_root(f"sh -c {quote(_TAKE)} sh {quote(self._token)} {quote(holder)}")
        held: ssh.Held | local.Held
        if client is None:
            held, answer = local.hold(command.text, stdin=command.stdin, beat_s=_BEAT_S)
        else:
            held, answer = ssh.hold(client, command.text, stdin=command.stdin, timeout_s=_ANSWER_S, beat_s=_BEAT_S)
        if not answer.startswith(_LOCKED):
            held.release()
            failed = ssh.Completed(1, b"", answer.encode(), 0.0)
            self._remote.refuse_sudo(failed)
            if not answer.startswith(_HELD):
                raise failure_of("taking the host's lock", failed, self._remote.name)
            raise HostLocked(
                "another run is changing this host",
                found=answer.removeprefix(_HELD),
                expected="nobody else at work",
                hint="wait until that run has ended, then apply again; if it never will: "
                f"staithe unlock INVENTORY --limit {self._host.name}",
            )
        self._held = held
        idle = answer.removeprefix(_LOCKED)
        self.idle_s = math.inf if idle == "never" else float(idle)

    @property
    def check_text(self) -> str:
        """The shell text that stops a command of a run that has lost the lock; nothing when it never had it."""
        if self._held is None:
            return ""
        return f"""exec 8>>{WORK_LOCK}
holder=
if flock -s -w 5 8; then IFS= read -r holder < {LOCK}.holder; fi 2>/dev/null
if [ "$holder" != {quote(self._token)} ]; then
  echo 'staithe: this run no longer has the lock' >&2
  exit {LOCK_LOST}
fi
unset holder
"""

    def holder(self) -> str | None:
        """Ask who holds the lock; None when nobody does."""
        answer = self._remote.run(_LOOK, "who holds the lock").stdout.decode("utf-8", "replace").strip()
        return None if answer == "free" else answer or "somebody"

    def end(self) -> None:
        """End whatever holds the lock, or is still at work for a run that did."""
        self._remote.run(_END, "end what holds the lock")

    @property
    def is_lost(self) -> bool:
        """Whether the host, or somebody on it, has taken the lock away from this run."""
        return self._held is not None and self._held.is_over

    def release(self) -> None:
        """Let go, if it is held."""
        if self._held is not None:
            self._held.release()
            self._held = None


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        # A number without a name, as in containers.
        return f"uid {os.getuid()}"
