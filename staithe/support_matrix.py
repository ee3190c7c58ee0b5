"""Which EL releases and engine versions staithe stands for, with the origin of each entry."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Release:
    """One Enterprise Linux major."""

    major: int
    # Lowest kernel series that the release ever shipped.
    kernel: str
    origin: str


# CentOS, RHEL and their clones share majors and kernels.
RELEASES = {
    7: Release(7, "3.10", "RHEL 7 release notes"),
    8: Release(8, "4.18", "RHEL 8 release notes"),
    9: Release(9, "5.14", "RHEL 9 release notes"),
    10: Release(10, "6.12", "RHEL 10 release notes"),
}
# os-release ID or ID_LIKE of Enterprise Linux: CentOS, RHEL, Rocky, Alma, Oracle, EuroLinux, ...
EL_FAMILY = frozenset({"rhel", "centos", "rocky", "almalinux", "ol", "oracle"})

# docs.docker.com, engine/install/binaries: prerequisites.
OLDEST_KERNEL = (3, 10)
# docs.docker.com, config/containers/runmetrics: cgroup v2.
OLDEST_KERNEL_CGROUP_V2 = (4, 15)
OLDEST_ENGINE_CGROUP_V2 = (20, 10)
ARCHITECTURES = frozenset({"x86_64", "aarch64"})


def version_tuple(text: str) -> tuple[int, ...]:
    """Return the leading numbers of a version: "5.14.0-503.el9" -> (5, 14, 0)."""
    numbers: list[int] = []
    for part in text.replace("-", ".").split("."):
        if not part.isdigit():
            break
        numbers.append(int(part))
    return tuple(numbers)
