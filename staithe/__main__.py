"""Where the `staithe` command begins: the runner, which takes longest to load, is started before anything else."""

from __future__ import annotations

import gc
import os
import sys

# The commands that ask hosts.
_ASKING = (
    "preflight",
    "plan",
    "apply",
    "smoke",
    "status",
    "unlock",
    "versions",
    "remove",
    "rollback",
    "history",
    "install-here",
)


def main() -> None:
    """Run the command line and exit with staithe's exit codes."""
    # What is loaded stays: looking for garbage among it is a twentieth of what a short command takes.
    gc.set_threshold(50_000, 20, 20)
    # pydantic would look through all installed packages for plugins.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    # httpx has a command line of its own, and does without when that cannot be imported.
    sys.modules["httpx._main"] = None  # type: ignore[assignment]
    command = next((word for word in sys.argv[1:] if not word.startswith("-")), None)
    if command in _ASKING and not {"-h", "--help"} & set(sys.argv):
        from staithe import early_runner

        early_runner.start()
    from staithe.cli.app import main as run_command

    try:
        run_command()
    finally:
        # The process ends: looking through all that was loaded for garbage would be its longest part.
        gc.freeze()


if __name__ == "__main__":
    main()
