"""What repositories have on offer, beside what hosts have: the document of `staithe versions`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from staithe.described_repositories import AskedRepository
from staithe.errors import DownloadFailed, PackageRefused, StaitheError
from staithe.report.documents import OfferedVersion, RepositoryOffer, VersionsDocument
from staithe.repository_key import key_ids
from staithe.result import HostResult, RunResult
from staithe.sourcing.access import for_key
from staithe.sourcing.download import Downloader, Wanted
from staithe.sourcing.offers import Offers, fetch_offers
from staithe.sourcing.origin import is_http
from staithe.sourcing.target import Target
from staithe.support_matrix import ARCHITECTURES, RELEASES

_MAJORS = (8, 9, 10)
_NOBODY = Offers({}, {})


def offered(
    repositories: Sequence[AskedRepository],
    downloader: Downloader,
    result: RunResult | None,
    *,
    majors: Sequence[int] = (),
    archs: Sequence[str] = (),
    say: Callable[[str], None],
    mask: Callable[[str], str] = lambda text: text,
) -> VersionsDocument:
    """Ask all repositories and put their answers together. `mask` takes secrets out of a text.

    One that cannot be read is told in its notes; the error is raised where there is no other.
    """
    hosts = result.hosts if result else []
    offers: list[dict[str, Any]] = []
    errors = []
    for one in repositories:
        theirs = [host for host in hosts if host.host in one.hosts] if len(repositories) > 1 else hosts
        targets = _targets(majors, archs, theirs)
        say(f"asking {one.address}")
        notes = [*one.notes]
        try:
            found = fetch_offers(one.addresses, targets, downloader, Path(), one.access)
        except StaitheError as error:
            if len(repositories) == 1:
                raise
            errors.append(error.exit_code)
            found = _NOBODY
            where = f" ({error.where})" if error.where else ""
            notes.append(f"cannot be read: {error.message}{where}")
        else:
            # Who names a repository by hand has described no hosts to it, and no key.
            notes += _about_key(one, downloader) if one.hosts else []
        offers.append(
            {
                "repository": mask(one.address),
                "versions": _versions(found, theirs),
                "without": {name: mask(reason) for name, reason in found.without.items()},
                "described_for": list(one.hosts),
                "notes": [mask(note) for note in notes],
            }
        )
    if len(repositories) > 1:
        offers[-1]["notes"] += _from_bundles(hosts, {name for one in repositories for name in one.hosts})
    first, *others = offers
    return VersionsDocument(
        schema_version=1,
        exit_code=max(errors, default=result.exit_code if result else 0),
        failures={host.host: host.error.message for host in hosts if host.error},
        others=[RepositoryOffer(**one) for one in others],
        **first,
    )


def _targets(majors: Sequence[int], archs: Sequence[str], hosts: Sequence[HostResult]) -> list[Target]:
    """Return the kinds of hosts to look for: those that were named, else those that the hosts are."""
    seen = {
        (host.summary.major, host.summary.arch)
        for host in hosts
        if host.summary and host.summary.major in RELEASES and host.summary.arch in ARCHITECTURES
    }
    if majors or archs or not seen:
        seen = {(major, arch) for major in majors or _MAJORS for arch in archs or ["x86_64"]}
    return [Target(major, arch) for major, arch in sorted(seen)]


def _versions(offers: Offers, hosts: Sequence[HostResult]) -> list[OfferedVersion]:
    having: dict[str, list[str]] = {}
    for host in hosts:
        found = host.summary.engine_version if host.summary else None
        if found is not None:
            # A distribution's own build (28.5.2+dfsg4) stands beside the version that it was made from.
            made_from = found.partition("+")[0]
            is_theirs = found not in offers.versions and made_from in offers.versions
            version, name = (made_from, f"{host.host} ({found})") if is_theirs else (found, host.host)
            having.setdefault(version, []).append(name)
    on_offer = [
        OfferedVersion(
            version=version,
            packages={target: str(nevra) for target, nevra in packages.items()},
            hosts=having.pop(version, []),
        )
        for version, packages in offers.versions.items()
    ]
    # What hosts have and nobody offers stands at the end.
    return [*on_offer, *(OfferedVersion(version=one, packages={}, hosts=names) for one, names in having.items())]


def _from_bundles(hosts: Sequence[HostResult], online: set[str]) -> list[str]:
    """Say what those hosts have that no repository is described for."""
    rest = [host for host in hosts if host.host not in online and host.summary]
    return [
        f"{host.host} has {host.summary.engine_version or 'no engine'}; its engine comes in a bundle"
        for host in rest
        if host.summary
    ]


def _about_key(one: AskedRepository, downloader: Downloader) -> list[str]:
    """Say what is wrong with the repository's key: hosts would refuse it."""
    assert one.described is not None
    try:
        if is_http(one.key):
            access = for_key(one.access, one.address, one.key)
            content = downloader.fetch(Wanted(one.key, access=access)).path.read_bytes()
        else:
            content = Path(one.key).read_bytes()
        key_ids(content.decode("utf-8", "replace"), one.described.fingerprints, one.key)
    except (OSError, DownloadFailed) as error:
        return [f"its key cannot be read: {one.key}: {error}"]
    except PackageRefused as error:
        found = f": {error.found}" if error.found else ""
        return [f"hosts will refuse its key {one.key} (E223): {error.message}{found}"]
    return []
