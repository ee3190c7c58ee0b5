"""Archives and bundles made to do harm: refused at once, within bounds, with nothing of them left anywhere.

Each case runs in a process of its own with little memory and little time: what is not refused early dies there.
"""

from __future__ import annotations

import gzip
import io
import json
import os
import subprocess
import sys
import tarfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from staithe.bundle.build import EngineSource, build

ROOT = Path(__file__).parents[3]
MEMORY_BYTES = 700 << 20  # of addresses; Python with pydantic takes about 250 MiB of them
SECONDS = 60

_RUN = """
import resource, sys
resource.setrlimit(resource.RLIMIT_AS, ({memory}, {memory}))
from pathlib import Path
from staithe.bundle.build import EngineSource, build
from staithe.bundle.read import read_bundle, verify_blobs
from staithe.errors import StaitheError
from staithe.cli.app import print_error
what, path = sys.argv[1:]
try:
    if what == "engine":
        build([EngineSource(Path(path), "28.5.2")], [], Path("out"))
    elif what == "image":
        build([], [Path(path)], Path("out"))
    else:
        verify_blobs(read_bundle(Path(path)))
except StaitheError as error:
    print_error(error)
    sys.exit(error.exit_code)
"""


@pytest.fixture
def refused(tmp_path: Path) -> Callable[[str, Path], str]:
    """Read an archive or a bundle with bounds; return the one error that it ends with."""

    def run(what: str, path: Path) -> str:
        work = tmp_path / "work"
        work.mkdir()
        before = sorted(tmp_path.rglob("*"))
        done = subprocess.run(
            [sys.executable, "-c", _RUN.format(memory=MEMORY_BYTES), what, str(path)],
            cwd=work,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            timeout=SECONDS,
        )
        assert done.returncode == 5, done.stderr[-2000:]
        assert done.stderr.count("error E400: ") == 1
        assert "Traceback" not in done.stderr
        assert len(done.stderr) < 2000
        assert sorted(tmp_path.rglob("*")) == before, "something was left"
        return done.stderr

    return run


Refused = Callable[[str, Path], str]


def header(name: str, kind: bytes = tarfile.REGTYPE, size: int = 0, target: str = "", **pax: str) -> bytes:
    info = tarfile.TarInfo(name)
    info.type, info.size, info.linkname, info.pax_headers = kind, size, target, pax
    return info.tobuf(tarfile.PAX_FORMAT if pax else tarfile.GNU_FORMAT)


def zeros(count: int) -> Iterator[bytes]:
    """Yield a gzip stream of that many zeros, of which a thousandth is written."""
    pack = zlib.compressobj(1, wbits=31)
    block = bytes(1 << 20)
    for _ in range(count >> 20):
        yield pack.compress(block)
    yield pack.flush()


def gzip_of(path: Path, head: bytes, count: int) -> Path:
    """Write a gzip stream of `head` and then `count` zeros, as gzip members behind each other."""
    with path.open("wb") as file:
        file.write(gzip.compress(head))
        for piece in zeros(count):
            file.write(piece)
    return path


GIB = 1 << 30
# What stands in a tar beside or instead of honest members, and a word of the refusal of an image or engine archive.
MEMBERS: dict[str, tuple[bytes, str]] = {
    "claims 10 GB": (header("docker/dockerd", size=10 * GIB), r"cut short"),
    "name of 10 GB": (header("././@LongLink", tarfile.GNUTYPE_LONGNAME, 10 * GIB), "header says"),
    "link of 10 GB": (header("././@LongLink", tarfile.GNUTYPE_LONGLINK, 10 * GIB), "header says"),
    "pax of 10 GB": (header("x", tarfile.XHDTYPE, 10 * GIB), "header says"),
    "global pax of 10 GB": (header("x", tarfile.XGLTYPE, 10 * GIB), "header says"),
    "negative size": (header("docker/dockerd", size=-512), "header says"),
    "pax in pax without end": (header("x", tarfile.XHDTYPE, 0) * 5000, ""),
    "new sparse": (
        header(
            "docker/dockerd", **{"GNU.sparse.size": str(10 * GIB), "GNU.sparse.numblocks": "0", "GNU.sparse.map": ""}
        ),
        "",
    ),
}


