"""The engine's packages, from a repository or from a bundle."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from pathlib import PurePosixPath

from pyinfra.api.command import FunctionCommand
from pyinfra.api.operation import operation
from pyinfra.context import host

from staithe import base_repositories
from staithe.bundle.contents import Package
from staithe.change import Change, change
from staithe.desired import File, repository_file
from staithe.engine import PACKAGES, PackagedEngine
from staithe.errors import TransactionRefused
from staithe.events import Notice
from staithe.former_packages import deals_text, keep_packages_text, mend_text
from staithe.host import Session, carry_out, session
from staithe.host.arrival import bring_blob
from staithe.host.dialogue import has_asked, replace_when
from staithe.host.transaction import (
    BUNDLE_HINT,
    accepted,
    curl_settings_of,
    pinned_key,
    read_tree,
    refusal,
    told,
)
from staithe.host_layout import BIN_DIR, BLOB_DIR, JOURNAL, REPOSITORY, REPOSITORY_FILE, REPOSITORY_KEY, VERSION_LOCKS
from staithe.journal import keep_text, keep_units_text
from staithe.package_script import (
    DEALS,
    DOWNLOAD_TIMEOUT_S,
    KEPT,
    TRANSACTION_TIMEOUT_S,
    install_script,
    look_script,
    offline_install_script,
    offline_look_script,
    offline_repository,
    remove_script,
)
from staithe.placing import archive_of_contents, whole_blobs_script
from staithe.plan import hold as plan_hold
from staithe.plan.packages import held_packages, in_the_way
from staithe.repository_key import key_ids
from staithe.rpm.nevra import Nevra
from staithe.rpm.transaction import Deal
from staithe.transfer import read_whole

_ALL = ("engine", "packages", "units", "docker", "users", "files")


@operation()
def install() -> Generator[FunctionCommand, None, None]:
    """Bring the engine's packages to what is described, in one transaction; remove those in the way."""
    here = session(host)
    changes = here.changes("packages")
    if not changes:
        host.noop("the packages are as described")
        return
    yield carry_out(here, changes, lambda: _install(here, changes))


def _install(here: Session, changes: Sequence[Change]) -> None:
    assert here.state is not None and here.desired is not None
    if here.state.is_cut_off:
        _mend(here)
        changes = here.changes("packages")
        if not changes:
            return
    engine = here.desired.engine
    if not isinstance(engine, PackagedEngine):
        _remove(here, changes)
    elif engine.source == "repository":
        _from_repository(here, engine, changes)
    elif not _has_packages(changes):
        # The repository had the very packages of the bundle: only its file and its key go.
        _remove(here, changes)
    else:
        _from_bundle(here, engine, changes)
    _hold(here)
    here.verify("packages")


def _mend(here: Session) -> None:
    """Bring the former packages back, out of a transaction that was cut off."""
    # The journal of that run goes on: it leads to the healthy state.
    here.is_journaled = True
    here.alter(mend_text(), "mend a transaction that was cut off", refresh=_ALL, timeout_s=TRANSACTION_TIMEOUT_S)


def _hold(here: Session) -> None:
    """Hold what is installed now: which builds these are is known only after the transaction."""
    assert here.state is not None and here.desired is not None
    engine = here.desired.engine
    is_packaged = isinstance(engine, PackagedEngine)
    held = held_packages(here.state, engine) if isinstance(engine, PackagedEngine) else {}
    hold = here.config.engine.hold and is_packaged
    left = tuple(plan_hold.changes(here.state, held, hold=hold))
    if left:
        text = keep_text(VERSION_LOCKS) + plan_hold.hold_text(here.state, held, hold=hold)
        here.replace({}, "hold the packages", left, refresh=["files"], then=text)


def _remove(here: Session, changes: Sequence[Change]) -> None:
    names = [one.target for one in changes if one.kind == "remove" and one.target[0] != "/"]
    script = remove_script(names) if names else ""
    then = _noted(here) + deals_text(names or ["none"]) + script + _without_files(changes)
    here.replace({}, "remove packages", changes, refresh=_ALL, then=then, timeout_s=TRANSACTION_TIMEOUT_S)


def _from_repository(here: Session, engine: PackagedEngine, changes: Sequence[Change]) -> None:
    assert here.state is not None and here.desired is not None
    state, config = here.state, here.config
    key = pinned_key(here)
    keys = key_ids(key, config.engine.repository.fingerprints, "the key")
    base = {path: here.desired.files[path] for path in base_repositories.FOLDERS if path in here.desired.files}
    specs = engine.specs(state) if _has_packages(changes) else ()

    def answer(said: str) -> tuple[dict[str, File], Sequence[Change]]:
        deals = accepted(here, said)
        files = [deal.file_name for deal in deals if deal.deed != "remove" and deal.name in PACKAGES]
        placed = {
            DEALS: File(_lines(_touched(here, deals)), "600"),
            KEPT: File(_lines(files), "600"),
            REPOSITORY_FILE: repository_file(config, engine, state, engine.urls[read_tree(said)]),
            REPOSITORY_KEY: File(key),
            **base,
        }
        return placed, _told(here, changes, deals, keys)

    asked = _asked(here, engine, key, base)
    look = look_script(len(asked), engine.urls, specs, erasing=bool(in_the_way(state, config)))
    new = [one for one in keys if one not in state.package_keys]
    then = f"cat {DEALS} >> {JOURNAL}/deals\n" + install_script(specs, in_the_way(state, config), new)
    replace_when(
        here,
        # dnf may take the key into rpm's keyring by itself.
        keep_packages_text() + deals_text(["gpg-pubkey"]) + look,
        [asked],
        answer,
        [DEALS, KEPT, REPOSITORY_FILE, REPOSITORY_KEY, *base],
        "install the packages",
        then=_noted(here) + then + _without_files(changes),
        refresh=_ALL,
        failed=lambda result: told(here, result) if has_asked(result) else refusal(here, engine, result),
        timeout_s=DOWNLOAD_TIMEOUT_S + TRANSACTION_TIMEOUT_S,
    )


