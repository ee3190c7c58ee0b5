"""What staithe takes for granted of pyinfra's inner side: an upgrade that breaks one of these is seen here first."""

from __future__ import annotations

import inspect
import subprocess
import sys
from importlib.metadata import version

import pytest
from pyinfra.api.command import FunctionCommand
from pyinfra.api.host import Host
from pyinfra.api.operation import operation
from pyinfra.api.operations import run_host_op
from pyinfra.api.state import State, StateStage
from pyinfra.connectors.base import BaseConnector
from pyinfra.context import ctx_config, ctx_host, ctx_inventory, ctx_state

# pyinfra_cli patches the process for gevent when it is imported, so it is asked in a process of its own.
_CLI_CONTRACT = """
import inspect
from pyinfra_cli.exceptions import CliError, UnexpectedExternalError
from pyinfra_cli.inventory import make_inventory, make_inventory_from_files
from pyinfra_cli.util import exec_file
assert list(inspect.signature(exec_file).parameters)[0] == "filename"
assert "cwd" in inspect.signature(make_inventory).parameters
assert "cwd" in inspect.signature(make_inventory_from_files).parameters
error = UnexpectedExternalError(ValueError("x"), "f.py")
assert isinstance(error.exception, ValueError) and error.filename == "f.py"
inventory = make_inventory("@fake/a,@fake/b")
assert [host.name for host in inventory] == ["@fake/a", "@fake/b"]
assert isinstance(inventory.data, dict) and isinstance(inventory.host_data, dict)
assert isinstance(inventory.override_data, dict)
print("as expected")
"""


def test_the_version_is_the_one_that_was_looked_at() -> None:
    assert version("pyinfra").startswith("3.10.")


def test_an_operation_asks_the_state_whether_it_is_executing() -> None:
    """staithe/runner/state.py answers for each host's greenlet by overriding this attribute."""
    source = inspect.getsource(sys.modules["pyinfra.api.operation"])
    assert "state.is_executing" in source
    assert "is_executing" in State.__dict__ or "is_executing" in inspect.getsource(State)


def test_the_attribute_can_become_a_property() -> None:
    class Told(State):
        told: list[bool] = []  # noqa: RUF012

        @property
        def is_executing(self) -> bool:  # type: ignore[override]
            return bool(self.told and self.told[-1])

        @is_executing.setter
        def is_executing(self, value: bool) -> None:
            self.told.append(value)

    state = Told(check_for_changes=True)
    state.is_executing = True
    assert state.is_executing is True


def test_operations_of_one_host_are_run_in_its_own_order() -> None:
    assert list(inspect.signature(run_host_op).parameters) == ["state", "host", "op_hash"]
    assert "self.op_hash_order" in inspect.getsource(Host)
    assert "host.op_hash_order.append" in inspect.getsource(sys.modules["pyinfra.api.operation"])


def test_a_failed_function_command_ends_its_operation() -> None:
    """`False` and nothing else is a failure; what a function raises is printed as a traceback."""
    source = inspect.getsource(sys.modules["pyinfra.api.operations"])
    assert "if status is False" in source
    assert "traceback.format_exc()" in source


def test_an_operation_keeps_its_body() -> None:
    @operation()
    def body():  # type: ignore[no-untyped-def]
        yield FunctionCommand(lambda state, host: True, (), {})

    (command,) = body._inner()
    assert command.execute(None, None, {}) is True


@pytest.mark.parametrize("context", [ctx_config, ctx_host, ctx_inventory, ctx_state])
def test_contexts_are_set_and_used(context: object) -> None:
    assert callable(context.set) and callable(context.use)  # type: ignore[attr-defined]


def test_what_staithe_calls_on_host_and_state() -> None:
    assert {"show_errors", "raise_exceptions"} <= set(inspect.signature(Host.connect).parameters)
    assert "reason" in inspect.signature(Host.noop).parameters or len(inspect.signature(Host.noop).parameters) == 2
    assert callable(State.activate_host) and callable(State.set_stage) and callable(State.init)
    assert StateStage.Prepare
    assert "connector_data" in inspect.getsource(Host)
    assert {"command", "print_output", "print_input"} <= set(
        inspect.signature(BaseConnector.run_shell_command).parameters
    )


def test_what_staithe_calls_in_the_command_line() -> None:
    done = subprocess.run([sys.executable, "-c", _CLI_CONTRACT], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "as expected", done.stderr


def test_an_operation_is_known_by_line_numbers_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """staithe/runner/call_stack.py takes the source text out of that: the answer must stay the same."""
    from pyinfra.api import arguments, connectors, util

    from staithe.runner.call_stack import lighten

    state = State(check_for_changes=True)
    state.current_deploy_filename = __file__
    orders = []
    types = [arguments.all_global_arguments()]
    for name in ("stack", "getframeinfo"):
        monkeypatch.setattr(util, name, getattr(util, name))
    monkeypatch.setattr(arguments, "all_global_arguments", arguments.all_global_arguments)
    monkeypatch.setattr(connectors, "entry_points", connectors.entry_points)  # type: ignore[attr-defined]
    for step in (lambda: None, lighten):
        step()
        orders.append(util.get_operation_order_from_stack(state))
    types.append(arguments.all_global_arguments())
    assert orders[0] == orders[1] != []
    assert types[0] == types[1]
    assert arguments.all_global_arguments() is arguments.all_global_arguments()
    assert "stack()" in inspect.getsource(util.get_operation_order_from_stack)
    assert "in all_global_arguments()" in inspect.getsource(arguments.pop_global_arguments)


def test_connectors_are_looked_for_in_one_place() -> None:
    """staithe/runner/call_stack.py keeps what is found there."""
    import pyinfra.api.connectors as connectors

    source = inspect.getsource(connectors.get_all_connectors)
    assert 'entry_points(group="pyinfra.connectors")' in source
    assert callable(connectors.entry_points)  # type: ignore[attr-defined]
