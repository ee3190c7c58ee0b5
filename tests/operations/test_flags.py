"""What an operation passes to the engine by hand is what the unit passes."""

from __future__ import annotations

import re

from operations import daemon
from tests.fake_site import ROOT


def _flags(unit: str) -> str:
    found = re.search(r"^ExecStart=.*/dockerd (.*)$", unit, re.MULTILINE)
    assert found
    return found.group(1)


def test_daemon_json_is_validated_with_the_flags_of_the_unit() -> None:
    unit = (ROOT / "templates/docker.service.j2").read_text(encoding="utf-8")
    assert _flags(unit) == daemon._UNIT_FLAGS


def test_another_flag_would_be_seen() -> None:
    assert _flags("[Service]\nExecStart=/usr/bin/dockerd -H fd:// --debug\n") == "-H fd:// --debug"
