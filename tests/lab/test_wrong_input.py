"""Wrong input: one clear message, the next step, the right exit code, and the host as it was."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.lab.conftest import LAB_ID, Done, Host, Site, Staithe


def assert_clear(done: Done, code: str, *words: str) -> None:
    """One error with its code, these words, and a next step."""
    assert done.text.count(f"error {code}") == 1, done.text
    for word in words:
        assert word in done.text, done.text
    assert "try: " in done.text


def test_unknown_key_names_the_nearest(site: Site) -> None:
    site.write_group_data("engine = {'bundel': 'x'}\ndaemon = {'log-opt': {'max-size': '1m'}}\n")
    done = site.staithe("plan", "inventory.py", code=2)
    assert_clear(done, "E101", "engine.bundel", "bundle", "log-opt", "log-opts", "h1")


def test_unknown_section_names_the_nearest(site: Site) -> None:
    site.write_group_data("deamon = {'debug': True}\nengine = {'bundle': 'bundle'}\n")
    assert_clear(site.staithe("plan", "inventory.py", code=2), "E101", "deamon", "daemon")


def test_wrong_types_are_all_told_at_once(site: Site) -> None:
    site.configure(
        service={"health_timeout_s": "soon"}, smoke={"published_port": 99999}, daemon={"debug": "maybe", "mtu": True}
    )
    done = site.staithe("plan", "inventory.py", code=2)
    assert_clear(
        done, "E101", "service.health_timeout_s", "'soon'", "smoke.published_port", "daemon.debug", "daemon.mtu"
    )


def test_missing_bundle(site: Site) -> None:
    site.configure(engine={"bundle": "no-such-folder"})
    assert_clear(site.staithe("plan", "inventory.py", code=5), "E400", "no-such-folder")


def test_no_bundle_described(site: Site) -> None:
    site.configure(engine={})
    assert_clear(site.staithe("plan", "inventory.py", code=2), "E101", "engine.bundle", "staithe bundle build")


def test_version_that_the_bundle_lacks(site: Site, converged: Host) -> None:
    site.configure("27.0.1")
    done = site.staithe("plan", "inventory.py", "--limit", "h2", code=5)
    assert_clear(done, "E400", "27.0.1", "28.5.2")


def test_truncated_archive(staithe: Staithe, tmp_path: Path) -> None:
    from staithe.lab import artifacts

    whole = artifacts.located().engines["28.5.2"].read_bytes()
    (tmp_path / "docker-28.5.2.tgz").write_bytes(whole[: len(whole) // 2])
    done = staithe("bundle", "build", "--engine", "docker-28.5.2.tgz", "--out", "made", code=5)
    assert_clear(done, "E400", "docker-28.5.2.tgz")
    assert [path.name for path in tmp_path.iterdir()] == ["docker-28.5.2.tgz"]


def test_blob_of_the_bundle_changed_by_hand(site: Site, bare: Host, bundle: Path, tmp_path: Path) -> None:
    """A byte that differs is noticed before any host is touched: sshd has seen nobody."""
    broken = tmp_path / "broken"
    shutil.copytree(bundle, broken)
    blob = _flip_engine(site, broken)
    site.configure(engine={"bundle": str(broken), "version": "28.5.2"})
    seen = _logins(bare)
    assert_clear(site.staithe("apply", "inventory.py", "--yes", code=5), "E400", blob.name, "a blob was changed")
    # The question itself is one login.
    assert _logins(bare) == seen + 1


def test_blob_changed_between_verify_and_send(site: Site, bare: Host, bundle: Path, tmp_path: Path) -> None:
    """What was good when the plan was shown is refused by the host when it is not what arrives."""
    moving = tmp_path / "moving"
    shutil.copytree(bundle, moving)
    site.configure(engine={"bundle": str(moving), "version": "28.5.2"})
    ours, theirs = os.openpty()
    run = subprocess.Popen(
        [site.staithe.program, "apply", "inventory.py", "--limit", "h1"],
        cwd=site.folder, env={**os.environ, "STAITHE_LAB_ID": LAB_ID, "COLUMNS": "200"},
        stdin=theirs, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    assert run.stdout is not None
    text = b""
    while b"[y/N]" not in text:
        piece = os.read(run.stdout.fileno(), 4096)
        assert piece, text.decode()
        text += piece
    blob = _flip_engine(site, moving)
    os.write(ours, b"y\n")
    text += run.communicate(timeout=200)[0]
    os.close(ours)
    os.close(theirs)
    assert run.returncode == 5, text.decode()
    assert b"error E400" in text or b"E400" in text
    assert blob.name.encode() in text
    assert bare.sh("ls -A /usr/libexec/docker/staithe; ls /usr/bin/dockerd", check=False) == ""


def _flip_engine(site: Site, bundle: Path) -> Path:
    """Change a byte of the engine's archive, and return its blob."""
    shown = site.staithe("bundle", "show", str(bundle), "--json").json
    digest = next(one["digest"] for one in shown["engines"] if one["version"] == "28.5.2")
    blob = bundle / "blobs" / "sha256" / str(digest).removeprefix("sha256:")
    data = bytearray(blob.read_bytes())
    data[len(data) // 2] ^= 1
    blob.write_bytes(data)
    return blob


def _logins(host: Host) -> int:
    return int(host.sh("journalctl -u sshd -o cat --no-pager | grep -c 'Accepted publickey'"))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("hosts = ['web1',\n", ("inventory.py:1", "never closed")),
        ("import nonsense_module\nhosts = ['web1']\n", ("nonsense_module",)),
        ("hosts = []\n", ("no host",)),
        ("", ("no host",)),
    ],
    ids=["syntax", "import", "empty list", "empty file"],
)
def test_broken_inventory(staithe: Staithe, tmp_path: Path, text: str, words: tuple[str, ...]) -> None:
    (tmp_path / "inventory.py").write_text(text)
    done = staithe("plan", "inventory.py", code=2)
    assert done.text.count("error E102") == 1
    for word in words:
        assert word in done.text


