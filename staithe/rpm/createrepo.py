"""Writes a repository's metadata: the same bytes for the same packages, wherever and whenever they are made."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from staithe.errors import SolverMissing
from staithe.rpm import elsewhere

_NO_SETTINGS = Path(__file__).with_name("no_settings")


@dataclass(frozen=True)
class Listed:
    """A package of a repository, of which everything but its tags is known."""

    # In the repository.
    name: str
    path: Path
    sha256: str
    size_bytes: int
    # Where its tags end.
    payload_start: int


def _createrepo() -> Any:
    # librpm reads its settings when it is loaded: the machine's own have no say here.
    before = os.environ.get("RPM_CONFIGDIR")
    os.environ["RPM_CONFIGDIR"] = str(_NO_SETTINGS)
    try:
        import createrepo_c
    except ImportError as error:
        raise SolverMissing(
            "createrepo_c, which writes repositories' metadata, cannot be loaded",
            found=f"{error}; {elsewhere.this_machine()}",
            expected=elsewhere.NEEDED,
            hint=elsewhere.what_to_type(),
        ) from error
    finally:
        if before is None:
            del os.environ["RPM_CONFIGDIR"]
        else:
            os.environ["RPM_CONFIGDIR"] = before
    return createrepo_c


def write_metadata(packages: Sequence[Listed], revision: str) -> dict[str, bytes]:
    """Return the files of repodata/ by name.

    They are not compressed: what a compressor makes of the same text differs from version to version.
    """
    library = _createrepo()
    kinds = {
        "primary": (library.PrimaryXmlFile, library.xml_dump_primary),
        "filelists": (library.FilelistsXmlFile, library.xml_dump_filelists),
    }
    newest = 0
    with tempfile.TemporaryDirectory(prefix="staithe-repodata-") as work, ExitStack() as files:
        writers = {}
        for kind, (writer, _) in kinds.items():
            writers[kind] = writer(f"{work}/{kind}.xml", library.NO_COMPRESSION)
            files.callback(writers[kind].close)
            writers[kind].set_num_of_pkgs(len(packages))
        for one in sorted(packages, key=lambda one: one.name):
            package = _package(library, one, Path(work, "head.rpm"))
            newest = max(newest, package.time_build)
            for kind, (_, dump) in kinds.items():
                writers[kind].add_chunk(dump(package))
        files.close()
        contents = {f"{kind}.xml": Path(work, f"{kind}.xml").read_bytes() for kind in kinds}
    return {"repomd.xml": _table(library, contents, revision, newest), **contents}


def _package(library: Any, listed: Listed, work: Path) -> Any:
    # Only its head: createrepo_c would read all of it again for a digest that is known.
    with listed.path.open("rb") as stream:
        work.write_bytes(stream.read(listed.payload_start))
    package = library.package_from_rpm(str(work), location_href=listed.name, changelog_limit=0)
    package.pkgId = listed.sha256
    package.size_package = listed.size_bytes
    # The file's own time is that of a copy.
    package.time_file = package.time_build
    return package


def _table(library: Any, contents: dict[str, bytes], revision: str, timestamp: int) -> bytes:
    table = library.Repomd()
    table.set_revision(revision)
    for name, content in sorted(contents.items()):
        record = library.RepomdRecord(name.removesuffix(".xml"), "")
        digest = hashlib.sha256(content).hexdigest()
        record.location_href = f"repodata/{name}"
        record.checksum_type = record.checksum_open_type = "sha256"
        record.checksum = record.checksum_open = digest
        record.size = record.size_open = len(content)
        record.timestamp = timestamp
        table.set_record(record)
    text: str = table.xml_dump()
    return text.encode()
