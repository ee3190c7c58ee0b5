"""A repository's metadata on this machine, and the way into libsolv's pool."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from staithe.errors import RepositoryError
from staithe.rpm import libsolv, metadata, modules, repomd

REPOMD = "repodata/repomd.xml"
DEFAULT_PRIORITY = 99
DEFAULT_COST = 1000


@dataclass(frozen=True)
class Repository:
    """One repository, with the settings of its section in dnf's .repo file that decide what is chosen.

    `files` has the downloaded file of each entry of repomd.xml, by kind. Their content is checked when it is read.
    """

    id: str
    repomd: repomd.Repomd
    files: dict[str, Path]
    priority: int = DEFAULT_PRIORITY
    cost: int = DEFAULT_COST
    module_hotfixes: bool = False
    excluded: tuple[str, ...] = ()

    @classmethod
    def in_folder(cls, name: str, folder: Path, **settings: Any) -> Repository:
        """Return the repository that lies in a folder as createrepo_c leaves it; raises RepositoryError."""
        path = folder / REPOMD
        try:
            with path.open("rb") as stream:
                content = stream.read(repomd.SIZE_LIMIT_BYTES + 1)
        except OSError as error:
            raise RepositoryError(
                f"there is no repository: {error.strerror or error}",
                where=str(path),
                hint=f"createrepo_c {folder}",
            ) from error
        table = repomd.parse(content, f"{name}: {REPOMD}")
        files = {entry.kind: folder / entry.href for entry in table.entries}
        return cls(name, table, files, **settings)

    def read_modules(self) -> modules.ModuleMetadata:
        """Return the module metadata, empty where the repository has none; raises RepositoryError."""
        entry = self.repomd.modules
        if entry is None:
            return modules.ModuleMetadata()
        where = f"{self.id}: {entry.href}"
        with metadata.descriptor(self.files[entry.kind], entry, where) as handle:
            return modules.read(handle, where)

    def load(self, pool: Any, *, with_files: bool = True) -> Any:
        """Add the packages to a pool and return libsolv's repository; raises RepositoryError.

        Without their files only what has no part in a closure may be asked of the pool.
        """
        solv = libsolv.load()
        repo = pool.add_repo(self.id)
        # libsolv prefers what is higher, dnf what is lower.
        repo.priority = -self.priority
        repo.subpriority = -self.cost
        parts = ((self.repomd.primary, None, 0), (self.repomd.filelists, "FL", solv.Repo.REPO_EXTEND_SOLVABLES))
        for entry, language, flags in parts:
            if entry is None or (entry.kind == "filelists" and not with_files):
                continue
            where = f"{self.id}: {entry.href}"
            with metadata.descriptor(self.files[entry.kind], entry, where) as handle:
                # libsolv looks at the name to know how a file is packed: this one is not.
                stream = solv.xfopen_fd(entry.kind, handle)
                done = repo.add_rpmmd(stream, language, flags)
                stream.close()
            if not done:
                raise RepositoryError(
                    f"it cannot be parsed: {pool.errstr}", where=where, hint="use another mirror of the repository"
                )
        return repo
