"""What a host is to look like: the configuration and the bundle, worked out for one host. Pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Any

import jinja2

from staithe import base_repositories, host_layout
from staithe.bundle.contents import Bundle, EngineArtifact, ImageArtifact, PackageSet
from staithe.config import Config
from staithe.config.problems import masked
from staithe.engine import PACKAGES, Engine, PackagedEngine, StaticEngine, no_packages_for, packaged_engine
from staithe.errors import BundleError
from staithe.former import taken_over_daemon_json
from staithe.probe.state import HostState, ManagedFile
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
    engine: Engine
    images: tuple[ImageArtifact, ...]
    # Keyed by absolute path.
    files: Mapping[str, File]
    # Whether the images' blobs stay on the host.
    keeps_blobs: bool = True


def desired_for(
    config: Config, state: HostState, bundle: Bundle, conceals: Callable[[str], bool] = lambda text: False
) -> Desired:
    """Work out what this host is to look like; BundleError when the bundle lacks something for it.

    `conceals` tells whether a text holds a secret of this run.
    """
    engine = _engine(config, state, bundle)
    return Desired(
        bundle=bundle,
        engine=engine,
        images=_images(config, state.kernel.arch, bundle),
        files=MappingProxyType(_files(config, engine, state, conceals)),
        keeps_blobs=config.images.keep_blobs,
    )


def _engine(config: Config, state: HostState, bundle: Bundle) -> Engine:
    match config.engine.source:
        case "repository":
            return packaged_engine(config, state, None)
        case "rpm-bundle":
            return packaged_engine(config, state, _package_set(config, state, bundle))
        case _:
            return StaticEngine(_archive(config, state.kernel.arch, bundle))


def _package_set(config: Config, state: HostState, bundle: Bundle) -> PackageSet:
    target = f"el{state.os.major}-{state.kernel.arch}"
    with_engine = [one for one in bundle.package_sets if one.engine is not None]
    wanted = config.engine.version
    for one in with_engine:
        if one.target == target and wanted in (None, one.engine):
            return one
    found = ", ".join(f"{one.engine} ({one.target})" for one in with_engine)
    raise no_packages_for(f"{target}{f', version {wanted}' if wanted else ''}", str(bundle.root), found)


def _archive(config: Config, arch: str, bundle: Bundle) -> EngineArtifact:
    wanted = config.engine.version
    fitting = [e for e in bundle.engines if e.arch == arch and wanted in (None, e.version)]
    held = ", ".join(f"{e.version} ({e.arch})" for e in bundle.engines) or "no engine"
    if not fitting and any(one.engine is not None for one in bundle.package_sets):
        raise BundleError(
            "the bundle has its engine only as packages, and engine.source is static-bundle",
            where=str(bundle.root),
            found=held,
            hint="--set engine.source=rpm-bundle   # or in the group data",
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


def _files(config: Config, engine: Engine, state: HostState, conceals: Callable[[str], bool]) -> dict[str, File]:
    files = {
        host_layout.MODULES_FILE: File(_render("modules.conf.j2", modules=config.kernel.modules)),
        host_layout.SYSCTL_FILE: File(_render("sysctl.conf.j2", sysctl=sorted(config.kernel.sysctl.items()))),
        host_layout.DAEMON_JSON: _daemon_json(config, state, conceals),
    }
    if isinstance(engine, StaticEngine):
        for unit in host_layout.UNITS:
            path = f"{host_layout.UNIT_DIR}/{unit}"
            files[path] = File(_render(f"{unit}.j2", bin_dir=host_layout.BIN_DIR))
    elif engine.urls:
        candidates = [repository_file(config, engine, state, url) for url in engine.urls]
        # Which of the trees answers was found out when it was written.
        there = state.files.get(host_layout.REPOSITORY_FILE, ManagedFile())
        files[host_layout.REPOSITORY_FILE] = next(
            (one for one in candidates if one.sha256 == there.sha256), candidates[0]
        )
        files |= _base_repositories(config, state)
    return files


def _base_repositories(config: Config, state: HostState) -> dict[str, File]:
    """Return the system's own repository files, where they are to lead to the vault."""
    vault = config.engine.repository.base
    files = {}
    for path in base_repositories.paths(vault):
        found = state.files.get(path, ManagedFile())
        if vault is not None and found.text is not None and base_repositories.has_ended(state.os):
            files[path] = File(base_repositories.rewritten(path, found.text, vault), found.mode)
    return files


def repository_file(
    config: Config, engine: PackagedEngine, state: HostState, url: str, *, for_staithe: bool = False
) -> File:
    """Return the repository's file; `for_staithe`: the one that staithe itself installs with, nothing held."""
    repository = config.engine.repository
    hotfixes = repository.module_hotfixes
    text = _render(
        "staithe-docker-ce.repo.j2",
        name=host_layout.REPOSITORY,
        url=url,
        key=host_layout.REPOSITORY_KEY if not for_staithe else f"{host_layout.REPOSITORY_DIR}/key",
        repository=repository,
        module_hotfixes=state.os.major == 8 if hotfixes is None else hotfixes,
        held=PACKAGES if config.engine.hold and not for_staithe else (),
    )
    is_secret = repository.password is not None or masked(text) != text
    return File(text, "600" if is_secret else "644")


def _daemon_json(config: Config, state: HostState, conceals: Callable[[str], bool]) -> File:
    text = config.daemon.daemon_json_text(_keys_of_before(state))
    # Anybody on the host may read how the engine is set up, but no login.
    return File(text, "600" if masked(text) != text or conceals(text) else "644")


def _keys_of_before(state: HostState) -> dict[str, Any]:
    """Return the keys of daemon.json that an engine had before it was taken over."""
    try:
        found = json.loads(taken_over_daemon_json(state) or "{}")
    except ValueError:
        # No engine runs with such a file.
        return {}
    return found if isinstance(found, dict) else {}


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
