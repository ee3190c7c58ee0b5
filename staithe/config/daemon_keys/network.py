"""daemon.json: networks, addresses, packet filter."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from staithe.config.daemon_keys.dashed import Dashed, key
from staithe.config.section import Section
from staithe.config.values import (
    Cidr,
    CidrV4,
    CidrV6,
    Domain,
    Interface,
    InterfaceV4,
    InterfaceV6,
    Ip,
    IpV4,
    IpV6,
    Name,
    text,
)

Fwmark = Annotated[str, text('a mark such as "1" or "0x1/0x1"', r"(0x)?[0-9a-fA-F]+(/(0x)?[0-9a-fA-F]+)?")]
HostGateway = Annotated[str, text("IP addresses with a comma between them", r"[0-9a-fA-F.:]+(,[0-9a-fA-F.:]+)?")]


class AddressPool(Section):
    """A range that networks are cut from."""

    base: Cidr = Field(description="The range.", examples=["172.30.0.0/16"])
    size: int = Field(ge=1, le=128, description="Prefix length of each network cut from it.", examples=[24])


class NetworkKeys(Dashed):
    """Networks of containers."""

    bridge: Interface | None = key("A bridge of yours instead of docker0; none for no default network.")
    bip: InterfaceV4 | None = key("Address and network of docker0.", examples=["172.26.0.1/16"])
    bip6: InterfaceV6 | None = key("IPv6 address and network of docker0.", examples=["fd00:26::1/64"])
    fixed_cidr: CidrV4 | None = key("Part of docker0's network that containers get addresses from.")
    fixed_cidr_v6: CidrV6 | None = key("The same for IPv6.")
    default_gateway: IpV4 | None = key("Gateway of containers on docker0.")
    default_gateway_v6: IpV6 | None = key("The same for IPv6.")
    default_address_pools: tuple[AddressPool, ...] | None = key(
        "Ranges that new networks are cut from.", examples=[[{"base": "172.30.0.0/16", "size": 24}]]
    )
    default_network_opts: dict[Name, dict[Name, str]] | None = key(
        "Options that new networks have, by driver.",
        examples=[{"bridge": {"com.docker.network.driver.mtu": "1450"}}],
    )
    dns: tuple[Ip, ...] | None = key("Name servers of containers.", examples=[["10.0.0.53"]])
    dns_opts: (
        tuple[Annotated[str, text("a resolver option such as ndots:2", r"[a-z0-9-]+(:[0-9]+)?")], ...] | None
    ) = key("Resolver options of containers.", examples=[["ndots:2"]])
    dns_search: tuple[Domain, ...] | None = key("Search domains of containers.", examples=[["example.com"]])
    ip: Ip | None = key("Address that published ports are bound to when none is named (the engine's own: 0.0.0.0).")
    mtu: int | None = key("MTU of docker0 (the engine's own: 1500).", ge=0, le=65535)
    ipv6: bool | None = key("IPv6 on docker0.")
    icc: bool | None = key("False: containers on docker0 do not reach each other.")
    iptables: bool | None = key("False: the engine makes no IPv4 packet filter rules.")
    ip6tables: bool | None = key("False: the engine makes no IPv6 packet filter rules.")
    ip_forward: bool | None = key("False: the engine does not switch forwarding on itself.")
    ip_forward_no_drop: bool | None = key("Leave the FORWARD policy as it is when the engine switches forwarding on.")
    ip_masq: bool | None = key("False: no masquerading of what leaves docker0.")
    userland_proxy: bool | None = key("False: published ports on loopback go through the packet filter alone.")
    userland_proxy_path: str | None = key("Path of docker-proxy.")
    allow_direct_routing: bool | None = key("Let routed packets reach container ports that are not published.")
    firewall_backend: Literal["iptables", "nftables"] | None = key(
        "Who makes the packet filter rules (29.0 and later; nftables needs net.ipv4.ip_forward=1)."
    )
    bridge_accept_fwmark: Fwmark | None = key("Packets with this mark may enter bridge networks.")
    host_gateway_ip: HostGateway | None = key("Old name of host-gateway-ips.")
    host_gateway_ips: tuple[Ip, ...] | None = key("Addresses that host-gateway stands for.")
    network_control_plane_mtu: int | None = key("MTU of swarm's control plane.", ge=500, le=65535)
    network_diagnostic_port: int | None = key("Port of the network diagnostic server; 0 is off.", ge=0, le=65535)
