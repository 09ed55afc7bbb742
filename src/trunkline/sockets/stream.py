"""TCP sockets: fresh, listening ("welcoming"), connecting, connected, and what is left after the end.

RFC 9293 §3.9.1, tcp(7), and Linux's inet_stream_connect, tcp_sendmsg, tcp_recvmsg, tcp_poll for the order
in which errors are noticed. The transport's Connection and Listener do the work.

Left out: TCP Fast Open, MSG_TRUNC and MSG_ERRQUEUE, the wait of a lingering close (whoever can wait does).
"""

from __future__ import annotations

from typing import Final, final

from trunkline.base.addresses import ANY4, ANY6, is_multicast
from trunkline.base.results import ERRNO, RESET, SENT
from trunkline.internet.paths import BROADCAST
from trunkline.sockets.constants import (
    AF_INET,
    EPOLLERR,
    EPOLLHUP,
    EPOLLPRI,
    EPOLLRDHUP,
    IPPROTO_TCP,
    MSG_MORE,
    MSG_OOB,
    MSG_PEEK,
    SHUT_RD,
    SHUT_RDWR,
    SHUT_WR,
    SOCK_STREAM,
    SOMAXCONN,
)
from trunkline.sockets.control import Item, control_of
from trunkline.sockets.errors import failure, failure_of
from trunkline.sockets.message import NO_NAME, WOULD_BLOCK, Address, Message
from trunkline.sockets.socket import READABLE, WRITABLE, Socket, refusal
from trunkline.transport.layer import TransportLayer
from trunkline.transport.tcp.block import (
    CLOSE_WAIT,
    CLOSED,
    ESTABLISHED,
    SYN_RECEIVED,
    SYN_SENT,
    TIME_WAIT,
)
from trunkline.transport.tcp.connection import Connection
from trunkline.transport.tcp.listener import Listener
from trunkline.transport.tcp.policy import TcpSettings

UNCONNECTED: Final = 0  # what connect thinks of the socket
CONNECTING: Final = 1
CONNECTED: Final = 2
DISCONNECTING: Final = 3  # shut down while it was none of these


