"""One line of text for any packet, as a capture tool would say it: for ladders, logs and failing tests.

10.0.0.1:49152 > 10.0.1.1:80 [SYN] seq=7 win=64240 mss=1460 sackOK ts=1:0 wscale=7
"""

from __future__ import annotations

from typing import Final

from trunkline.base.addresses import address_text, mac_text
from trunkline.wire import damage, icmpv4, icmpv6
from trunkline.wire.arp import REPLY, REQUEST, Arp
from trunkline.wire.header import ICMP, ICMPV6, IGMP, TCP, UDP, IpHeader
from trunkline.wire.icmp import (
    ABSENT,
    Icmp,
    echo_identifier,
    echo_sequence,
    parse_quote,
)
from trunkline.wire.ndp import parse_ndp
from trunkline.wire.packet import Packet
from trunkline.wire.tcp import ACK, Tcp
from trunkline.wire.udp import Udp

FLAG_NAMES: Final = ("FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR")
_FLAG_ORDER: Final = (1, 0, 2, 3, 4, 5, 6, 7)  # SYN is said first
PROTOCOL_NAMES: Final = {
    0: "hop-by-hop options",
    ICMP: "ICMP",
    IGMP: "IGMP",
    TCP: "TCP",
    UDP: "UDP",
    43: "routing header",
    44: "fragment header",
    ICMPV6: "ICMPv6",
    59: "no next header",
    60: "destination options",
    89: "OSPF",
}


def describe(packet: Packet) -> str:
    """One line for a packet. `seq` and `ack` are the wire's own numbers; `len` counts payload octets."""
    text = _describe(packet)
    if packet.damage != damage.WHOLE:
        text += f" (damaged: {damage.NAMES[packet.damage]})"
    return text


def flags_text(flags: int) -> str:
    """`SYN, ACK`; `none` if there are none. Reserved bits are shown as a number."""
    names = [FLAG_NAMES[bit] for bit in _FLAG_ORDER if flags >> bit & 1]
    if flags >> 8:
        names.append(f"reserved {flags >> 8:#x}")
    return ", ".join(names) if names else "none"


def endpoint_text(address: bytes, port: int) -> str:
    """`10.0.0.1:80`, `[2001:db8::1]:80`."""
    if len(address) == 4:
        return f"{address_text(address)}:{port}"
    return f"[{address_text(address)}]:{port}"


def protocol_text(protocol: int) -> str:
    """`TCP`, or `protocol 200`."""
    return PROTOCOL_NAMES.get(protocol, f"protocol {protocol}")


def options_text(tcp: Tcp) -> str:
    """` mss=1460 sackOK ts=1:0 wscale=7 sack=9-17`, each with a space before it."""
    text = ""
    options = tcp.options
    if options is not None:
        if options.mss != ABSENT:
            text += f" mss={options.mss}"
        if options.sack_permitted:
            text += " sackOK"
    if tcp.ts_val != ABSENT:
        text += f" ts={tcp.ts_val}:{tcp.ts_ecr}"
    if options is not None:
        if options.window_scale != ABSENT:
            text += f" wscale={options.window_scale}"
        if options.sack:
            text += " sack=" + ",".join([f"{left}-{right}" for left, right in options.sack])
    return text


def icmp_text(icmp: Icmp, version: int, payload: bytes) -> str:
    """What an ICMP (`version` 4) or ICMPv6 (6) message says."""
    if version == 4:
        text = icmpv4.TYPE_NAMES.get(icmp.type, f"type {icmp.type}")
        if icmp.type in (icmpv4.ECHO_REQUEST, icmpv4.ECHO_REPLY):
            return f"{text} id={echo_identifier(icmp)} seq={echo_sequence(icmp)} len={len(payload)}"
        if icmp.type == icmpv4.UNREACHABLE:
            text = _named(icmpv4.UNREACHABLE_NAMES, icmp.code, text)
            if icmp.code == icmpv4.FRAGMENTATION_NEEDED:
                text += f" mtu={icmpv4.mtu_of(icmp)}"
        elif icmp.type == icmpv4.TIME_EXCEEDED:
            text = _named(icmpv4.TIME_EXCEEDED_NAMES, icmp.code, text)
        elif icmp.type == icmpv4.PARAMETER_PROBLEM:
            text += f" pointer={icmpv4.pointer_of(icmp)}"
        return text + (_quote_text(payload) if icmpv4.is_error(icmp.type) else "")
    text = icmpv6.TYPE_NAMES.get(icmp.type, f"type {icmp.type}")
    if icmp.type in (icmpv6.ECHO_REQUEST, icmpv6.ECHO_REPLY):
        return f"{text} id={echo_identifier(icmp)} seq={echo_sequence(icmp)} len={len(payload)}"
    if icmp.type == icmpv6.UNREACHABLE:
        text = _named(icmpv6.UNREACHABLE_NAMES, icmp.code, text)
    elif icmp.type == icmpv6.PACKET_TOO_BIG:
        text += f" mtu={icmp.rest}"
    elif icmp.type == icmpv6.TIME_EXCEEDED:
        text = _named(icmpv6.TIME_EXCEEDED_NAMES, icmp.code, text)
    elif icmp.type == icmpv6.PARAMETER_PROBLEM:
        text = f"{_named(icmpv6.PARAMETER_NAMES, icmp.code, text)} pointer={icmp.rest}"
    return text + (_quote_text(payload) if icmpv6.is_error(icmp.type) else _ndp_text(icmp, payload))


