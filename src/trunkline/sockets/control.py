"""What a program says beside one message: the control items of sendmsg(2), for IPv4 and IPv6.

RFC 1122 §4.1.4, RFC 3542 §6, ip(7): source and NIC, hop limit, traffic class. As Linux: items of another
level are passed over, unknown ones of the own level are EINVAL, and a stream passes over all but
SOL_SOCKET's.

Left out: extension headers, routing headers, SO_TIMESTAMPING, passed descriptors (AF_UNIX has its own).
"""

from __future__ import annotations

import sys
from typing import Final, final

from trunkline.base.addresses import ANY4, ANY6, is_link_local
from trunkline.sockets.constants import (
    AF_INET,
    IP_PKTINFO,
    IP_TOS,
    IP_TTL,
    IPPROTO_IP,
    IPPROTO_IPV6,
    IPV6_HOPLIMIT,
    IPV6_PKTINFO,
    IPV6_TCLASS,
    SOCK_STREAM,
    SOL_SOCKET,
)
from trunkline.sockets.errors import failure
from trunkline.sockets.message import to_network
from trunkline.sockets.socket import Socket

IPV6_FLOWINFO: Final = 11
IPV6_DONTFRAG: Final = 62
SO_MARK: Final = 36
SO_TIMESTAMPING: Final = 37

Item = tuple[int, int, bytes]  # level, type, octets


@final
class Control:
    """What holds for one message alone: empty, 0 or -1 where nothing was said."""

    __slots__ = ("hop_limit", "nic", "source", "traffic_class")

    def __init__(self) -> None:
        self.source = b""
        self.nic = 0  # index
        self.hop_limit = -1
        self.traffic_class = -1


def control_of(socket: Socket, items: list[Item]) -> Control:
    """The items, understood. Raises EINVAL, ENODEV."""
    control = Control()
    for level, kind, octets in items:
        if level == SOL_SOCKET:
            if kind not in (SO_MARK, SO_TIMESTAMPING) or len(octets) != 4:
                raise failure("EINVAL")
        elif socket.type == SOCK_STREAM:
            continue
        elif level == IPPROTO_IP and socket.family == AF_INET:
            _take4(control, kind, octets)
        elif level == IPPROTO_IPV6 and socket.family != AF_INET:
            _take6(socket, control, kind, octets)
    return control


def _take4(control: Control, kind: int, octets: bytes) -> None:
    if kind == IP_PKTINFO:
        if len(octets) != 12:
            raise failure("EINVAL")
        control.nic = int.from_bytes(octets[:4], sys.byteorder)
        if octets[4:8] != ANY4:
            control.source = octets[4:8]
    elif kind == IP_TTL:
        hops = _integer(octets)
        if not 1 <= hops <= 255:
            raise failure("EINVAL")
        control.hop_limit = hops
    elif kind == IP_TOS:
        control.traffic_class = octets[0] if len(octets) == 1 else _integer(octets)
        if not 0 <= control.traffic_class <= 255:
            raise failure("EINVAL")
    else:
        raise failure("EINVAL")


def _take6(socket: Socket, control: Control, kind: int, octets: bytes) -> None:
    if kind == IPV6_PKTINFO:
        if len(octets) < 20:
            raise failure("EINVAL")
        index = int.from_bytes(octets[16:20], sys.byteorder)
        source = octets[:16]
        if index:
            if socket.nic is not None and socket.nic.index != index:
                raise failure("EINVAL")
            socket.nic_of(index)
            control.nic = index
        if source != ANY6:
            own = to_network(source)
            known = socket.transport.internet.is_local(own)
            if not known or (is_link_local(own) and len(own) == 16 and not index):
                raise failure("EINVAL")
            control.source = own
    elif kind in (IPV6_HOPLIMIT, IPV6_TCLASS):
        number = _integer(octets)
        if not -1 <= number <= 255:
            raise failure("EINVAL")
        if kind == IPV6_HOPLIMIT:
            control.hop_limit = number
        else:
            control.traffic_class = max(number, 0)
    elif kind in (IPV6_FLOWINFO, IPV6_DONTFRAG):
        _integer(octets)
    else:
        raise failure("EINVAL")


def _integer(octets: bytes) -> int:
    if len(octets) != 4:
        raise failure("EINVAL")
    return int.from_bytes(octets, sys.byteorder, signed=True)
