"""The programs of a static engine archive."""

from __future__ import annotations

# Every archive since 18.09 has these (moby, docker-ce-packaging static/Makefile); containerd-shim came and went.
PROGRAMS = (
    "dockerd",
    "docker",
    "containerd",
    "containerd-shim-runc-v2",
    "ctr",
    "runc",
    "docker-init",
    "docker-proxy",
)
