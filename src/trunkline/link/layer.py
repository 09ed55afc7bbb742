"""The link layer of a host: frames in and out of its NICs (RFC 894, RFC 2464, RFC 1122 ch. 2).

Receiving: frames for this NIC, for everybody and for joined groups pass; ARP is eaten and answered here, IP
goes up, the rest is counted. Sending: an IP packet to a next hop gets its Ethernet header, at once when the
neighbour is known. Header-less and loopback NICs have neither headers nor neighbours.

An Ethernet header on a packet may be shared with other packets: replace it, never change it.
Left out on purpose: VLANs (a tag that names none is looked through), IEEE 802.3 framing when sending (RFC
1122 §2.3.3 ARP-014 forbids trailers too).
"""

from __future__ import annotations

from typing import Final, final

from trunkline.base.addresses import (
    ALL_HOSTS4,
    ALL_NODES6,
    BROADCAST4,
    MAC_BROADCAST,
    is_multicast,
    masked,
    multicast_mac,
)
from trunkline.base.dice import Dice
from trunkline.base.results import LINK_DOWN, SENT, TOO_BIG
from trunkline.base.timers import NEVER, TimerQueue
from trunkline.link.arp import ArpSolicitor
from trunkline.link.neighbours import DELAY, PROBE, Neighbour, Neighbourhood, NeighbourTable
from trunkline.link.nic import ETHERNET, Nic, Node
from trunkline.wire.arp import Arp
from trunkline.wire.damage import NAMES as DAMAGE_NAMES
from trunkline.wire.ethernet import Ethernet
from trunkline.wire.frame import decode
from trunkline.wire.header import ETHERTYPE_ARP, ETHERTYPE_IPV4, ETHERTYPE_IPV6, ETHERTYPE_VLAN
from trunkline.wire.packet import Packet

NIC_DOWN: Final = "link: NIC is down"
NO_HEADER: Final = "link: no Ethernet header"
FOREIGN: Final = "link: for somebody else"
FOREIGN_GROUP: Final = "link: for a group not joined"
UNKNOWN_ETHERTYPE: Final = "link: unknown ethertype"
DAMAGED: Final = "link: damaged: "

LENGTH_LIMIT: Final = 1500  # an ethertype up to this is the length of an IEEE 802.3 frame
SNAP: Final = b"\xaa\xaa\x03\x00\x00\x00"


