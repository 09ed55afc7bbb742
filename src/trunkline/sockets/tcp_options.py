"""Options of the level IPPROTO_TCP, tcp(7). Those that are only kept stand in options.PLAIN."""

from __future__ import annotations

import sys
from typing import Final

from trunkline.base.units import MICROSECOND, MILLISECOND, SECOND
from trunkline.sockets.errors import failure
from trunkline.sockets.stream import StreamSocket
from trunkline.transport.tcp.block import CLOSED, STATE_NAMES, TIME_WAIT, Block

TCP_NODELAY: Final = 1
TCP_MAXSEG: Final = 2
TCP_CORK: Final = 3
TCP_KEEPIDLE: Final = 4
TCP_KEEPINTVL: Final = 5
TCP_KEEPCNT: Final = 6
TCP_SYNCNT: Final = 7
TCP_LINGER2: Final = 8
TCP_WINDOW_CLAMP: Final = 10
TCP_INFO: Final = 11
TCP_QUICKACK: Final = 12
TCP_CONGESTION: Final = 13
TCP_THIN_DUPACK: Final = 17
TCP_USER_TIMEOUT: Final = 18

MSS_DEFAULT: Final = 536  # what Linux shows before there is a connection
MSS_RANGE: Final = (88, 32767)
KEEP_LIMIT: Final = 32767  # seconds
COUNT_LIMIT: Final = 127
LINGER2_LIMIT: Final = 120
LINGER2_DEFAULT: Final = 60
CLAMP_FLOOR: Final = 1152
NAME_LENGTH: Final = 16  # of a congestion control, in octets
INFO_LENGTH: Final = 104  # of the fields of struct tcp_info that are filled in
CONGESTIONS: Final = ("reno", "cubic")

# struct tcp_info's numbers of the states that STATE_NAMES lists
_STATES: Final = (7, 10, 2, 3, 1, 4, 5, 8, 11, 9, 6)


