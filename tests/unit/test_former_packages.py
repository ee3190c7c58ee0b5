"""What brings former packages back: the shell text, run against a stub of rpm that knows a list and keeps a log."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from staithe import former_packages
from staithe.plan import packages
from tests.unit import states
from tests.unit.test_placing import run

_OLD, _NEW = "docker-ce-3:26.1.5-1.el9.x86_64", "docker-ce-3:28.5.2-1.el9.x86_64"
# -q NAME: whether one of that name is in the list; -V: what the file `broken` says.
_RPM = """#!/bin/sh
home=${0%/*}
case $1 in
-qa) cat $home/list ;;
-q) grep -q "^$2-[0-9]" $home/list ;;
-V) cat $home/broken 2>/dev/null || : ;;
-qf) exit 1 ;;
-e|-U) echo "$@" >> $home/log ;;
esac
"""


@dataclass
class Place:
    """A host's root with a journal, and an rpm."""

    root: Path

    def write(self, name: str, text: str) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def mend(self) -> list[str]:
        done = run(["sh"], f"PATH={self.root}/stubs:$PATH\n{former_packages.mend_text()}", b"", self.root)
        assert done.returncode == 0, done.stderr
        log = self.root / "stubs/log"
        told = [line.replace(str(self.root), "") for line in log.read_text().splitlines()] if log.exists() else []
        return told + [line for line in done.stderr.decode().splitlines() if line.startswith("staithe")]


@pytest.fixture
def place(tmp_path: Path) -> Place:
    place = Place(tmp_path)
    for name, text in (("rpm", _RPM), ("systemctl", "#!/bin/sh\n")):
        place.write(f"stubs/{name}", text)
        (tmp_path / "stubs" / name).chmod(0o755)
    place.write("var/lib/staithe/journal/packages", f"bash-5-1.x86_64\n{_OLD}\n")
    place.write("var/lib/staithe/journal/deals", "docker-ce\ncontainer-selinux\n")
    place.write("var/lib/staithe/packages/docker-ce-26.1.5-1.el9.x86_64.rpm", "")
    return place


_BACK = "-U --oldpackage --replacepkgs /var/lib/staithe/packages/docker-ce-26.1.5-1.el9.x86_64.rpm"


def test_a_package_that_is_there_twice_comes_back_whole(place: Place) -> None:
    place.write("stubs/list", f"bash-5-1.x86_64\n{_OLD}\n{_NEW}\n")
    # The stub removes nothing, so the new one is asked to go by name too.
    assert place.mend() == [_BACK, "-e docker-ce-28.5.2-1.el9.x86_64"]


@pytest.mark.parametrize(("cut_off", "told"), [(True, [_BACK]), (False, [])])
def test_a_package_with_files_of_another_comes_back(place: Place, cut_off: bool, told: list[str]) -> None:
    place.write("stubs/list", f"bash-5-1.x86_64\n{_OLD}\n")
    place.write("stubs/broken", "S.5....T.    /usr/bin/dockerd\n")
    if cut_off:
        place.write("var/lib/staithe/journal/transaction", "4194300\n")
    assert place.mend() == told


def test_a_configuration_that_somebody_changed_is_no_harm(place: Place) -> None:
    place.write("stubs/list", f"bash-5-1.x86_64\n{_OLD}\n")
    place.write("stubs/broken", "S.5....T.  c /etc/containerd/config.toml\n")
    place.write("var/lib/staithe/journal/transaction", "4194300\n")
    assert place.mend() == []


def test_what_no_package_owns_and_was_not_there_before_goes(place: Place) -> None:
    place.write("stubs/list", f"bash-5-1.x86_64\n{_OLD}\n")
    place.write("var/lib/staithe/journal/transaction", "4194300\n")
    place.write("var/lib/staithe/journal/there", f"{place.root}/usr/bin/runc\n")
    for name in ("runc", "dockerd", "dockerd;6740a1b2", "other;6740a1b2"):
        place.write(f"usr/bin/{name}", "")
    place.mend()
    assert sorted(path.name for path in (place.root / "usr/bin").iterdir()) == ["other;6740a1b2", "runc"]
    assert not (place.root / "var/lib/staithe/journal/transaction").exists()


def test_what_others_installed_or_updated_meanwhile_is_left_alone(place: Place) -> None:
    place.write("stubs/list", f"bash-5-2.x86_64\nfuse-overlayfs-1.13-1.el9.x86_64\n{_OLD}\n")
    assert place.mend() == []


def test_what_is_not_kept_is_told(place: Place) -> None:
    place.write("stubs/list", f"bash-5-1.x86_64\n{_NEW}\n")
    (place.root / "var/lib/staithe/packages/docker-ce-26.1.5-1.el9.x86_64.rpm").unlink()
    assert f"staithe: package {_OLD} did not come back" in place.mend()


def test_the_plan_says_that_a_transaction_was_cut_off() -> None:
    state = states.bare().model_copy(update={"unfinished": "r1", "is_cut_off": True})
    (change,) = packages._mended(state)
    assert "r1" in change.reason and "cut off" in change.reason
    assert list(packages._mended(state.model_copy(update={"is_cut_off": False}))) == []
