"""Prove the engine by running containers, whatever state the host is in; change nothing."""

from operations import smoke

smoke.prove(always=True, name="Prove it by running containers")