def _asked(here: Session, engine: PackagedEngine, key: str, base: Mapping[str, File]) -> bytes:
    """Return what the look at the repository needs, as a tar."""
    assert here.state is not None
    texts = {
        f"{at}/{REPOSITORY}.repo": repository_file(here.config, engine, here.state, url, for_staithe=True).text
        for at, url in enumerate(engine.urls)
    }
    texts |= {"key": key, "curl": curl_settings_of(here.config.engine.repository)}
    texts |= {f"base/{PurePosixPath(path).name}": file.text for path, file in base.items()}
    return archive_of_contents({name: text.encode() for name, text in texts.items()})


def _from_bundle(here: Session, engine: PackagedEngine, changes: Sequence[Change]) -> None:
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
    _bring_all(here, [one for one, _ in needed])
    script = offline_install_script(
        engine.specs(here.state),
        [(f"{BLOB_DIR}/{one.blob.hex}", one.file_name) for one, _ in needed],
        [one.file_name for one, deal in needed if deal.name in PACKAGES],
        in_the_way(here.state, here.config),
        erasing=erasing,
    )
    # bundle/package_set names them so: RPM-GPG-KEY- and the last 16 digits of the fingerprint.
    _transact(here, changes, deals, script, [name[-8:].lower() for name in set_.keys])


def _transact(
    here: Session, changes: Sequence[Change], deals: Sequence[Deal], script: str, keys: Sequence[str]
) -> None:
    then = _noted(here) + deals_text(_touched(here, deals)) + script + _without_files(changes)
    all_changes = _told(here, changes, deals, keys)
    here.replace(
        {},
        "install the packages",
        all_changes,
        refresh=_ALL,
        then=then,
        failed=lambda result: told(here, result),
        timeout_s=TRANSACTION_TIMEOUT_S,
    )


def _touched(here: Session, deals: Sequence[Deal]) -> list[str]:
    assert here.state is not None
    return [*(deal.name for deal in deals), *in_the_way(here.state, here.config)] or ["none"]


def _told(here: Session, changes: Sequence[Change], deals: Sequence[Deal], keys: Sequence[str]) -> list[Change]:
    """Return all that a transaction changes; tell what stood in no plan."""
    assert here.state is not None
    listed = {one.target for one in changes}
    more = [
        change("packages", "create", deal.name, "needed by the engine")
        for deal in deals
        if deal.deed == "install" and deal.name not in {*listed, *here.state.packages}
    ]
    for deal in deals:
        if deal.deed == "change" and deal.name not in listed:
            here.tell(Notice(host=here.name, text=f"{deal.name} becomes {deal.evr}: what is described needs it"))
    new = [one for one in keys if one not in here.state.package_keys]
    return [
        *changes,
        *more,
        *(change("packages", "create", f"gpg-pubkey-{one}", "signs the packages") for one in new),
    ]


def _lines(names: Sequence[str]) -> str:
    return "".join(f"{name}\n" for name in names)


def _has_packages(changes: Sequence[Change]) -> bool:
    """Whether any package is to change, and not only the repository's file, its key, or what is held."""
    return any(one.kind in ("create", "update", "remove") and one.target[0] != "/" for one in changes)


def _noted(here: Session) -> str:
    """Return the shell text that notes what the transaction may replace: packages, services, programs by hand."""
    assert here.state is not None
    paths = [one.path for one in here.state.engine.binaries.values() if one.package is None]
    by_hand = keep_text(path for path in paths if path.startswith(f"{BIN_DIR}/")) if paths else ""
    return keep_packages_text() + keep_units_text(here.state) + by_hand


def _without_files(changes: Sequence[Change]) -> str:
    paths = [one.target for one in changes if one.kind == "remove" and one.target[0] == "/"]
    return f"{keep_text(paths)}rm -f {' '.join(paths)}\n" if paths else ""


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


def _bring_all(here: Session, packages: Sequence[Package]) -> None:
    """Bring the packages' blobs that the host lacks."""
    there = (
        here.run(whole_blobs_script([one.blob for one in packages]), "blobs that are there").stdout.decode().split()
    )
    lacking = [one.blob for one in packages if one.blob.hex not in there]
    here.supply.announce(lacking)
    for blob in lacking:
        bring_blob(here, blob)
