"""The engine's own configuration: daemon.json, key by key."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from pydantic import model_validator
from pydantic_core import PydanticCustomError

from staithe.config.daemon_keys.container import ContainerKeys
from staithe.config.daemon_keys.engine import EngineKeys
from staithe.config.daemon_keys.network import NetworkKeys
from staithe.config.daemon_keys.registry import RegistryKeys
from staithe.config.daemon_keys.storage import StorageKeys
from staithe.config.keys import takes_text

_FLAG_OF_THE_UNIT = (
    "the unit passes {flag}, and the engine refuses to start with the same setting in daemon.json; take this key away"
)
_REMOVED = "the engine does not know this key any more; take it away"

# The probe brings no longer text back.
_LIMIT_BYTES = 65536


# pydantic lists the fields of the last base first.
class Daemon(EngineKeys, NetworkKeys, ContainerKeys, StorageKeys, RegistryKeys):
    """The engine's configuration file, /etc/docker/daemon.json: its own keys, spelled as there.

    Where text belongs, an empty text means the same as no value: the engine's own default.
    """

    known_mistakes: ClassVar[Mapping[str, str]] = {
        "graph": "the engine renamed this key to data-root",
        "hosts": _FLAG_OF_THE_UNIT.format(flag="-H fd://"),
        "containerd": _FLAG_OF_THE_UNIT.format(flag="--containerd"),
        "api-cors-header": f"{_REMOVED} (removed in 28.0)",
        "api-enable-cors": _REMOVED,
        "allow-nondistributable-artifacts": f"{_REMOVED} (ignored since 26.0)",
        "cluster-store": _REMOVED,
        "cluster-advertise": _REMOVED,
        "cluster-store-opts": _REMOVED,
        "deprecated-key-path": _REMOVED,
        "disable-legacy-registry": _REMOVED,
        "oom-score-adjust": "set OOMScoreAdjust in the unit instead; the engine does not know this key any more",
        "authorization-plugin": "the key is authorization-plugins (Docker's reload table leaves out the s)",
        "containerd-plugins-namespace": "the key is containerd-plugin-namespace (Docker's example has an s too many)",
        "http-proxy": "this key belongs into proxies: {'http-proxy': ...}",
        "https-proxy": "this key belongs into proxies: {'https-proxy': ...}",
        "no-proxy": "this key belongs into proxies: {'no-proxy': ...}",
        "max-size": "this key belongs into log-opts: {'max-size': ...}",
        "max-file": "this key belongs into log-opts: {'max-file': ...}",
        "registry-mirror": "the key is registry-mirrors, a list",
        "insecure-registry": "the key is insecure-registries, a list",
    }

    @classmethod
    def explain_unknown(cls, key: str) -> str | None:
        """Return what to say of a key that daemon.json does not have."""
        dashed = key.replace("_", "-")
        if dashed != key and dashed in {field.alias for field in cls.model_fields.values()}:
            return f"keys are spelled as in daemon.json: {dashed}"
        return super().explain_unknown(dashed)

    @model_validator(mode="before")
    @classmethod
    def _drop_empty(cls, data: Any) -> Any:
        # Docker's complete example sets many keys to "", and hosts to [].
        if not isinstance(data, Mapping):
            return data
        empty = {key for key, value in data.items() if value == ""}
        dropped = {f.alias for f in cls.model_fields.values() if f.alias in empty and takes_text(f.annotation)}
        return {k: v for k, v in data.items() if k not in dropped and not (v == [] and k == "hosts")}

    @model_validator(mode="after")
    def _check_combinations(self) -> Daemon:
        lines = list(self._contradictions())
        if len(self.daemon_json_text().encode()) > _LIMIT_BYTES:
            held = self.daemon_json()
            longest = max(held, key=lambda name: len(json.dumps(held[name])))
            lines.append(
                f"{longest}: makes daemon.json longer than {_LIMIT_BYTES >> 10} KiB, the most that is compared"
            )
        if lines:
            raise PydanticCustomError("mistakes", "{lines}", {"lines": lines})
        return self

    def _contradictions(self) -> Iterator[str]:
        """Yield what `dockerd --validate` lets pass and the engine then dies of."""
        if self.bridge and self.bip:
            yield "bridge and bip exclude each other: an own bridge has its own address"
        if self.icc is False and self.iptables is False:
            yield "icc=False needs iptables: the engine refuses to start with iptables=False"
        if self.userns_remap and (self.features or {}).get("containerd-snapshotter"):
            yield "userns-remap and features.containerd-snapshotter exclude each other"
        systemd = "native.cgroupdriver=systemd" in (self.exec_opts or ())
        if systemd and self.cgroup_parent and not self.cgroup_parent.endswith(".slice"):
            yield f"cgroup-parent: found {self.cgroup_parent!r}, expected a name that ends in .slice (systemd driver)"
        if len(self.exec_opts or ()) > 1:
            yield "exec-opts: one cgroup driver, not several"
        if self.tlsverify and not (self.tlscacert and self.tlscert and self.tlskey):
            yield "tlsverify needs tlscacert, tlscert and tlskey"
        if self.default_runtime and self.default_runtime not in {
            "runc",
            "io.containerd.runc.v2",
            *(self.runtimes or {}),
        }:
            yield f"default-runtime: {self.default_runtime!r} is not among runtimes"

    def daemon_json(self) -> dict[str, Any]:
        """Return what daemon.json holds: the keys that are set, sorted."""
        return _sorted(self.model_dump(mode="json", by_alias=True, exclude_none=True))

    def daemon_json_text(self, kept: Mapping[str, Any] | None = None) -> str:
        """Return the text of daemon.json; keys of `kept` that are not described stay."""
        keys = _sorted({**(kept or {}), **self.daemon_json()})
        return json.dumps(keys, indent=2, ensure_ascii=False) + "\n"


def _sorted(value: dict[str, Any]) -> dict[str, Any]:
    return {k: _sorted(v) if isinstance(v, dict) else v for k, v in sorted(value.items())}
