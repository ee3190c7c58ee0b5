"""`staithe remove`: hosts are as they were before, but for what is declared to stay.

What a host was and is is asked of the host itself: find, getent, systemctl, sysctl.
"""

from __future__ import annotations

import os
import re
import subprocess
import time

from tests.lab.conftest import LAB_ID, Host, Site
from tests.lab.killing import rest

# Everything that a run could have touched: each file with type, mode, owner, target and content; names and numbers.
_LOOK = r"""find /etc /usr/bin /usr/sbin /usr/libexec /usr/lib/systemd /usr/lib/modules-load.d /usr/lib/sysctl.d \
  /var/lib /root /home -xdev \( -path /var/lib/docker -o -path /var/lib/containerd -o -path /var/lib/systemd \
  -o -path /var/lib/rpm -o -path '/etc/*-' -o -path /var/lib/dpkg \) -prune -o -printf '%p %y %m %U:%G %l\n' |
  sort
find /etc /var/lib -xdev \( -path /var/lib/docker -o -path /var/lib/containerd -o -path /var/lib/systemd \
  -o -path /var/lib/rpm -o -path '/etc/*-' -o -path /var/lib/dpkg \) -prune -o -type f -exec sha256sum {} + | sort
getent group
getent passwd
sysctl -a 2>/dev/null | grep -E 'ip_forward |bridge-nf-call' | sort
systemctl list-unit-files --no-legend --no-pager | sort
ls /sys/class/net"""
_PROCESSES = "ps -eo comm= | grep -E '^(dockerd|containerd|containerd-shim|docker-proxy)' | sort -u; true"


