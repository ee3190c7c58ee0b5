"""Closures against dnf itself, which solves the same repositories on a lab host.

STAITHE_SOLVER_SEED=TEXT makes other cases; a message that names case N of a seed is enough to make it again:
tests.rpm_repositories.generate(SEED, N).
"""

from __future__ import annotations

import dataclasses
import io
import json
import os
import re
import shutil
import subprocess
import tarfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from staithe.errors import Unsolvable
from staithe.lab import rpms
from staithe.rpm import base, streams
from staithe.rpm.base import Base
from staithe.rpm.closure import Request
from staithe.rpm.modules import ModuleMetadata
from staithe.rpm.repository import Repository
from staithe.rpm.solver import resolve
from staithe.rpm.specs import Candidates
from tests.lab.conftest import Host
from tests.rpm_repositories import Case, Repo, generate

SEED = os.environ.get("STAITHE_SOLVER_SEED", "staithe")
CASES = 320
CASES_ON_A_BASE = 100
CASES_BY_COMMAND_LINE = 24
# On the host, and dnf's word for "no".
FOLDER = "/var/tmp/dnf-equality"
REFUSED = ("refused",)
Answer = tuple[str, ...]


@dataclass(frozen=True)
class Run:
    """Cases, where they lie on this machine, and what dnf made of them."""

    cases: list[Case]
    folder: Path
    dnf: list[Answer]
    base: Base | None = None

    def ours(self, number: int, *, filelists: bool = True) -> Answer:
        case = self.cases[number]
        repositories = []
        for repo in case.repos:
            one = Repository.in_folder(
                repo.id,
                self.folder / str(number) / repo.id,
                priority=repo.priority,
                cost=repo.cost,
                module_hotfixes=repo.module_hotfixes,
            )
            if not filelists:
                one = dataclasses.replace(one, repomd=dataclasses.replace(one.repomd, filelists=None))
            repositories.append(one)
        return solved(Request(tuple(case.names), "x86_64", case.platform), repositories, self.base)

    def different(self, ask: Callable[[int], Answer]) -> list[int]:
        """Return the numbers of the cases in which `ask` comes to something else than dnf."""
        return [number for number, answer in enumerate(self.dnf) if ask(number) != answer]


def solved(request: Request, repositories: Sequence[Repository], installed: Base | None) -> Answer:
    try:
        closure = resolve(request, repositories, installed)
    except Unsolvable:
        return REFUSED
    return tuple(
        sorted(
            f"{one.nevra.name}-{one.nevra.epoch}:{one.nevra.version}-{one.nevra.release}.{one.nevra.arch}"
            f"@{one.repository}"
            for one in closure.packages
        )
    )


def send(host: Host, folder: Path, target: str) -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        tar.add(folder, ".")
    command = f"sudo rm -rf {target} && sudo mkdir -p {target} && sudo tar -x -C {target}"
    subprocess.run(
        ["ssh", "-F", host.ssh_config, host.name, command], input=buffer.getvalue(), check=True, timeout=120
    )


def asked(host: Host, cases: Sequence[Case], target: str, *, clean: bool) -> list[Answer]:
    """Let dnf solve the cases that lie below `target` on the host."""
    work = {
        "cache": f"{FOLDER}/cache",
        "cases": [
            {
                "platform": case.platform,
                "clean": clean,
                "names": case.names,
                "repos": [
                    {
                        "id": repo.id,
                        "folder": f"{target}/{number}/{repo.id}",
                        "priority": repo.priority,
                        "cost": repo.cost,
                        "module_hotfixes": repo.module_hotfixes,
                    }
                    for repo in case.repos
                ],
            }
            for number, case in enumerate(cases)
        ],
    }
    program = Path(__file__).with_name("dnf_reference.py").read_text()
    host.sh(f"mkdir -p {FOLDER}; cat > {FOLDER}/reference.py <<'PROGRAM'\n{program}\nPROGRAM")
    host.sh(f"cat > {FOLDER}/work.json <<'WORK'\n{json.dumps(work)}\nWORK")
    printed = host.sh(f"python3 {FOLDER}/reference.py < {FOLDER}/work.json 2>/dev/null")
    answers = [json.loads(line) for line in printed.splitlines()]
    assert len(answers) == len(cases)
    return [tuple(answer["packages"]) if "packages" in answer else REFUSED for answer in answers]


def run(host: Host, cases: list[Case], folder: Path, name: str, installed: Base | None) -> Run:
    print(f"STAITHE_SOLVER_SEED={SEED}")
    for number, case in enumerate(cases):
        for repo in case.repos:
            repo.write(folder / str(number))
    send(host, folder, f"{FOLDER}/{name}")
    return Run(cases, folder, asked(host, cases, f"{FOLDER}/{name}", clean=installed is None), installed)


@pytest.fixture(scope="module")
def host(hosts: dict[str, Host]) -> Host:
    return hosts["h3"]


