"""--set KEY=VALUE: where a value goes and what it means."""

from __future__ import annotations

from typing import Any

import pytest

from staithe.cli.options import read_settings
from staithe.config import Config
from staithe.errors import ConfigError, UsageError


@pytest.mark.parametrize(
    ("setting", "layer"),
    [
        ("engine.version=28.5.2", {"engine": {"version": "28.5.2"}}),
        # Text where text belongs, though it looks like a number.
        ("engine.version=28.5", {"engine": {"version": "28.5"}}),
        ("engine.version=28", {"engine": {"version": "28"}}),
        ('engine.version="28.5.2"', {"engine": {"version": "28.5.2"}}),
        ("engine.version=null", {"engine": {"version": None}}),
        ("engine.bundle=/a=b", {"engine": {"bundle": "/a=b"}}),
        ("smoke.published_port=18080", {"smoke": {"published_port": 18080}}),
        ("smoke.enabled=false", {"smoke": {"enabled": False}}),
        ('images.load=["a/b:1"]', {"images": {"load": ["a/b:1"]}}),
        ("images.load=all", {"images": {"load": "all"}}),
        ('daemon.log-opts={"max-size":"1m"}', {"daemon": {"log-opts": {"max-size": "1m"}}}),
        ("daemon.log-opts.max-file=2", {"daemon": {"log-opts": {"max-file": "2"}}}),
        ('daemon.registry-mirrors=["https://m.example"]', {"daemon": {"registry-mirrors": ["https://m.example"]}}),
        ("daemon.live-restore=true", {"daemon": {"live-restore": True}}),
        ("daemon.mtu=1450", {"daemon": {"mtu": 1450}}),
        ("kernel.sysctl.net.ipv4.ip_forward=0", {"kernel": {"sysctl": {"net.ipv4.ip_forward": "0"}}}),
    ],
)
def test_one_setting(setting: str, layer: dict[str, Any]) -> None:
    assert read_settings([setting], None) == layer


def test_settings_of_one_section_come_together() -> None:
    given = ["daemon.debug=true", 'daemon.log-opts={"max-size":"1m"}', "daemon.log-opts.max-file=2"]
    layer = read_settings(given, "/bundle")
    assert layer == {
        "daemon": {"debug": True, "log-opts": {"max-size": "1m", "max-file": "2"}},
        "engine": {"bundle": "/bundle"},
    }
    assert Config.from_layers([layer], "h1").daemon.daemon_json()["log-opts"] == {"max-size": "1m", "max-file": "2"}


def test_a_bundle_called_like_a_number_is_a_folder() -> None:
    assert read_settings(None, "28") == {"engine": {"bundle": "28"}}


def test_nothing_given() -> None:
    assert read_settings(None, None) == {}


@pytest.mark.parametrize("setting", ["engine.version", "=1", ".=1", "engine.=1", ""])
def test_what_is_no_setting_is_refused(setting: str) -> None:
    with pytest.raises(UsageError, match="KEY=VALUE"):
        read_settings([setting], None)


def test_a_value_cannot_become_a_section() -> None:
    with pytest.raises(UsageError, match="engine was given a value before"):
        read_settings(["engine=1", "engine.version=28.5.2"], None)


def test_a_mistyped_key_is_told_by_the_configuration() -> None:
    layer = read_settings(["engine.versoin=28.5.2"], None)
    with pytest.raises(ConfigError, match=r"engine\.versoin"):
        Config.from_layers([layer], "h1")


@pytest.mark.parametrize("given", ["foo.bar=1", "egnine.version=1", "Engine.version=1"])
def test_a_section_that_nobody_would_read_is_refused(given: str) -> None:
    with pytest.raises(UsageError):
        read_settings([given], None)


def test_a_section_almost_right_is_named() -> None:
    with pytest.raises(UsageError, match=r"did you mean engine\?"):
        read_settings(["egnine.version=1"], None)


def test_the_bundle_option_comes_last() -> None:
    given = ["engine.version=1.2.3", "engine.bundle=there"]
    assert read_settings(given, "here") == {"engine": {"version": "1.2.3", "bundle": "here"}}