@final
class StreamSocket(Socket):
    """A TCP socket. Before a connect and after a failed one, `connection` is None."""

    __slots__ = (
        "connection",
        "error",
        "listener",
        "phase",
        "settings",
        "slow_ack",
        "window_clamp",
    )

    def __init__(self, transport: TransportLayer, family: int) -> None:
        super().__init__(transport, family, SOCK_STREAM, IPPROTO_TCP)
        self.settings = TcpSettings(transport.tcp.common.policy)
        self.connection: Connection | None = None
        self.listener: Listener | None = None
        self.phase = UNCONNECTED
        self.error = 0  # left by a connection that is no longer there
        self.slow_ack = False  # TCP_QUICKACK was set to 0
        self.window_clamp = 0

    # ---- readiness

    def readiness(self) -> int:
        connection = self.connection
        if connection is None or connection.state < ESTABLISHED:
            return self._early_readiness()
        # as tcp_poll, net/ipv4/tcp.c
        mask = 0
        if connection.unread.octets >= self.low_water:
            mask = READABLE
        if connection.writable():
            mask |= WRITABLE
        if connection.fin_received or connection.rcv_shut or connection.state == TIME_WAIT:
            mask |= READABLE | EPOLLRDHUP
            if connection.hung_up() or connection.state == TIME_WAIT:
                mask |= EPOLLHUP
        if connection.error:
            mask |= EPOLLERR
        if connection.urgent_at >= 0:
            mask = self._urgent_readiness(connection, mask)
        return mask

    def _early_readiness(self) -> int:
        listener = self.listener
        if listener is not None:
            return READABLE if listener.accept_queue else 0
        connection = self.connection
        mask = EPOLLERR if self.error else 0
        if connection is None:
            mask |= EPOLLHUP | WRITABLE
            if self.read_shut:
                mask |= READABLE | EPOLLRDHUP
            return mask
        if connection.error:
            mask |= EPOLLERR
        if connection.state == CLOSED:
            return mask | EPOLLHUP | WRITABLE | READABLE | EPOLLRDHUP
        return mask

    def _urgent_readiness(self, connection: Connection, mask: int) -> int:
        ahead = connection.to_mark()
        if ahead < 0 or ahead >= connection.unread.octets:
            return mask
        if connection.urgent():
            mask |= EPOLLPRI
        if ahead == 0 and not self.settings.oob_inline and connection.unread.octets == 1:
            if not mask & EPOLLRDHUP:
                mask &= ~READABLE  # the only octet there is not one that `recv` gives
        return mask

    def arrivals(self) -> int:
        if self.listener is not None:
            return self.listener.ready()
        connection = self.connection
        return 0 if connection is None else connection.rcv_nxt

    # ---- names

    def bind(self, address: Address, now: int) -> None:
        octets = self.bindable(address)
        if self.connection is not None or self.listener is not None or self.claim is not None:
            raise failure("EINVAL")
        ports = self.transport.tcp_ports
        claim = self.claim_for(ports, octets, address[1])
        if ports.bind(claim) != SENT:
            raise failure("EADDRINUSE")
        self.claim = claim
        self.bound = octets
        self.bound_port = claim.port
        self.explicit_port = address[1] != 0
        self.v6only = claim.v6only

    def getsockname(self) -> Address:
        connection = self.connection
        if connection is not None:
            return self.shown(connection.local, connection.local_port, connection.path.nic)
        return self.shown(self.bound, self.bound_port, self.nic)

    def getpeername(self) -> Address:
        connection = self.connection
        if connection is None or connection.state in (CLOSED, SYN_SENT, TIME_WAIT):
            raise failure("ENOTCONN")
        return self.shown(connection.remote, connection.remote_port, connection.path.nic)

    def caller(self) -> Address:
        """The peer, although it may be gone: what accept tells."""
        connection = self.connection
        if connection is None:
            raise failure("ENOTCONN")
        return self.shown(connection.remote, connection.remote_port, connection.path.nic)

    # ---- opening

    def connect(self, address: Address | None, now: int) -> bool:
        # as __inet_stream_connect, net/ipv4/af_inet.c
        if address is None:
            self._disconnect(now)
            return True
        if self.phase == CONNECTED:
            raise failure("EISCONN")
        if self.phase == DISCONNECTING:
            raise failure("EINVAL")
        if self.phase == CONNECTING:
            connection = self.connection
            if connection is not None and connection.state in (SYN_SENT, SYN_RECEIVED):
                raise failure("EALREADY")
            return self.finish_connect(now)
        if self.listener is not None or self.connection is not None:
            raise failure("EISCONN")
        self._start(address, now)
        return self.finish_connect(now)

    def _start(self, address: Address, now: int) -> None:
        remote, nic = self.destination(address)
        port = address[1]
        wanted = self.bound
        if wanted in (ANY4, ANY6) or is_multicast(wanted or ANY4):
            wanted = b""
        if wanted and len(wanted) != len(remote):
            raise failure("ENETUNREACH")
        transport = self.transport
        path = transport.internet.path_to(remote, wanted, nic, now)
        if path.result != SENT:
            raise refusal(path, wanted)
        if path.kind == BROADCAST or is_multicast(remote):
            raise failure("ENETUNREACH")
        local = path.src
        own = self.claim
        if own is None:
            own = self.claim_for(transport.tcp_ports, local, 0)
            if transport.tcp_ports.bind_flow(own, transport.tcp, local, path.dst, port) != SENT:
                raise failure("EADDRNOTAVAIL")
            claim = own
        else:
            claim = own.share()
        connection = transport.tcp.connect(
            self, claim, local, claim.port, path.dst, port, nic, self.settings, now
        )
        if connection.error:
            connection.endpoint = None
            raise failure_of(connection.error)
        if own.address in (ANY4, ANY6):
            own.address = local  # as Linux: from now on it is bound to this one
        self.error = 0
        self.connection = connection
        self.phase = CONNECTING
        self._tell("connect", connection, now)

    def finish_connect(self, now: int) -> bool:
        connection = self.connection
        if connection is None:
            if self.phase == CONNECTING or self.error:
                self.phase = UNCONNECTED
                raise self._pending("ECONNABORTED")
            return self.phase == CONNECTED
        if connection.state in (SYN_SENT, SYN_RECEIVED):
            return False
        if connection.state == CLOSED and self.phase == CONNECTING:
            raise self._connect_failure(now)
        self.phase = CONNECTED
        return True

    def _connect_failure(self, now: int) -> OSError:
        """Why connecting failed; the socket is as new. Never a name in the frame that raises it: that cycle
        would keep the caller's frames, and the sockets in them, until the next garbage collection.
        """
        error = self._pending("ECONNABORTED")
        self._disconnect(now)
        self.error = 0
        return error

    def listen(self, backlog: int, now: int) -> None:
        listener = self.listener
        if backlog < 0 or backlog > SOMAXCONN:
            backlog = SOMAXCONN
        if listener is not None:
            listener.backlog = backlog
            return
        if self.phase != UNCONNECTED or self.connection is not None:
            raise failure("EINVAL")
        transport = self.transport
        if self.claim is None:
            self.bind((ANY4 if self.family == AF_INET else ANY6, 0, 0, 0), now)
        claim = self.claim
        assert claim is not None
        claim.listening = True
        if transport.tcp_ports.conflict(claim):
            claim.listening = False
            raise failure("EADDRINUSE")
        locals_ = [self.bound]
        if self.bound == ANY6 and not self.v6only:
            locals_.append(ANY4)
        self.listener = transport.tcp.listen(
            self, claim.share(), locals_, self.bound_port, backlog, self.settings, now
        )

    def accept(self, now: int) -> Socket | None:
        listener = self.listener
        if listener is None:
            raise failure("EINVAL")
        connection = listener.accept()
        if connection is None:
            return None
        socket = StreamSocket(self.transport, self.family)
        socket.settings = connection.settings
        socket.connection = connection
        socket.phase = CONNECTED
        socket.inherit(self)
        connection.endpoint = socket
        self._tell("accept", connection, now)
        return socket

    def _tell(self, verb: str, connection: Connection, now: int) -> None:
        """Tell whoever watches what the program did."""
        node = self.transport.node
        if node.trace is not None:
            local = (connection.local, connection.local_port)
            remote = (connection.remote, connection.remote_port)
            node.trace.call(node.name, verb, local, remote, now)

    # ---- talking

    def recv(self, limit: int, flags: int, now: int) -> bytes | None:
        connection = self.connection
        if connection is not None and not flags:
            if connection.unread.octets and connection.urgent_at < 0:
                return connection.receive(limit, now)
        return self._recv_slowly(limit, flags, now)

    def recv_message(self, limit: int, flags: int, now: int) -> Message | None:
        data = self.recv(limit, flags, now)
        if data is None:
            return None
        message = Message(data, NO_NAME)
        if flags & MSG_OOB and data:
            message.flags = MSG_OOB
        return message

    def _recv_slowly(self, limit: int, flags: int, now: int) -> bytes | None:
        # as tcp_recvmsg_locked: data, then an end that was seen, then the error, then the state
        if self.listener is not None:
            raise failure("ENOTCONN")
        if flags & MSG_OOB:
            return self._recv_urgent()
        if limit == 0:
            return b""
        connection = self.connection
        if connection is None:
            if self.error:
                raise self._pending("ENOTCONN")
            if self.read_shut:
                return b""
            raise failure("ENOTCONN")
        if connection.unread.octets:
            peek = flags & MSG_PEEK
            data = connection.peek(limit) if peek else connection.receive(limit, now)
            if data:
                return data
        if connection.error and not connection.fin_received:
            raise self._pending("ENOTCONN")
        if connection.eof() or connection.state == TIME_WAIT:
            return b""
        return None

    def _recv_urgent(self) -> bytes | None:
        # as tcp_recv_urg
        connection = self.connection
        if connection is None or self.settings.oob_inline or not connection.urgent():
            raise failure("EINVAL")
        octet = connection.receive_urgent()
        if octet >= 0:
            return bytes((octet,))
        if connection.eof():
            return b""
        raise failure("EAGAIN")

    def send(self, data: bytes, flags: int, now: int) -> int:
        connection = self.connection
        if connection is not None and not flags & MSG_OOB:
            state = connection.state
            if state in (ESTABLISHED, CLOSE_WAIT) and not connection.fin_pending:
                count = connection.send(data, now, flags & MSG_MORE != 0)
                if not count and data:
                    return WOULD_BLOCK
                return count
        return self._send_slowly(data, flags, now)

    def send_to(self, data: bytes, flags: int, address: Address, now: int) -> int:
        return self.send(data, flags, now)  # as Linux: a stream has one destination

    def send_message(
        self, data: bytes, flags: int, address: Address | None, items: list[Item], now: int
    ) -> int:
        control_of(self, items)
        return self.send(data, flags, now)

    def _send_slowly(self, data: bytes, flags: int, now: int) -> int:
        # as tcp_sendmsg_locked and sk_stream_wait_connect
        connection = self.connection
        if connection is None:
            raise self._pending("EPIPE")
        state = connection.state
        if state in (SYN_SENT, SYN_RECEIVED) and not connection.error:
            return WOULD_BLOCK
        if state not in (ESTABLISHED, CLOSE_WAIT) or connection.fin_pending:
            raise self._pending("EPIPE")
        count = connection.send_urgent(data, now)
        if not count and data:
            return WOULD_BLOCK
        return count

    # ---- ending

    def shutdown(self, how: int, now: int) -> None:
        # as inet_shutdown
        if how not in (SHUT_RD, SHUT_WR, SHUT_RDWR):
            raise failure("EINVAL")
        if self.listener is not None:
            if how != SHUT_WR:
                self._disconnect(now)
                self.on_events()
            return
        connection = self.connection
        if self.phase == CONNECTING:
            over = connection is None or connection.state in (CLOSED, SYN_SENT, SYN_RECEIVED)
            self.phase = DISCONNECTING if over else CONNECTED
        if connection is None or connection.state in (CLOSED, TIME_WAIT):
            self.read_shut = self.read_shut or how != SHUT_WR
            self.write_shut = self.write_shut or how != SHUT_RD
            self.on_events()
            raise failure("ENOTCONN")
        if connection.state == SYN_SENT:
            self._disconnect(now)
            self.error = RESET
            self.phase = UNCONNECTED
            self.on_events()
            return
        if how != SHUT_WR:
            connection.shutdown_receive(now)
        if how != SHUT_RD:
            self._tell("shutdown", connection, now)
            connection.shutdown_send(now)
        self.on_events()

    def close(self, now: int) -> None:
        self.watcher = None
        if self.listener is not None:
            self._stop_listening(now)
        connection = self.connection
        if connection is not None:
            self.connection = None
            self._tell("close", connection, now)
            connection.close(now)
        self._release()

    def _disconnect(self, now: int) -> None:
        """As tcp_disconnect: what there was is over at once, what bind fixed stays."""
        if self.listener is not None:
            self._stop_listening(now)
        connection = self.connection
        if connection is not None:
            self.connection = None
            if connection.state == SYN_SENT:
                self.error = RESET
            elif connection.state not in (CLOSED, TIME_WAIT):
                self.error = RESET
            connection.abort(now)
        self.phase = UNCONNECTED
        self.read_shut = self.write_shut = False
        claim = self.claim
        if claim is not None:
            claim.address = self.bound
            if not self.explicit_port:
                self._release()  # as Linux: the name shows the port still

    def _stop_listening(self, now: int) -> None:
        listener = self.listener
        assert listener is not None
        self.listener = None
        if self.claim is not None:
            self.claim.listening = False
        listener.close(now)

    def _release(self) -> None:
        claim = self.claim
        if claim is not None:
            self.claim = None
            claim.release()

    # ---- the rest

    def take_error(self) -> int:
        error = self.error
        self.error = 0
        if error:
            return error
        connection = self.connection
        return 0 if connection is None else connection.take_error()

    def _pending(self, otherwise: str) -> OSError:
        """The error that is pending, or another where none is."""
        code = self.error
        self.error = 0
        connection = self.connection
        if not code and connection is not None:
            code = connection.error
            connection.error = 0
        return failure(ERRNO[code] if code else otherwise)

    def at_mark(self) -> bool:
        if self.listener is not None:
            raise failure("EINVAL")
        return self.connection is not None and self.connection.to_mark() == 0

    def unread(self) -> int:
        if self.listener is not None:
            raise failure("EINVAL")
        return 0 if self.connection is None else self.connection.available()

    def unsent(self) -> int:
        if self.listener is not None:
            raise failure("EINVAL")
        return 0 if self.connection is None else self.connection.unsent_or_unacked()

    def reconfigured(self, now: int) -> None:
        claim = self.claim
        if claim is not None:
            claim.reuse_address = self.reuse_address
            claim.reuse_port = self.reuse_port
            claim.device = 0 if self.nic is None else self.nic.index
        settings = self.settings
        settings.keepalive = self.keepalive
        settings.oob_inline = self.oob_inline
        settings.linger = self.linger
        if self.connection is not None:
            self.connection.settings_changed(now)
