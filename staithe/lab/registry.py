"""A registry on the lab's bridge, with an image that hosts can pull by its docker.io name (a mirror's answer)."""

from __future__ import annotations

import contextlib
import json
import tarfile
import time
import urllib.error
import urllib.request
from pathlib import Path

from staithe.errors import LabError
from staithe.lab import artifacts, cgroup, network, places, state
from staithe.lab.base import recipe
from staithe.lab.host import spawn_keeper

MEMBER = "registry"
_START_LIMIT_S = 15
_CONFIG = """version: 0.1
log: {{level: warn, accesslog: {{disabled: true}}}}
storage: {{filesystem: {{rootdirectory: {root}}}, delete: {{enabled: true}}}}
http: {{addr: "{address}"}}
"""


def start(lab: state.Lab, made: artifacts.Artifacts) -> None:
    """Start the registry of a lab unless it runs, and put the image in; the lab is locked and marked as changing."""
    if lab.registry and lab.registry.process.alive():
        return
    home = lab.folder / MEMBER
    home.mkdir(exist_ok=True)
    address = f"{lab.address}:{network.SERVED_PORTS[0]}"
    (home / "config.yml").write_text(_CONFIG.format(root=home / "storage", address=address))
    (home / "keeper").write_text(recipe("registry-keeper"))
    groups = cgroup.make(lab.id, MEMBER)
    settings = {
        "LAB_CGROUPS": " ".join(str(group) for group in groups),
        "LAB_REGISTRY": str(made.registry),
        "LAB_CONFIG": str(home / "config.yml"),
    }
    log = home / "registry.log"
    pid = spawn_keeper(home / "keeper", [places.marker(lab.id, MEMBER)], settings, log)
    lab.registry = state.Registry(f"http://{address}", [artifacts.MIRRORED_IMAGE], state.Process.of(pid))
    lab.save()
    _wait(lab.registry, log)
    for reference in lab.registry.images:
        push(lab.registry.url, f"library/{reference}", made.images[reference])


def stop(lab: state.Lab) -> None:
    """End the registry of a lab; what it stored stays until the lab goes down."""
    cgroup.kill(lab.id, MEMBER)
    cgroup.remove(lab.id, MEMBER)
    lab.registry = None


def _wait(registry: state.Registry, log: Path) -> None:
    deadline = time.monotonic() + _START_LIMIT_S
    while time.monotonic() < deadline and registry.process.alive():
        with contextlib.suppress(OSError):
            _call("GET", f"{registry.url}/v2/")
            return
        time.sleep(0.02)
    last = "\n".join(log.read_text().splitlines()[-5:])
    raise LabError(f"the registry does not answer: {last}", where=registry.url, hint="staithe lab registry start")


def _call(method: str, url: str, body: bytes | None = None, kind: str = "application/octet-stream") -> str:
    request = urllib.request.Request(url, data=body, method=method, headers={"Content-Type": kind})  # noqa: S310
    # No proxy of the environment: the registry is on this machine.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=30) as response:
        return str(response.headers.get("Location", ""))


def push(registry: str, reference: str, archive: Path) -> None:
    """Push an image archive (an OCI layout in a tar) under `reference` ("library/mirrored:1")."""
    repository, _, tag = reference.rpartition(":")
    with tarfile.open(archive) as tar:
        blobs = {Path(m.name).name: tar.extractfile(m) for m in tar if m.isfile() and m.name.startswith("blobs/")}
        content = {digest: stream.read() for digest, stream in blobs.items() if stream is not None}
        index_stream = tar.extractfile("index.json")
        index = json.loads(index_stream.read() if index_stream else b"")
    described = index["manifests"][0]
    manifest = content.pop(described["digest"].removeprefix("sha256:"))
    for digest, blob in content.items():
        location = _call("POST", f"{registry}/v2/{repository}/blobs/uploads/")
        joint = "&" if "?" in location else "?"
        _call("PUT", f"{location}{joint}digest=sha256:{digest}", blob)
    _call("PUT", f"{registry}/v2/{repository}/manifests/{tag}", manifest, described["mediaType"])
