"""Every way in which staithe can fail, as one tree.

StaitheError
├── UsageError            E100  exit 2   the command line or a file it names is wrong
│   ├── ConfigError       E101  exit 2   the described state does not validate (all problems at once)
│   ├── InventoryError    E102  exit 2   the inventory cannot be loaded, or is empty
│   ├── ProjectError      E103  exit 2   deploy.py, templates or a run record are not where they must be
│   ├── LabError          E104  exit 2   the lab cannot do what was asked on this machine
│   └── SecretMissing     E105  exit 2   a secret that the inventory names cannot be had
├── HostError             E200  exit 1   one host failed; the others go on
│   ├── Unreachable       E201  exit 1   no TCP or SSH connection
│   ├── AuthRefused       E202  exit 1   the host does not accept the key or password
│   ├── HostKeyUnknown    E203  exit 1   the SSH host key is not in known_hosts
│   ├── HostKeyChanged    E204  exit 1   the SSH host key differs from the one in known_hosts
│   ├── SudoRefused       E205  exit 1   the user may not become root
│   ├── ProbeFailed       E206  exit 1   the host answered the probe with something else
│   ├── CommandFailed     E207  exit 1   a command of a change failed
│   ├── CommandTimeout    E208  exit 1   a command ran longer than its limit
│   ├── TransferFailed    E209  exit 1   a blob did not arrive whole
│   ├── ConnectionLost    E210  exit 1   the connection broke in the middle
│   ├── EngineUnhealthy   E211  exit 1   the engine did not become healthy; the former state is back
│   ├── ConfigRefused     E212  exit 1   the new engine refuses daemon.json; nothing was changed
│   ├── SmokeFailed       E213  exit 1   a smoke check saw something else than it expected
│   ├── RecordTooNew      E214  exit 1   a newer staithe wrote the record on the host
│   ├── HostLocked        E215  exit 1   another run is changing the host
│   ├── NotRolledBack     E216  exit 1   a change failed, and the former state did not come back whole
│   └── DiskFull          E217  exit 1   a file system of the host has no room left
├── HostRefused           E300  exit 4   preflight: the host cannot carry what is described (E301...)
├── BundleError           E400  exit 5   the bundle is missing, incomplete or not what it says
├── Interrupted           E900  exit 130 stopped by the user
└── NotBegun              E901  exit 1   too many hosts had failed before this host's turn

The docstring of a class is what `staithe explain CODE` prints and what docs/errors.md is made from: the
cause in one paragraph, what to do in the next.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import ClassVar

EXIT_OK = 0
EXIT_HOST_FAILED = 1
EXIT_USAGE = 2
EXIT_PENDING = 3
EXIT_REFUSED = 4
EXIT_BUNDLE = 5
EXIT_INTERRUPTED = 130

_FOUND_LIMIT = 1000

# When several apply, the first of these that occurred is the exit code of the run.
_EXIT_PRECEDENCE = (
    EXIT_INTERRUPTED,
    EXIT_USAGE,
    EXIT_BUNDLE,
    EXIT_HOST_FAILED,
    EXIT_REFUSED,
    EXIT_PENDING,
    EXIT_OK,
)


def worst_exit_code(codes: Iterable[int]) -> int:
    """Return the exit code that stands for all of `codes`; 0 for none."""
    seen = set(codes)
    return next((code for code in _EXIT_PRECEDENCE if code in seen), EXIT_OK)


class StaitheError(Exception):
    """staithe itself failed in a way it did not foresee.

    Run the same command with --verbose and report what it prints.
    """

    code: ClassVar[str] = "E001"
    exit_code: ClassVar[int] = EXIT_HOST_FAILED
    # The run directory, when there is one.
    record: str | None = None

    def __init__(
        self,
        message: str,
        *,
        where: str | None = None,
        found: str | None = None,
        expected: str | None = None,
        hint: str | None = None,
    ) -> None:
        """`where` is a path in a file or config, `hint` the next command to type."""
        super().__init__(message)
        self.message = message
        self.where = where
        self.found = found
        self.expected = expected
        self.hint = hint

    def __str__(self) -> str:
        text = f"{self.where}: {self.message}" if self.where else self.message
        if self.found is not None:
            text += f" (found {_shortened(self.found)}"
            text += f", expected {self.expected})" if self.expected is not None else ")"
        elif self.expected is not None:
            text += f" (expected {self.expected})"
        return text


def _shortened(found: str) -> str:
    # What a host said may be a megabyte without a newline.
    return found if len(found) <= _FOUND_LIMIT else f"{found[: _FOUND_LIMIT // 2]} ... {found[-_FOUND_LIMIT // 2 :]}"


class UsageError(StaitheError):
    """The command line, or a file that it names, is wrong. Nothing was asked of any host.

    Read the line after "try:", or `staithe COMMAND --help`.
    """

    code = "E100"
    exit_code = EXIT_USAGE


class ConfigError(UsageError):
    """The described state does not validate. Every problem is listed with its host and its path.

    Correct the values in inventories/ or inventories/group_data/, then run `staithe config check INVENTORY`.
    The keys are described in docs/config.md and by `staithe config docs`.
    """

    code = "E101"

    def __init__(self, problems: Iterable[str], *, hint: str | None = None) -> None:
        self.problems = tuple(problems)
        noun = "problem" if len(self.problems) == 1 else "problems"
        super().__init__(
            f"{len(self.problems)} {noun} in the configuration\n" + "\n".join(f"  {p}" for p in self.problems),
            hint=hint,
        )


class InventoryError(UsageError):
    """The inventory does not load, names no host, or `--limit` leaves none.

    An inventory is a Python file whose lists are groups of hosts; `staithe init` writes one to start from.
    """

    code = "E102"


class ProjectError(UsageError):
    """A file of the project that staithe needs is not there: deploy.py, a template, or the record of a run.

    Run from the checkout, install the wheel again, or name a run that `ls .staithe/runs` shows.
    """

    code = "E103"


class LabError(UsageError):
    """The lab cannot do what was asked on this machine.

    The lab needs Linux (Debian 12 or 13), root or passwordless sudo, and room for about 2 GiB.
    Elsewhere use `vagrant up`. After a crash, `staithe lab prune` takes away what is left.
    """

    code = "E104"


class SecretMissing(UsageError):
    """A secret that the inventory names (`from_env`, `from_file`, `from_prompt`) cannot be had. No host was asked.

    Set the environment variable, make the file readable for yourself, or answer the question on a terminal. A secret
    is one line of text.
    """

    code = "E105"


class HostError(StaitheError):
    """Something failed on one host; the other hosts went on.

    The run directory has every command of that host with its output: `staithe logs HOST`.
    """

    code = "E200"


class Unreachable(HostError):
    """No connection to the host: the name does not resolve, nothing answers, or the port is closed.

    Try `ssh HOST true` with the same user and port. In a fleet, the hosts that answered are done already;
    run the same command again with `--limit HOST` when the host is back.
    """

    code = "E201"


class AuthRefused(HostError):
    """The host accepted the connection but none of the keys or passwords that were offered.

    Check `ssh_user` and `ssh_key` in the inventory, that the public key stands in the user's
    authorized_keys on the host, and that the key's passphrase is known to an agent.
    """

    code = "E202"


class HostKeyUnknown(HostError):
    """The SSH host key is not in known_hosts, so nobody has yet said that this is the right machine.

    Compare the fingerprint with the one on the host's console (`ssh-keygen -lf
    /etc/ssh/ssh_host_ed25519_key.pub`), then accept it with `ssh-keyscan HOST >> ~/.ssh/known_hosts`, or let
    staithe accept unknown keys on first contact with --accept-new-host-keys.
    """

    code = "E203"


class HostKeyChanged(HostError):
    """The SSH host key is not the one in known_hosts: the host was reinstalled, or another machine answers.

    Find out which. If the host was reinstalled, remove the old key with `ssh-keygen -R HOST` and accept the new.
    --accept-new-host-keys does not help here, on purpose.
    """

    code = "E204"


class SudoRefused(HostError):
    """The user may not become root on the host without a password, or sudo is not installed.

    Give the user a line in /etc/sudoers.d/ (`USER ALL=(ALL) NOPASSWD: ALL`), or connect as root and set
    `_sudo = False` in the group data. Or say where the password is: `_sudo_password = {"from_env": "NAME"}`, or
    `from_file`, or `from_prompt`; it goes to sudo on its stdin and nowhere else. When sudo asks for a tty
    (`requiretty`, EL7), add `Defaults:USER !requiretty`.
    """

    code = "E205"


class ProbeFailed(HostError):
    """The host answered the probe with something else than a probe's answer, or with a part of it.

    A login script that prints, a broken shell or a full disk are the usual causes: look at `staithe logs HOST`.
    """

    code = "E206"


class CommandFailed(HostError):
    """A command that carries out a change exited with an error.

    Its text, exit code and output stand in `staithe logs HOST`. After the cause is mended, apply again: what is
    done already is not done again.
    """

    code = "E207"


class CommandTimeout(HostError):
    """A command ran longer than its limit on the host and was ended there.

    Apply again when the host is quieter; what is done already is not done again.
    """

    code = "E208"


class TransferFailed(HostError):
    """A blob did not arrive whole: its sha256 on the host differs, or the host had no room for it.

    Nothing was put in its place. Check the free space under /var/lib/staithe and apply again.
    """

    code = "E209"


class ConnectionLost(HostError):
    """The connection to the host broke while it was being changed.

    Apply again: the next run sees what was done and does the rest.
    """

    code = "E210"


class EngineUnhealthy(HostError):
    """The engine did not become healthy in time after a start or restart.

    The former binaries, units and daemon.json were put back where there were any. The engine's own last lines are in
    the message; `journalctl -u docker` on the host has the rest.
    """

    code = "E211"


class ConfigRefused(HostError):
    """The engine that is to run says that daemon.json is wrong (`dockerd --validate`). Nothing was changed.

    Its own words are in the message. Correct `daemon` in the configuration.
    """

    code = "E212"


class SmokeFailed(HostError):
    """A smoke check saw something else than it expected. The engine runs, but a container does not do what it should.

    Each check's line says what it did, what it expected and what it saw. Run `staithe smoke INVENTORY --limit HOST`
    again after mending the cause.
    """

    code = "E213"


class RecordTooNew(HostError):
    """The record in /var/lib/staithe on the host was written by a newer staithe than this one.

    Use that version (its number is in the message): an older one would not know what it owns.
    """

    code = "E214"


class HostLocked(HostError):
    """Another run is changing the host at this moment. This run did not touch it.

    The message says which run, whose, from where and since when. Wait until it has ended, then apply again. The lock
    goes with the connection of that run, and is gone when it was killed.
    """

    code = "E215"


class NotRolledBack(HostError):
    """A change failed, and what it had replaced could not be brought back whole: the engine may be down.

    The message has both causes. The way back is still noted in /var/lib/staithe/journal on the host. Mend the cause
    (`staithe logs HOST`, and `journalctl -u docker` on the host), then apply again: a run that ends well settles it.
    """

    code = "E216"


class DiskFull(CommandFailed):
    """A file system of the host has no room left. What was replaced was brought back; nothing half is left.

    `df -h` on the host shows which one. The programs go to /usr, images to the engine's data-root, their blobs and
    the record to /var/lib/staithe. Make room, then apply again.
    """

    code = "E217"


class HostRefused(StaitheError):
    """Preflight found that the host cannot carry what is described; it was not touched.

    All problems of the host are listed, each with a code of its own (E301 and on): `staithe explain CODE`.
    """

    code = "E300"
    exit_code = EXIT_REFUSED


class BundleError(StaitheError):
    """The bundle is missing, incomplete, changed, or does not hold what the configuration asks for.

    `staithe bundle show BUNDLE` lists what is in it; build it again with `staithe bundle build`.
    """

    code = "E400"
    exit_code = EXIT_BUNDLE


class Interrupted(StaitheError):
    """The run was stopped by Ctrl-C. What was done and what was not is listed.

    Run the same command again: what is done already is not done again.
    """

    code = "E900"
    exit_code = EXIT_INTERRUPTED


class NotBegun(StaitheError):
    """So many hosts had failed (`--max-fail`) that this one was not begun. Nothing was changed on it.

    Look at the hosts that failed first. `--retry-failed RUN` goes on with the failed hosts and those not begun.
    """

    code = "E901"
    exit_code = EXIT_HOST_FAILED


def error_classes() -> Iterator[type[StaitheError]]:
    """Yield every class of the tree, parents first."""
    pending: list[type[StaitheError]] = [StaitheError]
    while pending:
        cls = pending.pop(0)
        yield cls
        pending.extend(cls.__subclasses__())
