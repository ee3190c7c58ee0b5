"""The hosts of the running lab (`staithe lab up 3`)."""

from staithe.lab.state import running

_lab = running()

hosts = [
    (
        host.name,
        {
            "ssh_hostname": host.ip,
            "ssh_user": _lab.user,
            "ssh_key": str(_lab.key),
            "ssh_known_hosts_file": str(_lab.known_hosts),
            "ssh_strict_host_key_checking": "yes",
        },
    )
    for host in _lab.hosts.values()
]
