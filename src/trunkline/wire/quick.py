"""The codec's short cut: TCP in Ethernet frames, without options but timestamps, of either IP version.

Nearly all packets of a busy network have this shape, so their octets are made and read in one step with all
fields at once; `frame` does the rest, and what it makes and reads of these packets is the same (a test
compares them). Reading has two bodies: one Struct for all headers, which is fastest interpreted, and octet
by octet, which is fastest compiled. RFC 791, RFC 8200, RFC 9293 §3.1, RFC 7323 appendix A.
"""

from __future__ import annotations

from struct import Struct
from typing import Final

from trunkline.base.native import i64
from trunkline.base.timers import COMPILED
from trunkline.wire.checksum import address_total, fold, total
from trunkline.wire.ethernet import Ethernet
from trunkline.wire.header import ETHERTYPE_IPV4, ETHERTYPE_IPV6, TCP
from trunkline.wire.ipv4 import IPv4
from trunkline.wire.ipv6 import IPv6
from trunkline.wire.packet import Packet
from trunkline.wire.tcp import ABSENT, Tcp

_NOP_NOP_TS: Final = 0x0101080A
_V4: Final = Struct(">6s6sHBBHHHBBH4s4sHHIIHHHH")
_V4_TS: Final = Struct(">6s6sHBBHHHBBH4s4sHHIIHHHHIII")
_V6: Final = Struct(">6s6sHIHBB16s16sHHIIHHHH")
_V6_TS: Final = Struct(">6s6sHIHBB16s16sHHIIHHHHIII")
_V4_START: Final = b"\x08\x00\x45"
_V6_START: Final = b"\x86\xdd"


def build_quick(packet: Packet) -> bytes | None:
    """The octets of a packet of the common shape; None for any other."""
    tcp = packet.upper
    ethernet = packet.ethernet
    if ethernet is None or not isinstance(tcp, Tcp):
        return None
    if tcp.options is not None or tcp.raw_options is not None:
        return None
    ip = packet.ip
    if isinstance(ip, IPv4):
        if ip.header_length == 20 and not ip.reserved_flag:
            return _build4(packet, ethernet, ip, tcp)
    elif isinstance(ip, IPv6) and ip.header_length == 40:
        return _build6(packet, ethernet, ip, tcp)
    return None


def parse_quick(octets: bytes) -> Packet | None:
    """A packet of the common shape, whole and undamaged; None for anything else."""
    if len(octets) < 54:
        return None
    if COMPILED:
        return parse_looking(octets)
    return parse_unpacking(octets)


def _tcp_total(tcp: Tcp, payload: bytes) -> int:
    """The sum of the fields of a header whose only options are timestamps, and of what follows it."""
    value = (
        tcp.src_port
        + tcp.dst_port
        + tcp.seq
        + tcp.ack
        + (tcp.header_length << 10 | tcp.flags)
        + tcp.window
        + tcp.urgent
        + TCP
        + tcp.header_length
        + len(payload)
    )
    if tcp.ts_val != ABSENT:
        value += _NOP_NOP_TS + tcp.ts_val + tcp.ts_ecr
    if payload:
        value += total(payload, 0, len(payload))
    return value


def _build4(packet: Packet, ethernet: Ethernet, ip: IPv4, tcp: Tcp) -> bytes | None:
    if ip.fragment_offset or ip.more_fragments:
        return None
    payload = packet.payload
    addresses = address_total(ip.src, ip.dst)
    header_length = tcp.header_length
    length = 20 + header_length + len(payload)
    fragment = 0x4000 if ip.dont_fragment else 0
    first = 0x4500 | ip.traffic_class
    sum4 = first + length + ip.identification + fragment + (ip.hop_limit << 8) + TCP + addresses
    if tcp.ts_val == ABSENT:
        return (
            _V4.pack(
                ethernet.dst, ethernet.src, ethernet.ethertype,
                0x45, ip.traffic_class, length, ip.identification, fragment,
                ip.hop_limit, TCP, ~fold(sum4) & 0xFFFF, ip.src, ip.dst,
                tcp.src_port, tcp.dst_port, tcp.seq, tcp.ack,
                header_length << 10 | tcp.flags, tcp.window,
                ~fold(addresses + _tcp_total(tcp, payload)) & 0xFFFF, tcp.urgent,
            )
            + payload
        )  # fmt: skip
    return (
        _V4_TS.pack(
            ethernet.dst, ethernet.src, ethernet.ethertype,
            0x45, ip.traffic_class, length, ip.identification, fragment,
            ip.hop_limit, TCP, ~fold(sum4) & 0xFFFF, ip.src, ip.dst,
            tcp.src_port, tcp.dst_port, tcp.seq, tcp.ack,
            header_length << 10 | tcp.flags, tcp.window,
            ~fold(addresses + _tcp_total(tcp, payload)) & 0xFFFF, tcp.urgent,
            _NOP_NOP_TS, tcp.ts_val, tcp.ts_ecr,
        )
        + payload
    )  # fmt: skip