def test_missing_inventory(staithe: Staithe) -> None:
    assert_clear(staithe("plan", "nowhere.py", code=2), "E102", "nowhere.py", "staithe init")


def test_limit_that_fits_nothing(site: Site) -> None:
    assert "h1" in site.staithe("plan", "inventory.py", "--limit", "web*", code=2).text


def _untouched(host: Host) -> str:
    return host.sh("ls -d /usr/libexec/docker /var/lib/staithe /etc/docker 2>/dev/null", check=False)


@pytest.mark.parametrize("user", ["clerk", "guest"])
def test_user_who_may_not_become_root(site: Site, bare: Host, user: str) -> None:
    """clerk's sudo asks for a password, guest has none at all."""
    data = (site.folder / "inventory.py").read_text().replace("_lab.user", repr(user))
    (site.folder / "inventory.py").write_text(data)
    done = site.staithe("apply", "inventory.py", "--yes", "--limit", "h1", code=1)
    assert_clear(done, "E205", "sudo")
    assert _untouched(bare) == ""


def test_wrong_key(site: Site, bare: Host) -> None:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(site.folder / "other")], check=True)
    data = (site.folder / "inventory.py").read_text().replace("str(_lab.key)", repr(str(site.folder / "other")))
    (site.folder / "inventory.py").write_text(data)
    assert_clear(site.staithe("apply", "inventory.py", "--yes", "--limit", "h1", code=1), "E202", "ssh_key")
    assert _untouched(bare) == ""


def _with_known_hosts(site: Site, text: str) -> Path:
    path = site.folder / "known_hosts"
    path.write_text(text)
    data = (site.folder / "inventory.py").read_text().replace("str(_lab.known_hosts)", repr(str(path)))
    (site.folder / "inventory.py").write_text(data)
    return path


def test_unknown_host_key_is_refused_with_its_fingerprint(site: Site, bare: Host) -> None:
    known = _with_known_hosts(site, "")
    fingerprint = bare.sh("ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub").split()[1]
    done = site.staithe("apply", "inventory.py", "--yes", "--limit", "h1", code=1)
    assert_clear(done, "E203", fingerprint, "ssh-keyscan", "--accept-new-host-keys")
    assert known.read_text() == ""
    assert _untouched(bare) == ""

    text = (site.folder / "inventory.py").read_text()
    (site.folder / "inventory.py").write_text(text.replace('"ssh_strict_host_key_checking": "yes",', ""))
    site.staithe("plan", "inventory.py", "--limit", "h1", "--accept-new-host-keys")
    assert bare.ip in known.read_text()
    site.staithe("plan", "inventory.py", "--limit", "h1")


def test_changed_host_key_is_refused_even_when_new_ones_are_accepted(
    site: Site, bare: Host, hosts: dict[str, Host], lab: dict[str, Any]
) -> None:
    other = hosts["h2"].sh("cat /etc/ssh/ssh_host_ed25519_key.pub").split()
    _with_known_hosts(site, f"{bare.ip} {other[0]} {other[1]}\n")
    done = site.staithe("apply", "inventory.py", "--yes", "--limit", "h1", "--accept-new-host-keys", code=1)
    assert_clear(done, "E204", "ssh-keygen -R", "SHA256:")
    assert _untouched(bare) == ""


def test_hostile_values_never_become_commands(site: Site, converged: Host) -> None:
    canary = "/run/canary"
    for text in (f"$(touch {canary})", f"'; touch {canary}; '", f"x\n`touch {canary}`"):
        site.configure(users={"docker_group": [text]})
        site.run("plan", limit="h2", code=2)
        site.configure(smoke={"image": text})
        site.run("smoke", limit="h2", code=None)
        site.configure(daemon={"labels": [f"a={text}"]})
        site.run("plan", limit="h2", code=None)
    assert converged.sh(f"ls {canary}", check=False) == ""
