"""The words that dnf is called with: dnf 5 takes what is a command's own behind that command only."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from staithe.package_script import (
    _PROGRAM,
    NO_MANAGER,
    install_script,
    look_script,
    offline_install_script,
    offline_look_script,
)

SPECS = ["docker-ce-3:28.5.2-1.el9"]


def test_options_of_a_command_come_behind_it() -> None:
    scripts = [
        look_script(1, ["http://mirror.example"], SPECS, ["docker-ce-3:28.5.1-1.el9.x86_64"], "", erasing=True),
        install_script(SPECS, [], [], erasing=True),
        offline_look_script(SPECS, erasing=True),
        offline_install_script(SPECS, [], [], [], [], erasing=True),
    ]
    calls = [line for script in scripts for line in script.splitlines() if re.search(r'"\$pm" .*install', line)]
    for option, times in (("--downloadonly", 3), ("--allowerasing", 7)):
        found = [line for line in calls if option in line]
        assert len(found) == times, found
        for line in found:
            assert re.search(rf"'(re)?install' .*{option}", line), line


@pytest.mark.parametrize(
    ("there", "found"), [(["dnf", "yum", "dnf5"], "dnf"), (["yum"], "yum"), (["dnf5"], "dnf5"), ([], "")]
)
def test_any_of_them_will_do(tmp_path: Path, there: list[str], found: str) -> None:
    """A host may have dnf 5 under no other name."""
    for name in (*there, "sh"):
        (tmp_path / name).symlink_to("/bin/sh")
    done = subprocess.run(
        ["/bin/sh", "-c", f'{_PROGRAM}echo "$pm"'], env={"PATH": str(tmp_path)}, capture_output=True, text=True
    )
    assert done.stdout.strip() == found
    assert done.returncode == (0 if found else NO_MANAGER)