@pytest.fixture(scope="module")
def clean(host: Host, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Cases for a host that has nothing."""
    cases = [generate(SEED, number) for number in range(CASES)]
    return run(host, cases, tmp_path_factory.mktemp("clean"), "clean", None)


@pytest.fixture(scope="module")
def on_base(host: Host, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Cases for the host as it is, told by rpm."""
    installed = base.parse(host.sh(f"rpm -qa --qf '{base.QUERY_FORMAT}'"), host.name)
    # dnf protects some packages of the host that it runs on; no lock is made for replacing those.
    names = {one.nevra.name for one in installed.packages} - {"dnf", "yum", "systemd", "sudo", "python3"}
    cases = [generate(f"{SEED}/base", number, sorted(names)) for number in range(CASES_ON_A_BASE)]
    return run(host, cases, tmp_path_factory.mktemp("base"), "base", installed)


def test_every_closure_is_that_of_dnf(clean: Run) -> None:
    assert clean.different(clean.ours) == [], f"seed {SEED}"


def test_closures_on_a_base_are_those_of_dnf(on_base: Run) -> None:
    different = on_base.different(on_base.ours)
    # What can be installed at all is exact. Among several ways, libsolv since 0.7.25 prefers another one than the
    # host's 0.7.23 in a few cases in a thousand (decision 0008).
    assert [n for n in different if REFUSED in (on_base.ours(n), on_base.dnf[n])] == [], f"seed {SEED}/base"
    assert len(different) <= CASES_ON_A_BASE / 50, f"seed {SEED}/base: {different}"
    without = dataclasses.replace(on_base, base=None)
    assert len(without.different(without.ours)) > CASES_ON_A_BASE / 10


def test_the_cases_are_nasty_enough(clean: Run) -> None:
    def share(feature: str) -> float:
        return sum(feature in case.features for case in clean.cases) / CASES

    assert share("filelists") >= 1 / 5 and share("obsoletes") >= 1 / 10
    assert min(share(one) for one in ("i686", "rich", "modules", "unsolvable")) >= 1 / 11
    assert share("two-at-once") >= 1 / 20
    epochs = sum(any("-0:" not in one for one in answer) and answer != REFUSED for answer in clean.dnf)
    refused = clean.dnf.count(REFUSED)
    large = sum(len(answer) >= 4 for answer in clean.dnf)
    assert epochs >= CASES / 10 and CASES / 10 <= refused <= CASES / 2 and large >= CASES / 10


def test_a_run_without_filelists_is_seen(clean: Run) -> None:
    assert len(clean.different(lambda number: clean.ours(number, filelists=False))) >= CASES / 5


def test_a_run_without_obsoleters_is_seen(clean: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Candidates, "obsoleters", lambda *_: set())
    assert len(clean.different(clean.ours)) >= CASES / 20


def test_a_run_without_modules_is_seen(clean: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Repository, "read_modules", lambda _: ModuleMetadata())
    assert len(clean.different(clean.ours)) >= CASES / 20


def test_a_run_that_takes_every_stream_for_active_is_seen(clean: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "active_streams", lambda found, *_: [one for each in found for one in each.streams])
    assert len(clean.different(clean.ours)) >= CASES / 20


def test_the_reference_is_what_the_command_line_does(clean: Run, host: Host) -> None:
    numbers = [round(n * CASES / CASES_BY_COMMAND_LINE) for n in range(CASES_BY_COMMAND_LINE)]
    found = {number: by_command_line(host, clean.cases[number], f"{FOLDER}/clean/{number}") for number in numbers}
    assert found == {number: clean.dnf[number] for number in numbers}
    assert REFUSED in found.values() and any(len(answer) > 2 for answer in found.values())


def by_command_line(host: Host, case: Case, folder: str) -> Answer:
    """Ask `dnf install`; --debugsolver writes down what it would do."""
    words = [f"--setopt=module_platform_id={case.platform}", "--setopt=reposdir=/nowhere", "--releasever=9"]
    for repo in case.repos:
        words += [
            f"--repofrompath={repo.id},file://{folder}/{repo.id}",
            f"--setopt={repo.id}.priority={repo.priority}",
        ]
        words += [
            f"--setopt={repo.id}.cost={repo.cost}",
            f"--setopt={repo.id}.module_hotfixes={repo.module_hotfixes}",
        ]
    words += ["--setopt=install_weak_deps=0", "--setopt=best=1", "--exclude=*.i?86", "--nogpgcheck", "--debugsolver"]
    quoted = " ".join(f"'{word}'" for word in (*words, "--assumeno", "install", *case.names))
    printed = host.sh(
        f"work=$(mktemp -d); mkdir $work/root; cd $work\n"
        f"dnf -q --installroot=$work/root {quoted} >out 2>&1 || grep -q aborted out || echo refused\n"
        f"grep ^install debugdata/rpms/solver.result; rm -rf $work; true"
    )
    lines = printed.splitlines()
    if "refused" in lines:
        return REFUSED
    # An epoch of 0 is left out there.
    return tuple(
        sorted(
            re.sub(r"^install (.+)-(?!\d+:)([^-]+-[^-]+)$", r"\1-0:\2", line).removeprefix("install ")
            for line in lines
        )
    )


SPEC = """Name: docker-ce
Epoch: 3
Version: 28.5.2
Release: 1.el9
Summary: A stand-in
License: x
Requires: docker-ce-cli, containerd.io >= 1.7.27, container-selinux, systemd, iptables
Requires: (shadow-utils or sysuser-helper), /usr/libexec/plugin
Requires(pre): /bin/sh
Recommends: docker-ce-rootless-extras
Provides: docker = 28.5.2
Obsoletes: docker < 28
Conflicts: podman-docker
%description
x
%post
true
%files
%package -n docker-ce-cli
Epoch: 1
Summary: x
Requires: /bin/sh, (git if git-core)
%description -n docker-ce-cli
x
%files -n docker-ce-cli
%package -n containerd.io
Version: 1.7.28
Summary: x
Provides: runc, containerd
Obsoletes: runc
%description -n containerd.io
x
%files -n containerd.io
%package -n container-selinux
Version: 2.237.0
Summary: x
BuildArch: noarch
%description -n container-selinux
x
%files -n container-selinux
%package -n runc
Summary: x
%description -n runc
x
%files -n runc
%package plugin
Summary: x
%description plugin
x
%files plugin
/usr/libexec/plugin
%package rootless-extras
Summary: x
%description rootless-extras
x
%files rootless-extras
%install
mkdir -p %{buildroot}/usr/libexec && touch %{buildroot}/usr/libexec/plugin
"""


def test_metadata_that_createrepo_made_of_packages(host: Host, on_base: Run, tmp_path: Path) -> None:
    work = f"{FOLDER}/built"
    host.sh(
        f"rm -rf {work}; mkdir -p {work}/0/r0; cat > {work}/docker.spec <<'SPEC'\n{SPEC}SPEC\n"
        f"rpmbuild -bb --quiet --define '_topdir {work}/top' --define '_binary_payload w1.gzdio' {work}/docker.spec\n"
        f"cp {work}/top/RPMS/*/*.rpm {work}/0/r0; createrepo_c -q --compress-type=zstd {work}/0/r0 || "
        f"createrepo_c -q {work}/0/r0"
    )
    command = ["ssh", "-F", host.ssh_config, host.name, f"sudo tar -c -C {work}/0/r0 repodata"]
    with tarfile.open(fileobj=io.BytesIO(subprocess.run(command, capture_output=True, check=True).stdout)) as tar:
        tar.extractall(tmp_path, filter="data")
    repository = Repository.in_folder("r0", tmp_path)
    for names in (["docker-ce"], ["docker-ce-3:28.5.2-1.el9"], ["docker-ce-28.5.2"], ["docker"], ["runc"]):
        request = Request(tuple(names), "x86_64", "platform:el9")
        case = Case("built", [], names, "platform:el9")
        case.repos = [
            dataclasses.replace(on_base.cases[0].repos[0], id="r0", priority=99, cost=1000, module_hotfixes=False)
        ]
        ours = solved(request, [repository], on_base.base)
        assert [ours] == asked(host, [case], work, clean=False)
        assert ours != REFUSED
        # Nobody has systemd there.
        assert solved(request, [repository], None) == asked(host, [case], work, clean=True)[0]
    assert "docker-ce-3:28.5.2-1.el9.x86_64@r0" in solved(
        Request(("docker-ce",), "x86_64", "platform:el9"), [repository], on_base.base
    )


REQUESTS = (
    ["docker-ce"],
    ["docker-ce-28.5.2", "docker-ce-cli-28.5.2", "containerd.io"],
    ["docker-ce", "docker-ce-rootless-extras", "iptables-nft"],
    ["docker-ce-3:28.5.2-1.el9"],
    ["containerd"],
    ["/usr/bin/dockerd"],
    ["docker-ce", "docker-compose-plugin"],
)


def test_the_repositories_with_real_engines(host: Host, tmp_path: Path) -> None:
    made = rpms.ensure(print)
    majors = [major for major in rpms.ENGINES for _ in REQUESTS]
    cases = []
    for number, (major, names) in enumerate(zip(majors, REQUESTS * len(rpms.ENGINES), strict=True)):
        case = Case("real", [], list(names), f"platform:el{major}")
        for name in ("docker-ce", "base"):
            # The metadata are all that a resolver reads.
            shutil.copytree(made.folder(major, name) / "repodata", tmp_path / str(number) / name / "repodata")
            case.repos.append(Repo(name, []))
        cases.append(case)
    send(host, tmp_path, f"{FOLDER}/real")
    answers = asked(host, cases, f"{FOLDER}/real", clean=True)
    for number, case in enumerate(cases):
        repositories = [Repository.in_folder(repo.id, tmp_path / str(number) / repo.id) for repo in case.repos]
        request = Request(tuple(case.names), "x86_64", case.platform)
        assert solved(request, repositories, None) == answers[number], f"{case.platform}: {case.names}"
    refused = [answer == REFUSED for answer in answers]
    assert refused.count(True) == 2, "28.5.2-1.el9 only on 9"
