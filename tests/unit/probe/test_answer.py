"""Answers that are none, or not whole, or not from this probe: never a HostState, always one clear error."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from staithe.errors import ProbeFailed
from staithe.probe import answer
from staithe.probe.parse import parse
from staithe.probe.state import HostState

ANSWERS = Path(__file__).parent / "answers"
WHOLE = (ANSWERS / "converged.txt").read_text()
LINES = WHOLE.splitlines()


@pytest.mark.parametrize(
    ("output", "message"),
    [
        ("", "no output"),
        ("sudo: a password is required\n", "sudo: a password is required"),
        ("\0\1\2" * 50, "did not answer the probe"),
        ("@begin staithe-probe 1\n", "ends too early"),
        ("@begin staithe-probe 2\n@end staithe-probe 2\n", "another version"),
        ("@begin staithe-probe 1\n@end staithe-probe 1\n", "does not say what was asked"),
        ("@begin staithe-probe 1\n@request {}\nclock\t1\n@end staithe-probe 1\n", "not the sections"),
        ("@begin staithe-probe 1\n@request {}\n@end staithe-probe 1\n", "does not say what was asked"),
        (WHOLE.replace("@end staithe-probe 1", ""), "ends too early"),
        (WHOLE.replace("@end staithe-probe 1", "@end staithe-probe 2"), "no probe writes"),
        (WHOLE.replace("@section users", "@section engine"), "twice"),
        (WHOLE.replace("@section users\n", ""), "not the sections"),
        (WHOLE.replace("@section users", "@section guests"), "no probe writes"),
        (WHOLE.replace("@section users", "@begin staithe-probe 1"), "no probe writes"),
        (WHOLE.replace('"deep": false', '"deep": "perhaps"'), "does not say what was asked"),
        (WHOLE.replace("clock\t", "clock\tnoon "), "does not say what was asked"),
    ],
)
def test_what_is_no_whole_answer_is_refused(output: str, message: str) -> None:
    with pytest.raises(ProbeFailed, match=message) as failure:
        parse(output)
    assert failure.value.hint


@pytest.mark.parametrize("length", range(1, len(LINES) - 1, 7))
def test_a_part_of_an_answer_is_refused(length: int) -> None:
    with pytest.raises(ProbeFailed):
        parse("\n".join(LINES[:length]))


def test_an_endless_answer_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answer, "MAX_CHARACTERS", 10_000)
    with pytest.raises(ProbeFailed, match="too long"):
        parse(WHOLE)


def test_banners_around_the_answer_do_no_harm() -> None:
    banner = "Welcome!\n@section users\n|text\n/etc/os-release:ID=other\nstaithe-probe\n"
    assert parse(banner + WHOLE + "logout\n@section more\n") == parse(WHOLE)
    assert parse(WHOLE + WHOLE) == parse(WHOLE)
    assert parse(WHOLE.replace("\n", "\r\n")) == parse(WHOLE)


@pytest.mark.parametrize(
    ("section", "field", "empty"),
    [
        ("storage", "storage", {}),
        ("engine", "engine", HostState().engine),
        ("units", "units", {}),
        ("users", "docker_group", HostState().docker_group),
        ("files", "files", {}),
        ("docker", "docker", None),
    ],
)
def test_one_odd_section_leaves_the_others_whole(section: str, field: str, empty: object) -> None:
    broken = {
        "storage": ("df\text4 ", "df\text4 much "),
        "engine": ("placed\t", "placed\tvery "),
        "units": ("|ActiveState=active\n|SubState=running\n|FragmentPath=/etc/systemd/system/docker.service", "|x"),
        "users": ("/etc/group:docker:x:996", "/etc/group:docker:x:many"),
        "files": ("contents\there\n", "contents\there\n!!!\n"),
        "docker": ('|{"ID"', "|{ID"),
    }[section]
    assert broken[0] in WHOLE
    before = parse(WHOLE)
    state = parse(WHOLE.replace(*broken), before)
    assert "cannot be read" in state.odd[section]
    assert getattr(state, field) == empty
    assert state.os == before.os
    assert set(state.odd) == {section}


def test_a_text_that_was_changed_on_the_way_is_not_believed() -> None:
    at = LINES.index("contents\there") + 1
    lines = [*LINES[:at], LINES[at].swapcase(), *LINES[at + 1 :]]
    state = parse("\n".join(lines))
    assert state.files["/etc/docker/daemon.json"].text is None
    assert state.files["/etc/docker/daemon.json"].sha256
    assert "/etc/docker/daemon.json" in state.odd["files"]


def test_the_parser_writes_nothing_of_a_hostile_value_elsewhere() -> None:
    hostile = WHOLE.replace("exe\t", "exe\t@end staithe-probe 1\texe\t").replace(
        "|Id=docker.socket", "|@section files\n|/etc/os-release:ID=evil\n|Id=docker.socket"
    )
    state = parse(hostile)
    assert state.os.id == "centos"
    assert set(state.units) == {"docker.service", "docker.socket", "containerd.service"}


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_no_damage_brings_the_parser_down(data: st.DataObject) -> None:
    lines = list(LINES)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(lines) - 1))
        lines[at] = data.draw(st.one_of(st.text(max_size=60), st.just(""), st.sampled_from(LINES)))
    try:
        state = parse("\n".join(lines))
    except ProbeFailed:
        return
    HostState.model_validate_json(state.model_dump_json())
