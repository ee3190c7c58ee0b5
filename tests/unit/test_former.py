"""What was on a host before staithe: noted once, and kept."""

from __future__ import annotations

import pytest

from staithe.former import Former, noted, read_former
from staithe.host_layout import DAEMON_JSON, SYSCTL_FILE
from staithe.plan import changes
from staithe.probe.state import Engine, EngineBinary, HostState, ManagedFile, Unit
from tests.unit import states


def _applied(state: HostState, former: Former) -> HostState:
    return state.model_copy(update={"former": former.text()})


def test_a_first_apply_notes_all_that_it_touches() -> None:
    config = states.config()
    state = states.bare()
    file = ManagedFile(exists=True, sha256="a" * 64, text="{}", mode="600", owner="root:root")
    state = state.model_copy(update={"files": {DAEMON_JSON: file}})
    former = noted(state, changes(state, config, states.desired(config)))
    assert former.sysctl["net.ipv4.ip_forward"] == "0"
    assert former.sysctl["net.bridge.bridge-nf-call-iptables"] is None
    assert set(former.modules) == set(config.kernel.modules)
    assert former.files[SYSCTL_FILE] is None
    kept = former.files[DAEMON_JSON]
    assert kept is not None and (kept.sha256, kept.mode) == ("a" * 64, "600")
    assert former.made_group and former.members == ("ops",)
    assert former.units == {}, "the units are staithe's own"


def test_an_engine_that_was_there_is_noted_at_the_first_touch_alone() -> None:
    config = states.config()
    unit = Unit(load_state="loaded", active_state="active", unit_file_state="disabled")
    binary = EngineBinary(path="/usr/bin/dockerd", target="/usr/bin/dockerd")
    packed = EngineBinary(path="/usr/bin/runc", target="/usr/bin/runc", package="runc-1.1-1.el9.x86_64")
    state = states.bare().model_copy(
        update={
            "units": {"docker.service": unit},
            "engine": Engine(origin="static", binaries={"dockerd": binary, "runc": packed}),
        }
    )
    former = noted(state, changes(state, config, states.desired(config)))
    assert (former.units, former.active) == ({"docker.service": "disabled"}, {"docker.service": "active"})
    assert former.programs == ("/usr/bin/dockerd",)
    # What staithe makes of the units is nothing that was there before; nor is what an early staithe noted nothing of.
    enabled = unit.model_copy(update={"unit_file_state": "enabled"})
    later = _applied(state, former).model_copy(update={"units": {"docker.service": enabled}})
    assert noted(later, ()).units == former.units
    assert noted(states.converged(config), ()).units == {}


def test_what_is_noted_stays() -> None:
    config = states.config()
    state = states.bare()
    first = noted(state, changes(state, config, states.desired(config)))
    drifted = states.converged(config)
    drifted = drifted.model_copy(
        update={
            "kernel": drifted.kernel.model_copy(
                update={"sysctl": {**drifted.kernel.sysctl, "net.ipv4.ip_forward": "7"}}
            ),
            "files": {**drifted.files, DAEMON_JSON: ManagedFile(exists=True, sha256="b" * 64)},
        }
    )
    drifted = _applied(drifted, first)
    assert noted(drifted, changes(drifted, config, states.desired(config))) == first


def test_nothing_to_change_is_nothing_to_note() -> None:
    assert noted(states.bare(), ()) == Former()


@pytest.mark.parametrize("text", [None, "", "{", "[]", '{"files": 1}'])
def test_a_note_that_cannot_be_read_counts_as_none(text: str | None) -> None:
    assert read_former(states.bare().model_copy(update={"former": text})) == Former()
