"""Take the host's lock away from a run that does not let go; change nothing else."""

from operations import lock

lock.release(name="End what holds the lock")
