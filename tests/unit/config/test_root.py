"""Config: layers, sections, problems of many hosts."""

from __future__ import annotations

import json
import string
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from staithe.config import Config, config_for, configs_for, from_data, layers
from staithe.errors import ConfigError


def problems(*layers: dict[str, Any]) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as caught:
        Config.from_layers(layers, "web1")
    return caught.value.problems


def test_no_data_gives_the_defaults() -> None:
    config = Config.from_layers([], "web1")
    assert config == Config()
    assert config.engine.source == "static-bundle"
    assert config.kernel.sysctl["net.ipv4.ip_forward"] == "1"


def test_a_higher_layer_gives_single_keys() -> None:
    config = Config.from_layers(
        [
            {"engine": {"bundle": "./bundle", "version": "28.5.1"}, "daemon": {"log-opts": {"max-size": "1m"}}},
            {"engine": {"version": "28.5.2"}, "daemon": {"log-opts": {"max-file": 2}, "debug": True}},
        ],
        "web1",
    )
    assert (config.engine.bundle, config.engine.version) == ("./bundle", "28.5.2")
    assert config.daemon.daemon_json() == {"debug": True, "log-opts": {"max-size": "1m", "max-file": "2"}}


def test_lists_are_replaced() -> None:
    config = Config.from_layers([{"users": {"docker_group": ["a", "b"]}}, {"users": {"docker_group": ["c"]}}], "web1")
    assert config.users.docker_group == ("c",)


def test_sysctl_is_added_to_the_defaults_and_none_takes_away() -> None:
    given_keys = {"vm.max_map_count": 262144, "net.bridge.bridge-nf-call-ip6tables": None}
    sysctl = Config.from_layers([{"kernel": {"sysctl": given_keys}}], "web1").kernel.sysctl
    assert sysctl == {
        "net.ipv4.ip_forward": "1",
        "net.bridge.bridge-nf-call-iptables": "1",
        "vm.max_map_count": "262144",
    }


def test_none_takes_away_what_a_lower_layer_said() -> None:
    config = Config.from_layers([{"daemon": {"debug": True}}, {"daemon": {"debug": None}}], "web1")
    assert config.daemon.daemon_json() == {}
    assert Config.from_layers([{"smoke": {"timeout_s": 9}}, {"smoke": None}], "web1").smoke.timeout_s == 60


def test_everything_else_in_the_data_is_left_alone() -> None:
    data = {"ssh_user": "root", "_sudo": True, "user": "bob", "images_cache": {"a": 1}, "packages": ["vim"]}
    assert Config.from_layers([data], "web1") == Config()


@pytest.mark.parametrize(("name", "near"), [("deamon", "daemon"), ("engines", "engine"), ("Kernel", "kernel")])
def test_a_misspelled_section_is_refused(name: str, near: str) -> None:
    assert problems({name: {}}) == (f"web1: {name}: staithe has no such section; did you mean {near}?",)


def test_all_problems_come_at_once_with_their_paths() -> None:
    found = problems(
        {
            "engine": {"version": 28, "vresion": "28.5.2"},
            "kernel": {"modules": "overlay"},
            "daemon": {"debug": 1},
            "schema_version": 2,
            "smoke": "yes",
        }
    )
    assert found == (
        "web1: schema_version: found 2, expected 1",
        "web1: engine.version: found 28, expected text in quotes",
        "web1: engine.vresion: unknown key; did you mean version?",
        "web1: kernel.modules: found 'overlay', expected a list",
        "web1: daemon.debug: found 1, expected True or False",
        "web1: smoke: found 'yes', expected a dictionary",
    )


