"""What is known to go wrong with certain versions of the engine, with its source. Data, and when it applies."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from staithe.config import Config
from staithe.probe.state import HostState

Version = tuple[int, ...]
_NEVER: Version = ()


@dataclass(frozen=True)
class Trap:
    """A change of the engine's ways between two versions that people have stumbled over."""

    code: str
    text: str
    source: str
    # For `staithe explain`.
    doc: str
    # The new engine is of this version or above, and below that one.
    since: Version
    until: Version | None = None
    # The old one is below this; _NEVER: it does not matter to hosts that have an engine.
    coming_from_below: Version = _NEVER
    on_fresh_hosts: bool = False
    # Keys of daemon.json with which somebody has thought of it.
    answered_by: tuple[str, ...] = ()
    only_if: Callable[[HostState, Config], bool] = lambda state, config: True

    def is_met(self, state: HostState, config: Config, before: Version | None, after: Version) -> bool:
        """Tell whether the way from one version (None: no engine) to another meets it on this host."""
        if after < self.since or (self.until is not None and after >= self.until):
            return False
        if not (self.on_fresh_hosts if before is None else before < self.coming_from_below):
            return False
        return not set(self.answered_by) & set(config.daemon.daemon_json()) and self.only_if(state, config)


def _stores_images_elsewhere(state: HostState, config: Config) -> bool:
    daemon = config.daemon.daemon_json()
    chosen = "containerd-snapshotter" in daemon.get("features", {}) or "storage-driver" in daemon
    return "data-root" in daemon and "userns-remap" not in daemon and not chosen


def _changes_the_unit(state: HostState, config: Config) -> bool:
    # staithe's own unit for static engines has never had the limit.
    return not (state.engine.origin == "staithe" and config.engine.source == "static-bundle")


def _may_lack_xt_modules(state: HostState, config: Config) -> bool:
    described = state.kernel.modules.get("xt_addrtype")
    nftables = config.daemon.daemon_json().get("firewall-backend") == "nftables"
    return state.os.major == 10 and described is None and not nftables


TRAPS = (
    Trap(
        "W121",
        "images will lie in /var/lib/containerd, not below data-root; root in /etc/containerd/config.toml moves "
        "them, features.containerd-snapshotter=false keeps them in data-root",
        "docker/cli#6645, moby#50517",
        """A fresh engine from 29.0 on keeps images in containerd's store, which `data-root` does not move.

        /var fills although data-root names another file system. Set `root` in /etc/containerd/config.toml too, or
        choose the former store with `features.containerd-snapshotter=false`. Engines that are upgraded keep theirs.
        """,
        since=(29,),
        on_fresh_hosts=True,
        only_if=_stores_images_elsewhere,
    ),
    Trap(
        "W122",
        "new containers get `ulimit -n` 1024 instead of 1048576; default-ulimits in daemon.json sets it",
        "moby#51485",
        """containerd's unit has no LimitNOFILE any more since 2.1.5, which came with engine 29.0.

        Containers get systemd's soft limit of 1024 open files; databases and proxies may need more. Set
        `default-ulimits` (`{"nofile": {"Name": "nofile", "Soft": 1048576, "Hard": 1048576}}`).
        """,
        since=(29,),
        coming_from_below=(29,),
        answered_by=("default-ulimits",),
        only_if=_changes_the_unit,
    ),
    Trap(
        "W123",
        "clients older than Docker 25.0 (API 1.44) are refused; min-api-version in daemon.json lets them in, as "
        "29.3 does down to API 1.40",
        "29.0 release notes, moby f96921e5e5",
        """Engines 29.0 to 29.2 refuse clients below API 1.44: "client version 1.xx is too old".

        Tools with an old client library (monitoring, CI runners, Traefik, Portainer) stop working. 29.3 lowered the
        limit to 1.40 again; with 29.0 to 29.2 set `min-api-version`.
        """,
        since=(29,),
        until=(29, 3),
        coming_from_below=(29,),
        answered_by=("min-api-version",),
    ),
    Trap(
        "W124",
        "clients older than Docker 19.03 (API 1.40) are refused; min-api-version in daemon.json lets them in",
        "moby f96921e5e5",
        """Engines from 29.3 on refuse clients below API 1.40: "client version 1.xx is too old".

        Tools with a very old client library stop working; `min-api-version` lets them in.
        """,
        since=(29, 3),
        coming_from_below=(29,),
        answered_by=("min-api-version",),
    ),
    Trap(
        "W125",
        "cgroup v1 is deprecated from 29.0 on, and supported until May 2029 at least",
        "moby#51111",
        """The host has cgroup v1, which engines from 29.0 on call deprecated.

        Nothing stops now. EL8 changes to v2 with `systemd.unified_cgroup_hierarchy=1` on the kernel's command line;
        EL7 cannot.
        """,
        since=(29,),
        coming_from_below=(29,),
        only_if=lambda state, config: state.cgroup.version == 1,
    ),
    Trap(
        "W126",
        "on EL10 the engine may lack xt_addrtype, which is in kernel-modules-extra; with xt_addrtype in "
        "kernel.modules preflight checks it",
        "docker-ce-packaging#1340, docker/for-linux#1559",
        """From EL 10.2 on the xt_ modules that the engine's iptables rules need are in kernel-modules-extra.

        The engine ends with "Extension addrtype revision 0 not supported, missing kernel module?". Install
        kernel-modules-extra for the running kernel, or set `firewall-backend` to nftables. Name xt_addrtype in
        `kernel.modules`: then preflight refuses a host that cannot load it.
        """,
        since=(),
        on_fresh_hosts=True,
        only_if=_may_lack_xt_modules,
    ),
    Trap(
        "W127",
        "ports of containers that are not published can no longer be reached from other machines; "
        "allow-direct-routing in daemon.json lets them through",
        "28.0 release notes",
        """From 28.0 on the engine drops packets from other machines to ports that are not published.

        Where routes lead to containers' addresses, publish the ports, or set `allow-direct-routing`.
        """,
        since=(28,),
        coming_from_below=(28,),
        answered_by=("allow-direct-routing",),
    ),
    Trap(
        "W128",
        "`docker build` uses BuildKit, which is in the buildx plugin; without it the former builder still works",
        "23.0 release notes",
        """From 23.0 on `docker build` is `docker buildx build`, and buildx is a package of its own.

        Without the plugin the client falls back on the former builder, with a warning. The static archive has no
        buildx.
        """,
        since=(23,),
        coming_from_below=(23,),
    ),
)
