"""Ancillary data of recvmsg and sendmsg: what a datagram's message tells, as (level, type, octets).

RFC 3542 for IPv6, ip(7) for IPv4. Left out: passing descriptors and credentials.
"""

from __future__ import annotations

import socket
import sys
from typing import Any, Final

from trunkline.sockets.errors import failure
from trunkline.system.descriptors import Description, Message

Item = tuple[int, int, bytes]

IP_TOS: Final = 1
IP_TTL: Final = 2
IP_PKTINFO: Final = 8
IPV6_PKTINFO: Final = 50
IPV6_HOPLIMIT: Final = 52
IPV6_TCLASS: Final = 67


def items_of(description: Description, message: Message, room: int) -> tuple[list[Item], int]:
    """What fits into `room` octets, and MSG_CTRUNC if not everything did."""
    found: list[Item] = []
    if message.to:
        if len(message.to) == 16:
            index = message.nic.to_bytes(4, sys.byteorder)
            found.append((socket.IPPROTO_IPV6, IPV6_PKTINFO, message.to + index))
        else:
            index = message.nic.to_bytes(4, sys.byteorder)
            found.append((socket.IPPROTO_IP, IP_PKTINFO, index + message.to + message.to))
    if message.hop_limit >= 0:
        octets = message.hop_limit.to_bytes(4, sys.byteorder)
        if description.family == socket.AF_INET6:
            found.append((socket.IPPROTO_IPV6, IPV6_HOPLIMIT, octets))
        else:
            found.append((socket.IPPROTO_IP, IP_TTL, octets))
    if message.traffic_class >= 0:
        if description.family == socket.AF_INET6:
            octets = message.traffic_class.to_bytes(4, sys.byteorder)
            found.append((socket.IPPROTO_IPV6, IPV6_TCLASS, octets))
        else:
            found.append((socket.IPPROTO_IP, IP_TOS, bytes((message.traffic_class,))))
    items: list[Item] = []
    header = socket.CMSG_LEN(0)
    for level, kind, octets in found:
        if room < header:
            return items, socket.MSG_CTRUNC
        if room < socket.CMSG_LEN(len(octets)):
            items.append((level, kind, octets[: room - header]))
            return items, socket.MSG_CTRUNC
        items.append((level, kind, octets))
        room -= socket.CMSG_SPACE(len(octets))
    return items, 0


def check(ancdata: Any) -> list[Item]:
    """The second argument of sendmsg. Raises as CPython does."""
    try:
        given = list(ancdata)
    except TypeError:
        raise TypeError("sendmsg() argument 2 must be an iterable") from None
    items: list[Item] = []
    for item in given:
        if not isinstance(item, (tuple, list)):
            kind = type(item).__name__
            raise TypeError(
                f"[sendmsg() ancillary data items]() argument must be 3-item sequence, not {kind}"
            )
        if len(item) != 3:
            raise TypeError(
                "[sendmsg() ancillary data items]() argument must be sequence of length 3,"
                f" not {len(item)}"
            )
        level, kind, data = item
        for number in (level, kind):
            if not isinstance(number, int):
                raise TypeError(
                    f"'{type(number).__name__}' object cannot be interpreted as an integer"
                )
        try:
            octets = memoryview(data).tobytes()
        except TypeError:
            raise TypeError(
                f"a bytes-like object is required, not '{type(data).__name__}'"
            ) from None
        items.append((level, kind, octets))
    return items


def refuse(description: Description, items: list[Item]) -> None:
    """Nothing here is sent along. Raises EINVAL."""
    for level, _kind, _octets in items:
        if level == socket.SOL_SOCKET and description.family != socket.AF_UNIX:
            raise failure("EINVAL")
    raise failure("EINVAL")
