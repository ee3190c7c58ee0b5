"""The probe as a pyinfra fact. The only file of the probe that imports pyinfra.

By hand: `pyinfra INVENTORY fact staithe.probe.fact.HostProbe`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pyinfra.api.facts import FactBase

from staithe.probe.parse import parse
from staithe.probe.request import ProbeRequest
from staithe.probe.script import build
from staithe.probe.state import HostState


class HostProbe(FactBase[HostState]):
    """Everything staithe knows of a host, in one command."""

    # The arguments are plain data, not a ProbeRequest, so that pyinfra can print them and take them from a shell.
    def command(
        self,
        *,
        data_root: str = "/var/lib/docker",
        modules: Sequence[str] = (),
        sysctl: Sequence[str] = (),
        files: Sequence[str] = (),
        users: Sequence[str] = (),
        deep: bool = False,
        packaging: bool = False,
        sections: Sequence[str] = (),
    ) -> str:
        """Return the probe's text for these questions (see ProbeRequest)."""
        request: dict[str, Any] = {
            "data_root": data_root,
            "modules": modules,
            "sysctl": sysctl,
            "files": files,
            "users": users,
            "deep": deep,
            "packaging": packaging,
            "sections": sections,
        }
        return build(ProbeRequest.model_validate(request))

    def process(self, output: list[str]) -> HostState:
        """Return the state that the host's answer describes."""
        return parse("\n".join(output))
