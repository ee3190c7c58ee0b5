"""Secrets: found where they may stand, read from where they are, and kept out of everything that is told."""

from __future__ import annotations

import io
import json
import shlex
import urllib.parse
from pathlib import Path
from typing import Any

import pytest

from staithe.config.problems import masked, shown
from staithe.errors import SecretMissing
from staithe.runner.masked_text import MaskedText
from staithe.secret import MASK, Secret, Vault, secret_of


def _nobody(prompt: str) -> str:
    raise AssertionError(f"asked for {prompt}")


@pytest.fixture
def vault() -> Vault:
    return Vault(_nobody)


@pytest.mark.parametrize(
    "value",
    [
        "text",
        {},
        {"from_env": ""},
        {"from_env": 1},
        {"from_env": "A", "from_file": "B"},
        {"from_somewhere": "A"},
        ["from_env", "A"],
    ],
)
def test_what_is_no_secret_stays_as_it_is(vault: Vault, value: Any) -> None:
    assert secret_of(value) is None
    assert vault.resolve({"daemon": value}) == {"daemon": value}


def test_each_source_gives_its_value(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROXY_LOGIN", "http://me:geheim@proxy:3128")
    (tmp_path / "token").write_text("s3cret-token\n")
    asked: list[str] = []

    def ask(prompt: str) -> str:
        asked.append(prompt)
        return "typed-in"

    vault = Vault(ask)
    data = {
        "proxies": {"http-proxy": {"from_env": "PROXY_LOGIN"}},
        "log-opts": {"splunk-token": {"from_file": str(tmp_path / "token")}},
        "list": [{"from_prompt": "Password"}, {"from_prompt": "Password"}],
    }
    assert vault.resolve(data) == {
        "proxies": {"http-proxy": "http://me:geheim@proxy:3128"},
        "log-opts": {"splunk-token": "s3cret-token"},
        "list": ["typed-in", "typed-in"],
    }
    assert asked == ["Password"], "one question for one secret"
    text = "a s3cret-token, typed-in, http://me:geheim@proxy:3128"
    assert vault.mask(text) == f"a {MASK}, {MASK}, {MASK}"


@pytest.mark.parametrize("content", [b"", b"\n", b"two\nlines\n", b"\xff\xfe", b"nul\0nul"])
def test_a_file_that_holds_no_line_of_text_is_refused(vault: Vault, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "token").write_bytes(content)
    with pytest.raises(SecretMissing):
        vault.resolve({"from_file": str(tmp_path / "token")})


def test_a_secret_that_is_not_there_is_named(vault: Vault, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOT_SET", raising=False)
    with pytest.raises(SecretMissing) as caught:
        vault.resolve_in({"daemon": {"proxies": {"http-proxy": {"from_env": "NOT_SET"}}}}, frozenset({"daemon"}))
    assert "daemon: the environment variable NOT_SET is not set" in str(caught.value)
    with pytest.raises(SecretMissing, match="No such file"):
        vault.resolve({"from_file": str(tmp_path / "none")})


def test_plain_passwords_are_masked_too(vault: Vault) -> None:
    data = {
        "_sudo_password": "clerk-pass",
        "ssh_password": "door-pass",
        "daemon": {"proxies": {"http-proxy": "http://me:geheim@proxy"}},
        "note": "http://me:public-note@example",
    }
    vault.resolve_in(data, frozenset({"daemon"}))
    assert vault.mask("clerk-pass door-pass geheim public-note") == f"{MASK} {MASK} {MASK} public-note"


def test_a_part_of_another_secret_does_not_uncover_it(vault: Vault) -> None:
    vault.add("pass")
    vault.add("password-of-mine")
    assert vault.mask("password-of-mine") == MASK


@pytest.mark.parametrize("value", ['ge"heim\\zwei', 'it\'s "both"', "gehéim-ß", "x" * 300, "a b&c%d$(e)"])
def test_a_secret_is_masked_however_it_is_written(vault: Vault, value: str) -> None:
    vault.add(value)
    written = [
        json.dumps({"k": value}),
        json.dumps([value], ensure_ascii=False),
        json.dumps(json.dumps(value)),
        repr(value),
        repr([value]),
        ascii(value),
        shlex.quote(value),
        urllib.parse.quote(value),
        shown(value),
        shown([value]),
    ]
    # Nothing of it longer than a few signs is left.
    plain = value.replace("x" * 300, "x" * 20)
    for text in written[:2] + written[3:]:
        assert plain not in vault.mask(text), text
        assert MASK in vault.mask(text), text


def test_what_is_told_keeps_its_structure(vault: Vault) -> None:
    vault.add("command")
    event = {"type": "command", "command": "run the command", "output": ["command"]}
    assert vault.mask_values(event, frozenset({"type"})) == {
        "type": "command",
        "command": f"run the {MASK}",
        "output": [MASK],
    }


def test_a_secret_is_not_shown_by_its_own_text() -> None:
    assert "NAME" in repr(Secret("from_env", "NAME"))


def test_a_stream_masks_what_comes_in_pieces(vault: Vault) -> None:
    vault.add("geheim")
    out = io.StringIO()
    stream = MaskedText(out, vault)
    for piece in ("log: ge", "heim and\nmore geh", "eim"):
        stream.write(piece)
    stream.end()
    assert out.getvalue() == f"log: {MASK} and\nmore {MASK}"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ('"splunk-token": "abc\\"d",', '"splunk-token": "***",'),
        ("{'aws-secret': 'x'}", "{'aws-secret': '***'}"),
        ('"http-proxy": "http://me:pw@proxy"', '"http-proxy": "http://***@proxy"'),
        ('"tag": "token", "max-size": "1m"', '"tag": "token", "max-size": "1m"'),
    ],
)
def test_telling_keys_hide_their_values(text: str, shown: str) -> None:
    assert masked(text) == shown
