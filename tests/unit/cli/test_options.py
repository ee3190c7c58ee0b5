"""--set KEY=VALUE: what it means, and that no mistake in it passes in silence."""

from __future__ import annotations

from typing import Any

import pytest

from staithe.cli.options import read_settings
from staithe.errors import UsageError


@pytest.mark.parametrize(
    ("given", "layer"),
    [
        ("engine.version=28.5.2", {"engine": {"version": "28.5.2"}}),
        ("smoke.enabled=false", {"smoke": {"enabled": False}}),
        ("engine.bundle=a=b", {"engine": {"bundle": "a=b"}}),
        ("daemon.data-root=/data", {"daemon": {"data-root": "/data"}}),
        ('daemon={"debug": true}', {"daemon": {"debug": True}}),
        ("kernel.sysctl.vm.max_map_count=3", {"kernel": {"sysctl": {"vm.max_map_count": 3}}}),
        ('kernel.sysctl={"a.b": "1"}', {"kernel": {"sysctl": {"a.b": "1"}}}),
        ('kernel.modules=["overlay"]', {"kernel": {"modules": ["overlay"]}}),
    ],
)
def test_a_setting_becomes_a_layer(given: str, layer: dict[str, Any]) -> None:
    assert read_settings([given], None) == layer


@pytest.mark.parametrize("given", ["engine", "=x", ".=1", "foo.bar=1", "egnine.version=1", "Engine.version=1"])
def test_a_setting_that_nobody_would_read_is_refused(given: str) -> None:
    with pytest.raises(UsageError):
        read_settings([given], None)


def test_a_section_almost_right_is_named() -> None:
    with pytest.raises(UsageError, match=r"did you mean engine\?"):
        read_settings(["egnine.version=1"], None)


def test_settings_of_one_section_come_together_and_the_bundle_last() -> None:
    given = ["engine.version=1.2.3", "engine.bundle=there"]
    assert read_settings(given, "here") == {"engine": {"version": "1.2.3", "bundle": "here"}}