def get_tcp(socket: StreamSocket, option: int, now: int) -> bytes | None:
    """The octets of an option, or None where it is none of these."""
    settings = socket.settings
    connection = socket.connection
    value = 0
    if option == TCP_NODELAY:
        value = int(settings.nodelay)
    elif option == TCP_MAXSEG:
        if connection is not None and connection.state != CLOSED:
            value = connection.mss
        else:
            value = settings.max_segment or MSS_DEFAULT
    elif option == TCP_CORK:
        value = int(settings.cork)
    elif option == TCP_KEEPIDLE:
        value = settings.keep_idle // SECOND
    elif option == TCP_KEEPINTVL:
        value = settings.keep_interval // SECOND
    elif option == TCP_KEEPCNT:
        value = settings.keep_count
    elif option == TCP_SYNCNT:
        value = settings.syn_retries or socket.transport.tcp.common.policy.syn_retries
    elif option == TCP_LINGER2:
        value = max(settings.fin_wait_2 // SECOND, -1)
    elif option == TCP_WINDOW_CLAMP:
        value = socket.window_clamp
    elif option == TCP_INFO:
        return _info(socket, now)
    elif option == TCP_QUICKACK:
        if settings.quickack or connection is None:
            value = int(settings.quickack or not socket.slow_ack)
        else:
            value = int(not socket.slow_ack and not connection.pingpong)
    elif option == TCP_CONGESTION:
        return settings.congestion.encode().ljust(NAME_LENGTH, b"\0")
    elif option == TCP_THIN_DUPACK:
        value = 0
    elif option == TCP_USER_TIMEOUT:
        value = settings.user_timeout // MILLISECOND
    else:
        return None
    return (value & 0xFFFFFFFF).to_bytes(4, sys.byteorder)


def set_tcp(socket: StreamSocket, option: int, value: bytes) -> bool:
    """Set an option; False where it is none of these. Raises EINVAL, ENOENT."""
    settings = socket.settings
    if option == TCP_CONGESTION:
        if not value:
            raise failure("EINVAL")
        name = value.split(b"\0")[0][: NAME_LENGTH - 1].decode("ascii", "replace")
        if name not in CONGESTIONS:
            raise failure("ENOENT")
        settings.congestion = name
        return True
    if option == TCP_INFO:
        raise failure("ENOPROTOOPT")
    if len(value) < 4:
        raise failure("EINVAL")
    number = int.from_bytes(value[:4], sys.byteorder, signed=True)
    if option == TCP_NODELAY:
        settings.nodelay = number != 0
    elif option == TCP_MAXSEG:
        if number and not MSS_RANGE[0] <= number <= MSS_RANGE[1]:
            raise failure("EINVAL")
        settings.max_segment = number
    elif option == TCP_CORK:
        settings.cork = number != 0
    elif option == TCP_KEEPIDLE:
        settings.keep_idle = _within(number, KEEP_LIMIT) * SECOND
    elif option == TCP_KEEPINTVL:
        settings.keep_interval = _within(number, KEEP_LIMIT) * SECOND
    elif option == TCP_KEEPCNT:
        settings.keep_count = _within(number, COUNT_LIMIT)
    elif option == TCP_SYNCNT:
        settings.syn_retries = _within(number, COUNT_LIMIT)
    elif option == TCP_LINGER2:
        settings.fin_wait_2 = -1
        if number >= 0:
            settings.fin_wait_2 = min(number or LINGER2_DEFAULT, LINGER2_LIMIT) * SECOND
    elif option == TCP_WINDOW_CLAMP:
        if not number and socket.connection is not None:
            raise failure("EINVAL")
        socket.window_clamp = max(number, CLAMP_FLOOR) if number else 0
    elif option == TCP_QUICKACK:
        settings.quickack = number != 0
        socket.slow_ack = number == 0
        connection = socket.connection
        if number == 0 and connection is not None:
            # as Linux: acknowledgements wait, until one has waited in vain
            socket.slow_ack = False
            connection.pingpong = True
    elif option == TCP_THIN_DUPACK:
        if not 0 <= number <= 1:
            raise failure("EINVAL")
    elif option == TCP_USER_TIMEOUT:
        if number < 0:
            raise failure("EINVAL")
        settings.user_timeout = number * MILLISECOND
    else:
        return False
    return True


def _within(number: int, limit: int) -> int:
    if not 1 <= number <= limit:
        raise failure("EINVAL")
    return number


def _info(socket: StreamSocket, now: int) -> bytes:
    """The first fields of struct tcp_info, linux/tcp.h; times in microseconds, since-times in ms."""
    state = _STATES[STATE_NAMES.index("LISTEN")] if socket.listener is not None else 7
    connection = socket.connection
    if connection is None:
        return bytes((state,)) + bytes(INFO_LENGTH - 1)
    if connection.state != TIME_WAIT:  # whose socket, in Linux, is closed by then
        state = _STATES[connection.state]
    counts = connection.statistics()
    mss = max(counts["mss"], 1)
    options = int(connection.ts_ok) | int(connection.sack_ok) << 1 | int(connection.scale_ok) << 2
    scales = (connection.snd_scale & 15) | (connection.rcv_scale & 15) << 4
    octets = bytes(
        (state, 0, counts["backoff"] & 255, 0, counts["backoff"] & 255, options, scales, 0)
    )
    words = (
        counts["rto"] // MICROSECOND,
        40_000,
        mss,
        connection.rcv_mss,
        _segments(counts["under_way"], mss),
        _segments(counts["sacked"], mss),
        _segments(counts["lost"], mss),
        0,
        0,
        max(0, now - connection.last_sent_at) // MILLISECOND,
        0,
        max(0, now - connection.received_at) // MILLISECOND,
        max(0, now - connection.heard_at) // MILLISECOND,
        connection.path.mtu,
        connection.receive_buffer,
        counts["srtt"] // MICROSECOND,
        counts["rttvar"] // MICROSECOND,
        _threshold(connection, mss),
        _segments(counts["cwnd"], mss),
        connection.adv_mss,
        3,
        0,
        connection.receive_buffer,
        counts["resent"],
    )
    for word in words:
        octets += (word & 0xFFFFFFFF).to_bytes(4, sys.byteorder)
    return octets


def _segments(octets: int, mss: int) -> int:
    return -(-octets // mss)


def _threshold(connection: Block, mss: int) -> int:
    threshold = connection.congestion.ssthresh
    return min(threshold // mss, 0x7FFFFFFF)
