"""A package transaction on a host, before it begins: the key that vouches for it, and whether it is taken."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from staithe.config.repository import Repository
from staithe.engine import PACKAGES, PackagedEngine
from staithe.errors import (
    CommandFailed,
    DiskFull,
    HostError,
    PackageRefused,
    PackageUntrusted,
    ProbeFailed,
    RepositoryUnreachable,
    TransactionRefused,
)
from staithe.host.remote import failure_of, last_lines
from staithe.host.session import Session
from staithe.host_layout import REPOSITORY_KEY
from staithe.package_script import NO_MANAGER, TREE, UNREACHABLE, curl_settings, key_script
from staithe.plan.packages import in_the_way
from staithe.probe.state import ManagedFile
from staithe.repository_key import is_pinned, key_ids
from staithe.rpm.transaction import Deal, Unreadable, read_transaction, unwanted
from staithe.sourcing import presets
from staithe.ssh import Completed

BUNDLE_HINT = "staithe bundle base INVENTORY   # resolve the bundle for what these hosts have, then build it again"
_REFUSES_KEYS = "Refusing to automatically import keys"
# What dnf and rpm say of signatures.
_UNTRUSTED = (
    "GPG check FAILED",
    "is not signed",
    "NOKEY",
    "BAD",
    "public key is not installed",
    "not correct for",
    # By another key than the repository's, which rpm has by then: dnf would ask for one.
    _REFUSES_KEYS,
    # dnf 5, of each of these.
    "Signature verification failed",
)
# The last two are dnf 5's.
_FIRST_WORDS = ("Error", "error", "No match for", "Public key", "Failed to", "Transaction failed")
_NOT_DOWNLOADED = ("Error downloading packages", "Cannot download", "Failed to download", "No more mirrors to try")


def curl_settings_of(repository: Repository) -> str:
    """Return how the host's curl asks the repository."""
    files = [("cacert", repository.ca), ("cert", repository.client_cert), ("key", repository.client_key)]
    given = [(option, path) for option, path in files if path is not None]
    return curl_settings(repository.username, repository.password, repository.proxy, given)


def pinned_key(here: Session) -> str:
    """Return the repository's public key, from this machine or fetched by the host.

    Raises PackageUntrusted unless it is a pinned one, and RepositoryUnreachable.
    """
    assert here.state is not None
    repository = here.config.engine.repository
    address = repository.key or presets.docker_key(repository.mirror)
    there = here.state.files.get(REPOSITORY_KEY, ManagedFile()).text or ""
    if not address.startswith(("https://", "http://")):
        try:
            text = Path(address).read_text(encoding="utf-8")
        except (OSError, ValueError) as error:
            raise PackageUntrusted(f"the repository's key cannot be read: {error}", where=address) from error
    elif is_pinned(there, repository.fingerprints):
        return there
    else:
        settings = curl_settings_of(repository).encode()
        result = here.run(key_script(address), "fetch the key", looks=True, stdin=[settings], check=False)
        if result.exit_code != 0:
            raise RepositoryUnreachable(
                "the host cannot fetch the repository's key",
                where=address,
                found=last_lines(result),
                hint=f"ssh {here.name} curl -v {address}",
            )
        text = result.stdout.decode("utf-8", "replace")
    try:
        key_ids(text, repository.fingerprints, address)
    except PackageRefused as error:
        raise PackageUntrusted(
            error.message,
            where=address,
            found=error.found,
            expected=error.expected or " or ".join(repository.fingerprints),
            hint="compare it with what its owner publishes, then correct engine.repository.fingerprints",
        ) from error
    return text


def accepted(here: Session, output: str) -> tuple[Deal, ...]:
    """Return what dnf is about to do; raise TransactionRefused when it touches what is none of its business."""
    assert here.state is not None
    try:
        deals = read_transaction(output)
    except Unreadable as error:
        raise ProbeFailed(
            f"what dnf is about to do cannot be read: {error}", hint=f"staithe logs {here.name}"
        ) from error
    others = unwanted(
        deals,
        engine=PACKAGES,
        may_change=here.config.engine.may_upgrade,
        may_remove=in_the_way(here.state, here.config),
    )
    refuse_others(others)
    return deals


