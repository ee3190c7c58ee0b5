"""Keys of a lab: one for its users, one for bundles, one per host, all made when first needed and gone with the lab.

Host keys stand outside the hosts, so that a host that is reset is still the same to ssh.
"""

from __future__ import annotations

import os
from pathlib import Path

from staithe.bundle.layout import SIGNATURE_NAMESPACE
from staithe.lab.command import run
from staithe.lab.state import Lab, owner


def _generate(path: Path, comment: str) -> None:
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.with_suffix(".new").unlink(missing_ok=True)
        run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", path.with_suffix(".new")])
        path.with_suffix(".new.pub").rename(path.with_suffix(".pub"))
        path.with_suffix(".new").rename(path)


def user_key(lab: Lab) -> str:
    """Return the public key of the lab's users, making the pair when there is none."""
    _generate(lab.key, f"lab-{lab.id}")
    return lab.key.with_suffix(".pub").read_text()


def signing_key(lab: Lab) -> None:
    """Make the key that bundles for this lab are signed with, and the file that allows it, when there is none."""
    _generate(lab.signing_key, f"lab-{lab.id}-bundles")
    public = lab.signing_key.with_suffix(".pub").read_text().split()
    beside = lab.allowed_signers.with_name("allowed_signers.new")
    beside.write_text(f'lab@staithe namespaces="{SIGNATURE_NAMESPACE}" {public[0]} {public[1]}\n')
    beside.replace(lab.allowed_signers)


def host_key(lab: Lab, host: str) -> tuple[str, str]:
    """Return (private, public) host key of a host."""
    path = lab.folder / "keys" / host
    _generate(path, host)
    return path.read_text(), path.with_suffix(".pub").read_text()


def write_client_files(lab: Lab) -> None:
    """Write known_hosts and the ssh configuration for the hosts of the lab, owned by the invoking user."""
    known, config = [], []
    for host in lab.hosts.values():
        kind, key = (lab.folder / "keys" / f"{host.name}.pub").read_text().split()[:2]
        known.append(f"{host.ip},{host.name} {kind} {key}\n")
        config.append(f"Host {host.name}\n  HostName {host.ip}\n  HostKeyAlias {host.ip}\n")
    config.append(
        f"Host *\n  User {lab.user}\n  IdentityFile {lab.key}\n  IdentitiesOnly yes\n"
        f"  UserKnownHostsFile {lab.known_hosts}\n  GlobalKnownHostsFile /dev/null\n  StrictHostKeyChecking yes\n"
    )
    for path, lines in ((lab.known_hosts, known), (lab.ssh_config, config)):
        beside = path.with_name(f"{path.name}.new")
        beside.write_text("".join(lines))
        beside.replace(path)
    for path in (lab.key.parent, *lab.key.parent.iterdir()):
        os.chown(path, *owner())
    lab.key.parent.chmod(0o755)
