"""Neighbour discovery: the hardware addresses of IPv6 neighbours, asked for and told (RFC 4861 §7).

Solicitations and advertisements of neighbours, for hosts and routers; the table they fill, and how long an
answer counts, is in link/neighbours.py. Every message is checked as §6.1, §7.1 and §8.1 demand.

Left out on purpose, and counted when it arrives: router discovery, redirects, autoconfiguration and
detection of duplicates (RFC 4862), anycast and proxies.
"""

from __future__ import annotations

from typing import Final, final

from trunkline.base.addresses import (
    ALL_NODES6,
    ANY6,
    MAC_NONE,
    is_link_local,
    masked,
    solicited_node,
)
from trunkline.link.layer import LinkLayer
from trunkline.link.neighbours import Neighbour, Solicitor
from trunkline.link.nic import Nic
from trunkline.wire.ethernet import Ethernet
from trunkline.wire.header import ETHERTYPE_IPV6, ICMPV6, IpHeader
from trunkline.wire.icmp import Icmp
from trunkline.wire.icmpv6 import (
    NEIGHBOUR_ADVERTISEMENT,
    NEIGHBOUR_SOLICITATION,
    REDIRECT,
    ROUTER_ADVERTISEMENT,
    ROUTER_SOLICITATION,
)
from trunkline.wire.ipv6 import IPv6
from trunkline.wire.ndp import (
    NdpMessage,
    neighbour_advertisement,
    neighbour_solicitation,
    parse_ndp,
)
from trunkline.wire.packet import Packet

FRAGMENT: Final = 44  # the extension header's type
HOP_LIMIT: Final = 255  # none but a neighbour can send it so that it arrives so

BAD_HOP_LIMIT: Final = "ndp: hop limit is not 255"
MALFORMED: Final = "ndp: malformed"
FRAGMENTED: Final = "ndp: fragmented"
NO_NEIGHBOURS: Final = "ndp: on a link without neighbours"
BAD_PROBE: Final = "ndp: solicitation from nobody is no probe"
BAD_MAC: Final = "ndp: hardware address is a group's, an own one or none"
OWN_SOURCE: Final = "ndp: solicitation from an own address"
OTHER_TARGET: Final = "ndp: solicitation for somebody else"
BAD_SOLICITED: Final = "ndp: solicited flag on a multicast"
CONFLICT: Final = "ndp: somebody else advertises an own address"
NOT_ASKED: Final = "ndp: advertisement of nobody we know"
NOT_BELIEVED: Final = "ndp: advertisement not believed"
NO_LONGER_ROUTER: Final = "ndp: neighbour is a router no longer"
NO_SOURCE: Final = "ndp: no address to ask from"
SOLICITATIONS_IN: Final = "ndp: solicitations received"
SOLICITATIONS_OUT: Final = "ndp: solicitations sent"
ADVERTISEMENTS_IN: Final = "ndp: advertisements received"
ADVERTISEMENTS_OUT: Final = "ndp: advertisements sent"
LEFT_OUT: Final = {
    ROUTER_SOLICITATION: "ndp: router solicitation not used",
    ROUTER_ADVERTISEMENT: "ndp: router advertisement not used",
    REDIRECT: "ndp: redirect not used",
}


@final
class NdpSolicitor(Solicitor):
    """Asks for IPv6 neighbours."""

    __slots__ = ("link",)

    def __init__(self, link: LinkLayer) -> None:
        self.link = link

    def solicit(self, nic: Nic, neighbour: Neighbour, unicast: bool, now: int) -> None:
        """Send a Neighbour Solicitation: to the solicited-node group, or to the neighbour as known."""
        src = _source(nic, neighbour)
        if not src:
            self.link.counters.count(NO_SOURCE)
            return
        # RFC 4861 §7.2.2 NDP-026: who is asked by multicast must know where to answer
        target = neighbour.address
        icmp, payload = neighbour_solicitation(target, nic.mac)
        dst = target if unicast else solicited_node(target)
        self.link.counters.count(SOLICITATIONS_OUT)
        packet = Packet(IPv6(src, dst, ICMPV6, HOP_LIMIT), icmp, payload)
        self.link.send(nic, packet, dst, now)


