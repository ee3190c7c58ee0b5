"""Sends a file to hosts as a run does: the runner's way to read a blob, its connection, its script on the host.

python -m tests.bench.sender TARGETS.json FILE      # prints the seconds from the first connection to the last end
"""

from gevent import monkey

monkey.patch_all()

import hashlib  # noqa: E402
import json  # noqa: E402
import os  # noqa: E402
import sys  # noqa: E402
import time  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import IO, Any  # noqa: E402

import gevent.pool  # noqa: E402
import paramiko  # noqa: E402

from staithe import ssh  # noqa: E402
from staithe.bundle.contents import Blob, Bundle  # noqa: E402
from staithe.events import Event  # noqa: E402
from staithe.placing import receive_blob_script  # noqa: E402
from staithe.shell import quote  # noqa: E402
from staithe.transfer import read_blob  # noqa: E402
from tests.bench.floor import connect  # noqa: E402


class _Receiver:
    """A host that nobody follows."""

    name = "bench"

    def tell(self, event: Event) -> None:
        """Say nothing."""

    def stopped(self) -> bool:
        """Never."""
        return False


class _OneFile(Bundle):
    """A bundle that is one blob."""

    def open(self, blob: Blob) -> IO[bytes]:
        """Open the file."""
        return self.root.open("rb")


def main(targets: str, file: str) -> None:
    """Send and print how long it took."""
    told = json.loads(Path(targets).read_text())
    path = Path(file)
    with path.open("rb") as opened:
        digest = hashlib.file_digest(opened, "sha256").hexdigest()
    blob = Blob(digest=f"sha256:{digest}", size_bytes=path.stat().st_size, media_type="application/octet-stream")
    bundle = _OneFile(path, digest)
    key = paramiko.Ed25519Key.from_private_key_file(told["key"])
    known = paramiko.HostKeys(told["known_hosts"])
    command = f"sudo -n -H timeout -k 5 600 sh -c {quote(receive_blob_script(blob))}"

    def one(target: dict[str, Any]) -> None:
        client = connect(target, key, known)
        done = ssh.execute(client, command, stdin=read_blob(bundle, blob, _Receiver()), timeout_s=600)
        if done.exit_code:
            raise RuntimeError(done.stderr.decode())
        client.close()

    began = time.monotonic()
    list(gevent.pool.Pool(40).imap_unordered(one, told["targets"]))
    print(f"{time.monotonic() - began:.4f}")


if __name__ == "__main__":
    main(*sys.argv[1:])
    sys.stdout.flush()
    os._exit(0)
