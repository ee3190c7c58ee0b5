"""Holds hosts to a saved plan: what moved since it was made refuses the host, now and again once it is locked."""

from __future__ import annotations

from collections.abc import Callable

from staithe.change import Change
from staithe.errors import HostRefused
from staithe.events import PlanBasis, Problem
from staithe.host.session import Session
from staithe.plan.basis import basis_of, state_parts
from staithe.plan.moved import since_agreed, since_saved
from staithe.probe.state import HostState
from staithe.saved_plan import SavedPlan

Moved = Callable[[HostState, tuple[Change, ...]], tuple[Problem, ...]]


def to_saved(saved: SavedPlan, session: Session) -> Moved:
    """Return what tells how a host differs from its saved plan; raise HostRefused when there is none for it."""
    then = saved.hosts.get(session.name)
    if then is None:
        raise HostRefused("the host is not in the saved plan")

    def moved(state: HostState, changes: tuple[Change, ...]) -> tuple[Problem, ...]:
        assert session.desired is not None
        now = basis_of(session.config, state, session.desired, saved.salt)
        # The plan holds what was told, without secrets.
        told = tuple(session.told(change) for change in changes)
        return since_saved(then.basis, then.changes, now, told, state_parts(state, session.desired))

    return moved


def to_agreed(planned: tuple[Change, ...]) -> Moved:
    """Return what tells how a host differs from the plan that a person has read."""
    return lambda state, changes: since_agreed(planned, changes)


def basis(session: Session, salt: str) -> PlanBasis | None:
    """Return what the session's plan rests on; None without a salt: nobody wants to save it."""
    if not salt:
        return None
    assert session.state is not None and session.desired is not None
    return basis_of(session.config, session.state, session.desired, salt)
