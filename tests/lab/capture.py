"""What hosts send: every frame on their links, taken where the machine receives it. Needs root."""

from __future__ import annotations

import ipaddress
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

_ALL_FRAMES = 0x0003
_ARP, _IPV4, _IPV6 = 0x0806, 0x0800, 0x86DD
_TCP, _UDP, _ICMPV6 = 6, 17, 58
# Frames that the machine sent to the host are seen on the same link.
_OUTGOING = 4
# What a kernel says of itself on its link: neighbours, routers, groups (RFC 4861, 3810). It is to nobody.
_HOUSEKEEPING = {131, 132, 133, 135, 136, 143}


@dataclass(frozen=True)
class Seen:
    """One frame from a host, as far as it matters to whom it is."""

    link: str
    kind: str
    target: str
    port: int | None = None
    source_port: int | None = None

    def __str__(self) -> str:
        return f"{self.link}: {self.kind} to {self.target}" + (f" port {self.port}" if self.port is not None else "")


@dataclass
class Capture:
    """Everything that was seen; housekeeping of the link apart."""

    frames: list[Seen] = field(default_factory=list)

    def not_to(self, controller: str) -> list[Seen]:
        """Return what was neither an answer of sshd to the controller nor the question for its address."""
        return [one for one in self.frames if not _is_ssh(one, controller) and one != _question(one, controller)]


def _is_ssh(one: Seen, controller: str) -> bool:
    return (one.kind, one.target, one.source_port) == ("tcp", controller, 22)


def _question(one: Seen, controller: str) -> Seen:
    return Seen(one.link, "arp", controller)


@contextmanager
def capturing(links: list[str]) -> Iterator[Capture]:
    """Take every frame that comes from these links, for the time of the block."""
    capture, stop = Capture(), threading.Event()
    sockets = []
    for link in links:
        one = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ALL_FRAMES))
        one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 << 20)
        one.bind((link, _ALL_FRAMES))
        one.settimeout(0.2)
        sockets.append((link, one))

    def take(link: str, one: socket.socket) -> None:
        while not stop.is_set():
            try:
                # The headers are enough; a cut frame costs less than its data.
                frame, (_, _, direction, *_) = one.recvfrom(128)
            except TimeoutError:
                continue
            if direction != _OUTGOING and (seen := _seen(link, frame)) is not None:
                capture.frames.append(seen)

    threads = [threading.Thread(target=take, args=pair) for pair in sockets]
    for thread in threads:
        thread.start()
    try:
        yield capture
    finally:
        stop.set()
        for thread in threads:
            thread.join()
        for _, one in sockets:
            one.close()


def _seen(link: str, frame: bytes) -> Seen | None:
    kind = int.from_bytes(frame[12:14], "big")
    if kind == _ARP:
        return Seen(link, "arp", str(ipaddress.IPv4Address(frame[38:42])))
    if kind == _IPV4:
        start = 14 + (frame[14] & 15) * 4
        return _packet(link, frame[23], str(ipaddress.IPv4Address(frame[30:34])), frame[start:])
    if kind == _IPV6:
        protocol, rest = frame[20], frame[54:]
        if protocol == 0:  # hop-by-hop options, as multicast reports have
            protocol, rest = rest[0], rest[8 + rest[1] * 8 :]
        if protocol == _ICMPV6 and rest[0] in _HOUSEKEEPING:
            return None
        return _packet(link, protocol, str(ipaddress.IPv6Address(frame[38:54])), rest)
    return Seen(link, f"ethertype {kind:#06x}", frame[:6].hex())


def _packet(link: str, protocol: int, target: str, rest: bytes) -> Seen:
    if protocol not in (_TCP, _UDP):
        return Seen(link, f"protocol {protocol}", target)
    source, port = struct.unpack(">HH", rest[:4])
    return Seen(link, "tcp" if protocol == _TCP else "udp", target, port, source)
