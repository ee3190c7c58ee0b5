"""Where deploy.py, deploys/, operations/ and templates/ live."""

from __future__ import annotations

from pathlib import Path

from staithe.errors import ProjectError

_PACKAGE = Path(__file__).resolve().parent


def project_root() -> Path:
    """Return the folder that holds deploy.py: the checkout, or the copy inside the installed wheel."""
    for root in (_PACKAGE.parent, _PACKAGE / "_project"):
        if (root / "deploy.py").is_file() and (root / "operations").is_dir():
            return root
    raise ProjectError(
        "deploy.py is missing",
        where=str(_PACKAGE.parent),
        hint="make setup   # in a clone of the repository",
    )
