"""The fields of every header of a packet: name, value, meaning for a learner, and where its octets lie.

Half an octet is written with a dot for the half that belongs to another field: `4.` and `.5`. What each
field is for is in RFC 826, 791, 8200, 792, 4443, 768 and 9293; the meanings here are one line each.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from trunkline.base.addresses import (
    MAC_BROADCAST,
    address_text,
    is_link_local,
    is_loopback,
    is_multicast,
    is_unspecified,
    mac_text,
)
from trunkline.wire import icmpv4, icmpv6, ndp
from trunkline.wire.arp import REPLY, REQUEST, Arp
from trunkline.wire.ethernet import Ethernet
from trunkline.wire.frame import encode
from trunkline.wire.header import ETHERTYPE_ARP, ETHERTYPE_IPV4, ETHERTYPE_IPV6
from trunkline.wire.icmp import Icmp, echo_identifier, echo_sequence
from trunkline.wire.icmpv4 import ECHO_REPLY, ECHO_REQUEST
from trunkline.wire.icmpv6 import ECHO_REPLY as ECHO_REPLY6
from trunkline.wire.icmpv6 import ECHO_REQUEST as ECHO_REQUEST6
from trunkline.wire.ipv4 import IPv4
from trunkline.wire.ipv6 import IPv6
from trunkline.wire.packet import Packet
from trunkline.wire.tcp import ACK, FIN, PSH, RST, SYN, URG, Tcp
from trunkline.wire.text import flags_text, icmp_text, protocol_text
from trunkline.wire.udp import Udp

DATA: Final = "data"  # names of parts that are no headers
QUOTE: Final = "quote"
_TYPES: Final = {ETHERTYPE_IPV4: "IPv4", ETHERTYPE_ARP: "ARP", ETHERTYPE_IPV6: "IPv6"}
_PORTS: Final = {
    20: "FTP data",
    21: "FTP",
    22: "SSH",
    25: "SMTP",
    53: "DNS",
    67: "DHCP server",
    68: "DHCP client",
    80: "HTTP",
    110: "POP3",
    143: "IMAP",
    443: "HTTPS",
    520: "RIP",
}
_EXTENSIONS: Final = {0: "hop-by-hop options", 43: "routing", 44: "fragment", 60: "destination"}
_OPTIONS: Final = {
    0: ("end of options", "nothing follows"),
    1: ("no operation", "fills up"),
    2: ("maximum segment size", "the most I take at once"),
    3: ("window scale", "my window: times 2^this"),
    4: ("SACK permitted", "you may tell me of gaps"),
    5: ("SACK", "what I have beyond a gap"),
    8: ("timestamps", "my clock, yours sent back"),
}


class Field(NamedTuple):
    """One field: its octets as text, dots for what belongs to a neighbour."""

    name: str
    value: str
    meaning: str
    octets: str


class Part(NamedTuple):
    """One header, or the data: its OSI layer, its name, how many octets it is, its fields."""

    layer: int
    name: str
    length: int
    fields: list[Field]


def dissect(packet: Packet) -> list[Part]:
    """The headers of a packet from the outside in, and what lies behind them as the last part."""
    octets = encode(packet)
    at = 0
    parts: list[Part] = []
    if packet.ethernet is not None:
        parts.append(Part(2, "Ethernet", 14, _ethernet(packet.ethernet, octets[:14])))
        at = 14
    ip = packet.ip
    if isinstance(ip, IPv4):
        header = octets[at : at + ip.header_length]
        parts.append(Part(3, "IPv4", len(header), _ipv4(ip, header)))
        at += len(header)
    elif isinstance(ip, IPv6):
        header = octets[at : at + ip.header_length]
        parts.append(Part(3, "IPv6", len(header), _ipv6(ip, header)))
        at += len(header)
    upper = packet.upper
    behind = len(octets) - len(packet.payload)
    if isinstance(upper, Tcp):
        parts.append(Part(4, "TCP", upper.header_length, _tcp(upper, octets[at:behind])))
    elif isinstance(upper, Udp):
        parts.append(Part(4, "UDP", 8, _udp(upper, octets[at : at + 8])))
        behind = at + 8
    elif isinstance(upper, Icmp) and ip is not None:
        name = "ICMP" if ip.version == 4 else "ICMPv6"
        fields = _icmp(upper, ip.version, packet, octets[at : at + 8])
        neighbour = _neighbour(upper, packet.payload) if ip.version == 6 else []
        length = 8 + (len(packet.payload) if neighbour else 0)
        parts.append(Part(3, name, length, fields + neighbour))
        if neighbour:
            return parts
    elif isinstance(upper, Arp):
        parts.append(Part(3, "ARP", 28, _arp(upper, octets[at : at + 28])))
    if isinstance(upper, Icmp) and ip is not None and is_error(upper, ip.version):
        parts.append(Part(3, QUOTE, len(packet.payload), []))
    elif packet.payload:
        layer = 7 if isinstance(upper, Tcp | Udp) else 3 if packet.ip is not None else 2
        parts.append(Part(layer, DATA, len(packet.payload), []))
    return parts


def hexed(octets: bytes) -> str:
    """`02 00 00`."""
    return octets.hex(" ")


def _ethernet(header: Ethernet, octets: bytes) -> list[Field]:
    kind = _TYPES.get(header.ethertype, "unknown")
    return [
        Field("destination", mac_text(header.dst), _mac_meaning(header.dst), hexed(octets[:6])),
        Field("source", mac_text(header.src), "the card that sends it", hexed(octets[6:12])),
        Field("type", f"{header.ethertype:#06x}", f"inside is {kind}", hexed(octets[12:])),
    ]


def _mac_meaning(mac: bytes) -> str:
    if mac == MAC_BROADCAST:
        return "everybody on this link"
    if mac[0] & 1:
        return "a group on this link"
    return "the card that shall take it"


def _arp(arp: Arp, octets: bytes) -> list[Field]:
    operation = {REQUEST: "a question: who has this?", REPLY: "an answer: I have"}
    target = ("not known yet", "who is sought")
    if arp.operation == REPLY:
        target = ("who asked", "the one who asked")
    return [
        Field("hardware type", "1", "Ethernet", hexed(octets[0:2])),
        Field("protocol type", "0x0800", "IPv4", hexed(octets[2:4])),
        Field("hardware length", "6", "of an Ethernet address", hexed(octets[4:5])),
        Field("protocol length", "4", "of an IPv4 address", hexed(octets[5:6])),
        Field(
            "operation", str(arp.operation), operation.get(arp.operation, ""), hexed(octets[6:8])
        ),
        Field(
            "sender's card", mac_text(arp.sender_mac), "who asks or answers", hexed(octets[8:14])
        ),
        Field("sender's address", address_text(arp.sender_ip), "whose card that is", hexed(octets[14:18])),
        Field("target's card", mac_text(arp.target_mac), target[0], hexed(octets[18:24])),
        Field("target's address", address_text(arp.target_ip), target[1], hexed(octets[24:])),
    ]  # fmt: skip


def _ipv4(ip: IPv4, octets: bytes) -> list[Field]:
    flags = [
        name
        for name, on in (
            ("reserved", ip.reserved_flag),
            ("don't fragment", ip.dont_fragment),
            ("more fragments", ip.more_fragments),
        )
        if on
    ]
    total = int.from_bytes(octets[2:4], "big")
    fields = [
        Field("version", "4", "IPv4", f"{octets[0] >> 4:x}."),
        Field("header length", f"{ip.header_length}", "octets; written in fours", f".{octets[0] & 15:x}"),
        Field("type of service", str(ip.traffic_class), _class_meaning(ip.traffic_class), hexed(octets[1:2])),
        Field("total length", str(total), "octets, header included", hexed(octets[2:4])),
        Field("identification", str(ip.identification), "the same in all fragments", hexed(octets[4:6])),
        Field("flags, offset", _offset_text(flags, ip.fragment_offset), "where a fragment belongs", hexed(octets[6:8])),
        Field("time to live", str(ip.hop_limit), "each router takes 1 off", hexed(octets[8:9])),
        Field("protocol", str(ip.protocol), f"inside is {protocol_text(ip.protocol)}", hexed(octets[9:10])),
        Field("header checksum", f"0x{octets[10:12].hex()}", "of this header alone", hexed(octets[10:12])),
        Field("source", address_text(ip.src), _address_meaning(ip.src, "who sent it first"), hexed(octets[12:16])),
        Field("destination", address_text(ip.dst), _address_meaning(ip.dst, "where it goes in the end"), hexed(octets[16:20])),
    ]  # fmt: skip
    if ip.options:
        fields.append(Field("options", _count(len(ip.options)), "", hexed(ip.options)))
    return fields


def _offset_text(flags: list[str], offset: int) -> str:
    return f"{', '.join(flags) or 'none'}, {offset}"


def _class_meaning(value: int) -> str:
    ecn = ("not to be marked", "may be marked", "may be marked", "CONGESTION was met")[value & 3]
    return f"class {value >> 2}; {ecn}"


def _address_meaning(address: bytes, otherwise: str) -> str:
    if is_unspecified(address):
        return "no address yet"
    if is_multicast(address):
        return "a group"
    if is_loopback(address):
        return "this very machine"
    if is_link_local(address):
        return f"{otherwise}; on this link only"
    return otherwise


def _ipv6(ip: IPv6, octets: bytes) -> list[Field]:
    length = int.from_bytes(octets[4:6], "big")
    fields = [
        Field("version", "6", "IPv6", f"{octets[0] >> 4:x}."),
        Field("traffic class", str(ip.traffic_class), _class_meaning(ip.traffic_class), f".{octets[0] & 15:x} {octets[1] >> 4:x}."),
        Field("flow label", f"{ip.flow_label:#07x}", "the same for all of a flow", f".{octets[1] & 15:x} {hexed(octets[2:4])}"),
        Field("payload length", str(length), "octets behind these 40", hexed(octets[4:6])),
        Field("next header", str(octets[6]), f"then comes {protocol_text(octets[6])}", hexed(octets[6:7])),
        Field("hop limit", str(ip.hop_limit), "each router takes 1 off", hexed(octets[7:8])),
        Field("source", address_text(ip.src), _address_meaning(ip.src, "who sent it first"), hexed(octets[8:24])),
        Field("destination", address_text(ip.dst), _address_meaning(ip.dst, "where it goes in the end"), hexed(octets[24:40])),
    ]  # fmt: skip
    at = 40
    for kind, extension in ip.extensions:
        name = _EXTENSIONS.get(kind, f"type {kind}")
        value = _count(len(extension))
        if kind == 44:
            more = "more follow" if ip.more_fragments else "the last"
            value = f"offset {ip.fragment_offset}, {more}"
        behind = at + len(extension)
        meaning = f"then comes {protocol_text(octets[at])}"
        fields.append(Field(f"extension: {name}", value, meaning, hexed(octets[at:behind])))
        at = behind
    return fields


def _icmp(icmp: Icmp, version: int, packet: Packet, octets: bytes) -> list[Field]:
    fields = [
        Field("type", str(icmp.type), icmp_text(icmp, version, packet.payload), hexed(octets[0:1])),
        Field("code", str(icmp.code), "more about the type", hexed(octets[1:2])),
        Field("checksum", f"0x{octets[2:4].hex()}", _checksum_meaning(version), hexed(octets[2:4])),
    ]
    echoes = (ECHO_REQUEST, ECHO_REPLY) if version == 4 else (ECHO_REQUEST6, ECHO_REPLY6)
    if icmp.type in echoes:
        identifier, sequence = str(echo_identifier(icmp)), str(echo_sequence(icmp))
        fields.append(Field("identifier", identifier, "which ping asks", hexed(octets[4:6])))
        fields.append(Field("sequence", sequence, "the number of the question", hexed(octets[6:8])))
    else:
        fields.extend(_rest(icmp, version, octets[4:8]))
    return fields


def _rest(icmp: Icmp, version: int, octets: bytes) -> list[Field]:
    """The four octets that mean something else in each type."""
    low = icmp.rest & 0xFFFF
    if version == 4:
        if icmp.type == icmpv4.UNREACHABLE and icmp.code == icmpv4.FRAGMENTATION_NEEDED:
            return [
                Field("unused", "", "", hexed(octets[:2])),
                Field("MTU", str(low), "the most that link takes", hexed(octets[2:])),
            ]
        if icmp.type == icmpv4.PARAMETER_PROBLEM:
            return [
                Field("pointer", str(octets[0]), "the octet that is wrong", hexed(octets[:1])),
                Field("unused", "", "", hexed(octets[1:])),
            ]
        if icmp.type == icmpv4.REDIRECT:
            return [Field("router", address_text(octets), "the one to use", hexed(octets))]
    elif icmp.type == icmpv6.PACKET_TOO_BIG:
        return [Field("MTU", str(icmp.rest), "the most that link takes", hexed(octets))]
    elif icmp.type == icmpv6.PARAMETER_PROBLEM:
        return [Field("pointer", str(icmp.rest), "the octet that is wrong", hexed(octets))]
    elif icmp.type == icmpv6.NEIGHBOUR_ADVERTISEMENT:
        flags = [
            name
            for name, flag in (
                ("router", ndp.FLAG_ROUTER),
                ("solicited", ndp.FLAG_SOLICITED),
                ("override", ndp.FLAG_OVERRIDE),
            )
            if icmp.rest & flag
        ]
        return [Field("flags", ", ".join(flags) or "none", "who answers, and why", hexed(octets))]
    empty = is_error(icmp, version) or (version == 6 and icmp.type == icmpv6.NEIGHBOUR_SOLICITATION)
    meaning = "nothing in this type" if empty else "depends on the type"
    return [Field("rest", f"{icmp.rest:#x}", meaning, hexed(octets))]


def _neighbour(icmp: Icmp, payload: bytes) -> list[Field]:
    """What a neighbour solicitation or advertisement holds behind its header; [] if it is none."""
    meanings = {
        icmpv6.NEIGHBOUR_SOLICITATION: "whose card is sought",
        icmpv6.NEIGHBOUR_ADVERTISEMENT: "whose card is told",
    }
    if icmp.type not in meanings or len(payload) < 16:
        return []
    fields = [Field("target", address_text(payload[:16]), meanings[icmp.type], hexed(payload[:16]))]
    at = 16
    while at < len(payload):
        length = payload[at + 1] * 8 if at + 1 < len(payload) else 0
        option = payload[at : at + length] if length else payload[at:]
        known = {ndp.OPTION_SOURCE: "the asker's card", ndp.OPTION_TARGET: "the target's card"}
        kind = option[0]
        if kind in known and len(option) == 8:
            fields.append(Field("option: card", mac_text(option[2:]), known[kind], hexed(option)))
        else:
            fields.append(Field(f"option {kind}", "", "unknown: skipped", hexed(option)))
        at += len(option)
    return fields


def is_error(icmp: Icmp, version: int) -> bool:
    """Whether a message tells of another packet, which it quotes."""
    return icmpv4.is_error(icmp.type) if version == 4 else icmpv6.is_error(icmp.type)


def _checksum_meaning(version: int) -> str:
    return "of the whole message" if version == 4 else "of message and addresses"


def _udp(udp: Udp, octets: bytes) -> list[Field]:
    checksum = "of data, ports, addresses" if udp.checksummed else "left out by the sender"
    return [
        Field("source port", str(udp.src_port), _port_meaning(udp.src_port), hexed(octets[0:2])),
        Field("destination port", str(udp.dst_port), _port_meaning(udp.dst_port), hexed(octets[2:4])),
        Field("length", str(int.from_bytes(octets[4:6], "big")), "octets, these 8 included", hexed(octets[4:6])),
        Field("checksum", f"0x{octets[6:8].hex()}", checksum, hexed(octets[6:8])),
    ]  # fmt: skip


def _port_meaning(port: int) -> str:
    known = _PORTS.get(port)
    if known is not None:
        return f"known for {known}"
    return "picked for this talk" if port >= 32768 else "which socket on the host"


def _tcp(tcp: Tcp, octets: bytes) -> list[Field]:
    acked = "expects this octet next" if tcp.flags & ACK else "not used yet"
    fields = [
        Field("source port", str(tcp.src_port), _port_meaning(tcp.src_port), hexed(octets[0:2])),
        Field("destination port", str(tcp.dst_port), _port_meaning(tcp.dst_port), hexed(octets[2:4])),
        Field("sequence number", str(tcp.seq), "place of the first octet", hexed(octets[4:8])),
        Field("acknowledgement", str(tcp.ack), acked, hexed(octets[8:12])),
        Field("data offset", str(tcp.header_length), "octets; written in fours", f"{octets[12] >> 4:x}."),
        Field("flags", flags_text(tcp.flags), _flags_meaning(tcp.flags), f".{octets[12] & 15:x} {hexed(octets[13:14])}"),
        Field("window", str(tcp.window), "room for more, unscaled", hexed(octets[14:16])),
        Field("checksum", f"0x{octets[16:18].hex()}", "of data, header, addresses", hexed(octets[16:18])),
        Field("urgent pointer", str(tcp.urgent), "used with URG alone", hexed(octets[18:20])),
    ]  # fmt: skip
    return fields + _tcp_options(octets[20:])


def _flags_meaning(flags: int) -> str:
    if flags & RST:
        return "the line is cut"
    if flags & SYN:
        return "dial, and ring back" if flags & ACK else "dial"
    if flags & FIN:
        return "hang up: no more from me"
    if flags & URG:
        return "urgent"
    if flags & PSH:
        return "give it to the program now"
    return "heard" if flags & ACK else ""


def _tcp_options(raw: bytes) -> list[Field]:
    """Each option as it stands; a length that cannot be right ends the list."""
    fields: list[Field] = []
    at = 0
    while at < len(raw):
        kind = raw[at]
        length = 1 if kind else len(raw) - at  # behind the end of options is padding
        if kind > 1:
            length = raw[at + 1] if at + 1 < len(raw) else 0
            if length < 2 or at + length > len(raw):
                fields.append(Field("option, malformed", "", "ignored", hexed(raw[at:])))
                break
        name, meaning = _OPTIONS.get(kind, (f"option {kind}", "unknown: skipped"))
        body = raw[at + 2 : at + length] if kind else b""
        value = str(int.from_bytes(body, "big")) if body else ""
        if kind in (5, 8) and len(body) % 4 == 0:
            words = [int.from_bytes(body[n : n + 4], "big") for n in range(0, len(body), 4)]
            value = ", ".join([str(word) for word in words])
        fields.append(Field(name, value, meaning, hexed(raw[at : at + length])))
        at += length
    return fields


def _count(length: int) -> str:
    return f"{length} octet" + ("" if length == 1 else "s")
