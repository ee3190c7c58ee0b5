"""daemon.json: what is accepted, what is refused and with which words."""

from __future__ import annotations

import json
from typing import Any

import pytest

from staithe.config import Config
from staithe.config.daemon import Daemon
from staithe.errors import ConfigError


def daemon(**keys: Any) -> Daemon:
    return Config.from_layers([{"daemon": {k.replace("_", "-"): v for k, v in keys.items()}}], "web1").daemon


def problems(data: dict[str, Any]) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as caught:
        Config.from_layers([{"daemon": data}], "web1")
    return caught.value.problems


def test_the_example_of_the_documents_comes_out_as_it_went_in() -> None:
    example = {
        "debug": False,
        "max-concurrent-downloads": 10,
        "max-concurrent-uploads": 5,
        "log-opts": {"max-size": "300m", "max-file": "2"},
        "exec-opts": ["native.cgroupdriver=systemd"],
        "storage-driver": "overlay2",
        "insecure-registries": ["registry.example.com:5000"],
        "experimental": False,
        "data-root": "/data/docker",
        "live-restore": True,
        "registry-mirrors": ["https://mirror.example.com"],
    }
    described = Config.from_layers([{"daemon": example}], "web1").daemon
    assert described.daemon_json() == example


def test_only_what_is_set_is_written_and_the_text_is_stable() -> None:
    assert daemon().daemon_json_text() == "{}\n"
    assert daemon(mtu=1450, debug=True).daemon_json_text() == '{\n  "debug": true,\n  "mtu": 1450\n}\n'
    assert daemon(debug=True, mtu=1450).daemon_json_text() == daemon(mtu=1450, debug=True).daemon_json_text()


def test_numbers_in_log_opts_become_text() -> None:
    text = daemon(log_opts={"max-size": "300m", "max-file": 2, "compress": True}).daemon_json()["log-opts"]
    assert text == {"max-size": "300m", "max-file": "2", "compress": "true"}


def test_empty_texts_of_the_complete_docker_example_mean_not_set() -> None:
    assert daemon(bridge="", data_root="", hosts=[], log_level="").daemon_json() == {}


