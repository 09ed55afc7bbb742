"""The packet: one object with typed headers, handed on by reference; octets only when something needs them.

A packet belongs to whoever holds it: an output gives it away. Whoever changes a header stores None in
`octets`. A packet that came as octets and could not be understood keeps what was not understood as payload,
with the reason in `damage`, and the floor whose header it is counts and drops it.
"""

from __future__ import annotations

from typing import final

from trunkline.wire.ethernet import HEADER_LENGTH, Ethernet
from trunkline.wire.header import Header, IpHeader
from trunkline.wire.ipv4 import IPv4
from trunkline.wire.ipv6 import IPv6


@final
class Packet:
    """A packet on its way, from the Ethernet header inwards.

    `ethernet` is None on header-less NICs; `ip` is None for ARP and for frames nobody here understands;
    `upper` is the parsed header above (Arp, Tcp, Udp, Icmp) or None when there is none that could be
    parsed: fragments, unknown protocols, damage. `payload` is what follows the innermost parsed header.
    """

    __slots__ = (
        "damage",
        "due",
        "ethernet",
        "identity",
        "ip",
        "next",
        "notes",
        "octets",
        "payload",
        "upper",
    )

    def __init__(self, ip: IpHeader | None, upper: Header | None, payload: bytes) -> None:
        self.ethernet: Ethernet | None = None
        self.ip = ip
        self.upper = upper
        self.payload = payload
        self.octets: bytes | None = None  # the frame, kept once made; None after any change
        self.damage = 0  # a code of wire.damage, 0 for a whole packet
        self.identity = 0  # given at the first NIC it leaves by; 0 until then; kept across hops
        self.notes: list[str] | None = None  # what cables and hosts did to it, for captures
        self.next: Packet | None = None  # behind it in a queue
        self.due = 0  # when its queue lets go of it, nanoseconds

    def length(self) -> int:
        """Octets of the frame: Ethernet header (if any), headers and payload, without padding."""
        length = len(self.payload)
        if self.ethernet is not None:
            length += HEADER_LENGTH
        ip = self.ip
        if ip is not None:
            length += ip.header_length
        upper = self.upper
        if upper is not None:
            length += upper.header_length
        return length

    def ip_length(self) -> int:
        """Octets of the IP datagram: what a link's MTU limits."""
        length = len(self.payload)
        ip = self.ip
        if ip is not None:
            length += ip.header_length
        upper = self.upper
        if upper is not None:
            length += upper.header_length
        return length

    def note(self, note: str) -> None:
        """Write down what happened to it; captures show it as a comment."""
        if self.notes is None:
            self.notes = [note]
        else:
            self.notes.append(note)

    def copy(self) -> Packet:
        """A packet of its own with the same content, identity and notes; upper headers are shared."""
        copy = Packet(None if self.ip is None else copy_ip(self.ip), self.upper, self.payload)
        ethernet = self.ethernet
        if ethernet is not None:
            copy.ethernet = Ethernet(ethernet.dst, ethernet.src, ethernet.ethertype)
        copy.octets = self.octets
        copy.damage = self.damage
        copy.identity = self.identity
        if self.notes is not None:
            copy.notes = list(self.notes)
        return copy


def copy_ip(header: IpHeader) -> IpHeader:
    """A header of its own with the same fields."""
    copy: IpHeader
    if isinstance(header, IPv4):
        copy = IPv4(
            header.src,
            header.dst,
            header.protocol,
            header.hop_limit,
            header.traffic_class,
            header.dont_fragment,
            header.options,
        )
        copy.reserved_flag = header.reserved_flag
    else:
        assert isinstance(header, IPv6)
        copy = IPv6(
            header.src,
            header.dst,
            header.protocol,
            header.hop_limit,
            header.traffic_class,
            header.flow_label,
            header.extensions,
        )
    copy.identification = header.identification
    copy.fragment_offset = header.fragment_offset
    copy.more_fragments = header.more_fragments
    return copy
