"""A host during a run: its session, the one way to run things on it, and the guard around changes."""

from staithe.host.attachment import attach, peer_of, session
from staithe.host.guard import carry_out
from staithe.host.session import Session

__all__ = ["Session", "attach", "carry_out", "peer_of", "session"]
