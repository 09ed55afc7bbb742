"""The TCP header and its options (RFC 9293 §3.1, RFC 7323, RFC 2018)."""

from __future__ import annotations

from struct import Struct
from typing import Final, final

from trunkline.wire.checksum import fold, pseudo_total, total
from trunkline.wire.header import TCP, Header

HEADER_LENGTH: Final = 20
OPTIONS_LIMIT: Final = 40  # octets

FIN: Final = 0x01
SYN: Final = 0x02
RST: Final = 0x04
PSH: Final = 0x08
ACK: Final = 0x10
URG: Final = 0x20
ECE: Final = 0x40
CWR: Final = 0x80
ABSENT: Final = -1

OPTION_END: Final = 0
OPTION_NOP: Final = 1
OPTION_MSS: Final = 2
OPTION_WINDOW_SCALE: Final = 3
OPTION_SACK_PERMITTED: Final = 4
OPTION_SACK: Final = 5
OPTION_TIMESTAMPS: Final = 8

_FIXED: Final = Struct(">HHIIHHHH")
_TWO_WORDS: Final = Struct(">II")
_ALIGNED_TIMESTAMPS: Final = b"\x01\x01\x08\x0a"


@final
class TcpOptions:
    """The options that few segments carry. `sack` holds (left, right) edges; ABSENT is -1."""

    __slots__ = ("mss", "sack", "sack_permitted", "window_scale")

    def __init__(
        self,
        mss: int = ABSENT,
        window_scale: int = ABSENT,
        sack_permitted: bool = False,
        sack: tuple[tuple[int, int], ...] = (),
    ) -> None:
        self.mss = mss
        self.window_scale = window_scale
        self.sack_permitted = sack_permitted
        self.sack = sack


@final
class Tcp(Header):
    """A TCP header. `flags` holds the reserved bits too (12 bits). Timestamps are ABSENT or 32 bits.

    `raw_options` are the options as they came from the wire, padding included, so that what is forwarded
    stays the same to the bit; None on a header made here, whose octets come from the fields.
    """

    __slots__ = (
        "ack",
        "dst_port",
        "flags",
        "options",
        "raw_options",
        "seq",
        "src_port",
        "ts_ecr",
        "ts_val",
        "urgent",
        "window",
    )

    def __init__(
        self,
        src_port: int,
        dst_port: int,
        seq: int,
        ack: int,
        flags: int,
        window: int,
        ts_val: int = ABSENT,
        ts_ecr: int = 0,
        options: TcpOptions | None = None,
        urgent: int = 0,
    ) -> None:
        self.src_port = src_port
        self.dst_port = dst_port
        self.seq = seq
        self.ack = ack
        self.flags = flags
        self.window = window  # as on the wire, unscaled
        self.ts_val = ts_val
        self.ts_ecr = ts_ecr
        self.options = options
        self.urgent = urgent
        self.raw_options: bytes | None = None
        if options is None:
            self.header_length = 20 if ts_val == ABSENT else 32
        else:
            self.header_length = 20 + options_length(options, ts_val != ABSENT)


def options_length(options: TcpOptions, timestamps: bool) -> int:
    """Octets that `build_options` makes of these, padding included."""
    length = 0
    if options.mss != ABSENT:
        length += 4
    if timestamps and options.sack_permitted:
        length += 12  # SACK-permitted takes the place of two of the NOPs
    else:
        length += 12 if timestamps else 0
        length += 4 if options.sack_permitted else 0
    if options.window_scale != ABSENT:
        length += 4
    if options.sack:
        length += 4 + 8 * len(options.sack)
    return length


def parse_tcp(octets: bytes, at: int, end: int) -> Tcp | None:
    """The header of the segment in `octets[at:end]`; None if the data offset does not fit. No checksum test."""
    if end - at < HEADER_LENGTH:
        return None
    src_port, dst_port, seq, ack, flags, window, _checksum, urgent = _FIXED.unpack_from(octets, at)
    length = flags >> 12 << 2
    if length < HEADER_LENGTH or length > end - at:
        return None
    tcp = Tcp(src_port, dst_port, seq, ack, flags & 0xFFF, window, ABSENT, 0, None, urgent)
    if length > HEADER_LENGTH:
        tcp.header_length = length
        if length == 32 and octets[at + 20 : at + 24] == _ALIGNED_TIMESTAMPS:
            tcp.ts_val, tcp.ts_ecr = _TWO_WORDS.unpack_from(octets, at + 24)
        else:
            tcp.raw_options = octets[at + 20 : at + length]
            parse_options(tcp, tcp.raw_options)
    return tcp


