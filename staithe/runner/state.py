"""pyinfra's own state, set up as its command does it."""

from __future__ import annotations

import sys
from pathlib import Path

import pyinfra
from gevent.local import local
from pyinfra.api.config import Config as PyinfraConfig
from pyinfra.api.inventory import Inventory
from pyinfra.api.state import State, StateStage
from pyinfra.context import ctx_config, ctx_inventory, ctx_state

from staithe.messages import Start
from staithe.project import project_root

DEFAULT_PARALLEL = 40


class ShardState(State):
    """pyinfra's state, with `is_executing` told for each host's greenlet and not for all at once.

    pyinfra runs an operation at once when it is called while executing; here one host executes while another is
    still preparing.
    """

    _local = local()

    @property
    def is_executing(self) -> bool:
        return bool(getattr(self._local, "executing", False))

    @is_executing.setter
    def is_executing(self, value: bool) -> None:
        self._local.executing = value


def new_state() -> ShardState:
    """Set pyinfra up as its own command does, as far as loading an inventory needs it."""
    pyinfra.is_cli = True
    root = str(project_root())
    # First, so that an installed package of the same name does not win.
    sys.path.insert(0, root)
    state = ShardState(check_for_changes=True)
    state.cwd = str(Path.cwd())
    ctx_state.set(state)
    return state


def init_state(state: ShardState, inventory: Inventory, start: Start) -> None:
    config = PyinfraConfig()
    config.PARALLEL = start.parallel or DEFAULT_PARALLEL
    ctx_config.set(config)
    config.lock_current_state()
    if start.accept_new_host_keys:
        inventory.override_data["ssh_strict_host_key_checking"] = "accept-new"
    ctx_inventory.set(inventory)
    state.init(inventory, config)
    state.set_stage(StateStage.Prepare)
    state.current_deploy_filename = str(project_root() / start.deploy)