def _describe(packet: Packet) -> str:
    ip = packet.ip
    upper = packet.upper
    ethernet = packet.ethernet
    length = len(packet.payload)
    if ip is None:
        if isinstance(upper, Arp):
            return _arp_text(upper)
        if ethernet is None:
            return f"octets len={length}"
        return (
            f"{mac_text(ethernet.src)} > {mac_text(ethernet.dst)}"
            f" ethertype {ethernet.ethertype:#06x} len={length}"
        )
    if isinstance(upper, Tcp):
        text = f"{_ports(ip, upper.src_port, upper.dst_port)} [{flags_text(upper.flags)}]"
        text += f" seq={upper.seq}"
        if upper.flags & ACK:
            text += f" ack={upper.ack}"
        text += f" win={upper.window}"
        if length:
            text += f" len={length}"
        return text + options_text(upper)
    if isinstance(upper, Udp):
        return f"{_ports(ip, upper.src_port, upper.dst_port)} UDP len={length}"
    text = f"{address_text(ip.src)} > {address_text(ip.dst)} {protocol_text(ip.protocol)}"
    if isinstance(upper, Icmp):
        return f"{text} {icmp_text(upper, ip.version, packet.payload)}"
    if ip.fragment_offset or ip.more_fragments:
        last = "" if ip.more_fragments else " last"
        text += f"{last} fragment id={ip.identification} offset={ip.fragment_offset}"
    return f"{text} len={length}"


def _ports(ip: IpHeader, src_port: int, dst_port: int) -> str:
    return f"{endpoint_text(ip.src, src_port)} > {endpoint_text(ip.dst, dst_port)}"


def _arp_text(arp: Arp) -> str:
    sender = address_text(arp.sender_ip)
    if arp.operation == REQUEST:
        if arp.sender_ip == arp.target_ip:
            return f"ARP announcement {sender} is at {mac_text(arp.sender_mac)}"
        return f"ARP who has {address_text(arp.target_ip)}? tell {sender}"
    if arp.operation == REPLY:
        return f"ARP {sender} is at {mac_text(arp.sender_mac)}"
    return f"ARP operation {arp.operation} from {sender}"


def _named(names: tuple[str, ...], code: int, otherwise: str) -> str:
    return names[code] if code < len(names) else f"{otherwise} code {code}"


def _quote_text(octets: bytes) -> str:
    quote = parse_quote(octets)
    if quote is None:
        return ""
    ip = quote.ip
    protocol = protocol_text(ip.protocol)
    if quote.src_port == ABSENT or quote.icmp_type != ABSENT:
        return f" about {address_text(ip.src)} > {address_text(ip.dst)} {protocol}"
    return f" about {_ports(ip, quote.src_port, quote.dst_port)} {protocol}"


def _ndp_text(icmp: Icmp, payload: bytes) -> str:
    message = parse_ndp(icmp, payload)
    if message is None:
        return ""
    kind = message.type
    if kind == icmpv6.NEIGHBOUR_SOLICITATION:
        return f" who has {address_text(message.target)}"
    if kind == icmpv6.NEIGHBOUR_ADVERTISEMENT:
        flags = "".join(
            [
                "R" if message.router else "",
                "S" if message.solicited else "",
                "O" if message.override else "",
            ]
        )
        place = message.options.target_mac
        at = f" is at {mac_text(place)}" if place else ""
        return f" {address_text(message.target)}{at}" + (f" [{flags}]" if flags else "")
    if kind == icmpv6.REDIRECT:
        return f" {address_text(message.destination)} by {address_text(message.target)}"
    text = f" lifetime={message.router_lifetime}s" if kind == icmpv6.ROUTER_ADVERTISEMENT else ""
    for prefix in message.options.prefixes:
        text += f" prefix {prefix.prefix}"
    return text
