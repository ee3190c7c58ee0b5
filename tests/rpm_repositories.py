"""Package repositories made of nothing but metadata, and a generator of nasty ones.

They are written as plain XML, with nothing of staithe, as createrepo_c would: primary.xml has the files that lie in
/etc and in bin folders, filelists.xml has all.
"""

from __future__ import annotations

import bz2
import gzip
import hashlib
import lzma
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any
from xml.sax.saxutils import escape, quoteattr

_FLAGS = {"=": "EQ", "<": "LT", ">": "GT", "<=": "LE", ">=": "GE"}
_IN_PRIMARY = re.compile(r"^/etc/|bin/|^/usr/lib/sendmail$")


@dataclass
class Rpm:
    """One package; dependencies are texts: `name`, `name >= 1:2-3`, or a rich one in parentheses."""

    name: str
    evr: str = "1-1"
    arch: str = "x86_64"
    provides: list[str] = field(default_factory=list)
    requires: list[str] = field(default_factory=list)
    conflicts: list[str] = field(default_factory=list)
    obsoletes: list[str] = field(default_factory=list)
    recommends: list[str] = field(default_factory=list)
    supplements: list[str] = field(default_factory=list)
    files: list[str] = field(default_factory=list)

    @property
    def parts(self) -> tuple[str, str, str]:
        epoch, _, rest = self.evr.rpartition(":")
        version, _, release = rest.rpartition("-")
        return epoch or "0", version, release

    @property
    def nevra(self) -> str:
        """The name with an epoch, always, as modules list it."""
        epoch, version, release = self.parts
        return f"{self.name}-{epoch}:{version}-{release}.{self.arch}"

    @property
    def pkgid(self) -> str:
        return hashlib.sha256(repr(self).encode()).hexdigest()


@dataclass
class Repo:
    """One repository before it is written."""

    id: str
    rpms: list[Rpm]
    priority: int = 99
    cost: int = 1000
    module_hotfixes: bool = False
    modules: str = ""
    packing: str = "gz"

    def write(self, folder: Path) -> Path:
        """Write it below `folder` and return its own folder."""
        root = folder / self.id
        (root / "repodata").mkdir(parents=True)
        parts = {"primary": (self._primary(), "xml"), "filelists": (self._filelists(), "xml")}
        if self.modules:
            parts["modules"] = (self.modules, "yaml")
        entries = [_write_part(root, kind, text, suffix, self.packing) for kind, (text, suffix) in parts.items()]
        (root / "repodata/repomd.xml").write_text(
            '<?xml version="1.0" encoding="UTF-8"?>\n'
            '<repomd xmlns="http://linux.duke.edu/metadata/repo">\n<revision>1700000000</revision>\n'
            + "".join(entries)
            + "</repomd>\n"
        )
        return root

    def _primary(self) -> str:
        packages = "".join(_primary_package(rpm) for rpm in self.rpms)
        return (
            '<?xml version="1.0" encoding="UTF-8"?>\n<metadata xmlns="http://linux.duke.edu/metadata/common" '
            f'xmlns:rpm="http://linux.duke.edu/metadata/rpm" packages="{len(self.rpms)}">\n{packages}</metadata>\n'
        )

    def _filelists(self) -> str:
        packages = []
        for rpm in self.rpms:
            epoch, version, release = rpm.parts
            files = "".join(f"<file>{escape(path)}</file>\n" for path in rpm.files)
            packages.append(
                f'<package pkgid="{rpm.pkgid}" name={quoteattr(rpm.name)} arch="{rpm.arch}">\n'
                f'<version epoch="{epoch}" ver="{version}" rel="{release}"/>\n{files}</package>\n'
            )
        return (
            '<?xml version="1.0" encoding="UTF-8"?>\n<filelists xmlns="http://linux.duke.edu/metadata/filelists" '
            f'packages="{len(self.rpms)}">\n{"".join(packages)}</filelists>\n'
        )


def packed(content: bytes, packing: str) -> bytes:
    """Pack content as a file with that suffix would be."""
    if packing == "zst":
        import zstandard

        return zstandard.compress(content)
    return {"gz": lambda: gzip.compress(content, mtime=0), "xz": lambda: lzma.compress(content)}.get(
        packing, lambda: bz2.compress(content)
    )()


