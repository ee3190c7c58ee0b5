"""Blobs on their way: what was changed here since the bundle was checked never arrives whole on a host."""

from __future__ import annotations

import errno
import io
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from staithe import transfer
from staithe.bundle.contents import Blob, Bundle
from staithe.bundle.read import read_bundle
from staithe.errors import BundleError, CommandFailed, Interrupted, TransferFailed
from staithe.events import Event, Transferred
from staithe.host.arrival import bring
from staithe.placing import receive_blob_script
from staithe.relay.origin import Origin, OverSsh
from staithe.transfer import read_blob, read_whole

PIECE = 100


class Receiver:
    """A host that takes note of what it is told."""

    name = "h1"

    def __init__(self, stops_after: int = 1 << 30) -> None:
        self.told: list[Event] = []
        self.left = stops_after

    def tell(self, event: Event) -> None:
        self.told.append(event)

    def stopped(self) -> bool:
        self.left -= 1
        return self.left < 0


@pytest.fixture
def kept(small_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Bundle, Blob, Path]:
    """Return a bundle of one's own, its engine's archive, and the file of that; it goes out in small pieces."""
    monkeypatch.setattr(transfer, "_READ_BYTES", PIECE)
    shutil.copytree(small_bundle, tmp_path / "bundle")
    bundle = read_bundle(tmp_path / "bundle")
    blob = bundle.engines[0].archive
    path = tmp_path / "bundle" / "blobs" / "sha256" / blob.hex
    return bundle, blob, path


def sent(bundle: Bundle, blob: Blob, receiver: Receiver) -> tuple[bytes, BaseException | None]:
    """Return what goes out, and what ends it."""
    out = b""
    try:
        for piece in read_blob(bundle, blob, receiver):
            out += piece
    except (BundleError, Interrupted) as error:
        return out, error
    return out, None


def test_a_blob_goes_out_as_it_is(kept: tuple[Bundle, Blob, Path]) -> None:
    bundle, blob, path = kept
    receiver = Receiver()
    assert sent(bundle, blob, receiver) == (path.read_bytes(), None)
    last = receiver.told[-1]
    assert isinstance(last, Transferred) and last.sent_bytes == last.total_bytes == blob.size_bytes
    assert read_whole(bundle, blob) == path.read_bytes()


def flipped(data: bytes) -> Iterator[bytes]:
    """Yield what somebody may have put in the blob's place since the bundle was checked."""
    for at in (0, len(data) // 2, len(data) - 1):
        yield data[:at] + bytes((data[at] ^ 1,)) + data[at + 1 :]
    yield data[:-1]
    yield b""
    wrong = bytes(len(data))
    yield wrong
    # So long that all but its last piece is as long as the blob.
    yield wrong + bytes(PIECE - len(data) % PIECE)
    yield wrong + bytes(PIECE)
    yield wrong + bytes(100 * PIECE)
    yield data + b"x"
    yield data + bytes(100 * PIECE)


def test_what_was_changed_here_never_arrives_whole(kept: tuple[Bundle, Blob, Path], tmp_path: Path) -> None:
    """By the script that runs on hosts: it takes what comes until the connection is closed."""
    bundle, blob, path = kept
    store = tmp_path / "host" / "blobs"
    script = receive_blob_script(blob, str(store))
    data = path.read_bytes()
    assert len(data) > 3 * PIECE
    for content in flipped(data):
        path.write_bytes(content)
        out, error = sent(bundle, blob, Receiver())
        assert isinstance(error, BundleError) and f"{blob.hex} was changed on this machine" in error.message
        assert len(out) < blob.size_bytes
        assert subprocess.run(["sh", "-c", script], input=out, capture_output=True).returncode == 65
        assert list(store.iterdir()) == []
    path.write_bytes(data)
    out, error = sent(bundle, blob, Receiver())
    assert error is None
    assert subprocess.run(["sh", "-c", script], input=out, capture_output=True).returncode == 0
    assert [one.name for one in store.iterdir()] == [blob.hex]


def test_a_bundle_that_can_be_read_no_more_is_told_as_such(
    kept: tuple[Bundle, Blob, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk that was pulled out, a share that is gone."""
    bundle, blob, path = kept

    class Gone(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            if self.tell():
                raise OSError(errno.ESTALE, "Stale file handle")
            return super().read(size)

    monkeypatch.setattr(Bundle, "open", lambda *_: Gone(path.read_bytes()))
    out, error = sent(bundle, blob, Receiver())
    assert isinstance(error, BundleError) and "Stale file handle" in error.message
    assert out == b"", "the only piece that was read is the last one"


def _here(bundle: Bundle) -> Any:
    """Return a host's session, as far as a blob needs one."""
    return SimpleNamespace(
        name="h1", desired=SimpleNamespace(bundle=bundle), supply=OverSsh(), receiving=nullcontext,
        tell=lambda event: None, stopped=lambda: False,
    )  # fmt: skip


def test_whose_fault_it_is(kept: tuple[Bundle, Blob, Path]) -> None:
    bundle, blob, path = kept

    def loses(origin: Origin | None, stdin: Iterable[bytes]) -> None:
        list(stdin)
        raise CommandFailed("exit code 65", found="10 of 574 bytes arrived")

    with pytest.raises(TransferFailed, match="did not arrive whole"):
        bring(_here(bundle), blob, loses)
    path.write_bytes(bytes(blob.size_bytes))
    with pytest.raises(BundleError, match="was changed on this machine"):
        bring(_here(bundle), blob, loses)


def test_a_small_blob_that_was_changed_is_not_used(kept: tuple[Bundle, Blob, Path]) -> None:
    bundle, blob, path = kept
    path.write_bytes(bytes(blob.size_bytes))
    with pytest.raises(BundleError, match=f"{blob.hex} was changed on this machine"):
        read_whole(bundle, blob)


def test_a_run_that_is_stopped_sends_no_more(kept: tuple[Bundle, Blob, Path]) -> None:
    bundle, blob, path = kept
    out, error = sent(bundle, blob, Receiver(stops_after=3))
    assert isinstance(error, Interrupted)
    assert path.read_bytes().startswith(out)
    assert len(out) == 2 * PIECE