def on_terminal(site: Site, *words: str, answers: tuple[str, ...]) -> tuple[int, str]:
    """Run a command in front of a terminal; give each answer when a question (`: ` or `? [y/N] `) comes."""
    ours, theirs = os.openpty()
    run = subprocess.Popen(
        [site.staithe.program, *words],
        cwd=site.folder, env={**os.environ, "STAITHE_LAB_ID": LAB_ID, "COLUMNS": "200"},
        stdin=theirs, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    assert run.stdout is not None
    text, left = "", list(answers)
    while piece := os.read(run.stdout.fileno(), 4096):
        text += piece.decode()
        if left and re.search(r"(\[y/N\]|name of the host, \w+:) $", text):
            os.write(ours, f"{left.pop(0)}\n".encode())
    code = run.wait(timeout=200)
    os.close(ours)
    os.close(theirs)
    return code, text


def test_the_host_is_as_before(site: Site, bare: Host) -> None:
    before = bare.sh(_LOOK)
    site.run("apply", limit="h1")
    bare.sh("docker run -d --restart=always -v keep:/v staithe/smoke:1 sh -c 'echo mine > /v/it; exec sleep 1000'")
    assert bare.sh(_LOOK) != before

    done = site.run("remove", "--yes", limit="h1")
    host = done.host("h1")
    assert host["outcome"] == "changed" and host["error"] is None
    assert [one["target"] for one in host["changes"] if one["containers"] == "ended"] == ["1 running container"]
    assert bare.sh(_LOOK) == before
    assert bare.sh(_PROCESSES) == ""
    # What stays is declared, and nothing else does.
    declared = " ".join(host["remains"])
    assert "/var/lib/docker: " in declared and "/var/lib/containerd: " in declared and "packet filter" in declared
    assert bare.sh("cat /var/lib/docker/volumes/keep/_data/it") == "mine"

    again = site.run("remove", "--yes", limit="h1").host("h1")
    assert (again["outcome"], again["changes"], again["remains"]) == ("unchanged", [], [])
    # And back: volumes and images are found where they were left.
    back = site.run("apply", limit="h1").host("h1")
    assert back["outcome"] == "changed"
    assert bare.sh("docker run --rm -v keep:/v staithe/smoke:1 cat /v/it") == "mine"
    assert not [one for one in back["changed"] if one.startswith("images:load")]


def test_what_stood_there_before_comes_back(site: Site, bare: Host) -> None:
    bare.sh(
        "groupadd --system docker; usermod -aG docker nobody; mkdir -p /etc/docker; sysctl -qw net.ipv4.ip_forward=0;"
        " echo '{\"debug\": true}' > /etc/docker/daemon.json; chmod 640 /etc/docker/daemon.json;"
        " chown root:adm /etc/docker/daemon.json 2>/dev/null || chgrp 4 /etc/docker/daemon.json;"
        " echo 'net.ipv4.tcp_syncookies = 1' > /etc/sysctl.d/99-staithe.conf"
    )
    before = bare.sh(_LOOK)
    assert "\nnet.ipv4.ip_forward = 0\n" in before
    site.run("apply", limit="h1")
    assert "ops" in bare.sh("getent group docker") and '"debug": true' not in bare.sh("cat /etc/docker/daemon.json")
    site.run("remove", "--yes", limit="h1")
    assert bare.sh(_LOOK) == before


def test_what_somebody_changed_since_is_kept_beside(site: Site, bare: Host) -> None:
    site.run("apply", limit="h1")
    bare.sh("sed -i 's/300m/123m/' /etc/docker/daemon.json; usermod -aG docker nobody")
    host = site.run("remove", "--yes", limit="h1").host("h1")
    assert "/etc/docker/daemon.json.staithe-saved" in " ".join(host["remains"])
    assert bare.sh("cat /etc/docker/daemon.json.staithe-saved | grep -c 123m; ls /etc/docker") == (
        "1\ndaemon.json.staithe-saved"
    )
    # Somebody else is in the group, so it stays; whom staithe added goes.
    assert "nobody belong to it" in " ".join(host["remains"])
    assert bare.sh("getent group docker").endswith(":nobody")


def test_data_goes_when_the_hosts_name_is_typed(site: Site, bare: Host) -> None:
    site.run("apply", limit="h1")
    bare.sh("docker volume create keep; mkdir -p /var/lib/docker/mounted /var/lib/docker-of-others")
    # On the same file system, where nobody sees by its number that it is another place.
    bare.sh("mkdir /var/lib/docker/others; touch /var/lib/docker/others/file")
    bare.sh("mount --bind /var/lib/docker/others /var/lib/docker/mounted")
    words = ("remove", "inventory.py", "--limit", "h1", "--purge-data")
    code, text = on_terminal(site, *words, answers=("h2",))
    assert "VOLUMES are lost" in text and "nothing is done on any host" in text and code == 130, text
    assert bare.sh("docker volume ls -q") == "keep"
    code, text = on_terminal(site, *words, answers=("h1",))
    assert code == 1 and "/var/lib/docker/mounted is mounted below" in text, text
    assert bare.sh("ls /var/lib/docker/others /var/lib/staithe/record.json") == (
        "/var/lib/staithe/record.json\n\n/var/lib/docker/others:\nfile"
    )
    bare.sh("umount /var/lib/docker/mounted")
    code, text = on_terminal(site, *words, answers=("h1",))
    assert code == 0, text
    assert bare.sh("find /var/lib/docker /var/lib/containerd -mindepth 1; ls -d /var/lib/staithe", check=False) == ""


def test_containers_that_outlived_the_engine_end_and_its_own_folder_is_purged(site: Site, bare: Host) -> None:
    site.configure(daemon={"live-restore": True, "data-root": "/var/lib/docker/moved"}, smoke={})
    site.run("apply", limit="h1")
    bare.sh("docker run -d -v keep:/v staithe/smoke:1 sleep 1000; useradd -m -g docker bob")
    bare.sh("systemctl stop docker.socket docker.service")
    assert "containerd-shim" in bare.sh(_PROCESSES) and bare.sh("ls /var/lib/docker/moved/volumes")
    # What the inventory says by now is not where the host's data are.
    site.configure()
    host = site.run("remove", "--yes", "--purge-data", limit="h1").host("h1")
    assert host["error"] is None and bare.sh(_PROCESSES) == ""
    assert bare.sh("ps -eo args | grep '^sleep 1000' || true") == ""
    assert bare.sh("ls -d /var/lib/docker/moved /var/lib/staithe", check=False) == ""
    assert "group docker: somebody's primary group" in host["remains"]
    assert bare.sh("id -gn bob") == "docker"


def test_without_its_notes_nothing_is_taken_for_staithes(site: Site, bare: Host) -> None:
    bare.sh("mkdir -p /etc/docker; echo '{\"debug\": true}' > /etc/docker/daemon.json")
    site.run("apply", limit="h1")
    bare.sh(": > /var/lib/staithe/former.json")
    before = bare.sh(_LOOK)
    refused = site.run("remove", "--yes", limit="h1", code=1).host("h1")
    assert refused["error"]["code"] == "E220" and bare.sh(_LOOK) == before
    # An early staithe made no notes, but it kept a copy.
    bare.sh("rm /var/lib/staithe/former.json")
    site.run("remove", "--yes", limit="h1")
    assert bare.sh("cat /etc/docker/daemon.json; ls -d /var/lib/staithe 2>/dev/null || :") == '{"debug": true}'


def test_a_no_changes_nothing(site: Site, converged: Host) -> None:
    before = converged.sh(_LOOK)
    code, text = on_terminal(site, "remove", "inventory.py", "--limit", "h2", answers=("n",))
    assert code == 130 and "stays on h2" in text, text
    assert "E100" in site.staithe("remove", "inventory.py", code=2).err
    assert converged.sh(_LOOK) == before and converged.sh("systemctl is-active docker") == "active"


def test_a_power_cut_in_the_middle_is_gone_on_with(site: Site, bare: Host) -> None:
    before = bare.sh(_LOOK)
    site.run("apply", limit="h1")
    # It does not listen to TERM, so it takes its time to stop: the blow comes when the files are still there.
    bare.sh("docker run -d staithe/smoke:1 sh -c 'trap : TERM; while :; do sleep 1; done'")
    run = subprocess.Popen(
        [site.staithe.program, "remove", "inventory.py", "--limit", "h1", "--yes"],
        cwd=site.folder, env={**os.environ, "STAITHE_LAB_ID": LAB_ID},
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    end = time.monotonic() + 60
    while not bare.sh("ps -eo args | grep '^docker.* stop -t' || true"):
        assert time.monotonic() < end and run.poll() is None
    site.staithe("lab", "reboot", "h1")
    text, _ = run.communicate(timeout=200)
    assert run.returncode == 1 and "Traceback" not in text, text
    rest(bare)
    site.run("remove", "--yes", limit="h1")
    assert bare.sh(_LOOK) == before
