"""Engines and packages with a fault each, as RPMs for EL 9 and as static archives; made once per machine.

<cache>/faulty/<digest>/el9/ARCH/docker-ce/ is a whole repository: what the lab's own has of 28.5.2, and a version for
each fault. `docker-VERSION.tgz` beside it are the archives. The daemons of EXITS, HANGS and DIES are real ones behind
a start program that does what the fault is; those of the packages with a faulty packing run well.
"""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from staithe.lab import artifacts, engine_specs, lock, places, rpms

GOOD = "28.5.2"
# The daemon ends at once with an error; never gets ready; serves, and is killed after 10 s (each time it starts).
EXITS, HANGS, DIES = "28.5.97", "28.5.98", "28.5.99"
# Packages: unsigned; signed by the key `other`; that require what nobody has; that sleep 20 s in %pre, in %post.
UNSIGNED, FOREIGN, LACKING, SLOW_PRE, SLOW_POST = (f"28.5.{number}" for number in range(91, 96))
FAULTS = {
    EXITS: "echo 'failed to start daemon: fault of the lab: exits' >&2; exit 1",
    HANGS: "echo 'fault of the lab: hangs' >&2; exec sleep 1000000",
    DIES: (
        "(exec 3>&-; sleep 10; echo 'fault of the lab: dies' >&2"
        ' && [ "$(readlink /proc/$$/exe)" = "$real" ] && kill -9 $$) & exec "$real" "$@"'
    ),
}
_SCRIPTLETS = {
    LACKING: ("Requires: /usr/sbin/groupadd", "Requires: lab-nowhere >= 1, /usr/sbin/groupadd"),
    SLOW_PRE: ("\n%post\n", "\n%pre\nsleep 20\n\n%post\n"),
    SLOW_POST: ("\n%post\n", "\n%post\nsleep 20\n"),
}
# What Debian's build calls itself, and in as many letters what stands there instead.
_NAMED, _LABEL = "28.5.2+dfsg", "{}+dfs"
_FORMAT = "1"
# The start program finds the real one behind itself. It asks nothing of a daemon that only reads its settings.
_SCRIPT = """case $0 in */*) self=$0 ;; *) self=$(command -v "$0") ;; esac
real=/run/lab-dockerd
tail -c +{first} "$self" > $real.$$ && chmod 755 $real.$$ && mv -f $real.$$ $real || exit 1
case " $* " in *' --validate '* | *' --version '* | *' -v '*) exec $real "$@" ;; esac
{fault}
"""
_PAYLOAD_AT = 4096


@dataclass(frozen=True)
class FaultyEngines:
    """Where they are."""

    home: Path

    @property
    def repository(self) -> Path:
        return self.home / "el9" / platform.machine() / "docker-ce"

    def archive(self, version: str) -> Path:
        return self.home / f"docker-{version}.tgz"


def ensure(say: Callable[[str], None]) -> FaultyEngines:
    """Make them unless they are there (15 s)."""
    made = rpms.ensure(say)
    text = f"{_FORMAT} {made.home} {FAULTS} {_SCRIPTLETS} {_SCRIPT} {start_program('').hex()}"
    home = places.cache_dir() / "faulty" / hashlib.sha256(text.encode()).hexdigest()[:16]
    with lock.held(places.cache_dir() / "faulty.lock"):
        if not (home / "complete").exists():
            work = places.cache_dir() / "tmp" / f"faulty-{home.name}"
            shutil.rmtree(work, ignore_errors=True)
            work.mkdir(parents=True)
            _make(FaultyEngines(work), made, say)
            (work / "complete").touch()
            home.parent.mkdir(parents=True, exist_ok=True)
            shutil.rmtree(home, ignore_errors=True)
            work.rename(home)
    return FaultyEngines(home)


