"""TCP of one host: which segment belongs to which connection, opens, polls, and the tables.

RFC 9293 §3.10.7 (segment arrives), §3.10.7.1 (no connection), §3.9.2.3 (addresses that do not count).
Nothing is sent from inside `receive`: connections with something to say are polled by `poll_transmit`.
"""

from __future__ import annotations

from typing import Final, final

from trunkline.base.addresses import ANY4, ANY6, BROADCAST4, is_multicast, is_unspecified
from trunkline.base.dice import Dice, keyed_hash
from trunkline.base.results import NO_ADDRESS, NO_ROUTE, SENT
from trunkline.base.timers import TimerQueue
from trunkline.internet.layer import Internet
from trunkline.internet.paths import BROADCAST, MULTICAST, Path
from trunkline.internet.reports import Report
from trunkline.link.nic import Nic, Node
from trunkline.transport.endpoint import Endpoint
from trunkline.transport.ports import Claim, FlowTable
from trunkline.transport.tcp.block import (
    ESTABLISHED,
    STATE_NAMES,
    SYN_RECEIVED,
    SYN_SENT,
    TIME_WAIT,
    Block,
    Common,
)
from trunkline.transport.tcp.closing import finish
from trunkline.transport.tcp.connection import Connection
from trunkline.transport.tcp.cubic import congestion_named
from trunkline.transport.tcp.errors import reported
from trunkline.transport.tcp.hystart import HyStart
from trunkline.transport.tcp.listener import Listener
from trunkline.transport.tcp.opening import (
    may_reopen,
    open_active,
    open_passive,
    receive_in_syn_received,
    receive_in_syn_sent,
)
from trunkline.transport.tcp.policy import TcpPolicy, TcpSettings
from trunkline.transport.tcp.receiving import receive_segment
from trunkline.transport.tcp.replies import refuse
from trunkline.transport.tcp.sending import transmit
from trunkline.transport.tcp.sequence import MASK
from trunkline.wire.damage import NAMES
from trunkline.wire.header import TCP, IpHeader
from trunkline.wire.packet import Packet
from trunkline.wire.tcp import ACK, FIN, RST, SYN, Tcp

_REOPENED: Final = 65537  # how far beyond the old numbers a connection out of TIME-WAIT begins
HOP_LIMIT: Final = 64  # of resets for strangers


