"""Which session belongs to which host: it lives in `host.connector_data`, so prepare and execute share it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from staithe.config import config_for
from staithe.host.session import Session

if TYPE_CHECKING:
    from pyinfra.api.host import Host

_KEY = "staithe_session"


def session(host: Host) -> Session:
    """Return the host's session; make one from the inventory's data when no runner did (plain pyinfra)."""
    found = host.connector_data.get(_KEY)
    if found is None:
        found = attach(host, Session(host=host, config=config_for(host.name, host.data)))
    assert isinstance(found, Session)
    return found


def attach(host: Host, new: Session) -> Session:
    """Give the host its session for this run."""
    host.connector_data[_KEY] = new
    return new


def peer_of(session: Session) -> Session | None:
    """Return another connected host of this run, the next in inventory order; None when there is none."""
    hosts = list(session.host.inventory)
    at = hosts.index(session.host)
    for other in hosts[at + 1 :] + hosts[:at]:
        found = other.connector_data.get(_KEY)
        if other.connected and isinstance(found, Session) and found.ready:
            return found
    return None
