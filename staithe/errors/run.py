"""What ends or spares a host's run without a failure of the host."""

from __future__ import annotations

from staithe.errors.base import EXIT_BUNDLE, EXIT_HOST_FAILED, EXIT_INTERRUPTED, EXIT_REFUSED, StaitheError


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
