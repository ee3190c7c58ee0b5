"""Does a plan that was read still hold? What moved since, each as a Problem that refuses the host. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from staithe.change import Change
from staithe.events import PlanBasis, Problem
from staithe.plan.basis import Parts

_SHOWN = 12
_AGAIN = "staithe plan INVENTORY --out FILE   # then read it again"


def configuration_moved(keys: Sequence[str]) -> Problem:
    """The configuration of the host is not the one that the saved plan was made with.

    The message names the keys. Somebody changed the inventory or its group data since. Plan again and read it:
    `staithe plan INVENTORY --out FILE`.
    """
    return Problem(
        code="E351",
        message="the configuration has moved since the plan was saved",
        found=_listed(keys),
        expected="as it was then",
        hint=_AGAIN,
    )


def bundle_moved(now: str, then: str) -> Problem:
    """The bundle is not the one that the saved plan was made with: it was built again, or replaced.

    Plan again and read it: `staithe plan INVENTORY --out FILE`. A bundle that is to stay the same is kept under a
    name of its own.
    """
    return Problem(
        code="E352", message="the bundle has moved since the plan was saved", found=now, expected=then, hint=_AGAIN
    )


def state_moved(parts: Sequence[str]) -> Problem:
    """The host is not as it was when the plan was saved: somebody, or another run, has changed it since.

    The message names what moved. It is looked at twice: when the run begins, and again once the host is locked.
    A host on which nothing is left to do is not refused. Plan again and read it: `staithe plan INVENTORY --out FILE`.
    """
    return Problem(
        code="E353",
        message="the host has moved since the plan was saved",
        found=_listed(parts),
        expected="as it was then",
        hint=_AGAIN,
    )


def not_in_plan() -> Problem:
    """The saved plan has no such host: it was added to the inventory later, or could not be planned then.

    Plan again (`staithe plan INVENTORY --out FILE`), or leave it out with --limit.
    """
    return Problem(
        code="E354",
        message="the host is not in the saved plan",
        found="no plan for it",
        expected="a host that was planned",
        hint=_AGAIN,
    )


def not_in_inventory() -> Problem:
    """The saved plan has this host, and the inventory does not have it any longer.

    Put it back into the inventory, or plan again: `staithe plan INVENTORY --out FILE`.
    """
    return Problem(
        code="E355",
        message="the inventory no longer has the host",
        found="no such host",
        expected="the hosts of the saved plan",
        hint=_AGAIN,
    )


def agreed_plan_moved(changes: Sequence[str]) -> Problem:
    """The host has changed between the plan that was agreed to and its turn: the plan would now be another one.

    The message names the changes that came, went or became others. Nothing was done on the host. Apply again, and
    read the new plan; with --yes nobody has agreed to a plan, and what is due then is done.
    """
    return Problem(
        code="E356",
        message="the host has changed since the plan that you agreed to",
        found=_listed(changes),
        expected="the same changes",
        hint="staithe apply INVENTORY   # shows the new plan",
    )


REFUSALS = (
    ("E351", configuration_moved),
    ("E352", bundle_moved),
    ("E353", state_moved),
    ("E354", not_in_plan),
    ("E355", not_in_inventory),
    ("E356", agreed_plan_moved),
)


def since_saved(
    then: PlanBasis, planned: Sequence[Change], now: PlanBasis, changes: Sequence[Change], parts: Parts
) -> tuple[Problem, ...]:
    """Return what moved since a plan was saved. A host on which nothing is left to do may have moved."""
    found = []
    keys = _differing(then.config, now.config)
    if keys:
        found.append(configuration_moved(keys))
    if then.bundle != now.bundle:
        found.append(bundle_moved(now.bundle, then.bundle))
    names = [_named(name, now.state, parts) for name in _differing(then.state, now.state)]
    names = names or [f"the plan: {one}" for one in _other_changes(planned, changes)]
    if names and changes:
        found.append(state_moved(names))
    return tuple(found)


def since_agreed(planned: Sequence[Change], changes: Sequence[Change]) -> tuple[Problem, ...]:
    """Return what moved since a person agreed to a plan. A host on which nothing is left to do may have moved."""
    others = _other_changes(planned, changes)
    return (agreed_plan_moved(others),) if others and changes else ()


def _differing(then: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    return [name for name in {**then, **now} if then.get(name) != now.get(name)]


def _named(name: str, now: Mapping[str, str], parts: Parts) -> str:
    if name not in now:
        return f"{name} is gone"
    words = parts[name][1] if name in parts else ""
    return f"{name} is {words}" if words else name


def _other_changes(then: Sequence[Change], now: Sequence[Change]) -> list[str]:
    first, second = ({one.id: one for one in changes} for changes in (then, now))
    return [name for name in {**first, **second} if first.get(name) != second.get(name)]


def _listed(names: Sequence[str]) -> str:
    more = len(names) - _SHOWN
    return ", ".join(names[:_SHOWN]) + (f" and {more} more" if more > 0 else "")
