"""What is wrong before any host is asked."""

from __future__ import annotations

from collections.abc import Iterable

from staithe.errors.base import EXIT_USAGE, StaitheError


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
    what = "the configuration"

    def __init__(self, problems: Iterable[str], *, hint: str | None = None) -> None:
        self.problems = tuple(problems)
        noun = "problem" if len(self.problems) == 1 else "problems"
        super().__init__(
            f"{len(self.problems)} {noun} in {self.what}\n" + "\n".join(f"  {p}" for p in self.problems),
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


class RepositoryError(UsageError):
    """The metadata of a package repository are damaged, forged, older than allowed, or packed in an unknown way.

    Every file of metadata must hash to what repomd.xml says. Try again, for a mirror may be in the middle of an
    update; if it stays so, use another mirror. What was resolved before is left as it is.
    """

    code = "E106"


class SolverMissing(UsageError):
    """This machine has no libsolv, which resolves packages as dnf does, or lacks another library of `bundle lock`.

    `pip install 'staithe[bundle]'` installs them. Wheels of libsolv and createrepo_c exist for Linux with glibc 2.28
    or newer (so not for macOS, nor for Alpine): there the line after "try:" runs the same command in a container, on
    the present folder. bundle.lock and bundles are the same wherever they were made. Bundles without packages are
    locked and built anywhere, and all other commands run anywhere.
    """

    code = "E107"


class Unsolvable(UsageError):
    """The requested packages cannot be installed together from these repositories; dnf would refuse them too.

    Each problem says who needs what, and who does not offer it. Add the repository that does, or ask for other
    versions.
    """

    code = "E108"

    def __init__(
        self, problems: Iterable[Iterable[str]], *, where: str | None = None, hint: str | None = None
    ) -> None:
        """`problems` has the lines of each problem, in the words of the solver."""
        self.problems = tuple(tuple(lines) for lines in problems)
        noun = "problem" if len(self.problems) == 1 else "problems"
        shown = "\n".join(
            "\n".join(f"  {'-' if n == 0 else ' '} {line}" for n, line in enumerate(lines)) for lines in self.problems
        )
        super().__init__(f"{len(self.problems)} {noun} with the requested packages\n{shown}", where=where, hint=hint)


class DescriptionError(ConfigError):
    """bundle.toml does not validate. Every problem is listed with its path.

    `staithe bundle init` writes a commented one; `staithe bundle docs` describes every key.
    """

    code = "E109"

    what = "bundle.toml"


class LockError(UsageError):
    """bundle.lock is missing, damaged, or does not belong to bundle.toml.

    `staithe bundle lock` writes it. It is a file for git and for review, never for an editor.
    """

    code = "E110"


class WheelMissing(UsageError):
    """A package that staithe needs has no wheel for a Python or architecture that `bundle controller` is to serve.

    Nothing was written. Name a Python that all packages have wheels for (the newest one often lacks some), or ask an
    index that has them: pip's own configuration says which one it is.
    """

    code = "E111"

    def __init__(self, missing: Iterable[str], *, hint: str | None = None) -> None:
        """`missing` has a line for each Python and architecture."""
        self.missing = tuple(missing)
        super().__init__("\n".join(["packages have no wheel", *(f"  {line}" for line in self.missing)]), hint=hint)
