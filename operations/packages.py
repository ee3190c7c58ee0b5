"""The engine's packages, from a repository or from a bundle."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from contextlib import suppress
from pathlib import PurePosixPath

from pyinfra.api.command import FunctionCommand
from pyinfra.api.operation import operation
from pyinfra.context import host

from staithe import base_repositories, former
from staithe.change import Change, change
from staithe.desired import File, repository_file
from staithe.engine import PACKAGES, PackagedEngine
from staithe.errors import StaitheError
from staithe.events import Notice
from staithe.former_packages import deals_text, keep_packages_text, mend_text
from staithe.host.attachment import session
from staithe.host.bundled_packages import install_with_dnf
from staithe.host.dialogue import has_asked, replace_when
from staithe.host.guard import carry_out
from staithe.host.package_notes import PACKAGE_SECTIONS, noted, told_changes, touched, without_files
from staithe.host.rpm_alone import install_with_rpm
from staithe.host.session import Session
from staithe.host.transaction import (
    accepted,
    answering_url,
    curl_settings_of,
    pinned_key,
    refusal,
    told,
)
from staithe.host_layout import (
    FORMER,
    JOURNAL,
    REPOSITORY,
    REPOSITORY_DIR,
    REPOSITORY_FILE,
    REPOSITORY_KEY,
    VERSION_LOCKS,
)
from staithe.journal import keep_text
from staithe.package_script import (
    DEALS,
    DOWNLOAD_TIMEOUT_S,
    HOLD,
    KEPT,
    TRANSACTION_TIMEOUT_S,
    install_script,
    look_script,
    remove_script,
)
from staithe.placing import archive_of_contents
from staithe.plan import hold as plan_hold
from staithe.plan.packages import held_packages, in_the_way, lost_packages
from staithe.probe.state import HostState
from staithe.repository_key import key_ids
from staithe.rpm.nevra import rpm_name
from staithe.rpm.transaction import Deal


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
    here.alter(
        mend_text(), "mend a transaction that was cut off", refresh=PACKAGE_SECTIONS, timeout_s=TRANSACTION_TIMEOUT_S
    )


def _hold(here: Session) -> None:
    """Hold what is installed now, unless it is held already."""
    assert here.state is not None and here.desired is not None
    engine = here.desired.engine
    is_packaged = isinstance(engine, PackagedEngine)
    held = held_packages(here.state, engine) if isinstance(engine, PackagedEngine) else {}
    hold = here.config.engine.hold and is_packaged
    left = tuple(plan_hold.changes(here.state, held, hold=hold))
    if left:
        text = _hold_text(here, held, hold=hold)
        here.replace({}, "hold the packages", left, refresh=["files"], then=text)


def _hold_text(here: Session, held: Mapping[str, str], *, hold: bool) -> str:
    assert here.state is not None
    return keep_text(VERSION_LOCKS) + plan_hold.hold_text(here.state, held, hold=hold)


def _remove(here: Session, changes: Sequence[Change]) -> None:
    names = [one.target for one in changes if one.kind == "remove" and one.target[0] != "/"]
    script = remove_script(names) if names else ""
    then = noted(here) + deals_text(names or ["none"]) + script + without_files(changes)
    here.replace({}, "remove packages", changes, refresh=PACKAGE_SECTIONS, then=then, timeout_s=TRANSACTION_TIMEOUT_S)


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
            DEALS: File(_lines(touched(here, deals)), "600"),
            KEPT: File(_lines(files), "600"),
            HOLD: File(_hold_text(here, _coming(state, engine, deals), hold=config.engine.hold), "600"),
            REPOSITORY_FILE: repository_file(config, engine, state, answering_url(here, engine, said)),
            REPOSITORY_KEY: File(key),
            **base,
        }
        return placed, told_changes(here, changes, deals, keys)

    asked = _asked(here, engine, key, base)
    lost = lost_packages(state, changes)
    # dnf may take the key into rpm's keyring by itself.
    meanwhile = keep_packages_text() + deals_text(["gpg-pubkey"])
    going = in_the_way(state, config)
    look = look_script(len(asked), engine.urls, specs, lost, meanwhile, erasing=bool(going))
    new = [one for one in keys if one not in state.package_keys]
    then = f"cat {DEALS} >> {JOURNAL}/deals\n. {HOLD}\n" + install_script(specs, going, new, erasing=bool(going))
    replace_when(
        here,
        look,
        [asked],
        answer,
        [DEALS, KEPT, HOLD, REPOSITORY_FILE, REPOSITORY_KEY, *base],
        "install the packages",
        then=noted(here) + then + without_files(changes),
        refresh=PACKAGE_SECTIONS,
        failed=lambda result: told(here, result) if has_asked(result) else refusal(here, engine, result),
        timeout_s=DOWNLOAD_TIMEOUT_S + TRANSACTION_TIMEOUT_S,
    )
    _note_keys(here, [one for one in here.state.package_keys if one not in (*state.package_keys, *keys)])
    gone = [nevra for nevra in lost if rpm_name(nevra) not in here.state.kept_packages]
    if gone:
        here.tell(Notice(host=here.name, text=f"no rollback: no repository has {', '.join(gone)} any more"))


def _note_keys(here: Session, keys: Sequence[str]) -> None:
    """Note keys of the host's own repositories that dnf took for what the engine needs: they go with it."""
    assert here.state is not None
    if keys:
        new = [change("packages", "create", f"gpg-pubkey-{one}", "signs what the engine needs") for one in keys]
        here.place({FORMER: former.noted(here.state, new).text()}, "note the keys", refresh=["files"])


def _coming(state: HostState, engine: PackagedEngine, deals: Sequence[Deal]) -> dict[str, str]:
    """Return the engine's packages as they will be: name -> NEVRA."""
    new = {deal.name: deal.nevra for deal in deals if deal.deed != "remove"}
    return {name: new.get(name) or state.packages[name] for name in engine.wanted if name in {*new, *state.packages}}


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
    assert here.state is not None
    is_rpm_alone = here.state.packaging is not None and here.state.packaging.manager == "none"
    try:
        if is_rpm_alone or here.config.engine.force:
            install_with_rpm(here, engine, changes)
        else:
            install_with_dnf(here, engine, changes)
    except StaitheError:
        # Once the journal is open the way back does it.
        if not here.is_journaled:
            with suppress(StaitheError):
                here.run(f"rm -rf {REPOSITORY_DIR}", "take the metadata away")
        raise


def _lines(names: Sequence[str]) -> str:
    return "".join(f"{name}\n" for name in names)


def _has_packages(changes: Sequence[Change]) -> bool:
    """Whether any package is to change, and not only the repository's file, its key, or what is held."""
    return any(one.kind in ("create", "update", "remove") and one.target[0] != "/" for one in changes)
