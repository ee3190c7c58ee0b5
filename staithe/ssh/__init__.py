"""Everything that knows paramiko: the transport, commands over it, and what a failed connection means."""

from staithe.ssh.command import Completed, Held, execute, hold
from staithe.ssh.connect_error import connect_error
from staithe.ssh.stream import Question, Reader, with_answer
from staithe.ssh.transport import direct_peer, fast_transport

__all__ = [
    "Completed",
    "Held",
    "Question",
    "Reader",
    "connect_error",
    "direct_peer",
    "execute",
    "fast_transport",
    "hold",
    "with_answer",
]
