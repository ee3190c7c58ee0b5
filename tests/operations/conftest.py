"""A host that pyinfra believes in and that notes every script sent to it."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pyinfra.api.command import FunctionCommand
from pyinfra.context import ctx_host

from staithe.bundle.read import read_bundle
from staithe.config import Config
from staithe.events import Event
from staithe.host.attachment import attach
from staithe.host.session import Session
from staithe.probe.state import HostState
from staithe.probe_request import probe_request
from tests.answers import answer_of
from tests.archives import allowed_signers
from tests.unit import states


class Connector:
    """Takes scripts; answers the probe with `state`, which becomes `then` after the first other script."""

    def __init__(self) -> None:
        self.state = states.bare()
        self.then: HostState | None = None
        self.request = probe_request(states.config())
        self.scripts: list[str] = []
        self.probes = 0
        # Words of a script -> what happens when it comes: an exception, or the output of a failure.
        self.trouble: dict[str, Exception | str] = {}

    def run_shell_command(self, command: Any, **_: Any) -> tuple[bool, SimpleNamespace]:
        script = shlex.split(command.get_masked_value())[-1]
        change, mark, _ = script.partition("# staithe-probe")
        if change:
            self.scripts.append(change)
            for words, what in self.trouble.items():
                if words in change:
                    if isinstance(what, Exception):
                        raise what
                    return False, SimpleNamespace(stdout="", stderr=what)
            self.state = self.then or self.state
        if not mark:
            return True, SimpleNamespace(stdout="", stderr="")
        self.probes += 1
        return True, SimpleNamespace(stdout=answer_of(self.state, self.request), stderr="")


@dataclass
class FakeHost:
    """As much of pyinfra's host as operations touch."""

    name: str = "h1"
    data: dict[str, Any] = field(default_factory=dict)
    connector_data: dict[str, Any] = field(default_factory=dict)
    connector: Connector = field(default_factory=Connector)
    state: SimpleNamespace = field(default_factory=lambda: SimpleNamespace(is_executing=True))
    noops: list[str] = field(default_factory=list)
    connected: bool = True

    @property
    def inventory(self) -> list[FakeHost]:
        return [self]

    def noop(self, reason: str) -> None:
        self.noops.append(reason)


@dataclass
class Bench:
    """One host with its session, in front of an operation."""

    host: FakeHost
    session: Session
    events: list[Event]
    converged: HostState

    @property
    def scripts(self) -> list[str]:
        return self.host.connector.scripts

    def sent_in(self, number: int) -> str:
        """Return one script, without quotes."""
        return self.scripts[number].replace("'", "")

    @property
    def sent(self) -> str:
        return "\n".join(self.scripts).replace("'", "")

    def find(self, state: HostState, then: HostState | None = None) -> Bench:
        """Probe and plan a host in `state`; after the first change it is in `then` (converged when not given)."""
        connector = self.host.connector
        connector.state, connector.then = state, then or self.converged
        self.session.begin()
        assert self.session.error is None and not self.session.problems
        return self

    def commands(self, operation: Any, **arguments: Any) -> list[FunctionCommand]:
        """Return what the operation yields, none of it carried out."""
        return list(operation._inner(**arguments))

    def carry_out(self, operation: Any, **arguments: Any) -> list[bool]:
        """Do what the operation yields, up to the first failure."""
        results = []
        for command in operation._inner(**arguments):
            assert isinstance(command, FunctionCommand)
            results.append(bool(command.execute(self.host.state, self.host, {})))
            if not results[-1]:
                break
        return results

    @property
    def error_code(self) -> str | None:
        return self.session.error.code if self.session.error else None


@pytest.fixture
def config(small_bundle: Path) -> Config:
    return states.config(
        engine={"bundle": str(small_bundle)}, trust={"allowed_signers": allowed_signers(small_bundle)}
    )


@pytest.fixture
def make_bench(small_bundle: Path, config: Config) -> Iterator[Callable[..., Bench]]:
    """Make the bench of a host; one at a time, it is pyinfra's current host."""
    stack: list[Any] = []

    def make(other: Config | None = None) -> Bench:
        wanted = other or config
        host, events = FakeHost(), []
        host.connector.request = probe_request(wanted)
        session = attach(host, Session(host=host, config=wanted, emit=events.append))  # type: ignore[arg-type]
        using = ctx_host.use(host)
        using.__enter__()
        stack.append(using)
        return Bench(host, session, events, states.converged(wanted, read_bundle(small_bundle)))

    yield make
    for using in reversed(stack):
        using.__exit__(None, None, None)


@pytest.fixture
def bench(make_bench: Callable[..., Bench]) -> Bench:
    return make_bench()
