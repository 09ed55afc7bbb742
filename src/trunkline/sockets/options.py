"""getsockopt(2) and setsockopt(2): the way to each level, the options of every socket, and those only kept.

Most options here change nothing but what getsockopt says: `PLAIN` lists them with default and range. Those
that do something have a line in the functions of this file, of ip_options or of tcp_options. An int is 4
octets in the machine's order. socket(7), udp(7).

Left out: filters, zero-copy, timestamps that come true, SO_PEERNAME, SO_MEMINFO, SO_COOKIE.
"""

from __future__ import annotations

import sys
from typing import Final, final

from trunkline.base.results import ERRNO
from trunkline.base.units import MICROSECOND, SECOND
from trunkline.sockets.constants import (
    AF_INET6,
    IPPROTO_IP,
    IPPROTO_IPV6,
    IPPROTO_TCP,
    IPPROTO_UDP,
    SOL_SOCKET,
)
from trunkline.sockets.datagram import DatagramSocket
from trunkline.sockets.errors import failure, number_of
from trunkline.sockets.ip_options import get_ip, get_ipv6, set_ip, set_ipv6
from trunkline.sockets.socket import Socket
from trunkline.sockets.stream import StreamSocket
from trunkline.sockets.tcp_options import get_tcp, set_tcp

SO_REUSEADDR: Final = 2
SO_TYPE: Final = 3
SO_ERROR: Final = 4
SO_BROADCAST: Final = 6
SO_SNDBUF: Final = 7
SO_RCVBUF: Final = 8
SO_KEEPALIVE: Final = 9
SO_OOBINLINE: Final = 10
SO_NO_CHECK: Final = 11
SO_LINGER: Final = 13
SO_BSDCOMPAT: Final = 14
SO_REUSEPORT: Final = 15
SO_PASSCRED: Final = 16
SO_PEERCRED: Final = 17
SO_RCVLOWAT: Final = 18
SO_SNDLOWAT: Final = 19
SO_RCVTIMEO: Final = 20
SO_SNDTIMEO: Final = 21
SO_BINDTODEVICE: Final = 25
SO_ACCEPTCONN: Final = 30
SO_SNDBUFFORCE: Final = 32
SO_RCVBUFFORCE: Final = 33
SO_PASSSEC: Final = 34
SO_PROTOCOL: Final = 38
SO_DOMAIN: Final = 39
SO_BPF_EXTENSIONS: Final = 48
SO_RCVTIMEO_NEW: Final = 66
SO_SNDTIMEO_NEW: Final = 67

BUFFER_LIMIT: Final = (
    212992  # net.core.rmem_max and wmem_max: what may be asked for, before doubling
)
SEND_FLOOR: Final = 4608
RECEIVE_FLOOR: Final = 2304
FRESH_SEND_BUFFER: Final = 16384  # net.ipv4.tcp_wmem: what Linux shows before it tunes

_READ_ONLY: Final = (
    SO_TYPE,
    SO_ERROR,
    SO_PEERCRED,
    SO_SNDLOWAT,
    SO_ACCEPTCONN,
    SO_PROTOCOL,
    SO_DOMAIN,
    SO_BPF_EXTENSIONS,
)


@final
class Plain:
    """An option that is only kept: its default and its range; a flag keeps whether it was not 0."""

    __slots__ = ("default", "flag", "high", "low")

    def __init__(self, default: int, low: int, high: int, flag: bool) -> None:
        self.default = default
        self.low = low
        self.high = high
        self.flag = flag


def _flag(default: int = 0) -> Plain:
    return Plain(default, -(1 << 31), (1 << 31) - 1, True)


def _number(default: int, low: int = -(1 << 31), high: int = (1 << 31) - 1) -> Plain:
    return Plain(default, low, high, False)


