"""The engine's packages out of a bundle: dnf or yum say which this very host needs, and only those travel."""

from __future__ import annotations

from collections.abc import Sequence

from staithe.bundle.contents import Package
from staithe.change import Change
from staithe.engine import PACKAGES, PackagedEngine
from staithe.errors import TransactionRefused
from staithe.former_packages import deals_text
from staithe.host.arrival import bring_blob
from staithe.host.package_notes import PACKAGE_SECTIONS, noted, told_changes, touched, without_files
from staithe.host.session import Session
from staithe.host.transaction import BUNDLE_HINT, accepted, refusal, told
from staithe.host_layout import BLOB_DIR, REPOSITORY
from staithe.package_script import (
    TRANSACTION_TIMEOUT_S,
    offline_install_script,
    offline_look_script,
    offline_repository,
)
from staithe.placing import archive_of_contents, whole_blobs_script
from staithe.plan.packages import in_the_way
from staithe.rpm.nevra import Nevra
from staithe.rpm.transaction import Deal
from staithe.transfer import read_whole


def install_with_dnf(here: Session, engine: PackagedEngine, changes: Sequence[Change]) -> None:
    """Install from the bundle's repository, in one transaction and without a network."""
    assert here.state is not None and here.desired is not None and engine.package_set is not None
    bundle, set_ = here.desired.bundle, engine.package_set
    contents = {f"packages/{name}": read_whole(bundle, blob) for name, blob in set_.keys.items()}
    contents |= {f"packages/repodata/{name}": read_whole(bundle, blob) for name, blob in set_.metadata.items()}
    contents[f"repos/{REPOSITORY}.repo"] = offline_repository(set_.keys).encode()
    erasing = bool(in_the_way(here.state, here.config))
    look = offline_look_script(engine.specs(here.state), erasing=erasing)
    result = here.run(look, "resolve the packages", stdin=[archive_of_contents(contents)], check=False)
    deals = accepted(here, result.stdout.decode("utf-8", "replace"))
    if not deals:
        raise refusal(here, engine, result)
    needed = _needed(set_.packages, deals, str(bundle.root))
    bring_packages(here, [one for one, _ in needed])
    script = offline_install_script(
        engine.specs(here.state),
        [(f"{BLOB_DIR}/{one.blob.hex}", one.file_name) for one, _ in needed],
        [name for name in set_.keys if key_id(name) not in here.state.package_keys],
        [one.file_name for one, deal in needed if deal.name in PACKAGES],
        in_the_way(here.state, here.config),
        erasing=erasing,
    )
    transact(here, changes, deals, script, list(set_.keys))


def transact(
    here: Session, changes: Sequence[Change], deals: Sequence[Deal], script: str, keys: Sequence[str]
) -> None:
    """Run the script of a transaction, noted first. `keys`: names of the bundle's key files."""
    all_changes = told_changes(here, changes, deals, [key_id(name) for name in keys])
    here.replace(
        {},
        "install the packages",
        all_changes,
        refresh=PACKAGE_SECTIONS,
        then=noted(here) + deals_text(["gpg-pubkey", *touched(here, deals)]) + script + without_files(changes),
        failed=lambda result: told(here, result),
        timeout_s=TRANSACTION_TIMEOUT_S,
    )


def key_id(name: str) -> str:
    """Return what rpm calls the key of a file; bundle/package_set names it by the end of its fingerprint."""
    return name[-8:].lower()


def bring_packages(here: Session, packages: Sequence[Package]) -> None:
    """Bring the packages' blobs that the host lacks."""
    wanted = [one.blob for one in packages]
    there = here.run(whole_blobs_script(wanted), "blobs that are there").stdout.decode().split()
    lacking = [blob for blob in wanted if blob.hex not in there]
    here.supply.announce(lacking)
    for blob in lacking:
        bring_blob(here, blob)


def _needed(packages: Sequence[Package], deals: Sequence[Deal], where: str) -> list[tuple[Package, Deal]]:
    """Return the packages of the bundle that a transaction installs; raise for one that the bundle has not."""
    by_name = {str(Nevra.parse(one.nevra)): one for one in packages}
    found = []
    for deal in deals:
        if deal.deed == "remove":
            continue
        package = by_name.get(str(Nevra.parse(deal.nevra)))
        if package is None:
            raise TransactionRefused(
                f"the host would install {deal.nevra}, which the bundle does not have", where=where, hint=BUNDLE_HINT
            )
        found.append((package, deal))
    return found
