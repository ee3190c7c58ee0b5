"""Machines without the libraries of `staithe[bundle]`: each command says what to type, the others run."""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from staithe import __version__
from tests.archives import image_archive
from tests.rpm_site import CLI, HAS_TOOLS, Site

pytestmark = pytest.mark.skipif(not HAS_TOOLS, reason="needs Debian's rpm and gnupg")
_FOR_PACKAGES = ("solv", "createrepo_c")
_OTHERS = ("httpx", "zstandard", "tomli_w", "yaml", "cyclonedx")
MACHINES = {
    "macOS": "import os, platform\nplatform.system = lambda: 'Darwin'\ndel os.confstr\n",
    "musl": "import os\nos.confstr = lambda name: None\n",
    "glibc 2.17": "import os\nos.confstr = lambda name: 'glibc 2.17'\n",
    "ppc64le": "import platform\nplatform.machine = lambda: 'ppc64le'\n",
}


def without(folder: Path, libraries: Sequence[str], machine: str = "") -> dict[str, str]:
    """Hide libraries from every Python that is started with this environment."""
    bar = folder / "bar"
    bar.mkdir()
    (bar / "sitecustomize.py").write_text(
        "import importlib.machinery, sys\n"
        "find = importlib.machinery.PathFinder.find_spec\n"
        "def without(name, *more):\n"
        f"    return None if name.partition('.')[0] in {tuple(libraries)!r} else find(name, *more)\n"
        "importlib.machinery.PathFinder.find_spec = without\n" + MACHINES.get(machine, "")
    )
    return {"PYTHONPATH": str(bar)}


@pytest.mark.parametrize("command", ["lock", "build"])
@pytest.mark.parametrize("library", [*_OTHERS, *_FOR_PACKAGES])
def test_a_library_that_is_not_installed_is_told(locked: Site, command: str, library: str) -> None:
    told = locked.run(command, env=without(locked.home, [library]), code=2).stderr
    assert "E107" in told and f"no {library}" in told
    assert "try: pip install 'staithe[bundle]'\n" in told


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize("command", ["lock", "build"])
def test_where_there_are_no_wheels_a_container_is_named(locked: Site, command: str, machine: str) -> None:
    env = without(locked.home, _FOR_PACKAGES, machine)
    told = locked.run(command, ".", env=env, code=2).stderr
    assert "E107" in told and "glibc 2.28" in told
    assert f"staithe[bundle]=={__version__}" in told and "docker run --rm " in told
    assert told.split("  try: ")[1].splitlines()[0].endswith(f" staithe bundle {command} .")
    assert not (locked.home / "bundle").exists()


DOCKER = """#!/bin/sh
# Does what `docker run` would, with this machine in the image's place.
[ "$1 $2" = "run --rm" ] || exit 9
shift 2
while :; do
    case $1 in
    --mount) mount=$2; shift 2 ;;
    --workdir) workdir=$2; shift 2 ;;
    --user) user=$2; shift 2 ;;
    --env) export "$2"; shift 2 ;;
    *) break ;;
    esac
done
printf '%s\\n' "$mount" "$workdir" "$user" "$1" > asked
shift
HOME=$FAKE_HOME exec "$@"
"""


def test_the_container_gets_the_arguments_as_they_were_typed(locked: Site, tmp_path: Path) -> None:
    (locked.home / "a b's $HOME").mkdir()
    (locked.home / "bundle.toml").rename(locked.home / "a b's $HOME" / "bundle.toml")
    typed = ["lock", "a b's $HOME", "--upgrade", "engine", "--upgrade", "x;y", "--upgrade", ""]
    told = locked.run(*typed, env=without(locked.home, _FOR_PACKAGES, "musl"), code=2).stderr
    command = told.split("  try: ")[1].splitlines()[0]
    tools, home = tmp_path / "tools", tmp_path / "home"
    for path, text in {
        tools / "docker": DOCKER,
        tools / "pip": "#!/bin/sh\nprintf '%s\\n' \"$@\" > pip-asked\n",
        home / ".local/bin/staithe": "#!/bin/sh\nfor word; do printf '%s|' \"$word\"; done > typed\n",
    }.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(0o755)
    env = {**os.environ, "PATH": f"{tools}:{os.environ['PATH']}", "FAKE_HOME": str(home)}
    subprocess.run(["sh", "-c", command], cwd=locked.home, env=env, check=True)
    assert (locked.home / "typed").read_text() == "|".join(["bundle", *typed, ""])
    assert (locked.home / "asked").read_text().splitlines() == [
        f"type=bind,source={locked.home},target=/work",
        "/work",
        f"{os.getuid()}:{os.getgid()}",
        "python:3.12-slim",
    ]
    assert (locked.home / "pip-asked").read_text().splitlines()[-1] == f"staithe[bundle]=={__version__}"
    assert shlex.split(command)[0] == "docker"


def test_bundles_without_packages_are_locked_and_built_anywhere(site: Site) -> None:
    archive, _ = image_archive(site.home)
    (site.home / "bundle.toml").write_text(f'schema_version = 1\nname = "a"\n[[image]]\narchive = "{archive.name}"\n')
    env = without(site.home, _FOR_PACKAGES, "macOS")
    site.run("lock", env=env)
    site.run("build", env=env)


def test_all_that_only_reads_and_signs_runs_anywhere(locked: Site) -> None:
    locked.run("build")
    locked.run("build", "--out", "other")
    env = without(locked.home, (*_FOR_PACKAGES, *_OTHERS), "macOS")
    key = locked.home / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    locked.run("sign", "bundle", "--key", key, env=env)
    (locked.home / "allowed").write_text(f'me namespaces="bundle@staithe" {key.with_suffix(".pub").read_text()}')
    assert "signed by me" in locked.run("verify", "bundle", "--allowed-signers", "allowed", env=env).stdout
    assert "6 packages" in locked.run("show", "bundle", env=env).stdout
    assert "both are the same" in locked.run("diff", "bundle", "other", env=env).stdout
    locked.run("export", "bundle", "--out", "b.tar", env=env)
    for command in ("init", "docs", "controller"):
        locked.run(command, "--help", env=env)
    subprocess.run([CLI, "--help"], env={**os.environ, **env}, check=True, capture_output=True)