def _make(target: FaultyEngines, made: rpms.Repositories, say: Callable[[str], None]) -> None:
    build = target.home / "build"
    rpms.write_units(build / "units")
    programs = artifacts.read_engine_archive(artifacts.located().engines[GOOD])
    target.repository.mkdir(parents=True)
    for version in (*FAULTS, UNSIGNED, FOREIGN, *_SCRIPTLETS):
        say(f"the faulty engine {version}")
        own = artifacts.relabelled(programs, _NAMED, _LABEL.format(version))
        if version in FAULTS:
            own["dockerd"] = start_program(FAULTS[version]) + own["dockerd"]
            artifacts.write_engine_archive(target.archive(version), own)
        _pack(target, made, build, version, own)
    for package in made.folder(9, "docker-ce").glob("*.rpm"):
        if GOOD in package.name or "2.1.9" in package.name or "-plugin-" in package.name:
            os.link(package, target.repository / package.name)
    rpms.write_metadata(target.repository)
    shutil.rmtree(build)


def _pack(
    target: FaultyEngines, made: rpms.Repositories, build: Path, version: str, programs: dict[str, bytes]
) -> None:
    folder = build / "programs"
    folder.mkdir()
    for name, content in programs.items():
        (folder / name).write_bytes(content)
        (folder / name).chmod(0o755)
    old, new = _SCRIPTLETS.get(version, ("", ""))
    spec = engine_specs.ENGINE_SPEC.replace(old, new, 1) if old else engine_specs.ENGINE_SPEC
    assert not old or spec != engine_specs.ENGINE_SPEC, f"{old!r} is not in the spec any more"
    defines = {"engine": version, "programs": str(folder), "units": str(build / "units")}
    rpms.rpmbuild(spec, build / version, build / "work", major=9, defines=defines)
    packages = sorted((build / version).glob("*.rpm"))
    if version != UNSIGNED:
        rpms.sign(made.gnupg, "other" if version == FOREIGN else "lab", packages)
    for package in packages:
        package.rename(target.repository / package.name)
    shutil.rmtree(folder)


def start_program(fault: str) -> bytes:
    """Return a program for x86-64 that runs /bin/sh with the script of the fault; a whole page, the rest behind it.

    Engine archives hold programs only, so a script will not do.
    """
    # execve("/bin/sh", {"sh", "-c", SCRIPT, argv...}, envp): the three go in front of argv, where argc was.
    code = (
        "488b0c24"  # mov rcx, [rsp]
        "488d54cc10"  # lea rdx, [rsp + rcx*8 + 16]
        "488d05{script:08x}"  # lea rax, [rip + SCRIPT]
        "48890424"  # mov [rsp], rax
        "488d05{option:08x}"  # lea rax, [rip + "-c"]
        "50"  # push rax
        "488d3d{shell:08x}"  # lea rdi, [rip + "/bin/sh"]
        "57"  # push rdi
        "4889e6"  # mov rsi, rsp
        "b83b000000"  # mov eax, 59
        "0f05"  # syscall
        "0f0b"  # ud2
    )
    script = _SCRIPT.format(first=_PAYLOAD_AT + 1, fault=fault).encode() + b"\0"
    shell, option = b"/bin/sh\0", b"-c\0"
    start = 64 + 56
    strings = start + len(code.format(script=0, option=0, shell=0)) // 2
    places_of = {"shell": strings, "option": strings + len(shell), "script": strings + len(shell) + len(option)}
    # Each is told from the end of its own instruction.
    ends = {"script": start + 16, "option": start + 27, "shell": start + 35}
    near = {name: int.from_bytes(struct.pack("<i", places_of[name] - ends[name]), "big") for name in ends}
    body = bytes.fromhex(code.format(**near)) + shell + option + script
    size, base = start + len(body), 0x400000
    header = struct.pack(
        "<16sHHIQQQIHHHHHH", b"\x7fELF\x02\x01\x01", 2, 62, 1, base + start, 64, 0, 0, 64, 56, 1, 0, 0, 0
    )
    segment = struct.pack("<IIQQQQQQ", 1, 5, 0, base, base, size, size, 4096)
    program = header + segment + body
    assert len(program) <= _PAYLOAD_AT
    return program.ljust(_PAYLOAD_AT, b"\n")
