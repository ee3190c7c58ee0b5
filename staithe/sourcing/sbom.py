"""The bill of materials of a bundle, as CycloneDX JSON: the same text for the same lock."""

from __future__ import annotations

import uuid
import warnings
from collections.abc import Iterator
from datetime import UTC, datetime

from cyclonedx.model import HashAlgorithm, HashType
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL

from staithe.bundle import reference
from staithe.bundle.documents import OCI_NAMES
from staithe.rpm.nevra import Nevra
from staithe.sourcing.lock_file import Lock, LockedOciImage, LockedPackage

# Of the names of bundles' bills of materials (RFC 9562, version 5).
_NAMESPACE = uuid.UUID("6d3f7d52-7a0c-5d0a-9a55-6b1b4f6f1d0e")


def sbom_text(lock: Lock) -> str:
    """Return the document. Its number follows from the lock and its time is none: one lock is one bundle."""
    bom = Bom(serial_number=uuid.uuid5(_NAMESPACE, lock.text()))
    bom.metadata.timestamp = datetime.fromtimestamp(0, UTC)
    bom.metadata.component = Component(
        name=lock.name, version=str(lock.serial), type=ComponentType.PLATFORM, bom_ref="bundle"
    )
    for component in _components(lock):
        bom.components.add(component)
    bom.register_dependency(bom.metadata.component, bom.components)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return JsonV1Dot6(bom).output_as_string(indent=1) + "\n"


def _components(lock: Lock) -> Iterator[Component]:
    for package in lock.package:
        nevra = Nevra.parse(package.nevra)
        yield _component(nevra.name, nevra.evr, package.sha256, _package_url(package, nevra))
    for static in lock.static:
        url = PackageURL("generic", None, "docker", static.version, {"arch": static.arch})
        yield _component("docker", static.version, static.sha256, url)
    for image in lock.image:
        name = image.url.rpartition("/")[2]
        yield _component(name, image.sha256[:12], image.sha256, None, ComponentType.CONTAINER)
    for oci in lock.oci_image:
        yield from _platforms(oci)


def _platforms(image: LockedOciImage) -> Iterator[Component]:
    found = reference.parse(image.name)
    for one in image.platform:
        # purl-spec, type oci: the last part of the name, and where it is.
        where = {"repository_url": found.name, "tag": found.tag or "", "arch": OCI_NAMES[one.arch]}
        url = PackageURL("oci", None, found.path.rpartition("/")[2], f"sha256:{one.manifest}", where)
        # Two names may be one image; a reference that is not alone is replaced by a random one.
        bom_ref = f"{image.name}@sha256:{one.manifest}"
        yield _component(found.name, found.tag or "", one.manifest, url, ComponentType.CONTAINER, bom_ref)


def _package_url(package: LockedPackage, nevra: Nevra) -> PackageURL:
    # purl-spec, type rpm: the namespace is the vendor's, the epoch is a qualifier.
    qualifiers = {"arch": nevra.arch, "repository": package.repository}
    if nevra.epoch:
        qualifiers["epoch"] = str(nevra.epoch)
    return PackageURL("rpm", None, nevra.name, f"{nevra.version}-{nevra.release}", qualifiers)


def _component(
    name: str,
    version: str,
    sha256: str,
    url: PackageURL | None,
    kind: ComponentType = ComponentType.APPLICATION,
    bom_ref: str | None = None,
) -> Component:
    return Component(
        name=name,
        version=version,
        type=kind,
        bom_ref=bom_ref or f"sha256:{sha256}",
        purl=url,
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=sha256)],
    )
