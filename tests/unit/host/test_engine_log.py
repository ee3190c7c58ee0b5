"""Which of the engine's lines a report has."""

from __future__ import annotations

from staithe.host.engine_log import telling

_STOPPING = ['level=warning msg="ShouldRestart failed" error="restart canceled"', "level=info msg=ending"] * 20
_SYSTEMD = ["docker.service: Main process exited", "docker.service: Failed", "Failed to start Docker."]


def test_an_error_is_told_though_the_service_manager_says_more() -> None:
    lines = [*_STOPPING, "failed to start daemon: no bridge", *_SYSTEMD]
    assert telling(lines) == ["failed to start daemon: no bridge", *_SYSTEMD]


def test_an_engine_that_hangs_calls_nothing_an_error() -> None:
    lines = [*_STOPPING, "Starting Docker...", "waiting for a device"]
    assert telling(lines) == ["Starting Docker...", "waiting for a device"]


def test_of_chatter_alone_the_last_lines_are_told() -> None:
    assert telling(_STOPPING) == _STOPPING[-3:]
    assert telling([]) == []


def test_what_the_program_said_is_told_though_it_calls_it_no_error() -> None:
    said = [
        "Starting docker.service - Docker Application Container Engine...",
        "no licence",
        "docker.service: Control process exited, code=exited, status=3/NOTIMPLEMENTED",
        "docker.service: Failed with result 'exit-code'.",
        "Failed to start docker.service - Docker Application Container Engine.",
    ]
    assert telling(said * 4) == ["no licence", *said[-3:]]
