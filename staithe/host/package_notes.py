"""What is noted on a host before packages are touched, and what is told of it."""

from __future__ import annotations

from collections.abc import Sequence

from staithe.change import Change, change
from staithe.events import Notice
from staithe.former_packages import keep_packages_text
from staithe.host.session import Session
from staithe.host_layout import BIN_DIR, JOURNAL
from staithe.journal import keep_text, keep_units_text
from staithe.plan.packages import in_the_way
from staithe.rpm.transaction import Deal

# What a transaction of packages may have changed on a host.
PACKAGE_SECTIONS = ("engine", "packages", "units", "docker", "users", "files")


# Whether the services are noted by this very step: when nothing comes of it, none of them has to come back.
_NOTED_UNITS = f"noted_units=no\nif [ -s {JOURNAL}/units ]; then noted_units=yes; fi\n"


def touched(here: Session, deals: Sequence[Deal]) -> list[str]:
    """Return the names of all packages that a transaction touches, "none" for none."""
    assert here.state is not None
    return [*(deal.name for deal in deals), *in_the_way(here.state, here.config)] or ["none"]


def told_changes(
    here: Session, changes: Sequence[Change], deals: Sequence[Deal], keys: Sequence[str]
) -> list[Change]:
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


def noted(here: Session) -> str:
    """Return the shell text that notes what the transaction may replace: packages, services, programs by hand."""
    assert here.state is not None
    paths = [one.path for one in here.state.engine.binaries.values() if one.package is None]
    by_hand = keep_text(path for path in paths if path.startswith(f"{BIN_DIR}/")) if paths else ""
    return keep_packages_text() + f"{_NOTED_UNITS}{keep_units_text(here.state)}{by_hand}"


def without_files(changes: Sequence[Change]) -> str:
    """Return the shell text that takes away the files that go, noted first."""
    paths = [one.target for one in changes if one.kind == "remove" and one.target[0] == "/"]
    return f"{keep_text(paths)}rm -f {' '.join(paths)}\n" if paths else ""