def test_nested_objects_keep_their_own_spelling() -> None:
    keys = {
        "default-ulimits": {"nofile": {"Name": "nofile", "Hard": 64000, "Soft": 64000}},
        "runtimes": {"crun": {"path": "/usr/bin/crun", "runtimeArgs": ["--debug"]}},
        "builder": {"gc": {"enabled": True, "defaultReservedSpace": "20GB", "policy": [{"all": True}]}},
        "default-address-pools": [{"base": "172.30.0.0/16", "size": 24}],
        "proxies": {"http-proxy": "http://proxy.example.com:3128", "no-proxy": "localhost,.example.com"},
        "nri-opts": {"enable": True, "plugin-path": "/opt/nri"},
        "features": {"containerd-snapshotter": True},
    }
    assert Config.from_layers([{"daemon": keys}], "web1").daemon.daemon_json() == keys


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"graph": "/data"}, "daemon.graph: the engine renamed this key to data-root"),
        ({"hosts": ["tcp://0.0.0.0:2375"]}, "daemon.hosts: the unit passes -H fd://"),
        ({"containerd": "/run/containerd/containerd.sock"}, "daemon.containerd: the unit passes --containerd"),
        ({"api-cors-header": "*"}, "removed in 28.0"),
        ({"allow-nondistributable-artifacts": []}, "does not know this key any more"),
        ({"cluster-store": "x"}, "does not know this key any more"),
        ({"authorization-plugin": []}, "the key is authorization-plugins"),
        ({"containerd-plugins-namespace": "x"}, "the key is containerd-plugin-namespace"),
        ({"registry_mirrors": []}, "keys are spelled as in daemon.json: registry-mirrors"),
        ({"registry-mirorrs": []}, "did you mean registry-mirrors?"),
        ({"storage-driver": "devicemapper"}, "the storage driver devicemapper was removed"),
        ({"storage-driver": "aufs"}, "the storage driver aufs was removed"),
        ({"storage-driver": "overlay3"}, "expected one of overlay2"),
        ({"exec-opts": ["native.cgroupdriver=“systemd”"]}, "typographic quote"),
        ({"exec-opts": ['native.cgroupdriver="systemd"']}, "expected 'native.cgroupdriver=systemd'"),
        ({"exec-opts": ["native.umask=normal"]}, "daemon.exec-opts[0]"),
        ({"registry-mirrors": ["mirror.example.com"]}, "must start with https:// or http://"),
        ({"registry-mirrors": ["https://mirror.example.com/v2"]}, "without a path"),
        ({"registry-mirrors": ["https://mirror.example.com?x=1"]}, "query or fragment"),
        ({"registry-mirrors": ["https://mirror.example.com/?"]}, "query or fragment"),
        ({"registry-mirrors": ["https://mirror.example.com:0"]}, "daemon.registry-mirrors[0]"),
        ({"registry-mirrors": ["https://"]}, "daemon.registry-mirrors[0]"),
        ({"registry-mirrors": ["https://a b.example"]}, "daemon.registry-mirrors[0]"),
        ({"registry-mirrors": "https://mirror.example.com"}, "expected a list"),
        ({"insecure-registries": ["http://registry:5000"]}, "without http:// or https://"),
        ({"insecure-registries": ["registry:port"]}, "HOST[:PORT] or a network"),
        ({"insecure-registries": ["10.0.0.0/33"]}, "HOST[:PORT] or a network"),
        ({"insecure-registries": ["-x"]}, "HOST[:PORT] or a network"),
        ({"max-concurrent-downloads": 0}, "found 0, expected 1 or more"),
        ({"max-concurrent-downloads": True}, "expected a whole number"),
        ({"max-concurrent-downloads": "3"}, "expected a whole number without quotes"),
        ({"mtu": 1450.0}, "expected a whole number"),
        ({"debug": "true"}, "found 'true', expected True or False"),
        ({"debug": 1}, "found 1, expected True or False"),
        ({"data-root": "data"}, "an absolute path"),
        ({"data-root": "/data\n"}, "text on one line"),
        ({"data-root": "/data/../etc"}, 'a path without ".."'),
        ({"data-root": "/"}, "a folder of the engine's own"),
        ({"data-root": "/etc/"}, "a folder of the engine's own"),
        ({"data-root": "/home"}, "a folder of the engine's own"),
        ({"registry-mirrors": ""}, "found '', expected a list"),
        ({"api-cors-header": ""}, "removed in 28.0"),
        ({"data-root": "/data;reboot"}, "an absolute path"),
        ({"bip": "172.26.0.1"}, "an IPv4 address with its network"),
        ({"bip": "fd00::1/64"}, "an IPv4 address with its network"),
        ({"fixed-cidr": "172.26.0.0/40"}, "an IPv4 network"),
        ({"dns": ["dns.example.com"]}, "daemon.dns[0]: found 'dns.example.com', expected an IP address"),
        ({"log-opts": {"max-size": "300 megabytes"}}, "daemon.log-opts: max-size"),
        ({"log-opts": {"max-size": "10m", "max-file": 0}}, "daemon.log-opts: max-file"),
        ({"log-opts": {"max-file": 3}}, "max-file has no effect without max-size"),
        ({"log-opts": {"tag": "a\nb"}}, "daemon.log-opts.tag"),
        ({"labels": ["novalue"]}, "daemon.labels[0]: found 'novalue', expected KEY=VALUE"),
        ({"default-ulimits": {"nofile": {"Hard": 1}}}, "daemon.default-ulimits.nofile.Soft: is missing"),
        ({"default-ulimits": {"nofile": {"Hard": 1, "Soft": 1, "soft": 1}}}, "did you mean Soft?"),
        ({"runtimes": {"crun": {"binary": "x"}}}, "daemon.runtimes.crun.binary: unknown key"),
        ({"default-address-pools": [{"base": "172.30.0.0/16"}]}, "daemon.default-address-pools[0].size: is missing"),
        ({"http-proxy": "http://proxy:1"}, "belongs into proxies"),
        ({"bridge": "br0", "bip": "172.26.0.1/16"}, "bridge and bip exclude each other"),
        ({"icc": False, "iptables": False}, "icc=False needs iptables"),
        ({"userns-remap": "default", "features": {"containerd-snapshotter": True}}, "exclude each other"),
        ({"cgroup-parent": "docker", "exec-opts": ["native.cgroupdriver=systemd"]}, "ends in .slice"),
        ({"default-runtime": "crun"}, "'crun' is not among runtimes"),
        ({"tlsverify": True}, "tlsverify needs tlscacert"),
        ({"min-api-version": "v1.24"}, "an API version such as 1.24"),
        ({"metrics-addr": "127.0.0.1"}, "HOST:PORT"),
    ],
    ids=lambda value: str(value)[:50],
)
def test_mistakes_are_named(data: dict[str, Any], words: str) -> None:
    found = problems(data)
    assert len(found) == 1, found
    assert words in found[0]
    assert found[0].startswith("web1: daemon")


