"""A full run with a sudo password and every kind of Secret: none of them is anywhere but where it belongs."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.lab.conftest import LAB_ID, Host, Site
from tests.lab.sampling import sampled

SUDO = "clerk-of-the-lab"
TOKEN = "5plunk-t0ken-of-the-site"
PROXY = "pr0xy-pass-of-the-site"
TYPED = "typed-l0gin-pass"
SECRETS = (SUDO, TOKEN, PROXY, TYPED)

_INVENTORY = """
clerks = [
    (name, {{**data, "ssh_user": "clerk", "_sudo_password": {sudo}}})
    for name, data in hosts
    if name == "h5"
]
del hosts
"""


@pytest.fixture
def clerks(site: Site, hosts: dict[str, Host], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Host:
    """h5, whose user needs a password for sudo; each secret has another source."""
    site.staithe("lab", "reset", "h5")
    text = (site.folder / "inventory.py").read_text()
    (site.folder / "inventory.py").write_text(text + _INVENTORY.format(sudo={"from_env": "CLERK_PASSWORD"}))
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    monkeypatch.setenv("CLERK_PASSWORD", SUDO)
    monkeypatch.setenv("PROXY_ADDRESS", f"http://site:{PROXY}@127.0.0.1:9")
    site.configure(
        daemon={
            "registry-mirrors": [site.lab["registry"]["url"]],
            "proxies": {"http-proxy": {"from_env": "PROXY_ADDRESS"}, "no-proxy": "10.0.0.0/8"},
            "log-driver": "splunk",
            "log-opts": {"splunk-token": {"from_file": str(tmp_path / "token")}, "splunk-url": "http://127.0.0.1:9"},
        },
        # Its containers would need a Splunk that answers.
        smoke={"enabled": False},
    )
    return hosts["h5"]


def _found_in(folder: Path) -> list[str]:
    return [
        f"{secret} in {path.relative_to(folder)}"
        for path in folder.rglob("*")
        if path.is_file()
        for secret in SECRETS
        if secret.encode() in path.read_bytes()
    ]


def test_no_secret_is_told_by_a_whole_run(site: Site, clerks: Host) -> None:
    records = site.folder / ".staithe"
    with sampled(clerks) as commands:
        planned = site.run("plan")
        shown = site.staithe("plan", "inventory.py", "--diff", "all")
        applied = site.run("apply")
        again = site.run("plan", "--check")
        config = site.staithe("config", "show", "inventory.py")
        checked = site.staithe("config", "check", "inventory.py")
    assert applied.host("h5")["outcome"] == "changed"
    assert again.host("h5")["changes"] == []

    # It is where it belongs, for root alone.
    daemon_json = clerks.sh("cat /etc/docker/daemon.json")
    assert TOKEN in daemon_json and PROXY in daemon_json
    assert clerks.sh("stat -c '%a %U' /etc/docker/daemon.json") == "600 root"
    readable = clerks.sh(
        f"grep -rlE '{TOKEN}|{PROXY}' /etc /var/lib/staithe /run /tmp /var/tmp /home 2>/dev/null", check=False
    )
    modes = {clerks.sh(f"stat -c %a {path}") for path in readable.split() if not path.startswith("/run/")}
    assert modes == {"600"}, readable
    assert clerks.sh(f"grep -rl '{SUDO}' /etc /var /run /tmp /home /root 2>/dev/null", check=False) == ""

    # And nowhere else.
    said = "".join(one.text for one in (planned, shown, applied, again, config, checked))
    assert [secret for secret in SECRETS if secret in said] == []
    assert _found_in(records) == []
    ours = b"\n".join(commands)
    assert b"staithe.runner" in ours, "nothing was sampled"
    assert [secret for secret in SECRETS if secret.encode() in ours] == []
    there = clerks.sh("grep -c 'sudo' /run/samples || :")
    assert int(there) > 0, "nothing was sampled"
    assert clerks.sh(f"grep -cE '{'|'.join(SECRETS)}' /run/samples || :") == "0"
    # The engine hands its proxy to the programs that it starts, as an environment that root alone can read.
    assert clerks.sh(f"grep -cE '{SUDO}|{TOKEN}' /run/environments || :") == "0"
    assert clerks.sh("grep -c PATH= /run/environments") != "0", "nothing was sampled"
    assert clerks.sh(f"journalctl --no-pager | grep -cE '{'|'.join(SECRETS)}' || :") == "0"


def test_the_search_finds_what_it_looks_for(site: Site, clerks: Host, tmp_path: Path) -> None:
    """The test above must be able to fail."""
    (tmp_path / "leak.log").write_text(f"x {SUDO} y")
    assert _found_in(tmp_path) != []
    # No secret of the other tests: another worker may run one of them now, and would find it.
    word = "a-w0rd-in-plain-sight"
    with sampled(clerks) as commands, subprocess.Popen(["sh", "-c", f"sleep 2; : {word}"]):
        clerks.sh(f"sh -c 'sleep 1; : {word}'")
    assert any(word.encode() in one for one in commands)
    assert int(clerks.sh(f"grep -c '{word}' /run/samples")) > 0


def test_failures_tell_no_secret(site: Site, clerks: Host) -> None:
    """An engine that refuses its configuration says what it refuses."""
    site.configure(
        daemon={
            "proxies": {"http-proxy": {"from_env": "PROXY_ADDRESS"}},
            "tls": True,
            "tlscacert": f"/etc/{TOKEN}.pem",
            "log-opts": {"splunk-token": {"from_file": str(site.folder / "token")}},
            "log-driver": "splunk",
        },
    )
    failed = site.run("apply", code=1)
    assert failed.host("h5")["error"]["code"] == "E212"
    assert [secret for secret in SECRETS if secret in failed.text] == []
    assert _found_in(site.folder / ".staithe") == []


@pytest.mark.parametrize("password", ["wrong-password", "two\\nlines", "quote's \\\\ $(touch /run/canary)"])
def test_wrong_sudo_password_is_refused_by_name(
    site: Site, clerks: Host, monkeypatch: pytest.MonkeyPatch, password: str
) -> None:
    monkeypatch.setenv("CLERK_PASSWORD", password)
    failed = site.run("plan", code=1).host("h5")
    assert failed["error"]["code"] == "E205"
    assert password not in failed["error"]["message"]
    assert clerks.sh("ls /run/canary", check=False) == ""
    # One wrong password costs one attempt: more could lock the account.
    log = clerks.sh("journalctl --no-pager | grep 'authentication failure' | tail -n 3; true")
    assert log.count("auth could not identify") <= 1


def test_password_where_sudo_asks_for_none_is_read_away(site: Site, bare: Host) -> None:
    """ops needs no password: a given one must not run into the command's own input."""
    text = (site.folder / "inventory.py").read_text()
    (site.folder / "inventory.py").write_text(
        text + '\nhosts = [(n, {**d, "_sudo_password": "not-asked-for"}) for n, d in hosts]\n'
    )
    site.configure(smoke={"enabled": False})
    assert site.run("apply", limit="h1").host("h1")["outcome"] == "changed"
    assert bare.sh("grep -rl not-asked-for /etc /var/lib/staithe /run 2>/dev/null", check=False) == ""


