"""Files and questions of a repository, at registries with every kind of login."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from staithe.errors import DownloadFailed, RegistryError
from staithe.registry.endpoint import Endpoint, Settings, endpoint_of
from staithe.registry.repository import ImageRepository
from staithe.sourcing.access import Access
from staithe.sourcing.download import Downloader
from staithe.sourcing.download_cache import DownloadCache
from staithe.sourcing.origin import Interruption
from tests.file_server import file_server
from tests.registry_server import RegistryServer, registry_server

BLOB = bytes(range(256)) * 4000
MANIFEST = b'{"schemaVersion":2}'
TYPE = "application/vnd.oci.image.manifest.v1+json"


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[RegistryServer]:
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "docker"))
    with registry_server() as registry:
        yield registry


@pytest.fixture
def downloader(tmp_path: Path) -> Iterator[Downloader]:
    with Downloader(DownloadCache(tmp_path / "cache")) as downloader:
        yield downloader


def _log_in(registry: RegistryServer, tmp_path: Path, login: str, **more: str) -> None:
    (tmp_path / "docker").mkdir(exist_ok=True)
    entry = {"auth": base64.b64encode(login.encode()).decode(), **more}
    (tmp_path / "docker/config.json").write_text(json.dumps({"auths": {registry.host: entry}}))


def _repository(registry: RegistryServer) -> ImageRepository:
    return ImageRepository(endpoint_of(registry.host), "team/app")


@pytest.mark.parametrize("kind", ["open", "basic", "bearer", "anonymous", "identity"])
def test_what_a_repository_has(registry: RegistryServer, downloader: Downloader, tmp_path: Path, kind: str) -> None:
    registry.kind = {"open": "open", "basic": "basic"}.get(kind, "bearer")  # type: ignore[assignment]
    if kind in ("basic", "bearer"):
        registry.login = "me:pass"
        _log_in(registry, tmp_path, "me:pass")
    if kind == "identity":
        registry.login, registry.identity_token = "nobody:x", "idt"
        _log_in(registry, tmp_path, "me:", identitytoken="idt")
    digest = registry.add_manifest("team/app", MANIFEST, TYPE, "1.0")
    blob = registry.add_blob("team/app", BLOB)
    with _repository(registry) as repository:
        assert repository.manifest_digest("1.0") == digest
        assert repository.manifest_digest("2.0") is None
        by_tag = downloader.fetch(repository.manifest_file("1.0"))
        assert (by_tag.path.read_bytes(), f"sha256:{by_tag.sha256}") == (MANIFEST, digest)
        assert downloader.fetch(repository.manifest_file(digest, len(MANIFEST))).received == 0
        assert downloader.fetch(repository.blob_file(blob, len(BLOB))).path.read_bytes() == BLOB
    # One question how to log in, one token: not for each file.
    assert registry.asked.count("GET /v2/") == 1
    assert len(registry.tokens) == (1 if registry.kind == "bearer" else 0)


def test_tokens_that_end_are_replaced_in_the_middle(registry: RegistryServer, downloader: Downloader) -> None:
    registry.kind, registry.expires_in = "bearer", 1
    blobs = [registry.add_blob("team/app", bytes([n]) * 1000) for n in range(3)]
    with _repository(registry) as repository:
        for number, digest in enumerate(blobs):
            got = downloader.fetch(repository.blob_file(digest, 1000))
            assert got.path.read_bytes() == bytes([number]) * 1000
            # A token that was given 0.8 s ago is not used any more.
            repository.authorization._ends = 0.0
    assert registry.count("GET /token?") == 3


def test_a_token_that_is_refused_before_its_end_is_replaced(registry: RegistryServer, downloader: Downloader) -> None:
    registry.kind, registry.token_uses = "bearer", 1
    blobs = [registry.add_blob("team/app", bytes([n]) * 1000) for n in range(2)]
    with _repository(registry) as repository:
        for digest in blobs:
            downloader.fetch(repository.blob_file(digest, 1000))
            # As if it had been given long ago: one that was given just now is refused for good.
            repository.authorization._given = 0.0
    assert len(registry.tokens) == 2


def test_a_blob_is_resumed_at_the_byte(registry: RegistryServer, downloader: Downloader) -> None:
    registry.kind = "bearer"
    digest = registry.add_blob("team/app", BLOB)
    registry.served.cuts[f"/v2/team/app/blobs/{digest}"] = [300_000, 200_000]
    with _repository(registry) as repository:
        assert downloader.fetch(repository.blob_file(digest, len(BLOB))).path.read_bytes() == BLOB
    assert registry.served.sent_bytes == len(BLOB)


def test_other_bytes_are_refused(registry: RegistryServer, downloader: Downloader) -> None:
    digest = registry.add_manifest("team/app", MANIFEST, TYPE)
    registry.served.files[f"/v2/team/app/manifests/{digest}"] = MANIFEST + b" "
    with _repository(registry) as repository, pytest.raises(DownloadFailed, match="not the file that was expected"):
        downloader.fetch(repository.manifest_file(digest))


def test_no_login_where_one_is_wanted(registry: RegistryServer, downloader: Downloader) -> None:
    registry.kind, registry.login = "basic", "me:pass"
    with _repository(registry) as repository:
        for ask in (
            lambda: repository.manifest_digest("1.0"),
            lambda: downloader.fetch(repository.manifest_file("1.0")),
        ):
            with pytest.raises(RegistryError, match="refuses anybody without a login") as caught:
                ask()
            assert caught.value.hint == f"docker login {registry.host}"


@pytest.mark.parametrize("kind", ["basic", "bearer"])
def test_a_wrong_login(registry: RegistryServer, downloader: Downloader, tmp_path: Path, kind: str) -> None:
    registry.kind, registry.login = kind, "me:pass"  # type: ignore[assignment]
    _log_in(registry, tmp_path, "me:wr0ng")
    digest = registry.add_blob("team/app", BLOB)
    with _repository(registry) as repository:
        for ask in (
            lambda: repository.manifest_digest("1.0"),
            lambda: downloader.fetch(repository.blob_file(digest, len(BLOB))),
        ):
            with pytest.raises(RegistryError, match="refuses the login") as caught:
                ask()
            assert "wr0ng" not in f"{caught.value} {caught.value.__cause__}"


def test_a_login_is_sent_to_nobody_else(registry: RegistryServer, downloader: Downloader, tmp_path: Path) -> None:
    registry.kind, registry.login = "basic", "me:pass"
    _log_in(registry, tmp_path, "me:pass")
    digest = registry.add_blob("team/app", BLOB)
    with file_server() as elsewhere:
        elsewhere.files["/blob"] = BLOB
        registry.served.redirects[f"/v2/team/app/blobs/{digest}"] = (
            f"{elsewhere.url.replace('127.0.0.1', 'localhost')}/blob"
        )
        with _repository(registry) as repository:
            assert downloader.fetch(repository.blob_file(digest, len(BLOB))).path.read_bytes() == BLOB
        assert elsewhere.logins == [None]
        # Nor is it sent to one who asks for it.
        elsewhere.login = "other:other"
        registry.served.files[f"/v2/team/app/blobs/{digest}"] = b""
        with _repository(registry) as repository:
            repository.send("GET", f"blobs/{digest}")
            with pytest.raises(DownloadFailed, match="401"):
                downloader.fetch(replace(repository.blob_file(digest, len(BLOB)), sha256="0" * 64))
        assert elsewhere.logins[1:] == [None, None]


@pytest.mark.parametrize("realm", ["", "ftp://127.0.0.1/token", "http://a:b@127.0.0.1/", "//127.0.0.1/", "http://[/"])
def test_a_token_server_that_is_none(registry: RegistryServer, tmp_path: Path, realm: str) -> None:
    registry.kind, registry.realm = "bearer", realm
    _log_in(registry, tmp_path, "me:pass")
    with _repository(registry) as repository, pytest.raises(RegistryError, match="no login is sent to"):
        repository.manifest_digest("1.0")


def test_a_plain_token_server_gets_no_login_of_a_registry_with_tls(registry: RegistryServer) -> None:
    endpoint = endpoint_of("registry.example.com")
    repository = ImageRepository(endpoint, "team/app")
    with pytest.raises(RegistryError, match="no login is sent to"):
        repository.authorization._answer(f'Bearer realm="{registry.realm}"')
    assert registry.asked == []


def test_an_answer_without_a_token_is_not_told(registry: RegistryServer, tmp_path: Path) -> None:
    registry.kind = "bearer"
    registry.realm = f"http://{registry.host}/v2/team/app/blobs/{registry.add_blob('team/app', b'[]')}"
    with _repository(registry) as repository, pytest.raises(RegistryError):
        repository.manifest_digest("1.0")


def test_an_answer_that_drips_or_never_ends_is_given_up(
    registry: RegistryServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for path, size in (("/v2/team/app/drips", 1000), ("/v2/team/app/endless", 8 << 20)):
        registry.served.files[path] = b"x" * size
    registry.served.trickling.add("/v2/team/app/drips")
    monkeypatch.setattr("staithe.registry.exchange._ANSWER_LIMIT_S", 0.5)
    with _repository(registry) as repository:
        with pytest.raises(Interruption, match="not whole"):
            repository.send("GET", "drips")
        with pytest.raises(RegistryError, match="far too large"):
            repository.send("GET", "endless")


def test_what_is_no_registry(downloader: Downloader) -> None:
    with file_server() as server:
        repository = ImageRepository(endpoint_of(server.url.removeprefix("http://")), "a")
        with repository, pytest.raises(RegistryError, match="this is no registry"):
            downloader.fetch(repository.manifest_file("1"))


def test_tls_where_there_is_none(registry: RegistryServer) -> None:
    with (
        ImageRepository(endpoint_of(registry.host, plain_http=False), "a") as repository,
        pytest.raises(RegistryError, match="does not speak TLS") as caught,
    ):
        repository.manifest_digest("1")
    assert "plain_http = true in its [[registry]] of bundle.toml" in (caught.value.hint or "")
    settings = Settings(ca="--ca FILE", plain_http="--plain-http")
    endpoint = endpoint_of(registry.host, plain_http=False, settings=settings)
    with ImageRepository(endpoint, "a") as repository, pytest.raises(RegistryError) as caught:
        repository.authorization.value()
    assert caught.value.hint == "--plain-http   # if you trust the line"


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("docker.io", "https://registry-1.docker.io"),
        ("quay.io", "https://quay.io"),
        ("reg.example.com:5000", "https://reg.example.com:5000"),
        ("localhost:5000", "http://localhost:5000"),
        ("127.0.0.1:5000", "http://127.0.0.1:5000"),
        ("127.1.example.com", "https://127.1.example.com"),
        ("localhost.example.com:80", "https://localhost.example.com:80"),
    ],
)
def test_where_a_registry_answers(host: str, url: str) -> None:
    assert endpoint_of(host).url == url


def test_plain_http_where_asked_for() -> None:
    assert endpoint_of("10.0.0.1:5000", plain_http=True) == Endpoint("10.0.0.1:5000", "http://10.0.0.1:5000")
    assert endpoint_of("localhost", access=replace(Access(), ca="/x")).url == "https://localhost"
