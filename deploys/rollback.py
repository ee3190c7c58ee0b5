"""Go back to a generation that the host keeps."""

from operations import rollback

rollback.go_back(name="Bring a former generation back")
