"""A bench for one host's link floor: octets into its NIC, octets out of it, and a clock that is set by hand.

A `Family` writes the frames of its protocol, so that one test body runs for ARP and for neighbour discovery.
"""

from __future__ import annotations

from trunkline.base.addresses import (
    ANY4,
    MAC_BROADCAST,
    MAC_NONE,
    multicast_mac,
    parse_address,
    parse_mac,
    solicited_node,
)
from trunkline.base.dice import Dice
from trunkline.base.timers import NEVER, TimerQueue
from trunkline.base.units import SECOND
from trunkline.internet.ndp import Ndp
from trunkline.link.layer import LinkLayer
from trunkline.link.neighbours import Neighbour
from trunkline.link.nic import ETHERNET, ETHERNET_MTU, Nic, Node
from trunkline.wire.arp import REPLY, REQUEST, Arp
from trunkline.wire.ethernet import Ethernet
from trunkline.wire.frame import decode, encode
from trunkline.wire.header import ETHERTYPE_ARP, ETHERTYPE_IPV4, ETHERTYPE_IPV6, ICMPV6, IpHeader
from trunkline.wire.icmp import Icmp
from trunkline.wire.icmpv6 import NEIGHBOUR_ADVERTISEMENT, NEIGHBOUR_SOLICITATION
from trunkline.wire.ipv4 import IPv4
from trunkline.wire.ipv6 import IPv6
from trunkline.wire.ndp import neighbour_advertisement, neighbour_solicitation, parse_ndp
from trunkline.wire.packet import Packet

OWN_MAC = parse_mac("02:00:00:00:00:01")
PEER_MAC = parse_mac("02:00:00:00:00:02")
OTHER_MAC = parse_mac("02:00:00:00:00:03")
PROTOCOL = 253  # for experiments, RFC 3692


class Family:
    """How one address family asks, answers and carries."""

    name = ""
    own = b""
    peer = b""
    ethertype = 0

    def address(self, number: int) -> bytes:
        """The `number`-th address of the link's network."""
        whole = int.from_bytes(self.own, "big") - 1 + number
        return whole.to_bytes(len(self.own), "big")

    def packet(self, dst: bytes, payload: bytes = b"hello", src: bytes = b"") -> Packet:
        raise NotImplementedError

    def request(self, target: bytes, sender: bytes, mac: bytes) -> Packet:
        """Somebody asks for `target`."""
        raise NotImplementedError

    def answer(
        self,
        sender: bytes,
        mac: bytes,
        to: bytes,
        to_mac: bytes = OWN_MAC,
        solicited: bool = True,
        override: bool = True,
    ) -> Packet:
        """`sender` says that it is at `mac`; unsolicited ones go to everybody."""
        raise NotImplementedError

    def question(self, packet: Packet) -> tuple[bytes, bytes] | None:
        """(target, destination MAC) if a packet asks for a neighbour."""
        raise NotImplementedError


class Version4(Family):
    name = "IPv4"
    own = parse_address("10.0.0.1")
    peer = parse_address("10.0.0.2")
    ethertype = ETHERTYPE_IPV4

    def packet(self, dst: bytes, payload: bytes = b"hello", src: bytes = b"") -> Packet:
        return Packet(IPv4(src or self.own, dst, PROTOCOL), None, payload)

    def request(self, target: bytes, sender: bytes, mac: bytes) -> Packet:
        return arp(MAC_BROADCAST, mac, Arp(REQUEST, mac, sender, MAC_NONE, target))

    def answer(
        self,
        sender: bytes,
        mac: bytes,
        to: bytes,
        to_mac: bytes = OWN_MAC,
        solicited: bool = True,
        override: bool = True,
    ) -> Packet:
        if solicited:
            return arp(to_mac, mac, Arp(REPLY, mac, sender, to_mac, to))
        return arp(MAC_BROADCAST, mac, Arp(REPLY, mac, sender, MAC_BROADCAST, sender))

    def question(self, packet: Packet) -> tuple[bytes, bytes] | None:
        upper = packet.upper
        if isinstance(upper, Arp) and upper.operation == REQUEST and packet.ethernet is not None:
            assert upper.sender_ip != ANY4
            assert upper.sender_mac == packet.ethernet.src
            return upper.target_ip, packet.ethernet.dst
        return None


class Version6(Family):
    name = "IPv6"
    own = parse_address("2001:db8::1")
    peer = parse_address("2001:db8::2")
    ethertype = ETHERTYPE_IPV6

    def packet(self, dst: bytes, payload: bytes = b"hello", src: bytes = b"") -> Packet:
        return Packet(IPv6(src or self.own, dst, PROTOCOL), None, payload)

    def request(self, target: bytes, sender: bytes, mac: bytes) -> Packet:
        icmp, payload = neighbour_solicitation(target, mac)
        return ndp(
            multicast_mac(solicited_node(target)),
            mac,
            sender,
            solicited_node(target),
            icmp,
            payload,
        )

    def answer(
        self,
        sender: bytes,
        mac: bytes,
        to: bytes,
        to_mac: bytes = OWN_MAC,
        solicited: bool = True,
        override: bool = True,
    ) -> Packet:
        icmp, payload = neighbour_advertisement(sender, mac, False, solicited, override)
        if solicited:
            return ndp(to_mac, mac, sender, to, icmp, payload)
        group = parse_address("ff02::1")
        return ndp(multicast_mac(group), mac, sender, group, icmp, payload)

    def question(self, packet: Packet) -> tuple[bytes, bytes] | None:
        icmp = packet.upper
        if not isinstance(icmp, Icmp) or icmp.type != NEIGHBOUR_SOLICITATION:
            return None
        message = parse_ndp(icmp, packet.payload)
        assert message is not None and packet.ethernet is not None and packet.ip is not None
        assert message.options.source_mac == packet.ethernet.src
        if packet.ethernet.dst[0] & 1:
            assert packet.ip.dst == solicited_node(message.target)
        else:
            assert packet.ip.dst == message.target
        return message.target, packet.ethernet.dst


