"""Config: the whole described state of one host."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from pydantic import Field, ValidationError

from staithe.config import layers as layer
from staithe.config.daemon import Daemon
from staithe.config.engine import Engine
from staithe.config.images import Images
from staithe.config.kernel import Kernel
from staithe.config.plain_data import odd_values
from staithe.config.problems import ProblemList, near, problems_of
from staithe.config.section import Section
from staithe.config.service import Service
from staithe.config.smoke import Smoke
from staithe.config.transfer import Transfer
from staithe.config.trust import Trust
from staithe.config.users import Users


class Config(Section):
    """What a host shall be. Each section is a dictionary of this name in the inventory or its group_data."""

    schema_version: Literal[1] = Field(default=1, description="Version of this format.")
    engine: Engine = Field(default_factory=Engine, description="The container engine: its source and version.")
    trust: Trust = Field(default_factory=Trust, description="Whose bundles are applied.")
    transfer: Transfer = Field(default_factory=Transfer, description="How blobs come to the host.")
    kernel: Kernel = Field(default_factory=Kernel, description="Kernel modules and sysctl values.")
    daemon: Daemon = Field(default_factory=Daemon, description="The engine's own configuration, daemon.json.")
    service: Service = Field(default_factory=Service, description="How the engine's units run.")
    users: Users = Field(default_factory=Users, description="Who may use the engine without sudo.")
    images: Images = Field(default_factory=Images, description="Which images of the bundle are loaded.")
    smoke: Smoke = Field(default_factory=Smoke, description="The smoke containers that prove the engine.")

    @classmethod
    def from_layers(cls, layers: Sequence[Mapping[str, Any]], where: str) -> Config:
        """Merge `layers` (lowest priority first), validate, and return the config of the host named `where`.

        Raise ConfigError with every problem.
        """
        found = ProblemList()
        config = checked(layers, where, found)
        found.raise_if_any()
        assert config is not None
        return config


def section_names() -> frozenset[str]:
    """Return the names that staithe takes from an inventory's data."""
    return frozenset(Config.model_fields)


def data_problems(one: Mapping[str, Any]) -> list[str]:
    """Return one line for each value in staithe's sections of a layer that is no plain data."""
    sections = layer.sections_of(one, section_names())
    return [
        f"{layer.shown_place(place)}: found {found}, expected {expected}"
        for place, found, expected in odd_values(sections)
    ]


def checked(layers: Sequence[Mapping[str, Any]], where: str, found: ProblemList) -> Config | None:
    """Return the config of `layers`; or None, with its problems put into `found`."""
    names = section_names()
    # First: what is no plain data cannot be merged, shown or compared.
    odd = dict.fromkeys(line for one in layers for line in data_problems(one))
    if odd:
        found.add(where, odd)
        return None
    lines = [
        f"{layer.shown_key(name)}: staithe has no such section; did you mean {near(name, names)}?"
        for name in layer.near_misses(layers, names)
    ]
    merged = layer.without_none(
        layer.merged([layer.defaults(Config), *(layer.sections_of(x, names) for x in layers)])
    )
    config = None
    try:
        config = Config.model_validate(merged)
    except ValidationError as error:
        lines += problems_of(error, Config)
    found.add(where, lines)
    return None if lines else config


def config_for(host_name: str, host_data: object) -> Config:
    """Return the config of a pyinfra host from its `host.data`. Raise ConfigError with every problem."""
    return Config.from_layers([data for _, data in layer.layers_of(host_data)], host_name)


def from_data(host_data: object) -> Config:
    """Return the config that pyinfra's `host.data` describes. Raise ConfigError with every problem."""
    return config_for(layer.host_name_of(host_data), host_data)


def configs_for(hosts: Mapping[str, Sequence[Mapping[str, Any]]]) -> dict[str, Config]:
    """Return the config of each host from its layers (lowest priority first).

    Raise one ConfigError for all hosts; a problem that many hosts share is said once.
    """
    found = ProblemList()
    configs = {name: checked(layers, name, found) for name, layers in hosts.items()}
    found.raise_if_any()
    return {name: config for name, config in configs.items() if config is not None}
