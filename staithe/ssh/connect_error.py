"""What a connection that does not come about means, and what to type next."""

from __future__ import annotations

from collections.abc import Iterable

import paramiko

from staithe.errors import (
    AuthRefused,
    HostError,
    HostKeyChanged,
    HostKeyUnknown,
    Unreachable,
)
from staithe.shell import word


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
    # paramiko puts the cause behind its own words without a space.
    return " ".join(text.replace("SSH protocol banner", "SSH protocol banner: ").split()).replace(
        "banner: )", "banner)"
    )


def _chain(error: BaseException | None) -> Iterable[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
