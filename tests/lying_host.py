"""An SSH server that answers commands as no honest host does. Only for what a lab host cannot be made to do."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import paramiko

Answer = Callable[[paramiko.Channel], None]

# Runs a command, and says on stderr what the largest of its processes had in memory, in MiB. A process of its own:
# what is forked from a large one counts as large.
MEASURE = """
import resource, subprocess, sys
done = subprocess.run(sys.argv[1:])
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss >> 10, file=sys.stderr)
sys.exit(done.returncode)
"""


class LyingHost:
    """Listens on loopback, lets everybody in, and answers every command with `answer`."""

    def __init__(self, answer: Answer) -> None:
        self.key = paramiko.RSAKey.generate(2048)
        self.sent_bytes = 0
        self.ended = threading.Event()
        self._answer = answer
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._transports: list[paramiko.Transport] = []
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            transport = paramiko.Transport(connection)
            transport.add_server_key(self.key)
            self._transports.append(transport)
            try:
                transport.start_server(server=_Server(self))
            except (EOFError, OSError, paramiko.SSHException):
                continue  # the client went away; the next one is let in

    def answer(self, channel: paramiko.Channel) -> None:
        """Answer one command; note when it was cut off."""
        try:
            self._answer(channel)
        except (OSError, EOFError):
            pass
        finally:
            self.ended.set()
            with suppress(OSError, EOFError):
                channel.close()

    def known_hosts_line(self) -> str:
        return f"[127.0.0.1]:{self.port} {self.key.get_name()} {self.key.get_base64()}\n"

    def close(self) -> None:
        self._listener.close()
        for transport in self._transports:
            transport.close()


class _Server(paramiko.ServerInterface):
    def __init__(self, host: LyingHost) -> None:
        self._host = host

    def get_allowed_auths(self, username: str) -> str:
        return "publickey"

    def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:
        return paramiko.common.AUTH_SUCCESSFUL

    def check_channel_request(self, kind: str, chanid: int) -> int:
        return paramiko.common.OPEN_SUCCEEDED

    def check_channel_exec_request(self, channel: paramiko.Channel, command: bytes) -> bool:
        # After the reply to this request, which goes out when we return.
        timer = threading.Timer(0.1, self._host.answer, args=(channel,))
        timer.daemon = True
        timer.start()
        return True


def text(content: bytes, exit_code: int = 0) -> Answer:
    """Answer with this on stdout, then end."""

    def answer(channel: paramiko.Channel) -> None:
        channel.sendall(content)
        channel.send_exit_status(exit_code)

    return answer


def flood(*, stderr: bool = False, head: bytes = b"", line: bytes = b"x" * 65536, most: int = 1 << 30) -> Answer:
    """Answer with a gigabyte."""

    def answer(channel: paramiko.Channel) -> None:
        send: Any = channel.sendall_stderr if stderr else channel.sendall
        send(head)
        for _ in range(most // len(line)):
            send(line)
        channel.send_exit_status(0)

    return answer


def drip(seconds: float = 0.2) -> Answer:
    """Send a byte now and then, for ever."""

    def answer(channel: paramiko.Channel) -> None:
        while channel.send(b"."):
            time.sleep(seconds)

    return answer


def never(channel: paramiko.Channel) -> None:
    """Say nothing, and never end."""
    while not channel.closed:
        time.sleep(0.1)


def hang_up(channel: paramiko.Channel) -> None:
    """Break the connection in the middle of an answer."""
    channel.sendall(b"@begin staithe-probe 1\n")
    transport = channel.get_transport()
    transport.close()
