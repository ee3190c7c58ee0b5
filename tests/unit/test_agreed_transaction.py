"""dnf that waits for its answer, played by a script: what it says, asks and does is what counts, in each shell."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from staithe.former_packages import Transaction, agreed_transaction_text, waiting_transaction_text

# dnf of EL is started by bash as sh; the others are what install-here may meet.
SHELLS = [[path] for name in ("bash", "dash") if (path := shutil.which(name))]
TABLE = "echo 'Package Arch Version Repo'; echo 'Transaction Summary'; printf 'Is this ok [y/N]: '"
ANSWER = 'read -r answer || answer=eof; echo "$answer" >> asked; if [ "$answer" != y ]; then exit 1; fi'
# dnf 5.4.6, on stderr: a %pre that fails, and a package that nobody signed.
RUN_5 = "(echo 'Running transaction'; echo '[2/8] Prepare transaction   100% |   0.0   B/s') >&2; exit 1"
REFUSED_5 = "(echo 'Running transaction'; echo 'Transaction failed: Signature verification failed.') >&2; exit 1"
RUN = "echo 'Running transaction'; touch done"


def play(
    tmp_path: Path, shell: list[str], *, asking: str, going: str = "exit 9", stop: bool = False
) -> tuple[int, str]:
    """Run both texts with a dnf of these three bodies; with `stop` the script ends before its answer."""
    bodies = {"asking": asking, "downloading": "echo downloaded; echo 'Transaction Summary'", "going": going}
    for name, body in bodies.items():
        (tmp_path / name).write_text(f"#!/bin/sh\ncd {tmp_path}\n{body}\n")
        (tmp_path / name).chmod(0o755)
    (tmp_path / "journal").mkdir()
    (tmp_path / "journal" / "units").write_text("docker.service active enabled\n")
    command = Transaction(*(str(tmp_path / name) for name in bodies))
    script = (
        "set -eu\nsystemctl() { :; }\nnoted_units=no\n"
        + waiting_transaction_text(command, str(tmp_path), "echo meanwhile\n")
        + ("exit 3\n" if stop else "")
        + agreed_transaction_text(command, str(tmp_path), "echo kept\n")
    ).replace("/var/lib/staithe", str(tmp_path))
    done = subprocess.run([*shell, "-c", script], capture_output=True, text=True, timeout=20)
    return done.returncode, done.stdout + done.stderr


@pytest.fixture(params=SHELLS, ids=lambda words: Path(words[0]).name)
def shell(request: pytest.FixtureRequest) -> list[str]:
    words: list[str] = request.param
    return words


def test_it_gets_its_yes(tmp_path: Path, shell: list[str]) -> None:
    code, said = play(tmp_path, shell, asking=f"{TABLE}; {ANSWER}; {RUN}")
    assert (code, (tmp_path / "done").exists()) == (0, True), said
    assert "meanwhile" in said and "kept" in said
    assert not (tmp_path / "journal" / "transaction").exists()
    assert (tmp_path / "journal" / "units").exists(), "the services are touched next"


def test_an_end_before_the_answer_is_a_no(tmp_path: Path, shell: list[str]) -> None:
    code, said = play(tmp_path, shell, asking=f"{TABLE}; {ANSWER}; {RUN}", stop=True)
    assert code == 3, said
    for _ in range(100):
        if (tmp_path / "asked").exists():
            break
        subprocess.run(["sleep", "0.05"], check=True)
    assert (tmp_path / "asked").read_text() == "eof\n"
    assert not (tmp_path / "done").exists()


def test_nothing_to_do(tmp_path: Path, shell: list[str]) -> None:
    code, said = play(tmp_path, shell, asking="echo 'Nothing to do.'")
    assert code == 0 and "kept" not in said, said


def test_what_it_cannot_do_leaves_services_alone(tmp_path: Path, shell: list[str]) -> None:
    code, said = play(tmp_path, shell, asking="echo 'Error: no such package' >&2; exit 1")
    assert code == 1 and "no such package" in said
    assert not (tmp_path / "journal" / "units").exists()


@pytest.mark.parametrize(
    ("last", "is_kept"),
    [("exit 1", False), (f"{RUN}; exit 1", True), (RUN_5, True), (REFUSED_5, False), ("kill -9 $$", True)],
)
def test_a_failure_after_the_yes(tmp_path: Path, shell: list[str], last: str, *, is_kept: bool) -> None:
    """Only one that says itself that it has not begun is known to have changed nothing."""
    code, said = play(tmp_path, shell, asking=f"{TABLE}; {ANSWER}; {last}")
    assert code != 0, said
    assert (tmp_path / "journal" / "units").exists() is is_kept
    assert (tmp_path / "journal" / "transaction").exists() is is_kept


def test_another_question_comes_first(tmp_path: Path, shell: list[str]) -> None:
    """Of a key for metadata nobody has agreed to; dnf then downloads, and goes on with what it has."""
    asking = f"printf 'Importing GPG key\\nIs this ok [y/N]: '; {ANSWER}; {TABLE}; {ANSWER}; {RUN}"
    code, said = play(tmp_path, shell, asking=asking, going=RUN)
    assert (code, (tmp_path / "done").exists()) == (0, True), said
    asked = tmp_path / "asked"
    # It may be gone before it has read the no.
    assert "downloaded" in said and (not asked.exists() or "y" not in asked.read_text().split())


def test_dnf_5_asks_and_tells_on_stderr(tmp_path: Path, shell: list[str]) -> None:
    asking = f"printf 'Importing OpenPGP key\\nIs this ok [y/N]: ' >&2; {ANSWER}; {TABLE}; {ANSWER}; {RUN}"
    code, said = play(tmp_path, shell, asking=asking, going=RUN)
    assert (code, (tmp_path / "done").exists()) == (0, True), said
    assert "downloaded" in said


def test_a_key_that_it_takes_only_unasked(tmp_path: Path, shell: list[str]) -> None:
    refusal = "echo 'Error: Refusing to automatically import keys when running unattended.' >&2; exit 1"
    code, said = play(tmp_path, shell, asking=f"{TABLE}; {ANSWER}; {refusal}", going=RUN)
    assert (code, (tmp_path / "done").exists()) == (0, True), said
    assert not (tmp_path / "journal" / "transaction").exists()
