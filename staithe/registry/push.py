"""Puts a bundle into a repository of any registry: blobs, manifests, signatures, and the tag last of all.

The tag names index.json itself, as an OCI image index; what it says of the rest holds in the registry as it does in a
folder. Signatures are an ordinary artifact with a tag of its own, made of the index's digest: registries need no
referrers API for it. What is there already is not sent again.
"""

from __future__ import annotations

import hashlib
import io
import json
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import IO, TypeVar
from urllib.parse import urljoin

from staithe.bundle.contents import Blob, Bundle
from staithe.bundle.documents import DOCUMENT_LIMIT_BYTES, Descriptor, Index, parse
from staithe.bundle.files import BundleFiles
from staithe.bundle.layout import (
    EMPTY_TYPE,
    INDEX_FILE,
    INDEX_TYPE,
    INDEX_TYPES,
    MANIFEST_TYPE,
    SIGNATURES,
    TITLE,
    blob_name,
)
from staithe.bundle.read_blobs import document, manifest, root_file
from staithe.errors import RegistryError
from staithe.registry.exchange import Answer
from staithe.registry.repository import ImageRepository
from staithe.shell import word
from staithe.sourcing.origin import Interruption

SIGNATURES_ARTIFACT_TYPE = "application/vnd.staithe.signatures.v1"
SIGNATURE_TYPE = "application/vnd.openssh.sshsig"
_EMPTY = b"{}"
# One piece of an upload is kept in memory, so that it can be sent again.
_CHUNK_BYTES = 16 << 20
_AT_ONCE = 4
_WAITS_S = (0.5, 2.0, 5.0)

_Answered = TypeVar("_Answered")
Told = Callable[[int], None]


@dataclass(frozen=True)
class Pushed:
    """What a push came to."""

    sent: int
    sent_bytes: int
    there: int
    there_bytes: int
    signatures: int


def signatures_tag(digest: str) -> str:
    """Return the tag of the signatures of the bundle whose index has this digest."""
    return f"{digest.replace(':', '-')}.signatures"


def push(bundle: Bundle, repository: ImageRepository, tag: str, tell: Told = lambda count: None) -> Pushed:
    """Put the bundle into the repository under `tag`; `tell` hears of bytes sent.

    Raises RegistryError; what has arrived by then stays, and no tag leads to it.
    """
    sender = _Sender(bundle, repository, tell)
    sender.begin()
    try:
        return _push(bundle, sender, tag)
    except Interruption as error:
        raise RegistryError(
            "the connection to the registry breaks off",
            where=repository.address(""),
            found=str(error),
            hint="the same command again; what is there already is not sent again",
        ) from error


def _push(bundle: Bundle, sender: _Sender, tag: str) -> Pushed:
    assert bundle.files is not None
    index_content = root_file(bundle.files, INDEX_FILE)
    leaves, indexes = _documents(bundle.files, parse(Index, index_content, bundle.files.place(INDEX_FILE)))
    blobs: dict[str, Blob] = {}
    for descriptor in leaves:
        parts = manifest(bundle.files, descriptor)
        for one in (parts.config, *parts.layers):
            blobs[one.digest] = Blob(one.digest, one.size, one.media_type)
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        counts = list(pool.map(sender.blob, blobs.values()))
    # Registries want to have what a manifest names before the manifest.
    for descriptor in (*leaves, *indexes):
        content = document(bundle.files, descriptor)
        sender.manifest(descriptor.digest, content, descriptor.media_type, descriptor.digest)
    names = sorted(name for name in bundle.files.sizes if name.startswith(f"{SIGNATURES}/"))
    if names:
        sender.signatures(names)
    # The last of all: whoever sees the tag finds everything behind it.
    sender.manifest(tag, index_content, INDEX_TYPE, bundle.digest)
    sent = [blob for blob, count in zip(blobs.values(), counts, strict=True) if count]
    return Pushed(
        len(sent),
        sum(blob.size_bytes for blob in sent),
        len(blobs) - len(sent),
        sum(blob.size_bytes for blob in blobs.values()) - sum(blob.size_bytes for blob in sent),
        len(names),
    )


def _documents(files: BundleFiles, index: Index) -> tuple[list[Descriptor], list[Descriptor]]:
    """Return the manifests that the index names, by images' indexes too, and these indexes."""
    leaves: dict[str, Descriptor] = {}
    indexes: dict[str, Descriptor] = {}
    for entry in index.manifests:
        if entry.media_type in INDEX_TYPES:
            indexes[entry.digest] = entry
            inside = parse(Index, document(files, entry), files.place(blob_name(entry.digest)))
            leaves.update((one.digest, one) for one in inside.manifests)
        else:
            leaves[entry.digest] = entry
    return list(leaves.values()), list(indexes.values())