@pytest.mark.parametrize("what", ["engine", "image"])
@pytest.mark.parametrize("case", MEMBERS)
def test_headers_that_lie(refused: Refused, tmp_path: Path, what: str, case: str) -> None:
    content = MEMBERS[case][0] + bytes(10240)
    path = tmp_path / "docker-28.5.2.tgz"
    path.write_bytes(gzip.compress(content) if what == "engine" else content)
    assert MEMBERS[case][1] in refused(what, path)
    if what == "image":
        path.write_bytes(gzip.compress(content))
        (tmp_path / "work").rmdir()
        refused(what, path)


def test_a_sparse_program_is_refused(refused: Refused, tmp_path: Path) -> None:
    """Some bytes that unpack to 10 GB of zeros, in the form that tar writes today."""
    lines = b"1\n0\n512\n".ljust(512, b"\0") + bytes(512)
    pax = {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.name": "docker/dockerd"}
    pax["GNU.sparse.realsize"] = str(10 * GIB)
    content = header("docker/GNUSparseFile.0/dockerd", size=len(lines), **pax) + lines + bytes(10240)
    path = tmp_path / "docker-28.5.2.tgz"
    path.write_bytes(gzip.compress(content))
    assert "sparse" in refused("engine", path)


@pytest.mark.parametrize("what", ["engine", "image"])
@pytest.mark.parametrize(
    "head",
    [
        header("docker/dockerd", size=10 * GIB),
        header("././@LongLink", tarfile.GNUTYPE_LONGNAME, 10 * GIB),
        header("x", tarfile.XHDTYPE, 10 * GIB),
        b"",
    ],
    ids=["member", "name", "pax", "behind the end"],
)
def test_gzip_bombs(refused: Refused, tmp_path: Path, what: str, head: bytes) -> None:
    path = gzip_of(tmp_path / "docker-28.5.2.tgz", head, GIB)
    assert path.stat().st_size < 8 << 20
    refused(what, path)


def test_a_layer_that_is_a_bomb(refused: Refused, samples: Any, tmp_path: Path) -> None:
    members = samples.old(samples.image(compressed=True))
    name = next(name for name in members if name.endswith("layer.tar"))
    members[name] = b"".join(zeros(GIB))
    (tmp_path / "image.tar").write_bytes(samples.tar(members))
    assert "as only an attack does" in refused("image", tmp_path / "image.tar")


def test_more_members_than_an_image_has(refused: Refused, tmp_path: Path) -> None:
    one = header("d/", tarfile.DIRTYPE)
    path = tmp_path / "image.tar.gz"
    path.write_bytes(gzip.compress(one * 100_001 + bytes(1024), 1))
    assert "more than 100000 members" in refused("image", path)


OUTSIDE = [
    ("../escape", tarfile.REGTYPE, ""),
    ("/escape", tarfile.REGTYPE, ""),
    ("docker/../../escape", tarfile.REGTYPE, ""),
    ("docker/dockerd", tarfile.SYMTYPE, "/etc/passwd"),
    ("docker/dockerd", tarfile.SYMTYPE, "../../../etc/passwd"),
    ("docker/dockerd", tarfile.LNKTYPE, "/etc/passwd"),
    ("docker/dockerd", tarfile.LNKTYPE, "../../etc/passwd"),
    ("docker/dockerd", tarfile.CHRTYPE, ""),
    ("docker/dockerd", tarfile.BLKTYPE, ""),
    ("docker/dockerd", tarfile.FIFOTYPE, ""),
    ("docker/dockerd", tarfile.CONTTYPE, ""),
    ("docker/dockerd", b"V", ""),
    ("docker", tarfile.SYMTYPE, "/etc"),
]


@pytest.mark.parametrize(("name", "kind", "target"), OUTSIDE)
def test_members_that_lead_outside(
    refused: Refused, samples: Any, tmp_path: Path, name: str, kind: bytes, target: str
) -> None:
    """As an engine, and as the manifest, config and layer of an image."""
    members = {key: value for key, value in samples.engine().items() if key != name}
    members["hostile"] = samples.special(name, kind, target)
    path = tmp_path / "docker-28.5.2.tgz"
    path.write_bytes(gzip.compress(samples.tar(members)))
    assert "the archive" in refused("engine", path)
    image = samples.old(samples.image())
    for part in [part for part in image if part == "manifest.json" or part.endswith((".json", "layer.tar"))]:
        (tmp_path / "image.tar").write_bytes(
            samples.tar({**image, part: samples.special(part, kind if name != "docker" else b"2", target or name)})
        )
        (tmp_path / "work").rmdir()
        refused("image", tmp_path / "image.tar")


@pytest.mark.parametrize("what", ["engine", "image"])
@pytest.mark.parametrize("kind", ["pipe", "folder", "endless", "missing", "loop"])
def test_what_is_no_file(refused: Refused, tmp_path: Path, what: str, kind: str) -> None:
    path = tmp_path / "docker-28.5.2.tgz"
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    elif kind == "endless":
        path.symlink_to("/dev/zero")
    elif kind == "loop":
        path.symlink_to(path)
    refused(what, path)


@pytest.mark.parametrize(
    ("name", "first"), [("bzip2", b"BZh9"), ("xz", b"\xfd7zXZ\0"), ("zstd", b"\x28\xb5\x2f\xfd")]
)
def test_another_compression_is_named(refused: Refused, tmp_path: Path, name: str, first: bytes) -> None:
    """Theirs unpack to gigabytes of memory before anybody can count."""
    (tmp_path / "image.tar").write_bytes(first + bytes(1000))
    said = refused("image", tmp_path / "image.tar")
    assert f"compressed with {name}" in said
    assert f"try: {name} -d" in said


def layout(folder: Path, documents: dict[str, bytes]) -> Path:
    for name, content in {"oci-layout": b'{"imageLayoutVersion":"1.0.0"}', **documents}.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder


def index_of(*manifests: Any) -> bytes:
    return json.dumps({"schemaVersion": 2, "manifests": manifests}).encode()


_DEEP = b'{"schemaVersion":2,"manifests":' + b"[" * 2_000_000
DOCUMENTS = {
    "deep": _DEEP,
    "deep objects": b'{"a":' * 600_000,
    "not UTF-8": b'{"schemaVersion":2,"manifests":["\xff\xfe"]}',
    "mistakes without end": b'{"schemaVersion":2,"manifests":[' + b"0," * 2_000_000 + b"0]}",
    "annotations without end": b'{"schemaVersion":2,"manifests":[{"annotations":{'
    + b",".join(b'"%d":0' % number for number in range(350_000))
    + b"}}]}",
    "a number without end": b'{"schemaVersion":' + b"9" * 4_000_000 + b"}",
    "outside": index_of({"mediaType": "x", "digest": "sha256:../../etc/passwd", "size": 1}),
    "too many": index_of(
        *[{"mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": f"sha256:{'0' * 64}", "size": 1}]
        * 20_000
    ),
    "empty": b"",
    "text": b"\x1b[2Jhello",
}


@pytest.mark.parametrize("case", DOCUMENTS)
@pytest.mark.parametrize("what", ["bundle", "image"])
def test_documents_made_to_do_harm(refused: Refused, tmp_path: Path, what: str, case: str) -> None:
    said = refused(what, layout(tmp_path / "layout", {"index.json": DOCUMENTS[case], "blobs/sha256/x": b""}))
    assert "index.json" in said or "is not in the archive" in said


@pytest.mark.parametrize("what", ["bundle", "image"])
@pytest.mark.parametrize("name", ["index.json", "oci-layout"])
def test_a_document_of_a_gigabyte(refused: Refused, tmp_path: Path, what: str, name: str) -> None:
    root = layout(tmp_path / "layout", {"index.json": b"{}"})
    with (root / name).open("wb") as file:
        file.truncate(GIB)
    assert "too large for a JSON document" in refused(what, root)


def test_indexes_that_multiply(refused: Refused, samples: Any, tmp_path: Path) -> None:
    """Three small files that name each other a billion times."""
    documents, below = {}, {"mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": f"sha256:{'0' * 64}"}
    below["size"] = 1  # type: ignore[assignment]
    for _level in range(3):
        content = index_of(*[below] * 2000)
        digest = samples.sha256(content)
        documents[f"blobs/sha256/{digest}"] = content
        below = {
            "mediaType": "application/vnd.oci.image.index.v1+json",
            "digest": f"sha256:{digest}",
            "size": len(content),  # type: ignore[dict-item]
        }
    documents["index.json"] = index_of(*[below] * 2000)
    refused("image", layout(tmp_path / "layout", documents))


@pytest.mark.parametrize("kind", ["symlink", "folder", "pipe", "endless"])
def test_blobs_that_are_no_files(
    refused: Refused, make_engine: Callable[..., Path], tmp_path: Path, kind: str
) -> None:
    root = build([EngineSource(make_engine(), "28.5.2")], [], tmp_path / "bundle").root
    for number, blob in enumerate(sorted((root / "blobs/sha256").iterdir())):
        content = blob.read_bytes()
        blob.unlink()
        if kind == "folder":
            blob.mkdir()
        elif kind == "pipe":
            os.mkfifo(blob)
        else:
            (tmp_path / f"elsewhere{number}").write_bytes(content)
            blob.symlink_to("/dev/zero" if kind == "endless" else tmp_path / f"elsewhere{number}")
        assert "missing" in refused("bundle", root)
        (tmp_path / "work").rmdir()
        blob.rmdir() if kind == "folder" else blob.unlink()
        blob.write_bytes(content)


@pytest.mark.parametrize(
    "version",
    ["$(touch /run/canary)", "../../../../etc", "28.5.2;reboot", "28.5.2\n", "-rf", "", "28.5.2-" + "x" * 100],
)
def test_a_version_that_is_a_path_or_a_command(
    refused: Refused, make_engine: Callable[..., Path], samples: Any, tmp_path: Path, version: str
) -> None:
    """It names the folder of the engine on hosts."""
    root = build([EngineSource(make_engine(), "28.5.2")], [], tmp_path / "bundle").root
    blobs = root / "blobs/sha256"

    def put(document: Any) -> dict[str, Any]:
        content = json.dumps(document).encode()
        (blobs / samples.sha256(content)).write_bytes(content)
        return {"digest": f"sha256:{samples.sha256(content)}", "size": len(content)}

    index = json.loads((root / "index.json").read_text())
    [entry] = index["manifests"]
    manifest = json.loads((blobs / entry["digest"][7:]).read_text())
    config = json.loads((blobs / manifest["config"]["digest"][7:]).read_text())
    manifest["config"].update(put({**config, "version": version}))
    entry.update(put(manifest))
    (root / "index.json").write_text(json.dumps(index))
    assert "version: " in refused("bundle", root)


def test_honest_archives_pass_the_same_bounds(make_engine: Callable[..., Path], tmp_path: Path) -> None:
    """The twin of all these: the bounds themselves refuse nothing."""
    done = subprocess.run(
        [sys.executable, "-c", _RUN.format(memory=MEMORY_BYTES), "engine", str(make_engine())],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        timeout=SECONDS,
    )
    assert done.returncode == 0, done.stderr
    assert io.BytesIO((tmp_path / "out" / "index.json").read_bytes()).read(1) == b"{"
