"""Packages from the Debian archive that this machine already uses, without touching the machine's own apt.

Where the archive is, which keys sign it and how to reach it (proxy, validity) is read from the machine's
configuration; lists and downloads live in the lab's cache. apt checks every signature.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from staithe.errors import LabError
from staithe.lab import places
from staithe.lab.command import run

_KEYRINGS = ("debian-archive-keyring.gpg", "debian-archive-keyring.pgp")
_CODENAMES = re.compile(r"bullseye|bookworm|trixie|forky|sid|oldstable|stable|testing|unstable")
_LISTS_MAX_AGE_S = 24 * 3600


@dataclass(frozen=True)
class Archive:
    """The Debian archive as the machine's sources name it; `settings` are its Acquire:: lines."""

    uri: str
    signed_by: str
    settings: str


def _stanzas(text: str) -> Iterator[dict[str, str]]:
    """Yield the stanzas of a deb822 file, field names in lower case, continued lines joined."""
    for block in re.split(r"\n\s*\n", text):
        fields: dict[str, str] = {}
        last = ""
        for line in block.splitlines():
            if line.startswith("#"):
                continue
            if line[:1].isspace():
                fields[last] = f"{fields.get(last, '')}\n{line.strip()}"
            elif ":" in line:
                name, _, value = line.partition(":")
                last = name.strip().lower()
                fields[last] = value.strip()
        if fields:
            yield fields


def _one_line_entries(text: str) -> Iterator[dict[str, str]]:
    """Yield the `deb` lines of a sources.list as deb822 fields."""
    for line in text.splitlines():
        match = re.match(r"deb\s+(?:\[([^\]]*)\]\s+)?(\S+)\s+(\S+)\s+(.*)", line)
        if match:
            options = dict(word.split("=", 1) for word in (match[1] or "").split() if "=" in word)
            yield {
                "types": "deb",
                "uris": match[2],
                "suites": match[3],
                "components": match[4].split("#")[0],
                "signed-by": options.get("signed-by", ""),
            }


def debian_source(texts: Mapping[str, str]) -> tuple[str, str] | None:
    """Return (URI, Signed-By or "") of the Debian archive among apt source files {file name: text}.

    Third parties use Debian's codenames too; only Debian has both the bare codename and the component main.
    """
    for name, text in sorted(texts.items()):
        for entry in _one_line_entries(text) if name.endswith(".list") else _stanzas(text):
            suites = [s for s in entry.get("suites", "").split() if _CODENAMES.fullmatch(s)]
            if (
                suites
                and "deb" in entry.get("types", "").split()
                and "main" in entry.get("components", "").split()
                and entry.get("enabled", "yes").lower() != "no"
                and "debian-security" not in entry.get("uris", "")
            ):
                return entry["uris"].split()[0], entry.get("signed-by", "")
    return None


def machine_archive(etc: Path = Path("/etc/apt")) -> Archive:
    """Read the machine's apt configuration."""
    files = [etc / "sources.list", *etc.glob("sources.list.d/*.list"), *etc.glob("sources.list.d/*.sources")]
    source = debian_source({path.name: path.read_text() for path in files if path.is_file()})
    if source is None:
        raise LabError(
            "no Debian package source on this machine",
            where=str(etc),
            expected="an entry with a Debian suite and the component main",
            hint="cat /etc/apt/sources.list.d/debian.sources",
        )
    uri, signed_by = source
    if not signed_by:
        keyrings = [Path("/usr/share/keyrings", name) for name in _KEYRINGS]
        signed_by = next((str(path) for path in keyrings if path.is_file()), "")
        if not signed_by:
            raise LabError(
                "the keys of the Debian archive are missing", hint="apt-get install debian-archive-keyring"
            )
    dump = run(["apt-config", "dump"]).splitlines()
    wanted = re.compile(r"Acquire::(http|https|ftp|Retries|Check-|ForceIPv|Max-|AllowInsecure|Queue)", re.IGNORECASE)
    return Archive(uri, signed_by, "\n".join(line for line in dump if wanted.match(line)))


