"""The TCP header and its options (RFC 9293 §3.1, RFC 7323, RFC 2018)."""

from __future__ import annotations

from typing import Final, final

from trunkline.wire.header import Header

FIN: Final = 0x01
SYN: Final = 0x02
RST: Final = 0x04
PSH: Final = 0x08
ACK: Final = 0x10
URG: Final = 0x20
ECE: Final = 0x40
CWR: Final = 0x80
ABSENT: Final = -1


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
