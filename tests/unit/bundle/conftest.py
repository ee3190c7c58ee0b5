"""Small archives made on the spot: engines whose programs are an ELF header and noise, images of a few files."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import random
import tarfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from staithe.programs import PROGRAMS

MACHINES = {"x86_64": 62, "aarch64": 183}


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def program(name: str, arch: str = "x86_64", size: int = 5000) -> bytes:
    """Return what begins like a 64-bit program of `arch`."""
    head = b"\x7fELF\x02\x01\x01" + bytes(9) + (3).to_bytes(2, "little") + MACHINES[arch].to_bytes(2, "little")
    return head + random.Random(name + arch).randbytes(size - len(head))


def tar_of(members: Mapping[str, bytes | tarfile.TarInfo], mtime: int = 0) -> bytes:
    """Return a tar with these files, in their order; a TarInfo stands for itself."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as tar:
        for name, content in members.items():
            if isinstance(content, tarfile.TarInfo):
                tar.addfile(content)
                continue
            info = tarfile.TarInfo(name)
            info.size, info.mode, info.mtime = len(content), 0o755, mtime
            tar.addfile(info, io.BytesIO(content))
    return stream.getvalue()


def folder(name: str) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.mode = tarfile.DIRTYPE, 0o755
    return info


def special(name: str, kind: bytes, target: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


def engine_members(arch: str = "x86_64") -> dict[str, bytes | tarfile.TarInfo]:
    return {"docker/": folder("docker"), **{f"docker/{name}": program(name, arch) for name in PROGRAMS}}


@pytest.fixture
def make_engine(tmp_path: Path) -> Callable[..., Path]:
    def make(
        members: Mapping[str, bytes | tarfile.TarInfo] | None = None,
        name: str = "docker-28.5.2.tgz",
        arch: str = "x86_64",
    ) -> Path:
        path = tmp_path / name
        path.write_bytes(gzip.compress(tar_of(engine_members(arch) if members is None else members), mtime=0))
        return path

    return make


@dataclass
class ImageParts:
    """An image before it is put into one of the archive formats."""

    tags: tuple[str, ...] = ("team/app:1",)
    files: tuple[bytes, ...] = (b"base", b"top")
    architecture: str = "amd64"
    compressed: bool = False
    config: dict[str, Any] = field(default_factory=dict)

    @property
    def plain_layers(self) -> list[bytes]:
        return [tar_of({"file": content}) for content in self.files]

    @property
    def layers(self) -> list[bytes]:
        return [gzip.compress(layer, mtime=0) if self.compressed else layer for layer in self.plain_layers]

    @property
    def config_bytes(self) -> bytes:
        rootfs = {"type": "layers", "diff_ids": [f"sha256:{sha256(layer)}" for layer in self.plain_layers]}
        config = {
            "architecture": self.architecture,
            "os": "linux",
            "rootfs": rootfs,
            "created": "2026-01-01T00:00:00Z",
        }
        return json.dumps(config | self.config).encode()

    @property
    def config_digest(self) -> str:
        return f"sha256:{sha256(self.config_bytes)}"


def old_members(*images: ImageParts) -> dict[str, bytes | tarfile.TarInfo]:
    """As docker save wrote before 25: ID/layer.tar, a layer that was there already as a link."""
    members: dict[str, bytes | tarfile.TarInfo] = {}
    entries, seen = [], {}
    for image in images:
        names = []
        for layer in image.layers:
            identity = sha256(image.config_bytes + layer)
            name = f"{identity}/layer.tar"
            first = seen.setdefault(sha256(layer), name)
            members[name] = layer if first == name else special(name, tarfile.SYMTYPE, f"../{first}")
            names.append(name)
        config = f"{sha256(image.config_bytes)}.json"
        members[config] = image.config_bytes
        entries.append({"Config": config, "RepoTags": list(image.tags) or None, "Layers": names})
    members["manifest.json"] = json.dumps(entries).encode()
    return members


def new_members(*images: ImageParts, docker: bool = True) -> dict[str, bytes | tarfile.TarInfo]:
    """As docker save writes since 25: an OCI layout, with manifest.json beside it when `docker`."""
    members: dict[str, bytes | tarfile.TarInfo] = {"oci-layout": b'{"imageLayoutVersion":"1.0.0"}'}
    entries, descriptors = [], []

    def blob(content: bytes) -> dict[str, Any]:
        members[f"blobs/sha256/{sha256(content)}"] = content
        return {"digest": f"sha256:{sha256(content)}", "size": len(content)}

    for image in images:
        kind = "application/vnd.oci.image.layer.v1.tar" + ("+gzip" if image.compressed else "")
        config = blob(image.config_bytes)
        layers = [blob(layer) for layer in image.layers]
        manifest = {
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": {"mediaType": "application/vnd.oci.image.config.v1+json", **config},
            "layers": [{"mediaType": kind, **layer} for layer in layers],
        }
        descriptor = {"mediaType": manifest["mediaType"], **blob(json.dumps(manifest).encode())}
        for tag in image.tags or ("",):
            full = (
                tag
                if set(tag.partition("/")[0]) & set(".:") and "/" in tag
                else f"docker.io/{tag if '/' in tag else f'library/{tag}'}"
            )
            names = {"io.containerd.image.name": full, "org.opencontainers.image.ref.name": tag.rpartition(":")[2]}
            descriptors.append({**descriptor, "annotations": names if tag else {}})
        entries.append(
            {
                "Config": f"blobs/sha256/{config['digest'][7:]}",
                "RepoTags": list(image.tags),
                "Layers": [f"blobs/sha256/{layer['digest'][7:]}" for layer in layers],
            }
        )
    members["index.json"] = json.dumps({"schemaVersion": 2, "manifests": descriptors}).encode()
    if docker:
        members["manifest.json"] = json.dumps(entries).encode()
    return members


@pytest.fixture
def make_tar(tmp_path: Path) -> Callable[..., Path]:
    def make(members: Mapping[str, bytes | tarfile.TarInfo], name: str = "image.tar", mtime: int = 0) -> Path:
        path = tmp_path / name
        content = tar_of(members, mtime)
        path.write_bytes(gzip.compress(content) if name.endswith("gz") else content)
        return path

    return make


@pytest.fixture
def samples() -> SimpleNamespace:
    """What the tests make archives with; a fixture, because test modules cannot import each other."""
    return SimpleNamespace(
        image=ImageParts,
        old=old_members,
        new=new_members,
        engine=engine_members,
        program=program,
        special=special,
        tar=tar_of,
        sha256=sha256,
    )
