"""What `bundle build` costs beside fetching the same files with curl and summing them up."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from staithe.lab import rpms
from tests.bench.stopwatch import PYTHON, STAITHE, clock
from tests.bench.table import Row, Spread, compared

_MAJORS = (8, 9, 10)
_OF_MAJOR = "el$releasever/$basearch/"
_EXTRAS, _EXTRA_BYTES = 12, 64 << 20
# As many at once as staithe fetches. Python's own server answers both.
_FLOOR = "curl -fsS -Z --parallel-max 6 -K ../urls && sha256sum --quiet -c ../sums"


def rows(folder: Path, rounds: int) -> list[Row]:
    """Measure a build from an empty cache: the engine's packages and all that they need, for three majors."""
    home = folder / "building"
    shutil.rmtree(home, ignore_errors=True)
    site = home / "site"
    site.mkdir(parents=True)
    made = rpms.ensure(lambda line: print(line, file=sys.stderr))
    for major in _MAJORS:
        (site / f"el{major}").symlink_to(made.folder(major, "base").parents[1])
    _make_extras(site / "extra", home / "top", made.gnupg)
    with _served(site) as address:
        # The engine alone, where the start counts; and as much as a bundle with drivers and images has.
        return [_row(home, made, address, extra=extra, rounds=rounds) for extra in (False, True)]


def _row(home: Path, made: rpms.Repositories, address: str, *, extra: bool, rounds: int) -> Row:
    for path in home.glob("bundle*"):
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    _describe(home, made, address, extra=extra)
    clock(["env", f"STAITHE_CACHE={home}/lock-cache", STAITHE, "bundle", "lock"], folder=home)
    size_bytes = _list_files(home)
    builds: list[float] = []
    floors: list[float] = []
    for number in range(rounds + 1):
        shutil.rmtree(home / "cache", ignore_errors=True)
        # What either made in the round before: nobody's to take away while the clock runs.
        shutil.rmtree(home / "files", ignore_errors=True)
        shutil.rmtree(home / "bundle", ignore_errors=True)
        (home / "files").mkdir()
        floor = clock(["sh", "-c", _FLOOR], folder=home / "files").wall_s
        build = ["env", f"STAITHE_CACHE={home}/cache", STAITHE, "bundle", "build"]
        built = clock(build, folder=home).wall_s
        if number:
            floors.append(floor)
            builds.append(built)
    mine, other = Spread.of(builds), Spread.of(floors)
    label, text = f"bundle build, {size_bytes >> 20} MiB of packages", f"curl, sha256sum {other.text('s')}"
    return compared(label, mine.text("s"), text, mine.median / other.median, at_most=1.3)


def _make_extras(target: Path, top: Path, gnupg: Path) -> None:
    """Make a repository of large packages that no compression makes smaller."""
    parts = ["Name: extra\nVersion: 1\nRelease: 1\nSummary: x\nLicense: x\nBuildArch: noarch\n"]
    install = "%install\nmkdir -p %{buildroot}/opt\n"
    for number in range(_EXTRAS):
        parts.append(f"%package {number}\nSummary: x\n%description {number}\nx\n%files {number}\n/opt/{number}\n")
        install += f"head -c {_EXTRA_BYTES} /dev/urandom > %{{buildroot}}/opt/{number}\n"
    rpms.rpmbuild("".join([parts[0], "%description\nx\n", *parts[1:], install]), target, top, major=9)
    rpms.sign(gnupg, "lab", sorted(target.glob("*.rpm")))
    rpms.write_metadata(target)


@contextmanager
def _served(root: Path) -> Iterator[str]:
    """Serve a folder on loopback, from a process of its own."""
    command = [PYTHON, "-u", "-m", "http.server", "--bind", "127.0.0.1", "--directory", str(root), "0"]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert server.stdout is not None
    try:
        # Serving HTTP on 127.0.0.1 port 40001 (http://127.0.0.1:40001/) ...
        yield server.stdout.readline().partition("(")[2].partition("/)")[0]
    finally:
        server.terminate()
        server.wait()


def _describe(home: Path, made: rpms.Repositories, address: str, *, extra: bool) -> None:
    shutil.copy(made.key(), home / "lab.asc")
    listed = subprocess.check_output(
        ["gpg", "--show-keys", "--with-colons", made.key()], text=True, stderr=subprocess.DEVNULL
    )
    fingerprint = next(line.split(":")[9] for line in listed.splitlines() if line.startswith("fpr:"))
    text = f'schema_version = 1\nname = "bench"\n[targets]\nmajors = {list(_MAJORS)}\n[engine]\nversion = "28.5.2"\n'
    text += f"[packages]\nextra = {json.dumps([f'extra-{number}' for number in range(_EXTRAS)])}\n" if extra else ""
    for name, path in (("docker-ce", _OF_MAJOR), ("base", _OF_MAJOR), *([("extra", "")] if extra else [])):
        text += f'[[repository]]\nid = "{name}"\nurl = "{address}/{path}{name}"\n'
        text += f'keys = ["lab.asc"]\nfingerprints = ["{fingerprint}"]\n'
    (home / "bundle.toml").write_text(text)


def _list_files(home: Path) -> int:
    """Write what curl fetches and sha256sum looks at; return the size of it all."""
    packages = tomllib.loads((home / "bundle.lock").read_text())["package"]
    names = {one["sha256"]: f"{number}.rpm" for number, one in enumerate(packages)}
    files = {one["sha256"]: one for one in packages}.values()
    (home / "urls").write_text("".join(f'url = "{one["url"]}"\noutput = "{names[one["sha256"]]}"\n' for one in files))
    (home / "sums").write_text("".join(f"{one['sha256']}  {names[one['sha256']]}\n" for one in files))
    return sum(one["size"] for one in files)