def _write_part(root: Path, kind: str, text: str, suffix: str, packing: str) -> str:
    content = text.encode()
    blob = packed(content, packing)
    digest = hashlib.sha256(blob).hexdigest()
    href = f"repodata/{digest}-{kind}.{suffix}.{packing}"
    (root / href).write_bytes(blob)
    return (
        f'<data type="{kind}">\n<checksum type="sha256">{digest}</checksum>\n'
        f'<open-checksum type="sha256">{hashlib.sha256(content).hexdigest()}</open-checksum>\n'
        f'<location href="{href}"/>\n<timestamp>1700000000</timestamp>\n'
        f"<size>{len(blob)}</size>\n<open-size>{len(content)}</open-size>\n</data>\n"
    )


def _primary_package(rpm: Rpm) -> str:
    epoch, version, release = rpm.parts
    mine = [f"{rpm.name} = {rpm.evr}", *rpm.provides]
    dependencies = {
        "provides": mine,
        "requires": rpm.requires,
        "conflicts": rpm.conflicts,
        "obsoletes": rpm.obsoletes,
        "recommends": rpm.recommends,
        "supplements": rpm.supplements,
    }
    listed = "".join(
        f"<rpm:{kind}>{''.join(_entry(text) for text in texts)}</rpm:{kind}>\n"
        for kind, texts in dependencies.items()
        if texts
    )
    files = "".join(f"<file>{escape(path)}</file>\n" for path in rpm.files if _IN_PRIMARY.search(path))
    return (
        f'<package type="rpm"><name>{escape(rpm.name)}</name><arch>{rpm.arch}</arch>'
        f'<version epoch="{epoch}" ver="{version}" rel="{release}"/>'
        f'<checksum type="sha256" pkgid="YES">{rpm.pkgid}</checksum><summary>x</summary><description>x</description>'
        '<packager></packager><url></url><time file="1700000000" build="1600000000"/>'
        '<size package="1000" installed="2000" archive="3000"/>'
        f'<location href="Packages/{escape(rpm.name)}-{version}-{release}.{rpm.arch}.rpm"/>\n<format>'
        "<rpm:license>x</rpm:license><rpm:vendor></rpm:vendor><rpm:group>x</rpm:group><rpm:buildhost></rpm:buildhost>"
        f"<rpm:sourcerpm>{escape(rpm.name)}-{version}-{release}.src.rpm</rpm:sourcerpm>"
        f'<rpm:header-range start="1" end="2"/>\n{listed}{files}</format></package>\n'
    )


def _entry(text: str) -> str:
    if text.startswith("(") or " " not in text:
        return f"<rpm:entry name={quoteattr(text)}/>"
    name, flag, evr = text.split(" ")
    epoch, _, rest = evr.rpartition(":")
    version, _, release = rest.partition("-")
    rel = f' rel="{release}"' if release else ""
    return f'<rpm:entry name={quoteattr(name)} flags="{_FLAGS[flag]}" epoch="{epoch or 0}" ver="{version}"{rel}/>'


def module(name: str, stream: str, rpms: list[str], requires: dict[str, list[str]], **more: Any) -> str:
    """Return a modulemd document of version 2."""
    version, context, arch = more.get("version", 1), more.get("context", "c0ffee42"), more.get("arch", "x86_64")
    static = ["  static_context: true"] if more.get("static_context") else []
    lines = [
        *("---", "document: modulemd", "version: 2", "data:", f"  name: {name}", f'  stream: "{stream}"'),
        *(f"  version: {version}", f"  context: {context}", f"  arch: {arch}", "  summary: x", "  description: x"),
        *static,
        *("  license:", "    module: [MIT]", "  dependencies:", "  - requires:"),
        *(f"      {one}: [{', '.join(streams)}]" for one, streams in requires.items()),
    ]
    if rpms:
        lines += ["  artifacts:", "    rpms:", *(f"    - {nevra}" for nevra in rpms)]
    return "\n".join([*lines, "...", ""])


