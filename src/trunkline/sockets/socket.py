"""What every socket has: family, type, the options that all share, and verbs that refuse until overridden.

POSIX and Linux's socket(7), ip(7), ipv6(7). Verbs never block: None or WOULD_BLOCK says that one would have
to wait. Whatever fails raises the OSError that Linux gives. Addresses are (octets, port, flow, scope).

Left out: asynchronous input and output (SIGIO), timestamps, filters.
"""

from __future__ import annotations

from typing import Final

from trunkline.base.addresses import (
    ANY4,
    ANY6,
    LOOPBACK4,
    LOOPBACK6,
    is_link_local,
    is_loopback,
    is_mapped,
    is_multicast,
)
from trunkline.base.results import ERRNO, NO_ADDRESS
from trunkline.internet.paths import Path
from trunkline.link.nic import Nic
from trunkline.sockets.constants import (
    AF_INET,
    AF_INET6,
    EPOLLIN,
    EPOLLOUT,
    EPOLLRDNORM,
    EPOLLWRNORM,
    SOCK_STREAM,
)
from trunkline.sockets.errors import failure
from trunkline.sockets.message import Address, Message, to_network, to_program
from trunkline.sockets.watcher import Watcher
from trunkline.transport.endpoint import Endpoint
from trunkline.transport.layer import TransportLayer
from trunkline.transport.ports import Claim, PortSpace

READABLE: Final = EPOLLIN | EPOLLRDNORM
WRITABLE: Final = EPOLLOUT | EPOLLWRNORM


