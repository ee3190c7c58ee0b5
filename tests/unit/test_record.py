"""The record on a host: read back, compared, refused when it is of a newer staithe."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from staithe.errors import RecordTooNew
from staithe.record import (
    contents_of,
    highest_serial,
    next_record,
    read_record,
    read_running,
    recorded_images,
    running_text,
)
from tests.unit import states


def test_round_trip() -> None:
    wanted = states.desired(states.config())
    record = next_record(states.bare(), wanted, run_id="r1")
    assert (record.generation, record.proved) == (1, False)
    state = states.bare().model_copy(update={"record": record.text()})
    assert read_record(state) == record
    assert recorded_images(state) == {states.SMOKE_IMAGE.config.digest}
    second = next_record(state, wanted, run_id="r2")
    assert second.generation == 2
    assert second.contents == contents_of(states.bare(), wanted)


def test_the_highest_serial_stays_after_going_back() -> None:
    state = states.bare()
    for serial in (3, 7, 5, None):
        bundle = replace(states.bundle(), name="site" if serial else "", serial=serial)
        record = next_record(state, states.desired(states.config(), bundle), run_id="")
        state = state.model_copy(update={"record": record.text()})
    assert (highest_serial(state, "site"), highest_serial(state, "other")) == (7, None)


def test_newer_schema_is_refused_by_name() -> None:
    record = json.loads(next_record(states.bare(), states.desired(states.config()), run_id="").text())
    for newer in ({**record, "schema_version": 2, "staithe_version": "9.0"}, {"schema_version": 2, "else": 1}):
        with pytest.raises(RecordTooNew) as caught:
            read_record(states.bare().model_copy(update={"record": json.dumps(newer)}))
        assert "schema 2" in str(caught.value)


def test_what_a_host_says_is_no_part_of_the_command_to_type() -> None:
    hostile = json.dumps({"schema_version": 2, "staithe_version": "0'; touch /tmp/typed #"})
    with pytest.raises(RecordTooNew) as caught:
        read_record(states.bare().model_copy(update={"record": hostile}))
    assert "touch" not in str(caught.value.hint)


@pytest.mark.parametrize("text", [None, "", "{", "[]", '{"schema_version": 1}'])
def test_unreadable_record_counts_as_none(text: str | None) -> None:
    assert read_record(states.bare().model_copy(update={"record": text})) is None


def test_note_of_another_process_is_no_note() -> None:
    state = states.converged(states.config())
    assert read_running(state, "docker.service") is not None
    other = state.processes["docker.service"].model_copy(update={"start_ticks": 999})
    restarted = state.model_copy(update={"processes": {**state.processes, "docker.service": other}})
    assert read_running(restarted, "docker.service") is None
    rebooted = state.model_copy(update={"boot_id": "boot-2"})
    assert read_running(rebooted, "docker.service") is None


def test_running_text_notes_fresh_daemons_and_keeps_the_others() -> None:
    config = states.config(daemon={"labels": ["new=1"]})
    state = states.converged(states.config())
    text = running_text(state, states.desired(config), frozenset({"containerd.service"}))
    noted = state.model_copy(update={"running": text})
    docker = read_running(noted, "docker.service")
    assert (
        docker is not None
        and docker.daemon_json == states.desired(states.config()).files["/etc/docker/daemon.json"].text
    )
    text = running_text(state, states.desired(config), frozenset({"docker.service"}))
    docker = read_running(state.model_copy(update={"running": text}), "docker.service")
    assert docker is not None and docker.daemon_json is not None and "new" in docker.daemon_json
