"""Which module streams are active. What dnf makes of many more is in tests/lab/test_dnf_equality.py."""

from __future__ import annotations

import sys

import pytest

from staithe.rpm.modules import Default, ModuleMetadata, parse
from staithe.rpm.streams import active_streams, default_streams
from tests.rpm_repositories import default, module

needs_solv = pytest.mark.skipif(sys.platform != "linux", reason="libsolv's wheels are for Linux")
EL8 = {"platform": ["el8"]}


# As libdnf 0.69 with libmodulemd 2.14 answered on a lab host.
@pytest.mark.parametrize(
    ("said", "stream"),
    [
        ([("1", 0)], "1"),
        ([("1", 0), ("1", 0)], "1"),
        ([("1", 0), ("2", 0)], None),
        ([("1", 0), ("2", 5)], "2"),
        ([("2", 5), ("1", 0)], "2"),
        ([(None, 5), ("1", 0)], "1"),
        ([("1", 5), ("2", 5), ("2", 0)], "2"),
        ([("2", 0), ("1", 0), ("2", 5)], "2"),
        ([(None, 0)], None),
    ],
)
def test_defaults_of_several_repositories(said: list[tuple[str | None, int]], stream: str | None) -> None:
    metadata = [ModuleMetadata(defaults=(Default("m", name, modified),)) for name, modified in said]
    assert default_streams(metadata).get("m") == stream


def _active(*texts: str) -> list[tuple[str, str, int]]:
    metadata = [parse(text.encode(), "r") for text in texts]
    return [(one.name, one.stream, one.version) for one in active_streams(metadata, "platform:el8", "x86_64")]


@needs_solv
def test_only_the_default_stream_is_active_with_all_its_versions() -> None:
    text = module("m", "1", [], EL8) + module("m", "1", [], EL8, version=2) + module("m", "2", [], EL8)
    assert _active(text) == []
    assert _active(text + default("m", "1")) == [("m", "1", 1), ("m", "1", 2)]


@needs_solv
def test_a_stream_for_another_platform_or_architecture_is_not_active() -> None:
    assert _active(module("m", "1", [], {"platform": ["el9"]}) + default("m", "1")) == []
    assert _active(module("m", "1", [], {"platform": ["-el8"]}) + default("m", "1")) == []
    assert _active(module("m", "1", [], EL8, arch="aarch64") + default("m", "1")) == []


@needs_solv
def test_what_a_default_stream_requires_becomes_active() -> None:
    base = module("base", "1", [], EL8) + module("base", "2", [], EL8)
    needs = module("app", "1", [], {**EL8, "base": ["2"]}) + default("app", "1")
    assert sorted(_active(base, needs)) == [("app", "1", 1), ("base", "2", 1)]
    # A wish that cannot be granted does not keep the others from it.
    broken = module("app", "1", [], {**EL8, "base": ["3"]}) + default("app", "1")
    assert _active(base + default("base", "1"), broken) == [("base", "1", 1)]
