"""Take staithe away: the host as it was before, but for the engine's data."""

from operations import removal

removal.take_away(name="Leave the host as it was before")