@pytest.mark.parametrize(
    "keys",
    [
        {"registry-mirrors": ["https://mirror.example.com:8443/", "http://10.0.0.1:5000", "http://[fd00::1]:5000"]},
        {"insecure-registries": ["10.0.0.0/8", "fd00::/8", "registry", "registry.example.com:5000"]},
        {"bip": "172.26.0.1/16", "bip6": "fd00::1/64", "fixed-cidr": "172.26.5.0/24"},
        {"log-opts": {"max-size": "-1"}},
        {"exec-opts": ["native.cgroupdriver=systemd"], "cgroup-parent": "machine.slice"},
        {"default-runtime": "crun", "runtimes": {"crun": {"path": "/usr/bin/crun"}}},
        {"labels": ["site=berlin", "com.example.rack=4"]},
        {"icc": False, "iptables": True},
    ],
    ids=lambda value: str(value)[:50],
)
def test_the_twins_of_the_mistakes_pass(keys: dict[str, Any]) -> None:
    assert Config.from_layers([{"daemon": keys}], "web1").daemon.daemon_json() == keys


def test_passwords_in_addresses_are_never_repeated() -> None:
    found = problems(
        {
            "registry-mirrors": ["https://bob:hunter2@mirror.example.com"],
            "proxies": {"http-proxy": "ftp://bob:hunter2@proxy.example.com"},
        }
    )
    assert len(found) == 2
    assert "hunter2" not in "\n".join(found)


def test_the_text_is_json_with_an_end_of_line() -> None:
    text = daemon(labels=["city=Zürich"]).daemon_json_text()
    assert json.loads(text) == {"labels": ["city=Zürich"]}
    assert text.endswith("}\n")


# The json tags of moby daemon/config/config.go and config_linux.go, 29.x, by their Go type.
_TAGS = {
    bool: """allow-direct-routing cri-containerd debug experimental icc init ip-forward ip-forward-no-drop ip-masq
        iptables ip6tables ipv6 live-restore no-new-privileges raw-logs rootless selinux-enabled tls tlsverify
        userland-proxy""",
    int: """cpu-rt-period cpu-rt-runtime default-stop-timeout max-concurrent-downloads max-concurrent-uploads
        max-download-attempts mtu network-control-plane-mtu network-diagnostic-port shutdown-timeout
        swarm-raft-election-tick swarm-raft-heartbeat-tick""",
    str: """bip bip6 bridge bridge-accept-fwmark cgroup-parent containerd-namespace containerd-plugin-namespace
        data-root default-cgroupns-mode default-gateway default-gateway-v6 default-init default-ipc-mode
        default-runtime default-shm-size exec-root firewall-backend fixed-cidr fixed-cidr-v6 group host-gateway-ip
        init-path ip log-driver log-format log-level metrics-addr min-api-version pidfile resolv-conf seccomp-profile
        storage-driver swarm-default-advertise-addr tlscacert tlscert tlskey userland-proxy-path userns-remap""",
    list: """authorization-plugins cdi-spec-dirs dns dns-opts dns-search exec-opts host-gateway-ips
        insecure-registries labels node-generic-resources registry-mirrors storage-opts default-address-pools""",
    dict: "builder default-network-opts default-ulimits features log-opts nri-opts proxies runtimes",
}


def test_every_key_of_the_engine_is_there_and_no_other() -> None:
    tags = {tag for names in _TAGS.values() for tag in names.split()}
    assert {field.alias for field in Daemon.model_fields.values()} == tags


@pytest.mark.parametrize(("kind", "names"), _TAGS.items(), ids=lambda value: getattr(value, "__name__", ""))
def test_keys_have_the_type_of_the_engine(kind: type, names: str) -> None:
    wrong = {bool: 1, int: "1", str: 1, list: "x", dict: "x"}[kind]
    found = problems(dict.fromkeys(names.split(), wrong))
    assert {line.split(":")[1].strip() for line in found} == {f"daemon.{name}" for name in names.split()}
