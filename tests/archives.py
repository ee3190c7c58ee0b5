"""The smallest bundle that passes for one: programs that are an ELF header and a name, an image of one file."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import subprocess
import tarfile
from collections.abc import Mapping
from pathlib import Path

from typer.testing import CliRunner

from staithe.cli.app import app
from staithe.programs import PROGRAMS


def build_bundle(folder: Path, *versions: str) -> Path:
    """Build a bundle with these engines and staithe/smoke:1, as a user would, and sign it; return its folder.

    The file of allowed signers lies beside it: `allowed_signers(bundle)`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    image, _ = image_archive(folder)
    arguments = ["bundle", "build", "--out", str(folder / "bundle"), "--image", str(image)]
    for version in versions:
        arguments += ["--engine", str(engine_archive(folder, version))]
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0, done.output
    sign(folder / "bundle", make_key(folder / "signer", "signer@example.com", folder / "allowed_signers"))
    return folder / "bundle"


def image_archive(folder: Path) -> tuple[Path, str]:
    """Write docker save's archive of staithe/smoke:1; return it, and the digest of the image's config in hex."""
    files = _image()
    archive = folder / "smoke.tar"
    archive.write_bytes(_tar(files))
    config = json.loads(files["manifest.json"])[0]["Config"]
    return archive, config.removesuffix(".json")


def engine_archive(folder: Path, version: str, *, padding: bytes = b"") -> Path:
    """Write a static engine archive of small programs; `padding` makes one of them larger."""
    archive = folder / f"docker-{version}.tgz"
    programs = {f"docker/{name}": _program(f"{name} {version}") for name in PROGRAMS}
    programs["docker/dockerd"] += padding
    archive.write_bytes(gzip.compress(_tar(programs), compresslevel=1, mtime=0))
    return archive


def allowed_signers(bundle: Path) -> str:
    """Return the file of those who signed a bundle of `build_bundle`."""
    return str(bundle.parent / "allowed_signers")


def make_key(path: Path, name: str, allowed: Path, *options: str) -> Path:
    """Make a key and add its line to the allowed signers, with these options beside the namespace."""
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", str(path)], check=True)
    kind, key = path.with_name(f"{path.name}.pub").read_text().split()[:2]
    with allowed.open("a") as lines:
        lines.write(" ".join([name, ",".join(['namespaces="bundle@staithe"', *options]), kind, key]) + "\n")
    return path


def sign(bundle: Path, key: Path) -> None:
    """Sign a bundle as a user would."""
    done = CliRunner().invoke(app, ["bundle", "sign", str(bundle), "--key", str(key)])
    assert done.exit_code == 0, done.output


def _program(words: str) -> bytes:
    head = b"\x7fELF\x02\x01\x01" + bytes(9) + (3).to_bytes(2, "little") + (62).to_bytes(2, "little")
    return head + words.encode() + bytes(4000)


def _image() -> dict[str, bytes]:
    layer = _tar({"bin/sh": b"#!"})
    digest = hashlib.sha256(layer).hexdigest()
    rootfs = {"type": "layers", "diff_ids": [f"sha256:{digest}"]}
    config = json.dumps({"architecture": "amd64", "os": "linux", "rootfs": rootfs}).encode()
    name = f"{hashlib.sha256(config).hexdigest()}.json"
    entry = {"Config": name, "RepoTags": ["staithe/smoke:1"], "Layers": [f"{digest}/layer.tar"]}
    return {f"{digest}/layer.tar": layer, name: config, "manifest.json": json.dumps([entry]).encode()}


def _tar(members: Mapping[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as tar:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size, info.mode = len(content), 0o755
            tar.addfile(info, io.BytesIO(content))
    return stream.getvalue()
