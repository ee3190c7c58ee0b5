"""Hostile values, archives and hosts, tried on real hosts: nothing of them runs, and nothing is left half done."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
import time
from pathlib import Path
from typing import Any

import pytest

from staithe.programs import PROGRAMS
from staithe.visible import visible
from tests.hostile import TEXTS
from tests.lab.conftest import LAB_ID, Host, Site
from tests.lying_host import MEASURE

CANARY = "/run/canary"
_NO_SMOKE = {"enabled": False}
# What a field of free text takes: everything but control characters, typographic quotes and half surrogates.
FREE = [
    text.replace("touch canary", f"touch {CANARY}")
    for text in TEXTS
    if text and text.isprintable() and "“" not in text and len(text) < 400
]


def _canaries(host: Host, site: Site) -> str:
    """Look for what any of the texts would have made, on the host and here."""
    find = (
        f"ls {CANARY} 2>/dev/null; find / -xdev -name '*canary*' -not -path '/proc/*' -not -path '/sys/*' 2>/dev/null"
    )
    here = [str(path) for path in site.folder.rglob("*canary*")]
    return "\n".join([host.sh(find, check=False), *here, *([CANARY] if Path(CANARY).exists() else [])]).strip()


def test_every_free_text_reaches_the_host_literally(site: Site, bare: Host) -> None:
    """daemon.json is read back on the host by its own Python; nothing of it ran anywhere."""
    assert len(FREE) > 40
    daemon: dict[str, Any] = {
        "labels": [f"a{number}={text}" for number, text in enumerate(FREE)],
        "node-generic-resources": [f"a{number}={number}" for number in range(3)],
        "log-opts": {"max-size": "300m", "tag": FREE[0], "labels": FREE[1], "env": FREE[6]},
        "default-network-opts": {"bridge": {"com.example.hostile": FREE[2]}},
        "runtimes": {"odd": {"path": "/nowhere/-rf@x", "runtimeArgs": ["--privileged", "a=%s"]}},
        "builder": {"gc": {"policy": [{"filter": [f"type={FREE[5]}"]}]}},
        "proxies": {"no-proxy": "localhost, *.example.com"},
        "data-root": "/data/-rf/@x+=,",
    }
    site.configure(
        daemon=daemon, smoke=_NO_SMOKE, kernel={"sysctl": {"net.ipv4.ip_local_port_range": "32768 \t60999"}}
    )
    done = site.run("apply", limit="h1", code=None).host("h1")
    if done["outcome"] != "changed":
        # The engine's own checks may refuse a key; what is proved here is that the text came there as it is.
        assert done["error"]["code"] in ("E211", "E212"), done["error"]
        daemon.pop("builder")
        daemon.pop("default-network-opts")
        site.configure(daemon=daemon, smoke=_NO_SMOKE)
        done = site.run("apply", limit="h1").host("h1")
    assert done["outcome"] == "changed", done
    read = "python3 -c 'import json, sys; json.dump(json.load(open(\"/etc/docker/daemon.json\")), sys.stdout)'"
    assert json.loads(bare.sh(read)) == daemon
    # The engine keeps its labels in no order.
    assert sorted(json.loads(bare.sh("docker info -f '{{json .Labels}}'"))) == sorted(daemon["labels"])
    assert bare.sh("docker info -f '{{.DockerRootDir}}'") == daemon["data-root"]
    assert _canaries(bare, site) == ""
    assert site.run("plan", "--check", limit="h1").host("h1")["changes"] == []


def test_hostile_names_on_the_command_line(site: Site, converged: Host) -> None:
    folder = site.folder / f"$(touch {CANARY.removeprefix('/run/')}); 'x' \"y\" -rf"
    folder.mkdir()
    shutil.copy(site.folder / "inventory.py", folder / "-inv `touch canary`.py")
    shutil.copytree(site.folder / "group_data", folder / "group_data")
    path = f"{folder.name}/-inv `touch canary`.py"
    done = site.staithe("plan", path, "--json", "--limit", "h2", "--check")
    assert done.host("h2")["outcome"] == "unchanged"
    for text in ("$(touch canary)", "h2;touch canary", "-rf", "h2\n", "\x1b[2J"):
        refused = site.staithe("plan", path, f"--limit={text}", code=2)
        assert refused.text.count("error E102") == 1
        assert visible(refused.text) == refused.text
        assert site.staithe("logs", "--", text, "h2", code=2).text.count("error E103") == 1
    log = site.staithe("logs", done.json["run_id"], "h2").out
    assert visible(log) == log
    folder.rename(site.folder / "renamed")
    (site.folder / "renamed" / "-inv `touch canary`.py").unlink()
    assert _canaries(converged, site) == ""


def _bundle_with(bundle: Path, out: Path, site: Site, change: Any) -> Path:
    """Copy the bundle with another engine archive, all digests made to fit, and signed: the worst there can be."""
    shutil.copytree(bundle, out, ignore=shutil.ignore_patterns("signatures"))
    blobs = out / "blobs" / "sha256"

    def put(content: bytes) -> dict[str, Any]:
        name = hashlib.sha256(content).hexdigest()
        (blobs / name).write_bytes(content)
        return {"digest": f"sha256:{name}", "size": len(content)}

    index = json.loads((out / "index.json").read_text())
    entry = next(e for e in index["manifests"] if e["annotations"].get("io.staithe.engine.version") == "28.5.2")
    manifest = json.loads((blobs / entry["digest"][7:]).read_text())
    old = gzip.decompress((blobs / manifest["layers"][0]["digest"][7:]).read_bytes())
    made = io.BytesIO()
    with tarfile.open(fileobj=io.BytesIO(old)) as tar, tarfile.open(fileobj=made, mode="w") as new:
        for member in tar:
            changed = change(member)
            new.addfile(changed, tar.extractfile(member) if changed.isreg() else None)
    replaced = [entry["digest"][7:], manifest["layers"][0]["digest"][7:]]
    manifest["layers"][0].update(put(gzip.compress(made.getvalue(), 1)))
    entry.update(put(json.dumps(manifest).encode()))
    (out / "index.json").write_text(json.dumps(index))
    for name in replaced:
        (blobs / name).unlink()
    site.staithe("bundle", "sign", str(out), "--key", site.lab["signing_key"])
    return out


@pytest.mark.parametrize(
    ("kind", "target"),
    [(tarfile.SYMTYPE, "/etc/staithe-victim"), (tarfile.LNKTYPE, "/etc/staithe-victim"), (tarfile.FIFOTYPE, "")],
    ids=["symlink", "hardlink", "pipe"],
)
def test_a_program_that_is_none_is_refused_on_the_host(
    site: Site, bare: Host, bundle: Path, kind: bytes, target: str
) -> None:
    """Its digest fits, so only the host sees it: nothing is kept, and what the link leads to stays as it is."""

    def change(member: tarfile.TarInfo) -> tarfile.TarInfo:
        if member.name == "docker/runc":
            member.type, member.linkname, member.size = kind, target, 0
        return member

    bare.sh("echo precious > /etc/staithe-victim; chmod 600 /etc/staithe-victim")
    made = _bundle_with(bundle, site.folder / "hostile", site, change)
    site.configure(engine={"bundle": str(made), "version": "28.5.2"}, smoke=_NO_SMOKE)
    failed = site.run("apply", limit="h1", code=1).host("h1")
    assert failed["error"]["code"] == "E209", failed["error"]
    assert bare.sh("stat -c %a-%h /etc/staithe-victim; cat /etc/staithe-victim") == "600-1\nprecious"
    assert bare.sh("ls -A /usr/libexec/docker/staithe; ls /usr/bin/runc /usr/bin/dockerd", check=False) == ""
    site.configure(smoke=_NO_SMOKE)
    assert site.run("apply", limit="h1").host("h1")["outcome"] == "changed"
    assert set(bare.sh("ls /usr/libexec/docker/staithe/current/").split()) >= set(PROGRAMS)


LIES = {
    "h3": "head -c 100000 /dev/urandom",
    "h4": "head -c 1073741824 /dev/zero | tr '\\0' x",
    "h5": "printf '@begin staithe-probe 1\\n'; yes '|\x1b[2J\x1b]0;evil\x07 text'",
    "h6": "head -c 1073741824 /dev/zero | tr '\\0' x >&2",
}


def test_hosts_that_lie_hold_nobody_back(site: Site, converged: Host, hosts: dict[str, Host]) -> None:
    """`timeout` on these hosts, through which every command goes, answers with garbage or a gigabyte."""
    for name, lie in LIES.items():
        lines = f"#!/bin/sh\\ncase $* in *staithe-probe*) {lie} ;; esac\\n".replace("'", "'\\''")
        hosts[name].sh(
            f"printf %b '{lines}' > /run/liar; chmod 755 /run/liar; "
            "mv /usr/bin/timeout /usr/bin/timeout.honest; mv /run/liar /usr/bin/timeout"
        )
        assert "staithe-probe" in hosts[name].sh("cat /usr/bin/timeout")
    try:
        began = time.monotonic()
        done = site.staithe(
            "plan", "inventory.py", "--json", "--limit", "h2", *(f"--limit={name}" for name in LIES), code=1
        )
        assert time.monotonic() - began < 60
        assert done.host("h2")["outcome"] == "unchanged"
        for name in LIES:
            error = done.host(name)["error"]
            assert error["code"] == "E206", (name, error)
            assert len(error["message"]) < 2000
        words = ["plan", "inventory.py", *(f"--limit={name}" for name in LIES)]
        shown = subprocess.run(
            [sys.executable, "-c", MEASURE, site.staithe.program, *words],
            cwd=site.folder,
            env={**os.environ, "STAITHE_LAB_ID": LAB_ID},
            capture_output=True,
            text=True,
            timeout=100,
        )
        assert shown.returncode == 1
        assert int(shown.stderr.splitlines()[-1]) < 250, "MiB"
        assert visible(shown.stdout + shown.stderr) == shown.stdout + shown.stderr
        time.sleep(2)
        for name in LIES:
            left = hosts[name].sh("ps -e -o args= | grep -E '^(yes|head|tr) ' || :")
            assert left == "", f"{name} still runs {left}"
    finally:
        for name in LIES:
            hosts[name].sh("mv /usr/bin/timeout.honest /usr/bin/timeout")
