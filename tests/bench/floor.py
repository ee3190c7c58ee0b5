"""What a run cannot do without: start Python with gevent and paramiko, connect to every host, run `true` on each.

    python -m tests.bench.floor TARGETS.json [--connect-only]

Connects as the runner does: staithe's own transport (ciphers, no Nagle), key and known_hosts read once, 40 hosts at
once. Prints the seconds from the first connection to the last answer.
"""

from gevent import monkey

monkey.patch_all()

import json  # noqa: E402
import os  # noqa: E402
import sys  # noqa: E402
import time  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import Any  # noqa: E402

import gevent.pool  # noqa: E402
import paramiko  # noqa: E402

from staithe.ssh import fast_transport  # noqa: E402

AT_ONCE = 40


def connect(target: dict[str, Any], key: paramiko.PKey, known: paramiko.HostKeys) -> paramiko.SSHClient:
    """Open one connection, refusing a host key that known_hosts does not have."""
    client = paramiko.SSHClient()
    client.set_missing_host_key_policy(paramiko.RejectPolicy())
    client._host_keys = known  # type: ignore[attr-defined]  # as pyinfra does: parsed once for all hosts
    client.connect(
        target["address"],
        port=target["port"],
        username=target["user"],
        pkey=key,
        allow_agent=False,
        look_for_keys=False,
        transport_factory=fast_transport,
    )
    return client


def run_true(client: paramiko.SSHClient) -> None:
    """Run `true` and wait for its exit code."""
    transport = client.get_transport()
    assert transport is not None
    channel = transport.open_session()
    channel.exec_command("true")
    if channel.recv_exit_status() != 0:
        raise RuntimeError("true failed")


def main(path: str, *, connect_only: bool) -> None:
    """Do it and print how long it took."""
    told = json.loads(Path(path).read_text())
    began = time.monotonic()
    key = paramiko.Ed25519Key.from_private_key_file(told["key"])
    known = paramiko.HostKeys(told["known_hosts"])

    def one(target: dict[str, Any]) -> paramiko.SSHClient:
        client = connect(target, key, known)
        if not connect_only:
            run_true(client)
        return client

    pool = gevent.pool.Pool(AT_ONCE)
    # Kept until all are done, as a run does.
    clients = list(pool.imap_unordered(one, told["targets"]))
    print(f"{time.monotonic() - began:.4f}")
    for client in clients:
        client.close()


if __name__ == "__main__":
    main(sys.argv[1], connect_only="--connect-only" in sys.argv)
    sys.stdout.flush()
    os._exit(0)
