"""Small container images of busybox, made without an engine and without a registry.

Each is one tar that is both what `docker load` reads (manifest.json) and an OCI image layout (oci-layout,
index.json, blobs/sha256/). The images share their one layer; only their configuration differs.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import subprocess
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_CREATED = "2024-01-01T00:00:00Z"
_LAYER_TYPE = "application/vnd.oci.image.layer.v1.tar+gzip"
_CONFIG_TYPE = "application/vnd.oci.image.config.v1+json"
_MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"
_INDEX_TYPE = "application/vnd.oci.image.index.v1+json"
_ETC = {
    "etc/passwd": "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n",
    "etc/group": "root:x:0:\nnobody:x:65534:\n",
    "www/index.html": "staithe\n",
}


@dataclass(frozen=True)
class Image:
    """One image in memory: three blobs and the reference it goes by."""

    reference: str
    manifest: bytes
    config: bytes
    layer: bytes

    @property
    def blobs(self) -> dict[str, bytes]:
        """Return {hex digest: content}."""
        return {sha256(blob): blob for blob in (self.manifest, self.config, self.layer)}


def sha256(blob: bytes) -> str:
    """Return the hex digest of a blob."""
    return hashlib.sha256(blob).hexdigest()


def _tar(members: list[tuple[tarfile.TarInfo, bytes]]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for info, content in members:
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def _entry(name: str, kind: bytes = tarfile.REGTYPE, mode: int = 0o644, target: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)  # mtime and owner are 0
    info.type, info.mode, info.linkname = kind, mode, target
    return info


def root_layer(busybox: Path) -> bytes:
    """Return the layer as a plain tar: busybox, a link for each of its applets, and a page for its httpd."""
    applets = subprocess.run([str(busybox), "--list"], capture_output=True, text=True, check=True).stdout.split()
    folders = [("bin", 0o755), ("etc", 0o755), ("root", 0o700), ("tmp", 0o1777), ("www", 0o755)]
    members = [(_entry(name, tarfile.DIRTYPE, mode), b"") for name, mode in folders]
    members.append((_entry("bin/busybox", mode=0o755), busybox.read_bytes()))
    for applet in sorted(set(applets) - {"busybox"}):
        members.append((_entry(f"bin/{applet}", tarfile.SYMTYPE, 0o777, "busybox"), b""))
    members += [(_entry(name), text.encode()) for name, text in _ETC.items()]
    return _tar(members)


def _json(data: Any) -> bytes:
    return json.dumps(data, sort_keys=True, separators=(",", ":")).encode()


def build(reference: str, layer_tar: bytes, architecture: str) -> Image:
    """Return an image with that one layer; `architecture` by Go's name (amd64, arm64)."""
    layer = gzip.compress(layer_tar, 6, mtime=0)
    config = _json(
        {
            "architecture": architecture,
            "os": "linux",
            "created": _CREATED,
            "config": {
                "Env": ["PATH=/bin:/sbin:/usr/bin:/usr/sbin"],
                "Cmd": ["sh"],
                "Labels": {"org.opencontainers.image.ref.name": reference},
            },
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{sha256(layer_tar)}"]},
            "history": [{"created": _CREATED, "created_by": "staithe lab artifacts"}],
        }
    )
    manifest = _json(
        {
            "schemaVersion": 2,
            "mediaType": _MANIFEST_TYPE,
            "config": _descriptor(_CONFIG_TYPE, config),
            "layers": [_descriptor(_LAYER_TYPE, layer)],
        }
    )
    return Image(reference, manifest, config, layer)


def _descriptor(media_type: str, blob: bytes) -> dict[str, Any]:
    return {"mediaType": media_type, "digest": f"sha256:{sha256(blob)}", "size": len(blob)}


def archive(image: Image) -> bytes:
    """Return the tar of an image."""
    name = image.reference if "/" in image.reference else f"library/{image.reference}"
    annotations = {
        "io.containerd.image.name": f"docker.io/{name}",
        "org.opencontainers.image.ref.name": image.reference.rpartition(":")[2],
    }
    index = {
        "schemaVersion": 2,
        "mediaType": _INDEX_TYPE,
        "manifests": [{**_descriptor(_MANIFEST_TYPE, image.manifest), "annotations": annotations}],
    }
    docker = [
        {
            "Config": f"blobs/sha256/{sha256(image.config)}",
            "RepoTags": [image.reference],
            "Layers": [f"blobs/sha256/{sha256(image.layer)}"],
        }
    ]
    folders = [(_entry(folder, tarfile.DIRTYPE, 0o755), b"") for folder in ("blobs", "blobs/sha256")]
    files = {f"blobs/sha256/{digest}": blob for digest, blob in sorted(image.blobs.items())}
    files |= {"index.json": _json(index), "manifest.json": _json(docker)}
    files["oci-layout"] = _json({"imageLayoutVersion": "1.0.0"})
    return _tar([*folders, *((_entry(path), content) for path, content in files.items())])
