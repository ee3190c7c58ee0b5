"""What is taken away, and what is declared to stay."""

from __future__ import annotations

import json
import shlex

import pytest

from staithe.errors import NotesDamaged, RecordTooNew
from staithe.former import Former, FormerFile
from staithe.host_layout import DAEMON_JSON, STATE_DIR, SYSCTL_FILE, UNIT_DIR
from staithe.plan import removal
from staithe.probe.state import Group, HostState, ManagedFile
from staithe.removal_script import removal_script
from staithe.shell import quote
from tests.unit import states

CONFIG = states.config()


def applied(**former: object) -> HostState:
    state = states.converged(CONFIG)
    return state.model_copy(update={"former": Former(**former).text()})  # type: ignore[arg-type]


def targets(state: HostState, *, purge_data: bool = False) -> list[str]:
    return [f"{one.kind} {one.target}" for one in removal.changes(state, CONFIG, purge_data=purge_data)]


def test_where_staithe_has_never_been_there_is_nothing_to_do() -> None:
    for purge_data in (False, True):
        assert removal.changes(states.bare(), CONFIG, purge_data=purge_data) == ()
        assert removal.remains(states.bare(), CONFIG, purge_data=purge_data) == ()


def test_the_notes_go_last() -> None:
    for purge_data in (False, True):
        assert targets(applied(), purge_data=purge_data)[-1] == f"remove {STATE_DIR}"


def test_files_are_removed_or_come_back() -> None:
    before = FormerFile(sha256="0" * 64, mode="640", owner="root:adm")
    found = targets(applied(files={DAEMON_JSON: before, SYSCTL_FILE: None}))
    assert f"update {DAEMON_JSON}" in found and f"remove {SYSCTL_FILE}" in found
    # An old staithe noted nothing of a file: the record says that it is staithe's.
    assert f"remove {UNIT_DIR}/docker.service" in found


def test_a_file_that_somebody_changed_is_kept_under_another_name() -> None:
    state = applied()
    changed = state.files[DAEMON_JSON].model_copy(update={"sha256": "1" * 64})
    state = state.model_copy(update={"files": {**state.files, DAEMON_JSON: changed}})
    assert any(f"{DAEMON_JSON}.staithe-saved" in one for one in removal.remains(state, CONFIG, purge_data=False))
    script = removal_script((), removal.managed_files(state), [DAEMON_JSON], ())
    saved = f"mv -Tf {quote(DAEMON_JSON)} {quote(DAEMON_JSON + '.staithe-saved')}"
    assert script.index(saved) < script.index(f"rm -f {quote(DAEMON_JSON)}\n")


def test_values_come_back_that_were_there() -> None:
    found = targets(applied(sysctl={"net.ipv4.ip_forward": "0", "net.bridge.x": None}, modules=("overlay",)))
    assert "set net.ipv4.ip_forward" in found and "remove module overlay" in found
    assert not any("net.bridge.x" in one for one in found)


@pytest.mark.parametrize(
    ("former", "members", "expected"),
    [
        ({"made_group": True, "members": ("ops",)}, ("ops",), ["remove group docker"]),
        ({"made_group": True, "members": ("ops",)}, ("ops", "eva"), ["remove ops from group docker"]),
        ({"members": ("ops",)}, ("ops", "eva"), ["remove ops from group docker"]),
        ({}, ("eva",), []),
    ],
)
def test_the_group_goes_when_nobody_else_needs_it(
    former: dict[str, object], members: tuple[str, ...], expected: list[str]
) -> None:
    state = applied(**former).model_copy(update={"docker_group": Group(exists=True, gid=990, members=members)})
    assert [one for one in targets(state) if "group docker" in one] == expected


def test_data_is_the_running_engines() -> None:
    state = applied()
    assert state.docker is not None
    moved = state.model_copy(update={"docker": state.docker.model_copy(update={"data_root": "/data/docker"})})
    assert "remove /data/docker" in targets(moved, purge_data=True)
    assert not any("/data/docker" in one for one in targets(moved))
    assert any("/data/docker: " in one for one in removal.remains(moved, CONFIG, purge_data=False))
    # A folder without an engine's marks is not emptied.
    assert '[ -e "$folder/engine-id" ]' in removal_script((), {}, (), ["/data/docker"])


def test_a_removal_that_was_cut_off_has_the_same_end() -> None:
    state = applied().model_copy(update={"files": {}, "docker": None, "images": None})
    assert targets(state)[-1] == f"remove {STATE_DIR}"
    only_notes = states.bare().model_copy(update={"former": Former(made_group=True).text()})
    assert targets(only_notes) == [f"remove {STATE_DIR}"]


def test_a_record_of_a_newer_staithe_is_left_alone() -> None:
    state = applied()
    record = json.loads(state.record or "{}") | {"schema_version": 99, "contents": "otherwise"}
    with pytest.raises(RecordTooNew):
        removal.changes(state.model_copy(update={"record": json.dumps(record)}), CONFIG, purge_data=False)


def test_what_is_hostile_in_notes_is_quoted() -> None:
    path = "/etc/x'; touch /canary; '"
    state = applied(files={path: None}).model_copy(update={"files": {path: ManagedFile(exists=True)}})
    script = removal_script((), removal.managed_files(state), [path], [path])
    lines = [shlex.split(line) for line in script.splitlines() if "canary" in line]
    # Each line has the path as one word; nothing of it became a command.
    assert {line[-1] for line in lines if line[0] == "rm"} == {path}
    assert all("touch" not in line and "/canary;" not in line for line in lines)


def test_the_folder_of_a_stopped_engine_is_what_its_daemon_json_says() -> None:
    state = applied().model_copy(update={"docker": None})
    for text, root in (
        ('{"data-root": "/data/docker"}', "/data/docker"),
        ("[]", "/var/lib/docker"),
        ("{", "/var/lib/docker"),
    ):
        file = state.files[DAEMON_JSON].model_copy(update={"text": text})
        found = state.model_copy(update={"files": {**state.files, DAEMON_JSON: file}})
        assert removal.data_folders(found, CONFIG)[0] == root
    assert "stop running containers" in targets(state)


def test_an_engine_that_is_not_staithes_is_left_at_work_with_its_data() -> None:
    state = applied()
    other = state.units["docker.service"].model_copy(
        update={"fragment_path": "/usr/lib/systemd/system/docker.service"}
    )
    state = state.model_copy(update={"units": {**state.units, "docker.service": other}})
    found = targets(state, purge_data=True)
    assert not any(one.startswith("stop ") for one in found)
    assert "remove /var/lib/docker" not in found
    assert any("not staithe's uses it" in one for one in removal.remains(state, CONFIG, purge_data=True))
    assert "systemctl stop" not in removal_script(removal.changes(state, CONFIG, purge_data=True), {}, (), ())


@pytest.mark.parametrize("text", ["", "{", '{"files": 3}'])
def test_notes_that_cannot_be_read_are_no_notes_of_nothing(text: str) -> None:
    state = applied().model_copy(update={"former": text})
    with pytest.raises(NotesDamaged):
        removal.changes(state, CONFIG, purge_data=False)
