"""daemon.json: where images come from, and how fast."""

from __future__ import annotations

from staithe.config.daemon_keys.dashed import Dashed, key
from staithe.config.values import InsecureRegistry, MirrorUrl, NoProxy, ProxyUrl


class Proxies(Dashed):
    """Proxies of the engine itself (not of containers)."""

    http_proxy: ProxyUrl | None = key("For http addresses.", examples=["http://proxy.example.com:3128"])
    https_proxy: ProxyUrl | None = key("For https addresses.", examples=["http://proxy.example.com:3128"])
    no_proxy: NoProxy | None = key("What to reach directly.", examples=["localhost,127.0.0.0/8,.example.com"])


class RegistryKeys(Dashed):
    """Registries, mirrors and transfers."""

    registry_mirrors: tuple[MirrorUrl, ...] | None = key(
        "Mirrors of docker.io, asked in this order before docker.io itself. Scheme, host and port only.",
        examples=[["https://mirror.example.com"]],
    )
    insecure_registries: tuple[InsecureRegistry, ...] | None = key(
        "Registries that may speak http or show a certificate nobody signed: HOST[:PORT] or a network.",
        examples=[["registry.example.com:5000", "10.0.0.0/8"]],
    )
    max_concurrent_downloads: int | None = key("Layers pulled at the same time (the engine's own: 3).", ge=1)
    max_concurrent_uploads: int | None = key("Layers pushed at the same time (the engine's own: 5).", ge=1)
    max_download_attempts: int | None = key("Attempts for each layer (the engine's own: 5).", ge=1)
    proxies: Proxies | None = key("Proxies of the engine itself.")
