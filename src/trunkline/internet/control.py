"""ICMP of both families: echo answered, errors sent by the rules, errors understood and made reports.

RFC 792, RFC 1122 §3.2.2, RFC 1812 §4.3, RFC 4443, RFC 1191, RFC 8201. The versions part in icmpv4 and
icmpv6, which say when an error is due and how it is coded.

Left out on purpose: router discovery of IPv4; redirects of IPv6 are neighbour discovery's.
"""

from __future__ import annotations

from typing import Final

from trunkline.base.addresses import ANY6, is_link_local, is_loopback, is_multicast
from trunkline.base.dice import Dice
from trunkline.base.results import NO_NEIGHBOUR, SENT, TOO_BIG
from trunkline.base.timers import TimerQueue
from trunkline.base.units import MILLISECOND
from trunkline.internet import icmpv4, icmpv6
from trunkline.internet.errors import (
    ADDRESS,
    ERRORS_A_SECOND,
    ERRORS_AT_ONCE,
    PORT,
    PROTOCOL,
    REDIRECTS_A_SECOND,
    REDIRECTS_AT_ONCE,
    TokenBucket,
)
from trunkline.internet.ndp import Ndp
from trunkline.internet.output import NOWHERE, Output
from trunkline.internet.paths import IPV6_PMTU_FLOOR, plateau_below
from trunkline.internet.reports import Report, report_of
from trunkline.link.layer import LinkLayer
from trunkline.link.nic import LOOPBACK, Nic, Node
from trunkline.wire import icmpv4 as wire4
from trunkline.wire import icmpv6 as wire6
from trunkline.wire.frame import quoted
from trunkline.wire.header import ICMP, ICMPV6, TCP, UDP, IpHeader
from trunkline.wire.icmp import Icmp, Quote, parse_quote
from trunkline.wire.ipv4 import total_length
from trunkline.wire.ipv6 import IPv6
from trunkline.wire.packet import Packet

DONE: Final = 0  # what `receive` answers: the packet was used, sent on or dropped,
DELIVER: Final = 1  # `delivered` is for the transport,
REPORT: Final = 2  # `report` is

DAY: Final = 24 * 60 * 60 * 1000  # milliseconds
REPORTS_LIMIT: Final = 8192  # reports that nobody has fetched
OWN_QUOTE: Final = 128  # octets of an own packet that are read again to know whose it was


