"""A thousand odd inventories, addresses and limits: each loads as it is written, or is one clear error.

A program of its own, run in an empty folder; prints how many it tried.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from pyinfra.api.state import State
from pyinfra.context import ctx_state

from staithe.config.duplicates import duplicate_keys
from staithe.config.layers import layers_of
from staithe.config.root import Config
from staithe.errors import ConfigError, InventoryError
from staithe.runner.inventory import limited, load_inventory
from staithe.visible import visible
from tests.hostile import TEXTS

MANY: Callable[[int], Any] = lambda examples: settings(  # noqa: E731
    max_examples=examples, deadline=None, derandomize=True, database=None, suppress_health_check=[]
)
odd = st.one_of(st.text(max_size=40), st.sampled_from([text[:400] for text in TEXTS]))
_numbers = count()


def fresh(content: bytes) -> str:
    """Write an inventory under a name of its own: pyinfra remembers what it compiled by the file's name."""
    name = f"inventory{next(_numbers)}.py"
    Path(name).write_bytes(content)
    return name


@MANY(300)
@given(st.one_of(odd, st.builds("{}@{}:{}".format, odd, st.sampled_from(["h", "[::1]", "-h"]), odd)))
def any_address(text: str) -> None:
    if text.startswith("@"):
        return  # a connector of pyinfra, which may ask this machine's tools
    try:
        hosts = list(load_inventory(text))
    except InventoryError as error:
        assert visible(str(error)).encode()
        return
    for host in hosts:
        assert host.name in text
        assert host.name.isprintable() and not host.name.startswith("-")


@MANY(200)
@given(odd)
def any_limit(text: str) -> None:
    inventory = load_inventory("web1,web2")
    try:
        hosts = limited(inventory, [text])
    except InventoryError as error:
        assert "fits no host" in str(error)
        return
    assert {host.name for host in hosts} <= {"web1", "web2"}


_INVENTORY = 'hosts = [("web1", {"daemon": {"labels": ["a=b"]}}), "web2"]\ndb = ["web2"]\n'


@MANY(300)
@given(
    st.integers(0, len(_INVENTORY)),
    st.integers(0, 6),
    st.one_of(st.binary(max_size=6), odd.map(ascii).map(str.encode)),
)
def any_damage_to_an_inventory(at: int, cut: int, put: bytes) -> None:
    content = _INVENTORY.encode()
    name = fresh(content[:at] + put + content[at + cut :])
    duplicate_keys(name)
    try:
        inventory = load_inventory(name)
        for host in inventory:
            Config.from_layers([data for _, data in layers_of(host.data)], host.name)
    except (InventoryError, ConfigError) as error:
        assert visible(str(error)).encode()


@MANY(200)
@given(odd)
def any_value_of_a_host_comes_back_from_its_inventory(text: str) -> None:
    data = {"daemon": {"labels": [f"a={text}"]}}
    [host] = load_inventory(fresh(f"hosts = [('web1', {data!a})]\n".encode()))
    try:
        config = Config.from_layers([data for _, data in layers_of(host.data)], host.name)
    except ConfigError:
        return
    assert config.daemon.labels == (f"a={text}",)


if __name__ == "__main__":
    with ctx_state.use(State()):
        for one in (
            any_address,
            any_limit,
            any_damage_to_an_inventory,
            any_value_of_a_host_comes_back_from_its_inventory,
        ):
            one()
    print(300 + 200 + 300 + 200)
