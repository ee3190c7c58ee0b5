"""What staithe wrote on a host, and what the running daemons were started with. Pure: reads and makes texts.

record.json: one generation, what is on the host and belongs to staithe.
running.json: for each daemon, the process (boot, pid, start) and the unit and daemon.json it was started with.
"""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from staithe import __version__
from staithe.desired import Desired
from staithe.engine import StaticEngine
from staithe.errors import RecordTooNew
from staithe.host_layout import BIN_DIR, DAEMON_JSON, PACKAGE_UNIT_DIR, REPOSITORY_KEY, UNIT_DIR
from staithe.probe.state import HostState, ManagedFile
from staithe.rpm.nevra import Nevra

RECORD_SCHEMA = 1


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True)


class Contents(_Part):
    """What a generation consists of."""

    engine_version: str
    source: str = "static-bundle"
    # Of a static engine; empty with packages.
    engine_directory: str = ""
    engine_archive: str = ""
    # Name -> NEVRA, with packages.
    packages: dict[str, str] = {}
    bundle: str
    # Absolute path -> sha256 of every small file that staithe owns.
    files: dict[str, str]
    links: tuple[str, ...]
    # Config digest -> references.
    images: dict[str, tuple[str, ...]]
    # Hex sha256 of every blob of the images; they are kept on the host, so that nothing is sent twice.
    blobs: tuple[str, ...] = ()


class Record(_Part):
    """The record as it lies on the host."""

    schema_version: int = RECORD_SCHEMA
    staithe_version: str = __version__
    run_id: str = ""
    generation: int = 1
    # The generation that a rollback brought back as this one; None: it was applied.
    same_as: int | None = None
    # Seconds since the epoch, by the host's clock.
    applied_at: int = 0
    # Whether the smoke containers ran well on this generation.
    proved: bool = False
    # Name of a bundle -> the highest serial of its locks that was ever applied here.
    serials: dict[str, int] = {}
    contents: Contents

    @property
    def origin(self) -> int:
        """The generation that was applied, of which this one is a return: what comes before counts from there."""
        return self.same_as or self.generation

    def text(self) -> str:
        return self.model_dump_json(indent=1) + "\n"


class Started(_Part):
    """What one running daemon was started with."""

    boot_id: str
    pid: int
    start_ticks: int
    unit_sha256: str
    daemon_json: str | None = None


class Running(_Part):
    """running.json"""

    schema_version: int = RECORD_SCHEMA
    daemons: dict[str, Started] = {}


def contents_of(state: HostState, desired: Desired) -> Contents:
    """Say what a host consists of when all that is desired is on it; packages without a pin are as in `state`."""
    blobs = sorted({blob.hex for image in desired.images for blob in image.blobs}) if desired.keeps_blobs else ()
    engine = desired.engine
    common: dict[str, Any] = {
        "bundle": desired.bundle.digest,
        "files": {path: file.sha256 for path, file in sorted(desired.files.items())},
        "images": {image.config.digest: image.references for image in desired.images},
        "blobs": tuple(blobs),
    }
    if isinstance(engine, StaticEngine):
        return Contents(
            engine_version=engine.version,
            engine_directory=engine.directory,
            engine_archive=engine.artifact.archive.digest,
            links=tuple(f"{BIN_DIR}/{name}" for name in sorted(engine.programs)),
            **common,
        )
    key = state.files.get(REPOSITORY_KEY, ManagedFile())
    if engine.source == "repository" and key.exists:
        common["files"] = dict(sorted({**common["files"], REPOSITORY_KEY: key.sha256}.items()))
    packages = engine.installed(state)
    version = engine.version or _version_of(packages.get("docker-ce", ""))
    return Contents(engine_version=version, source=engine.source, packages=packages, links=(), **common)


def read_record(state: HostState) -> Record | None:
    """Return the host's record, None when there is none or it is unreadable; RecordTooNew for a newer schema."""
    if state.record is None:
        return None
    try:
        record = Record.model_validate_json(state.record)
    except ValidationError:
        _refuse_newer(state.record)
        return None
    if record.schema_version > RECORD_SCHEMA:
        _refuse_newer(state.record)
    return record


def next_record(state: HostState, desired: Desired, *, run_id: str) -> Record:
    """Return the record of the generation that is being applied."""
    old = read_record(state)
    return Record(
        run_id=run_id,
        generation=old.generation + 1 if old else 1,
        applied_at=state.clock,
        serials=_serials(old, desired),
        contents=contents_of(state, desired),
    )


def _serials(old: Record | None, desired: Desired) -> dict[str, int]:
    serials = dict(old.serials) if old else {}
    if desired.bundle.name and desired.bundle.serial is not None:
        serials[desired.bundle.name] = max(desired.bundle.serial, serials.get(desired.bundle.name, 0))
    return serials


