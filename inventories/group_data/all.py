"""What holds for all hosts. Made by staithe from its own defaults: every key is here, most of them as comments.

A file group_data/GROUP.py beside this one says what differs for a group, and only that: sections are merged
key by key. `staithe config docs` is the reference, `staithe config check INVENTORY` looks for mistakes.
"""

from staithe.ssh import fast_transport

# How pyinfra reaches the hosts. An unknown host key is refused; ssh-keyscan HOST >> ~/.ssh/known_hosts adds one.
ssh_strict_host_key_checking = "yes"
# Small commands answer about 40 ms sooner, and big files travel faster.
ssh_paramiko_connect_kwargs = {"transport_factory": fast_transport}
# Everything runs as root. For hosts that you reach as root, write False.
_sudo = True

# Version of this format.
# schema_version = 1

# The container engine: its source and version.
engine = {
    # Where the engine comes from: static-bundle, the static archive in a bundle; rpm-bundle, the
    # packages in a bundle; repository, a package repository that the host reaches. (one of
    # "static-bundle", "rpm-bundle", "repository")
    # "source": "static-bundle",
    # Folder or .tar of the bundle (`staithe bundle build`). A relative path starts at the folder
    # that staithe is called in. With the source repository it is for images only, and may be left
    # out.
    "bundle": "./bundle",
    # Exact engine version. None: the only one in the bundle; with the source repository what is
    # installed, or the newest where nothing is.
    # "version": "28.5.2",
    # The package repository, for the source repository.
    # "repository": {
    #     "mirror": "official",
    #     "channel": "stable",
    #     "fingerprints": ["060A61C51B558A7F742B77AAC52FEB6B621E9F35"],
    #     "pins": {},
    #     "plugins": ["buildx", "compose"],
    # },
    # Packages of the engine are held: `dnf update` leaves them alone. False releases them.
    # "hold": True,
    # Consent: an engine that staithe did not put there is replaced by the one that is described.
    # Containers, images, volumes and the keys of daemon.json that are not described stay.
    # "take_over": False,
    # Consent: packages in the engine's way that may be removed, with what needs them. Their data
    # (/var/lib/containers) is never touched.
    # "replace": ["runc"],
    # Packages beside the engine's own that its installation may bring to another version. When it
    # would change any other package that is installed, the host is refused with the list.
    # "may_upgrade": ["container-selinux"],
    # Consent: the bundle's engine packages are installed by `rpm --force --nodeps`, alone, whatever
    # they need or replace. Each run warns of it. Only with the source rpm-bundle.
    # "force": False,
}

# Whose bundles are applied.
trust = {
    # File of those who may sign bundles, in OpenSSH's form (man ssh-keygen, ALLOWED SIGNERS): lines
    # of NAME namespaces="bundle@staithe" KEY. A relative path starts at the folder that staithe is
    # called in.
    "allowed_signers": "./allowed_signers",
    # Names that must all have signed. Empty: any one of the allowed signers is enough.
    # "required_signers": ["build@example.com", "release@example.com"],
    # File of keys that are no longer trusted: public keys one per line, or a KRL.
    # "revoked_keys": "./revoked_keys",
    # Apply bundles that nobody has signed. A signature that is there must still be good.
    # "allow_unsigned": False,
    # Apply a bundle whose lock is older than one that was applied; --allow-older for one run.
    # "allow_older": False,
}

# How blobs come to the host.
transfer = {
    # Host of the inventory that gets each blob once, over SSH, and serves it to the others for the
    # time of the run. It need not be among the hosts that the run changes.
    # "relay": "web1",
    # For the relay itself: the address of it that the others use. None: the one by which staithe
    # reaches it; needed when that is behind a jump host.
    # "relay_address": "10.0.0.11",
    # For the relay itself: the TCP port that it listens on. None: the first free one of 18500 to
    # 18515. With a port of your own only one run at a time has this relay.
    # "relay_port": 18500,
    # For the relay itself: it ends after so long, whatever became of the run. A run that ends, is
    # killed, or loses its connection takes it away at once, or within a minute.
    # "relay_time_limit_s": 14400,
    # Where `staithe bundle push` put the bundle: the host pulls its blobs from there. What they are
    # is still said by the bundle here. Such as registry.example.com/site/bundle:1.
    # (REGISTRY/NAME:TAG)
    # "registry": None,
    # Certificate, on this machine, of the authority that the registry's is from (PEM). None: those
    # that this machine, and the host, trust.
    # "registry_ca": "./site-ca.pem",
    # Without TLS. The login, if there is one, can then be read on the line; blobs are still
    # checked.
    # "registry_plain_http": False,
    # Who logs in to the registry. (text without a colon)
    # "registry_user": None,
    # The password; the host gets it, or a token in its place, for the time of a pull and in no
    # file. Name it instead of writing it: from_env, from_file or from_prompt. (text)
    # "registry_password": None,
    # HTTP proxy on the way to the registry. None: none, whatever the environment says.
    # "proxy": "http://proxy.example.com:3128",
}

