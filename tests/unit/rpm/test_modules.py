"""modules.yaml: its documents, and YAML that means harm."""

from __future__ import annotations

import time

import pytest

from staithe.errors import RepositoryError
from staithe.rpm.modules import Default, parse
from tests.rpm_repositories import default, module

STREAM = module(
    "nodejs", "1.10", ["node-1:1-1.x86_64", "node-1:1-1.src"], {"platform": ["el8"], "x": []}, version=8040020210817
)


def test_streams_and_defaults_are_read() -> None:
    found = parse((STREAM + default("nodejs", "1.10", 202001010000) + default("perl", None)).encode(), "r")
    (stream,) = found.streams
    assert (stream.name, stream.stream, stream.version, stream.context) == (
        *("nodejs", "1.10"),
        8040020210817,
        "c0ffee42",
    )
    assert stream.requires == (("platform", ("el8",)), ("x", ())) and not stream.static_context
    assert stream.artifacts == ("node-1:1-1.x86_64", "node-1:1-1.src")
    assert found.defaults == (Default("nodejs", "1.10", 202001010000), Default("perl", None, 0))


def test_other_documents_are_passed_over() -> None:
    other = "---\ndocument: modulemd-translations\nversion: 1\ndata: {}\n...\n"
    assert len(parse((other + STREAM).encode(), "r").streams) == 1
    assert parse(b"", "r").streams == ()


BOMB = "a: &a [x,x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{chr(98 + n)}: &{chr(98 + n)} [{','.join([f'*{chr(97 + n)}'] * 10)}]\n" for n in range(20)
)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("---\n[1, 2", "no plain YAML"),
        ("--- text", "another form"),
        (STREAM.replace("version: 2\n", "version: 3\n", 1), "unknown version"),
        (STREAM.replace("name: nodejs", "name: [nodejs]"), "another form"),
        (STREAM.replace("  version: 8040020210817", "  version: -1"), "no number"),
        (STREAM.replace("rpms:", "rpms: 7\n    other:"), "another form"),
        (STREAM.replace("context: c0ffee42", 'context: "a\\nb"'), "another form"),
        (STREAM.replace("node-1:1-1.src", "{a: b}"), "another form"),
        (STREAM.replace("requires:", "requires: []\n    other:"), "another form"),
        ("---\n" + "[" * 100_000, "nests more than"),
        ("? [a]\n: b\n", "a key is no text"),
        (BOMB + "document: modulemd\nversion: 2\ndata: {name: *u}\n", "an alias"),
    ],
)
def test_odd_documents_are_one_clear_error(text: str, words: str) -> None:
    began = time.monotonic()
    with pytest.raises(RepositoryError) as caught:
        parse(text.encode(), "appstream: modules.yaml")
    assert words in str(caught.value) and str(caught.value).startswith("appstream: modules.yaml")
    assert time.monotonic() - began < 5 and len(str(caught.value)) < 2000
