"""An inventory to copy: `staithe init` writes one with your hosts. Plain pyinfra understands it too.

A list is a group. A host is a name, or (name, {its own data}). What holds for all hosts stands in
group_data/all.py beside this file, what holds for the group `web` would stand in group_data/web.py.
"""

web = [
    "web1.example.com",
    # Reached by its address, as root (so without sudo), on another port.
    ("web2.example.com", {"ssh_hostname": "192.0.2.12", "ssh_port": 2222, "ssh_user": "root", "_sudo": False}),
]

build = [
    # Sections of the configuration are merged key by key: only data-root differs here.
    ("build1.example.com", {"ssh_user": "deploy", "daemon": {"data-root": "/data/docker"}}),
]
