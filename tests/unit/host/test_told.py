"""A transaction that failed, as the kind of error that it is: from what dnf 5 (5.4.6) really said."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from staithe.errors import CommandFailed, DiskFull, PackageUntrusted, RepositoryUnreachable
from staithe.host.transaction import told
from staithe.ssh import Completed

_BEFORE = """\
No matches were found for the following plugin name patterns while disabling libdnf plugins: versionlock
Updating and loading repositories:
Repositories loaded.
Total size of inbound packages is 20 MiB. Need to download 20 MiB.
Is this ok [y/N]: [1/1] docker-compose-plugin-0:2.40.3-1. 100% | 158.2 MiB/s |  20.3 MiB |  00m00s
Running transaction
"""
_CHECK = """\
Transaction failed: Signature verification failed.
OpenPGP check for package "docker-ce-28.5.2-1.el9.x86_64" (/var/cache/docker-ce.rpm) from repo "x" has failed: """
_DOWNLOAD = "Failed to download packages\n Librepo error: "


@pytest.mark.parametrize(
    ("said", "kind", "words"),
    [
        (f"{_CHECK}The package is not signed.", PackageUntrusted, "is not signed"),
        (f"{_CHECK}Public key is not installed.", PackageUntrusted, "Public key is not installed"),
        (f"{_CHECK}Import of the key didn't help, wrong key?", PackageUntrusted, "wrong key?"),
        (
            f"{_DOWNLOAD}Cannot download x.rpm: All mirrors were tried",
            RepositoryUnreachable,
            "All mirrors were tried",
        ),
        (f"{_DOWNLOAD}Curl error (23): x [Failure writing output to destination]", DiskFull, "Curl error (23)"),
        (
            "Transaction failed: Rpm transaction failed.\n"
            "  - installing package docker-ce-28.5.2-1.el9.x86_64 needs 69MB more space on the /usr filesystem",
            DiskFull,
            "needs 69MB",
        ),
        # The second line is out of its log.
        (
            "Transaction failed: Rpm transaction failed.\n"
            "error: can't create transaction lock on /var/lib/rpm/.rpm.lock (Resource temporarily unavailable)",
            CommandFailed,
            "rpm database",
        ),
    ],
    ids=["unsigned", "another key", "another key than the repository's", "gone", "cache full", "disk full", "locked"],
)
def test_what_dnf_5_says(said: str, kind: type[Exception], words: str) -> None:
    here: Any = SimpleNamespace(name="web1")
    error = told(here, Completed(1, b"", f"{_BEFORE}{said}\n".encode(), 1.0))
    assert type(error) is kind and words in str(error)
    assert "plugin" not in str(error), "a warning that has nothing to do with it"
