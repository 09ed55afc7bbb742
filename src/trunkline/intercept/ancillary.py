"""Ancillary data of recvmsg and sendmsg: what a datagram's message tells, as (level, type, octets).

RFC 3542 for IPv6, ip(7) for IPv4, unix(7) for the descriptors that AF_UNIX passes. Left out: credentials.
"""

from __future__ import annotations

import socket
import struct
import sys
from typing import Any, Final

from trunkline.sockets.constants import (
    IP_PKTINFO,
    IP_TOS,
    IP_TTL,
    IPV6_HOPLIMIT,
    IPV6_PKTINFO,
    IPV6_TCLASS,
)
from trunkline.sockets.errors import failure
from trunkline.system import passing
from trunkline.system.descriptors import Description, DescriptorTable, Message

Item = tuple[int, int, bytes]

_INT: Final = 4  # octets of a descriptor in SCM_RIGHTS


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


def held_by(
    description: Description, table: DescriptorTable, items: list[Item]
) -> list[Description]:
    """What the items of a message on AF_UNIX pass. Raises EBADF, and EINVAL for what cannot be sent."""
    descriptors: list[int] = []
    for level, kind, octets in items:
        if level != socket.SOL_SOCKET:
            continue  # as __scm_send, net/core/scm.c
        if kind != socket.SCM_RIGHTS:
            raise failure("EINVAL")
        count = len(octets) // _INT
        descriptors += struct.unpack(f"{count}i", octets[: count * _INT])
    return passing.hold(description.loop, table, descriptors)


def passed_to(
    table: DescriptorTable, message: Message, room: int
) -> tuple[list[Item], list[int], int]:
    """What a message passed as items of `room` octets, the descriptors themselves, and MSG_CTRUNC."""
    held = message.passed or ()
    fits = max(room - socket.CMSG_LEN(0), 0) // _INT
    descriptors = passing.install(table, held, fits)
    octets = struct.pack(f"{len(descriptors)}i", *descriptors)
    items = [(int(socket.SOL_SOCKET), int(socket.SCM_RIGHTS), octets)] if octets else []
    return items, descriptors, socket.MSG_CTRUNC if len(descriptors) < len(held) else 0
