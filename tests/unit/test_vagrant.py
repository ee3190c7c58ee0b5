"""The Vagrantfile, and the inventory that is made from its running machines."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from staithe.errors import InventoryError
from staithe.vagrant import read_ssh_config, running_machines, running_names

ROOT = Path(__file__).parents[2]
VAGRANTFILE = (ROOT / "Vagrantfile").read_text(encoding="utf-8")


def _validate(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    assert shutil.which("vagrant"), "vagrant is missing: make test-packages"
    env = {**os.environ, "VAGRANT_DEFAULT_PROVIDER": "libvirt", "VAGRANT_HOME": str(folder / "home")}
    return subprocess.run(
        ["vagrant", "validate", *arguments],
        cwd=folder,
        env=env,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_vagrant_finds_nothing_wrong_with_the_libvirt_side(tmp_path: Path) -> None:
    (tmp_path / "Vagrantfile").write_text(VAGRANTFILE, encoding="utf-8")
    done = _validate(tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Vagrantfile validated successfully" in done.stdout


def test_vagrant_finds_nothing_wrong_whatever_the_provider(tmp_path: Path) -> None:
    (tmp_path / "Vagrantfile").write_text(VAGRANTFILE, encoding="utf-8")
    done = _validate(tmp_path, "--ignore-provider")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("machine.vm.hostname", "machine.vm.hostnam"),
        ("provider.cpus", "provider.cpuss"),
        ("do |config|", "do config|"),
    ],
)
def test_a_mistake_in_the_vagrantfile_is_seen(tmp_path: Path, right: str, wrong: str) -> None:
    assert right in VAGRANTFILE
    (tmp_path / "Vagrantfile").write_text(VAGRANTFILE.replace(right, wrong), encoding="utf-8")
    assert _validate(tmp_path).returncode != 0


def test_there_is_a_machine_for_each_release_and_one_without_a_way_out() -> None:
    machines = dict(re.findall(r'"(\w+)" => "([\w/]+)"', VAGRANTFILE))
    assert set(machines) == {"el7", "el8", "el9", "el10", "airgap"}
    assert all(machines[f"el{major}"].endswith(f"/{major}") for major in (7, 8, 9, 10))
    assert 'WITHOUT_A_WAY_OUT = ["airgap"]' in VAGRANTFILE
    assert "ip route del default" in VAGRANTFILE
    for provider in ("virtualbox", "libvirt"):
        assert f'config.vm.provider "{provider}"' in VAGRANTFILE


SSH_CONFIG = """\
Host el9
  HostName 127.0.0.1
  User vagrant
  Port 2222
  UserKnownHostsFile /dev/null
  StrictHostKeyChecking no
  IdentityFile "/home/me/my site/.vagrant/machines/el9/virtualbox/private_key"
  IdentityFile /home/me/.vagrant.d/insecure_private_key

Host el8
  HostName 192.168.121.7
  User vagrant
  Port 22
  IdentityFile /home/me/site/.vagrant/machines/el8/libvirt/private_key
"""


def test_ssh_config_becomes_host_data() -> None:
    el9, el8 = read_ssh_config(SSH_CONFIG)
    assert el9 == (
        "el9",
        {
            "ssh_hostname": "127.0.0.1",
            "ssh_user": "vagrant",
            "ssh_port": 2222,
            "ssh_key": "/home/me/my site/.vagrant/machines/el9/virtualbox/private_key",
            "ssh_known_hosts_file": "/home/me/my site/.vagrant/machines/el9/virtualbox/known_hosts",
            "ssh_strict_host_key_checking": "accept-new",
        },
    )
    assert (el8[0], el8[1]["ssh_hostname"], el8[1]["ssh_port"]) == ("el8", "192.168.121.7", 22)


def test_only_running_machines_count() -> None:
    status = "1,el7,metadata,provider,libvirt\n1,el7,state,not_created\n1,el9,state,running\n1,el8,state,poweroff\n"
    assert list(running_names(status)) == ["el9"]


def _fake_vagrant(folder: Path, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    program = folder / "vagrant"
    program.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")


def test_running_machines_are_asked_one_by_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "config").write_text(SSH_CONFIG.split("\n\n", maxsplit=1)[0], encoding="utf-8")
    script = (
        f'if [ "$1" = status ]; then echo "1,el9,state,running"; else [ "$2" = el9 ] && cat {tmp_path}/config; fi'
    )
    _fake_vagrant(tmp_path, script, monkeypatch)
    assert [name for name, _ in running_machines()] == ["el9"]


def test_without_vagrant_the_error_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InventoryError, match="vagrant is not installed") as caught:
        running_machines()
    assert caught.value.hint == "apt-get install vagrant vagrant-libvirt"


def test_when_nothing_runs_the_error_says_what_to_type(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _fake_vagrant(tmp_path, 'echo "1,el9,state,not_created"', monkeypatch)
    with pytest.raises(InventoryError, match="no Vagrant machine is running") as caught:
        running_machines()
    assert caught.value.hint == "vagrant up el9"


def test_when_vagrant_fails_its_own_words_are_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _fake_vagrant(tmp_path, 'echo "A Vagrant environment is required." >&2; exit 1', monkeypatch)
    with pytest.raises(InventoryError, match=r"vagrant status .*: A Vagrant environment is required"):
        running_machines()