@final
class LinkLayer(Neighbourhood):
    """The frames of one host. `has_failed`: `failed()` has packets that reached nobody."""

    __slots__ = ("arp",)

    def __init__(self, node: Node, timers: TimerQueue, dice: Dice) -> None:
        super().__init__(node, timers, dice)
        self.arp = ArpSolicitor(self)
        self.solicitor4 = self.arp

    def attach(self, nic: Nic) -> None:
        """Take a NIC of the node into service."""
        if nic.kind == ETHERNET:
            nic.neighbours = NeighbourTable(nic, self)

    # ------------------------------------------------------------ receiving

    def receive(self, nic: Nic, packet: Packet, now: int) -> bool:
        """A frame arrived. True: it holds an IP packet for the floor above.

        `packet.ethernet.dst` still tells how it was addressed.
        """
        # RFC 1122 §2.4 ARP-015: so the floor above can see whether a frame was a broadcast
        if packet.ip is not None and nic.up:
            ethernet = packet.ethernet
            if ethernet is None:
                if nic.kind != ETHERNET:
                    return True
            elif ethernet.dst == nic.mac:
                return True
        return self._receive_slowly(nic, packet, now)

    def _receive_slowly(self, nic: Nic, packet: Packet, now: int) -> bool:
        if not nic.up:
            return self._drop(packet, NIC_DOWN, now)
        ethernet = packet.ethernet
        if nic.kind == ETHERNET:
            if ethernet is None:
                if packet.damage:
                    return self._drop(packet, DAMAGED + DAMAGE_NAMES[packet.damage], now)
                return self._drop(packet, NO_HEADER, now)
            dst = ethernet.dst
            if dst not in (nic.mac, MAC_BROADCAST) and not nic.promiscuous:
                if not dst[0] & 1:
                    return self._drop(packet, FOREIGN, now)
                if not nic.all_multicast and not _joined(nic, packet, dst):
                    return self._drop(packet, FOREIGN_GROUP, now)
        if packet.ip is not None:
            return True
        upper = packet.upper
        if isinstance(upper, Arp) and nic.kind == ETHERNET:
            self.arp.receive(nic, packet, upper, now)
            return False
        if packet.damage:
            return self._drop(packet, DAMAGED + DAMAGE_NAMES[packet.damage], now)
        if ethernet is not None and _unwrap(packet, ethernet):
            return self.receive(nic, packet, now)
        return self._drop(packet, UNKNOWN_ETHERTYPE, now)

    def _drop(self, packet: Packet, reason: str, now: int) -> bool:
        self.drop(packet, reason, now)
        return False

    # ------------------------------------------------------------ sending

    def send(self, nic: Nic, packet: Packet, next_hop: bytes, now: int) -> int:
        """Send an IP packet to a next hop on this NIC's link: a neighbour, a group or everybody.

        SENT (perhaps waiting for the neighbour to answer), LINK_DOWN, TOO_BIG or NO_BUFFER.
        """
        if packet.ip_length() > nic.mtu:
            return TOO_BIG if nic.up else LINK_DOWN
        return self.send_fitting(nic, packet, next_hop, now)

    def send_fitting(self, nic: Nic, packet: Packet, next_hop: bytes, now: int) -> int:
        """As `send`, for a packet that is known to fit the NIC's MTU."""
        neighbour = nic.last_neighbour
        if (
            neighbour is None
            or neighbour.address != next_hop
            or not nic.up
            or (
                now - neighbour.confirmed >= neighbour.fresh_for
                and not DELAY <= neighbour.state <= PROBE  # sent to while its answer is awaited
            )
        ):
            return self._send_slowly(nic, packet, next_hop, now)
        packet.ethernet = neighbour.header
        packet.octets = None
        nic.emit(packet)
        return SENT

    def _send_slowly(self, nic: Nic, packet: Packet, next_hop: bytes, now: int) -> int:
        if not nic.up:
            return LINK_DOWN
        table = nic.neighbours
        if table is None:
            assert nic.kind != ETHERNET  # attach makes the table
            packet.ethernet = None
            packet.octets = None
            nic.emit(packet)
            return SENT
        neighbour = table.entries.get(next_hop)
        if neighbour is not None:
            if neighbour.used == NEVER or now - neighbour.confirmed >= neighbour.fresh_for:
                return table.send(packet, next_hop, now)
            neighbour.used = now
            nic.last_neighbour = neighbour
            packet.ethernet = neighbour.header
            packet.octets = None
            nic.emit(packet)
            return SENT
        # RFC 894 ARP-012: Ethernet II, whatever it is
        if is_multicast(next_hop):
            dst = multicast_mac(next_hop)
        elif len(next_hop) == 4 and _is_broadcast(nic, next_hop):
            dst = MAC_BROADCAST
        else:
            return table.send(packet, next_hop, now)
        ethertype = ETHERTYPE_IPV4 if len(next_hop) == 4 else ETHERTYPE_IPV6
        packet.ethernet = Ethernet(dst, nic.mac, ethertype)
        packet.octets = None
        nic.emit(packet)
        return SENT

    # ------------------------------------------------------------ neighbours

    def failed(self) -> list[Packet]:
        """The packets given up since the last call because nobody answered for their next hop."""
        # RFC 4861 §7.2.2 NDP-025: the floor above sends or reports what each deserves
        packets = self.unanswered
        self.unanswered = []
        self.has_failed = False
        return packets

    def confirm(self, neighbour: Neighbour, now: int) -> None:
        """Forward progress was seen through a neighbour: it is reachable. May be done in place."""
        # RFC 4861 §7.3.1: a hint from above, one store, taken in when somebody looks
        neighbour.confirmed = now

    def confirm_next_hop(self, nic: Nic, next_hop: bytes, now: int) -> None:
        """As `confirm`, for who keeps only the way: cheap where the NIC last sent to that next hop."""
        neighbour = nic.last_neighbour
        if neighbour is not None and neighbour.address == next_hop:
            neighbour.confirmed = now
            return
        table = nic.neighbours
        if table is not None:
            neighbour = table.get(next_hop)
            if neighbour is not None:
                neighbour.confirmed = now

    def announce(self, nic: Nic, address: bytes) -> None:
        """Tell everybody on the link that an IPv4 address is here now (gratuitous ARP)."""
        if nic.kind == ETHERNET:
            self.arp.announce(nic, address)

    def flush(self, nic: Nic, now: int) -> None:
        """Forget a NIC's neighbours, for example when it goes down."""
        table = nic.neighbours
        if table is not None:
            table.flush(now)

    def statistics(self) -> dict[str, int]:
        """All counts, and how full the neighbour tables are."""
        counts = self.counters.statistics()
        entries = 0
        queued = 0
        for nic in self.node.nics:
            table = nic.neighbours
            if table is not None:
                entries += len(table.entries)
                queued += table.queued
        counts["neighbours: entries"] = entries
        counts["neighbours: packets waiting"] = queued
        return counts


def _joined(nic: Nic, packet: Packet, dst: bytes) -> bool:
    """Whether a group frame is for a group this NIC is in; all-hosts and all-nodes always are."""
    ip = packet.ip
    if ip is None:
        return packet.damage != 0  # let it be counted as what it is
    group = ip.dst
    if group not in nic.groups and group not in (ALL_NODES6, ALL_HOSTS4):
        return False
    return is_multicast(group) and multicast_mac(group) == dst


def _is_broadcast(nic: Nic, address: bytes) -> bool:
    """Whether an IPv4 address is everybody on this link: 255.255.255.255 or a network's own broadcast."""
    if address == BROADCAST4:
        return True
    for own, length in nic.addresses.items():
        if len(own) == 4 and length < 31:
            host_bits = (1 << (32 - length)) - 1
            if masked(own, length) == masked(address, length):
                if int.from_bytes(address, "big") & host_bits == host_bits:
                    return True
    return False


def _unwrap(packet: Packet, ethernet: Ethernet) -> bool:
    """Read a frame with a SNAP header or a priority tag as the Ethernet II frame that it stands for."""
    payload = packet.payload
    length = ethernet.ethertype
    if length == ETHERTYPE_VLAN:
        # IEEE 802.1Q §6.9.1: VLAN 0 is none, the tag tells a priority alone. As Linux.
        if len(payload) < 4 or payload[0] & 0x0F or payload[1]:
            return False
        octets = payload[2:]
    else:
        # RFC 1122 §2.3.3 ARP-013: RFC 1042 frames are received
        if length < 8 or length > LENGTH_LIMIT or len(payload) < length:
            return False
        if not payload.startswith(SNAP):
            return False
        octets = payload[6:length]
    if int.from_bytes(octets[:2], "big") not in (ETHERTYPE_IPV4, ETHERTYPE_ARP, ETHERTYPE_IPV6):
        return False  # nothing that goes up: it might be wrapped for ever
    inner = decode(ethernet.dst + ethernet.src + octets, True)
    packet.ethernet = inner.ethernet
    packet.ip = inner.ip
    packet.upper = inner.upper
    packet.payload = inner.payload
    packet.octets = inner.octets
    packet.damage = inner.damage
    return True