@final
class TcpLayer(FlowTable):
    """TCP of one host."""

    __slots__ = ("common",)

    def __init__(
        self,
        internet: Internet,
        timers: TimerQueue,
        events: list[Endpoint],
        node: Node,
        dice: Dice,
        policy: TcpPolicy,
    ) -> None:
        self.common = Common(internet, timers, events, node, dice, policy)

    def connect(
        self,
        endpoint: Endpoint | None,
        claim: Claim | None,
        local: bytes,
        local_port: int,
        remote: bytes,
        remote_port: int,
        nic: Nic | None,
        settings: TcpSettings,
        now: int,
    ) -> Connection:
        """An active open. Where it cannot be, the connection is CLOSED and its `error` says why.

        `local` may be unspecified: IP is asked. The claim is released at the connection's real end.
        """
        common = self.common
        # RFC 9293 §3.9.1.1 MUST-44: IP chooses the source; MUST-45: which then stays
        wanted = b"" if is_unspecified(local) else local
        path = common.internet.path_to(remote, wanted, nic, now)
        remote = path.dst  # an unspecified one means this host, as in Linux
        if path.result == SENT and not wanted:
            wanted = path.src
            path = common.internet.path_to(remote, wanted, nic, now)
        connection = self._make(settings, path, wanted or local, local_port, remote, remote_port)
        connection.endpoint = endpoint
        connection.claim = claim
        if path.kind in (MULTICAST, BROADCAST):
            connection.error = NO_ROUTE  # RFC 9293 §3.9.1.1 MUST-46, with Linux's errno
        elif path.result != SENT:
            connection.error = path.result
        key = (remote, remote_port, connection.local, local_port)
        other = common.connections.get(key)
        iss = -1
        if other is not None and not connection.error:
            if other.state == TIME_WAIT and common.policy.time_wait_reuse and other.ts_ok:
                # RFC 6191 §2: timestamps tell the old segments from the new
                iss = (other.snd_nxt + _REOPENED) & MASK
                finish(other, 0, now)
            else:
                connection.error = NO_ADDRESS
        if connection.error:
            if claim is not None:
                connection.claim = None
                claim.release()
            return connection
        common.connections[key] = connection
        open_active(connection, now)
        if iss >= 0:
            connection.iss = connection.snd_una = connection.snd_nxt = iss
        common.counters.count("active opens")
        return connection

    def listen(
        self,
        endpoint: Endpoint | None,
        claim: Claim | None,
        locals_: list[bytes],
        port: int,
        backlog: int,
        settings: TcpSettings,
        now: int,
    ) -> Listener:
        """A passive open; connections that exist are not disturbed. RFC 9293 §3.9.1.1 MUST-41, MUST-42."""
        common = self.common
        listener = Listener(common, endpoint, claim, locals_, port, backlog, settings)
        for local in locals_:
            key = (local, port)
            others = common.listeners.get(key)
            if others is None:
                common.listeners[key] = [listener]
            else:
                others.append(listener)
        return listener

    def receive(self, nic: Nic, packet: Packet, now: int) -> None:
        """A packet of protocol TCP for an address of this host."""
        ip = packet.ip
        header = packet.upper
        if ip is None or not isinstance(header, Tcp) or packet.damage:
            self._drop("tcp: " + NAMES[packet.damage], packet, now)  # MUST-3, MUST-7
            return
        common = self.common
        block = common.last
        if (
            block is None
            or block.remote_port != header.src_port
            or block.local_port != header.dst_port
            or block.remote != ip.src
            or block.local != ip.dst
        ):
            block = common.connections.get((ip.src, header.src_port, ip.dst, header.dst_port))
            if block is None:
                self._no_connection(nic, ip, header, packet, now)
                return
            common.last = block
        state = block.state
        if state >= ESTABLISHED:
            if state == TIME_WAIT and may_reopen(block, header):
                self._reopen(block, nic, ip, header, packet, now)
                return
            receive_segment(block, header, packet.payload, now)
        elif state == SYN_SENT:
            receive_in_syn_sent(block, nic, ip, header, packet.payload, now)
        elif state == SYN_RECEIVED:
            receive_in_syn_received(block, nic, ip, header, packet.payload, now)

    def on_report(self, report: Report, now: int) -> None:
        """An ICMP error, or a failure below, about a segment that was sent."""
        common = self.common
        if report.local_port < 0 or report.remote_port < 0:
            common.counters.count("tcp: ICMP that quotes too little")
            return
        key = (report.remote, report.remote_port, report.local, report.local_port)
        block = common.connections.get(key)
        if block is None:
            common.counters.count("tcp: ICMP about no connection")
            return
        reported(block, report, now)

    def poll_transmit(self, now: int) -> None:
        """Every connection that asked for it says what it has to say."""
        common = self.common
        dirty = common.dirty
        if dirty:
            if len(dirty) == 1:
                block = dirty.pop()
                block.dirty = False
                transmit(block, now)
            at = 0
            while at < len(dirty):  # a connection may ask again, behind, while this goes on
                block = dirty[at]
                at += 1
                block.dirty = False
                transmit(block, now)
            if at:
                dirty.clear()
        if common.replies:
            replies = common.replies
            common.replies = []
            for reply in replies:
                common.counters.count("resets sent")
                common.internet.send(reply.path, reply.header, b"", TCP, HOP_LIMIT, 0, True, now)

    def flow_in_use(self, local: bytes, local_port: int, remote: bytes, remote_port: int) -> bool:
        """Whether a connection, TIME-WAIT included, has this four-tuple."""
        return (remote, remote_port, local, local_port) in self.common.connections

    def connections(self) -> list[Connection]:
        """Every connection, in order of its opening."""
        found: list[Connection] = []
        for block in self.common.connections.values():
            if isinstance(block, Connection):
                found.append(block)
        return found

    def listeners(self) -> list[Listener]:
        """Every listener, in order of its opening."""
        found: list[Listener] = []
        for others in self.common.listeners.values():
            for listener in others:
                if isinstance(listener, Listener) and listener not in found:
                    found.append(listener)
        return found

    def statistics(self) -> dict[str, int]:
        """Counters, and how many connections are in which state."""
        counts = self.common.counters.statistics()
        for block in self.common.connections.values():
            name = "in " + STATE_NAMES[block.state]
            counts[name] = counts.get(name, 0) + 1
        return counts

    def _no_connection(self, nic: Nic, ip: IpHeader, header: Tcp, packet: Packet, now: int) -> None:
        """RFC 9293 §3.10.7.1, §3.10.7.2."""
        common = self.common
        dst = ip.dst
        # RFC 9293 §3.9.2.3 MUST-57, MUST-63: silence towards and about groups
        if is_multicast(dst) or dst == BROADCAST4 or not common.internet.is_local(dst):
            self._drop("tcp: destination address", packet, now)
            return
        src = ip.src
        if is_multicast(src) or is_unspecified(src) or src == BROADCAST4:
            self._drop("tcp: source address", packet, now)
            return
        listener = self._listener(ip, header)
        flags = header.flags
        if listener is None or flags & (RST | ACK) or not flags & SYN:
            if listener is not None and not flags & (RST | ACK | SYN):
                self._drop("tcp: neither SYN nor ACK", packet, now)
                return
            self._drop("tcp: no connection", packet, now)
            refuse(common, nic, ip, header, len(packet.payload), now)
            return
        if flags & FIN:
            # as Linux: nobody opens and closes in one breath but who looks for holes
            self._drop("tcp: SYN and FIN", packet, now)
            return
        self._open_passive(listener, nic, ip, header, packet, -1, now)

    def _listener(self, ip: IpHeader, header: Tcp) -> Listener | None:
        common = self.common
        dst = ip.dst
        port = header.dst_port
        found = common.listeners.get((dst, port))
        if found is None:
            found = common.listeners.get((ANY6 if len(dst) == 16 else ANY4, port))
            if found is None:
                return None
        which = 0
        if len(found) > 1:
            # SO_REUSEPORT: one flow always meets the same listener
            flow = ip.src + header.src_port.to_bytes(2, "big")
            which = (keyed_hash(common.secret, flow) >> 16) % len(found)
        listener = found[which]
        assert isinstance(listener, Listener)
        return listener

    def _open_passive(
        self,
        listener: Listener,
        nic: Nic,
        ip: IpHeader,
        header: Tcp,
        packet: Packet,
        iss: int,
        now: int,
    ) -> None:
        common = self.common
        if listener.full():
            self._drop("tcp: SYN queue full", packet, now)
            return
        scoped = ip.src[0] == 0xFE and len(ip.src) == 16
        path = common.internet.path_to(ip.src, ip.dst, nic if scoped else None, now)
        if path.result != SENT:
            self._drop("tcp: no way back", packet, now)
            return
        connection = self._make(
            listener.settings.copy(), path, ip.dst, header.dst_port, ip.src, header.src_port
        )
        claim = listener.claim
        if claim is not None:
            connection.claim = claim.share(ip.dst)
        connection.listener = listener
        connection.accepted = False
        key = (ip.src, header.src_port, ip.dst, header.dst_port)
        common.connections[key] = connection
        common.last = connection
        listener.half_open.append(connection)
        open_passive(connection, header, now)
        if iss >= 0:
            connection.iss = connection.snd_una = connection.snd_nxt = iss
            connection.snd_wl2 = iss
        common.counters.count("passive opens")

    def _reopen(
        self, block: Block, nic: Nic, ip: IpHeader, header: Tcp, packet: Packet, now: int
    ) -> None:
        """A SYN takes the place of a connection in TIME-WAIT. RFC 9293 §3.6.1 MAY-2."""
        listener = self._listener(ip, header)
        if listener is None:
            receive_segment(block, header, packet.payload, now)
            return
        iss = (block.snd_nxt + _REOPENED) & MASK
        finish(block, 0, now)
        self._open_passive(listener, nic, ip, header, packet, iss, now)

    def _make(
        self,
        settings: TcpSettings,
        path: Path,
        local: bytes,
        local_port: int,
        remote: bytes,
        remote_port: int,
    ) -> Connection:
        policy = self.common.policy
        congestion = congestion_named(settings.congestion, 536, 536, policy.slow_start_limit)
        if policy.hystart and settings.congestion != "reno":
            congestion.hystart = HyStart()
        return Connection(
            self.common, settings, path, local, local_port, remote, remote_port, congestion
        )

    def _drop(self, reason: str, packet: Packet, now: int) -> None:
        common = self.common
        common.counters.count(reason)
        node = common.node
        if node.trace is not None:
            node.trace.drop(node.name, reason, packet, now)
