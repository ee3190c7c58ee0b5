"""What must hold of the engine that is there, and of the bundle that the new one comes from."""

from __future__ import annotations

from staithe import plan
from staithe.bundle.reference import familiar
from staithe.config import Config
from staithe.config.engine import REPLACEABLE
from staithe.config.smoke import Smoke
from staithe.desired import Desired
from staithe.engine import StaticEngine
from staithe.ownership import ORIGINS, foreign_programs
from staithe.plan import images
from staithe.plan.packages import gone_for_programs
from staithe.preflight.finding import Found
from staithe.probe.state import HostState
from staithe.record import highest_serial


def other_engine(state: HostState, config: Config, desired: Desired) -> Found:
    """Another engine is installed here: packages, or programs that were copied by hand.

    staithe does not replace what it did not put there unless you consent: `engine.take_over=true`. Then the engine
    that is described takes its place; /var/lib/docker with all containers, images and volumes stays, and so do the
    keys of daemon.json that are not described. `staithe plan INVENTORY --set engine.take_over=true` shows it all.

    Programs of a static archive never replace a file of a package that stays, such as podman's runc: the next update
    would bring it back. Either consent to its removal (`engine.replace`), or take the engine from packages.
    """
    if config.engine.take_over:
        yield from _of_packages_that_stay(state, config, desired)
        return
    origin = ORIGINS.get(state.engine.origin)
    for binary in foreign_programs(state):
        owner = f"package {binary.package}" if binary.package else "no package"
        yield (
            f"{binary.path} is not staithe's",
            f"a file of {owner}" + (f" (the engine: {origin})" if origin else ""),
            "no engine, staithe's, or consent to take it over",
            "staithe plan INVENTORY --set engine.take_over=true   # shows what taking over means",
        )


def _of_packages_that_stay(state: HostState, config: Config, desired: Desired) -> Found:
    going = gone_for_programs(state, config)
    for binary in foreign_programs(state) if isinstance(desired.engine, StaticEngine) else ():
        name = binary.package.rsplit("-", 2)[0] if binary.package else None
        if name is not None and name not in going:
            yield (
                f"{binary.path} is in the way, and its package stays",
                f"a file of package {binary.package}",
                "no package's file, or consent to remove that package",
                f"--set 'engine.replace=[\"{name}\"]'   # or in the group data"
                if name in REPLACEABLE
                else f"rpm -e {name}   # on the host, with what needs it",
            )


def older_bundle(state: HostState, config: Config, desired: Desired) -> Found:
    """The bundle was built from an older lock than one that was applied on this host already.

    Somebody may be handing out old software with known holes, signed when it was new. When going back is what you
    want, say so: `staithe apply INVENTORY --allow-older`.
    """
    bundle = desired.bundle
    highest = highest_serial(state, bundle.name)
    if bundle.serial is not None and highest is not None and bundle.serial < highest and not config.trust.allow_older:
        yield (
            f"the bundle {bundle.name} is older than one that was applied here",
            f"lock serial {bundle.serial}",
            f"{highest} or higher",
            "staithe apply INVENTORY --allow-older   # when going back is what you want",
        )


def smoke_image(state: HostState, config: Config, desired: Desired) -> Found:
    """The host is to be changed, and the image of the smoke containers is neither in the bundle nor on the host.

    Without it nothing would prove that the engine runs containers. Add the image to the bundle ([[image]] in
    bundle.toml, or `bundle build --image`), name one that the bundle has (`smoke.image`; it needs sh, sleep, cat and
    httpd as busybox has them), or do without the proof (`smoke.enabled=false`). `images.load` may leave it out too.
    """
    wanted = _tagged(config.smoke.image)
    if not config.smoke.enabled or wanted is None:
        return
    coming = [name for image in desired.images for name in image.references]
    # The images of an engine that sleeps are not known; those of another store do not count.
    asleep = state.images is None and state.engine.origin != "none"
    if wanted in coming or asleep or (images.has_name(state, wanted) and not images.store_moves(state, desired)):
        return
    if config.engine.source == "repository" and config.smoke.image != Smoke.model_fields["image"].default:
        # A host with a line to a repository has one to a registry too: the engine pulls it.
        return
    if plan.changes(state, config, desired):
        yield (
            f"the smoke image {config.smoke.image} is neither in the bundle nor on the host",
            ", ".join(coming) or "no image in the bundle",
            config.smoke.image,
            "--set smoke.image=busybox:1   # pulled from a registry"
            if config.engine.source == "repository"
            else f"[[image]] in bundle.toml, or --set smoke.image={coming[0] if coming else 'NAME:TAG'}   "
            "# or, without proof: --set smoke.enabled=false",
        )


def _tagged(image: str) -> str | None:
    """Return the name as the engine lists it; None for one by its digest, which has no name."""
    if "@" in image:
        return None
    return familiar(image if ":" in image.rpartition("/")[2] else f"{image}:latest")