def highest_serial(state: HostState, name: str) -> int | None:
    """Return the highest serial of the bundle `name` that was applied on this host; None when it had none."""
    record = read_record(state)
    return record.serials.get(name) if record else None


class _Version(_Part):
    schema_version: int = 0
    staithe_version: str = "unknown"


def _refuse_newer(text: str) -> None:
    try:
        found = _Version.model_validate_json(text)
    except ValidationError:
        return
    if found.schema_version > RECORD_SCHEMA:
        raise RecordTooNew(
            "a newer staithe wrote the record on this host",
            found=f"schema {found.schema_version} of staithe {found.staithe_version}",
            expected=f"schema {RECORD_SCHEMA}",
            # Never a command made of what the host says: it is there to be typed.
            hint="git pull && make setup   # in the clone that staithe runs from",
        )


def read_running(state: HostState, unit: str) -> Started | None:
    """Return what the daemon of `unit` was started with, if the note is about the process that runs now."""
    process = state.processes.get(unit)
    if state.running is None or process is None:
        return None
    try:
        started = Running.model_validate_json(state.running).daemons.get(unit)
    except ValidationError:
        return None
    if started is None:
        return None
    same = (started.boot_id, started.pid, started.start_ticks) == (state.boot_id, process.pid, process.start_ticks)
    return started if same else None


def adopted(state: HostState, unit: str) -> Started | None:
    """Work out what a daemon that nobody noted was started with: the files, if they are older than the process."""
    process = state.processes.get(unit)
    if process is None:
        return None
    unit_file = unit_in_place(state, unit)
    # containerd does not read daemon.json.
    daemon_json = state.files.get(DAEMON_JSON, ManagedFile()) if unit == "docker.service" else ManagedFile()
    younger = [file for file in (unit_file, daemon_json) if file.exists and file.ctime > process.started_at]
    if younger or not unit_file.exists or (daemon_json.exists and daemon_json.text is None):
        return None
    return Started(
        boot_id=state.boot_id,
        pid=process.pid,
        start_ticks=process.start_ticks,
        unit_sha256=unit_file.sha256,
        daemon_json=daemon_json.text,
    )


def unit_in_place(state: HostState, unit: str) -> ManagedFile:
    """Return the file of a unit: systemd takes one in /etc before one that a package brought."""
    ours, packaged = (state.files.get(f"{folder}/{unit}", ManagedFile()) for folder in (UNIT_DIR, PACKAGE_UNIT_DIR))
    return ours if ours.exists else packaged


def unit_sha256(unit: str, state: HostState, desired: Desired) -> str:
    """Return the digest of the unit that a daemon is to run with: staithe's, or the package's as it is there."""
    if isinstance(desired.engine, StaticEngine):
        return desired.files[f"{UNIT_DIR}/{unit}"].sha256
    return state.files.get(f"{PACKAGE_UNIT_DIR}/{unit}", ManagedFile()).sha256


def started_with(state: HostState, unit: str) -> Started | None:
    """Return what a running daemon was started with, noted or worked out; None when that cannot be told."""
    return read_running(state, unit) or adopted(state, unit)


def runs_what_is_there(state: HostState) -> bool:
    """Tell whether the engine answers, and runs with exactly the programs, unit and daemon.json that are in place."""
    process = state.processes.get("docker.service")
    started = started_with(state, "docker.service")
    binary = state.engine.binaries.get("dockerd")
    if state.docker is None or process is None or started is None or binary is None:
        return False
    in_place = binary.target
    unit = unit_in_place(state, "docker.service")
    daemon_json = state.files.get(DAEMON_JSON, ManagedFile())
    return (process.exe, started.unit_sha256, started.daemon_json) == (in_place, unit.sha256, daemon_json.text)


def running_text(state: HostState, desired: Desired, fresh: frozenset[str]) -> str:
    """Write running.json: daemons in `fresh` run with what is desired, the others with what is noted already."""
    daemons = {}
    for unit, process in state.processes.items():
        noted = started_with(state, unit)
        if unit in fresh:
            noted = Started(
                boot_id=state.boot_id,
                pid=process.pid,
                start_ticks=process.start_ticks,
                unit_sha256=unit_sha256(unit, state, desired),
                daemon_json=desired.files[DAEMON_JSON].text if unit == "docker.service" else None,
            )
        if noted is not None:
            daemons[unit] = noted
    return Running(daemons=daemons).model_dump_json(indent=1) + "\n"


def recorded_images(state: HostState) -> frozenset[str]:
    """Return the config digests of the images that the record says were loaded."""
    record = read_record(state)
    return frozenset(record.contents.images) if record else frozenset()


def _version_of(nevra: str) -> str:
    try:
        return Nevra.parse(nevra).version
    except ValueError:
        return ""