# Kernel modules and sysctl values.
kernel = {
    # Loaded now and at every boot (/etc/modules-load.d/staithe.conf). A list replaces this one.
    # "modules": ["overlay", "br_netfilter"],
    # Set now and at every boot (/etc/sysctl.d/99-staithe.conf). What you write is added key by key;
    # None takes one of these keys away.
    # "sysctl": {
    #     "net.ipv4.ip_forward": "1",
    #     "net.bridge.bridge-nf-call-iptables": "1",
    #     "net.bridge.bridge-nf-call-ip6tables": "1",
    # },
}

# The engine's own configuration, daemon.json.
daemon = {
    # Mirrors of docker.io, asked in this order before docker.io itself. Scheme, host and port only.
    # "registry-mirrors": ["https://mirror.example.com"],
    # Registries that may speak http or show a certificate nobody signed: HOST[:PORT] or a network.
    # "insecure-registries": ["registry.example.com:5000", "10.0.0.0/8"],
    # Layers pulled at the same time (the engine's own: 3). (a whole number, 1 or more)
    # "max-concurrent-downloads": None,
    # Layers pushed at the same time (the engine's own: 5). (a whole number, 1 or more)
    # "max-concurrent-uploads": None,
    # Attempts for each layer (the engine's own: 5). (a whole number, 1 or more)
    # "max-download-attempts": None,
    # Proxies of the engine itself. (a dictionary)
    # "proxies": None,
    # Folder of images, volumes and containers (the engine's own: /var/lib/docker). Changing it
    # moves nothing: the engine starts empty there.
    # "data-root": "/data/docker",
    # Folder of run-time files (the engine's own: /var/run/docker). (an absolute path)
    # "exec-root": None,
    # How layers are stacked (the engine's own choice is right almost everywhere). (one of overlay2,
    # overlayfs, fuse-overlayfs, btrfs, zfs, vfs, native, stargz)
    # "storage-driver": "overlay2",
    # Options of the storage driver.
    # "storage-opts": ["overlay2.size=20G"],
    # The builder: garbage collection of its cache, entitlements. (a dictionary)
    # "builder": None,
    # Where the output of containers goes (the engine's own: json-file). (a log driver such as
    # json-file, local or journald)
    # "log-driver": None,
    # Options of the log driver. The engine takes text; a number that you write here becomes text.
    # "log-opts": {"max-size": "300m", "max-file": "2"},
    # Limits of processes.
    # "default-ulimits": {"nofile": {"Name": "nofile", "Hard": 64000, "Soft": 64000}},
    # Size of /dev/shm (the engine's own: 64M).
    # "default-shm-size": "64M",
    # IPC namespace. (one of "private", "shareable")
    # "default-ipc-mode": None,
    # Cgroup namespace. (one of "private", "host")
    # "default-cgroupns-mode": None,
    # Seconds between SIGTERM and SIGKILL (the engine's own: 10). (a whole number, -1 or more)
    # "default-stop-timeout": None,
    # OCI runtime (the engine's own: runc). (a name of letters, digits and . _ - that starts with no
    # dash)
    # "default-runtime": None,
    # Further OCI runtimes.
    # "runtimes": {"crun": {"path": "/usr/bin/crun"}},
    # Run docker-init as process 1 of every container. (True or False)
    # "init": None,
    # Path of docker-init. (an absolute path)
    # "init-path": None,
    # Name or path of the init program. (text)
    # "default-init": None,
    # Cgroup above all containers; ends in .slice with the systemd driver. (a cgroup such as
    # docker.slice or /docker)
    # "cgroup-parent": None,
    # Real-time period in microseconds (cgroup v1). (a whole number, 0 or more)
    # "cpu-rt-period": None,
    # Real-time runtime in microseconds (cgroup v1). (a whole number, 0 or more)
    # "cpu-rt-runtime": None,
    # The cgroup driver. Set it only where a kubelet asks for it.
    # "exec-opts": ["native.cgroupdriver=systemd"],
    # No process in a container gains privileges (setuid). (True or False)
    # "no-new-privileges": None,
    # The seccomp profile. ("builtin", "unconfined" or an absolute path)
    # "seccomp-profile": None,
    # SELinux labels for containers. (True or False)
    # "selinux-enabled": None,
    # Root in a container is another user on the host. The engine starts empty. ("default", USER, or
    # USER:GROUP)
    # "userns-remap": None,
    # Folders of CDI device specifications. (a list, each an absolute path)
    # "cdi-spec-dirs": None,
    # Resources told to swarm.
    # "node-generic-resources": ["NVIDIA-GPU=UUID1"],
    # A bridge of yours instead of docker0; none for no default network. (the name of a network
    # interface (15 characters at most))
    # "bridge": None,
    # Address and network of docker0.
    # "bip": "172.26.0.1/16",
    # IPv6 address and network of docker0.
    # "bip6": "fd00:26::1/64",
    # Part of docker0's network that containers get addresses from. (an IPv4 network such as
    # 172.26.5.0/24)
    # "fixed-cidr": None,
    # The same for IPv6. (an IPv6 network such as fd00:26::/64)
    # "fixed-cidr-v6": None,
    # Gateway of containers on docker0. (an IPv4 address)
    # "default-gateway": None,
    # The same for IPv6. (an IPv6 address)
    # "default-gateway-v6": None,
    # Ranges that new networks are cut from.
    # "default-address-pools": [{"base": "172.30.0.0/16", "size": 24}],
    # Options that new networks have, by driver.
    # "default-network-opts": {"bridge": {"com.docker.network.driver.mtu": "1450"}},
    # Name servers of containers.
    # "dns": ["10.0.0.53"],
    # Resolver options of containers.
    # "dns-opts": ["ndots:2"],
    # Search domains of containers.
    # "dns-search": ["example.com"],
    # Address that published ports are bound to when none is named (the engine's own: 0.0.0.0). (an
    # IP address)
    # "ip": None,
    # MTU of docker0 (the engine's own: 1500). (a whole number from 0 to 65535)
    # "mtu": None,
    # IPv6 on docker0. (True or False)
    # "ipv6": None,
    # False: containers on docker0 do not reach each other. (True or False)
    # "icc": None,
    # False: the engine makes no IPv4 packet filter rules. (True or False)
    # "iptables": None,
    # False: the engine makes no IPv6 packet filter rules. (True or False)
    # "ip6tables": None,
    # False: the engine does not switch forwarding on itself. (True or False)
    # "ip-forward": None,
    # Leave the FORWARD policy as it is when the engine switches forwarding on. (True or False)
    # "ip-forward-no-drop": None,
    # False: no masquerading of what leaves docker0. (True or False)
    # "ip-masq": None,
    # False: published ports on loopback go through the packet filter alone. (True or False)
    # "userland-proxy": None,
    # Path of docker-proxy. (text)
    # "userland-proxy-path": None,
    # Let routed packets reach container ports that are not published. (True or False)
    # "allow-direct-routing": None,
    # Who makes the packet filter rules (29.0 and later; nftables needs net.ipv4.ip_forward=1). (one
    # of "iptables", "nftables")
    # "firewall-backend": None,
    # Packets with this mark may enter bridge networks. (a mark such as "1" or "0x1/0x1")
    # "bridge-accept-fwmark": None,
    # Old name of host-gateway-ips. (IP addresses with a comma between them)
    # "host-gateway-ip": None,
    # Addresses that host-gateway stands for. (a list, each an IP address)
    # "host-gateway-ips": None,
    # MTU of swarm's control plane. (a whole number from 500 to 65535)
    # "network-control-plane-mtu": None,
    # Port of the network diagnostic server; 0 is off. (a whole number from 0 to 65535)
    # "network-diagnostic-port": None,
    # Log much more. (True or False)
    # "debug": None,
    # The engine's own log (its default: info). (one of "debug", "info", "warn", "error", "fatal")
    # "log-level": None,
    # Format of the engine's own log. (one of "text", "json")
    # "log-format": None,
    # No colour and no timestamps in the engine's own log. (True or False)
    # "raw-logs": None,
    # Containers go on running while the engine is stopped. Not with swarm. (True or False)
    # "live-restore": None,
    # Seconds that containers have at the engine's stop (its default: 15). (a whole number, -1 or
    # more)
    # "shutdown-timeout": None,
    # Experimental features. (True or False)
    # "experimental": None,
    # Features by name.
    # "features": {"containerd-snapshotter": True},
    # Labels of this engine.
    # "labels": ["site=berlin"],
    # Where Prometheus metrics are served.
    # "metrics-addr": "127.0.0.1:9323",
    # Plugins that decide on API requests, in this order. (a list, each a name such as
    # vendor/plugin:latest)
    # "authorization-plugins": None,
    # Oldest API version that clients may speak.
    # "min-api-version": "1.24",
    # TLS on the TCP socket of the API. (True or False)
    # "tls": None,
    # TLS, and clients must show a certificate. (True or False)
    # "tlsverify": None,
    # CA that client certificates are checked against. (an absolute path)
    # "tlscacert": None,
    # The engine's certificate. (an absolute path)
    # "tlscert": None,
    # The engine's key. (an absolute path)
    # "tlskey": None,
    # Group of the socket that the engine makes itself; docker.socket has its own. (a name of
    # letters, digits and . _ - that starts with no dash)
    # "group": None,
    # File with the process id. (an absolute path)
    # "pidfile": None,
    # File used instead of /etc/resolv.conf. (an absolute path)
    # "resolv-conf": None,
    # containerd namespace of containers (its default: moby). (a name of letters, digits and . _ -
    # that starts with no dash)
    # "containerd-namespace": None,
    # containerd namespace of plugins (its default: plugins.moby). (a name of letters, digits and .
    # _ - that starts with no dash)
    # "containerd-plugin-namespace": None,
    # Start containerd with its CRI plugin. (True or False)
    # "cri-containerd": None,
    # The engine runs without root. staithe's units run it as root. (True or False)
    # "rootless": None,
    # The Node Resource Interface. (a dictionary)
    # "nri-opts": None,
    # Address or interface that swarm tells others. (an address or the name of an interface)
    # "swarm-default-advertise-addr": None,
    # Ticks without a leader before an election. (a whole number, 0 or more)
    # "swarm-raft-election-tick": None,
    # Ticks between heartbeats. (a whole number, 0 or more)
    # "swarm-raft-heartbeat-tick": None,
}

