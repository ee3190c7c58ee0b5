"""What differs for the lab's hosts (inventories/lab.py): the demo's bundle, and the lab's registry where it runs."""

from staithe.errors import LabError
from staithe.lab.state import running

engine = {"bundle": ".staithe/lab/bundle"}

# pyinfra reads this file for every inventory beside it, with or without a lab.
try:
    _lab = running()
except LabError:
    _lab = None

if _lab:
    # Signed with the lab's own key: staithe lab status --json names it.
    trust = {"allowed_signers": str(_lab.allowed_signers)}

_registry = _lab.registry if _lab else None

if _registry:
    daemon = {"registry-mirrors": [_registry.url]}
    smoke = {"pull_image": _registry.images[0]}
