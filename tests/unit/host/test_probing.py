"""A change and the probe in one exec, run by real shells on this machine; only root and the line are left out."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path
from types import SimpleNamespace

import pytest

from staithe.errors import CommandFailed, ProbeFailed
from staithe.events import Command, Event
from staithe.host.look import ask
from staithe.host.probing import alter, read
from staithe.host.remote import Remote, RootCommand
from staithe.probe.request import ProbeRequest
from staithe.probe.state import HostState
from staithe.ssh import Completed

SHELLS = [shell for shell in ("dash", "bash", "busybox") if shutil.which(shell)]
BEFORE = HostState(boot_id="of before", clock=1)


class Here(Remote):
    """This machine as a host."""

    def __init__(self, shell: str = "sh", cut: bytes | None = None) -> None:
        self.told: list[Event] = []
        super().__init__(SimpleNamespace(name="h1", data={"_sudo": False}), self.told.append)  # type: ignore[arg-type]
        self._shell = "busybox sh" if shell == "busybox" else shell
        self._cut = cut

    def _execute(
        self, command: RootCommand, stdin: Iterable[bytes], question: object, timeout_s: float, limit: int
    ) -> Completed:
        text = command.text.replace(" sh -c ", f" {self._shell} -c ", 1)
        done = subprocess.run(["sh", "-c", text], input=b"".join(stdin), capture_output=True, timeout=timeout_s)
        if self._cut is not None:
            return Completed(1, done.stdout.partition(self._cut)[0] + self._cut, done.stderr, 0.1)
        return Completed(done.returncode, done.stdout, done.stderr, 0.1)


def _alter(here: Remote, script: str, wanted: Path, stdin: bytes = b"") -> HostState:
    request = ProbeRequest(files=(str(wanted),), sections=("files",))
    return alter(here, script, "the change", request, BEFORE, stdin=[stdin], timeout_s=20)


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize(
    "way",
    [
        "",
        "exit 0\n",
        "set -eu\ncd /\numask 077\ntrap 'true' EXIT\nPATH=\n",
        "exec >&-\n",
        "answer() { :; }\ncode=1\n",
    ],
    ids=["plain", "exit", "settings", "closed", "names"],
)
def test_what_the_change_made_is_seen(tmp_path: Path, shell: str, way: str) -> None:
    made = tmp_path / "made"
    state = _alter(Here(shell), f"echo loud\ncat > {made}\n{way}", made, stdin=b"text\n")
    assert made.read_text() == "text\n"
    assert state.files[str(made)].text == "text\n"
    assert state.boot_id == BEFORE.boot_id, "the rest stays"


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("way", ["exit 67", "set -e\nfalse\ntrue", "set -u\necho $nothing_there"])
def test_a_change_that_fails_is_told_as_such(tmp_path: Path, shell: str, way: str) -> None:
    here = Here(shell)
    with pytest.raises(CommandFailed, match="the change failed with exit code") as error:
        _alter(here, f"echo why >&2\n{way}\n", tmp_path / "x")
    assert "why" in (error.value.found or "")
    (told,) = here.told
    assert isinstance(told, Command) and told.exit_code != 0 and "staithe-probe" not in told.command


@pytest.mark.parametrize("cut", [b"@begin staithe-probe 1\n", b"@section files\n"])
def test_an_answer_that_is_missing_is_no_failed_change(tmp_path: Path, cut: bytes) -> None:
    made = tmp_path / "made"
    with pytest.raises(ProbeFailed):
        _alter(Here(cut=cut), f": > {made}\n", made)
    assert made.exists()


def test_what_a_change_prints_is_never_an_answer(tmp_path: Path) -> None:
    forged = "printf '@begin staithe-probe 1\\n@end staithe-probe 1\\n'\n"
    assert _alter(Here(), forged, tmp_path / "x").files[str(tmp_path / "x")].exists is False


def test_the_log_has_the_change_and_what_it_printed(tmp_path: Path) -> None:
    here = Here()
    _alter(here, "echo loud\n", tmp_path / "x")
    (told,) = here.told
    assert isinstance(told, Command)
    assert (told.command, told.output) == ("echo loud\n", "loud\n")


def test_a_change_needs_the_lock_and_a_look_does_not(tmp_path: Path) -> None:
    here = Here()
    here.check_lock = lambda: "exit 9\n"
    with pytest.raises(CommandFailed, match="exit code 9"):
        _alter(here, f": > {tmp_path / 'x'}\n", tmp_path / "x")
    assert not (tmp_path / "x").exists()
    assert read(ask(here, ProbeRequest(sections=("kernel",)))).clock > 0


def test_a_change_ends_when_nobody_reads_any_longer(tmp_path: Path) -> None:
    """As after a kill: the pipes of the command lead nowhere."""
    texts: list[str] = []

    class Gone(Here):
        def _execute(self, command: RootCommand, *_: object) -> Completed:
            texts.append(command.text)
            return Completed(0, b"", b"", 0.0)

    with pytest.raises(ProbeFailed):
        _alter(Gone(), f"sleep 0.3\n: > {tmp_path / 'x'}\n", tmp_path / "x")
    process = subprocess.Popen(["sh", "-c", texts[0]], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None and process.stderr is not None
    process.stdout.close()
    process.stderr.close()
    process.wait(20)
    assert (tmp_path / "x").exists()
