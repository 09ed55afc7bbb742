"""UDP sockets, and Linux's ping sockets (SOCK_DGRAM of IPPROTO_ICMP, IPPROTO_ICMPV6).

RFC 768, RFC 1122 §4.1.4, udp(7), icmp(7), and Linux's udp_sendmsg, udp_recvmsg, datagram_poll for the order
in which errors are noticed. The transport's DatagramEnd holds queue and options.

Left out: MSG_ERRQUEUE, UDP_CORK and MSG_MORE, segmentation offload.
"""

from __future__ import annotations

from typing import Final, final

from trunkline.base.addresses import ANY4, ANY6, is_multicast
from trunkline.base.results import NO_BUFFER, PROHIBITED, PROTOCOL_ERROR, SENT
from trunkline.internet.paths import BROADCAST, Path
from trunkline.link.nic import LOOPBACK
from trunkline.sockets.constants import (
    AF_INET,
    EPOLLERR,
    EPOLLHUP,
    EPOLLRDHUP,
    EPOLLWRBAND,
    IP_PKTINFO,
    IPPROTO_ICMP,
    IPPROTO_ICMPV6,
    IPPROTO_IP,
    IPPROTO_IPV6,
    IPPROTO_UDP,
    MSG_OOB,
    MSG_PEEK,
    MSG_TRUNC,
    SHUT_RD,
    SHUT_RDWR,
    SHUT_WR,
    SOCK_DGRAM,
)
from trunkline.sockets.control import Item, control_of
from trunkline.sockets.errors import failure, failure_of
from trunkline.sockets.message import Address, Message
from trunkline.sockets.socket import READABLE, WRITABLE, Socket, refusal
from trunkline.transport.datagrams import Datagram, DatagramEnd, DatagramLayer
from trunkline.transport.layer import TransportLayer

PAYLOAD_LIMIT: Final = 0xFFFF  # octets: more is EMSGSIZE before any path is asked
ECHO_PAYLOAD_LIMIT: Final = 0xFFFF

_IP_RECVTOS: Final = IPPROTO_IP << 16 | 13  # options that say what recvmsg is to tell
_IP_RECVTTL: Final = IPPROTO_IP << 16 | 12
_IP_PKTINFO: Final = IPPROTO_IP << 16 | IP_PKTINFO
_IP_RECVERR: Final = IPPROTO_IP << 16 | 11
_IPV6_RECVERR: Final = IPPROTO_IPV6 << 16 | 25
_IPV6_RECVPKTINFO: Final = IPPROTO_IPV6 << 16 | 49
_IPV6_RECVHOPLIMIT: Final = IPPROTO_IPV6 << 16 | 51
_IPV6_RECVTCLASS: Final = IPPROTO_IPV6 << 16 | 66


