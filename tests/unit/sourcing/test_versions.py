"""`staithe versions`: what repositories offer, in the order of age."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

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
