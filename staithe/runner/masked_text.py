"""A text stream that lets no secret through."""

from __future__ import annotations

import io
from typing import IO

from staithe.secret import Vault


class MaskedText(io.TextIOBase):
    """Hands on what is written, whole lines at a time, with every secret masked."""

    def __init__(self, out: IO[str], vault: Vault) -> None:
        super().__init__()
        self._out = out
        self._vault = vault
        self._rest = ""

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        # A secret may come in pieces, but never over the end of a line.
        *lines, self._rest = (self._rest + text).split("\n")
        for line in lines:
            self._out.write(self._vault.mask(line) + "\n")
        return len(text)

    def flush(self) -> None:
        self._out.flush()

    def end(self) -> None:
        """Hand on what has no end of line."""
        self._out.write(self._vault.mask(self._rest))
        self._rest = ""
        self._out.flush()

    def fileno(self) -> int:
        return self._out.fileno()