def _build6(packet: Packet, ethernet: Ethernet, ip: IPv6, tcp: Tcp) -> bytes:
    payload = packet.payload
    header_length = tcp.header_length
    checksum = ~fold(address_total(ip.src, ip.dst) + _tcp_total(tcp, payload)) & 0xFFFF
    first = 0x60000000 | ip.traffic_class << 20 | ip.flow_label
    if tcp.ts_val == ABSENT:
        return (
            _V6.pack(
                ethernet.dst, ethernet.src, ethernet.ethertype,
                first, header_length + len(payload), TCP, ip.hop_limit, ip.src, ip.dst,
                tcp.src_port, tcp.dst_port, tcp.seq, tcp.ack,
                header_length << 10 | tcp.flags, tcp.window, checksum, tcp.urgent,
            )
            + payload
        )  # fmt: skip
    return (
        _V6_TS.pack(
            ethernet.dst, ethernet.src, ethernet.ethertype,
            first, header_length + len(payload), TCP, ip.hop_limit, ip.src, ip.dst,
            tcp.src_port, tcp.dst_port, tcp.seq, tcp.ack,
            header_length << 10 | tcp.flags, tcp.window, checksum, tcp.urgent,
            _NOP_NOP_TS, tcp.ts_val, tcp.ts_ecr,
        )
        + payload
    )  # fmt: skip


def _joined(octets: bytes, ip: IPv4 | IPv6, tcp: Tcp, start: int, end: int) -> Packet:
    """The packet of two headers whose payload is `octets[start:end]`; what follows is padding."""
    packet = Packet(ip, tcp, octets[start:end])
    packet.octets = octets if end == len(octets) else octets[:end]
    return packet


# ---------------------------------------------------------------- one Struct for all headers


def parse_unpacking(octets: bytes) -> Packet | None:
    """`parse_quick` for at least 54 octets, by one Struct."""
    if octets[12:15] == _V4_START:
        return _unpack4(octets)
    if octets[12:14] == _V6_START and octets[14] >> 4 == 6 and len(octets) >= 74:
        return _unpack6(octets)
    return None


def _unpack4(octets: bytes) -> Packet | None:
    offset = octets[46] >> 4
    if octets[23] != TCP or octets[20] & 0xBF or octets[21]:
        return None
    val = ABSENT
    ecr = 0
    if offset == 5:
        (
            dst_mac, src_mac, _type, _first, tos, length, identification, fragment, ttl,
            _protocol, _sum4, src, dst, src_port, dst_port, seq, ack, flags, window,
            _checksum, urgent,
        ) = _V4.unpack_from(octets)  # fmt: skip
    elif offset == 8 and len(octets) >= 66:
        (
            dst_mac, src_mac, _type, _first, tos, length, identification, fragment, ttl,
            _protocol, _sum4, src, dst, src_port, dst_port, seq, ack, flags, window,
            _checksum, urgent, options, val, ecr,
        ) = _V4_TS.unpack_from(octets)  # fmt: skip
        if options != _NOP_NOP_TS:
            return None
    else:
        return None
    end = 14 + length
    start = 34 + offset * 4
    if end > len(octets) or end < start:
        return None
    if int.from_bytes(octets[14:34], "big") % 0xFFFF:
        return None
    # The addresses stand right before the segment: one sum takes in both.
    if fold(total(octets, 26, end) + TCP + length - 20) != 0xFFFF:
        return None
    ip = IPv4(src, dst, TCP, ttl, tos, fragment != 0)
    ip.identification = identification
    tcp = Tcp(src_port, dst_port, seq, ack, flags & 0xFFF, window, val, ecr, None, urgent)
    packet = _joined(octets, ip, tcp, start, end)
    packet.ethernet = Ethernet(dst_mac, src_mac, ETHERTYPE_IPV4)
    return packet


