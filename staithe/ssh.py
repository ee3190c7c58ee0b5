"""Everything that knows paramiko: the fast transport, streaming commands, and what a failed connection means."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import paramiko

from staithe.errors import (
    AuthRefused,
    CommandFailed,
    CommandTimeout,
    ConnectionLost,
    HostError,
    HostKeyChanged,
    HostKeyUnknown,
    Unreachable,
)
from staithe.shell import word

_READ_BYTES = 1 << 17
# Data that nobody has acknowledged for so long means that the line is dead.
DEAD_LINE_S = 60
_LINE_BYTES = 1 << 16
_BANNER_BYTES = 1 << 12
_AGAIN = "the same command again; what is done already is not done again"
# AES-GCM first: authenticated and several times faster than paramiko's default order on machines with AES-NI.
_CIPHERS = ("aes128-gcm@openssh.com", "aes256-gcm@openssh.com")
# SHA-1 signatures are refused by EL9 and later anyway.
_DISABLED = {"pubkeys": ["ssh-rsa"], "keys": ["ssh-rsa"]}


def fast_transport(sock: Any, **kwargs: Any) -> paramiko.Transport:
    """Make a transport without Nagle's delay (paramiko never asks for that: 40 ms for each command).

    Use it in plain pyinfra too: `ssh_paramiko_connect_kwargs = {"transport_factory": fast_transport}`.
    """
    if isinstance(sock, socket.socket):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        _notice_dead_line(sock)
    disabled = {**_DISABLED, **(kwargs.pop("disabled_algorithms", None) or {})}
    transport = paramiko.Transport(sock, disabled_algorithms=disabled, **kwargs)
    transport.packetizer.readline = lambda timeout: _banner_line(sock, timeout)  # type: ignore[method-assign]
    options = transport.get_security_options()
    known = tuple(options.ciphers)
    options.ciphers = [c for c in _CIPHERS if c in known] + [c for c in known if c not in _CIPHERS]
    return transport


def _notice_dead_line(sock: socket.socket) -> None:
    """Make the connection fail after a minute without an answer: a cut line is silent, and TCP is patient."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    # Not every system has all of them.
    for option, value in (
        ("TCP_KEEPIDLE", 20),
        ("TCP_KEEPINTVL", 10),
        ("TCP_KEEPCNT", 4),
        ("TCP_USER_TIMEOUT", DEAD_LINE_S * 1000),
    ):
        if hasattr(socket, option):
            sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)


def _banner_line(sock: Any, timeout_s: float) -> str:
    """Read one line before the key exchange. paramiko's own reader lets what is no SSH server talk for ever."""
    deadline = time.monotonic() + timeout_s
    line = b""
    # Byte by byte: what follows belongs to paramiko. RFC 4253 allows 255 of them.
    while not line.endswith(b"\n"):
        if len(line) > _BANNER_BYTES or time.monotonic() > deadline:
            raise EOFError("no SSH server answers there")
        try:
            data = sock.recv(1)
        except TimeoutError:
            continue
        if not data:
            raise EOFError("the connection was closed before a greeting")
        line += data
    return line.decode("utf-8", "replace").rstrip("\r\n")


@dataclass(frozen=True)
class Completed:
    """A command that ran to its end."""

    exit_code: int
    stdout: bytes
    stderr: bytes
    seconds: float


class _Reader(threading.Thread):
    """Drain one stream of a channel; close the channel when more than `limit_bytes` come."""

    def __init__(self, channel: paramiko.Channel, read: Any, limit_bytes: int) -> None:
        super().__init__(daemon=True)
        self._channel = channel
        self._read = read
        self._limit_bytes = limit_bytes
        self.flooded = False
        self._kept: list[bytes] = []
        self._size = 0
        self.error: Exception | None = None

    def run(self) -> None:
        try:
            while data := self._read(_READ_BYTES):
                self._kept.append(data)
                self._size += len(data)
                if self._size > self._limit_bytes:
                    # A part of an answer is none, and the rest might never end. What still writes there gets SIGPIPE.
                    self.flooded = True
                    self._channel.close()
                    return
        except (OSError, paramiko.SSHException) as error:
            self.error = error

    @property
    def data(self) -> bytes:
        return b"".join(self._kept)


def execute(
    client: paramiko.SSHClient,
    command: str,
    *,
    stdin: Iterable[bytes] = (),
    timeout_s: float,
    limit_bytes: int = 1 << 20,
) -> Completed:
    """Run one command on one channel, streaming `stdin` into it.

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
        out = _Reader(channel, channel.recv, limit_bytes)
        err = _Reader(channel, channel.recv_stderr, limit_bytes)
        out.start()
        err.start()
        deadline = began + timeout_s
        _write(channel, stdin, deadline)
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
        channel.close()
    if exit_code == -1:
        # The channel closed without an exit status: the server or the line is gone.
        raise ConnectionLost("the connection broke before the command ended", hint=_AGAIN)
    return Completed(exit_code, out.data, err.data, time.monotonic() - began)


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

    def release(self) -> None:
        """Close its input, which ends it."""
        self._released.set()
        try:
            self._channel.shutdown_write()
            self._channel.status_event.wait(2.0)
        except OSError:
            pass
        finally:
            self._channel.close()


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


def direct_peer(client: paramiko.SSHClient) -> str | None:
    """Return the address of the host when this machine is connected to it directly, else None (jump host)."""
    transport = client.get_transport()
    sock = getattr(transport, "sock", None)
    if not isinstance(sock, socket.socket):
        return None
    address = sock.getpeername()[0]
    return str(address)


def connect_error(name: str, error: BaseException, client: paramiko.SSHClient | None) -> HostError:
    """Turn pyinfra's ConnectError into what it means and what to type next."""
    causes = list(_chain(error))
    text = str(error)
    for cause in causes:
        if isinstance(cause, paramiko.BadHostKeyException):
            return HostKeyChanged(
                "the SSH host key has changed",
                found=_fingerprint(cause.key),
                expected=_fingerprint(cause.expected_key),
                hint=f"ssh-keygen -R {cause.hostname}   # only when you know why it changed",
            )
    if "No host key for" in text:
        return _unknown_key(name, client)
    for cause in causes:
        if isinstance(cause, paramiko.AuthenticationException):
            return AuthRefused(
                "the host refuses the login",
                found=_plain(text),
                expected="ssh_user and ssh_key that it knows",
                hint=f"ssh {word(name)} true   # with the same user and key",
            )
    return Unreachable("no connection", found=_plain(text), hint=f"ssh {word(name)} true")


def _unknown_key(name: str, client: paramiko.SSHClient | None) -> HostKeyUnknown:
    transport = client.get_transport() if client is not None else None
    key = transport.get_remote_server_key() if transport is not None else None
    target = name
    if transport is not None:
        address, port = transport.getpeername()[:2]
        target = f"-p {port} {address}" if port != 22 else str(address)
    return HostKeyUnknown(
        "the SSH host key is not in known_hosts",
        found=_fingerprint(key) if key is not None else "a key nobody has vouched for",
        expected="an entry in known_hosts",
        hint=f"ssh-keyscan {target} >> ~/.ssh/known_hosts   # after comparing the fingerprint, "
        "or --accept-new-host-keys",
    )


def _fingerprint(key: paramiko.PKey) -> str:
    return f"{key.get_name()} {key.fingerprint}"


def _plain(text: str) -> str:
    return " ".join(text.split())


def _chain(error: BaseException | None) -> Iterable[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
