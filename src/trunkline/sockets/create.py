"""socket(2): the socket for a family, a type and a protocol, or the errno that Linux has for it."""

from __future__ import annotations

from trunkline.sockets.constants import (
    AF_INET,
    AF_INET6,
    IPPROTO_ICMP,
    IPPROTO_ICMPV6,
    IPPROTO_TCP,
    IPPROTO_UDP,
    SOCK_DGRAM,
    SOCK_RAW,
    SOCK_STREAM,
)
from trunkline.sockets.datagram import DatagramSocket
from trunkline.sockets.errors import failure
from trunkline.sockets.socket import Socket
from trunkline.sockets.stream import StreamSocket
from trunkline.transport.layer import TransportLayer

TYPE_LIMIT = 11  # SOCK_MAX
PROTOCOL_LIMIT = 263  # IPPROTO_MAX


def create(transport: TransportLayer, family: int, type: int, protocol: int) -> Socket:
    """A new socket; `type` without SOCK_NONBLOCK and SOCK_CLOEXEC.

    Raises EAFNOSUPPORT, EINVAL, ESOCKTNOSUPPORT, EPROTONOSUPPORT.
    """
    if not 0 <= family < 46:
        raise failure("EAFNOSUPPORT")
    if not 0 <= type < TYPE_LIMIT:
        raise failure("EINVAL")
    if family not in (AF_INET, AF_INET6):
        raise failure("EAFNOSUPPORT")
    if not 0 <= protocol < PROTOCOL_LIMIT:
        raise failure("EINVAL")
    if type == SOCK_STREAM:
        if protocol in (0, IPPROTO_TCP):
            return StreamSocket(transport, family)
        raise failure("EPROTONOSUPPORT")
    if type == SOCK_DGRAM:
        if protocol in (0, IPPROTO_UDP):
            return DatagramSocket(transport, family, IPPROTO_UDP)
        if protocol == (IPPROTO_ICMP if family == AF_INET else IPPROTO_ICMPV6):
            return DatagramSocket(transport, family, protocol)
        raise failure("EPROTONOSUPPORT")
    if type == SOCK_RAW:
        raise failure("EPROTONOSUPPORT")
    raise failure("ESOCKTNOSUPPORT")
