"""What a host is to look like: the configuration and the bundle, worked out for one host. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Any

import jinja2

from staithe import host_layout
from staithe.bundle.contents import Bundle, EngineArtifact, ImageArtifact
from staithe.config import Config
from staithe.config.problems import masked
from staithe.errors import BundleError
from staithe.probe.state import HostState
from staithe.project import project_root


@dataclass(frozen=True)
class File:
    """A small file that staithe owns on a host."""

    text: str
    mode: str = "644"

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.text.encode()).hexdigest()


@dataclass(frozen=True)
class Desired:
    """Everything that is to be on one host."""

    bundle: Bundle
    engine: EngineArtifact
    images: tuple[ImageArtifact, ...]
    # Keyed by absolute path.
    files: Mapping[str, File]
    # Whether the images' blobs stay on the host.
    keeps_blobs: bool = True

    @property
    def directory(self) -> str:
        return f"{host_layout.ENGINE_ROOT}/{self.engine.directory}"

    @property
    def programs(self) -> tuple[str, ...]:
        """The programs of the archive that get a link in /usr/bin."""
        return tuple(name for name in self.engine.programs)


def desired_for(
    config: Config, state: HostState, bundle: Bundle, conceals: Callable[[str], bool] = lambda text: False
) -> Desired:
    """Work out what this host is to look like; BundleError when the bundle lacks something for it.

    `conceals` tells whether a text holds a secret of this run.
    """
    return Desired(
        bundle=bundle,
        engine=_engine(config, state.kernel.arch, bundle),
        images=_images(config, state.kernel.arch, bundle),
        files=MappingProxyType(_files(config, conceals)),
        keeps_blobs=config.images.keep_blobs,
    )


def _engine(config: Config, arch: str, bundle: Bundle) -> EngineArtifact:
    wanted = config.engine.version
    fitting = [e for e in bundle.engines if e.arch == arch and wanted in (None, e.version)]
    held = ", ".join(f"{e.version} ({e.arch})" for e in bundle.engines) or "no engine"
    if not fitting and any(one.engine is not None for one in bundle.package_sets):
        raise BundleError(
            "the bundle has its engine only as packages, and this version of staithe installs the static archive",
            where=str(bundle.root),
            found=held,
            hint='sources = ["rpm", "static"] in bundle.toml, then staithe bundle lock and build',
        )
    if not fitting:
        raise BundleError(
            f"the bundle has no engine {wanted or ''} for {arch}".replace("  ", " "),
            where=str(bundle.root),
            found=held,
            hint=f"staithe bundle show {bundle.root}",
        )
    if len({e.version for e in fitting}) > 1:
        raise BundleError(
            "the bundle has several engines and engine.version names none of them",
            where=str(bundle.root),
            found=held,
            hint=f"--set engine.version={fitting[-1].version}   # or in the group data",
        )
    return fitting[0]


def _images(config: Config, arch: str, bundle: Bundle) -> tuple[ImageArtifact, ...]:
    fitting = tuple(image for image in bundle.images if image.arch == arch)
    if config.images.load == "all":
        return fitting
    chosen = []
    for reference in config.images.load:
        found = [image for image in fitting if reference in image.references]
        if not found:
            raise BundleError(
                f"the bundle has no image {reference} for {arch}",
                where=str(bundle.root),
                found=", ".join(r for image in fitting for r in image.references) or "no image",
                hint=f"staithe bundle show {bundle.root}"
                + ("   # hosts know images by NAME:TAG: `docker load` keeps no digests" if "@" in reference else ""),
            )
        chosen.append(found[0])
    return tuple(dict.fromkeys(chosen))


def _files(config: Config, conceals: Callable[[str], bool]) -> dict[str, File]:
    units = {
        f"{host_layout.UNIT_DIR}/{unit}": File(_render(f"{unit}.j2", bin_dir=host_layout.BIN_DIR))
        for unit in host_layout.UNITS
    }
    return {
        host_layout.MODULES_FILE: File(_render("modules.conf.j2", modules=config.kernel.modules)),
        host_layout.SYSCTL_FILE: File(_render("sysctl.conf.j2", sysctl=sorted(config.kernel.sysctl.items()))),
        **units,
        host_layout.DAEMON_JSON: _daemon_json(config, conceals),
    }


def _daemon_json(config: Config, conceals: Callable[[str], bool]) -> File:
    text = config.daemon.daemon_json_text()
    # Anybody on the host may read how the engine is set up, but no login.
    return File(text, "600" if masked(text) != text or conceals(text) else "644")


@lru_cache(maxsize=1)
def _templates() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(project_root() / "templates"),
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
        trim_blocks=True,
        autoescape=False,  # noqa: S701 - unit files, not HTML; every value is checked by the configuration
    )


def _render(template: str, **values: Any) -> str:
    return _templates().get_template(template).render(values)
