"""`staithe install-here`, run on a lab host itself, by root and by a user who may use sudo."""

from __future__ import annotations

import subprocess
import sysconfig
from pathlib import Path
from typing import Any

from tests.lab.conftest import ROOT, Host
from tests.lab.supply import Supply

VERSION = "28.5.2"
_SOURCES = ("staithe", "operations", "deploys", "templates", "deploy.py")
# For nobody who installs staithe; half of the environment.
_NOT_NEEDED = ("mypy", "mypy-*", "ruff", "ruff-*", "pip", "__pycache__", "_staithe*", "*.pth")


def carry(host: Host, folder: Path, names: tuple[str, ...], target: str) -> None:
    """Stream files of this machine to a folder of the host."""
    exclude = [f"--exclude={pattern}" for pattern in _NOT_NEEDED]
    packed = subprocess.Popen(["tar", "-C", str(folder), *exclude, "-cf", "-", *names], stdout=subprocess.PIPE)
    unpack = f"sudo sh -c 'mkdir -p {target} && tar -C {target} --no-same-owner -xf -'"
    subprocess.run(["ssh", "-F", host.ssh_config, host.name, unpack], stdin=packed.stdout, check=True)
    assert packed.wait() == 0


def staithe(host: Host, words: str, *, user: str, check: bool = True) -> str:
    """Run staithe on the host; what it prints, errors too."""
    text = (
        f"cd; export PYTHONPATH=/opt/staithe PYTHONDONTWRITEBYTECODE=1 COLUMNS=200; python3 -m staithe {words} 2>&1"
    )
    return host.sh(text, user=user, check=check)


def settled(host: Host) -> None:
    """Bring staithe itself to the host."""
    carry(host, Path(sysconfig.get_paths()["purelib"]), (".",), "/opt/staithe")
    carry(host, ROOT, _SOURCES, "/opt/staithe")


def test_install_upgrade_and_remove_on_the_machine_itself(bare: Host, supply: Supply) -> None:
    settled(bare)
    supply.give_el(bare)
    repository = supply.repository()
    key = f"{supply.server.url}/RPM-GPG-KEY-lab"
    words = (
        f"--set engine.repository.url='{repository['url']}' --set engine.repository.key={key} "
        f"--set 'engine.repository.fingerprints=[\"{repository['fingerprints'][0]}\"]' "
        f'--set \'engine.repository.pins={{"containerd.io": "1.7.24"}}\' --no-smoke --user ops'
    )
    # Nobody to ask, and no --yes: nothing is done.
    refused = staithe(bare, f"install-here --version 26.1.5 {words}", user="root", check=False)
    assert "nobody to ask" in refused and bare.sh("rpm -q docker-ce || :").endswith("is not installed")

    told = staithe(bare, f"install-here --version 26.1.5 {words} --yes", user="root")
    assert "changed: @local" in told
    assert bare.sh("docker version -f '{{.Server.Version}}'").startswith("26.1.5")
    assert "ops" in bare.sh("getent group docker")
    assert "nothing to do: @local" in staithe(bare, f"install-here --version 26.1.5 {words} --yes", user="root")

    # With sudo, by somebody who is not root.
    newer = words.replace("1.7.24", "2.1.9")
    staithe(bare, f"install-here --version {VERSION} {newer} --yes", user="ops")
    assert bare.sh("docker version -f '{{.Server.Version}}'").startswith(VERSION)
    assert bare.sh("ls -A /var/lib/staithe | grep holder || :") == "", "the lock was let go"
    history = staithe(bare, "history @local", user="ops")
    assert VERSION in history and "26.1.5" in history

    staithe(bare, "rollback @local --yes", user="ops")
    assert bare.sh("docker version -f '{{.Server.Version}}'").startswith("26.1.5")
    staithe(bare, "remove @local --yes --purge-data", user="root")
    assert bare.sh("rpm -qa | grep -E '^(docker|containerd)' || :") == ""
    # A mount point stays, empty.
    assert bare.sh("ls -d /var/lib/staithe 2>/dev/null; ls -A /var/lib/docker; :") == ""


def test_a_bundle_is_all_that_is_needed(bare: Host, supply: Supply, lab: dict[str, Any]) -> None:
    """What is in it is found out, and said: no setting names a source."""
    settled(bare)
    for name in (VERSION, "static"):
        carry(bare, supply.bundle(name), (".",), f"/srv/{name}")
    signers = Path(lab["allowed_signers"])
    carry(bare, signers.parent, (signers.name,), "/srv")
    trust = f"--set trust.allowed_signers=/srv/{signers.name}"
    # Nobody is trusted before somebody says so, and what to type then is told.
    refused = staithe(bare, f"install-here --bundle /srv/{VERSION} --yes", user="root", check=False)
    assert "--set trust.allowed_signers=FILE" in refused and bare.sh("rpm -qa 'docker*'") == ""
    wrong = staithe(bare, "install-here --bundle /srv/nothing --yes", user="root", check=False)
    assert "/srv/nothing" in wrong and "Traceback" not in wrong
    wrong = staithe(bare, "install-here --source rpms --yes", user="root", check=False)
    assert "repository, rpm-bundle, static-bundle" in wrong

    told = staithe(bare, f"install-here --bundle /srv/{VERSION} {trust} --yes", user="root")
    assert f"from /srv/{VERSION}: the packages for el9-x86_64" in told and "changed: @local" in told
    assert bare.sh("rpm -q docker-ce").startswith(f"docker-ce-{VERSION}-")
    assert bare.sh("docker images -q staithe/smoke:1")
    again = staithe(bare, f"install-here --bundle /srv/{VERSION} {trust} --yes", user="ops")
    assert "nothing to do: @local" in again

    # Another bundle, which has archives alone.
    told = staithe(bare, f"install-here --bundle /srv/static --version 26.1.5 {trust} --yes", user="ops")
    assert "from /srv/static: the static archive; it has no packages" in told
    assert bare.sh("rpm -qa docker-ce") == "" and bare.sh("readlink -f /usr/bin/dockerd").startswith("/usr/libexec/")
    assert bare.sh("docker version -f '{{.Server.Version}}'").startswith("26.1.5")
