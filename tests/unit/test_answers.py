"""The answers that tests make up say what their states say."""

from __future__ import annotations

from pathlib import Path

import pytest

from staithe import plan, preflight
from staithe.bundle.read import read_bundle
from staithe.config import Config
from staithe.desired import desired_for
from staithe.probe.parse import parse
from staithe.probe.state import HostState
from staithe.probe_request import probe_request
from tests.answers import answer_of
from tests.unit import states


@pytest.fixture
def config(small_bundle: Path) -> Config:
    return states.config(engine={"bundle": str(small_bundle)})


def _drifted(state: HostState) -> HostState:
    kernel = state.kernel.model_copy(update={"sysctl": {**state.kernel.sysctl, "net.ipv4.ip_forward": "0"}})
    return state.model_copy(update={"kernel": kernel, "missing_commands": ("iptables",), "images": ()})


@pytest.mark.parametrize("name", ["bare", "converged", "drifted"])
def test_the_answer_read_back_comes_to_the_same(config: Config, small_bundle: Path, name: str) -> None:
    bundle = read_bundle(small_bundle)
    converged = states.converged(config, bundle)
    state = {"bare": states.bare(), "converged": converged, "drifted": _drifted(converged)}[name]
    read = parse(answer_of(state, probe_request(config)))
    desired = desired_for(config, state, bundle)
    assert read.odd == {}
    assert plan.changes(read, config, desired) == plan.changes(state, config, desired)
    assert preflight.check(read, config, desired) == preflight.check(state, config, desired)
    assert (name == "converged") == (not plan.changes(read, config, desired))
