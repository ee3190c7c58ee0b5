"""HostStates and Desired to start tests from: a bare host, and one that is as described."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from staithe.bundle.contents import Blob, Bundle, EngineArtifact, ImageArtifact, Program
from staithe.config import Config
from staithe.desired import Desired, desired_for
from staithe.engine import StaticEngine
from staithe.host_layout import BIN_DIR, ENGINE_ROOT, UNITS
from staithe.probe.state import (
    Cgroup,
    DockerInfo,
    Engine,
    EngineBinary,
    Group,
    HostState,
    Image,
    Kernel,
    KernelModule,
    ManagedFile,
    OsRelease,
    Process,
    Storage,
    Unit,
)
from staithe.programs import PROGRAMS
from staithe.record import Running, Started, next_record

GIB = 1 << 30


def blob(letter: str, size: int = 1000) -> Blob:
    return Blob(f"sha256:{letter * 64}", size, "application/octet-stream")


def engine(version: str = "28.5.2", letter: str = "a") -> EngineArtifact:
    programs = {name: Program(f"{number:x}" * 64, 10_000_000) for number, name in enumerate(PROGRAMS)}
    return EngineArtifact(version, "x86_64", blob(letter, 70_000_000), programs)


SMOKE_IMAGE = ImageArtifact(("staithe/smoke:1",), "x86_64", blob("d"), blob("e"), (blob("f", 900_000),))


def bundle(*engines: EngineArtifact) -> Bundle:
    return Bundle(Path("bundle"), blob("b").digest, engines or (engine(),), (SMOKE_IMAGE,))


def config(**sections: Any) -> Config:
    base: dict[str, Any] = {"engine": {"bundle": "bundle"}, "users": {"docker_group": ["ops"]}}
    return Config.from_layers([base, sections], "h1")


def bare() -> HostState:
    """A fresh EL9 host that can carry an engine."""
    return HostState(
        os=OsRelease(id="centos", id_like=("rhel",), version_id="9", pretty_name="CentOS Stream 9", major=9),
        kernel=Kernel(
            release="5.14.0-503.el9.x86_64",
            arch="x86_64",
            modules={name: KernelModule(loaded=False, loadable=True) for name in ("overlay", "br_netfilter")},
            sysctl={
                "net.ipv4.ip_forward": "0",
                "net.bridge.bridge-nf-call-iptables": None,
                "net.bridge.bridge-nf-call-ip6tables": None,
            },
        ),
        cgroup=Cgroup(version=2, controllers=("cpu", "cpuset", "io", "memory", "pids")),
        storage={
            path: Storage(path=path, fstype="xfs", free_bytes=20 * GIB, total_bytes=40 * GIB, d_type=True)
            for path in ("/var/lib/docker", "/var/lib/containerd", "/usr", "/var/lib/staithe")
        },
        users=("ops",),
        boot_id="boot-1",
        clock=1_800_000_000,
    )


def desired(config_: Config, bundle_: Bundle | None = None) -> Desired:
    return desired_for(config_, bare(), bundle_ or bundle())


def converged(config_: Config, bundle_: Bundle | None = None) -> HostState:
    """The host that `config_` describes, as a probe would find it."""
    wanted = desired(config_, bundle_)
    static = wanted.engine
    assert isinstance(static, StaticEngine)
    processes = {
        "containerd.service": Process(pid=10, start_ticks=100, started_at=1000, exe=f"{static.directory}/containerd"),
        "docker.service": Process(pid=20, start_ticks=150, started_at=1000.5, exe=f"{static.directory}/dockerd"),
    }
    files = {
        path: ManagedFile(exists=True, sha256=file.sha256, text=file.text, mode="644", owner="root:root", ctime=900)
        for path, file in wanted.files.items()
    }
    started = {
        unit: Started(
            boot_id="boot-1",
            pid=process.pid,
            start_ticks=process.start_ticks,
            unit_sha256=wanted.files[f"/etc/systemd/system/{unit}"].sha256,
            daemon_json=wanted.files["/etc/docker/daemon.json"].text if unit == "docker.service" else None,
        )
        for unit, process in processes.items()
    }
    host = bare()
    kernel = host.kernel.model_copy(
        update={
            "modules": {name: KernelModule(loaded=True, loadable=True) for name in config_.kernel.modules},
            "sysctl": dict(config_.kernel.sysctl),
        }
    )
    record = next_record(host, wanted, run_id="r").model_copy(update={"proved": True})
    return host.model_copy(
        update={
            "kernel": kernel,
            "engine": Engine(
                origin="staithe",
                version=wanted.engine.version,
                current=static.artifact.directory,
                directories=(static.artifact.directory,),
                placed={f"{static.directory}/{n}": p.sha256 for n, p in static.artifact.programs.items()},
                binaries={
                    name: EngineBinary(path=f"{BIN_DIR}/{name}", target=f"{static.directory}/{name}")
                    for name in PROGRAMS
                },
            ),
            "units": {
                unit: Unit(load_state="loaded", active_state="active", sub_state="running", unit_file_state="enabled")
                for unit in UNITS
            },
            "processes": processes,
            "files": files,
            "docker": DockerInfo(server_version=static.version, storage_driver="overlay2"),
            "images": tuple(Image(id=i.config.digest, tags=i.references) for i in wanted.images),
            "docker_group": Group(exists=True, gid=990, members=("ops",)),
            "record": record.text(),
            "running": Running(daemons=started).model_dump_json(),
        }
    )


assert ENGINE_ROOT.startswith("/usr/libexec/docker"), "the label of the programs comes from this folder"