def test_missing_secret_stops_before_any_host(site: Site, clerks: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CLERK_PASSWORD")
    done = site.staithe("plan", "inventory.py", code=2)
    assert "E105" in done.err and "CLERK_PASSWORD" in done.err


def test_prompt_is_asked_once_and_unseen(site: Site, clerks: Host) -> None:
    """On a terminal the runner's question is asked by the command line."""
    text = (site.folder / "inventory.py").read_text().replace('{"from_env": "CLERK_PASSWORD"}', "_asked")
    text = text.replace("{'from_env': 'CLERK_PASSWORD'}", "{'from_prompt': 'sudo password of clerk'}")
    (site.folder / "inventory.py").write_text(text)
    import pty

    master, slave = pty.openpty()
    process = subprocess.Popen(
        [site.staithe.program, "plan", "inventory.py"],
        cwd=site.folder,
        env={**os.environ, "STAITHE_LAB_ID": LAB_ID},
        stdin=slave,
        stdout=slave,
        stderr=slave,
        start_new_session=True,
        preexec_fn=lambda: __import__("fcntl").ioctl(0, __import__("termios").TIOCSCTTY, 0),
    )
    os.close(slave)
    said = b""
    typed = False
    while True:
        try:
            data = os.read(master, 4096)
        except OSError:
            break
        if not data:
            break
        said += data
        if not typed and b"sudo password of clerk: " in said:
            typed = True
            os.write(master, f"{SUDO}\n".encode())
    assert process.wait(30) == 0, said.decode()
    assert said.count(b"sudo password of clerk: ") == 1
    assert SUDO.encode() not in said
    refused = site.staithe("plan", "inventory.py", code=2)
    assert "E105" in refused.err
