"""Reads an image archive of either kind: what docker save writes, or an OCI image layout."""

from __future__ import annotations

from staithe.bundle.archive_files import ArchiveFiles
from staithe.bundle.docker_archive import MANIFEST_FILE, read_docker_archive
from staithe.bundle.layout import OCI_LAYOUT_FILE
from staithe.bundle.oci_archive import is_oci_layout, read_oci_archive
from staithe.bundle.source_image import SourceImage
from staithe.errors import BundleError


def read_image_archive(files: ArchiveFiles) -> list[SourceImage]:
    """Return the images in an archive; raises BundleError when it is none."""
    if is_oci_layout(files):
        return read_oci_archive(files)
    if files.has(MANIFEST_FILE):
        return read_docker_archive(files)
    raise BundleError(
        "this is no image archive",
        where=files.where,
        expected=f"{MANIFEST_FILE} (docker save) or {OCI_LAYOUT_FILE} (an OCI image layout)",
        hint="make one with `docker save -o FILE NAME:TAG`",
    )