def _unpack6(octets: bytes) -> Packet | None:
    offset = octets[66] >> 4
    if octets[20] != TCP:
        return None
    val = ABSENT
    ecr = 0
    if offset == 5:
        (
            dst_mac, src_mac, _type, first, length, _next, hop_limit, src, dst,
            src_port, dst_port, seq, ack, flags, window, _checksum, urgent,
        ) = _V6.unpack_from(octets)  # fmt: skip
    elif offset == 8 and len(octets) >= 86:
        (
            dst_mac, src_mac, _type, first, length, _next, hop_limit, src, dst,
            src_port, dst_port, seq, ack, flags, window, _checksum, urgent, options, val, ecr,
        ) = _V6_TS.unpack_from(octets)  # fmt: skip
        if options != _NOP_NOP_TS:
            return None
    else:
        return None
    end = 54 + length
    start = 54 + offset * 4
    if end > len(octets) or end < start:
        return None
    if fold(total(octets, 22, end) + TCP + length) != 0xFFFF:
        return None
    ip = IPv6(src, dst, TCP, hop_limit, first >> 20 & 0xFF, first & 0xFFFFF)
    tcp = Tcp(src_port, dst_port, seq, ack, flags & 0xFFF, window, val, ecr, None, urgent)
    packet = _joined(octets, ip, tcp, start, end)
    packet.ethernet = Ethernet(dst_mac, src_mac, ETHERTYPE_IPV6)
    return packet


# ---------------------------------------------------------------- octet by octet


def parse_looking(octets: bytes) -> Packet | None:
    """`parse_quick` for at least 54 octets, without a Struct."""
    size: i64 = len(octets)
    ethertype = _word(octets, 12)
    at: i64 = 34
    end: i64 = 0
    if ethertype == ETHERTYPE_IPV4:
        length: i64 = _word(octets, 16)
        end = 14 + length
        if octets[14] != 0x45 or octets[23] != TCP or octets[20] & 0xBF or octets[21]:
            return None
        if end > size or length < 40 or total(octets, 14, 34) != 0xFFFF:
            return None
        if fold(total(octets, 26, end) + TCP + length - 20) != 0xFFFF:
            return None
        ip4 = IPv4(octets[26:30], octets[30:34], TCP, octets[22], octets[15], octets[20] != 0)
        ip4.identification = _word(octets, 18)
        return _look_tcp(octets, ip4, at, end, ETHERTYPE_IPV4)
    if ethertype != ETHERTYPE_IPV6 or octets[14] >> 4 != 6 or octets[20] != TCP:
        return None
    length = _word(octets, 18)
    end = 54 + length
    if end > size or length < 20 or fold(total(octets, 22, end) + TCP + length) != 0xFFFF:
        return None
    first: i64 = _long(octets, 14)
    ip6 = IPv6(octets[22:38], octets[38:54], TCP, octets[21], first >> 20 & 0xFF, first & 0xFFFFF)
    at = 54
    return _look_tcp(octets, ip6, at, end, ETHERTYPE_IPV6)


def _look_tcp(octets: bytes, ip: IPv4 | IPv6, at: i64, end: i64, ethertype: int) -> Packet | None:
    val: i64 = ABSENT
    ecr: i64 = 0
    start: i64 = at + 20
    flags: i64 = _word(octets, at + 12)
    if flags >> 12 == 8:
        if end - at < 32 or _long(octets, at + 20) != _NOP_NOP_TS:
            return None
        val = _long(octets, at + 24)
        ecr = _long(octets, at + 28)
        start = at + 32
    elif flags >> 12 != 5:
        return None
    tcp = Tcp(
        _word(octets, at),
        _word(octets, at + 2),
        _long(octets, at + 4),
        _long(octets, at + 8),
        flags & 0xFFF,
        _word(octets, at + 14),
        val,
        ecr,
        None,
        _word(octets, at + 18),
    )
    packet = _joined(octets, ip, tcp, start, end)
    packet.ethernet = Ethernet(octets[0:6], octets[6:12], ethertype)
    return packet


def _word(octets: bytes, at: i64) -> i64:
    high: i64 = octets[at]
    low: i64 = octets[at + 1]
    return high << 8 | low


def _long(octets: bytes, at: i64) -> i64:
    return _word(octets, at) << 16 | _word(octets, at + 2)
