"""How blobs come to hosts: what of it is refused, and in which words."""

from __future__ import annotations

from typing import Any

import pytest

from staithe.config import Config
from staithe.errors import ConfigError


@pytest.mark.parametrize(
    "transfer",
    [
        {},
        {"relay": "web1", "relay_address": "fd00::1", "relay_port": 18500, "relay_time_limit_s": 60},
        {"registry": "registry.example.com/site/bundle:1"},
        {"registry": "10.0.0.1:5000/bundle", "registry_plain_http": True},
        {"registry": f"localhost/a/b@sha256:{'a' * 64}", "registry_user": "a", "registry_password": "b: c"},
    ],
)
def test_what_is_taken(transfer: dict[str, Any]) -> None:
    Config.from_layers([{"transfer": transfer}], "web1")


@pytest.mark.parametrize(
    ("transfer", "words"),
    [
        ({"relay": "-x"}, "transfer.relay: found '-x', expected the name of a host"),
        ({"relay": "a", "registry": "r.example.com/b:1"}, "two ways for the same blobs"),
        (
            {"relay_address": "h1.example.com"},
            "transfer.relay_address: found 'h1.example.com', expected an IP",
        ),
        ({"relay_port": 80}, "transfer.relay_port: found 80"),
        ({"relay_time_limit_s": 1}, "transfer.relay_time_limit_s: found 1"),
        ({"registry": "site/bundle:1"}, "the registry with its domain or port"),
        ({"registry": "https://registry.example.com/b:1"}, "expected REGISTRY/NAME:TAG"),
        ({"registry": "registry.example.com/B:1"}, "expected REGISTRY/NAME:TAG"),
        ({"registry_user": "a"}, "registry_user needs registry_password"),
        ({"registry_password": "a"}, "registry_password needs registry_user"),
        ({"registry_user": "a:b", "registry_password": "c"}, "text without a colon"),
    ],
)
def test_what_is_refused(transfer: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Config.from_layers([{"transfer": transfer}], "web1")
    assert words in str(caught.value)
