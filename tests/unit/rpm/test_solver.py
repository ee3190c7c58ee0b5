"""Closures of small repositories, each with one thing that a naive solver gets wrong.

That they are dnf's own answers is shown in tests/lab/test_dnf_equality.py.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("solv")

from staithe.errors import RepositoryError, SolverMissing, Unsolvable
from staithe.rpm import libsolv
from staithe.rpm.base import Base, parse
from staithe.rpm.closure import Closure, Request
from staithe.rpm.nevra import Nevra
from staithe.rpm.repository import Repository
from staithe.rpm.solver import resolve
from tests.rpm_repositories import Repo, Rpm, default, module

EL8 = {"platform": ["el8"]}
ARCHES = ("x86_64", "aarch64")


def closure(
    folder: Path, names: list[str], *repos: list[Rpm] | Repo, base: Base | None = None, **request: Any
) -> Closure:
    written = []
    for number, one in enumerate(repos):
        repo = one if isinstance(one, Repo) else Repo(f"r{number}", one)
        path = repo.write(folder)
        settings = {"priority": repo.priority, "cost": repo.cost, "module_hotfixes": repo.module_hotfixes}
        written.append(Repository.in_folder(repo.id, path, **settings))
    return resolve(Request(tuple(names), "x86_64", "platform:el8", **request), written, base)


def test_a_package_is_told_with_all_that_a_lock_needs(tmp_path: Path) -> None:
    rpm = Rpm("docker-ce", "3:28.5.2-1.el9")
    (package,) = closure(tmp_path, ["docker-ce"], [rpm]).packages
    assert package.nevra == Nevra("docker-ce", 3, "28.5.2", "1.el9", "x86_64") and package.repository == "r0"
    assert package.href == "Packages/docker-ce-28.5.2-1.el9.x86_64.rpm"
    assert (package.checksum.kind, package.checksum.hex) == ("sha256", rpm.pkgid)
    assert (package.size_bytes, package.build_time) == (1000, 1600000000)
    assert package.source == "docker-ce-28.5.2-1.el9.src.rpm"


@pytest.mark.parametrize("packing", ["gz", "xz", "bz2", "zst"])
def test_a_file_that_only_filelists_have_is_found(tmp_path: Path, packing: str) -> None:
    rpms = [Rpm("a", requires=["/usr/libexec/b"]), Rpm("b", files=["/usr/libexec/b"])]
    assert closure(tmp_path, ["a"], Repo("r", rpms, packing=packing)).nevras == ("a-1-1.x86_64", "b-1-1.x86_64")


@pytest.mark.parametrize(
    ("spec", "nevras"),
    [
        ("a", ("a-1:1-1.x86_64",)),
        ("a-9", ("a-9-1.x86_64",)),
        ("a-9-1", ("a-9-1.x86_64",)),
        ("a-0:9-1", ("a-9-1.x86_64",)),
        ("a-1:1", ("a-1:1-1.x86_64",)),
        ("a-1:1-1.x86_64", ("a-1:1-1.x86_64",)),
        ("a.x86_64", ("a-1:1-1.x86_64",)),
        ("b-cap", ("b-cap-1-1.noarch",)),
        ("cap", ("b-cap-1-1.noarch",)),
        ("cap >= 2", ("b-cap-1-1.noarch",)),
        ("/usr/share/b", ("b-cap-1-1.noarch",)),
    ],
)
def test_names_are_read_as_dnf_reads_them(tmp_path: Path, spec: str, nevras: tuple[str, ...]) -> None:
    rpms = [Rpm("a", "9-1"), Rpm("a", "1:1-1")]
    rpms.append(Rpm("b-cap", arch="noarch", provides=["cap = 2"], files=["/usr/share/b"]))
    assert closure(tmp_path, [spec], rpms).nevras == nevras


def test_a_name_leads_to_what_obsoletes_it_but_a_version_does_not(tmp_path: Path) -> None:
    rpms = [Rpm("old"), Rpm("new", obsoletes=["old < 2"])]
    assert closure(tmp_path / "1", ["old"], rpms).nevras == ("new-1-1.x86_64",)
    assert closure(tmp_path / "2", ["old-1-1"], rpms).nevras == ("old-1-1.x86_64",)


def test_weak_and_32_bit_packages_stay_out(tmp_path: Path) -> None:
    rpms = [
        Rpm("a", requires=["lib"], recommends=["extra"]),
        Rpm("extra"),
        Rpm("lib32", "9-1", "i686", provides=["lib"]),
        Rpm("lib64", "1-1", provides=["lib"]),
    ]
    assert closure(tmp_path, ["a"], rpms).nevras == ("a-1-1.x86_64", "lib64-1-1.x86_64")


def test_rich_dependencies_hold(tmp_path: Path) -> None:
    rpms = [Rpm("a", requires=["(b if c)"]), Rpm("b"), Rpm("c")]
    assert closure(tmp_path / "1", ["a"], rpms).nevras == ("a-1-1.x86_64",)
    assert closure(tmp_path / "2", ["a", "c"], rpms).nevras == ("a-1-1.x86_64", "b-1-1.x86_64", "c-1-1.x86_64")


def test_priority_comes_before_version(tmp_path: Path) -> None:
    repos = [Repo("far", [Rpm("a", "2-1")]), Repo("near", [Rpm("a", "1-1")], priority=10)]
    (package,) = closure(tmp_path, ["a"], *repos).packages
    assert (package.repository, package.nevra.evr) == ("near", "1-1")


def test_packages_of_streams_that_are_not_active_are_hidden(tmp_path: Path) -> None:
    rpms = [Rpm("a", "2-1"), Rpm("a", "1-1"), Rpm("b")]
    text = module("m", "1", ["a-0:1-1.x86_64"], EL8) + module("m", "2", ["b-0:1-1.x86_64"], EL8) + default("m", "1")
    # a-2 is no package of the stream that has taken the name.
    assert closure(tmp_path / "1", ["a"], Repo("r", rpms, modules=text)).nevras == ("a-1-1.x86_64",)
    with pytest.raises(Unsolvable, match="not active"):
        closure(tmp_path / "2", ["b"], Repo("r", rpms, modules=text))
    fixed = Repo("r", rpms, modules=text, module_hotfixes=True)
    assert closure(tmp_path / "3", ["a", "b"], fixed).nevras == ("a-2-1.x86_64", "b-1-1.x86_64")


def test_an_upgrade_of_one_name_changes_only_what_must_change(tmp_path: Path) -> None:
    def at(version: str, lib: str) -> list[Rpm]:
        evr = f"{version}-1"
        return [Rpm("a", evr, requires=[f"lib >= {lib}", "side"]), Rpm("b", evr, requires=["side"]), Rpm("side", evr)]

    rpms = [*at("1", "1"), *at("2", "2"), Rpm("lib", "1-1"), Rpm("lib", "2-1"), Rpm("lib", "3-1")]
    locked = tuple(Nevra.parse(f"{name}-1-1.x86_64") for name in ("a", "b", "lib", "side", "gone"))
    kept = closure(tmp_path / "1", ["a", "b"], rpms, locked=locked).nevras
    assert kept == ("a-1-1.x86_64", "b-1-1.x86_64", "lib-1-1.x86_64", "side-1-1.x86_64")
    upgraded = closure(tmp_path / "2", ["a", "b"], rpms, locked=locked, upgrade=frozenset({"a"})).nevras
    assert upgraded == ("a-2-1.x86_64", "b-1-1.x86_64", "lib-3-1.x86_64", "side-1-1.x86_64")
    free = closure(tmp_path / "3", ["a", "b"], rpms).nevras
    assert free == ("a-2-1.x86_64", "b-2-1.x86_64", "lib-3-1.x86_64", "side-2-1.x86_64")


def test_who_needs_what_is_told(tmp_path: Path) -> None:
    with pytest.raises(Unsolvable) as caught:
        closure(tmp_path, ["a"], [Rpm("a", requires=["b"]), Rpm("b", requires=["libx.so.1()(64bit)"])])
    assert caught.value.exit_code == 2
    assert "nothing provides libx.so.1()(64bit) needed by b-1-1.x86_64" in str(caught.value)


def test_what_hides_a_provider_is_told(tmp_path: Path) -> None:
    with pytest.raises(Unsolvable, match=r"package b-1-1\.i686 is hidden: excluded"):
        closure(tmp_path, ["a"], [Rpm("a", requires=["b"]), Rpm("b", arch="i686")])


def test_another_architecture_has_a_closure_of_its_own(tmp_path: Path) -> None:
    rpms = [Rpm(name, arch=arch, requires=need) for name, need in (("a", ["b"]), ("b", [])) for arch in ARCHES]
    path = Repo("r", rpms).write(tmp_path)
    found = resolve(Request(("a",), "aarch64", "platform:el9"), [Repository.in_folder("r", path)])
    assert found.nevras == ("a-1-1.aarch64", "b-1-1.aarch64")


def test_all_names_that_nobody_has_are_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(Unsolvable) as caught:
        closure(tmp_path, ["no-1", "a", "no-2", "a*", "lib"], [Rpm("a"), Rpm("lib", arch="i686")])
    assert caught.value.problems == (
        ("no repository has no-1",),
        ("no repository has no-2",),
        ("a* is a pattern; name the packages",),
        ("all packages for lib are hidden: excluded, or of a module stream that is not active",),
    )


DUMP = (
    "P\tbash\t0\t5\t1\tx86_64\nV\tbash\t=\t5-1\nV\t/bin/sh\t\t\nF\t/usr/share/bash\n"
    "P\tgpg-pubkey\t0\t1\t1\t(none)\n"
    "P\tlib\t1\t1\t1\tx86_64\nR\trpmlib(X)\t<=\t4\nR\t(bash if lib)\t\t\nC\tfoe\t<\t2-1\nO\tlib-old\t\t\n"
)


def test_what_is_installed_is_not_in_the_closure(tmp_path: Path) -> None:
    base = parse(DUMP, "web1")
    rpms = [Rpm("a", requires=["/bin/sh", "/usr/share/bash", "lib >= 1:1"])]
    assert closure(tmp_path / "1", ["a"], rpms, base=base).nevras == ("a-1-1.x86_64",)
    newer = [*rpms, Rpm("lib", "1:2-1")]
    assert closure(tmp_path / "2", ["a"], newer, base=base).nevras == ("a-1-1.x86_64",)
    with pytest.raises(Unsolvable, match="needed by a-1-1"):
        closure(tmp_path / "3", ["a"], rpms)
    with pytest.raises(Unsolvable, match="lib-1:1-1"):
        closure(tmp_path / "4", ["foe"], [Rpm("foe")], base=base)
    assert closure(tmp_path / "5", ["bash"], [Rpm("bash", "5-1")], base=base).packages == ()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ('<location href="', '<location xml:base="http://other/" href="'),
        ('<location href="', '<location href="../../'),
        ('type="sha256" pkgid', 'type="sha" pkgid'),
    ],
)
def test_a_package_that_leads_elsewhere_is_refused(
    tmp_path: Path, change: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests import rpm_repositories

    plain = rpm_repositories._primary_package
    if "sha256" in change:
        monkeypatch.setattr(Rpm, "pkgid", "0" * 40)
    monkeypatch.setattr(rpm_repositories, "_primary_package", lambda rpm: plain(rpm).replace(change, words))
    with pytest.raises(RepositoryError, match=r"r0: a-1-1\.x86_64"):
        closure(tmp_path, ["a"], [Rpm("a")])


def test_xml_that_breaks_off_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Repo, "_primary", lambda _: "<metadata><package>")
    with pytest.raises(RepositoryError, match="cannot be parsed"):
        closure(tmp_path, ["a"], [Rpm("a")])


def test_a_folder_without_a_repository_is_told(tmp_path: Path) -> None:
    with pytest.raises(RepositoryError, match="there is no repository") as caught:
        Repository.in_folder("r", tmp_path)
    assert str(caught.value.hint).startswith("createrepo_c")


def test_a_python_without_libsolv_is_told_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "solv", None)
    with pytest.raises(SolverMissing) as caught:
        libsolv.load()
    assert caught.value.exit_code == 2 and "staithe[bundle]" in str(caught.value.hint)


def test_nothing_heavy_is_imported_before_it_is_needed() -> None:
    code = "import sys, staithe.rpm.solver; print({'solv', 'yaml', 'zstandard'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
