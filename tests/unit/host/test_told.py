"""A transaction that failed, as the kind of error that it is: from what dnf 4.14 and 5.4.6 really said."""

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


_TABLE = """\
Dependencies resolved.
================================================================================
 Package           Arch       Version               Repository             Size
================================================================================
Upgrading:
 docker-ce         x86_64     3:28.5.92-1.el9       staithe-docker-ce      28 M

Transaction Summary
================================================================================
"""
_REFUSED = f"""\
{_TABLE}Is this ok [y/N]: Downloading Packages:
Error: Refusing to automatically import keys when running unattended.
Use "-y" to override.
"""
_STARTED_AGAIN = f"{_REFUSED}Last metadata expiration check: 0:00:01 ago.\n{_TABLE}"
_NOT_CORRECT = """\
The GPG keys listed for the "Docker CE" repository are already installed but they are not correct for this package.
Check that the correct key URLs are configured for this repository.. Failing package is: docker-ce-3:28.5.92-1
Public key for docker-ce-cli-28.5.92-1.el9.x86_64.rpm is not installed. Failing package is: docker-ce-cli-1:28.5.92-1
Error: GPG check FAILED
"""


@pytest.mark.parametrize(
    ("said", "kind", "words"),
    [
        (_STARTED_AGAIN + _NOT_CORRECT, PackageUntrusted, "Public key for docker-ce-cli"),
        # The first start's refusal is none of the second one's.
        (
            f"{_STARTED_AGAIN}Error: Transaction test error:\n  needs 69MB more space on the / filesystem",
            DiskFull,
            "69MB",
        ),
        (_REFUSED, PackageUntrusted, "Refusing to automatically import keys"),
    ],
    ids=["another key", "disk full", "not started again"],
)
def test_of_a_dnf_4_that_was_started_again_the_last_words_count(said: str, kind: type[Exception], words: str) -> None:
    here: Any = SimpleNamespace(name="web1")
    error = told(here, Completed(1, b"", said.encode(), 1.0))
    assert type(error) is kind and words in str(error)
    assert kind is not PackageUntrusted or "Arch" not in str(error), "a table is no cause"