PLAIN: Final = {
    SOL_SOCKET: {
        1: _flag(),  # SO_DEBUG
        5: _flag(),  # SO_DONTROUTE
        12: _number(0),  # SO_PRIORITY
        29: _flag(),  # SO_TIMESTAMP
        35: _flag(),  # SO_TIMESTAMPNS
        36: _number(0),  # SO_MARK
        37: _number(0),  # SO_TIMESTAMPING
        40: _flag(),  # SO_RXQ_OVFL
        41: _flag(),  # SO_WIFI_STATUS
        42: _number(-1),  # SO_PEEK_OFF
        43: _flag(),  # SO_NOFCS
        44: _flag(),  # SO_LOCK_FILTER
        45: _flag(),  # SO_SELECT_ERR_QUEUE
        46: _number(0, 0),  # SO_BUSY_POLL
        47: _number(-1),  # SO_MAX_PACING_RATE
        49: _number(-1),  # SO_INCOMING_CPU
        60: _number(0, 0, 1),  # SO_ZEROCOPY
        69: _flag(),  # SO_PREFER_BUSY_POLL
    },
    IPPROTO_IP: {
        4: _flag(),  # IP_OPTIONS: there are none
        6: _flag(),  # IP_RECVOPTS
        7: _flag(),  # IP_RETOPTS
        8: _flag(),  # IP_PKTINFO
        11: _flag(),  # IP_RECVERR
        12: _flag(),  # IP_RECVTTL
        13: _flag(),  # IP_RECVTOS
        15: _flag(),  # IP_FREEBIND
        18: _flag(),  # IP_PASSSEC
        19: _flag(),  # IP_TRANSPARENT
        20: _flag(),  # IP_RECVORIGDSTADDR
        21: _number(0, 0, 255),  # IP_MINTTL
        23: _flag(),  # IP_CHECKSUM
        24: _flag(),  # IP_BIND_ADDRESS_NO_PORT
        26: _number(0, 0, 1),  # IP_RECVERR_RFC4884
        51: _number(0),  # IP_LOCAL_PORT_RANGE
    },
    IPPROTO_IPV6: {
        2: _flag(),  # IPV6_2292PKTINFO and its like
        3: _flag(),
        4: _flag(),
        5: _flag(),
        8: _flag(),
        11: _flag(),  # IPV6_FLOWINFO
        25: _flag(),  # IPV6_RECVERR
        30: _flag(),  # IPV6_ROUTER_ALERT_ISOLATE
        31: _number(0, 0, 1),  # IPV6_RECVERR_RFC4884
        33: _flag(),  # IPV6_FLOWINFO_SEND
        49: _flag(),  # IPV6_RECVPKTINFO
        51: _flag(),  # IPV6_RECVHOPLIMIT
        53: _flag(),  # IPV6_RECVHOPOPTS
        56: _flag(),  # IPV6_RECVRTHDR
        58: _flag(),  # IPV6_RECVDSTOPTS
        60: _flag(),  # IPV6_RECVPATHMTU
        62: _flag(),  # IPV6_DONTFRAG
        66: _flag(),  # IPV6_RECVTCLASS
        70: _flag(1),  # IPV6_AUTOFLOWLABEL
        73: _number(0, 0, 255),  # IPV6_MINHOPCOUNT
        74: _flag(),  # IPV6_ORIGDSTADDR
        75: _flag(),  # IPV6_TRANSPARENT
        77: _flag(),  # IPV6_RECVFRAGSIZE
        78: _flag(),  # IPV6_FREEBIND
    },
    IPPROTO_TCP: {
        9: _number(0),  # TCP_DEFER_ACCEPT
        16: _number(0, 0, 1),  # TCP_THIN_LINEAR_TIMEOUTS
        19: _number(0, 0, 1),  # TCP_REPAIR
        23: _number(0, 0),  # TCP_FASTOPEN
        25: _number(0),  # TCP_NOTSENT_LOWAT
        27: _number(0, 0, 2),  # TCP_SAVE_SYN
        30: _number(0, 0, 1),  # TCP_FASTOPEN_CONNECT
        34: _number(0, 0, 1),  # TCP_FASTOPEN_NO_COOKIE
        36: _number(0, 0, 1),  # TCP_INQ
        37: _number(0, 0),  # TCP_TX_DELAY
    },
    IPPROTO_UDP: {
        1: _flag(),  # UDP_CORK
        101: _flag(),  # UDP_NO_CHECK6_TX
        102: _flag(),  # UDP_NO_CHECK6_RX
        103: _number(0, 0, 0xFFFF),  # UDP_SEGMENT
        104: _flag(),  # UDP_GRO
    },
}

_NEEDS_AN_OCTET: Final = (15, 19, 21)  # IP_FREEBIND, IP_TRANSPARENT, IP_MINTTL
_NEEDS_NONE: Final = (62, 70, 77)  # IPV6_DONTFRAG, IPV6_AUTOFLOWLABEL, IPV6_RECVFRAGSIZE


def get_option(socket: Socket, level: int, option: int, size: int, now: int) -> bytes:
    """The octets of an option's value, at most `size`. Raises ENOPROTOOPT, EOPNOTSUPP, EINVAL."""
    if size < 0:
        raise failure("EINVAL")
    octets: bytes | None = None
    if level == SOL_SOCKET:
        octets = _get_socket(socket, option)
    elif level == socket.protocol and level == IPPROTO_TCP:
        assert isinstance(socket, StreamSocket)
        octets = get_tcp(socket, option, now)
    elif level == socket.protocol and level == IPPROTO_UDP:
        pass
    elif level == IPPROTO_IP:
        octets = get_ip(socket, option)
    elif level == IPPROTO_IPV6 and socket.family == AF_INET6:
        octets = get_ipv6(socket, option)
    else:
        # as Linux: ip_getsockopt and ipv6_getsockopt differ here
        raise failure("ENOPROTOOPT" if socket.family == AF_INET6 else "EOPNOTSUPP")
    if octets is None:
        octets = integer(_get_plain(socket, level, option))
    if level == IPPROTO_IP and size < 4 and int.from_bytes(octets, sys.byteorder) < 256:
        return octets[:1] if size else b""  # as do_ip_getsockopt: it fits into one octet
    return octets[:size]