class Control(Output):
    """The half of `Internet` that speaks ICMP. `delivered_nic` is where `delivered` came in."""

    __slots__ = (
        "_bucket",
        "_mtu_bucket",
        "_redirect_bucket",
        "delivered",
        "delivered_nic",
        "ndp",
        "report",
        "reports",
    )

    def __init__(self, node: Node, link: LinkLayer, timers: TimerQueue, dice: Dice) -> None:
        super().__init__(node, link, timers, dice)
        self.delivered = Packet(None, None, b"")
        self.delivered_nic = NOWHERE
        self.ndp = Ndp(link)
        self.report = Report(SENT, False, 0, 0)
        self.reports: list[Report] = []
        self._bucket = TokenBucket(ERRORS_A_SECOND, ERRORS_AT_ONCE)
        self._mtu_bucket = TokenBucket(ERRORS_A_SECOND, ERRORS_AT_ONCE)  # of path MTU messages
        self._redirect_bucket = TokenBucket(REDIRECTS_A_SECOND, REDIRECTS_AT_ONCE)

    def drop(self, packet: Packet, reason: str, now: int) -> int:
        """Count a packet under a reason and tell the trace; it ends here."""
        self.counters.count(reason)
        trace = self.node.trace
        if trace is not None:
            trace.drop(self.node.name, reason, packet, now)
        return DONE

    # ------------------------------------------------------------ errors that we send

    def unreachable_port(self, packet: Packet, now: int) -> None:
        """Nobody here has the port that a delivered packet is for."""
        # RFC 1122 §3.2.2.1 SHOULD, ICMP-012; RFC 4443 §3.1 SHOULD, ICMP-048
        self.drop(packet, "transport: no such port", now)
        self.unreachable(packet, PORT, now)

    def unreachable(self, packet: Packet, what: int, now: int) -> None:
        """Tell the sender of a packet what of its destination could not be reached, where that is due."""
        ip = packet.ip
        if ip is None:
            return
        if isinstance(ip, IPv6):
            if what == PROTOCOL:
                problem = icmpv6.unknown_next_header(ip)
                if problem.code != icmpv6.SILENT:
                    icmp = wire6.parameter_problem(problem.code, problem.pointer)
                    self._send_error(self.delivered_nic, packet, ip, icmp, now)
            else:
                self._send_error(self.delivered_nic, packet, ip, icmpv6.unreachable(what), now)
        else:
            self._send_error(self.delivered_nic, packet, ip, icmpv4.unreachable(what), now)

    def _send_error(self, nic: Nic, packet: Packet, ip: IpHeader, icmp: Icmp, now: int) -> None:
        """Send an error about a packet that came in by `nic`, if the rules allow one."""
        if ip.version == 4:
            due = icmpv4.error_is_due(packet, ip) and not self.is_broadcast(ip.dst)
            due = due and not self.is_broadcast(ip.src)
        else:
            due = icmpv6.error_is_due(packet, ip, icmp.type, icmp.code)
        if not due:
            self.counters.count("icmp: no error due")
            return
        looped = nic.kind == LOOPBACK
        if is_loopback(ip.src) and not looped:
            self.counters.count("icmp: no error due")
            return
        # RFC 4443 §2.4(f) MUST, ICMP-047; RFC 1812 §4.3.2.8 SHOULD, ICMP-029. As Linux: not within.
        bucket = self._bucket
        if icmp.rest and icmp.type in (wire4.UNREACHABLE, wire6.PACKET_TOO_BIG):
            bucket = self._mtu_bucket  # no flood of other errors may make a black hole
        if not looped and not bucket.take(now):
            self.counters.count("icmp: errors limited")
            return
        # RFC 1812 §4.3.2.4 MUST, ICMP-030: from an address of the way out; RFC 4443 §2.2, ICMP-043
        src = ip.dst if self.is_local(ip.dst) else b""
        path = self.path_to(ip.src, src, self._zone(ip.src, nic), now)
        # RFC 1122 §3.2.2 MUST, ICMP-003; RFC 1812 §4.3.2.3, ICMP-004; RFC 4443 §2.4(c), ICMP-045
        if ip.version == 4:
            quote = quoted(packet, wire4.QUOTE_LIMIT)
            traffic_class = icmpv4.traffic_class_of_error(ip.traffic_class)
            result = self.send(path, icmp, quote, ICMP, 0, traffic_class, False, now)
        else:
            quote = quoted(packet, wire6.QUOTE_LIMIT)
            result = self.send(path, icmp, quote, ICMPV6, 0, icmpv6.TRAFFIC_CLASS, False, now)
        self.counters.count("icmp: errors sent" if result == SENT else "icmp: error not sent")

    def _zone(self, address: bytes, nic: Nic) -> Nic | None:
        """The NIC by which an answer has to go: that of arrival, for an IPv6 link-local address."""
        if len(address) == 16 and is_link_local(address) and nic.kind != LOOPBACK:
            return None if nic is NOWHERE else nic
        return None

    # ------------------------------------------------------------ packets nobody answered for

    def dequeue_failed(self, now: int) -> None:
        """Deal with what the link floor gave up: own packets are reported, others' senders told."""
        for packet in self.link.failed():
            ip = packet.ip
            if ip is None:
                continue
            path = self.path_to(ip.dst, b"", None, now)
            if path.next_hop != ip.dst:
                # It may have gone another way, out of a NIC it was bound to: is this one gone?
                table = path.nic.neighbours
                if table is not None and table.get(path.next_hop) is None:
                    self.gateway_failed(path.next_hop, path.nic, now)
            self.drop(packet, "internet: next hop does not answer", now)
            if not self.is_local(ip.src):
                # RFC 1812 §4.3.3.1 MUST, ICMP-031: code 1 for a neighbour that does not answer
                self.delivered_nic = NOWHERE
                self.unreachable(packet, ADDRESS, now)
                continue
            quote = parse_quote(quoted(packet, OWN_QUOTE))
            if quote is None or ip.fragment_offset:
                continue  # the first fragment tells whose it was
            if len(self.reports) >= REPORTS_LIMIT:
                self.counters.count("icmp: reports not fetched")
                continue
            if ip.version == 4:
                report = Report(NO_NEIGHBOUR, False, wire4.UNREACHABLE, wire4.HOST_UNREACHABLE)
            else:
                report = Report(NO_NEIGHBOUR, False, wire6.UNREACHABLE, wire6.ADDRESS_UNREACHABLE)
            report.about(quote, ip.src)
            self.reports.append(report)

    # ------------------------------------------------------------ messages that we get

    def receive_icmpv4(self, nic: Nic, packet: Packet, ip: IpHeader, icmp: Icmp, now: int) -> int:
        """An ICMP message for this host."""
        kind = icmp.type
        if kind == wire4.ECHO_REQUEST:
            # RFC 1122 §3.2.2.6 MAY, ICMP-025, as Linux
            if is_multicast(ip.dst) or self.is_broadcast(ip.dst):
                return self.drop(packet, "icmp: echo to many", now)
            # RFC 792: the type changes, nothing else
            reply = Icmp(wire4.ECHO_REPLY, icmp.code, icmp.rest)
            return self._answer_echo(nic, packet, ip, reply, ICMP, now)
        if kind == wire4.ECHO_REPLY:
            return self.deliver(nic, packet)
        if kind == wire4.TIMESTAMP:
            return self._answer_timestamp(nic, packet, ip, icmp, now)
        if kind == wire4.REDIRECT:
            return self._on_redirect(nic, packet, ip, icmp, now)
        if wire4.is_error(kind):
            return self._on_error(packet, ip, icmp, now)
        # RFC 1122 §3.2.2 MUST, ICMP-001; ICMP-027, ICMP-028
        return self.drop(packet, "icmp: type not used", now)

    def receive_icmpv6(self, nic: Nic, packet: Packet, ip: IpHeader, icmp: Icmp, now: int) -> int:
        """An ICMPv6 message for this host."""
        kind = icmp.type
        if wire6.ROUTER_SOLICITATION <= kind <= wire6.REDIRECT:
            self.ndp.receive(nic, packet, now)
            return DONE
        if ip.src == ANY6:
            return self.drop(packet, "internet: impossible source", now)
        if kind == wire6.ECHO_REQUEST:
            # RFC 4443 §4.1 MUST, ICMP-052
            return self._answer_echo(
                nic, packet, ip, Icmp(wire6.ECHO_REPLY, 0, icmp.rest), ICMPV6, now
            )
        if kind == wire6.ECHO_REPLY:
            return self.deliver(nic, packet)
        if wire6.is_error(kind):
            return self._on_error(packet, ip, icmp, now)
        return self.drop(packet, "icmpv6: type not used", now)

    def deliver(self, nic: Nic, packet: Packet) -> int:
        """Hand a packet to the transport."""
        self.delivered = packet
        self.delivered_nic = nic
        if nic.kind == LOOPBACK and packet.ip is not None:
            # The host's own copy of what it sent to many counts as heard where it was sent.
            ip = packet.ip
            if is_multicast(ip.dst) or self.is_broadcast(ip.dst):
                entry = self.addresses.find(ip.src)
                if entry is not None:
                    self.delivered_nic = entry.nic
        return DELIVER

    def _answer_echo(
        self, nic: Nic, packet: Packet, ip: IpHeader, icmp: Icmp, protocol: int, now: int
    ) -> int:
        """Send an echo reply with the request's data."""
        # RFC 1122 §3.2.2.6 MUST, ICMP-021 to ICMP-023, ICMP-034; RFC 4443 §2.2 MUST, ICMP-043
        src = b"" if is_multicast(ip.dst) else ip.dst
        path = self.path_to(ip.src, src, self._zone(ip.src, nic), now)
        result = self.send(path, icmp, packet.payload, protocol, 0, ip.traffic_class, False, now)
        if result == SENT:
            self.counters.count("icmp: echo answered")
            return DONE
        return self.drop(packet, "icmp: echo not answered", now)

    def _answer_timestamp(
        self, nic: Nic, packet: Packet, ip: IpHeader, icmp: Icmp, now: int
    ) -> int:
        """Send a timestamp reply: when the request was sent, as it says, when it came, and now."""
        # RFC 1122 §3.2.2.8 MAY, ICMP-027, as Linux: not to many, and only if there is a time to repeat
        if is_multicast(ip.dst) or self.is_broadcast(ip.dst):
            return self.drop(packet, "icmp: timestamp to many", now)
        if len(packet.payload) < 4:
            return self.drop(packet, "icmp: timestamp without a time", now)
        # RFC 792: milliseconds since midnight UT, which is when a world's clock starts
        time = (now // MILLISECOND % DAY).to_bytes(4, "big")
        path = self.path_to(ip.src, ip.dst, None, now)
        reply = Icmp(wire4.TIMESTAMP_REPLY, 0, icmp.rest)
        data = packet.payload[:4] + time + time
        result = self.send(path, reply, data, ICMP, 0, ip.traffic_class, False, now)
        if result == SENT:
            self.counters.count("icmp: timestamp answered")
            return DONE
        return self.drop(packet, "icmp: timestamp not answered", now)

    def _on_error(self, packet: Packet, ip: IpHeader, icmp: Icmp, now: int) -> int:
        """An ICMP error: find the talk that it is about."""
        quote = parse_quote(packet.payload)
        if quote is None or quote.ip.version != ip.version:
            return self.drop(packet, "icmp: error without a packet in it", now)
        if not self.is_local(ip.dst):
            return self.drop(packet, "icmp: error to many", now)
        # RFC 1122 §3.2.2 MUST, ICMP-005: for the transport named in the quote; it must be ours
        if not self.is_local(quote.ip.src):
            return self.drop(packet, "icmp: error about somebody else's packet", now)
        report = report_of(ip.version, icmp.type, icmp.code)
        if report is None:
            return self.drop(packet, "icmp: error not used", now)
        report.about(quote, ip.src)
        if report.code == TOO_BIG:
            report.mtu = _told_mtu(quote, icmp, packet.payload)
            if report.mtu == 0:
                return self.drop(packet, "icmp: unbelievable path MTU", now)
            # RFC 5927 §4 SHOULD, ICMP-040: a transport looks first whether it sent what is quoted
            if report.protocol not in (TCP, UDP):
                self.narrowed(report, now)
        self.report = report
        self.counters.count("icmp: errors received")
        return REPORT

    def narrowed(self, report: Report, now: int) -> None:
        """The transport believes a TOO_BIG: lower the path MTU, and put the estimate in `report.mtu`."""
        path = self.path_to(report.remote, report.local, None, now)
        if path.result != SENT:
            return
        # RFC 1191 §3 MUST, ICMP-035; RFC 8201 §4 MUST, ICMP-053
        if self.path_mtus.lower(report.remote, report.mtu, path.mtu, now):
            self.counters.count("icmp: path MTU lowered")
            self.refresh(path)
        report.mtu = path.mtu

    def _on_redirect(self, nic: Nic, packet: Packet, ip: IpHeader, icmp: Icmp, now: int) -> int:
        """A router says that another is nearer to a destination."""
        quote = parse_quote(packet.payload)
        if quote is None or quote.ip.version != 4 or not self.is_local(quote.ip.src):
            return self.drop(packet, "icmp: error about somebody else's packet", now)
        target = icmp.rest.to_bytes(4, "big")
        dst = quote.ip.dst
        path = self.path_to(dst, b"", None, now)
        # RFC 1122 §3.2.2.2, ICMP-015, ICMP-016: from the first hop in use, to a neighbour, by hosts
        if (
            self.is_router()
            or path.result != SENT
            or path.nic is not nic
            or path.next_hop != ip.src
            or self.is_local(target)
            or self.is_broadcast(target)
            or not self._on_link(nic, target)
        ):
            return self.drop(packet, "icmp: redirect not believed", now)
        self.redirected(dst, nic, target)
        self.counters.count("icmp: redirected")
        return DONE

    def send_redirect(
        self, nic: Nic, packet: Packet, ip: IpHeader, next_hop: bytes, now: int
    ) -> None:
        """A packet goes back out of the NIC it came by: tell its sender of the nearer router."""
        # RFC 1812 §5.2.7.2 MUST, ICMP-033: only where sender and next hop are on one network of ours
        route = self.routes.lookup_via(ip.src, nic)
        if route.nic is not nic or route.next_hop or not route.prefix.contains(next_hop):
            return
        if not self._redirect_bucket.take(now):
            self.counters.count("icmp: redirects limited")
            return
        icmp = Icmp(wire4.REDIRECT, wire4.REDIRECT_HOST, int.from_bytes(next_hop, "big"))
        self._send_error(nic, packet, ip, icmp, now)

    def is_router(self) -> bool:
        """Whether this host forwards."""
        return self.ndp.router

    def _on_link(self, nic: Nic, address: bytes) -> bool:
        route = self.routes.lookup_via(address, nic)
        return route.nic is nic and not route.next_hop


def _told_mtu(quote: Quote, icmp: Icmp, payload: bytes) -> int:
    """The MTU that a message names or means; 0 where that cannot be.

    As Linux, without a look at how long the quoted datagram says it is: a router may have changed that
    (RFC 1191 §5), and who forges a message forges it as well. No message raises the estimate.
    """
    if quote.ip.version == 4:
        # RFC 1191 §5, ICMP-039: a router may tell none
        return wire4.mtu_of(icmp) or plateau_below(total_length(payload, 0))
    # RFC 8201 §4 MUST NOT, ICMP-054
    return 0 if icmp.rest < IPV6_PMTU_FLOOR else icmp.rest
