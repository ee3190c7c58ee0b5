"""Kernel modules and settings that containers need."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from staithe.config.section import Section
from staithe.config.values import NAMES_LIMIT, text

ModuleName = Annotated[str, text("the name of a kernel module", r"[a-zA-Z0-9][a-zA-Z0-9_-]*", 64)]
# A slash stands for a dot inside a name (eth0/100). Two in a row would become ".." below /proc/sys.
SysctlKey = Annotated[
    str,
    text(
        "a sysctl key such as net.ipv4.ip_forward",
        r"[a-z0-9_][a-z0-9_-]*(\.[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)*)+",
        128,
    ),
]


def _number_as_text(value: Any) -> Any:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


SysctlValue = Annotated[
    str,
    BeforeValidator(_number_as_text),
    text(
        "a number, or text of letters, digits, blanks and . , : / _ -",
        r"[A-Za-z0-9_.,:/-]+([ \t]+[A-Za-z0-9_.,:/-]+)*",
        256,
    ),
]


class Kernel(Section):
    """Modules to load now and at boot, and sysctl values in force now and after a boot."""

    modules: tuple[ModuleName, ...] = Field(
        default=("overlay", "br_netfilter"),
        max_length=NAMES_LIMIT,
        description="Loaded now and at every boot (/etc/modules-load.d/staithe.conf). A list replaces this one.",
    )
    sysctl: dict[SysctlKey, SysctlValue] = Field(
        default={
            "net.ipv4.ip_forward": "1",
            "net.bridge.bridge-nf-call-iptables": "1",
            "net.bridge.bridge-nf-call-ip6tables": "1",
        },
        max_length=NAMES_LIMIT,
        description="Set now and at every boot (/etc/sysctl.d/99-staithe.conf). What you write is added key by key; "
        "None takes one of these keys away.",
    )