# How the engine's units run.
service = {
    # Start the engine at boot.
    # "enabled": True,
    # How long the engine may take to answer after a start or restart, in seconds.
    # "health_timeout_s": 90,
    # How long another engine in the place of one that ran must stay up or make way for it, in
    # seconds; 0: it only has to answer.
    # "watch_s": 12,
}

# Who may use the engine without sudo.
users = {
    # Users that are made members of the docker group. Other members are left as they are.
    # "docker_group": ["deploy"],
}

# Which images of the bundle are loaded.
images = {
    # "all" images of the bundle that fit the host's architecture, or a list of their references.
    # "load": "all",
    # Whether the blobs of this and the former generation's images stay in /var/lib/staithe/blobs.
    # They take as much room as the images' archives, and spare sending them again (a deleted image,
    # a new data-root, the way back).
    # "keep_blobs": True,
}

# The smoke containers that prove the engine.
smoke = {
    # Run the smoke containers at the end of apply.
    # "enabled": True,
    # Image of the smoke containers; has sh, sleep, cat, httpd as busybox has them.
    # "image": "staithe/smoke:1",
    # A docker.io image to pull through daemon.registry-mirrors. None: that check is skipped.
    # "pull_image": "library/mirrored:1",
    # Host port used by the published-port check, free on the hosts.
    # "published_port": 18888,
    # Limit of each single check, in seconds.
    # "timeout_s": 60,
}
