"""Images of the bundle in the engine's store."""

from __future__ import annotations

from staithe.bundle.contents import ImageArtifact
from staithe.change import Change, change
from staithe.daemon.reload import moves_store
from staithe.desired import Desired
from staithe.host_layout import DAEMON_JSON
from staithe.probe.state import HostState
from staithe.record import recorded_images, started_with


def changes(state: HostState, desired: Desired) -> tuple[Change, ...]:
    """Return which images have to be loaded."""
    found = []
    moves = store_moves(state, desired)
    for image in desired.images:
        reason = "not known to be in the store that the engine will use" if moves else _why(state, image)
        if reason is not None:
            size = sum(blob.size_bytes for blob in image.blobs)
            target = ", ".join(image.references)
            if image.pinned is not None:
                # What asks for it by digest would go to a registry that the host may not reach.
                reason += f"; containers name it {image.references[0]}: `docker load` keeps no digests"
            found.append(
                change("images", "load", target, reason, after=f"{image.config.digest} ({size / (1 << 20):.1f} MiB)")
            )
    return tuple(found)


def has_name(state: HostState, reference: str) -> bool:
    """Tell whether the engine's store is known to have an image of that name."""
    return any(reference in image.tags for image in state.images or ())


def store_moves(state: HostState, desired: Desired) -> bool:
    """Tell whether the engine that is to run has another store than the one that runs."""
    started = started_with(state, "docker.service")
    return started is not None and moves_store(started.daemon_json, desired.files[DAEMON_JSON].text)


def _why(state: HostState, image: ImageArtifact) -> str | None:
    """Say why an image has to be loaded; None when it is there, by content and by name."""
    if state.images is None:
        # The engine is not running, so only the record can tell; once it runs, it is asked.
        return None if image.config.digest in recorded_images(state) else "not loaded yet"
    same = [i for i in state.images if i.id in image.ids]
    if not same:
        return "not in the engine's store"
    names = {tag for found in same for tag in found.tags}
    lost = [reference for reference in image.references if reference not in names]
    return f"the name {', '.join(lost)} does not point to it" if lost else None
