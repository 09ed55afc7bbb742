"""Options of the levels IPPROTO_IP and IPPROTO_IPV6, ip(7), ipv6(7), RFC 3493 §5.2 and RFC 3542.

Those that are only kept stand in options.PLAIN. On an AF_INET6 socket the IPPROTO_IP options that concern
sending are kept for show; the IPv6 ones serve both families.
"""

from __future__ import annotations

import sys
from typing import Final

from trunkline.base.addresses import ANY4, is_multicast
from trunkline.base.results import SENT
from trunkline.link.nic import Nic
from trunkline.sockets.constants import AF_INET6, IP_TOS, IP_TTL, IPV6_TCLASS, SOCK_STREAM
from trunkline.sockets.datagram import DatagramSocket
from trunkline.sockets.errors import failure
from trunkline.sockets.socket import Socket
from trunkline.sockets.stream import StreamSocket
from trunkline.transport.tcp.block import CLOSED

IP_HDRINCL: Final = 3
IP_MTU_DISCOVER: Final = 10
IP_MTU: Final = 14
IP_MULTICAST_IF: Final = 32
IP_MULTICAST_TTL: Final = 33
IP_MULTICAST_LOOP: Final = 34
IP_ADD_MEMBERSHIP: Final = 35
IP_DROP_MEMBERSHIP: Final = 36
IP_MULTICAST_ALL: Final = 49
IP_UNICAST_IF: Final = 50

IPV6_UNICAST_HOPS: Final = 16
IPV6_MULTICAST_IF: Final = 17
IPV6_MULTICAST_HOPS: Final = 18
IPV6_MULTICAST_LOOP: Final = 19
IPV6_JOIN_GROUP: Final = 20
IPV6_LEAVE_GROUP: Final = 21
IPV6_MTU_DISCOVER: Final = 23
IPV6_MTU: Final = 24
IPV6_V6ONLY: Final = 26
IPV6_MULTICAST_ALL: Final = 29
IPV6_ADDR_PREFERENCES: Final = 72

_NUMBERS6: Final = (
    IPV6_UNICAST_HOPS,
    IPV6_MULTICAST_IF,
    IPV6_MULTICAST_HOPS,
    IPV6_MULTICAST_LOOP,
    IPV6_MTU_DISCOVER,
    IPV6_MTU,
    IPV6_V6ONLY,
    IPV6_MULTICAST_ALL,
    IPV6_TCLASS,
)

HOPS_DEFAULT: Final = 64
ECN_BITS: Final = 3
IPV6_MTU_FLOOR: Final = 1280
PMTU_LIMIT: Final = 5  # the largest IP_PMTUDISC_ value


def get_ip(socket: Socket, option: int) -> bytes | None:
    """The octets of an IPPROTO_IP option, or None where it is none of these."""
    value = 0
    if option == IP_TOS:
        value = socket.shown_tos if socket.family == AF_INET6 else _traffic_class(socket)
    elif option == IP_TTL:
        value = (socket.shown_ttl or HOPS_DEFAULT) if socket.family == AF_INET6 else _hops(socket)
    elif option == IP_MTU_DISCOVER:
        value = socket.pmtu4
    elif option == IP_MTU:
        value = _mtu(socket, 4)
    elif option == IP_MULTICAST_IF:
        return _end(socket).end.multicast_source or ANY4 if _is_datagram(socket) else ANY4
    elif option == IP_MULTICAST_TTL:
        value = _end(socket).end.multicast_hops if _is_datagram(socket) else 1
    elif option == IP_MULTICAST_LOOP:
        value = int(socket.multicast_loop)
    elif option == IP_MULTICAST_ALL:
        value = int(socket.multicast_all)
    elif option in (IP_UNICAST_IF, IP_HDRINCL):
        value = 0
    else:
        return None
    return (value & 0xFFFFFFFF).to_bytes(4, sys.byteorder)


