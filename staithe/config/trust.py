"""Whose bundles are applied."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from staithe.config.section import Section
from staithe.config.values import LocalPath, text

Signer = Annotated[str, text("a name as it stands in the file of allowed signers", r"[^\s,!\"'-][^\s,\"']*")]


class Trust(Section):
    """Whose bundles are applied: every bundle is signed, and every signature must be good."""

    allowed_signers: LocalPath | None = Field(
        default=None,
        description="File of those who may sign bundles, in OpenSSH's form (man ssh-keygen, ALLOWED SIGNERS): "
        'lines of NAME namespaces="bundle@staithe" KEY. A relative path starts at the folder that staithe is '
        "called in.",
        examples=["./allowed_signers"],
    )
    required_signers: tuple[Signer, ...] = Field(
        default=(),
        description="Names that must all have signed. Empty: any one of the allowed signers is enough.",
        examples=[["build@example.com", "release@example.com"]],
    )
    revoked_keys: LocalPath | None = Field(
        default=None,
        description="File of keys that are no longer trusted: public keys one per line, or a KRL.",
        examples=["./revoked_keys"],
    )
    allow_unsigned: bool = Field(
        default=False,
        description="Apply bundles that nobody has signed. A signature that is there must still be good.",
    )
    allow_older: bool = Field(
        default=False,
        description="Apply a bundle whose lock is older than one that was applied; --allow-older for one run.",
    )