V4, V6 = Version4(), Version6()
FAMILIES = [V4, V6]


def arp(dst: bytes, src: bytes, header: Arp) -> Packet:
    """An ARP frame."""
    packet = Packet(None, header, b"")
    packet.ethernet = Ethernet(dst, src, ETHERTYPE_ARP)
    return packet


def ndp(
    dst_mac: bytes, src_mac: bytes, src: bytes, dst: bytes, icmp: Icmp, payload: bytes
) -> Packet:
    """A frame with a message of neighbour discovery."""
    packet = Packet(IPv6(src, dst, ICMPV6, 255), icmp, payload)
    packet.ethernet = Ethernet(dst_mac, src_mac, ETHERTYPE_IPV6)
    return packet


class Bench:
    """A host with one NIC and no floor above neighbour discovery."""

    def __init__(self, kind: int = ETHERNET) -> None:
        self.now = 0
        self.timers = TimerQueue()
        self.marked: list[Node] = []
        self.node = Node("host", self.marked)
        self.link = LinkLayer(self.node, self.timers, Dice(7, "host link"))
        self.ndp = Ndp(self.link)
        self.nic = Nic(self.node, "eth0", kind, OWN_MAC, ETHERNET_MTU, 0)
        self.link.attach(self.nic)
        self.nic.addresses[V4.own] = 24
        self.nic.addresses[V6.own] = 64
        self.nic.groups[solicited_node(V6.own)] = 1

    def send(self, packet: Packet, next_hop: bytes) -> int:
        """Send by way of a next hop; the result code."""
        return self.link.send(self.nic, packet, next_hop, self.now)

    def receive(self, packet: Packet) -> Packet | None:
        """A frame arrives as octets; the IP packet that goes up, unless neighbour discovery eats it."""
        return self.receive_octets(encode(packet))

    def receive_octets(self, octets: bytes) -> Packet | None:
        """As `receive`, for any octets at all."""
        packet = decode(octets, True)
        if not self.link.receive(self.nic, packet, self.now):
            return None
        icmp = packet.upper
        if isinstance(icmp, Icmp) and is_v6(packet.ip) and 133 <= icmp.type <= 137:
            self.ndp.receive(self.nic, packet, self.now)
            return None
        return packet

    def out(self) -> list[Packet]:
        """What the NIC has sent since the last call, read again from its octets."""
        packets = [
            decode(encode(packet), packet.ethernet is not None) for packet in self.nic.outbox
        ]
        self.nic.outbox.clear()
        self.node.outgoing.clear()
        self.node.pending = False
        self.marked.clear()
        return packets

    def run(self, until: int) -> list[tuple[int, Packet]]:
        """Let time pass; what was sent, and when."""
        sent: list[tuple[int, Packet]] = []
        while (timer := self.timers.pop(until)) is not None:
            assert timer.at >= self.now
            self.now = timer.at
            timer.owner.on_timer(timer.kind, self.now)
            sent += [(self.now, packet) for packet in self.out()]
        self.now = until
        return sent

    def entry(self, address: bytes) -> Neighbour | None:
        """A neighbour in the table."""
        assert self.nic.neighbours is not None
        return self.nic.neighbours.get(address)

    def state(self, address: bytes) -> str:
        """The state of a neighbour now; GONE if there is none."""
        neighbour = self.entry(address)
        return "GONE" if neighbour is None else neighbour.state_name(self.now)

    def count(self, reason: str) -> int:
        """A counter of the link floor."""
        return self.link.counters.get(reason)

    def size(self) -> int:
        """How many neighbours the table holds."""
        return self.link.statistics()["neighbours: entries"]

    def silent(self) -> bool:
        """Whether no timer is armed at all."""
        return self.timers.next_time() == NEVER

    def meet(self, family: Family, mac: bytes = PEER_MAC) -> Neighbour:
        """Make the family's peer REACHABLE, and the one that was sent to last."""
        self.send(family.packet(family.peer), family.peer)
        self.receive(family.answer(family.peer, mac, family.own))
        self.send(family.packet(family.peer), family.peer)
        self.out()
        neighbour = self.entry(family.peer)
        assert neighbour is not None
        assert self.state(family.peer) == "REACHABLE"
        return neighbour

    def age(self, family: Family, mac: bytes = PEER_MAC) -> Neighbour:
        """Make the family's peer STALE: meet it, and let the longest time pass."""
        neighbour = self.meet(family, mac)
        self.run(self.now + 46 * SECOND)
        assert self.state(family.peer) == "STALE"
        return neighbour


def is_v6(ip: IpHeader | None) -> bool:
    return ip is not None and ip.version == 6


def questions(family: Family, sent: list[tuple[int, Packet]]) -> list[tuple[int, bytes, bytes]]:
    """(time, target, destination MAC) of the questions among what was sent, which must be all."""
    found = []
    for now, packet in sent:
        question = family.question(packet)
        assert question is not None
        found.append((now, *question))
    return found


def group_mac(family: Family, target: bytes) -> bytes:
    """Where a first question goes."""
    return MAC_BROADCAST if family is V4 else multicast_mac(solicited_node(target))


def is_answer(packet: Packet) -> bool:
    """Whether a packet tells a neighbour's hardware address."""
    upper = packet.upper
    if isinstance(upper, Arp):
        return upper.operation == REPLY
    return isinstance(upper, Icmp) and upper.type == NEIGHBOUR_ADVERTISEMENT
