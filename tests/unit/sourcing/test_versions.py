"""`staithe versions`: what repositories offer, in the order of age."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from staithe.described_repositories import named
from staithe.sourcing.target import Target
from tests.file_server import file_server
from tests.rpm_site import CLI, HAS_TOOLS, Site, engine

pytestmark = pytest.mark.skipif(not HAS_TOOLS, reason="rpmbuild, rpmsign and gpg make the packages")


def versions(site: Site, *words: str, code: int = 0) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [CLI, "versions", *words],
        cwd=site.home,
        env={"PATH": "/usr/bin:/bin", "STAITHE_CACHE": str(site.home / "cache"), "COLUMNS": "120"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done


@pytest.fixture
def shelf(site: Site) -> Site:
    """A folder of repositories for EL 9 and 10; EL 9 has more."""
    for major, found in ((9, ("28.5.9", "28.5.10", "20.10.24")), (10, ("28.5.10",))):
        for version in found:
            site.add(f"el{major}", engine(version), major=major)
    return site


def test_the_newest_stands_first(shelf: Site) -> None:
    told = json.loads(versions(shelf, "--repo", "el$releasever", "--el", "9", "--el", "10", "--json").stdout)
    found = [(one["version"], one["packages"]) for one in told["versions"]]
    nine, ten = ("docker-ce-3:{}-1.el9.noarch", "docker-ce-3:28.5.10-1.el10.noarch")
    assert found == [
        ("28.5.10", {"el9-x86_64": nine.format("28.5.10"), "el10-x86_64": ten}),
        ("28.5.9", {"el9-x86_64": nine.format("28.5.9")}),
        ("20.10.24", {"el9-x86_64": nine.format("20.10.24")}),
    ]
    # What the table says is what rpm says of the files.
    names = subprocess.check_output(
        [
            "rpm",
            "-qp",
            "--nosignature",
            "--qf",
            "%{VERSION} %{RELEASE}\n",
            *(shelf.home / "el9").glob("docker-ce-2*.rpm"),
        ],
        text=True,
    ).split("\n")
    shown = versions(shelf, "--repo", "el$releasever", "--el", "9").stdout.splitlines()
    assert {" ".join(line.split()) for line in shown[1:4]} == set(filter(None, names))


def test_a_release_for_which_there_is_nothing_is_named(shelf: Site) -> None:
    shown = versions(shelf, "--repo", "el$releasever", "--el", "8", "--el", "9").stdout
    assert "nothing for el8-x86_64: cannot be read: No such file or directory" in shown
    assert "28.5.10" in shown
    assert "E404" in versions(shelf, "--repo", "el$releasever", "--el", "8", code=5).stderr


def test_a_server_that_has_nothing_for_a_release_is_asked_for_the_others(shelf: Site) -> None:
    with file_server() as server:
        for path in (shelf.home / "el9/repodata").iterdir():
            server.files[f"/el9/x86_64/repodata/{path.name}"] = path.read_bytes()
        address = f"{server.url}/el$releasever/$basearch/"
        shown = versions(shelf, "--repo", address, "--el", "8", "--el", "9").stdout
        assert "nothing for el8-x86_64: the server answered 404" in shown and "28.5.10" in shown
        # The list of packages alone is fetched, and none of the packages.
        fetched = [path for path, _range, _sent in server.requests if "/el9/" in path]
        assert len(fetched) == 2 and all("primary" in path or "repomd" in path for path in fetched)


def test_nobody_at_the_address_is_told_once(shelf: Site) -> None:
    told = versions(shelf, "--repo", "http://127.0.0.1:9/el$releasever", "--el", "9", code=5).stderr
    assert told.count("E404") == 2 and "https_proxy" in told


def test_a_list_that_is_not_what_repomd_says_is_refused(shelf: Site) -> None:
    table = (shelf.home / "el9/repodata/repomd.xml").read_text()
    path = next(one for one in (shelf.home / "el9/repodata").glob("*primary*") if one.name in table)
    content = path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    assert "E404" in versions(shelf, "--repo", "el$releasever", "--el", "9", code=5).stderr


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("--mirror", "nowhere"), "aliyun"),
        (("--channel", "nightly"), "nightly and edge exist no longer"),
        (("--el", "6"), "7, 8, 9, 10"),
        (("--arch", "riscv64"), "aarch64"),
    ],
)
def test_what_does_not_exist_is_refused(site: Site, words: tuple[str, ...], expected: str) -> None:
    told = versions(site, *words, code=2).stderr
    assert "E100" in told and expected in told


@pytest.mark.parametrize(
    "address",
    [
        "http://u:sekret@127.0.0.1:9/x",
        "https://sekret@h/",
        "http://u:sek/sekret@h/",
        "ftp://u:sekret@h/",
        "http://u:'sekret@h",
    ],
)
def test_a_login_in_an_address_is_refused_and_not_shown(site: Site, address: str) -> None:
    done = versions(site, "--repo", address, "--json", code=2)
    assert "E100" in done.stderr and "***@" in done.stderr and "bundle.toml" in done.stderr
    assert "sek" not in done.stdout + done.stderr


@pytest.mark.parametrize("address", ["ftp://x/y", "HTTPS://x/y", "s3://x"])
def test_an_address_of_another_kind_is_no_path(site: Site, address: str) -> None:
    told = versions(site, "--repo", address, code=2).stderr
    assert "E100" in told and f"found {address}" in told and "https://..." in told


def test_what_looks_like_a_login_and_is_none_is_asked(shelf: Site) -> None:
    with file_server() as server:
        for path in (shelf.home / "el9/repodata").iterdir():
            server.files[f"/a@b/repodata/{path.name}"] = path.read_bytes()
        assert "28.5.10" in versions(shelf, "--repo", f"{server.url}/a@b", "--el", "9").stdout
    assert "28.5.10" in versions(shelf, "--repo", f"file://{shelf.home}/el9", "--el", "9").stdout


def test_old_ones_are_counted(site: Site) -> None:
    for number in range(18):
        site.add("many", engine(f"28.5.{number}"))
    shown = versions(site, "--repo", "many", "--el", "9").stdout
    assert "28.5.17" in shown and "28.5.2 " not in shown and "and 3 older ones: --all" in shown
    assert "28.5.2 " in versions(site, "--repo", "many", "--el", "9", "--all").stdout


def test_without_libsolv_it_is_told(shelf: Site, tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text("import sys\nsys.modules['solv'] = None\n")
    done = subprocess.run(
        [CLI, "versions", "--repo", "el$releasever", "--el", "9"],
        cwd=shelf.home,
        env={"PATH": "/usr/bin:/bin", "STAITHE_CACHE": str(shelf.home / "cache"), "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0 and "libsolv" in done.stderr and "Traceback" not in done.stderr


SECRET = "sekret-tram-77"


def described(site: Site, url: str, **repositories: dict[str, object]) -> None:
    """Write an inventory: a group for each repository, with two hosts that nobody can reach."""
    key = {"key": "RPM-GPG-KEY-lab", "fingerprints": [site.fingerprint]}
    lines, folder = [], site.home / "group_data"
    folder.mkdir(exist_ok=True)
    for name, repository in repositories.items():
        data = {"ssh_hostname": "127.0.0.1", "ssh_port": 9, "ssh_user": "nobody"}
        lines.append(f"{name} = {[(f'{name}{number}', data) for number in (1, 2)]!r}\n")
        section = {"source": "repository", "repository": {"url": url, **key, **repository}}
        (folder / f"{name}.py").write_text(f"engine = {section!r}\n")
    (site.home / "inventory.py").write_text("".join(lines))


def test_the_inventory_says_where_to_look(shelf: Site) -> None:
    """Each repository is asked once, with its login, and no other is."""
    (shelf.home / "password").write_text(SECRET)
    with file_server() as server:
        server.publish(shelf.home)
        server.login = f"ops:{SECRET}"
        described(
            shelf,
            f"{server.url}/el$releasever",
            web={"username": "ops", "password": {"from_file": "password"}, "ca": "/etc/pki/not-here.pem"},
            build={"url": f"{server.url}/el10", "username": "ops", "password": SECRET},
        )
        done = versions(shelf, "inventory.py", "--el", "9", "--json", code=1)
        told = json.loads(done.stdout)
        assert SECRET not in done.stdout + done.stderr
        (other,) = told["others"]
        assert (told["repository"], other["repository"]) == (f"{server.url}/el$releasever", f"{server.url}/el10")
        assert (told["described_for"], other["described_for"]) == (["web1", "web2"], ["build1", "build2"])
        assert [one["version"] for one in told["versions"]] == ["28.5.10", "28.5.9", "20.10.24"]
        assert [one["version"] for one in other["versions"]] == ["28.5.10"]
        assert len([path for path, _, _ in server.requests if path.endswith("/repomd.xml")]) == 2
        assert "/etc/pki/not-here.pem is on the hosts" in " ".join(told["notes"]) and other["notes"] == []
        assert set(told["failures"]) == {"web1", "web2", "build1", "build2"}
        assert all(login is not None for login in server.logins)

        shown = versions(shelf, "inventory.py", "--el", "9", "--limit", "build", code=1).stdout
        assert "28.5.10" in shown and "28.5.9" not in shown and f"offered by {server.url}/el10" in shown
        # By name: nothing of what is described goes along.
        server.login, before = None, len(server.logins)
        named = versions(shelf, "inventory.py", "--el", "9", "--repo", f"{server.url}/el9", "--json", code=1)
        assert json.loads(named.stdout)["others"] == [] and set(server.logins[before:]) == {None}


def test_a_wrong_login_of_one_repository_leaves_the_others(shelf: Site) -> None:
    with file_server() as server:
        server.publish(shelf.home)
        server.login = f"ops:{SECRET}"
        described(
            shelf,
            f"{server.url}/el9",
            web={"username": "ops", "password": SECRET},
            build={"username": "ops", "password": "sekret-wrong"},
        )
        done = versions(shelf, "inventory.py", "--json", "--el", "9", code=5)
        told = json.loads(done.stdout)
        assert told["versions"] and told["others"][0]["versions"] == []
        assert "401" in told["others"][0]["notes"][0] and "sekret" not in done.stdout + done.stderr
        alone = versions(shelf, "inventory.py", "--el", "9", "--limit", "build", code=5)
        assert "engine.repository" in alone.stderr and "sekret" not in alone.stdout + alone.stderr


def test_a_key_that_is_not_pinned_is_told(shelf: Site) -> None:
    described(shelf, "http://127.0.0.1:9", web={})
    with file_server() as server:
        server.publish(shelf.home)
        described(shelf, f"{server.url}/el9", web={"fingerprints": ["0" * 40]})
        told = versions(shelf, "inventory.py", "--el", "9", code=1).stdout
        assert "hosts will refuse its key RPM-GPG-KEY-lab (E223)" in told and "28.5.10" in told
        described(shelf, f"{server.url}/el9", web={"key": f"{server.url}/RPM-GPG-KEY-lab"})
        assert "note:" not in versions(shelf, "inventory.py", "--el", "9", code=1).stdout


def test_a_proxy_is_asked_for_what_the_inventory_describes(shelf: Site) -> None:
    with file_server() as proxy:
        for path in (shelf.home / "el9/repodata").iterdir():
            proxy.files[f"http://rpms.invalid/el9/repodata/{path.name}"] = path.read_bytes()
        proxy.proxy_login = f"ops:{SECRET}"
        address = proxy.url.replace("http://", f"http://ops:{SECRET}@")
        described(shelf, "http://rpms.invalid/el9", web={"proxy": address})
        done = versions(shelf, "inventory.py", "--el", "9", code=1)
        assert "28.5.10" in done.stdout and SECRET not in done.stdout + done.stderr


def test_a_mistake_in_the_configuration_is_told_before_anybody_is_asked(shelf: Site) -> None:
    described(shelf, "http://127.0.0.1:9/x", web={"usrname": "x"})
    done = versions(shelf, "inventory.py", code=2)
    assert "engine.repository.usrname" in done.stderr and "asking" not in done.stderr


def test_trees_of_dockers_own_repository() -> None:
    """EL 8 is built for rhel alone, so hosts take it from there; the way to look is theirs."""
    first = {major: named("aliyun", "stable").addresses(Target(major, "x86_64"))[0] for major in (7, 8, 9)}
    assert [("centos" in first[major]) for major in (7, 8, 9)] == [True, False, True]
    assert first[8] == "https://mirrors.aliyun.com/docker-ce/linux/rhel/8/x86_64/stable"
