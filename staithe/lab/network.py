"""The lab's network: one bridge, no route out.

Hosts reach each other, and on the machine only the bridge's own address at SERVED_PORTS (a registry, what a test
serves). Everything else is dropped, also when a host gives itself a route.
"""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Iterable

from staithe.errors import LabError
from staithe.lab import places
from staithe.lab.command import run

SERVED_PORTS = (5000, 5099)
# Not Docker's own pools (172.17/12, 192.168/16). 198.18/15 is for measurements, so nobody routes it.
_POOLS = ("10.77.0.0/16", "198.18.0.0/16")

Network = ipaddress.IPv4Network


def free_subnet(taken: Iterable[Network]) -> Network:
    """Return the first /24 of the pools that overlaps none of `taken`."""
    used = list(taken)
    for pool in _POOLS:
        for subnet in Network(pool).subnets(new_prefix=24):
            if not any(subnet.overlaps(other) for other in used):
                return subnet
    raise LabError("no free subnet for the lab", expected=f"a /24 in {' or '.join(_POOLS)}", hint="ip route")


def taken_subnets() -> list[Network]:
    """Return every network that this machine has an address in or a route to, save the default route."""
    found = []
    for link in json.loads(run(["ip", "-json", "-4", "address"])):
        for address in link.get("addr_info", []):
            found.append(Network(f"{address['local']}/{address['prefixlen']}", strict=False))
    for route in json.loads(run(["ip", "-json", "-4", "route", "show", "table", "all"]) or "[]"):
        destination = route.get("dst", "default")
        if destination != "default" and route.get("type") not in ("broadcast", "multicast"):
            found.append(Network(destination, strict=False))
    return found


def subnet_of(lab: str) -> Network | None:
    """Return the subnet of a lab's bridge, None when there is no bridge."""
    for link in json.loads(run(["ip", "-json", "-4", "address"])):
        if link.get("ifname") == places.bridge_name(lab):
            for address in link.get("addr_info", []):
                return Network(f"{address['local']}/{address['prefixlen']}", strict=False)
    return None


def ensure(lab: str) -> Network:
    """Make the bridge and its rules unless they are there; the caller holds the machine's lock."""
    bridge = places.bridge_name(lab)
    subnet = subnet_of(lab)
    if subnet is None:
        if bridge in links():  # made, but ended before it had an address
            run(["ip", "link", "delete", bridge])
        subnet = free_subnet(taken_subnets())
        # The rules first: at no moment is there a bridge without them.
        run(["nft", "-f", "-"], stdin=rules(lab, subnet))
        gateway = f"{gateway_of(subnet)}/{subnet.prefixlen}"
        steps = (
            f"link add {bridge} type bridge\naddress add {gateway} broadcast + dev {bridge}\nlink set {bridge} up\n"
        )
        run(["ip", "-batch", "-"], stdin=steps)
    else:
        run(["nft", "-f", "-"], stdin=rules(lab, subnet))
    return subnet


def gateway_of(subnet: Network) -> str:
    """Return the bridge's own address."""
    return str(subnet[1])


def address_of(subnet: Network, number: int) -> str:
    """Return the address of host hN."""
    return str(subnet[number + 1])


def mac_of(address: str) -> str:
    """Return a MAC made from the address: a host that is reset keeps it, so nobody's ARP entry goes stale."""
    return "02:77:" + ":".join(f"{int(part):02x}" for part in address.split("."))


def rules(lab: str, subnet: Network) -> str:
    """Return the nft commands that replace the lab's table."""
    bridge = places.bridge_name(lab)
    first, last = SERVED_PORTS
    return f"""table inet {bridge}
delete table inet {bridge}
table inet {bridge} {{
  chain forward {{
    type filter hook forward priority -10; policy accept;
    iifname "{bridge}" oifname != "{bridge}" drop
    oifname "{bridge}" iifname != "{bridge}" drop
  }}
  chain input {{
    type filter hook input priority -10; policy accept;
    iifname != "{bridge}" accept
    ct state established,related accept
    ip daddr {gateway_of(subnet)} icmp type echo-request accept
    ip daddr {gateway_of(subnet)} tcp dport {first}-{last} accept
    drop
  }}
}}
"""


def cut(lab: str, addresses: Iterable[str]) -> None:
    """Drop every packet between this machine and these hosts, in both directions, until `mend`."""
    bridge = places.bridge_name(lab)
    # Before the other rules: connections that stand already go silent too.
    chains = [
        f"add chain inet {bridge} cut_{hook} {{ type filter hook {hook} priority -20; policy accept; }}"
        for hook in ("input", "output")
    ]
    drops = [
        f"add rule inet {bridge} cut_{hook} ip {side} {address} drop"
        for address in addresses
        for hook, side in (("input", "saddr"), ("output", "daddr"))
    ]
    run(["nft", "-f", "-"], stdin="\n".join([*chains, *drops]) + "\n")


def mend(lab: str) -> None:
    """Let the packets of all hosts through again."""
    subnet = subnet_of(lab)
    if subnet is not None:
        run(["nft", "-f", "-"], stdin=rules(lab, subnet))


def links() -> list[str]:
    """Return the names of all links of labs on this machine: bridges, and the machine's ends of hosts' links."""
    names = [str(link["ifname"]) for link in json.loads(run(["ip", "-json", "link"]))]
    return [name for name in names if name.startswith(places.PREFIX)]


def tables() -> list[str]:
    """Return the names of all nft tables of labs on this machine."""
    listing = json.loads(run(["nft", "-j", "list", "tables"]) or "{}").get("nftables", [])
    names = [str(item["table"]["name"]) for item in listing if "table" in item]
    return [name for name in names if name.startswith(places.PREFIX)]


def remove(lab: str) -> None:
    """Remove the lab's links, bridge and nft table."""
    bridge = places.bridge_name(lab)
    mine = [name for name in links() if name == bridge or name.startswith(f"{bridge}h")]
    for name in sorted(mine, reverse=True):  # a host's end first, then the bridge
        run(["ip", "link", "delete", name], check=False)  # its other end may have gone, and it with it
    if bridge in tables():
        run(["nft", "delete", "table", "inet", bridge])
