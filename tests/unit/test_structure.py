"""The rooms of the project and the arrows between them. Each rule has a sample that breaks it."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[2]

MAX_FILE_LINES = 300
MAX_FUNCTION_LINES = 60
MAX_DEPLOY_LINES = 60

# Who may import what; a folder ends in a slash. Nobody else may.
ONLY = {
    "pyinfra_cli": ("staithe/runner/",),
    "paramiko": ("staithe/ssh/",),
    "solv": ("staithe/rpm/libsolv.py",),
    "pyinfra": (
        "staithe/runner/",
        "staithe/ssh/",
        "staithe/host/",
        "staithe/probe/fact.py",
        "operations/",
        "deploy.py",
        "deploys/",
    ),
}
VAGUE_NAMES = {"utils", "util", "helpers", "helper", "common", "manager", "managers", "misc"}


class Import(NamedTuple):
    """A module that a file imports, and where."""

    module: str
    line: int
    at_top: bool


def sources(root: Path, *folders: str) -> list[Path]:
    found = [path for folder in folders for path in (root / folder).rglob("*.py")]
    found += [root / folder for folder in folders if (root / folder).is_file()]
    return sorted(path for path in found if "__pycache__" not in path.parts)


def imports(path: Path, root: Path) -> Iterator[Import]:
    """Yield everything a file imports, inside functions and by name (import_module) too, not for types alone."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for_types = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")
        for child in node.body
        for inner in ast.walk(child)
    }
    top = {id(node) for node in tree.body}
    package = path.relative_to(root).with_suffix("").parts[:-1]
    for node in ast.walk(tree):
        at_top = id(node) in top
        typed = id(node) in for_types
        if isinstance(node, ast.Import):
            yield from (Import(alias.name, node.lineno, at_top and not typed) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(package[: len(package) - node.level + 1]) if node.level else ""
            module = ".".join(part for part in (base, node.module or "") if part)
            yield Import(module, node.lineno, at_top and not typed)
            yield from (Import(f"{module}.{alias.name}", node.lineno, False) for alias in node.names)
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith(("import_module", "__import__")):
            yield from (Import(str(a.value), node.lineno, False) for a in node.args if isinstance(a, ast.Constant))


def is_in(module: str, package: str) -> bool:
    return module == package or module.startswith(f"{package}.")


def wrong_arrows(root: Path) -> list[str]:
    """Return the imports that cross a wall."""
    found: dict[str, None] = {}
    for path in sources(root, "staithe", "operations", "deploys", "deploy.py"):
        name = path.relative_to(root).as_posix()
        for one in imports(path, root):
            place = f"{name}:{one.line}"
            if name.startswith("staithe/") and any(is_in(one.module, m) for m in ("operations", "deploy", "deploys")):
                found[f"{place}: staithe never imports {one.module.split('.')[0]}"] = None
            if name.startswith("operations/") and is_in(one.module, "operations"):
                found[f"{place}: an operation never imports a sibling"] = None
            for package, rooms in ONLY.items():
                if is_in(one.module, package) and not any(
                    name == r or (r[-1] == "/" and name.startswith(r)) for r in rooms
                ):
                    found[f"{place}: only {', '.join(rooms)} import {package}"] = None
    return list(found)


def heavy_cli_imports(root: Path) -> list[str]:
    """Return what command modules import at the top beside typer, the standard library and light modules of ours."""
    light = ("typer", "staithe.errors", "staithe.cli", "staithe.__version__")
    return [
        f"{path.relative_to(root)}:{one.line}: {one.module}"
        for path in sources(root, "staithe/cli")
        for one in imports(path, root)
        if one.at_top
        and one.module != "staithe"
        and one.module.split(".")[0] not in sys.stdlib_module_names
        and not any(is_in(one.module, package) for package in light)
    ]


def vague_names(root: Path) -> list[str]:
    return [
        str(path.relative_to(root))
        for path in sources(root, "staithe", "operations", "deploys", "tests")
        if VAGUE_NAMES & {*path.relative_to(root).parts[:-1], path.stem, *path.stem.split("_")}
    ]


def too_long(root: Path) -> list[str]:
    found = []
    for path in sources(root, "staithe", "operations"):
        text = path.read_text(encoding="utf-8")
        name = path.relative_to(root)
        if text.count("\n") > MAX_FILE_LINES:
            found.append(f"{name}: {text.count(chr(10))} lines")
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = (node.end_lineno or 0) - node.lineno + 1
                if lines > MAX_FUNCTION_LINES:
                    found.append(f"{name}:{node.lineno}: {node.name} has {lines} lines")
    return found


# deploy.py: pyinfra knows an operation by the line numbers of its call alone. Two hosts that come to different
# operations through one line would share one operation.
_CONDITION = (
    ast.Name, ast.Attribute, ast.Compare, ast.BoolOp, ast.UnaryOp, ast.Constant, ast.Call, ast.Load, ast.keyword,
    ast.And, ast.Or, ast.Not, ast.Eq, ast.NotEq, ast.In, ast.NotIn, ast.Is, ast.IsNot, ast.Lt, ast.LtE, ast.Gt,
    ast.GtE, ast.Tuple, ast.List,
)  # fmt: skip
_ARGUMENT = (ast.Name, ast.Attribute, ast.Constant, ast.Load, ast.keyword, ast.Tuple, ast.List, ast.Dict)


def deploy_breaches(text: str) -> list[str]:
    """Return what in the text of a deploy file is more than imports, `if` on host data, and one call per line."""
    tree = ast.parse(text)
    found = [f"{len(text.splitlines())} lines"] if len(text.splitlines()) > MAX_DEPLOY_LINES else []
    modules: set[str] = set()
    called_on: set[int] = set()
    body = tree.body[1:] if ast.get_docstring(tree) else tree.body
    for node in body:
        found += _statement_breaches(node, modules, called_on)
    return found


def _statement_breaches(node: ast.stmt, modules: set[str], called_on: set[int]) -> Iterator[str]:
    if isinstance(node, ast.Import | ast.ImportFrom):
        modules |= {alias.asname or alias.name for alias in node.names}
    elif isinstance(node, ast.If):
        names = {n.id for n in ast.walk(node.test) if isinstance(n, ast.Name)}
        if "host" not in names or not all(isinstance(n, _CONDITION) for n in ast.walk(node.test)):
            yield f"line {node.lineno}: a condition asks host.data or facts and nothing else"
        for inner in (*node.body, *node.orelse):
            yield from _statement_breaches(inner, modules, called_on)
    elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        yield from _call_breaches(node.value, modules, called_on)
    else:
        yield f"line {node.lineno}: {type(node).__name__} is not an import, an if or a call"


def _call_breaches(call: ast.Call, modules: set[str], called_on: set[int]) -> Iterator[str]:
    lines = set(range(call.lineno, (call.end_lineno or call.lineno) + 1))
    if lines & called_on:
        yield f"line {call.lineno}: two calls share a line"
    called_on |= lines
    direct = isinstance(call.func, ast.Attribute) and isinstance(call.func.value, ast.Name)
    if not direct or call.func.value.id not in modules:
        yield f"line {call.lineno}: what is called is a function of an imported module, by its name"
    for value in (*call.args, *(keyword.value for keyword in call.keywords)):
        if not all(isinstance(n, _ARGUMENT) for n in ast.walk(value)):
            yield f"line {call.lineno}: an argument is a plain value"
    if any(keyword.arg is None for keyword in call.keywords):
        yield f"line {call.lineno}: an argument is a plain value"


def test_imports_go_where_they_may() -> None:
    assert wrong_arrows(ROOT) == []


def test_command_modules_import_nothing_heavy_at_the_top() -> None:
    assert heavy_cli_imports(ROOT) == []


def test_file_names_say_what_is_inside() -> None:
    assert vague_names(ROOT) == []


def test_files_and_functions_are_short_enough_to_be_read() -> None:
    assert too_long(ROOT) == []


@pytest.mark.parametrize("path", sources(ROOT, "deploy.py", "deploys"), ids=lambda path: path.name)
def test_deploy_files_read_like_a_runbook(path: Path) -> None:
    assert deploy_breaches(path.read_text(encoding="utf-8")) == []


def test_there_is_something_to_look_at() -> None:
    assert (ROOT / "deploy.py").is_file()
    assert "deploy.py" in {path.name for path in sources(ROOT, "deploy.py", "deploys")}
    for folder in ("staithe", "staithe/cli", "operations", "tests"):
        assert len(sources(ROOT, folder)) > 5


def _tree(root: Path, name: str, text: str) -> Path:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return root


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("staithe/plan.py", "from operations import daemon", "staithe never imports operations"),
        ("staithe/plan.py", "def f():\n    import operations.daemon", "staithe never imports operations"),
        ("staithe/plan.py", "import importlib\nimportlib.import_module('operations')", "never imports operations"),
        ("staithe/plan.py", "import deploy", "staithe never imports deploy"),
        ("operations/a.py", "from operations import b", "an operation never imports a sibling"),
        ("operations/a.py", "from operations.b import c", "an operation never imports a sibling"),
        ("operations/a.py", "from . import b", "an operation never imports a sibling"),
        ("operations/a.py", "from .b import c", "an operation never imports a sibling"),
        ("staithe/plan.py", "from pyinfra import host", "import pyinfra"),
        ("staithe/cli/plan.py", "def f():\n    from pyinfra.api import State", "import pyinfra"),
        ("staithe/probe/parse.py", "import pyinfra", "import pyinfra"),
        ("staithe/host/session.py", "import pyinfra_cli.inventory", "only staithe/runner/ import pyinfra_cli"),
        ("operations/a.py", "import paramiko", "only staithe/ssh/ import paramiko"),
        ("staithe/rpm/solver.py", "import solv", "only staithe/rpm/libsolv.py import solv"),
        ("staithe/ssh_config.py", "from paramiko import Transport", "only staithe/ssh/ import paramiko"),
        (
            "staithe/a.py",
            "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import paramiko",
            "import paramiko",
        ),
    ],
)
def test_a_wrong_arrow_is_seen(tmp_path: Path, name: str, text: str, words: str) -> None:
    breaches = wrong_arrows(_tree(tmp_path, name, text))
    assert len(breaches) == 1
    assert words in breaches[0]
    assert breaches[0].startswith(f"{name}:")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("staithe/ssh/command.py", "import paramiko\nfrom pyinfra import host"),
        ("staithe/runner/shard.py", "import pyinfra_cli\nimport pyinfra"),
        ("operations/a.py", "from pyinfra import host\nfrom staithe.plan import daemon\nimport operational"),
        ("deploy.py", "from operations import daemon\nfrom pyinfra import host"),
    ],
)
def test_a_right_arrow_passes(tmp_path: Path, name: str, text: str) -> None:
    assert wrong_arrows(_tree(tmp_path, name, text)) == []


