"""kill -9 of the controller, at every component and at random moments: the next apply always converges.

The seed is printed; STAITHE_KILL_SEED=NUMBER runs the same moments again.
"""

from __future__ import annotations

import os
import random
import time
import traceback
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.lab.conftest import ENGINES, Host, Site, Staithe
from tests.lab.killing import (
    VICTIMS,
    Killed,
    Look,
    Victim,
    Wish,
    assert_converged,
    assert_nothing_is_half,
    look,
    rest,
    stages,
)

_COMPONENTS = (
    "kernel:",
    "binaries:create",
    "binaries:set",
    "units:",
    "daemon:",
    "service:",
    "users:",
    "images:",
    "record:",
    "smoke:",
)
_PARTS, _KILLS_IN_PART = 4, 10
_NO_SMOKE = ("--set", "smoke.enabled=false")
_FIRST, _SECOND = Wish("28.5.2", "wish=first"), Wish("26.1.5", "wish=second")


@pytest.fixture(scope="module")
def seed() -> int:
    chosen = int(os.environ.get("STAITHE_KILL_SEED") or random.SystemRandom().randrange(10**6))
    print(f"\nSTAITHE_KILL_SEED={chosen}")
    return chosen


@pytest.fixture(scope="module")
def archives() -> Mapping[str, Path]:
    from staithe.lab import artifacts

    return {version: artifacts.located().engines[version] for version in ENGINES}


def _kill_and_mend(
    site: Site, run: Killed, victim: Victim, before: Look, archives: Mapping[str, Path], moment: str
) -> None:
    """Kill a run, look at the host, apply again, look again."""
    host = run.host
    said = run.kill(victim)
    at = list(stages(run.events))[-3:]
    try:
        rest(host)
        seen = look(host)
        mended = site.run("apply", *run.wish.arguments, *run.arguments, limit=host.name)
        assert mended.host(host.name)["outcome"] in ("changed", "unchanged")
        after = assert_converged(site, host, run.wish, archives)
        assert_nothing_is_half(seen, before, after, archives)
    except AssertionError as error:
        raise AssertionError(
            f"{host.name}: {victim} killed {moment}, at {at}:\n{traceback.format_exc()}\n{said[-2000:]}"
        ) from error


@pytest.mark.parametrize("component", _COMPONENTS)
def test_killed_inside_each_component(
    site: Site, program: str, hosts: dict[str, Host], archives: Mapping[str, Path], seed: int, component: str
) -> None:
    chance = random.Random(f"{seed} {component}")
    site.staithe("lab", "reset", "h3")
    before = look(hosts["h3"])
    run = Killed(site, program, hosts["h3"], _FIRST, () if component == "smoke:" else _NO_SMOKE)
    reached = run.wait_until(
        lambda event: event["type"] == "change_started" and event["change_id"].startswith(component)
    )
    assert reached, list(stages(run.events))
    time.sleep(chance.uniform(0, 0.3))
    victim = VICTIMS[(_COMPONENTS.index(component) + 2) % 3]
    _kill_and_mend(site, run, victim, before, archives, f"inside {component}")


@pytest.mark.timeout(900)
@pytest.mark.parametrize("part", range(_PARTS))
def test_killed_at_random_moments(
    site: Site,
    program: str,
    hosts: dict[str, Host],
    archives: Mapping[str, Path],
    seed: int,
    staithe: Staithe,
    part: int,
) -> None:
    """40 kills in all, two hosts side by side; each run moves a host to another engine, or makes it from nothing."""
    staithe("lab", "reset", "h3", "h4")
    began = time.monotonic()
    site.run("apply", *_FIRST.arguments, *_NO_SMOKE, limit="h3")
    whole_s = time.monotonic() - began
    site.run("apply", *_FIRST.arguments, *_NO_SMOKE, limit="h4")

    def kill_many(name: str) -> list[str]:
        chance = random.Random(f"{seed} {part} {name}")
        problems = []
        wish = _FIRST
        for number in range(_KILLS_IN_PART // 2):
            if number % 5 == 3:
                staithe("lab", "reset", name)
                wish = _FIRST
            else:
                wish = _SECOND if wish is _FIRST else _FIRST
            victim, after_s = chance.choice(VICTIMS), chance.uniform(0.2, whole_s)
            before = look(hosts[name])
            run = Killed(site, program, hosts[name], wish, _NO_SMOKE)
            time.sleep(after_s)
            try:
                _kill_and_mend(
                    site, run, victim, before, archives, f"number {number} after {after_s:.2f} s, seed {seed}"
                )
            except AssertionError as error:
                problems.append(str(error))
                staithe("lab", "reset", name)
                site.run("apply", *wish.arguments, *_NO_SMOKE, limit=name)
        return problems

    with ThreadPoolExecutor(2) as pool:
        problems = [problem for found in pool.map(kill_many, ("h3", "h4")) for problem in found]
    assert problems == [], "\n\n".join(problems)
