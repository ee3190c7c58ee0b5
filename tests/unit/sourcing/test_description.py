from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path

import pytest

from staithe.errors import DescriptionError, UsageError
from staithe.sourcing.description import Description
from staithe.sourcing.description_file import digest, read_description, write_starter
from tests.rpm_site import CLI

WHOLE = """
schema_version = 1
name = "site-a"
[targets]
majors = [8, 9]
archs = ["x86_64", "aarch64"]
[engine]
version = ">=28.3, <29"
sources = ["rpm", "static"]
plugins = ["compose"]
[packages]
extra = ["iptables-nft", "kernel-modules-extra-5.14.0-570.el9"]
[[repository]]
id = "docker-ce"
preset = "docker-ce"
mirror = "aliyun"
[[repository]]
id = "baseos"
url = "https://mirror.example.com/el/$releasever/$basearch"
keys = ["keys/el.asc"]
fingerprints = ["0123456789ABCDEF0123456789ABCDEF01234567"]
username = "me"
password = { from_env = "MIRROR_PASSWORD" }
[[image]]
archive = "busybox.tar"
"""


def read(tmp_path: Path, text: str) -> Description:
    path = tmp_path / "bundle.toml"
    path.write_text(text)
    return read_description(path)


def problems(tmp_path: Path, text: str) -> str:
    with pytest.raises(DescriptionError) as refused:
        read(tmp_path, text)
    return "\n".join(refused.value.problems)


def test_a_whole_description(tmp_path: Path) -> None:
    found = read(tmp_path, WHOLE)
    docker, base = found.repository
    assert docker.address == "https://mirrors.aliyun.com/docker-ce/linux/centos/$releasever/$basearch/stable"
    assert docker.pinned == ("060A61C51B558A7F742B77AAC52FEB6B621E9F35",)
    assert base.key_addresses == ("keys/el.asc",)
    assert found.targets.majors == (8, 9)


def test_the_starter_is_valid_and_so_is_all_that_it_has_in_comments(tmp_path: Path) -> None:
    path = write_starter(tmp_path / "My Site")
    assert read_description(path).name == "MySite"
    with pytest.raises(UsageError, match="not overwritten"):
        write_starter(tmp_path / "My Site")
    lines = path.read_text().replace('"..."', '"' + "0" * 64 + '"').splitlines()
    uncommented = [re.sub(r"^# (?=\[|[a-z0-9_]+ = )", "", line) for line in lines]
    assert sum(a != b for a, b in zip(lines, uncommented, strict=True)) >= 12
    found = read(tmp_path, "\n".join(uncommented))
    assert [one.id for one in found.repository] == ["docker-ce", "baseos"]


def test_a_starter_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for folder in (tmp_path / "file", tmp_path / "file/below"):
        with pytest.raises(UsageError, match="cannot be written"):
            write_starter(folder)


def test_what_init_says_next_can_be_typed(tmp_path: Path) -> None:
    for name in ("-x", "a b", "ä"):
        said = subprocess.run(
            [CLI, "bundle", "init", "--", name], cwd=tmp_path, capture_output=True, text=True, check=True
        ).stdout
        words = shlex.split(said.rpartition("then `")[2].partition("`")[0])
        assert words[:3] == ["staithe", "bundle", "lock"]
        assert not words[3].startswith("-")
        assert (tmp_path / words[3] / "bundle.toml").exists()


@pytest.mark.parametrize(
    "old, new, told",
    [
        ('name = "site-a"', 'name = "-rf"', "name: found '-rf'"),
        ('mirror = "aliyun"', 'mirror = "nowhere"', "expected one of official"),
        ('version = ">=28.3, <29"', 'version = "latest"', "engine.version: found 'latest'"),
        ('keys = ["keys/el.asc"]', "", "keys and fingerprints are needed"),
        ("fingerprints = [", 'fingerprints = ["0A", ', "fingerprint of 40"),
        ('preset = "docker-ce"', 'preset = "docker-ce"\nurl = "/srv"', "one of preset and url"),
        ('password = { from_env = "MIRROR_PASSWORD" }', "", "username and password go together"),
        ('password = { from_env = "MIRROR_PASSWORD" }', 'password = "hunter2-word"', "expected a dictionary"),
        ('id = "baseos"', 'id = "docker-ce"', "two repositories have the id docker-ce"),
        ('archive = "busybox.tar"', "", "image[0]: one of reference, layout and archive says where the image is"),
        ("majors = [8, 9]", "majors = [6]", "targets.majors"),
        ('extra = ["iptables-nft"', 'extra = ["--nogpgcheck"', "expected a package such as"),
        ('url = "https://mirror.example.com', 'url = "ftp://mirror.example.com', "expected an https://"),
        ("https://mirror.example.com", "https://me:hunter2-word@mirror.example.com", "repository[1].url: a login in"),
        ('username = "me"', 'username = "me"\nproxy = "http://me:hunter2-word@p:1"', "proxy: a login in an address"),
        ('username = "me"', 'username = "me"\nproxy = "http://me@p:1"', "proxy_username, and with proxy_password as"),
        ('username = "me"', 'username = "me"\nproxy_username = "a"', "proxy_username and proxy_password go together"),
        (
            'username = "me"',
            'username = "me"\nproxy_username = "a"\nproxy_password = { from_file = "b" }',
            "no proxy is named",
        ),
        ('plugins = ["compose"]', 'username = "me"', "engine: username and password go together"),
        ("[engine]", "[engin]", "did you mean engine"),
        ("schema_version = 1", "schema_version = 2", "schema_version"),
    ],
)
def test_each_mistake_is_told_with_its_place(tmp_path: Path, old: str, new: str, told: str) -> None:
    assert old in WHOLE
    assert told in problems(tmp_path, WHOLE.replace(old, new, 1))


def test_a_password_is_no_part_of_a_message(tmp_path: Path) -> None:
    text = WHOLE.replace(
        '{ from_env = "MIRROR_PASSWORD" }', '{ from_env = "MIRROR_PASSWORD", value = "hunter2-word" }'
    )
    assert "hunter2" not in problems(tmp_path, text)
    proxy = 'username = "me"\nproxy = "http://me:hunter2-word@p.example:1"'
    assert "hunter2" not in problems(tmp_path, WHOLE.replace('username = "me"', proxy))


def test_packages_need_a_repository(tmp_path: Path) -> None:
    assert "[[repository]]" in problems(tmp_path, 'schema_version = 1\nname = "a"\n[packages]\nextra = ["tar"]\n')
    assert "nothing is wanted" in problems(tmp_path, 'schema_version = 1\nname = "a"\n')


@pytest.mark.parametrize("text", ["a = ", "\x00", "a = 1\na = 2"])
def test_what_is_no_toml(tmp_path: Path, text: str) -> None:
    assert "no TOML" in problems(tmp_path, text)


def test_a_missing_file_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as refused:
        read_description(tmp_path / "bundle.toml")
    assert "bundle init" in (refused.value.hint or "")


def test_comments_and_order_do_not_change_what_is_described(tmp_path: Path) -> None:
    engine = '[engine]\nversion = "28"\nsources = ["static"]\n'
    first = digest(read(tmp_path, f'schema_version = 1\nname = "a"\n{engine}'))
    same = digest(read(tmp_path, f'# hello\nname = "a"\nschema_version = 1\n{engine}'))
    other = digest(read(tmp_path, f'schema_version = 1\nname = "a"\n{engine}'.replace("28", "28.5")))
    assert (first == same, first == other) == (True, False)