@pytest.mark.parametrize("text", ["import pydantic", "from staithe.config import Config", "import staithe.fleet"])
def test_a_heavy_command_module_is_seen(tmp_path: Path, text: str) -> None:
    assert len(heavy_cli_imports(_tree(tmp_path, "staithe/cli/a.py", text))) == 1


@pytest.mark.parametrize(
    "text",
    [
        "import json\nimport typer\nfrom staithe.errors import UsageError\nfrom staithe.cli.options import Json",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from staithe.config import Config",
        "def f():\n    import pydantic",
    ],
)
def test_a_light_command_module_passes(tmp_path: Path, text: str) -> None:
    assert heavy_cli_imports(_tree(tmp_path, "staithe/cli/a.py", text)) == []


@pytest.mark.parametrize("name", ["staithe/utils.py", "operations/helpers/a.py", "staithe/host_manager.py"])
def test_a_vague_name_is_seen(tmp_path: Path, name: str) -> None:
    assert vague_names(_tree(tmp_path, name, "")) == [name]


def test_what_is_too_long_is_seen(tmp_path: Path) -> None:
    _tree(tmp_path, "staithe/long.py", "\n" * (MAX_FILE_LINES + 1))
    _tree(tmp_path, "staithe/just.py", "\n" * MAX_FILE_LINES)
    _tree(tmp_path, "operations/f.py", "def f():\n" + "    pass\n" * MAX_FUNCTION_LINES)
    _tree(tmp_path, "operations/g.py", "def g():\n" + "    pass\n" * (MAX_FUNCTION_LINES - 1))
    assert too_long(tmp_path) == ["operations/f.py:1: f has 61 lines", "staithe/long.py: 301 lines"]