def parse_options(tcp: Tcp, raw: bytes) -> None:
    """Read what is known among options into a header; the rest is skipped, a bad length ends it.

    Any option is read in any segment and at any alignment; what it means there is TCP's to say.
    """
    # RFC 9293 §3.1 MUST-4, MUST-5: end, no-operation and MSS, and each option in any segment
    # RFC 9293 §3.2 MUST-64: at any alignment
    options: TcpOptions | None = None
    at = 0
    while at < len(raw):
        kind = raw[at]
        if kind == OPTION_END:
            break
        if kind == OPTION_NOP:
            at += 1
            continue
        # RFC 9293 §3.1 MUST-68, MUST-7: all others have a length; one that cannot be right ends the list
        if at + 1 >= len(raw):
            break
        length = raw[at + 1]
        if length < 2 or at + length > len(raw):
            break
        if kind == OPTION_TIMESTAMPS and length == 10:
            tcp.ts_val, tcp.ts_ecr = _TWO_WORDS.unpack_from(raw, at + 2)
        # RFC 9293 §3.1 MUST-6: what is not known is stepped over
        elif OPTION_MSS <= kind <= OPTION_SACK:
            if options is None:
                options = TcpOptions()
            if kind == OPTION_MSS and length == 4:
                options.mss = raw[at + 2] << 8 | raw[at + 3]
            elif kind == OPTION_WINDOW_SCALE and length == 3:
                options.window_scale = raw[at + 2]
            elif kind == OPTION_SACK_PERMITTED and length == 2:
                options.sack_permitted = True
            elif kind == OPTION_SACK and length > 2 and length & 7 == 2:
                options.sack = parse_sack(raw, at + 2, at + length)
        at += length
    tcp.options = options


def parse_sack(raw: bytes, at: int, end: int) -> tuple[tuple[int, int], ...]:
    """The blocks of a SACK option, (left, right) edges."""
    blocks: list[tuple[int, int]] = []
    while at < end:
        left, right = _TWO_WORDS.unpack_from(raw, at)
        blocks.append((left, right))
        at += 8
    return tuple(blocks)


def build_options(tcp: Tcp) -> bytes:
    """The octets of a header's options: those it came with, or its fields in the order of Linux."""
    if tcp.raw_options is not None:
        return tcp.raw_options
    timestamps = tcp.ts_val != ABSENT
    options = tcp.options
    if options is None:
        if not timestamps:
            return b""
        return _ALIGNED_TIMESTAMPS + _TWO_WORDS.pack(tcp.ts_val, tcp.ts_ecr)
    # RFC 9293 §3.1 MUST-69: filled up with no-operations, so that nothing follows an end of options
    octets = b""
    if options.mss != ABSENT:
        octets = b"\x02\x04" + options.mss.to_bytes(2, "big")
    if timestamps:
        octets += b"\x04\x02\x08\x0a" if options.sack_permitted else _ALIGNED_TIMESTAMPS
        octets += _TWO_WORDS.pack(tcp.ts_val, tcp.ts_ecr)
    elif options.sack_permitted:
        octets += b"\x01\x01\x04\x02"
    if options.window_scale != ABSENT:
        octets += b"\x01\x03\x03" + options.window_scale.to_bytes(1, "big")
    if options.sack:
        octets += b"\x01\x01\x05" + (2 + 8 * len(options.sack)).to_bytes(1, "big")
        for left, right in options.sack:
            octets += _TWO_WORDS.pack(left, right)
    return octets


def build_tcp(tcp: Tcp, src: bytes, dst: bytes, payload: bytes) -> bytes:
    """The octets of the header, options and checksum included; the payload is only summed."""
    length = tcp.header_length
    flags = length << 10 | tcp.flags
    options = build_options(tcp)
    value = (
        pseudo_total(src, dst, TCP, length + len(payload))
        + tcp.src_port
        + tcp.dst_port
        + tcp.seq
        + tcp.ack
        + flags
        + tcp.window
        + tcp.urgent
        + total(payload, 0, len(payload))
    )
    if options:
        value += total(options, 0, len(options))
    # RFC 9293 §3.1 MUST-2: the checksum is always filled in
    return (
        _FIXED.pack(
            tcp.src_port,
            tcp.dst_port,
            tcp.seq,
            tcp.ack,
            flags,
            tcp.window,
            ~fold(value) & 0xFFFF,
            tcp.urgent,
        )
        + options
    )
