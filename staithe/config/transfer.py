"""How blobs come to hosts."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from staithe.config.section import Section
from staithe.config.values import Ip, text

InventoryName = Annotated[str, text("the name of a host of the inventory", r"[^-\s].*")]
Port = Annotated[int, Field(ge=1024, le=65535)]


class Transfer(Section):
    """How blobs come to the host: over SSH, or pulled by it over HTTP from a relay.

    What comes is used only when its sha256 is right, wherever it comes from. When a host cannot pull, it gets the
    rest over SSH, and the run says so.
    """

    relay: InventoryName | None = Field(
        default=None,
        description="Host of the inventory that gets each blob once, over SSH, and serves it to the others for the "
        "time of the run. It need not be among the hosts that the run changes.",
        examples=["web1"],
    )
    relay_address: Ip | None = Field(
        default=None,
        description="For the relay itself: the address of it that the others use. None: the one by which staithe "
        "reaches it; needed when that is behind a jump host.",
        examples=["10.0.0.11"],
    )
    relay_port: Port | None = Field(
        default=None,
        description="For the relay itself: the TCP port that it listens on. None: the first free one of 18500 to "
        "18515. With a port of your own only one run at a time has this relay.",
        examples=[18500],
    )
    relay_time_limit_s: int = Field(
        default=14400,
        ge=10,
        le=7 * 86400,
        description="For the relay itself: it ends after so long, whatever became of the run. A run that ends, is "
        "killed, or loses its connection takes it away at once, or within a minute.",
    )
