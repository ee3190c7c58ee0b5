"""Engines with a fault, offered as any other: a repository beside the lab's own, and bundles of each kind."""

from __future__ import annotations

from typing import Any

from staithe.lab import artifacts
from tests.lab import faulty_engines
from tests.lab.conftest import SMOKE_IMAGE, Site
from tests.lab.supply import Supply, fingerprint

_CONTAINERD = "2.1.9"
_PATH = "el$releasever/$basearch"


def configure_faulty(site: Site, supply: Supply, source: str, version: str, **sections: Any) -> None:
    """Describe an engine that has a fault; `engine` and `repository` among the sections add keys to theirs."""
    engine: dict[str, Any] = {"source": source, "version": version, **sections.pop("engine", {})}
    if source == "repository":
        publish(supply)
        url = f"{supply.server.url}/faulty/{_PATH}/docker-ce"
        pins = {"containerd.io": _CONTAINERD}
        engine["repository"] = {**supply.repository(), "url": url, "pins": pins, **sections.pop("repository", {})}
        engine["bundle"] = str(supply.bundle("images"))
    else:
        engine["bundle"] = str(_bundle(supply, source, version))
    site.configure(**{"engine": engine, "smoke": {"enabled": False}, "daemon": {}, **sections})


def publish(supply: Supply) -> faulty_engines.FaultyEngines:
    """Serve the faulty engines' repository below faulty/."""
    made = faulty_engines.ensure(print)
    link = supply.server.root / "faulty"
    if not link.exists():
        link.unlink(missing_ok=True)
        link.symlink_to(made.home)
    return made


def _bundle(supply: Supply, source: str, version: str) -> str:
    home = supply.folder / f"faulty-{source}-{version}"
    out = home / "bundle"
    if out.exists():
        return str(out)
    home.mkdir()
    image = artifacts.located().images[SMOKE_IMAGE]
    made = publish(supply)
    if source == "static-bundle":
        archive = str(made.archive(version))
        supply.staithe("bundle", "build", "--engine", archive, "--image", str(image), "--out", str(out))
    else:
        text = (
            f'schema_version = 1\nname = "faulty-{version}"\n[engine]\nversion = "{version}"\nsources = ["rpm"]\n'
            f'plugins = ["compose", "buildx"]\n[packages]\nextra = ["containerd.io-{_CONTAINERD}"]\n'
            f'[[image]]\narchive = "{image}"\n'
        )
        for path in (f"faulty/{_PATH}/docker-ce", f"{_PATH}/base"):
            text += f'[[repository]]\nid = "{path.rpartition("/")[2]}"\nurl = "{supply.server.url}/{path}"\n'
            text += f'keys = ["{supply.made.key()}"]\nfingerprints = ["{fingerprint(supply.made.key())}"]\n'
        (home / "bundle.toml").write_text(text)
        cache = {"STAITHE_CACHE": str(supply.folder / "cache")}
        supply.staithe("bundle", "lock", str(home), env=cache)
        supply.staithe("bundle", "build", str(home), "--out", str(out), env=cache)
    supply.staithe("bundle", "sign", str(out), "--key", supply.signing_key)
    return str(out)