def default(name: str, stream: str | None, modified: int = 0) -> str:
    """Return a modulemd-defaults document."""
    lines = ["---", "document: modulemd-defaults", "version: 1", "data:", f"  module: {name}"]
    lines += [f"  modified: {modified}"] if modified else []
    lines += [f'  stream: "{stream}"'] if stream else []
    lines += ["  profiles:", f'    "{stream or 1}": []']
    return "\n".join([*lines, "...", ""])


@dataclass
class Case:
    """Repositories and what is asked of them."""

    seed: str
    repos: list[Repo]
    names: list[str]
    platform: str
    features: set[str] = field(default_factory=set)


_VERSIONS = ("1-1", "1-2", "1.1-1", "2-1", "2-1.el9", "2~rc1-1", "2^git-1", "10-1", "1:0.5-1", "1:1-1", "2:1-1")
_PACKINGS = ("gz", "gz", "gz", "xz", "zst", "bz2")


class Generator:
    """Makes one nasty case from a seed."""

    def __init__(self, seed: str, number: int, installed: Sequence[str] = ()) -> None:
        self.random = Random(f"{seed}/{number}")
        self.case = Case(f"{seed}/{number}", [], [], f"platform:el{self.random.choice((8, 9, 10))}")
        self.number = number
        self.names = [f"p{n}" for n in range(self.random.randrange(6, 26))]
        # New versions of what is there, and packages that need it, obsolete it and conflict with it. Older versions
        # and requests by capability are left out: there libsolv decides otherwise since 0.7.25 (decision 0008).
        self.installed = frozenset(installed)
        self.names += self.random.sample(sorted(installed), min(len(installed), 8))
        if self.random.random() < 0.15:
            self.names.append("kernel")
        self.capabilities = [f"cap{n}" for n in range(self.random.randrange(2, 8))]
        self.deep_files = [f"/usr/share/deep/f{n}" for n in range(4)]
        self.bin_files = [f"/usr/bin/tool{n}" for n in range(4)]

    def make(self) -> Case:
        """Return the case; the number decides what it must have, the seed the rest."""
        rpms = [rpm for name in self.names for rpm in self._versions_of(name)]
        count = self.random.choice((1, 1, 2, 3))
        for n in range(count):
            mine = [rpm for rpm in rpms if count == 1 or self.random.random() < 0.6]
            self.case.repos.append(
                Repo(
                    f"r{n}",
                    mine,
                    priority=self.random.choice((99, 99, 99, 50, 10)) if count > 1 else 99,
                    cost=self.random.choice((1000, 1000, 500)),
                    packing=self.random.choice(_PACKINGS),
                )
            )
        self._ask()
        if self.number % 4 == 0:
            self._need_filelists()
        if self.number % 7 == 1:
            self._obsolete_the_request()
        if self.number % 5 == 2:
            self._only_i686()
        if self.number % 16 == 5:
            self._two_at_once()
        if self.number % 3 == 1:
            self._modules()
        if self.number % 10 == 9:
            self._unsolvable()
        return self.case

    def _versions_of(self, name: str) -> list[Rpm]:
        versions = self.random.sample(_VERSIONS, self.random.choice((1, 1, 2, 3)))
        if name in self.installed:
            versions = [f"{9 + int(evr.rpartition(':')[0] or 0)}:{evr.rpartition(':')[2]}" for evr in versions]
        others = (["noarch"], ["x86_64", "i686"], ["x86_64", "aarch64"], ["x86_64", "src"])
        arches = self.random.choice((["x86_64"],) * 7 + others)
        return [self._rpm(name, evr, arch) for evr in versions for arch in arches]

    def _rpm(self, name: str, evr: str, arch: str) -> Rpm:
        chance = self.random.random
        rpm = Rpm(name, evr, arch)
        for _ in range(self.random.choice((0, 0, 1, 1, 2))):
            capability = self.random.choice(self.capabilities)
            rpm.provides.append(capability if chance() < 0.5 else f"{capability} = {self._evr()}")
        rpm.requires += [self._dependency() for _ in range(self.random.choice((0, 0, 1, 1, 2, 3)))]
        if chance() < 0.08:
            rpm.conflicts.append(self._name_dependency())
        if chance() < 0.04:
            rpm.conflicts.append(f"({self._name()} if {self._name()})")
        if chance() < 0.06:
            rpm.obsoletes.append(self._name() if chance() < 0.5 else f"{self._name()} < {self._evr()}")
        if chance() < 0.2:
            rpm.recommends.append(self._dependency())
        if chance() < 0.1:
            rpm.supplements.append(self._name())
        if chance() < 0.25:
            rpm.files.append(self.random.choice(self.bin_files))
        if chance() < 0.25:
            rpm.files.append(self.random.choice(self.deep_files))
        return rpm

    def _name(self) -> str:
        return self.random.choice(self.names)

    def _evr(self) -> str:
        return self.random.choice(_VERSIONS)

    def _name_dependency(self) -> str:
        flag = self.random.choice(("", "", "", "=", "<", ">=", "<=", ">"))
        evr = self._evr() if self.random.random() < 0.5 else self._evr().rpartition("-")[0]
        return f"{self._name()} {flag} {evr}" if flag else self._name()

    def _dependency(self) -> str:
        kind = self.random.random()
        if kind < 0.35:
            return self._name_dependency()
        if kind < 0.7:
            capability = self.random.choice(self.capabilities)
            return capability if self.random.random() < 0.7 else f"{capability} >= {self._evr()}"
        if kind < 0.8:
            return self.random.choice(self.bin_files)
        if kind < 0.86:
            return self.random.choice(self.deep_files)
        self.case.features.add("rich")
        one, two, three = self._name_dependency(), self._name_dependency(), self._name_dependency()
        capability = self.random.choice(self.capabilities)
        return self.random.choice(
            (
                f"({one} or {two})",
                f"({one} and {two})",
                f"({one} if {two})",
                f"({one} if {two} else {three})",
                f"({capability} with {capability} >= 1)",
                f"({capability} without {one})",
                f"({capability} or ({one} and {two}))",
            )
        )

    def _ask(self) -> None:
        rpms = [rpm for repo in self.case.repos for rpm in repo.rpms] or [Rpm("p0")]
        for rpm in self.random.sample(rpms, min(len(rpms), self.random.choice((1, 1, 1, 2)))):
            version = rpm.evr.rpartition("-")[0]
            forms = (f"{rpm.name}-{rpm.evr}", f"{rpm.name}-{version}", f"{rpm.name}.{rpm.arch}", rpm.nevra)
            others = (self.random.choice(self.capabilities), self.random.choice(self.bin_files + self.deep_files))
            choice = self.random.random() * (0.9 if self.installed else 1)
            name = rpm.name if choice < 0.7 else self.random.choice(forms if choice < 0.9 else others)
            self.case.names.append(name)

    def _need_filelists(self) -> None:
        """Let a new name be asked for that needs a file which primary.xml does not have."""
        self.case.features.add("filelists")
        path = f"/usr/libexec/only/{self.number}"
        home = self.random.choice(self.case.repos)
        home.rpms.append(Rpm("asker", requires=[path]))
        for name in self.random.sample(("holder-a", "holder-b", "holder-c"), self.random.choice((1, 2, 3))):
            self.random.choice(self.case.repos).rpms.append(Rpm(name, self._evr(), files=[path]))
        self.case.names = ["asker"]

    def _obsolete_the_request(self) -> None:
        self.case.features.add("obsoletes")
        if "filelists" not in self.case.features:
            self.case.names = ["old-name"]
            self.random.choice(self.case.repos).rpms.append(Rpm("old-name", self._evr()))
        wanted = self.case.names[0]
        text = wanted if self.random.random() < 0.6 else f"{wanted} < 3:0-0"
        for name in self.random.sample(("new-name", "newer-name"), self.random.choice((1, 1, 2))):
            provides = [f"{wanted} = 3:0-1"] if self.random.random() < 0.5 else []
            self.random.choice(self.case.repos).rpms.append(
                Rpm(name, self._evr(), obsoletes=[text], provides=provides)
            )

    def _only_i686(self) -> None:
        """Let a capability be offered for 32 bit alone, beside others that have it for both."""
        self.case.features.add("i686")
        repo = self.random.choice(self.case.repos)
        repo.rpms.append(Rpm("lib32", self._evr(), "i686", provides=["cap-both", "cap32"]))
        if self.random.random() < 0.7:
            repo.rpms.append(Rpm("lib64", self._evr(), "x86_64", provides=["cap-both"]))
        need = "cap32" if self.random.random() < 0.25 else "cap-both"
        repo.rpms.append(Rpm("needs-lib", requires=[need]))
        self.case.names.append("needs-lib")

    def _two_at_once(self) -> None:
        """Let two versions of one name be needed, which dnf allows for kernels alone."""
        self.case.features.add("two-at-once")
        name = self.random.choice(("kernel", "kernel", "kernel-PAE", "no-kernel", "my-kmod"))
        provides = ["installonlypkg(kernel-module)"] if name == "my-kmod" else []
        home = self.random.choice(self.case.repos)
        home.rpms += [Rpm(name, evr, provides=provides) for evr in ("7-1", "8-1")]
        home.rpms += [Rpm(f"needs-{version}", requires=[f"{name} = {version}-1"]) for version in (7, 8)]
        self.case.names = ["needs-7", "needs-8"]

    def _unsolvable(self) -> None:
        self.case.features.add("unsolvable")
        rpm = Rpm("broken", requires=[self.random.choice(("nobody-has-this", "p0 > 99", "/no/such/file"))])
        if self.random.random() < 0.3:
            rpm = Rpm("broken", conflicts=[self.case.names[0].split("-")[0]], requires=[self.case.names[0]])
        self.random.choice(self.case.repos).rpms.append(rpm)
        self.case.names = ["broken"] if self.random.random() < 0.9 else [*self.case.names, "no-such-name"]

    def _modules(self) -> None:
        self.case.features.add("modules")
        modules = [f"m{n}" for n in range(self.random.choice((1, 1, 2, 3)))]
        for repo in self.case.repos:
            if repo.rpms and (len(self.case.repos) == 1 or self.random.random() < 0.7):
                repo.modules = "".join(self._module(repo, name, modules) for name in modules)
            if len(self.case.repos) > 1 and self.random.random() < 0.2:
                repo.module_hotfixes = True

    def _module(self, repo: Repo, name: str, modules: list[str]) -> str:
        streams = self.random.sample(("1", "1.10", "2", "rhel8", "stable"), self.random.choice((1, 2, 2, 3)))
        documents = []
        for stream in streams:
            for version in self.random.sample((1, 2, 20200101), self.random.choice((1, 1, 2))):
                documents.append(self._stream(repo, name, stream, version, modules))
        if self.random.random() < 0.8:
            stream = self.random.choice(streams) if self.random.random() < 0.9 else None
            documents.append(default(name, stream, self.random.choice((0, 0, 0, 202001010000, 202101010000))))
        return "".join(documents)

    def _stream(self, repo: Repo, name: str, stream: str, version: int, modules: list[str]) -> str:
        rpms = [rpm.nevra for rpm in self.random.sample(repo.rpms, min(len(repo.rpms), self.random.randrange(0, 5)))]
        if self.random.random() < 0.3:
            rpms.append(f"{self._name()}-0:9-9.src")
        requires = {"platform": [self.random.choice((self.case.platform.partition(":")[2],) * 5 + ("el7", ""))]}
        if self.random.random() < 0.3:
            other = self.random.choice(modules)
            if other != name:
                requires[other] = self.random.choice(([], ["1"], ["2", "stable"], ["-1"]))
        requires = {module: [one for one in allowed if one] for module, allowed in requires.items()}
        context = self.random.choice(("c0ffee42", "c0ffee42", "deadbeef"))
        static = self.random.random() < 0.15
        return module(name, stream, rpms, requires, version=version, context=context, static_context=static)


def generate(seed: str, number: int, installed: Sequence[str] = ()) -> Case:
    """Return case `number` of a seed; `installed` are names on the host that the case may touch."""
    return Generator(seed, number, installed).make()