@pytest.mark.parametrize(
    "data",
    [
        {"engine": {"version": "28.5"}},
        {"engine": {"version": "-1.2.3"}},
        {"engine": {"version": "28.5.2; reboot"}},
        {"engine": {"version": "28.5.2\n"}},
        {"engine": {"bundle": "--help"}},
        {"engine": {"bundle": "a\x00b"}},
        {"engine": {"source": "repo"}},
        {"engine": {"source": "repository", "repository": {"pins": {"nginx": "1.2"}}, "version": "28.5.2"}},
        {"engine": {"source": "repository", "repository": {"url": "https://u:p@example.com/x", "key": "./k"}}},
        {"kernel": {"modules": ["overlay -r"]}},
        {"kernel": {"modules": ["-r"]}},
        {"kernel": {"modules": ["../x"]}},
        {"kernel": {"sysctl": {"net.ipv4.ip_forward": True}}},
        {"kernel": {"sysctl": {"net.ipv4.ip_forward": "1; reboot"}}},
        {"kernel": {"sysctl": {"net.ipv4.ip_forward": "1\nkernel.panic=1"}}},
        {"kernel": {"sysctl": {"a.//.//.etc/passwd": "1"}}},
        {"kernel": {"sysctl": {"-w": "1"}}},
        {"kernel": {"sysctl": {1: "1"}}},
        {"users": {"docker_group": ["-G"]}},
        {"users": {"docker_group": ["a b"]}},
        {"users": {"docker_group": ["$(reboot)"]}},
        {"images": {"load": ["-x"]}},
        {"images": {"load": ["a;b"]}},
        {"images": {"load": "some"}},
        {"smoke": {"image": "--privileged"}},
        {"smoke": {"published_port": 0}},
        {"smoke": {"published_port": 70000}},
        {"smoke": {"timeout_s": "60"}},
        {"service": {"health_timeout_s": 10.5}},
        {"service": {"enabled": "yes"}},
        {"engine": {1: 2}},
    ],
    ids=str,
)
def test_hostile_and_wrong_values_are_refused(data: dict[str, Any]) -> None:
    found = problems(data)
    assert len(found) == 1
    assert found[0].startswith(f"web1: {next(iter(data))}.") or found[0].startswith(f"web1: {next(iter(data))}[")


def test_messages_stay_on_one_line_whatever_the_keys_are() -> None:
    for line in problems({"engine": {"a\nb\x1b[31m": 1, "version": "x\n" * 100}}):
        assert line.isprintable()
        assert len(line) < 250


def test_problems_of_many_hosts_are_said_once() -> None:
    wrong = {"engine": {"version": "x"}}
    with pytest.raises(ConfigError) as caught:
        configs_for({"a": [wrong], "b": [wrong], "c": [wrong, {"smoke": {"enabled": 1}}], "d": [{}]})
    assert caught.value.problems == (
        "a: engine.version: found 'x', expected an exact version such as 28.5.2 (and 2 other hosts)",
        "c: smoke.enabled: found 1, expected True or False",
    )


def test_configs_for_returns_each_host() -> None:
    configs = configs_for({"a": [{"engine": {"version": "28.5.2"}}], "b": [{}]})
    assert [configs[name].engine.version for name in ("a", "b")] == ["28.5.2", None]


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
_KEYS = st.sampled_from(
    [
        "version",
        "bundle",
        "modules",
        "sysctl",
        "load",
        "docker_group",
        "registry-mirrors",
        "insecure-registries",
        "log-opts",
        "dns",
        "runtimes",
        "default-ulimits",
        "builder",
        "proxies",
        "default-address-pools",
        "data-root",
        "bip",
        "features",
        "default-network-opts",
        "exec-opts",
        "storage-driver",
    ]
)
_SECTIONS = st.sampled_from(["engine", "kernel", "daemon", "service", "users", "images", "smoke", "schema_version"])


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.dictionaries(_SECTIONS, st.dictionaries(_KEYS | st.text(string.printable), _JSON) | _JSON))
def test_whatever_the_data_is_the_answer_is_a_config_or_a_config_error(data: dict[str, Any]) -> None:
    try:
        config = Config.from_layers([data], "web1")
    except ConfigError as error:
        assert error.problems
        assert all(line.isprintable() for line in error.problems)
    else:
        config.daemon.daemon_json_text()


class _HostData:
    """The shape of pyinfra's HostData: `datas` highest priority first, callables among them, `host` beside it."""

    def __init__(self, *datas: Any) -> None:
        self.__dict__["datas"] = datas
        self.__dict__["host"] = type("H", (), {"name": "web7"})()


def test_from_data_reads_layers_of_any_number() -> None:
    data = _HostData({}, lambda: {"engine": {"version": "28.5.2"}}, {"engine": {"version": "1.0.0", "bundle": "./b"}})
    assert from_data(data).engine.version == "28.5.2"
    assert config_for("web7", data).engine.bundle == "./b"
    with pytest.raises(ConfigError, match=r"web7: engine\.version"):
        from_data(_HostData({"engine": {"version": 1}}))


def test_defaults_are_not_touched_by_what_is_merged_into_them() -> None:
    """They are worked out once for all hosts."""
    before = json.dumps(layers.defaults(Config))
    one = layers.merged([layers.defaults(Config), {"kernel": {"sysctl": {"vm.swappiness": 1}}}])
    assert one["kernel"]["sysctl"]["vm.swappiness"] == 1
    assert json.dumps(layers.defaults(Config)) == before
