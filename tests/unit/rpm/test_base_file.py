"""Files of bases: what hosts of one kind have in common. The lab tests ask real hosts."""

from __future__ import annotations

import base64
import re
import zlib
from pathlib import Path

import pytest

from staithe.errors import ProbeFailed, UsageError
from staithe.events import PackagesDumped, PackagesListed
from staithe.host.packages import unpacked
from staithe.rpm.base_file import read_base_file
from staithe.rpm.gathering import Gathering
from staithe.rpm.host_kind import HostKind, read_listing

HEAD = '5.14.0-427.el9.x86_64\nx86_64\n"9.4"\nRed Hat Enterprise Linux release 9.4 (Plow)\npackages:\n'
KIND = HostKind("9.4", "x86_64", "5.14.0-427.el9.x86_64", "38.1.35-2.el9")
POLICY = "selinux-policy\t0\t38.1.35\t2.el9\tnoarch"


def block(name: str, version: str = "1", epoch: int = 0) -> str:
    return f"P\t{name}\t{epoch}\t{version}\t1.el9\tx86_64\nV\t{name}\t=\t{version}-1.el9\nF\t/usr/bin/{name}\n"


def gathered(hosts: dict[str, list[str]], dump: str, kind: HostKind = KIND) -> Gathering:
    """Let hosts tell the NEVRAs of their packages, and the first of them the dump too."""
    gathering = Gathering()
    for host, packages in hosts.items():
        gathering.take(
            PackagesListed(
                host=host,
                release=kind.release,
                arch=kind.arch,
                kernel=kind.kernel,
                selinux_policy=kind.selinux_policy,
                packages=packages,
            )
        )
    packed = base64.b64encode(zlib.compress(dump.encode())).decode()
    gathering.take(PackagesDumped(host=next(iter(hosts)), dump=packed))
    return gathering


def nevra(name: str, version: str = "1") -> str:
    return f"{name}-{version}-1.el9.x86_64"


def test_what_a_host_lists_is_read() -> None:
    text = f"{HEAD}bash\t0\t5.1\t9.el9\tx86_64\n{POLICY}\ngpg-pubkey\t0\ta\tb\t(none)\n"
    kind, packages = read_listing(text, "web1")
    assert kind == KIND
    assert packages == ("bash-5.1-9.el9.x86_64", "selinux-policy-38.1.35-2.el9.noarch")
    assert kind.name == "el9.4-x86_64-kernel-5.14.0-427.el9-policy-38.1.35-2.el9"


@pytest.mark.parametrize(
    ("version_id", "line", "release"),
    [
        ('"7"', "CentOS Linux release 7.9.2009 (Core)", "7.9"),
        ('"8"', "CentOS Linux release 8.5.2111", "8.5"),
        ('"9"', "CentOS Stream release 9", "9"),
        ('"9"', None, "9"),
        ("'8.10'", "AlmaLinux release 8.10 (Cerulean Leopard)", "8.10"),
        ('"7"', "Odd Linux release 17.2 of 27.5", "7"),
    ],
)
def test_releases(version_id: str, line: str | None, release: str) -> None:
    head = "\n".join(("5.14.0", "x86_64", version_id, *([] if line is None else [line])))
    kind, _ = read_listing(f"{head}\npackages:\nbash\t0\t5\t1\tx86_64\n", "web1")
    assert kind.release == release


@pytest.mark.parametrize(
    "text",
    [
        "",
        "rubbish",
        f"{HEAD}bash 5.1\n",
        HEAD,
        HEAD.replace("9.4", "../9"),
        HEAD.replace("5.14.0", "a b") + "bash\t0\t5\t1\tx86_64\n",
        f"{HEAD}bash\tx\t5\t1\tx86_64\n",
        f"{HEAD}bash\t0\t5\t1\tx86_64\nerror: rpmdb: damaged\n",
    ],
)
def test_what_is_no_list_is_refused(text: str) -> None:
    with pytest.raises(ProbeFailed):
        read_listing(text, "web1")


def test_only_what_all_hosts_have_is_in_the_base() -> None:
    dump = block("tar") + block("bash") + block("extra") + "P\tgpg-pubkey\t0\ta\tb\t(none)\n"
    hosts = {
        "h2": [nevra("bash"), nevra("extra"), nevra("tar")],
        "h1": [nevra("bash"), nevra("other"), nevra("tar")],
    }
    (made,) = gathered(hosts, dump).bases()
    assert (made.hosts, made.packages) == (("h1", "h2"), (nevra("bash"), nevra("tar")))
    assert made.left_out == (nevra("extra"), nevra("other"))
    read = read_base_file(made.text, "a.rpms")
    assert [str(one.nevra) for one in read.base.packages] == [nevra("bash"), nevra("tar")]
    assert (read.kind, read.hosts) == (KIND, ("h1", "h2"))
    assert not re.search(r"\d\d:\d\d|20\d\d-\d\d", made.text), "no times"


def test_the_same_hosts_make_the_same_text() -> None:
    hosts = {"h1": [nevra("bash"), nevra("tar")], "h2": [nevra("bash"), nevra("tar")]}
    turned = dict(reversed(hosts.items()))
    (one,) = gathered(hosts, block("tar") + block("bash")).bases()
    (other,) = gathered(turned, block("bash") + block("tar") + block("tar")).bases()
    assert one.text == other.text


def test_a_file_is_written_when_it_is_another(tmp_path: Path) -> None:
    (made,) = gathered({"h1": [nevra("bash")]}, block("bash")).bases()
    assert made.write(tmp_path / "bases") and not made.write(tmp_path / "bases")
    assert [path.name for path in (tmp_path / "bases").iterdir()] == [f"{KIND.name}.rpms"]
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="cannot be written"):
        made.write(tmp_path / "file")


def test_files_of_hosts_that_became_others_are_named(tmp_path: Path) -> None:
    (old,) = gathered({"h1": [nevra("bash")]}, block("bash")).bases()
    (mixed,) = gathered(
        {"h1": [nevra("bash")], "h9": [nevra("bash")]}, block("bash"), HostKind("9.3", "x86_64", "5", "1")
    ).bases()
    old.write(tmp_path)
    mixed.write(tmp_path)
    (tmp_path / "foreign.rpms").write_text("not ours")
    now = gathered({"h1": [nevra("bash", "2")]}, block("bash", "2"), HostKind("9.5", "x86_64", "5.15", "1"))
    assert now.superseded(tmp_path) == [old.file_name], "h9 was not asked"


@pytest.mark.parametrize("harm", [b"", b"rubbish", "cut", "bomb"])
def test_what_is_packed_wrongly_is_refused(harm: bytes | str, monkeypatch: pytest.MonkeyPatch) -> None:
    packer = zlib.compressobj(wbits=31)
    whole = packer.compress(b"a" * 4096) + packer.flush()
    assert unpacked(whole, "web1") == "a" * 4096
    if harm == "bomb":
        monkeypatch.setattr("staithe.host.packages._LIMIT_BYTES", 4095)
    packed = harm if isinstance(harm, bytes) else whole[:-9] if harm == "cut" else whole
    with pytest.raises(ProbeFailed):
        unpacked(packed, "web1")


@pytest.mark.parametrize("text", ["", "P\tbash", "# release: 9\n# arch: x86_64\n", "\x00"])
def test_a_file_that_is_no_base_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="no base"):
        read_base_file(text, "a.rpms")