@final
class Ndp:
    """The neighbour discovery of a host, or of a router: then `router` is true and it says so."""

    __slots__ = ("link", "router")

    def __init__(self, link: LinkLayer) -> None:
        self.link = link
        self.router = False
        link.solicitor6 = NdpSolicitor(link)

    def receive(self, nic: Nic, packet: Packet, now: int) -> None:
        """An ICMPv6 message of types 133 to 137 arrived for us; it ends here."""
        ip = packet.ip
        icmp = packet.upper
        # RFC 4861 §6.1.1 NDP-001: it was sent on this link
        if ip is None or ip.hop_limit != HOP_LIMIT:
            self.link.drop(packet, BAD_HOP_LIMIT, now)
            return
        # RFC 4861 §6.1.1 NDP-002, §4.6 NDP-003, NDP-004: the codec checks code, lengths and options
        message: NdpMessage | None = None
        if isinstance(icmp, Icmp) and not packet.damage:
            message = parse_ndp(icmp, packet.payload)
        if message is None:
            self.link.drop(packet, MALFORMED, now)
        elif _fragmented(ip):
            self.link.drop(packet, FRAGMENTED, now)
        elif nic.neighbours is None:
            self.link.drop(packet, NO_NEIGHBOURS, now)
        elif message.type == NEIGHBOUR_SOLICITATION:
            self._on_solicitation(nic, packet, ip, message, now)
        elif message.type == NEIGHBOUR_ADVERTISEMENT:
            self._on_advertisement(nic, packet, ip, message, now)
        else:
            self.link.drop(packet, LEFT_OUT[message.type], now)

    def advertise(self, nic: Nic, address: bytes, now: int) -> None:
        """Tell everybody on the link, unasked, that an own address is here now."""
        if nic.neighbours is not None:
            self._advertise(nic, address, ALL_NODES6, b"", False, now)

    def _on_solicitation(
        self, nic: Nic, packet: Packet, ip: IpHeader, message: NdpMessage, now: int
    ) -> None:
        link = self.link
        src = ip.src
        mac = message.options.source_mac
        if src == ANY6 and (mac or ip.dst != solicited_node(ip.dst)):
            # RFC 4861 §7.1.1 NDP-021: a probe goes to a solicited-node group and names no address
            link.drop(packet, BAD_PROBE, now)
        elif mac and _no_station(mac, nic):
            link.drop(packet, BAD_MAC, now)
        elif message.target not in nic.addresses:
            link.drop(packet, OTHER_TARGET, now)
        elif src in nic.addresses:
            link.drop(packet, OWN_SOURCE, now)
        else:
            link.counters.count(SOLICITATIONS_IN)
            table = nic.neighbours
            if mac and table is not None:
                # RFC 4861 §7.2.3 NDP-027: STALE if it is news; whether it is a router stays as known
                table.heard(src, mac, True, now)
            # RFC 4861 §7.2.4 NDP-029: to the asker, or to everybody if it has no address yet
            if src == ANY6:
                self._advertise(nic, message.target, ALL_NODES6, b"", False, now)
            else:
                self._advertise(nic, message.target, src, mac, True, now)

    def _on_advertisement(
        self, nic: Nic, packet: Packet, ip: IpHeader, message: NdpMessage, now: int
    ) -> None:
        link = self.link
        table = nic.neighbours
        assert table is not None
        mac = message.options.target_mac
        if message.solicited and ip.dst[0] == 0xFF:
            link.drop(packet, BAD_SOLICITED, now)  # RFC 4861 §7.1.2 NDP-022
            return
        if mac and _no_station(mac, nic):
            link.drop(packet, BAD_MAC, now)
            return
        if message.target in nic.addresses:
            link.drop(packet, CONFLICT, now)
            return
        neighbour = table.get(message.target)
        if neighbour is None:
            link.drop(packet, NOT_ASKED, now)  # RFC 4861 §7.2.5 NDP-030
            return
        if not table.advertised(neighbour, mac, message.solicited, message.override, now):
            link.drop(packet, NOT_BELIEVED, now)
            return
        link.counters.count(ADVERTISEMENTS_IN)
        if neighbour.is_router and not message.router:
            # RFC 4861 §7.2.5 NDP-033: for the default router list, once there is one
            link.counters.count(NO_LONGER_ROUTER)
        neighbour.is_router = message.router

    def _advertise(
        self, nic: Nic, target: bytes, dst: bytes, mac: bytes, solicited: bool, now: int
    ) -> None:
        # RFC 4861 §7.2.4 NDP-028: the link-layer address is always told
        icmp, payload = neighbour_advertisement(target, nic.mac, self.router, solicited, True)
        self.link.counters.count(ADVERTISEMENTS_OUT)
        packet = Packet(IPv6(target, dst, ICMPV6, HOP_LIMIT), icmp, payload)
        if mac:  # straight back: an answer is no use of the entry, so askers push nobody out
            packet.ethernet = Ethernet(mac, nic.mac, ETHERTYPE_IPV6)
            nic.emit(packet)
        else:
            self.link.send(nic, packet, dst, now)


def _source(nic: Nic, neighbour: Neighbour) -> bytes:
    """The own address to ask from: of the packet that waits, on the neighbour's network, link-local, any."""
    # RFC 4861 §7.2.2: the source of the packet that caused the question, if it is this NIC's
    for packet in neighbour.queue:
        ip = packet.ip
        if ip is not None and ip.src in nic.addresses:
            return ip.src
    fallback = b""
    for address, length in nic.addresses.items():
        if len(address) == 16:
            if masked(neighbour.address, length) == masked(address, length):
                return address
            if not fallback or is_link_local(address):
                fallback = address
    return fallback


def _no_station(mac: bytes, nic: Nic) -> bool:
    """Whether an address can be no single other station's."""
    return mac[0] & 1 != 0 or mac in (MAC_NONE, nic.mac)


def _fragmented(ip: IpHeader) -> bool:
    """Whether a message came in fragments, which RFC 6980 §5 forbids."""
    if isinstance(ip, IPv6):
        for kind, _octets in ip.extensions:
            if kind == FRAGMENT:
                return True
    return False