def set_option(socket: Socket, level: int, option: int, value: bytes, now: int) -> None:
    """Set an option from the octets of its value. Raises ENOPROTOOPT, EINVAL and what options have."""
    done = False
    if level == SOL_SOCKET:
        done = _set_socket(socket, option, value)
    elif level == socket.protocol and level == IPPROTO_TCP:
        assert isinstance(socket, StreamSocket)
        done = set_tcp(socket, option, value)
    elif level == socket.protocol and level == IPPROTO_UDP:
        pass
    elif level == IPPROTO_IP:
        done = set_ip(socket, option, value, now)
    elif level == IPPROTO_IPV6 and socket.family == AF_INET6:
        done = set_ipv6(socket, option, value, now)
    else:
        raise failure("ENOPROTOOPT")
    if not done:
        _set_plain(socket, level, option, value)
    socket.reconfigured(now)


def integer(value: int) -> bytes:
    """An int as C has it."""
    return (value & 0xFFFFFFFF).to_bytes(4, sys.byteorder)


def _get_plain(socket: Socket, level: int, option: int) -> int:
    plain = PLAIN[level].get(option)
    if plain is None:
        raise failure("ENOPROTOOPT")
    kept = socket.plain
    if kept is None:
        return plain.default
    return kept.get(level << 16 | option, plain.default)


def _set_plain(socket: Socket, level: int, option: int, value: bytes) -> None:
    plain = PLAIN[level].get(option)
    if len(value) >= 4:
        number = int.from_bytes(value[:4], sys.byteorder, signed=True)
    elif level == IPPROTO_IP and (value or option not in _NEEDS_AN_OCTET):
        number = value[0] if value else 0
    elif level == IPPROTO_IPV6 and (plain is None or option in _NEEDS_NONE):
        number = 0
    else:
        raise failure("EINVAL")
    if plain is None:
        raise failure("ENOPROTOOPT")
    if not plain.low <= number <= plain.high:
        raise failure("EINVAL")
    if socket.plain is None:
        socket.plain = {}
    socket.plain[level << 16 | option] = int(number != 0) if plain.flag else number


# ---------------------------------------------------------------- SOL_SOCKET


def _get_socket(socket: Socket, option: int) -> bytes | None:
    value = 0
    if option == SO_REUSEADDR:
        value = int(socket.reuse_address)
    elif option == SO_TYPE:
        value = socket.type
    elif option == SO_ERROR:
        value = number_of(ERRNO[socket.take_error()])
    elif option == SO_BROADCAST:
        value = int(socket.broadcast)
    elif option == SO_SNDBUF:
        value = _send_buffer(socket)
    elif option == SO_RCVBUF:
        value = _receive_buffer(socket)
    elif option == SO_REUSEPORT:
        value = int(socket.reuse_port)
    elif option == SO_RCVLOWAT:
        value = socket.low_water
    elif option == SO_SNDLOWAT:
        value = 1
    elif option == SO_ACCEPTCONN:
        value = int(isinstance(socket, StreamSocket) and socket.listener is not None)
    elif option == SO_PROTOCOL:
        value = socket.protocol
    elif option == SO_DOMAIN:
        value = socket.family
    elif option == SO_BPF_EXTENSIONS:
        value = 64
    elif option == SO_BSDCOMPAT:
        value = 0
    elif option == SO_KEEPALIVE:
        value = int(socket.keepalive)
    elif option == SO_OOBINLINE:
        value = int(socket.oob_inline)
    elif option == SO_NO_CHECK:
        value = int(socket.no_check)
    elif option in (SO_PASSCRED, SO_PASSSEC):
        raise failure("EOPNOTSUPP")
    elif option == SO_PEERCRED:
        return integer(0) + integer(-1) + integer(-1)
    elif option == SO_LINGER:
        return integer(int(socket.linger >= 0)) + integer(socket.linger_seconds)
    elif option in (SO_RCVTIMEO, SO_RCVTIMEO_NEW):
        return _timeval(socket.receive_timeout)
    elif option in (SO_SNDTIMEO, SO_SNDTIMEO_NEW):
        return _timeval(socket.send_timeout)
    elif option == SO_BINDTODEVICE:
        return b"" if socket.nic is None else socket.nic.name.encode() + b"\0"
    else:
        return None
    return integer(value)