@final
class DatagramSocket(Socket):
    """A UDP or ping socket. `end.remote` is empty while it is not connected."""

    __slots__ = ("count", "end", "fixed_address", "layer")

    def __init__(self, transport: TransportLayer, family: int, protocol: int) -> None:
        super().__init__(transport, family, SOCK_DGRAM, protocol)
        layer: DatagramLayer = transport.udp
        if protocol == IPPROTO_ICMP:
            layer = transport.echo4
        elif protocol == IPPROTO_ICMPV6:
            layer = transport.echo6
        self.layer = layer
        self.end = DatagramEnd(self, 4 if family == AF_INET else 6)
        self.fixed_address = False  # bind named the address
        self.count = 0  # datagrams taken out, for `arrivals`

    # ---- readiness

    def readiness(self) -> int:
        # as datagram_poll, net/core/datagram.c; sending never waits here
        end = self.end
        mask = WRITABLE | EPOLLWRBAND
        if end.queue:
            mask |= READABLE
        if end.error:
            mask |= EPOLLERR
        if self.read_shut:
            mask |= READABLE | EPOLLRDHUP
            if self.write_shut:
                mask |= EPOLLHUP
        return mask

    def arrivals(self) -> int:
        return self.count + len(self.end.queue)

    # ---- names

    def bind(self, address: Address, now: int) -> None:
        octets = self.bindable(address)
        if self.bound_port or self.end.remote:
            raise failure("EINVAL")
        self._bind(octets, address[1])
        self.explicit_port = address[1] != 0
        self.fixed_address = octets not in (ANY4, ANY6)
        assert self.claim is not None
        self.v6only = self.end.v6only = self.claim.v6only

    def _bind(self, octets: bytes, port: int) -> None:
        claim = self.claim_for(self.layer.ports, octets, port)
        if self.layer.bind(self.end, claim) != SENT:
            raise failure("EADDRINUSE")
        self.end.v6only = self.v6only
        self.claim = claim
        self.bound = octets
        self.bound_port = claim.port

    def _autobind(self) -> None:
        """A port for a socket that sends or connects without one."""
        # RFC 6335 §6, UDP-027
        try:
            self._bind(ANY4 if self.family == AF_INET else ANY6, 0)
        except OSError:
            raise failure("EAGAIN") from None

    def getsockname(self) -> Address:
        # RFC 1122 §4.1.3.5 SHOULD, UDP-013: with the address that connect settled
        return self.shown(self.end.local, self.bound_port, self.nic)

    def getpeername(self) -> Address:
        end = self.end
        if not end.remote or (not end.remote_port and self.protocol == IPPROTO_UDP):
            raise failure("ENOTCONN")
        path = end.path
        return self.shown(end.remote, end.remote_port, None if path is None else path.nic)

    # ---- connecting

    def connect(self, address: Address | None, now: int) -> bool:
        # as __ip4_datagram_connect, __ip6_datagram_connect and __udp_disconnect
        if address is None:
            self._disconnect()
            return True
        if not self.bound_port:
            self._autobind()
        remote, nic = self.destination(address)
        end = self.end
        local = self.bound if self.fixed_address and not is_multicast(self.bound) else b""
        if local and len(local) != len(remote):
            raise failure("ENETUNREACH")
        path = self.layer.path_for(end, remote, nic, local, now)
        if end.remote and not local:
            # it keeps no source from the peer before
            path = self.transport.internet.path_to(path.dst, b"", path.bound, now)
        if path.result != SENT:
            raise refusal(path, path.wanted)
        if path.kind == BROADCAST and not self.broadcast:
            raise failure("EACCES")
        if not is_multicast(remote):
            path = self.transport.internet.path_to(path.dst, path.src, path.bound, now)
        end.path = path
        end.remote = path.dst
        end.remote_port = address[1] if self.protocol == IPPROTO_UDP else 0
        if not self.fixed_address:
            end.local = path.src
            if self.claim is not None:
                self.claim.address = path.src
        return True

    def _disconnect(self) -> None:
        end = self.end
        end.remote = b""
        end.remote_port = 0
        end.path = None
        if not self.fixed_address and self.bound:
            self.bound = ANY4 if self.family == AF_INET else ANY6
            end.local = self.bound
            if self.claim is not None:
                self.claim.address = self.bound
        if not self.explicit_port and self.bound_port:
            self.layer.unbind(end)
            self.claim = None
            self.bound_port = 0

    # ---- talking

    def recv_message(self, limit: int, flags: int, now: int) -> Message | None:
        end = self.end
        if flags & MSG_OOB and self.protocol != IPPROTO_UDP:
            raise failure("EOPNOTSUPP")
        if end.error:
            raise failure_of(end.take_error())
        if not end.queue:
            return None
        if flags & MSG_PEEK:
            datagram = end.queue[0]
        else:
            datagram = end.dequeue()
            self.count += 1
        data = datagram.data
        # RFC 768 User Interface, UDP-021; POSIX recv, UDP-022: what does not fit is lost
        cut = len(data) > limit
        nic = None
        if datagram.nic and len(datagram.src) == 16:
            nic = self.transport.node.nics[datagram.nic - 1]
        address = self.shown(datagram.src, datagram.src_port, nic)
        message = Message(data[:limit] if cut else data, address, MSG_TRUNC if cut else 0)
        message.length = len(data)
        if self.plain is not None:
            self._tell(message, datagram, self.plain)
        return message

    def _tell(self, message: Message, datagram: Datagram, plain: dict[int, int]) -> None:
        """What the program asked to be told beside the data. RFC 1122 §4.1.3.5 MUST, UDP-011."""
        dst = datagram.dst
        if len(dst) == 4 and self.family == AF_INET:
            if plain.get(_IP_PKTINFO, 0):
                message.to = dst
                message.nic = datagram.nic
            if plain.get(_IP_RECVTTL, 0):
                message.hop_limit = datagram.hop_limit
            if plain.get(_IP_RECVTOS, 0):
                message.traffic_class = datagram.traffic_class
            return
        if plain.get(_IPV6_RECVPKTINFO, 0):
            message.to = self.shown(dst, 0, None)[0]
            message.nic = datagram.nic
        if plain.get(_IPV6_RECVHOPLIMIT, 0):
            message.hop_limit = datagram.hop_limit
        if plain.get(_IPV6_RECVTCLASS, 0):
            message.traffic_class = datagram.traffic_class

    def send(self, data: bytes, flags: int, now: int) -> int:
        self._may_send(data, flags)
        end = self.end
        path = end.path
        if path is None:
            raise failure("EDESTADDRREQ")
        return self._send(path, end.remote_port, data, -1, -1, now)

    def send_to(self, data: bytes, flags: int, address: Address, now: int) -> int:
        self._may_send(data, flags)
        if not address[1] and self.protocol == IPPROTO_UDP:
            raise failure("EINVAL")
        remote, nic = self.destination(address)
        path = self.layer.path_for(self.end, remote, nic, b"", now)
        return self._send(path, address[1], data, -1, -1, now)

    def send_message(
        self, data: bytes, flags: int, address: Address | None, items: list[Item], now: int
    ) -> int:
        control = control_of(self, items)
        self._may_send(data, flags)
        end = self.end
        remote = end.remote
        port = end.remote_port
        nic = self.nic
        if address is not None:
            port = address[1]
            if not port and self.protocol == IPPROTO_UDP:
                raise failure("EINVAL")
            remote, nic = self.destination(address)
        elif not remote:
            raise failure("EDESTADDRREQ")
        if control.nic:
            nic = self.nic_of(control.nic)
            if nic.kind == LOOPBACK and self.transport.internet.is_local(remote):
                nic = None  # own addresses are reached by it anyway
        path = self.layer.path_for(end, remote, nic, control.source, now)
        return self._send(path, port, data, control.hop_limit, control.traffic_class, now)

    def _may_send(self, data: bytes, flags: int) -> None:
        """What is asked before anything else, in Linux's order."""
        if not self.bound_port:
            self._autobind()
        if len(data) > PAYLOAD_LIMIT:
            raise failure("EMSGSIZE")
        if flags & MSG_OOB and self.family == AF_INET:
            raise failure("EOPNOTSUPP")

    def _send(
        self, path: Path, port: int, data: bytes, hop_limit: int, traffic_class: int, now: int
    ) -> int:
        end = self.end
        if path.kind == BROADCAST and not self.broadcast and path.result == SENT:
            raise failure("EACCES")
        if end.error:
            raise failure_of(end.take_error())
        if self.write_shut:
            raise failure("EPIPE")
        transport = self.transport
        if self.protocol == IPPROTO_UDP:
            result = transport.udp.send(end, path, port, data, hop_limit, traffic_class, now)
        else:
            echo = transport.echo4 if self.protocol == IPPROTO_ICMP else transport.echo6
            result = echo.send(end, path, data, hop_limit, traffic_class, now)
            if result == PROTOCOL_ERROR:
                raise failure("EINVAL")
        if result not in (SENT, NO_BUFFER):  # as Linux: a full queue below is no error
            if result == PROHIBITED or result != path.result:
                raise failure_of(result)
            raise refusal(path, path.wanted)
        return len(data)

    # ---- ending

    def shutdown(self, how: int, now: int) -> None:
        if how not in (SHUT_RD, SHUT_WR, SHUT_RDWR):
            raise failure("EINVAL")
        # as inet_shutdown: what was asked for is done even where it is an error
        self.read_shut = self.read_shut or how != SHUT_WR
        self.write_shut = self.write_shut or how != SHUT_RD
        self.on_events()
        if not self.end.remote:
            raise failure("ENOTCONN")

    def close(self, now: int) -> None:
        self.watcher = None
        self.layer.close(self.end, now)
        self.claim = None

    # ---- the rest

    def take_error(self) -> int:
        return self.end.take_error()

    def unread(self) -> int:
        queue = self.end.queue
        return len(queue[0].data) if queue else 0

    def reconfigured(self, now: int) -> None:
        end = self.end
        end.nic = self.nic
        end.v6only = self.v6only
        end.broadcast = self.broadcast
        end.multicast_all = self.multicast_all
        end.multicast_loop = self.multicast_loop
        end.checksummed = not self.no_check
        plain = self.plain
        if plain is not None:
            key = _IP_RECVERR if self.family == AF_INET else _IPV6_RECVERR
            end.every_error = plain.get(key, 0) != 0
        claim = self.claim
        if claim is not None:
            claim.reuse_address = self.reuse_address
            claim.reuse_port = self.reuse_port
            claim.device = 0 if self.nic is None else self.nic.index