class Socket(Endpoint):
    """A socket of any kind. `watcher` hears of changes; `bound` and `bound_port` say what bind fixed."""

    __slots__ = (
        "bound",
        "bound_port",
        "broadcast",
        "claim",
        "explicit_port",
        "family",
        "flow",
        "keepalive",
        "linger",
        "linger_seconds",
        "low_water",
        "multicast_all",
        "multicast_loop",
        "nic",
        "no_check",
        "oob_inline",
        "plain",
        "pmtu4",
        "pmtu6",
        "protocol",
        "read_shut",
        "receive_buffer",
        "receive_timeout",
        "reuse_address",
        "reuse_port",
        "send_buffer",
        "send_timeout",
        "shown_tos",
        "shown_ttl",
        "transport",
        "type",
        "v6only",
        "watcher",
        "write_shut",
    )

    def __init__(self, transport: TransportLayer, family: int, type: int, protocol: int) -> None:
        self.noted = False
        self.transport = transport
        self.family = family
        self.type = type
        self.protocol = protocol
        self.watcher: Watcher | None = None
        self.claim: Claim | None = None
        self.bound = b""  # the address that bind fixed, as the floors below have it
        self.bound_port = 0  # 0: not bound
        self.explicit_port = False  # bind named the port, so it outlives a disconnect
        self.nic: Nic | None = None  # SO_BINDTODEVICE, or a link-local address's scope
        self.flow = 0
        self.reuse_address = False
        self.reuse_port = False
        self.v6only = False
        self.broadcast = False
        self.read_shut = False
        self.write_shut = False
        # SO_RCVTIMEO and SO_SNDTIMEO, nanoseconds, 0: none; whoever waits heeds them
        self.receive_timeout = 0
        self.send_timeout = 0
        self.keepalive = False
        self.oob_inline = False
        self.no_check = False
        self.multicast_all = True
        self.multicast_loop = True
        self.linger = -1  # nanoseconds, -1: off
        self.linger_seconds = 0  # as SO_LINGER shows them, which forgets none
        self.low_water = 1  # SO_RCVLOWAT
        self.send_buffer = 0  # as SO_SNDBUF and SO_RCVBUF show them once set: doubled
        self.receive_buffer = 0
        self.pmtu4 = 1  # IP_PMTUDISC_WANT
        self.pmtu6 = 1
        self.shown_tos = 0  # IP_TOS and IP_TTL of an AF_INET6 socket
        self.shown_ttl = 0
        self.plain: dict[int, int] | None = (
            None  # options that are only kept, by level << 16 | name
        )

    def on_events(self) -> None:
        """The transport below noted a change: pass it on."""
        watcher = self.watcher
        if watcher is not None:
            watcher.on_ready()

    # ---- verbs, overridden by the kinds of sockets

    def readiness(self) -> int:
        """What would not have to wait, in poll's bits, level-triggered."""
        return 0

    def arrivals(self) -> int:
        """A number that grows when something new to read has come: for edge-triggered watchers."""
        return 0

    def bind(self, address: Address, now: int) -> None:
        """Raises EINVAL when bound already, EADDRNOTAVAIL, EADDRINUSE, EAFNOSUPPORT, ENODEV."""
        raise failure("EOPNOTSUPP")

    def listen(self, backlog: int, now: int) -> None:
        """Raises EOPNOTSUPP, EINVAL when connected, EADDRINUSE."""
        raise failure("EOPNOTSUPP")

    def accept(self, now: int) -> Socket | None:
        """The connection that waited longest. Raises EINVAL when not listening, EOPNOTSUPP."""
        raise failure("EOPNOTSUPP")

    def connect(self, address: Address | None, now: int) -> bool:
        """True when connected; False: under way. None dissolves. Raises EISCONN, EALREADY, ENETUNREACH…"""
        raise failure("EOPNOTSUPP")

    def finish_connect(self, now: int) -> bool:
        """True once a connect under way has succeeded; raises what it failed with."""
        return True

    def recv(self, limit: int, flags: int, now: int) -> bytes | None:
        """Octets, b"" at an end, None where one would wait."""
        message = self.recv_message(limit, flags, now)
        return None if message is None else message.data

    def recv_message(self, limit: int, flags: int, now: int) -> Message | None:
        """As `recv`, with everything that is known about it."""
        raise failure("EOPNOTSUPP")

    def send(self, data: bytes, flags: int, now: int) -> int:
        """How many octets were taken, or WOULD_BLOCK."""
        raise failure("EOPNOTSUPP")

    def send_to(self, data: bytes, flags: int, address: Address, now: int) -> int:
        """As `send`, to an address."""
        raise failure("EOPNOTSUPP")

    def send_message(
        self,
        data: bytes,
        flags: int,
        address: Address | None,
        items: list[tuple[int, int, bytes]],
        now: int,
    ) -> int:
        """As `send` or `send_to`, with sendmsg's control items: level, type, octets. Raises EINVAL."""
        raise failure("EOPNOTSUPP")

    def shutdown(self, how: int, now: int) -> None:
        """Raises ENOTCONN, EINVAL."""
        raise failure("EOPNOTSUPP")

    def close(self, now: int) -> None:
        """The program lets go of it."""

    def getsockname(self) -> Address:
        """The own address; unspecified where it is not settled."""
        raise failure("EOPNOTSUPP")

    def getpeername(self) -> Address:
        """The peer's address. Raises ENOTCONN."""
        raise failure("ENOTCONN")

    def take_error(self) -> int:
        """SO_ERROR's result code, which is then gone."""
        return 0

    def caller(self) -> Address:
        """The peer of an accepted connection, even if it is over."""
        raise failure("ENOTCONN")

    def at_mark(self) -> bool:
        """SIOCATMARK. Raises ENOTTY where there is no urgent data at all."""
        raise failure("ENOTTY")

    def unread(self) -> int:
        """FIONREAD."""
        return 0

    def unsent(self) -> int:
        """SIOCOUTQ."""
        return 0

    def reconfigured(self, now: int) -> None:
        """An option changed that the transport below has to know."""

    # ---- what bind and connect of all kinds need

    def shown(self, address: bytes, port: int, nic: Nic | None) -> Address:
        """An address of the floors below as this socket's program sees it."""
        if self.family == AF_INET:
            return (to_program(AF_INET, address), port, 0, 0)
        scope = 0
        if nic is not None and len(address) == 16 and is_link_local(address):
            scope = nic.index
        return (to_program(AF_INET6, address), port, 0, scope)

    def bindable(self, address: Address) -> bytes:
        """The address to bind to, as the floors below have it. Raises what Linux raises."""
        octets, _port, _flow, scope = address
        if self.family == AF_INET:
            if len(octets) != 4:
                raise failure("EAFNOSUPPORT")
        elif len(octets) != 16:
            raise failure("EINVAL" if len(octets) == 4 else "EAFNOSUPPORT")
        elif is_mapped(octets):
            if self.v6only:
                raise failure("EINVAL")
            octets = to_network(octets)
        internet = self.transport.internet
        if octets in (ANY4, ANY6):
            return octets
        if len(octets) == 16 and is_multicast(octets) and self.type == SOCK_STREAM:
            raise failure("EINVAL")
        if len(octets) == 16 and _needs_scope(octets):
            if scope:
                self.nic = self.nic_of(scope)
            if self.nic is None:
                raise failure("EINVAL")
            if not is_multicast(octets) and octets not in self.nic.addresses:
                raise failure("EADDRNOTAVAIL")
            return octets
        if not is_multicast(octets) and not internet.is_local(octets):
            if len(octets) == 16 or not internet.is_broadcast(octets):
                raise failure("EADDRNOTAVAIL")
        return octets

    def inherit(self, other: Socket) -> None:
        """Take over the options of the socket that this one was accepted from."""
        self.reuse_address = other.reuse_address
        self.reuse_port = other.reuse_port
        self.v6only = other.v6only
        self.broadcast = other.broadcast
        self.nic = other.nic
        self.keepalive = other.keepalive
        self.oob_inline = other.oob_inline
        self.linger = other.linger
        self.linger_seconds = other.linger_seconds
        self.low_water = other.low_water
        self.send_buffer = other.send_buffer
        self.receive_buffer = other.receive_buffer
        self.pmtu4 = other.pmtu4
        self.pmtu6 = other.pmtu6
        self.shown_tos = other.shown_tos
        self.shown_ttl = other.shown_ttl
        self.receive_timeout = other.receive_timeout
        self.send_timeout = other.send_timeout
        if other.plain is not None:
            self.plain = other.plain.copy()

    def claim_for(self, ports: PortSpace, address: bytes, port: int) -> Claim:
        """A claim with this socket's options, not yet taken."""
        return Claim(
            ports,
            address,
            port,
            0 if self.nic is None else self.nic.index,
            self.reuse_address,
            self.reuse_port,
            self.v6only or (len(address) == 16 and address != ANY6),
        )

    def destination(self, address: Address) -> tuple[bytes, Nic | None]:
        """Where to connect or send, and out of which NIC if that is said. Raises EAFNOSUPPORT, EINVAL."""
        octets, _port, _flow, scope = address
        if self.family == AF_INET:
            if len(octets) != 4:
                raise failure("EAFNOSUPPORT")
            return (LOOPBACK4 if octets == ANY4 else octets), self.nic
        if len(octets) != 16:
            raise failure("EINVAL" if len(octets) == 4 else "EAFNOSUPPORT")
        if is_mapped(octets):
            if self.v6only:
                raise failure("ENETUNREACH")
            octets = to_network(octets)
            return (LOOPBACK4 if octets == ANY4 else octets), self.nic
        if octets == ANY6:
            return (LOOPBACK4 if len(self.bound) == 4 else LOOPBACK6), self.nic
        if len(self.bound) == 4:
            raise failure("ENETUNREACH")
        nic = self.nic
        if _needs_scope(octets) and scope:
            if nic is not None and nic.index != scope:
                raise failure("EINVAL")
            nic = self.nic_of(scope)
        return octets, nic

    def nic_of(self, index: int) -> Nic:
        """The NIC with an index. Raises ENODEV."""
        for nic in self.transport.node.nics:
            if nic.index == index:
                return nic
        raise failure("ENODEV")


def refusal(path: Path, src: bytes) -> OSError:
    """The error of a path by which nothing can be sent."""
    if path.result == NO_ADDRESS:
        if len(src) == 4 and is_loopback(src):
            return failure("EINVAL")  # as Linux: from 127.0.0.1 to a wire
        if not src and len(path.dst) == 4:
            return failure("ENETUNREACH")
    return failure(ERRNO[path.result])


def _needs_scope(address: bytes) -> bool:
    """Whether an IPv6 address means nothing without a NIC: link-local ones, groups of the link."""
    if is_multicast(address):
        return address[1] & 0x0F in (1, 2)
    return is_link_local(address)