def _set_socket(socket: Socket, option: int, value: bytes) -> bool:
    if option == SO_BINDTODEVICE:
        _bind_to_device(socket, value)
        return True
    if len(value) < 4:
        raise failure("EINVAL")
    if option in _READ_ONLY:
        raise failure("ENOPROTOOPT")
    number = int.from_bytes(value[:4], sys.byteorder, signed=True)
    if option == SO_REUSEADDR:
        socket.reuse_address = number != 0
    elif option == SO_BROADCAST:
        socket.broadcast = number != 0
    elif option in (SO_SNDBUF, SO_SNDBUFFORCE):
        _set_send_buffer(socket, number, option == SO_SNDBUFFORCE)
    elif option in (SO_RCVBUF, SO_RCVBUFFORCE):
        _set_receive_buffer(socket, number, option == SO_RCVBUFFORCE)
    elif option == SO_REUSEPORT:
        socket.reuse_port = number != 0
    elif option == SO_RCVLOWAT:
        socket.low_water = (
            min(number, 0x7FFFFFFF) if number > 0 else (1 if not number else 0x7FFFFFFF)
        )
    elif option == SO_BSDCOMPAT:
        pass
    elif option == SO_KEEPALIVE:
        socket.keepalive = number != 0
    elif option == SO_OOBINLINE:
        socket.oob_inline = number != 0
    elif option == SO_NO_CHECK:
        socket.no_check = number != 0
    elif option in (SO_PASSCRED, SO_PASSSEC):
        raise failure("EOPNOTSUPP")
    elif option == SO_LINGER:
        if len(value) < 8:
            raise failure("EINVAL")
        socket.linger = -1
        if number:
            socket.linger_seconds = int.from_bytes(value[4:8], sys.byteorder)
            socket.linger = socket.linger_seconds * SECOND
    elif option in (SO_RCVTIMEO, SO_RCVTIMEO_NEW):
        socket.receive_timeout = _timeout(value)
    elif option in (SO_SNDTIMEO, SO_SNDTIMEO_NEW):
        socket.send_timeout = _timeout(value)
    else:
        return False
    return True


def _send_buffer(socket: Socket) -> int:
    if socket.send_buffer:
        return socket.send_buffer
    if isinstance(socket, StreamSocket):
        return FRESH_SEND_BUFFER if socket.connection is None else socket.settings.send_buffer
    return BUFFER_LIMIT


def _receive_buffer(socket: Socket) -> int:
    if socket.receive_buffer:
        return socket.receive_buffer
    if isinstance(socket, StreamSocket):
        return socket.settings.receive_buffer
    return BUFFER_LIMIT


def _set_send_buffer(socket: Socket, number: int, force: bool) -> None:
    # as Linux: doubled, for what a packet costs beside its octets; here the half is what counts
    if not force:
        number = min(number & 0xFFFFFFFF, BUFFER_LIMIT)
    value = max(min(number, 0x3FFFFFFF) * 2, SEND_FLOOR)
    socket.send_buffer = value
    if isinstance(socket, StreamSocket):
        socket.settings.send_buffer = value // 2


def _set_receive_buffer(socket: Socket, number: int, force: bool) -> None:
    if not force:
        number = min(number & 0xFFFFFFFF, BUFFER_LIMIT)
    value = max(min(number, 0x3FFFFFFF) * 2, RECEIVE_FLOOR)
    socket.receive_buffer = value
    if isinstance(socket, StreamSocket):
        socket.settings.receive_buffer = value // 2
    elif isinstance(socket, DatagramSocket):
        socket.end.receive_limit = value


def _bind_to_device(socket: Socket, value: bytes) -> None:
    name = value.split(b"\0")[0][:15].decode("ascii", "replace")
    if not name:
        socket.nic = None
        return
    for nic in socket.transport.node.nics:
        if nic.name == name:
            socket.nic = nic
            return
    raise failure("ENODEV")


def _timeval(span: int) -> bytes:
    seconds = span // SECOND
    micro = span % SECOND // MICROSECOND
    return seconds.to_bytes(8, sys.byteorder) + micro.to_bytes(8, sys.byteorder)


def _timeout(value: bytes) -> int:
    """Nanoseconds of a struct timeval; 0 is for ever."""
    if len(value) < 16:
        raise failure("EINVAL")
    seconds = int.from_bytes(value[:8], sys.byteorder, signed=True)
    micro = int.from_bytes(value[8:16], sys.byteorder, signed=True)
    if not 0 <= micro < 1_000_000:
        raise failure("EDOM")
    if seconds < 0:
        return 1  # as Linux: it does not wait
    return seconds * SECOND + micro * MICROSECOND
