"""What the connection does beside what paramiko does."""

from __future__ import annotations

import socket
from typing import Any

import paramiko
import pytest

from staithe.ssh import transport
from staithe.ssh.transport import fast_transport

QUICK = (socket.IPPROTO_TCP, getattr(socket, "TCP_QUICKACK", None), 1)

pytestmark = pytest.mark.skipif(not hasattr(socket, "TCP_QUICKACK"), reason="Linux has it")


class Line(socket.socket):
    """A socket that takes note of how it is set."""

    def __init__(self) -> None:
        super().__init__(socket.AF_INET, socket.SOCK_STREAM)
        self.set: list[tuple[Any, ...]] = []
        self.sent: list[bytes] = []
        self.is_broken = False

    def setsockopt(self, *words: Any) -> None:
        if self.is_broken:
            raise OSError("gone")
        self.set.append(words)
        super().setsockopt(*words)

    def send(self, data: Any, flags: int = 0) -> int:
        self.sent.append(bytes(data))
        return len(data)


def _say(made: paramiko.Transport) -> None:
    message = paramiko.Message()
    message.add_byte(b"\x02")
    made.packetizer.send_message(message)


def test_what_the_server_says_is_acknowledged_at_once_until_the_first_command() -> None:
    with Line() as line:
        made = fast_transport(line)
        for number in range(1, transport._PACKETS_TO_FIRST_COMMAND + 3):
            _say(made)
            assert len(line.sent) == number
            # After each packet: the kernel forgets it. A blob's thousands of packets do without.
            assert line.set.count(QUICK) == min(number, transport._PACKETS_TO_FIRST_COMMAND)


def test_a_line_that_has_ended_is_no_error_here() -> None:
    with Line() as line:
        made = fast_transport(line)
        line.is_broken = True
        _say(made)
        assert len(line.sent) == 1