class _Sender:
    """Sends to one repository."""

    def __init__(self, bundle: Bundle, repository: ImageRepository, tell: Told) -> None:
        self._bundle = bundle
        self._repository = repository
        self._tell = tell

    def begin(self) -> None:
        """Find out, before threads ask for blobs, whether the registry is there and lets us in."""
        endpoint = self._repository.endpoint
        try:
            self._again(self._repository.authorization.value)
        except Interruption as error:
            address = f"{endpoint.url}/v2/"
            proxy = f"-x {word(endpoint.access.proxy)} " if endpoint.access.proxy is not None else ""
            raise RegistryError(
                "the registry cannot be reached",
                where=address,
                found=str(error),
                expected="an answer",
                hint=f"curl -v {proxy}{word(address)}   # look at the address, the network, and the proxy",
            ) from error

    def blob(self, blob: Blob) -> bool:
        """Send a blob unless the registry has it; return whether it was sent."""
        return self._send_blob(blob.digest, lambda: self._bundle.open(blob))

    def signatures(self, names: Sequence[str]) -> None:
        """Send the signatures as an artifact of their own."""
        assert self._bundle.files is not None
        layers = []
        for name in names:
            with self._bundle.files.open(name) as stream:
                content = stream.read(DOCUMENT_LIMIT_BYTES)
            layers.append(self._small(content, SIGNATURE_TYPE, {TITLE: name.rpartition("/")[2]}))
        text = json.dumps(
            {
                "schemaVersion": 2,
                "mediaType": MANIFEST_TYPE,
                "artifactType": SIGNATURES_ARTIFACT_TYPE,
                "config": self._small(_EMPTY, EMPTY_TYPE, {}),
                "layers": layers,
            },
            separators=(",", ":"),
            sort_keys=True,
        ).encode()
        self.manifest(signatures_tag(self._bundle.digest), text, MANIFEST_TYPE, _digest(text))

    def manifest(self, reference: str, content: bytes, media_type: str, digest: str) -> None:
        """Put a manifest under a tag, or its digest, unless it is there; and make sure that it is the same there."""
        if self._again(lambda: self._repository.manifest_digest(reference)) == digest:
            return
        path = f"manifests/{reference}"
        answer = self._send("PUT", path, content=content, headers={"Content-Type": media_type})
        if answer.status != 201:
            raise self._repository.unexpected(answer, path)
        found = answer.headers.get("docker-content-digest") or self._again(
            lambda: self._repository.manifest_digest(reference)
        )
        self._compare(path, found, digest)

    def _small(self, content: bytes, media_type: str, annotations: dict[str, str]) -> dict[str, object]:
        digest = _digest(content)
        self._send_blob(digest, lambda: io.BytesIO(content))
        named: dict[str, object] = {"annotations": annotations} if annotations else {}
        return {"mediaType": media_type, "digest": digest, "size": len(content), **named}

    def _send_blob(self, digest: str, opened: Callable[[], IO[bytes]]) -> bool:
        """Send a blob unless the registry has it; from its start once more when the connection broke.

        Of a piece that broke off nobody knows how much has arrived.
        """

        def attempt() -> bool:
            if self._has(digest):
                return False
            with opened() as stream:
                self._upload(digest, stream)
            return True

        return self._again(attempt)

    def _has(self, digest: str) -> bool:
        answer = self._repository.send("HEAD", f"blobs/{digest}")
        if answer.status not in (200, 404):
            raise self._repository.unexpected(answer, f"blobs/{digest}")
        return answer.status == 200

    def _upload(self, digest: str, stream: IO[bytes]) -> None:
        """Send a blob piece by piece; the registry gives it its name when the digest is right."""
        answer = self._repository.send("POST", "blobs/uploads/", content=b"")
        if answer.status != 202:
            raise self._repository.unexpected(answer, "blobs/uploads/")
        place, at = self._place(answer, "blobs/uploads/"), 0
        try:
            while chunk := stream.read(_CHUNK_BYTES):
                headers = {"Content-Type": "application/octet-stream", "Content-Range": f"{at}-{at + len(chunk) - 1}"}
                answer = self._repository.send("PATCH", place, content=chunk, headers=headers)
                if answer.status != 202:
                    raise self._repository.unexpected(answer, "blobs/uploads/")
                place = self._place(answer, place)
                at += len(chunk)
                self._tell(len(chunk))
            joint = "&" if "?" in place else "?"
            answer = self._repository.send("PUT", f"{place}{joint}digest={digest}", content=b"")
        except Interruption:
            self._tell(-at)
            raise
        if answer.status != 201:
            raise RegistryError(
                f"the registry does not take a blob: status {answer.status}",
                where=self._repository.address(f"blobs/{digest}"),
                hint="the same command again; what is there already is not sent again",
            )
        self._compare(f"blobs/{digest}", answer.headers.get("docker-content-digest") or digest, digest)

    def _place(self, answer: Answer, before: str) -> str:
        """Return where an upload goes on; it stays at this registry, because the login goes with it."""
        location = answer.headers.get("location", "")
        base = before if before.startswith(self._repository.endpoint.url + "/") else self._repository.address(before)
        place = urljoin(base, location)
        if not location or not place.startswith(self._repository.endpoint.url + "/"):
            raise RegistryError(
                "the registry wants an upload to go elsewhere",
                where=base,
                found=place.partition("?")[0] or "no address",
                expected=f"an address at {self._repository.endpoint.url}",
                hint="a registry behind a proxy must know its own address (docker-registry: http.host, relativeurls)",
            )
        return place

    def _compare(self, path: str, found: str | None, expected: str) -> None:
        if found != expected:
            raise RegistryError(
                "the registry keeps something else than was sent",
                where=self._repository.address(path),
                found=found or "nothing",
                expected=expected,
            )

    def _send(
        self, method: str, path: str, *, content: bytes | None = None, headers: dict[str, str] | None = None
    ) -> Answer:
        """Send what does no harm when it is sent again."""
        return self._again(lambda: self._repository.send(method, path, headers=headers, content=content))

    def _again(self, ask: Callable[[], _Answered]) -> _Answered:
        for wait_s in _WAITS_S:
            try:
                return ask()
            except Interruption:
                time.sleep(wait_s)
        return ask()


def _digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"
