"""What holds for a host, and where it comes from."""

from __future__ import annotations

from typing import Any

from staithe.config import Config
from staithe.config.effective import effective_values

LAYERS: list[tuple[str, dict[str, Any]]] = [
    ("all", {"engine": {"bundle": "./bundle"}, "daemon": {"log-opts": {"max-size": "1m"}, "debug": True}}),
    ("group web", {"engine": {"version": "28.5.2"}, "daemon": {"debug": None}}),
    ("host", {"daemon": {"proxies": {"http-proxy": "http://bob:hunter2@proxy.example.com:3128"}}}),
]


def test_each_value_names_the_layer_it_comes_from() -> None:
    config = Config.from_layers([data for _, data in LAYERS], "web1")
    values = {one.path: (one.value, one.origin) for one in effective_values(config, LAYERS)}
    assert values["engine.bundle"] == ("./bundle", "all")
    assert values["engine.version"] == ("28.5.2", "group web")
    assert values["engine.source"] == ("static-bundle", "default")
    assert values["daemon.log-opts.max-size"] == ("1m", "all")
    assert values["kernel.sysctl.net.ipv4.ip_forward"] == ("1", "default")
    assert "daemon.debug" not in values
    assert "daemon.mtu" not in values


def test_passwords_are_hidden() -> None:
    config = Config.from_layers([data for _, data in LAYERS], "web1")
    shown = {one.path: one.value for one in effective_values(config, LAYERS)}
    assert shown["daemon.proxies.http-proxy"] == "http://***@proxy.example.com:3128"


def test_a_password_that_somebody_wrote_down_is_hidden_too() -> None:
    layers = [("all", {"transfer": {"registry_user": "hosts", "registry_password": "p4ss-word"}})]
    config = Config.from_layers([data for _, data in layers], "web1")
    shown = {one.path: one.value for one in effective_values(config, layers)}
    assert (shown["transfer.registry_user"], shown["transfer.registry_password"]) == ("hosts", "***")
    assert "p4ss-word" not in repr(config)
    empty = Config.from_layers([{}], "web1")
    assert {one.path: one.value for one in effective_values(empty, [])}["transfer.registry_password"] is None