def set_ip(socket: Socket, option: int, value: bytes, now: int) -> bool:
    """Set an IPPROTO_IP option; False where it is none of these."""
    if option in (IP_ADD_MEMBERSHIP, IP_DROP_MEMBERSHIP):
        if socket.type == SOCK_STREAM:
            raise failure("EPROTO")
        group, nic = _membership4(socket, value, now)
        if not is_multicast(group):
            raise failure("EINVAL")
        _change(_end(socket), option == IP_ADD_MEMBERSHIP, group, nic, now)
        return True
    if option == IP_MULTICAST_IF:
        _set_multicast_if4(socket, value)
        return True
    if option in (IP_MTU, IP_HDRINCL):
        raise failure("ENOPROTOOPT")
    if option == IP_UNICAST_IF:
        raise failure("EADDRNOTAVAIL")
    number = 0
    if len(value) >= 4:
        number = int.from_bytes(value[:4], sys.byteorder, signed=True)
    elif value:
        number = value[0]
    if option == IP_TOS:
        _set_tos(socket, number)
    elif option == IP_TTL:
        if not value or (number != -1 and not 1 <= number <= 255):
            raise failure("EINVAL")
        if socket.family == AF_INET6:
            socket.shown_ttl = max(number, 0)
        else:
            _set_hops(socket, number)
    elif option == IP_MTU_DISCOVER:
        if not 0 <= number <= PMTU_LIMIT:
            raise failure("EINVAL")
        socket.pmtu4 = number
        if isinstance(socket, DatagramSocket):
            socket.end.pmtu = number
    elif option == IP_MULTICAST_TTL:
        if socket.type == SOCK_STREAM or not value or not -1 <= number <= 255:
            raise failure("EINVAL")
        _end(socket).end.multicast_hops = 1 if number == -1 else number
    elif option == IP_MULTICAST_LOOP:
        if not value:
            raise failure("EINVAL")
        socket.multicast_loop = number != 0
    elif option == IP_MULTICAST_ALL:
        if not value or number not in (0, 1):
            raise failure("EINVAL")
        socket.multicast_all = number != 0
    else:
        return False
    return True


def get_ipv6(socket: Socket, option: int) -> bytes | None:
    """The octets of an IPPROTO_IPV6 option, or None where it is none of these."""
    value = 0
    if option == IPV6_UNICAST_HOPS:
        value = _hops(socket)
    elif option == IPV6_MULTICAST_IF:
        nic = _end(socket).end.multicast_nic if _is_datagram(socket) else None
        value = 0 if nic is None else nic.index
    elif option == IPV6_MULTICAST_HOPS:
        value = _end(socket).end.multicast_hops if _is_datagram(socket) else 1
    elif option == IPV6_MULTICAST_LOOP:
        value = int(socket.multicast_loop)
    elif option == IPV6_MTU_DISCOVER:
        value = socket.pmtu6
    elif option == IPV6_MTU:
        value = _mtu(socket, 16)
    elif option == IPV6_V6ONLY:
        value = int(socket.v6only)
    elif option == IPV6_MULTICAST_ALL:
        value = int(socket.multicast_all)
    elif option == IPV6_TCLASS:
        value = _traffic_class(socket)
    else:
        return None
    return (value & 0xFFFFFFFF).to_bytes(4, sys.byteorder)


def set_ipv6(socket: Socket, option: int, value: bytes, now: int) -> bool:
    """Set an IPPROTO_IPV6 option; False where it is none of these."""
    if option in (IPV6_JOIN_GROUP, IPV6_LEAVE_GROUP):
        _set_membership6(socket, option == IPV6_JOIN_GROUP, value, now)
        return True
    if option in (IPV6_MULTICAST_IF, IPV6_MULTICAST_HOPS) and socket.type == SOCK_STREAM:
        raise failure("ENOPROTOOPT")
    if option not in _NUMBERS6:
        return False
    if len(value) < 4:
        raise failure("EINVAL")
    number = int.from_bytes(value[:4], sys.byteorder, signed=True)
    if option == IPV6_UNICAST_HOPS:
        if not -1 <= number <= 255:
            raise failure("EINVAL")
        _set_hops(socket, number)
    elif option == IPV6_MULTICAST_IF:
        _end(socket).end.multicast_nic = socket.nic_of(number) if number else None
    elif option == IPV6_MULTICAST_HOPS:
        if not -1 <= number <= 255:
            raise failure("EINVAL")
        _end(socket).end.multicast_hops = 1 if number == -1 else number
    elif option == IPV6_MULTICAST_LOOP:
        if number not in (0, 1):
            raise failure("EINVAL")
        socket.multicast_loop = number != 0
    elif option == IPV6_MTU_DISCOVER:
        if not 0 <= number <= PMTU_LIMIT:
            raise failure("EINVAL")
        socket.pmtu6 = number
        if isinstance(socket, DatagramSocket):
            socket.end.pmtu = number
    elif option == IPV6_MTU:
        if number and number < IPV6_MTU_FLOOR:
            raise failure("EINVAL")
    elif option == IPV6_V6ONLY:
        if socket.claim is not None or _connected(socket):
            raise failure("EINVAL")
        socket.v6only = number != 0
    elif option == IPV6_MULTICAST_ALL:
        socket.multicast_all = number != 0
    elif option == IPV6_TCLASS:
        if not -1 <= number <= 255:
            raise failure("EINVAL")
        _set_traffic_class(socket, max(number, 0))
    return True


# ---------------------------------------------------------------- hop limit, class, MTU


def _connected(socket: Socket) -> bool:
    return isinstance(socket, StreamSocket) and socket.connection is not None


def _is_datagram(socket: Socket) -> bool:
    return isinstance(socket, DatagramSocket)


def _end(socket: Socket) -> DatagramSocket:
    assert isinstance(socket, DatagramSocket)
    return socket


def _hops(socket: Socket) -> int:
    if isinstance(socket, StreamSocket):
        return socket.settings.hop_limit
    return _end(socket).end.hop_limit or socket.transport.internet.default_hop_limit


