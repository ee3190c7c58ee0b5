"""daemon.json: the engine process itself."""

from __future__ import annotations

from typing import Annotated, Literal

from staithe.config.daemon_keys.dashed import Dashed, key
from staithe.config.values import AbsolutePath, HostPort, KeyValue, Name, PluginName, text

ApiVersion = Annotated[str, text("an API version such as 1.24", r"1\.[0-9]{1,3}")]
AdvertiseAddress = Annotated[
    str, text("an address or the name of an interface", r"[A-Za-z0-9\[][A-Za-z0-9_.:\[\]-]*")
]


class NriOpts(Dashed):
    """The Node Resource Interface."""

    enable: bool | None = key("Switch it on.")
    plugin_path: AbsolutePath | None = key("Folder of plugins.")
    plugin_config_path: AbsolutePath | None = key("Folder of the plugins' configuration.")
    socket_path: AbsolutePath | None = key("Its socket.")


class EngineKeys(Dashed):
    """The engine process: log, API, plugins, swarm."""

    debug: bool | None = key("Log much more.")
    log_level: Literal["debug", "info", "warn", "error", "fatal"] | None = key(
        "The engine's own log (its default: info)."
    )
    log_format: Literal["text", "json"] | None = key("Format of the engine's own log.")
    raw_logs: bool | None = key("No colour and no timestamps in the engine's own log.")
    live_restore: bool | None = key("Containers go on running while the engine is stopped. Not with swarm.")
    shutdown_timeout: int | None = key("Seconds that containers have at the engine's stop (its default: 15).", ge=-1)
    experimental: bool | None = key("Experimental features.")
    features: dict[Name, bool] | None = key("Features by name.", examples=[{"containerd-snapshotter": True}])
    labels: tuple[KeyValue, ...] | None = key("Labels of this engine.", examples=[["site=berlin"]])
    metrics_addr: HostPort | None = key("Where Prometheus metrics are served.", examples=["127.0.0.1:9323"])
    authorization_plugins: tuple[PluginName, ...] | None = key("Plugins that decide on API requests, in this order.")
    min_api_version: ApiVersion | None = key("Oldest API version that clients may speak.", examples=["1.24"])
    tls: bool | None = key("TLS on the TCP socket of the API.")
    tlsverify: bool | None = key("TLS, and clients must show a certificate.")
    tlscacert: AbsolutePath | None = key("CA that client certificates are checked against.")
    tlscert: AbsolutePath | None = key("The engine's certificate.")
    tlskey: AbsolutePath | None = key("The engine's key.")
    group: Name | None = key("Group of the socket that the engine makes itself; docker.socket has its own.")
    pidfile: AbsolutePath | None = key("File with the process id.")
    resolv_conf: AbsolutePath | None = key("File used instead of /etc/resolv.conf.")
    containerd_namespace: Name | None = key("containerd namespace of containers (its default: moby).")
    containerd_plugin_namespace: Name | None = key("containerd namespace of plugins (its default: plugins.moby).")
    cri_containerd: bool | None = key("Start containerd with its CRI plugin.")
    rootless: bool | None = key("The engine runs without root. staithe's units run it as root.")
    nri_opts: NriOpts | None = key("The Node Resource Interface.")
    swarm_default_advertise_addr: AdvertiseAddress | None = key("Address or interface that swarm tells others.")
    swarm_raft_election_tick: int | None = key("Ticks without a leader before an election.", ge=0)
    swarm_raft_heartbeat_tick: int | None = key("Ticks between heartbeats.", ge=0)
