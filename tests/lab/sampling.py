"""Notes the command lines and environments of all processes, here and on a host, while something runs."""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.lab.conftest import Host

# Every process of the machine, with its arguments and environment, as often as it can be read.
_SAMPLE = """end=$(($(date +%s) + 60))
while [ "$(date +%s)" -lt $end ] && [ ! -e /run/stop-sampling ]; do
  cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' '\\n'
  cat /proc/[0-9]*/environ 2>/dev/null | tr '\\0' '\\n' >&3
done > /run/samples 3> /run/environments
"""


@contextmanager
def sampled(host: Host) -> Iterator[list[bytes]]:
    """Note command lines and environments of all processes, here and on the host, while the body runs."""
    stop, here = threading.Event(), []

    def sample() -> None:
        while not stop.is_set():
            for path in Path("/proc").glob("[0-9]*"):
                try:
                    here.extend(_command(path))
                except OSError:
                    continue
            time.sleep(0.02)

    host.sh("rm -f /run/stop-sampling")
    with subprocess.Popen(
        ["ssh", "-F", host.ssh_config, host.name, "sudo", "sh"], stdin=subprocess.PIPE, text=True
    ) as there:
        assert there.stdin is not None
        there.stdin.write(_SAMPLE)
        there.stdin.close()
        thread = threading.Thread(target=sample)
        thread.start()
        try:
            yield here
        finally:
            stop.set()
            thread.join()
            host.sh("touch /run/stop-sampling")
            there.wait(30)


def _command(process: Path) -> list[bytes]:
    """Return the command line of a process of this machine; none for what tests ask hosts, here and there.

    Another worker may run a test beside this one that looks for the same words. staithe itself runs no ssh.
    """
    command = (process / "cmdline").read_bytes()
    spaces = next(line for line in (process / "status").read_text().splitlines() if line.startswith("NSpid:"))
    is_on_a_host = len(spaces.split()) > 2
    return [] if is_on_a_host or command.startswith(b"ssh\0") else [command]
