"""The connection: ciphers, no delays, and a dead line is noticed."""

from __future__ import annotations

import contextlib
import socket
import time
from typing import Any

import paramiko

# Data that nobody has acknowledged for so long means that the line is dead.
DEAD_LINE_S = 60
_BANNER_BYTES = 1 << 12
_LOOK_UP_S = 1.0
# Greeting, keys, service, login with some keys that do not fit, channel, command.
_PACKETS_TO_FIRST_COMMAND = 32
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
    # So often a connection wakes up only to look around; data, a close and the end of the line wake it anyway.
    # paramiko's own 0.1 s costs with the square of the hosts: the more there are, the longer each one waits.
    sock.settimeout(_LOOK_UP_S)
    transport.packetizer.readline = lambda timeout: _banner_line(sock, timeout)  # type: ignore[method-assign]
    if isinstance(sock, socket.socket) and hasattr(socket, "TCP_QUICKACK"):
        _acknowledge_at_once(transport, sock)
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


def _acknowledge_at_once(transport: paramiko.Transport, sock: socket.socket) -> None:
    """Acknowledge what the server says as it comes, while there is nothing to be said to it.

    sshd keeps Nagle's delay until a command runs: its answer to the first one waits until this side has acknowledged
    the host keys that it announces after the login, which Linux puts off for 40 ms. The kernel forgets the wish with
    each packet that is sent; the first ones are up to that command.
    """
    packetizer = transport.packetizer
    send = packetizer.send_message
    left = _PACKETS_TO_FIRST_COMMAND

    def send_message(data: Any) -> None:
        nonlocal left
        send(data)
        left -= 1
        if not left:
            packetizer.send_message = send  # type: ignore[method-assign]
        # A line that has ended is told by whoever reads next.
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)

    packetizer.send_message = send_message  # type: ignore[method-assign]


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


def direct_peer(client: paramiko.SSHClient) -> str | None:
    """Return the address of the host when this machine is connected to it directly, else None (jump host)."""
    transport = client.get_transport()
    sock = getattr(transport, "sock", None)
    if not isinstance(sock, socket.socket):
        return None
    address = sock.getpeername()[0]
    return str(address)
