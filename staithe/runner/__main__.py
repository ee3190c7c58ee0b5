"""`python -m staithe.runner`: one shard, driven by JSON lines on stdin, telling events on stdout."""

import gc

# What is loaded stays: looking through it for garbage again and again is a tenth of the time that loading takes.
gc.disable()

import os  # noqa: E402

# gevent would look through all installed packages for plugins, 25 times, and pydantic once.
os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")

import gevent.events  # noqa: E402
from gevent import monkey  # noqa: E402

gevent.events.notify_and_call_entry_points = gevent.events.notify  # type: ignore[attr-defined]
# TLS is for the few that use it: registries, and inventories that ask some service.
monkey.patch_all(ssl=False)
# pyinfra_cli would do it again, and whole.
monkey.patch_all = lambda: True  # type: ignore[assignment, misc]

from staithe.runner.late_module import put_off, stand_ins  # noqa: E402

put_off("ssl", monkey.patch_ssl)
# paramiko has it for `Match exec` in ssh_config alone.
put_off("invoke")
# pyinfra has them for operations' arguments, templates and REQUIRE_PACKAGES; typeguard loads asyncio and unittest.
_PACKAGING = ("packaging.markers", "packaging.requirements", "packaging.specifiers", "packaging.version")
with stand_ins("typeguard", "jinja2", *_PACKAGING):
    import pyinfra.api  # noqa: F401

import resource  # noqa: E402
import signal  # noqa: E402
import sys  # noqa: E402

from staithe.runner.call_stack import lighten  # noqa: E402
from staithe.runner.control import Control  # noqa: E402
from staithe.runner.masked_text import MaskedText  # noqa: E402
from staithe.runner.shard import run_shard  # noqa: E402


def main() -> int:
    """Read `start`, run the shard, exit 0; what went wrong is told in events."""
    # Ctrl-C reaches the whole process group; only the CLI decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    gc.freeze()
    gc.enable()
    # Each host keeps its connection while it waits for its turn; the usual limit of open files is 1024.
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    # Inventories and connectors may print: the protocol keeps the real stdout for itself.
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    control = Control(sys.stdin.fileno(), out)
    # What pyinfra and others print ends in runner.log.
    sys.stderr = sys.stdout = MaskedText(sys.stderr, control.vault)
    start = control.read_start()
    if start is None:
        return 2
    lighten()
    run_shard(start, control)
    return 0


if __name__ == "__main__":
    # Connections and greenlets that are still open must not hold the process back.
    code = main()
    if isinstance(sys.stderr, MaskedText):
        sys.stderr.end()
    os._exit(code)