_IMPORTS = '"""What is done."""\n\nfrom pyinfra import host\n\nfrom operations import a, b\n\n'


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("for x in (a, b):\n    x.run()", "For is not"),
        ("x = a", "Assign is not"),
        ("def f():\n    a.run()", "FunctionDef is not"),
        ("with host.loop():\n    a.run()", "With is not"),
        ("try:\n    a.run()\nexcept OSError:\n    pass", "Try is not"),
        ("a.run() if host.data.x else b.run()", "Expr is not"),
        ("(a if host.data.x else b).run()", "a function of an imported module"),
        ("{'a': a}['a'].run()", "a function of an imported module"),
        ("getattr(a, 'run')()", "a function of an imported module"),
        ("run()", "a function of an imported module"),
        ("host.data.step.run()", "a function of an imported module"),
        ("c.run()", "a function of an imported module"),
        ("a.run(); b.run()", "two calls share a line"),
        ("a.run(name='x' if host.data.y else 'z')", "an argument is a plain value"),
        ("a.run(names=[x for x in host.data.y])", "an argument is a plain value"),
        ("a.run(step=lambda: b.run())", "an argument is a plain value"),
        ("a.run(b.run())", "an argument is a plain value"),
        ("a.run(**host.data.x)", "an argument is a plain value"),
        ("if a.wanted():\n    b.run()", "a condition asks host.data"),
        ("if host.data.x:\n    for y in (1, 2):\n        a.run()", "For is not"),
        ("if [x for x in host.data.x]:\n    a.run()", "a condition asks host.data"),
        ("if (x := host.data.x):\n    a.run()", "a condition asks host.data"),
        ("\n" * MAX_DEPLOY_LINES, "lines"),
    ],
)
def test_a_deploy_file_that_is_no_runbook_is_seen(text: str, words: str) -> None:
    breaches = deploy_breaches(_IMPORTS + text)
    assert breaches
    assert any(words in breach for breach in breaches), breaches


def test_a_runbook_passes() -> None:
    text = (
        'a.run(name="Do it")\n'
        "if host.data.engine:\n    a.other()\nelif host.data.get('x') == 'y' and not host.data.z:\n    b.run(1)\n"
        "else:\n    b.run(\n        name='Long',\n        always=True,\n    )\n"
    )
    assert deploy_breaches(_IMPORTS + text) == []