def refuse_others(others: Sequence[str]) -> None:
    """Raise TransactionRefused for what a transaction would do to packages that are none of its business, if any."""
    if others:
        raise TransactionRefused(
            "the engine's packages would touch packages that are not the engine's; nothing was changed",
            found="; ".join(others),
            expected="engine packages, what they newly need, what engine.may_upgrade and engine.replace name",
            hint="update the host first, or allow it: staithe explain E222",
        )


def answering_url(here: Session, engine: PackagedEngine, output: str) -> str:
    """Return the repository's address that answered; raise ProbeFailed when the host names none of them."""
    said = next((line.removeprefix(TREE) for line in output.splitlines() if line.startswith(TREE)), "")
    try:
        return dict(enumerate(engine.urls))[int(said)]
    except (ValueError, KeyError) as error:
        raise ProbeFailed("the host names no address of the repository", hint=f"staithe logs {here.name}") from error


def refusal(here: Session, engine: PackagedEngine, result: Completed) -> HostError:
    """Return why the look at the packages failed; nothing was changed by it."""
    said = _said(result)
    if result.exit_code == UNREACHABLE:
        url = engine.urls[0]
        return RepositoryUnreachable(
            "the host does not reach the package repository",
            where=" or ".join(engine.urls),
            found=last_lines(result, 1),
            hint=f"ssh {here.name} curl -v {url}/repodata/repomd.xml   # or another engine.repository.mirror",
        )
    if result.exit_code == NO_MANAGER:
        return TransactionRefused(
            "neither dnf nor yum is on the host", found="only rpm", hint="staithe explain E222   # or static-bundle"
        )
    if any(words in said for words in _UNTRUSTED):
        return PackageUntrusted("a package is not signed by the pinned key", found=said, hint=_logs(here))
    if _is_full(said):
        return _no_room(said)
    return TransactionRefused(
        "dnf cannot install the engine's packages; nothing was changed", found=said, hint=_logs(here)
    )


def told(here: Session, result: Completed) -> HostError:
    """Return a transaction that failed as the kind of error that it is; the caller brings back what was there."""
    said, everything = _said(result), "\n".join(_lines(result))
    if any(words in everything for words in _UNTRUSTED):
        return PackageUntrusted("a package is not signed by the pinned key", found=said, hint=_logs(here))
    if _is_full(everything):
        return _no_room(said)
    if any(words in everything for words in _NOT_DOWNLOADED):
        return RepositoryUnreachable(
            "the packages did not arrive; what was there came back", found=said, hint="apply again: what came is kept"
        )
    if "transaction lock" in everything:
        return CommandFailed(
            "another process took the rpm database meanwhile; what was there came back",
            found=said,
            hint="ps -e | grep -E 'dnf|yum|rpm'   # on the host; apply again when that has ended",
        )
    return failure_of("install the packages", result, here.name)


def _is_full(said: str) -> bool:
    # The last is curl's way to say it, inside dnf.
    return any(words in said for words in ("No space left", "more space needed", "Failure writing output")) or (
        "needs" in said and "more space" in said
    )


def _no_room(said: str) -> DiskFull:
    return DiskFull("no room for the packages", found=said, hint="df -h /usr /var   # on the host; then apply again")


def _said(result: Completed) -> str:
    """Return what dnf says of the cause: from its first error on."""
    lines = _lines(result)
    errors = [at for at, line in enumerate(lines) if line.startswith(_FIRST_WORDS)]
    return " | ".join(lines[errors[0] :][:6] if errors else lines[-3:]) or last_lines(result)


def _lines(result: Completed) -> list[str]:
    """Return what dnf says, by lines; of one that was started once more to take a key, what it says then."""
    lines = [line.strip() for line in result.stderr.decode("utf-8", "replace").splitlines() if line.strip(" -")]
    # The line behind it goes with it: 'Use "-y" to override.'
    again = max((at + 2 for at, line in enumerate(lines) if _REFUSES_KEYS in line), default=0)
    return lines[again:] or lines


def _logs(here: Session) -> str:
    return f"staithe logs {here.name}   # versions on offer: staithe versions INVENTORY"
