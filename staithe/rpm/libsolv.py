"""The one place that imports libsolv, and what dnf sets in it before it solves (libdnf: dnf-sack.cpp, Goal.cpp)."""

from __future__ import annotations

import importlib
from typing import Any

from staithe.errors import SolverMissing
from staithe.rpm import elsewhere


def load() -> Any:
    """Import libsolv's Python module; raises SolverMissing where there is none."""
    try:
        return importlib.import_module("solv")
    except ImportError as error:
        raise SolverMissing(
            "packages are resolved with libsolv, which this Python does not have",
            found=f"{error}; {elsewhere.this_machine()}",
            expected=elsewhere.NEEDED,
            hint=elsewhere.what_to_type(),
        ) from error


def new_pool(arch: str) -> Any:
    """Return an empty pool as dnf makes it."""
    solv = load()
    pool = solv.Pool()
    pool.setdisttype(solv.Pool.DISTTYPE_RPM)
    pool.setarch(arch)
    # What is excluded stays visible as a provider that cannot be installed, which makes better explanations.
    pool.set_flag(solv.Pool.POOL_FLAG_WHATPROVIDESWITHDISABLED, 1)
    pool.set_flag(solv.Pool.POOL_FLAG_IMPLICITOBSOLETEUSESCOLORS, 1)
    return pool


def new_solver(pool: Any, *, weak_dependencies: bool) -> Any:
    """Return a solver with the flags of `dnf install`."""
    solv = load()
    solver = pool.Solver()
    flags = [
        solv.Solver.SOLVER_FLAG_ALLOW_DOWNGRADE,
        solv.Solver.SOLVER_FLAG_ALLOW_VENDORCHANGE,
        solv.Solver.SOLVER_FLAG_DUP_ALLOW_VENDORCHANGE,
        solv.Solver.SOLVER_FLAG_KEEP_ORPHANS,
        solv.Solver.SOLVER_FLAG_BEST_OBEY_POLICY,
        solv.Solver.SOLVER_FLAG_YUM_OBSOLETES,
    ]
    if not weak_dependencies:
        flags.append(solv.Solver.SOLVER_FLAG_IGNORE_RECOMMENDED)
    for flag in flags:
        solver.set_flag(flag, 1)
    return solver


def explain(problems: list[Any]) -> list[list[str]]:
    """Return what libsolv says of each problem, each line once.

    "Disabled" is its word for what exclusions and module filtering hide.
    """
    hidden = " is hidden: excluded, or of a module stream that is not active"
    explained: list[list[str]] = []
    for problem in problems:
        lines: dict[str, None] = {}
        for rule in problem.findallproblemrules():
            for info in rule.allinfos():
                text = info.problemstr()
                lines[text.removesuffix(" is disabled") + hidden if text.endswith(" is disabled") else text] = None
        if list(lines) not in explained:
            explained.append(list(lines))
    return explained
