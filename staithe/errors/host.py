"""What fails on one host, while the others go on."""

from __future__ import annotations

from staithe.errors.base import StaitheError


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


class CommandKilled(HostError):
    """A command was ended on the host by a signal, while the connection stands: somebody ended it, or memory ran out.

    What the run had replaced was brought back. Find the cause (`dmesg`, `journalctl`), then apply again.
    """

    code = "E218"


class CommandTimeout(HostError):
    """A command ran longer than its limit on the host and was ended there.

    Apply again when the host is quieter; what is done already is not done again.
    """

    code = "E208"


class TransferFailed(HostError):
    """A blob did not arrive whole: the host has fewer bytes of it, or an engine with another sha256.

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


class NotesDamaged(HostError):
    """/var/lib/staithe/former.json on the host, which says what stood there before staithe, cannot be read.

    `staithe remove` would take what was there before for staithe's own. Copies of the files lie below
    /var/lib/staithe/original with their full paths: put them back by hand. When nothing was there before, or all is
    back, write `{}` into former.json, and remove again.
    """

    code = "E220"


class NoRpm(HostError):
    """The host has no rpm: it is no Enterprise Linux, or a container's file system without package database.

    `staithe bundle base` leaves it out; name the others with --limit. For such hosts a bundle is resolved from
    nothing.
    """

    code = "E219"


class RepositoryUnreachable(HostError):
    """The host does not reach the package repository: no answer, no such tree for its release, or no login.

    Nothing was changed on the host. Try `curl -v ADDRESS/repodata/repomd.xml` there. Behind a slow or blocked line
    name a mirror (`engine.repository.mirror`), a repository of your own (`url`), or a proxy; without any line use
    the source rpm-bundle.
    """

    code = "E221"


class TransactionRefused(HostError):
    """The engine's packages cannot be installed on the host as described, or only by touching other packages.

    Nothing was changed. The message has what dnf says, or the list of packages that would be changed or removed.
    `engine.may_upgrade` allows other packages to be upgraded, `engine.replace` consents to the removal of packages in
    the way. Versions on offer: `staithe versions INVENTORY`.
    """

    code = "E222"


class PackageUntrusted(HostError):
    """A package is not signed by the pinned key, or the key that is offered is another one.

    Nothing of it was installed. Compare the fingerprint with what the packages' owner publishes: a mirror may have
    been tampered with, or the key was replaced; then correct `engine.repository.fingerprints`.
    """

    code = "E223"


class NoGeneration(HostError):
    """The host does not keep the generation that it is to go back to, or never had another one.

    The present generation and the one before it are kept, with programs, packages and files. `staithe history
    INVENTORY` lists all there have been. To go further back, apply that version from its bundle or repository.
    Packages that somebody else installed are not kept: staithe never had their files.
    """

    code = "E224"