def _set_hops(socket: Socket, number: int) -> None:
    """RFC 1122 §4.1.4 MUST, UDP-016; RFC 9293 §3.9.2 MUST-49."""
    if isinstance(socket, StreamSocket):
        socket.settings.hop_limit = number if number > 0 else HOPS_DEFAULT
    else:
        _end(socket).end.hop_limit = max(number, 0)


def _traffic_class(socket: Socket) -> int:
    if isinstance(socket, StreamSocket):
        return socket.settings.traffic_class
    return _end(socket).end.traffic_class


def _set_tos(socket: Socket, number: int) -> None:
    number &= 255
    if socket.family == AF_INET6:
        socket.shown_tos = number & ~ECN_BITS if socket.type == SOCK_STREAM else number
    else:
        _set_traffic_class(socket, number)


def _set_traffic_class(socket: Socket, number: int) -> None:
    if isinstance(socket, StreamSocket):
        socket.settings.traffic_class = number & ~ECN_BITS  # TCP's own bits
    else:
        _end(socket).end.traffic_class = number


def _mtu(socket: Socket, width: int) -> int:
    """The path MTU of a connected socket. Raises ENOTCONN."""
    path = None
    if isinstance(socket, StreamSocket):
        connection = socket.connection
        if connection is not None and connection.state != CLOSED:
            path = connection.path
    else:
        path = _end(socket).end.path
    if path is None or len(path.dst) != width:
        raise failure("ENOTCONN")
    return path.mtu


# ---------------------------------------------------------------- multicast


def _nic_with(socket: Socket, address: bytes) -> Nic | None:
    for nic in socket.transport.node.nics:
        if address in nic.addresses:
            return nic
    return None


def _set_multicast_if4(socket: Socket, value: bytes) -> None:
    """struct in_addr, ip_mreq or ip_mreqn."""
    if socket.type == SOCK_STREAM or len(value) < 4:
        raise failure("EINVAL")
    end = _end(socket).end
    index = 0
    address = value[:4]
    if len(value) >= 12:
        address = value[4:8]
        index = int.from_bytes(value[8:12], sys.byteorder, signed=True)
    elif len(value) >= 8:
        address = value[4:8]
    if index:
        nic: Nic | None = None
        for other in socket.transport.node.nics:
            if other.index == index:
                nic = other
        if nic is None:
            raise failure("EADDRNOTAVAIL")
        end.multicast_nic = nic
        end.multicast_source = b"" if address == ANY4 else address
    elif address == ANY4:
        end.multicast_nic = None
        end.multicast_source = b""
    else:
        nic = _nic_with(socket, address)
        if nic is None:
            raise failure("EADDRNOTAVAIL")
        end.multicast_nic = nic
        end.multicast_source = address


def _membership4(socket: Socket, value: bytes, now: int) -> tuple[bytes, Nic | None]:
    """The group and NIC of a struct ip_mreq or ip_mreqn."""
    if len(value) < 8:
        raise failure("EINVAL")
    group = value[:4]
    address = value[4:8]
    index = 0
    if len(value) >= 12:
        index = int.from_bytes(value[8:12], sys.byteorder, signed=True)
    if index:
        for other in socket.transport.node.nics:
            if other.index == index:
                return group, other
        return group, None
    if address != ANY4:
        return group, _nic_with(socket, address)
    return group, _nic_of_route(socket, group, now)


def _nic_of_route(socket: Socket, group: bytes, now: int) -> Nic | None:
    if not is_multicast(group):
        return None
    path = socket.transport.internet.path_to(group, b"", socket.nic, now)
    return path.nic if path.result == SENT else None


def _set_membership6(socket: Socket, join: bool, value: bytes, now: int) -> None:
    """struct ipv6_mreq."""
    if len(value) < 20:
        raise failure("EINVAL")
    if socket.type == SOCK_STREAM:
        raise failure("EPROTO")
    group = value[:16]
    index = int.from_bytes(value[16:20], sys.byteorder, signed=True)
    if not is_multicast(group):
        raise failure("EINVAL")
    nic: Nic | None = None
    if index:
        nic = socket.nic_of(index)
    else:
        nic = _nic_of_route(socket, group, now)
    _change(_end(socket), join, group, nic, now)


def _change(socket: DatagramSocket, join: bool, group: bytes, nic: Nic | None, now: int) -> None:
    """Join or leave. Raises ENODEV, EADDRINUSE, EADDRNOTAVAIL, ENOBUFS."""
    if nic is None:
        raise failure("ENODEV")
    if join:
        if socket.end.joined(group, nic):
            raise failure("EADDRINUSE")
        if socket.layer.join(socket.end, group, nic, now) != SENT:
            raise failure("ENOBUFS")
    elif not socket.layer.leave(socket.end, group, nic, now):
        raise failure("EADDRNOTAVAIL")
