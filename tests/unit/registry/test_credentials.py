"""Logins from docker's configuration file, as docker and its helpers write them."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from staithe.errors import RegistryError
from staithe.registry.credentials import Login, find_login

SECRET = "s3cr:et-påss"
PACKED = base64.b64encode(f"me:{SECRET}".encode()).decode()


@pytest.fixture
def configure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "docker"))
    (tmp_path / "docker").mkdir()

    def write(config: Any) -> None:
        text = config if isinstance(config, str) else json.dumps(config)
        (tmp_path / "docker/config.json").write_text(text)

    return write


def _helper(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, script: str) -> Path:
    folder = tmp_path / "bin"
    folder.mkdir(exist_ok=True)
    program = folder / f"docker-credential-{name}"
    program.write_text(f'#!/bin/sh\necho "$*" >> {tmp_path}/argv\n{script}\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    return tmp_path / "argv"


@pytest.mark.parametrize(
    ("key", "host"),
    [
        ("reg.example.com:5000", "reg.example.com:5000"),
        ("https://reg.example.com/v1/", "reg.example.com"),
        ("http://reg.example.com", "reg.example.com"),
        ("https://index.docker.io/v1/", "docker.io"),
        ("docker.io", "docker.io"),
    ],
)
def test_a_login_in_the_file(configure: Any, key: str, host: str) -> None:
    configure({"auths": {key: {"auth": PACKED}, "other.example.com": {"auth": "!"}}})
    assert find_login(host) == Login("me", SECRET)


@pytest.mark.parametrize("host", ["example.com", "reg.example.com:5001", "docker.io"])
def test_no_login_for_another_registry(configure: Any, host: str) -> None:
    configure({"auths": {"reg.example.com": {"auth": PACKED}, "reg.example.com:5000": {"auth": PACKED}}})
    assert find_login(host) is None


def test_no_file_is_no_login(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    assert find_login("docker.io") is None


def test_the_exact_entry_goes_first(configure: Any) -> None:
    other = base64.b64encode(b"old:x").decode()
    configure({"auths": {"https://a.example.com": {"auth": other}, "a.example.com": {"auth": PACKED}}})
    assert find_login("a.example.com") == Login("me", SECRET)


def test_an_identity_token(configure: Any) -> None:
    configure({"auths": {"a.example.com": {"auth": PACKED, "identitytoken": "abc"}}})
    assert find_login("a.example.com") == Login("", "", "abc")


def test_a_helper_is_asked_on_stdin(configure: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = json.dumps({"ServerURL": "x", "Username": "me", "Secret": SECRET})
    argv = _helper(tmp_path, monkeypatch, "keys", f"cat > {tmp_path}/stdin\ncat <<'E'\n{answer}\nE")
    configure({"credsStore": "other", "credHelpers": {"a.example.com": "keys"}, "auths": {"a.example.com": {}}})
    assert find_login("a.example.com") == Login("me", SECRET)
    assert argv.read_text() == "get\n"
    assert (tmp_path / "stdin").read_text() == "a.example.com"


def test_the_store_is_asked_for_docker_hub_by_its_old_name(
    configure: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = json.dumps({"Username": "<token>", "Secret": "idt"})
    _helper(tmp_path, monkeypatch, "keys", f"cat > {tmp_path}/stdin\necho '{answer}'")
    configure({"credsStore": "keys"})
    assert find_login("docker.io") == Login("", "", "idt")
    assert (tmp_path / "stdin").read_text() == "https://index.docker.io/v1/"


def test_what_a_helper_lacks_may_be_in_the_file(
    configure: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _helper(tmp_path, monkeypatch, "keys", "echo 'credentials not found in native keychain'; exit 1")
    configure({"credsStore": "keys", "auths": {"a.example.com": {"auth": PACKED}}})
    assert find_login("a.example.com") == Login("me", SECRET)
    assert find_login("b.example.com") is None


@pytest.mark.parametrize(
    ("script", "words"),
    [
        (f"echo '{SECRET}'; exit 3", "exit code 3"),
        (f"echo '{SECRET}'", "something else than a login"),
        (f"echo '[\"{SECRET}\"]'", "something else than a login"),
    ],
)
def test_a_helper_that_fails_tells_no_secret(
    configure: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, words: str
) -> None:
    _helper(tmp_path, monkeypatch, "keys", script)
    configure({"credsStore": "keys"})
    with pytest.raises(RegistryError, match=words) as caught:
        find_login("a.example.com")
    assert SECRET not in f"{caught.value} {caught.value.hint} {caught.value.__cause__}"


def test_a_helper_that_is_not_there(configure: Any) -> None:
    configure({"credsStore": "no-such-one"})
    with pytest.raises(RegistryError, match="cannot be run: No such file") as caught:
        find_login("a.example.com")
    assert "docker-credential-no-such-one" in str(caught.value)


@pytest.mark.parametrize("name", ["../../bin/sh", "a b", "-x", "a/b"])
def test_a_helper_name_is_no_path(configure: Any, name: str) -> None:
    configure({"credsStore": name})
    with pytest.raises(RegistryError, match="whose name is none"):
        find_login("a.example.com")


@pytest.mark.parametrize(
    "config",
    [
        "{" + SECRET,
        "[]",
        {"auths": {"a.example.com": {"auth": SECRET}}},
        {"auths": {"a.example.com": {"auth": base64.b64encode(b"nocolon").decode()}}},
        {"auths": {"a.example.com": {"auth": 7}}},
    ],
)
def test_a_file_that_is_none_is_refused_without_its_content(configure: Any, config: Any) -> None:
    configure(config)
    with pytest.raises(RegistryError, match=r"config\.json: docker's configuration cannot be used") as caught:
        find_login("a.example.com")
    assert SECRET not in f"{caught.value} {caught.value.__cause__}"


def test_a_login_does_not_show_itself() -> None:
    assert SECRET not in repr(Login("me", SECRET, SECRET))
