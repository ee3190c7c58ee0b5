"""The running machines of a Vagrantfile, as hosts of an inventory."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from staithe.errors import InventoryError

_FIELDS = {"HostName": "ssh_hostname", "User": "ssh_user", "Port": "ssh_port", "IdentityFile": "ssh_key"}


def running_machines(folder: Path | None = None) -> list[tuple[str, dict[str, Any]]]:
    """Return (name, data) of each machine that runs; `folder` is where vagrant is called, the current one if None.

    Raise InventoryError when vagrant is not installed, fails, or nothing runs.
    """
    names = list(running_names(_vagrant(["status", "--machine-readable"], folder)))
    if not names:
        raise InventoryError("no Vagrant machine is running", where=str(folder or Path.cwd()), hint="vagrant up el9")
    return [machine for name in names for machine in read_ssh_config(_vagrant(["ssh-config", name], folder))]


def running_names(status: str) -> Iterator[str]:
    """Yield the names of running machines from `vagrant status --machine-readable` (time,name,state,running)."""
    for line in status.splitlines():
        fields = line.split(",")
        if fields[2:4] == ["state", "running"]:
            yield fields[1]


def read_ssh_config(text: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield (name, pyinfra's ssh data) of each host in what `vagrant ssh-config` prints."""
    name, data = "", dict[str, Any]()
    for line in [*text.splitlines(), "Host"]:
        word, _, value = line.strip().partition(" ")
        value = value.strip().strip('"')
        if word == "Host":
            if name:
                yield name, data
            name, data = value, {}
        elif word in _FIELDS and _FIELDS[word] not in data:
            data[_FIELDS[word]] = int(value) if word == "Port" else value
            if word == "IdentityFile":
                # Vagrant empties this folder when the machine is destroyed, and the next one has a new key.
                data["ssh_known_hosts_file"] = str(Path(value).with_name("known_hosts"))
                data["ssh_strict_host_key_checking"] = "accept-new"


def _vagrant(arguments: Sequence[str], folder: Path | None) -> str:
    try:
        done = subprocess.run(
            ["vagrant", *arguments], cwd=folder, capture_output=True, text=True, check=False, timeout=300
        )
    except FileNotFoundError:
        raise InventoryError(
            "vagrant is not installed", expected="the command vagrant", hint="apt-get install vagrant vagrant-libvirt"
        ) from None
    if done.returncode != 0:
        said = (done.stderr or done.stdout).strip().splitlines()
        raise InventoryError(
            f"vagrant {' '.join(arguments)}: {said[0] if said else f'exit code {done.returncode}'}",
            hint="vagrant status",
        )
    return done.stdout
