"""The engine's packages out of a bundle, by rpm alone: for hosts without dnf and yum, or where force is described."""

from __future__ import annotations

from collections.abc import Sequence

from staithe.bundle.contents import Package, PackageSet
from staithe.change import Change
from staithe.engine import PACKAGES, PackagedEngine
from staithe.errors import TransactionRefused
from staithe.host.bundled_packages import bring_packages, transact
from staithe.host.session import Session
from staithe.host.transaction import BUNDLE_HINT, refuse_others
from staithe.host_layout import BLOB_DIR
from staithe.package_script import take_text
from staithe.placing import archive_of_contents
from staithe.plan.packages import in_the_way
from staithe.rpm.needs import Lacking, offering, offers, read_lacking, speaks_of
from staithe.rpm.nevra import Nevra
from staithe.rpm.transaction import Deal
from staithe.rpm_script import REPLACED, THERE, lacking_script, rpm_install_script
from staithe.transfer import read_whole


def install_with_rpm(here: Session, engine: PackagedEngine, changes: Sequence[Change]) -> None:
    """Install the bundle's packages with what they need; with engine.force just them, whatever they need."""
    assert here.state is not None and here.desired is not None and engine.package_set is not None
    bundle, set_ = here.desired.bundle, engine.package_set
    keys = {f"packages/{name}": read_whole(bundle, blob) for name, blob in set_.keys.items()}
    here.run(take_text(), "keys of the packages", stdin=[archive_of_contents(keys)])
    force = here.config.engine.force
    by_name = {str(Nevra.parse(one.nevra)): one for one in set_.packages}
    chosen = [
        by_name[str(Nevra.parse(wish or ""))]
        for name, wish in engine.wanted.items()
        if not engine.is_installed(name, here.state)
    ]
    there, replaced = _forced(here, chosen) if force else (_complete(here, chosen, by_name, set_), set())
    deals = [_deal(one, there | set(here.state.packages)) for one in chosen]
    # Nobody is asked what becomes of them, but they are noted.
    gone = [Deal("remove", name, "", "") for name in sorted(replaced)]
    kept = [one.file_name for one, deal in zip(chosen, deals, strict=True) if deal.name in PACKAGES]
    script = rpm_install_script(_blobs(chosen), set_.keys, kept, in_the_way(here.state, here.config), force=force)
    transact(here, changes, [*deals, *gone], script, list(set_.keys))


def _forced(here: Session, chosen: Sequence[Package]) -> tuple[set[str], set[str]]:
    """Bring the packages; return the names of those that are there, and of what they would replace."""
    bring_packages(here, chosen)
    names = [Nevra.parse(one.nevra).name for one in chosen]
    said = here.run(lacking_script(_blobs(chosen), names), "what rpm lacks", check=False).stdout.decode()
    return _marked(said, THERE), _marked(said, REPLACED) - set(names)


def _complete(here: Session, chosen: list[Package], by_name: dict[str, Package], set_: PackageSet) -> set[str]:
    """Add to `chosen` what rpm says that they need; return the names of those that are on the host in some version.

    Raises TransactionRefused when something is nowhere to be found, or in the way.
    """
    assert here.state is not None and here.desired is not None
    bundle = here.desired.bundle
    metadata = {name: read_whole(bundle, blob) for name, blob in set_.metadata.items()}
    offered = offers(metadata["primary.xml"], metadata["filelists.xml"], str(bundle.root))
    going = in_the_way(here.state, here.config)
    while True:
        bring_packages(here, chosen)
        names = [Nevra.parse(one.nevra).name for one in chosen]
        result = here.run(lacking_script(_blobs(chosen), names), "what rpm lacks", check=False)
        said = result.stdout.decode("utf-8", "replace")
        there, replaced = _marked(said, THERE), _marked(said, REPLACED)
        lacking = read_lacking(result.stderr.decode("utf-8", "replace"))
        _refuse_unwanted(here, there, replaced - set(names), going, lacking)
        taken = {str(Nevra.parse(one.nevra)) for one in chosen}
        found = {nevra for what in lacking.needed if (nevra := offering(what, offered, taken))}
        more = [by_name[nevra] for nevra in sorted(found)]
        if not lacking.needed and (result.exit_code == 0 or lacking.obstacles):
            return there
        if not more:
            raise TransactionRefused(
                "the engine's packages need what neither the host nor the bundle has; nothing was changed",
                found="; ".join(lacking.needed) or result.stderr.decode("utf-8", "replace").strip()[-300:],
                hint=BUNDLE_HINT,
            )
        chosen += more


def _refuse_unwanted(
    here: Session, there: set[str], replaced: set[str], going: Sequence[str], lacking: Lacking
) -> None:
    """Raise TransactionRefused when rpm would touch what is none of the engine's business."""
    assert here.state is not None
    may_change = {*PACKAGES, *here.config.engine.may_upgrade}
    others = [f"{name} would become another version" for name in sorted(there - may_change)]
    others += [f"{name} would be removed" for name in sorted(replaced - {*PACKAGES, *going})]
    gone = [here.state.packages[name] for name in going]
    others += [line for line in lacking.obstacles if not any(speaks_of(line, one) for one in gone)]
    refuse_others(others)


def _blobs(packages: Sequence[Package]) -> list[tuple[str, str]]:
    return [(f"{BLOB_DIR}/{one.blob.hex}", one.file_name) for one in packages]


def _marked(said: str, mark: str) -> set[str]:
    return {line.removeprefix(mark).strip() for line in said.splitlines() if line.startswith(mark)}


def _deal(package: Package, there: set[str]) -> Deal:
    nevra = Nevra.parse(package.nevra)
    return Deal("change" if nevra.name in there else "install", nevra.name, nevra.arch, nevra.evr)
