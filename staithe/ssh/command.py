"""Commands on a host over a connection: run to the end with streams, or held."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass

import paramiko

from staithe.errors import (
    CommandFailed,
    CommandKilled,
    CommandTimeout,
    ConnectionLost,
)
from staithe.ssh.stream import Question, Reader, with_answer

_LINE_BYTES = 1 << 16
_AGAIN = "the same command again; what is done already is not done again"


@dataclass(frozen=True)
class Completed:
    """A command that ran to its end."""

    exit_code: int
    stdout: bytes
    stderr: bytes
    seconds: float


def execute(
    client: paramiko.SSHClient,
    command: str,
    *,
    stdin: Iterable[bytes] = (),
    question: Question | None = None,
    timeout_s: float,
    limit_bytes: int = 1 << 20,
) -> Completed:
    """Run one command on one channel, streaming `stdin` into it, and then the answer to what it asks.

    Raises CommandTimeout and ConnectionLost; CommandFailed when a stream has more than `limit_bytes`, which ends it.
    """
    began = time.monotonic()
    try:
        transport = client.get_transport()
        if transport is None or not transport.is_active():
            raise ConnectionLost("the connection is closed", hint=_AGAIN)
        channel = transport.open_session(timeout=timeout_s)
        channel.settimeout(timeout_s)
    except (OSError, EOFError, paramiko.SSHException) as error:
        raise ConnectionLost(f"the connection broke: {error or type(error).__name__}", hint=_AGAIN) from error
    try:
        channel.exec_command(command)
        out = Reader(channel.recv, limit_bytes, lambda: _close(channel))
        err = Reader(channel.recv_stderr, limit_bytes, lambda: _close(channel))
        out.start()
        err.start()
        deadline = began + timeout_s
        _write(channel, with_answer(stdin, question, out, deadline), deadline)
        for reader in (out, err):
            reader.join(max(0.1, deadline - time.monotonic()))
            if out.flooded or err.flooded:
                raise _flood(limit_bytes)
            if reader.is_alive() or isinstance(reader.error, TimeoutError):
                raise CommandTimeout(f"no end after {timeout_s:.0f} s", hint=_AGAIN)
        # The streams have ended; the exit status follows at once, or never when the line broke.
        channel.status_event.wait(max(1.0, deadline - time.monotonic()))
        exit_code = channel.exit_status
    except TimeoutError as error:
        raise CommandTimeout(f"no answer for {timeout_s:.0f} s", hint=_AGAIN) from error
    except (OSError, EOFError, paramiko.SSHException) as error:
        raise ConnectionLost(f"the connection broke: {error or type(error).__name__}", hint=_AGAIN) from error
    finally:
        # Also when whoever feeds stdin stops in the middle: the command on the host then sees the end of it.
        _close(channel)
    if exit_code == -1:
        # Closed without an exit status: the command was ended by a signal, or the server or the line is gone.
        if _is_alive(transport):
            raise CommandKilled(
                "a command was ended on the host by a signal",
                hint="look for who ended it, or for a lack of memory: ssh HOST sudo dmesg | tail",
            )
        raise ConnectionLost("the connection broke before the command ended", hint=_AGAIN)
    return Completed(exit_code, out.data, err.data, time.monotonic() - began)


def _close(channel: paramiko.Channel) -> None:
    # paramiko tells the other side, which may be gone.
    with contextlib.suppress(OSError, EOFError, paramiko.SSHException):
        channel.close()


def _is_alive(transport: paramiko.Transport) -> bool:
    """Tell whether the connection stands; one that is going is given a moment to be gone."""
    for _ in range(10):
        if not transport.is_active():
            return False
        time.sleep(0.1)
    return True


def _flood(limit_bytes: int) -> CommandFailed:
    return CommandFailed(
        "the host sent more than any command of staithe prints, and was cut off",
        found=f"more than {limit_bytes / (1 << 20):.0f} MiB",
        hint="look at what the login and the shell of the host print: ssh HOST sudo -n true | wc -c",
    )


class Held:
    """A command that runs until it is let go or the connection ends; it gets a byte every `beat_s`."""

    def __init__(self, channel: paramiko.Channel, beat_s: float) -> None:
        self._channel = channel
        self._beat_s = beat_s
        self._released = threading.Event()
        threading.Thread(target=self._beat, daemon=True).start()

    def _beat(self) -> None:
        while not self._released.wait(self._beat_s):
            try:
                self._channel.sendall(b".")
            except (OSError, EOFError, paramiko.SSHException):
                return

    @property
    def is_over(self) -> bool:
        """Whether it has ended by itself."""
        return self._channel.closed or self._channel.exit_status_ready()

    def release(self) -> None:
        """Close its input, which ends it."""
        self._released.set()
        try:
            self._channel.shutdown_write()
            self._channel.status_event.wait(2.0)
        except OSError:
            pass
        finally:
            _close(self._channel)


def hold(
    client: paramiko.SSHClient, command: str, *, stdin: bytes = b"", timeout_s: float, beat_s: float
) -> tuple[Held, str]:
    """Start a command that stays, and return it with the first line that it says (or its last words on stderr)."""
    try:
        transport = client.get_transport()
        if transport is None or not transport.is_active():
            raise ConnectionLost("the connection is closed", hint=_AGAIN)
        channel = transport.open_session(timeout=timeout_s)
        channel.settimeout(timeout_s)
        channel.exec_command(command)
        channel.sendall(stdin)
        said = b""
        deadline = time.monotonic() + timeout_s
        while b"\n" not in said and len(said) < _LINE_BYTES:
            if time.monotonic() > deadline:
                raise TimeoutError
            data = channel.recv(4096)
            if not data:
                break
            said += data
        if not said:
            said = channel.recv_stderr(4096)
    except TimeoutError as error:
        raise CommandTimeout(f"no answer for {timeout_s:.0f} s", hint=_AGAIN) from error
    except (OSError, EOFError, paramiko.SSHException) as error:
        raise ConnectionLost(f"the connection broke: {error or type(error).__name__}", hint=_AGAIN) from error
    lines = said.decode("utf-8", "replace").splitlines()
    return Held(channel, beat_s), lines[0].strip() if lines else ""


def _write(channel: paramiko.Channel, stdin: Iterable[bytes], deadline: float) -> None:
    try:
        for data in stdin:
            rest = data
            while rest:
                if time.monotonic() > deadline:
                    raise TimeoutError  # a host that takes a byte now and then is never late for the next one
                rest = rest[channel.send(rest) :]
        channel.shutdown_write()
    except TimeoutError:
        raise
    except OSError:
        # A command that ended early closes its input: its exit code and stderr say why, and they are read next.
        transport = channel.get_transport()
        if transport is None or not transport.is_active():
            raise
