"""Take staithe away, and with it all images, containers and volumes."""

from operations import removal

removal.take_away(purge_data=True, name="Leave the host as it was before, without the engine's data")
