"""What changes between two locks, in lines for a person who decides about it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from staithe.rpm.nevra import Nevra
from staithe.sourcing.lock_file import Lock


def changes(old: Lock | None, new: Lock) -> list[str]:
    """Return a line for each thing that comes (+), goes (-) or becomes another (~)."""
    before = _things(old) if old is not None else {}
    after = _things(new)
    lines = []
    for key in sorted(before.keys() | after.keys()):
        what, where = key
        was, becomes = before.get(key), after.get(key)
        place = f" ({where})" if where else ""
        if was is None:
            lines.append(f"+ {what} {_short(becomes)}{place}")
        elif becomes is None:
            lines.append(f"- {what} {_short(was)}{place}")
        elif was[0] != becomes[0]:
            lines.append(f"~ {what} {was[0]} -> {becomes[0]}{place}")
        elif was != becomes:
            lines.append(f"~ {what} {was[0]}: other content, {was[1][:12]} -> {becomes[1][:12]}{place}")
    return lines


def _short(thing: tuple[str, str] | None) -> str:
    return thing[0] if thing else ""


def _things(lock: Lock) -> Mapping[tuple[str, str], tuple[str, str]]:
    """Return {(what, where): (version, digest)}."""
    return dict(_pairs(lock))


def _pairs(lock: Lock) -> Iterator[tuple[tuple[str, str], tuple[str, str]]]:
    for package in lock.package:
        nevra = Nevra.parse(package.nevra)
        based = {one.target for one in lock.base}
        for place in (*(one for one in package.targets if one not in based), *package.bases):
            yield (nevra.name, place), (nevra.evr, package.sha256)
    for base in lock.base:
        yield (f"base {base.name}", base.target), (base.sha256[:12], base.sha256)
    for static in lock.static:
        yield ("static archive", static.arch), (static.version, static.sha256)
    for image in lock.image:
        yield (f"image archive {image.url}", ""), (image.sha256[:12], image.sha256)
    for oci in lock.oci_image:
        for platform in oci.platform:
            yield (f"image {oci.name}", platform.arch), (platform.manifest[:12], platform.manifest)
    for key in lock.key:
        yield (f"key {' '.join(key.fingerprints)}", ""), (key.sha256[:12], key.sha256)
