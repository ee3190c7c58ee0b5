"""A blob of 200 MiB to eight hosts by relay, against plain curl from the same relay; and what this machine sends."""

from __future__ import annotations

import hashlib
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean

from staithe.bundle.contents import Blob
from staithe.relay import serving
from staithe.relay.origin import Origin
from staithe.relay.pulling import pull_blob_script
from staithe.shell import quote
from tests.bench.site import Host, Site
from tests.bench.stopwatch import STAITHE, clock
from tests.bench.table import Row, Spread, Target, compared
from tests.bench.transfer import random_file

_SIZE_MIB = 200
_HOSTS = 8
_RUN = "bench"
_LIMIT_S = 3600
_FILE = "/var/lib/by-hand"
# Eight hosts share this machine, and which of them is done early is chance: less of it than this says little of one.
_ROUNDS_OF_HOSTS = 25


@dataclass
class _Laps:
    """Seconds of each host in each round, and of all of them together."""

    pulled: list[float] = field(default_factory=list)
    curled: list[float] = field(default_factory=list)
    hashed: list[float] = field(default_factory=list)
    # By host: what plain curl took there in all rounds, as a part of what the pulls took.
    ratios: list[float] = field(default_factory=list)
    # The same of the fastest host of each, of the second, and so on to the slowest.
    ranked: list[float] = field(default_factory=list)


def rows(site: Site, rounds: int) -> list[Row]:
    """Measure a run over hosts that have everything, then pulls and plain curl in turn."""
    # First, while the machine is rested: minutes of work for both cores are felt for a while.
    again = _second(site, rounds)
    relay, *others = site.hosts[: _HOSTS + 1]
    path = random_file(site.folder / f"blob-{_SIZE_MIB}", _SIZE_MIB)
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    blob = Blob(f"sha256:{digest}", path.stat().st_size, "")
    before = _sent_bytes(site)
    with _relay(site, relay, others, blob, path) as (url, beat):
        laps = _measure(site, others, blob, url, rounds, beat)
        sent = _sent_bytes(site) - before
    rate = _SIZE_MIB * _HOSTS
    curled, hashed = Spread.of([rate / lap for lap in laps.curled]), Spread.of([rate / lap for lap in laps.hashed])
    pulled = Spread.of([rate / lap for lap in laps.pulled])
    label = f"{_SIZE_MIB} MiB by relay to {_HOSTS} hosts"
    return [
        compared(
            label,
            pulled.text("MiB/s", 0),
            f"curl {curled.text('MiB/s', 0)}",
            min(laps.ratios),
            at_least=0.8,
        ),
        Row("- fastest against fastest, ..., slowest", "", "", f"{min(laps.ranked):.2f}"),
        Row("- all hosts against all hosts", "", "", f"{fmean(laps.ratios):.2f}"),
        Row("- against curl and the same sum", "", hashed.text("MiB/s", 0), f"{pulled.median / hashed.median:.2f}"),
        compared(
            "- this machine sends",
            f"{sent / (1 << 20):.1f} MiB",
            f"one copy {_SIZE_MIB} MiB",
            sent / blob.size_bytes,
            at_most=1.05,
        ),
        again,
    ]


def _second(site: Site, rounds: int) -> Row:
    """Measure a run with a relay over hosts that have all blobs."""
    hosts = site.hosts[:_HOSTS]
    inventory = site.write_inventory("relay", hosts)
    command = [STAITHE, "apply", str(inventory), "--yes", "--json", "--set", f"transfer.relay={hosts[0].name}"]
    walls = []
    for number in range(rounds + 1):
        lap = clock(command)
        events = max((site.folder / "runs").glob("*/events.jsonl")).read_text()
        if '"transferred"' in events or '"pulling"' in events:
            raise RuntimeError("a blob was on its way to hosts that have all of them")
        if number:
            walls.append(lap.wall_s)
    spread = Spread.of(walls)
    target = Target(spread.median, at_most=1.0, unit="s")
    return Row(f"- again, {_HOSTS} hosts, 0 blobs", spread.text("s"), target=target)


def _sent_bytes(site: Site) -> int:
    """Return what this machine itself has sent on the lab's bridge."""
    return int(Path(f"/sys/class/net/{site.lab['bridge']}/statistics/tx_bytes").read_text())


@contextmanager
def _relay(
    site: Site, relay: Host, others: list[Host], blob: Blob, path: Path
) -> Iterator[tuple[str, Callable[[], None]]]:
    """Open a relay as a run does, and fill it."""
    script = serving.open_script(_RUN, relay.address, list(serving.DEFAULT_PORTS), _LIMIT_S)
    process = subprocess.Popen(
        site.ssh(relay.name, "sudo", "sh", "-c", quote(script)), stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdin is not None and process.stdout is not None
    stdin = process.stdin

    def beat() -> None:
        stdin.write(b".")
        stdin.flush()

    try:
        said = process.stdout.readline().decode()
        if not said.startswith("port "):
            raise RuntimeError(f"the relay does not open: {said}")
        port = int(said.split()[1])
        clients = [host.address for host in others]
        _sh(site, relay, serving.offer_script(_RUN, port, relay.address, clients, [], _LIMIT_S))
        with path.open("rb") as file:
            command = site.ssh(relay.name, "sudo", "sh", "-c", quote(serving.fill_script(_RUN, blob)))
            subprocess.run(command, stdin=file, check=True)
        yield f"http://{relay.address}:{port}/sha256/{blob.hex}", beat
    finally:
        stdin.close()
        process.wait(30)


def _measure(site: Site, hosts: list[Host], blob: Blob, url: str, rounds: int, beat: Callable[[], None]) -> _Laps:
    laps = _Laps()
    scripts = {
        "pulled": pull_blob_script(blob, Origin("relay", url=url)),
        "curled": f"curl -sS --fail --noproxy '*' -o {_FILE} {url}",
        "hashed": f"curl -sS --fail --noproxy '*' -o {_FILE} {url} && openssl dgst -sha256 {_FILE}",
    }
    by_host: dict[str, list[list[float]]] = {name: [] for name in scripts}
    for number in range(max(rounds, _ROUNDS_OF_HOSTS) + 1):
        for name, script in scripts.items():
            if name == "hashed" and number > rounds:
                continue
            beat()
            lap = _all(site, hosts, script)
            _all(site, hosts, f"rm -rf {_FILE} /var/lib/staithe/blobs/sha256/{blob.hex}")
            if number:
                getattr(laps, name).append(max(lap))
                by_host[name].append(lap)
    laps.ratios = _ratios(by_host["curled"], by_host["pulled"])
    laps.ranked = _ratios(list(map(sorted, by_host["curled"])), list(map(sorted, by_host["pulled"])))
    return laps


def _ratios(plain: list[list[float]], whole: list[list[float]]) -> list[float]:
    """Return for each place of the rounds' rows the mean of the one as a part of that of the other."""
    means = ([fmean(one) for one in zip(*rows, strict=True)] for rows in (plain, whole))
    return [one / other for one, other in zip(*means, strict=True)]


def _all(site: Site, hosts: list[Host], script: str) -> list[float]:
    """Run a script on all hosts at once, and return how long it took on each of them."""

    def one(host: Host) -> float:
        began = time.monotonic()
        _sh(site, host, script)
        return time.monotonic() - began

    with ThreadPoolExecutor(len(hosts)) as pool:
        return list(pool.map(one, hosts))


def _sh(site: Site, host: Host, script: str) -> None:
    command = site.ssh(host.name, "sudo", "sh", "-c", quote(script))
    subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=True)
