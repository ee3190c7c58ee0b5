"""Kernel modules and settings that containers need."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StringConstraints

from staithe.config.section import Section

ModuleName = Annotated[str, StringConstraints(pattern=r"^[a-zA-Z0-9][a-zA-Z0-9_-]*$", max_length=64)]
SysctlKey = Annotated[str, StringConstraints(pattern=r"^[a-z0-9_-]+(\.[A-Za-z0-9_/-]+)+$", max_length=128)]
SysctlValue = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.,:/ \t-]+$", max_length=256)]


class Kernel(Section):
    """Modules to load now and at boot, and sysctl values in force now and after a boot."""

    modules: tuple[ModuleName, ...] = Field(
        default=("overlay", "br_netfilter"),
        description="Loaded now and at every boot (/etc/modules-load.d/staithe.conf).",
    )
    sysctl: dict[SysctlKey, SysctlValue] = Field(
        default={
            "net.ipv4.ip_forward": "1",
            "net.bridge.bridge-nf-call-iptables": "1",
            "net.bridge.bridge-nf-call-ip6tables": "1",
        },
        description="Set now and at every boot (/etc/sysctl.d/99-staithe.conf). A section given by you replaces "
        "single keys, not the whole.",
    )
