"""The probe uses only commands, options and syntax that EL7 has (coreutils 8.22, systemd 219, grep 2.20, rpm 4.11).

The script is taken apart into its simple commands, also those in command substitutions, and each word that looks like
an option must stand in the table below.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from staithe.probe.script import text

# Command -> options that EL7's version has and that busybox' version has too, where busybox has the command.
COMMANDS: dict[str, set[str]] = {
    "base64": set(),
    "cat": set(),
    "cd": {"-P"},
    "command": {"-v"},
    "date": set(),
    "df": {"-P", "-T", "-k"},
    "exec": set(),
    "exit": set(),
    "export": set(),
    "false": set(),
    "getent": set(),
    "grep": {"-sH", "-soH", "-qs", "-e"},
    "head": {"-q", "-c"},
    "modprobe": {"-n", "-q"},
    "printf": set(),
    "pwd": {"-P"},
    "read": {"-r"},
    "readlink": {"-f"},
    "return": set(),
    "rpm": {"-q", "-f", "--qf"},
    "sed": set(),
    "set": set(),
    "sha256sum": set(),
    "shift": set(),
    "stat": {"-c", "-L"},
    "systemctl": {"-p"},
    "timeout": set(),
    "tr": {"-c"},
    "uname": {"-rm", "-r"},
    "wc": {"-l"},
    "unset": set(),
    "xfs_info": set(),
    "break": set(),
    "continue": set(),
    "docker": {"-H", "--format", "--no-trunc"},
    # Not EL7's (7.29 has neither --unix-socket nor --fail-early): it exits with 2, and docker is asked instead.
    "curl": {"-q", "-s", "-f", "-w", "--fail-early", "--noproxy", "--max-time", "--unix-socket"},
    "$python": {"-E", "-S", "-c"},
    "[": {"-e", "-f", "-x", "-h", "-d", "-n", "-ef", "-gt", "-le"},
}
# Words after which a command begins.
KEYWORDS = {"if", "then", "else", "elif", "fi", "while", "do", "done", "{", "}", "!", "until"}
ASSIGNMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*=")
# `name() {` in the script; with_NAME() stands in the part that script.py puts in front.
FUNCTION = re.compile(r"^([a-z_]+)\(\) \{$", re.MULTILINE)


@dataclass
class Shell:
    """Reads a script into simple commands; knows as much of the grammar as the probe needs."""

    text: str
    at: int = 0
    nested: list[list[str]] = field(default_factory=list)
    # Syntax outside POSIX, or that needs a writable /tmp.
    strange: list[str] = field(default_factory=list)

    def commands(self) -> Iterator[list[str]]:
        """Yield the words of each simple command."""
        words: list[str] = []
        in_pattern, cases = False, 0
        for token in self._tokens():
            if in_pattern:  # PATTERN) of a case; leaves at ) or esac
                if token == ")":
                    in_pattern = False
                elif token == "esac":
                    in_pattern, cases = cases > 1, cases - 1
                continue
            if token in {"\n", ";", "&", "|", "&&", "||", "(", ")", ";;"}:
                if words:
                    yield words
                words = []
                in_pattern = token == ";;"
            elif not words and token in KEYWORDS:
                continue
            elif words[:1] == ["case"] and token == "in":
                cases, in_pattern, words = cases + 1, True, []
            elif not words and token == "esac":
                cases -= 1
            else:
                words.append(token)
        if words:
            yield words
        while self.nested:
            yield self.nested.pop(0)

    def _tokens(self) -> Iterator[str]:
        operators = ("&&", "||", ";;", "\n", ";", "&", "|", "(", ")")
        while self.at < len(self.text):
            char = self.text[self.at]
            operator = next((o for o in operators if self.text.startswith(o, self.at)), None)
            if char in " \t":
                self.at += 1
            elif self.text.startswith("\\\n", self.at):
                self.at += 2
            elif char == "#":
                self.at = (self.text + "\n").index("\n", self.at)
            elif operator and not re.match(r"[0-9]*>&", self.text[self.at :]):
                self.at += len(operator)
                yield operator
            else:
                word = self._word()
                if not re.match(r"[0-9]*[<>]", word):
                    yield word

    def _word(self) -> str:
        start = self.at
        while self.at < len(self.text) and self.text[self.at] not in " \t\n;|()" and not self._ends_at_and():
            self._step()
        assert self.at > start, f"stuck at {self.text[start : start + 40]!r}"
        return self.text[start : self.at].replace("'", "").replace('"', "")

    def _ends_at_and(self) -> bool:
        return self.text[self.at] == "&" and self.text[self.at - 1] != ">"

    def _step(self) -> None:
        rest = self.text[self.at :]
        self.strange.extend(syntax for syntax in ("<<", "<(", ">(", "$'", "$((") if rest.startswith(syntax))
        if rest.startswith("\\"):
            self.at += 2
        elif rest.startswith("'"):
            self.at += rest.index("'", 1) + 1
        elif rest.startswith('"'):
            self.at += 1
            while self.text[self.at] != '"':
                self._step()
            self.at += 1
        elif rest.startswith("$(") and not rest.startswith("$(("):
            inner = Shell(self._balanced())
            self.nested.extend(inner.commands())
            self.strange.extend(inner.strange)
        elif rest.startswith("${"):
            self.at += 2
            while self.text[self.at] != "}":
                self._step()
            self.at += 1
        else:
            self.at += 1

    def _balanced(self) -> str:
        start = self.at = self.at + 2
        while self.text[self.at] != ")":
            self._step()
        self.at += 1
        return self.text[start : self.at - 1]


def violations(script: str) -> list[str]:
    """Return what in `script` EL7 may not have."""
    functions = set(FUNCTION.findall(script))
    body = FUNCTION.sub("{", script)
    found = []
    shell = Shell(body)
    for words in shell.commands():
        found.extend(_violations(words, functions))
    return found + [f"syntax {syntax}" for syntax in shell.strange]


def _violations(words: list[str], functions: set[str]) -> Iterator[str]:
    while words and (ASSIGNMENT.match(words[0]) or words[0] in KEYWORDS):
        words = words[1:]
    if not words or words[0] == "for":
        return
    name, *arguments = words
    if name.startswith("with_"):  # calls its arguments
        yield from _violations(arguments, functions)
    elif name == "timeout":
        yield from () if arguments[0].isdigit() else (f"timeout {arguments[0]}",)
        yield from _violations(arguments[1:], functions)
    elif name in functions or name.startswith("section_"):
        return
    elif name not in COMMANDS:
        yield f"command {name}"
    else:
        for argument in arguments:
            if argument == "--":
                return
            if re.match(r"-[A-Za-z-]", argument) and argument not in COMMANDS[name]:
                yield f"{name} {argument}"


@pytest.fixture(scope="module")
def script() -> str:
    return text()


def test_the_script_needs_nothing_that_el7_lacks(script: str) -> None:
    assert violations(script) == []


def test_the_reader_sees_every_command(script: str) -> None:
    seen = {name for words in Shell(FUNCTION.sub("{", script)).commands() for name in (words[0], *words[2:3])}
    # Behind pipes, in conditions, in substitutions, behind timeout.
    assert {"tr", "base64", "sed", "[", "modprobe", "df", "curl", "sha256sum", "docker", "rpm", "getent"} <= seen
    named = {re.sub(r"^[a-z]+=", "", words[0]) for words in Shell(FUNCTION.sub("{", script)).commands()}
    assert {"stat", "readlink", "xfs_info", "cat", "date", "uname"} <= named


@pytest.mark.parametrize(
    ("line", "violation"),
    [
        ("stat --cached=never -c %s /x", "stat --cached=never"),
        ("found=$(stat -c %s --printf=x /x)", "stat --printf=x"),
        ("if findmnt -n -o FSTYPE /; then :; fi", "command findmnt"),
        ("findmnt --output-all", "command findmnt"),
        ('[[ -n "$x" ]]', "command [["),
        ('if [ "$a" -nt "$b" ]; then exit; fi', "[ -nt"),
        ("x | sort -V", "command sort"),
        ("cat x && realpath -s /", "command realpath"),
        ("case $x in\na) base64 -w 0 ;;\nesac", "base64 -w"),
        ('put key "$(readlink -e /x)"', "readlink -e"),
        ("timeout -k 5 10 cat", "timeout -k"),
        ("timeout 10 systemctl show --value x", "systemctl --value"),
        ("with_files grep -P x", "grep -P"),
        ("for x in a b; do ls -Z; done", "command ls"),
        ("local x=1", "command local"),
        ("sha256sum --zero x", "sha256sum --zero"),
    ],
)
def test_what_el7_lacks_is_seen(script: str, line: str, violation: str) -> None:
    assert violation in violations(f"{script}\n{line}\n")


@pytest.mark.parametrize("line", ["cat <<E\nx\nE", "cat <<<x", "x=$'a'", "cat <(date)", 'put x "$(cat <<<y)"'])
def test_syntax_that_not_every_sh_has_is_seen(script: str, line: str) -> None:
    assert any(violation.startswith("syntax") for violation in violations(f"{script}\n{line}\n"))


@pytest.mark.parametrize("shell", [["dash"], ["bash", "--posix"], ["busybox", "sh"]], ids=lambda argv: argv[0])
def test_every_shell_can_read_it(shell: list[str], script: str) -> None:
    done = subprocess.run([*shell, "-n"], input=script, text=True, capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
