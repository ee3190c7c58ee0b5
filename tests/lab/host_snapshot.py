"""What a host is, asked of the host itself with one script, and a readable difference of two such looks.

Nothing of staithe is in it. Each line is one fact, below the heading of its section; a section whose program is not
there (docker, before there is an engine) is empty.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from tests.lab.conftest import Host

_PROGRAMS = "dockerd docker docker-proxy docker-init containerd containerd-shim-runc-v2 ctr runc docker-compose"
_LOOK = rf"""
section() {{ echo "== $1"; }}
digests() {{ find "$@" -xdev \( -type f -o -type l \) -printf '%p %m %U:%G %l\n' 2>/dev/null | sort |
    while read -r path rest; do
        if [ -f "$path" ]; then echo "$path $rest $(sha256sum < "$path" | cut -c1-64)"; else echo "$path $rest"; fi
    done; }}
section packages; rpm -qa --qf '%{{NAME}}-%{{EPOCH}}:%{{VERSION}}-%{{RELEASE}}.%{{ARCH}}\n' | sort
section verify; rpm -Va 2>&1 | sort
section keys; rpm -qa gpg-pubkey* | sort
section programs
for name in {_PROGRAMS}; do digests /usr/bin/$name /usr/local/bin/$name; done
digests /usr/libexec/docker
section units
digests /etc/systemd/system /usr/lib/systemd/system/docker.service /usr/lib/systemd/system/docker.socket \
    /usr/lib/systemd/system/containerd.service
for unit in docker.service docker.socket containerd.service; do
    echo "$unit $(systemctl is-enabled $unit 2>/dev/null || :) $(systemctl is-active $unit 2>/dev/null || :)"
done
section configuration; digests /etc/docker /etc/containerd /etc/sysctl.d /etc/modules-load.d
section repositories; digests /etc/yum.repos.d /etc/pki/rpm-gpg /etc/dnf/dnf.conf /etc/dnf/plugins
section kernel
sysctl -a 2>/dev/null | grep -E '^net\.(ipv4\.ip_forward|bridge\.bridge-nf-call-ip6?tables) ' | sort
section group; getent group docker
# A look wakes no engine that sleeps, and waits for none that hangs.
ask() {{ if systemctl -q is-active docker.service; then timeout 10 docker "$@" 2>/dev/null; fi; }}
section containers
for container in $(ask ps -aq --no-trunc | sort); do
    ask inspect -f '{{{{.Name}}}} {{{{.Id}}}} {{{{.State.Status}}}} {{{{.State.Pid}}}} {{{{.State.StartedAt}}}}' \
        $container
done
section images; ask image ls -a --no-trunc --format '{{{{.Repository}}}}:{{{{.Tag}}}} {{{{.ID}}}}' | sort
section volumes
for volume in /var/lib/docker/volumes/*/_data; do
    [ ! -d "$volume" ] || (cd "$volume" && echo "$volume $(find . -type f -exec sha256sum {{}} + | sort | sha256sum)")
done
"""


@dataclass(frozen=True)
class Snapshot:
    """The facts of a host at one moment, by section."""

    host: str
    sections: dict[str, list[str]]

    def __getitem__(self, section: str) -> list[str]:
        return self.sections[section]

    def difference(self, later: Snapshot, *, ignoring: Collection[str] = ()) -> str:
        """Return what went (-) and what came (+) since, with headings; empty when all is the same."""
        parts = []
        for name in self.sections:
            gone = _only_in(self.sections[name], later.sections[name])
            come = _only_in(later.sections[name], self.sections[name])
            if (gone or come) and name not in ignoring:
                parts += [f"{self.host} {name}:", *(f"  - {one}" for one in gone), *(f"  + {one}" for one in come)]
        return "\n".join(parts)


def _only_in(lines: Iterable[str], others: Iterable[str]) -> list[str]:
    known = set(others)
    return [line for line in lines if line not in known]


def snapshot(host: Host) -> Snapshot:
    """Take a look at a host."""
    sections: dict[str, list[str]] = {}
    for line in host.sh(f"set +e\n{_LOOK}\n:").splitlines():
        if line.startswith("== "):
            sections[line[3:]] = []
        else:
            next(reversed(sections.values())).append(line.rstrip())
    return Snapshot(host.name, sections)


def engine_packages(host: Host) -> list[str]:
    """Return the names of Docker's packages with version and release, as rpm has them, in order."""
    names = "docker-ce docker-ce-cli containerd.io docker-buildx-plugin docker-compose-plugin"
    return host.sh(f"rpm -q {names} | grep -v 'not installed' | sort || :").splitlines()


def verified(host: Host) -> str:
    """Return what rpm finds wrong with Docker's packages; empty when they are whole."""
    return host.sh("rpm -qa 'docker*' containerd.io | xargs -r rpm -V || :")
