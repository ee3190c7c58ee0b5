"""Reload or restart, by the keys that differ."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from staithe.daemon.reload import RELOADABLE, changed_keys, moves_store, step

_KEYS = [*sorted(RELOADABLE), "data-root", "storage-driver", "bip"]
_FILES = st.dictionaries(st.sampled_from(_KEYS), st.one_of(st.booleans(), st.integers(2, 9), st.lists(st.text())))


@pytest.mark.parametrize(
    ("running", "wanted", "expected"),
    [
        ({}, {}, "nothing"),
        ({"labels": ["a"]}, {"labels": ["a"]}, "nothing"),
        ({}, {"labels": ["a"]}, "reload"),
        ({}, {"debug": True}, "reload"),
        ({"debug": True}, {"debug": False}, "reload"),
        # A reload looks only at keys that are set: what is gone keeps its value until a restart.
        ({"debug": True}, {}, "restart"),
        ({"shutdown-timeout": 5}, {}, "restart"),
        ({"labels": ["a"]}, {}, "restart"),
        ({"max-concurrent-downloads": 9}, {}, "reload"),
        ({}, {"data-root": "/data"}, "restart"),
        ({}, {"features": {"buildkit": True}}, "reload"),
        ({}, {"features": {"containerd-snapshotter": True}}, "restart"),
        ({"features": {"buildkit": True}}, {"features": {"buildkit": True, "cdi": True}}, "restart"),
        ({"labels": ["a"]}, {"labels": ["b"], "bip": "10.0.0.1/24"}, "restart"),
    ],
)
def test_step(running: dict[str, object], wanted: dict[str, object], expected: str) -> None:
    assert step(json.dumps(running), json.dumps(wanted)) == expected


@pytest.mark.parametrize(
    ("running", "wanted", "expected"),
    [
        ({}, {"data-root": "/data"}, True),
        ({"storage-driver": "overlay2"}, {"storage-driver": "vfs"}, True),
        ({}, {"features": {"containerd-snapshotter": True}}, True),
        ({}, {"features": {"buildkit": True}}, False),
        ({}, {"debug": True}, False),
        ({"data-root": "/data"}, {"data-root": "/data", "debug": True}, False),
    ],
)
def test_moves_store(running: dict[str, object], wanted: dict[str, object], expected: bool) -> None:
    assert moves_store(json.dumps(running), json.dumps(wanted)) is expected


@pytest.mark.parametrize("broken", [None, "", "{", "[]", "null"])
def test_what_no_engine_runs_with_counts_as_empty(broken: str | None) -> None:
    assert step(broken, "{}") == "nothing"
    assert step(broken, '{"bip": "10.0.0.1/24"}') == "restart"


@given(_FILES, _FILES)
def test_nothing_exactly_when_equal(one: dict[str, object], other: dict[str, object]) -> None:
    assert (step(json.dumps(one), json.dumps(other)) == "nothing") == (one == other)
    assert changed_keys(json.dumps(one), json.dumps(other)) == changed_keys(json.dumps(other), json.dumps(one))
