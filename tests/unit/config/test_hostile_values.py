"""Whatever text stands in whatever place of an inventory: refused with its path, or carried literally."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from staithe import smoke
from staithe.config.root import Config
from staithe.desired import desired_for
from staithe.errors import ConfigError, UsageError
from staithe.host_layout import DAEMON_JSON, MODULES_FILE, SYSCTL_FILE
from staithe.probe.request import ProbeRequest
from staithe.probe.script import build
from staithe.probe_request import probe_request
from staithe.shell import quote
from staithe.visible import visible
from tests.hostile import CANARY, TEXTS, Place, places
from tests.unit import states

SHELLS = ("dash", "bash")
PLACES = places()
# What one argument of a command may hold (MAX_ARG_STRLEN), with room for sudo, timeout and the login shell's quotes.
ARGUMENT_BYTES = 120 * 1024


def config_of(*layers: Mapping[str, Any]) -> Config:
    return Config.from_layers(layers, "web1")


def files_of(config: Config) -> dict[str, str]:
    """Return the text of every file that a host would get, without what asks for another bundle."""
    plain = config.model_copy(update={"engine": config_of().engine, "images": config_of().images})
    return {path: file.text for path, file in desired_for(plain, states.bare(), states.bundle()).files.items()}


@cache
def default_files() -> dict[str, str]:
    return files_of(config_of())


def assert_refused_clearly(error: ConfigError, place: Place) -> None:
    """The place is named, nothing steers a terminal, and nothing is endless."""
    top = place.path.split("[")[0].split(".*")[0]
    section, _, key = top.partition(".")
    key = key.split(".")[0]
    for line in error.problems:
        assert line.startswith(("web1: " + (f"{section}.{key}" if key else section), f"web1: {section}: {key}")), line
        assert visible(line) == line
        assert "\n" not in line
        assert len(line) < 600, line[:700]
    assert error.hint
    assert str(error).encode()


def assert_carried(config: Config, data: dict[str, Any]) -> None:
    """The files hold exactly what was given: read by their own rules, line by line, key by key."""
    files, known = files_of(config), default_files()
    changed = {path for path, text in files.items() if text != known[path]}
    assert changed <= {DAEMON_JSON, MODULES_FILE, SYSCTL_FILE}
    assert json.loads(files[DAEMON_JSON], parse_constant=pytest.fail) == {
        key: value for key, value in data.get("daemon", {}).items() if value != ""
    }
    settings = {**config_of().kernel.sysctl, **data.get("kernel", {}).get("sysctl", {})}
    lines = [line for line in files[SYSCTL_FILE].splitlines() if not line.startswith("#")]
    assert lines == [f"{key} = {value}" for key, value in sorted(settings.items())]
    modules = [line for line in files[MODULES_FILE].splitlines() if not line.startswith("#")]
    assert modules == data.get("kernel", {}).get("modules", ["overlay", "br_netfilter"])


@cache
def assert_parses(script: str) -> None:
    """A script is one argument of a command, and every shell takes it for a whole program."""
    assert len(quote(script)) < ARGUMENT_BYTES
    for shell in SHELLS:
        done = subprocess.run([shell, "-n", "-c", script], capture_output=True, timeout=30)
        assert (done.returncode, done.stderr) == (0, b""), script[:500]


def look_at(place: Place, value: object) -> bool:
    """Put a value in its place; say whether it was taken."""
    data = place.data(value)
    try:
        config = config_of(data)
    except ConfigError as error:
        assert_refused_clearly(error, place)
        return False
    assert_carried(config, data)
    assert_parses(build(probe_request(config)))
    if place.path.startswith("smoke"):
        for check in smoke.checks(config, "token"):
            assert_parses(check.script)
    # What leaves the process as JSON comes back as it was.
    assert Config.model_validate_json(config.model_dump_json(by_alias=True, exclude_none=True)) == config
    return True


def test_the_enumeration_finds_every_kind_of_place() -> None:
    """A field more is found by itself; were they suddenly fewer, everything below would prove nothing."""
    assert len(PLACES) >= 140
    assert len([place for place in PLACES if place.takes_text]) >= 86
    assert len({place.path for place in PLACES}) == len(PLACES)
    for path in (
        "engine.bundle",
        "kernel.sysctl.*",
        "kernel.sysctl.net.ipv4.ip_forward",
        "daemon.labels[0]",
        "daemon.builder.gc.policy[0].filter[0]",
        "daemon.default-network-opts.x.x",
        "daemon.runtimes.x.options.x",
        "daemon.default-address-pools[0].base",
        "images.load[0]",
        "users.docker_group[0]",
    ):
        assert path in {place.path for place in PLACES}


@pytest.mark.parametrize("place", PLACES, ids=repr)
def test_every_text_in_every_place(place: Place) -> None:
    taken = [text for text in TEXTS if look_at(place, text)]
    assert place.takes_text or not set(taken) - {""}, "a place that is no text took one"


# Refused by every place, whatever belongs there.
NO_PLAIN_DATA = (
    float("nan"),
    float("inf"),
    10**5000,
    -(2**63) - 1,
    b"\xff",
    {1, 2},
    object(),
    Path("/x"),
    {1: 2},
    {"a": {(1, 2): 3}},
    ["\ud800"],
    {"\ud800": 1},
)


@pytest.mark.parametrize("place", PLACES, ids=repr)
def test_what_is_no_plain_data_is_refused_everywhere(place: Place) -> None:
    endless: list[Any] = []
    endless.append(endless)
    deep: dict[str, Any] = {}
    for _ in range(5000):
        deep = {"a": deep}
    for value in (*NO_PLAIN_DATA, endless, deep):
        if place.path.endswith("*") and isinstance(value, set | list | dict):
            continue  # no Python dictionary has such a key
        assert not look_at(place, value), value


words = st.one_of(
    st.text(max_size=40),
    st.text(st.sampled_from("$`'\"\\;|&<>(){}[]*?~#!%^=-\n\t /.:@ax1é一\u202e\x1b"), max_size=30),
    st.sampled_from(TEXTS).flatmap(lambda text: st.text(max_size=5).map(lambda more: more + text[:300] + more)),
    st.builds("{}={}".format, st.sampled_from(["a", "max-size", "net.ipv4.ip_forward"]), st.text(max_size=20)),
)
values = st.recursive(
    st.one_of(words, st.integers(), st.floats(), st.booleans(), st.none(), st.binary(max_size=4)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(words, inner, max_size=3)),
    max_leaves=4,
)


@settings(max_examples=1200, deadline=None, derandomize=True)
@given(st.sampled_from([place for place in PLACES if place.takes_text]), words)
def test_any_text_in_any_place(place: Place, text: str) -> None:
    look_at(place, text)


@settings(max_examples=400, deadline=None, derandomize=True)
@given(st.sampled_from([place for place in PLACES if place.kind is not Any]), values)
def test_anything_in_any_place(place: Place, value: object) -> None:
    """Of the wrong kind, or right: only a ConfigError ever comes of it, and what is taken can be rendered."""
    try:
        config = config_of(place.data(value))
    except ConfigError as error:
        assert all(visible(line) == line and len(line) < 600 for line in error.problems)
        return
    except TypeError:
        assert not isinstance(value, str), "no dictionary has such a key"
        return
    json.loads(files_of(config)[DAEMON_JSON], parse_constant=pytest.fail)


def test_the_largest_configuration_fits_into_one_argument() -> None:
    kernel = {
        "modules": [f"{number}".rjust(64, "m") for number in range(100)],
        "sysctl": {"net." + f"{number}".rjust(124, "m"): "x" * 256 for number in range(97)},
    }
    users = {"docker_group": [f"{number}".rjust(31, "u") + "$" for number in range(100)]}
    daemon = {"data-root": "/" + "d" * 1023}
    assert_parses(build(probe_request(config_of({"kernel": kernel, "users": users, "daemon": daemon}))))
    for section, key in (("kernel", "modules"), ("kernel", "sysctl"), ("users", "docker_group")):
        held = {**kernel, **users}[key]
        more = [*held, "one_more"] if isinstance(held, list) else {**held, "net.more": "1"}
        with pytest.raises(ConfigError, match=rf"{section}\.{key}: .*expected 100 of them at most"):
            config_of({section: {key: more}})
    with pytest.raises(ConfigError, match=r"daemon: labels: makes daemon\.json longer than 64 KiB"):
        config_of({"daemon": {"labels": ["a=" + "x" * 4000] * 20}})


@pytest.mark.parametrize("shell", SHELLS)
def test_the_probe_runs_over_hostile_paths_and_makes_nothing(shell: str, tmp_path: Path) -> None:
    """The quoting holds on its own, without the checks of the configuration before it."""
    asked = [f"{tmp_path}/{text}" for text in TEXTS if text.isprintable() and text.isascii() and len(text) < 200]
    assert len(asked) > 40
    script = build(ProbeRequest(data_root=asked[0], files=tuple(asked), sections=("storage", "files")))
    done = subprocess.run([shell, "-c", script], cwd=tmp_path, capture_output=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, b"")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("what", ["modules", "users", "sysctl", "files", "data_root"])
def test_the_probe_asks_for_no_name_that_it_cannot_look_up(what: str) -> None:
    for text in TEXTS:
        request = ProbeRequest.model_construct(**{what: text if what == "data_root" else (text,)})
        full = ProbeRequest().model_copy(update={what: getattr(request, what)})
        try:
            script = build(full)
        except UsageError as error:
            assert visible(str(error)) == str(error)
            continue
        if len(text) < 5000:
            assert_parses(script)


@pytest.mark.parametrize("shell", SHELLS)
def test_smoke_scripts_hold_any_image_name(shell: str, tmp_path: Path) -> None:
    """Again without the configuration's checks: a name that they let pass one day is still only a name."""
    stubs = tmp_path / "stubs"
    stubs.mkdir()
    for name in ("docker", "ctr", "runc", "mkdir", "rm", "sed", "mv", "tar", "grep", "xargs", "rmdir", "ls", "sleep"):
        (stubs / name).write_text("#!/bin/sh\nprintf '%s\\n' \"$@\" >> ../arguments\n")
        (stubs / name).chmod(0o755)
    (stubs / "touch").symlink_to("/usr/bin/touch")
    work = tmp_path / "work"
    work.mkdir()
    for text in TEXTS:
        if "\0" in text or not text.strip() or len(text) > 60 or "\udcff" in text:
            continue
        named = config_of().smoke.model_copy(update={"image": text, "pull_image": text})
        config = config_of().model_copy(update={"smoke": named})
        checks = [*smoke.checks(config, "token"), smoke.pull_check(config, "token")]
        # The check of a container's life waits for its output, which no stub gives.
        scripts = [check.script for check in checks if check is not None and check.name != "life"]
        for script in [*scripts, smoke.serve_script(config, "token")]:
            (tmp_path / "arguments").unlink(missing_ok=True)
            subprocess.run(
                [f"/bin/{shell}", "-c", script],
                cwd=work,
                env={"PATH": str(stubs)},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=30,
            )
            given_words = (tmp_path / "arguments").read_bytes().decode()
            assert f"\n{text}\n" in given_words, script
            assert not list(tmp_path.rglob(f"*{CANARY}*")), script


@pytest.mark.parametrize("text", ["fe80::1%$(id)", "fe80::1%;x", " 10.0.0.1", "10.0.0.1\t"])
def test_an_address_holds_nothing_else(text: str) -> None:
    with pytest.raises(ConfigError, match=r"daemon\.dns\[0\]"):
        config_of({"daemon": {"dns": [text]}})


@pytest.mark.parametrize(
    "place", [place for place in PLACES if place.path.startswith("daemon.runtimes.x.")], ids=repr
)
def test_what_the_engine_puts_into_a_shell_script_is_no_command(place: Place) -> None:
    """moby makes a script of a runtime's path and arguments without quoting them, and runs it for `docker info`."""
    if "options" in place.path:
        return  # these go to the shim as protobuf
    for text in TEXTS:
        if any(char in text for char in " $`;|&<>(){}[]*?!#'\"\\~"):
            assert not look_at(place, text), text