@dataclass(frozen=True)
class Suite:
    """One suite of the archive with an apt of its own in the cache."""

    name: str
    folder: Path

    @classmethod
    def open(cls, name: str) -> Suite:
        """Prepare the private apt of a suite (no network yet)."""
        suite = cls(name, places.cache_dir() / "apt" / name)
        for part in ("lists/partial", "cache/archives/partial", "empty", "debs"):
            (suite.folder / part).mkdir(parents=True, exist_ok=True)
        archive = machine_archive()
        keys = archive.signed_by.replace("\n", "\n ")
        suite.sources.write_text(
            f"Types: deb\nURIs: {archive.uri}\nSuites: {name}\nComponents: main\nSigned-By: {keys}\n"
        )
        suite.settings.write_text(archive.settings + "\n")
        (suite.folder / "status").touch()
        own = suite.folder
        suite._config.write_text(
            f'Dir::Etc::parts "{own}/empty";\nDir::Etc::main "{suite.settings}";\n'
            f'Dir::Etc::sourcelist "{suite.sources}";\nDir::Etc::sourceparts "{own}/empty";\n'
            f'Dir::Etc::preferences "/dev/null";\nDir::Etc::preferencesparts "{own}/empty";\n'
            f'Dir::State "{own}";\nDir::State::status "{own}/status";\nDir::Cache "{own}/cache";\n'
            'Dir::Cache::pkgcache "";\nDir::Cache::srcpkgcache "";\nAcquire::GzipIndexes "true";\n'
            'Acquire::Languages "none";\nAPT::Sandbox::User "root";\n'
        )
        return suite

    @property
    def sources(self) -> Path:
        """Return the suite's source file (deb822)."""
        return self.folder / "lab.sources"

    @property
    def settings(self) -> Path:
        """Return the file with the machine's Acquire:: settings."""
        return self.folder / "machine.conf"

    @property
    def _config(self) -> Path:
        return self.folder / "apt.conf"

    def _apt(self, *argv: str, cwd: Path | None = None) -> str:
        env = {**os.environ, "APT_CONFIG": str(self._config), "LC_ALL": "C.UTF-8"}
        return run(argv, env=env, cwd=cwd, hint="apt-get update  (does this machine reach its own package archive?)")

    def update(self, *, force: bool = False) -> None:
        """Fetch the package lists when they are missing, or older than a day."""
        stamp = self.folder / "updated"
        if not force and stamp.exists() and time.time() - stamp.stat().st_mtime < _LISTS_MAX_AGE_S:
            return
        self._apt("apt-get", "-q", "--error-on=any", "update")
        stamp.touch()

    def candidate(self, package: str) -> str | None:
        """Return the full version that the suite has now, None when it has none."""
        match = re.search(r"Candidate: (\S+)", self._apt("apt-cache", "policy", package))
        return match[1] if match and match[1] != "(none)" else None

    def fetch(self, package: str, version: str) -> Path:
        """Return the .deb of the upstream `version` (any Debian revision of it), downloaded once."""
        # apt writes the epoch's colon as %3a; a revision begins with one of + ~ -
        pattern = re.compile(rf"{re.escape(package)}_(?:\d+%3a)?{re.escape(version)}(?:[+~-][^_]*)?_[^_]+\.deb")
        debs = self.folder / "debs"
        for path in sorted(debs.glob("*.deb")):
            if pattern.fullmatch(path.name):
                return path
        self.update()
        found = self.candidate(package)
        if found is None or not re.fullmatch(rf"(?:\d+:)?{re.escape(version)}(?:[+~-].*)?", found):
            self.update(force=True)
            found = self.candidate(package)
        if found is None or not re.fullmatch(rf"(?:\d+:)?{re.escape(version)}(?:[+~-].*)?", found):
            raise LabError(
                f"{package} {version} is gone from the suite {self.name}",
                found=found or "nothing",
                expected=version,
                hint=f"put {found or 'another one'} where staithe/lab/ has {version}, or the old .deb into {debs}",
            )
        partial = debs / "partial"
        partial.mkdir(exist_ok=True)
        self._apt("apt-get", "-q", "download", f"{package}={found}", cwd=partial)
        fresh = next(path for path in partial.iterdir() if pattern.fullmatch(path.name))
        return fresh.rename(debs / fresh.name)

    def fetch_with_needs(self, package: str, version: str, kinds: tuple[str, ...], target: Path) -> list[Path]:
        """Download a package and what it needs into `target`: of all that apt would install, the names of `kinds`.

        `kinds`: beginnings of names. Only `package` is pinned; what goes together is the suite's to say, on that day.
        """
        self.fetch(package, version)
        try:
            return self._fetch_all(package, kinds, target)
        except LabError:
            # Lists of yesterday name files that are gone.
            self.update(force=True)
            return self._fetch_all(package, kinds, target)

    def _fetch_all(self, package: str, kinds: tuple[str, ...], target: Path) -> list[Path]:
        self.update()
        listed = self._apt("apt-get", "-q", "--yes", "--no-install-recommends", "--print-uris", "install", package)
        names = {match[1] for match in re.finditer(r"^'\S+' ([^_\s]+)_\S+\.deb ", listed, re.MULTILINE)}
        wanted = sorted(name for name in names if name.startswith(kinds))
        self._apt("apt-get", "-q", "download", *wanted, cwd=target)
        return sorted(target.glob("*.deb"))
