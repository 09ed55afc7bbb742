"""The internet floor of one host or router: a packet's walk up, to the transport or on to the next hop.

RFC 1122 chapter 3 (hosts), RFC 1812 chapter 5 (routers), RFC 8200. `Internet.receive` and `Internet.send`
are the two doors. What is whole, ours and plain goes straight through; everything else takes the slow walk
below it, whose steps stand in the order in which the RFCs demand them.

Left out on purpose: multicast forwarding, source routes, record-route and timestamp options.
"""

from __future__ import annotations

from typing import Final, final

from trunkline.base.addresses import (
    ALL_ROUTERS6,
    ANY4,
    ANY6,
    is_link_local,
    is_loopback,
    is_multicast,
)
from trunkline.base.dice import Dice
from trunkline.base.results import SENT
from trunkline.base.timers import TimerQueue
from trunkline.internet import icmpv6, routes
from trunkline.internet.addresses import (
    BROADCAST,
    LOCAL,
    LOCAL_HOST,
    LOCAL_LINK,
    is_martian_source,
)
from trunkline.internet.configuration import REASSEMBLY, REVIVE
from trunkline.internet.control import DELIVER, DONE, REPORT, Control
from trunkline.internet.errors import ADDRESS, NETWORK, PROHIBITED, PROTOCOL
from trunkline.internet.fragments import Reassembler, cut_ipv4
from trunkline.internet.output import NOWHERE
from trunkline.internet.routes import Route
from trunkline.link.layer import LinkLayer
from trunkline.link.nic import LOOPBACK, Nic, Node
from trunkline.wire import icmpv4 as wire4
from trunkline.wire import icmpv6 as wire6
from trunkline.wire.damage import NAMES as DAMAGE_NAMES
from trunkline.wire.frame import build_upper
from trunkline.wire.header import ICMP, ICMPV6, IGMP, TCP, UDP, IpHeader
from trunkline.wire.icmp import Icmp
from trunkline.wire.ipv4 import IPv4
from trunkline.wire.ipv6 import IPv6
from trunkline.wire.packet import Packet

__all__ = ["DELIVER", "DONE", "REPORT", "Internet"]

SOURCES_LIMIT: Final = 4096  # sources known to be possible, before that starts afresh
WAYS_LIMIT: Final = 4096  # destinations known to be forwarded to


@final
class Internet(Control):
    """IPv4 and IPv6 of one host. `forwarding` makes it a router."""

    __slots__ = (
        "_forwarding",
        "_reassembler",
        "_sources",
        "_ways",
        "_ways_generation",
        "forwarded",
    )

    def __init__(self, node: Node, link: LinkLayer, timers: TimerQueue, dice: Dice) -> None:
        super().__init__(node, link, timers, dice)
        self.forwarded = 0  # packets sent on
        self._forwarding = False
        self._reassembler: Reassembler | None = None  # made for the first fragment
        self._sources: dict[
            bytes, Nic
        ] = {}  # sources that passed every check, and where they came in
        self._ways: dict[bytes, Route] = {}  # destinations that may be forwarded to, and how
        self._ways_generation = 0

    @property
    def forwarding(self) -> bool:
        """Whether packets for others are sent on; a router also joins the groups of routers."""
        return self._forwarding

    @forwarding.setter
    def forwarding(self, on: bool) -> None:
        self._forwarding = on
        self.ndp.router = on
        for nic in self.node.nics:
            if on:
                nic.groups[ALL_ROUTERS6] = 1
            else:
                nic.groups.pop(ALL_ROUTERS6, None)
        self.changed()

    def changed(self) -> None:
        """Addresses, routes or NICs changed (one went up or down): everything is looked up again."""
        self.routes.changed()
        self._sources.clear()

    def attach(self, nic: Nic) -> None:
        """Take a NIC of the node into service."""
        self.attach_nic(nic, self._forwarding)

    def on_timer(self, kind: int, now: int) -> None:
        """Reassembly took too long, or a dead gateway gets another chance."""
        if kind == REVIVE:
            self.routes.revive()
        elif kind == REASSEMBLY and self._reassembler is not None:
            for packet in self._reassembler.expire(now):
                # RFC 1122 §3.3.2 MUST, IP4-013; RFC 8200 §4.5, IP6-011
                self.drop(packet, "fragments: timed out, sender told", now)
                ip = packet.ip
                assert ip is not None
                icmp = Icmp(wire4.TIME_EXCEEDED, wire4.REASSEMBLY_TIME_EXCEEDED)
                if ip.version == 6:
                    icmp = Icmp(wire6.TIME_EXCEEDED, wire6.REASSEMBLY_TIME_EXCEEDED)
                self._send_error(NOWHERE, packet, ip, icmp, now)

    def statistics(self) -> dict[str, int]:
        """All counts, and how full the stores are."""
        counts = self.counters.statistics()
        counts["forwarded"] = self.forwarded
        counts["routes"] = self.routes.count
        counts["path MTUs"] = len(self.path_mtus)
        counts["paths known"] = len(self._paths)
        counts["sources known"] = len(self._sources)
        counts["destinations known"] = len(self._ways)
        reassembler = self._reassembler
        counts["fragments: datagrams held"] = 0 if reassembler is None else len(reassembler)
        counts["fragments: octets held"] = 0 if reassembler is None else reassembler.octets
        return counts

    # ------------------------------------------------------------ up

    def receive(self, nic: Nic, packet: Packet, now: int) -> int:
        """An IP packet from the link floor: DONE, DELIVER (`delivered`) or REPORT (`report`)."""
        ip = packet.ip
        if ip is not None and self._sources.get(ip.src) is nic:
            dst = ip.dst
            ethernet = packet.ethernet
            length = ip.header_length
            if (length == 20 or (length == 40 and len(dst) == 16)) and (
                ethernet is None or ethernet.dst == nic.mac
            ):
                kind = self._kinds.get(dst, 0)
                if kind == LOCAL or (kind == LOCAL_HOST and nic.kind == LOOPBACK):
                    # What has an upper header is whole and undamaged: no fragment has one.
                    if packet.upper is not None:
                        protocol = ip.protocol
                        if protocol in (TCP, UDP):
                            self.delivered = packet
                            self.delivered_nic = nic
                            return DELIVER
                elif kind == 0 and self._forwarding:
                    route = self._ways.get(dst)
                    if route is not None and self._ways_generation == self.routes.generation:
                        out = route.nic
                        if out is not None and ip.hop_limit > 1 and packet.ip_length() <= out.mtu:
                            return self._pass_on(out, packet, ip, route, now)
        return self._receive_slowly(nic, packet, now)

    def _receive_slowly(self, nic: Nic, packet: Packet, now: int) -> int:
        """The whole walk: is it possible, is it ours, and if not, may it be sent on."""
        ip = packet.ip
        if ip is None:
            return self.drop(packet, "internet: no IP header", now)
        reason = self._refusal(nic, packet, ip)
        if reason:
            return self.drop(packet, reason, now)
        dst = ip.dst
        kind = self._kinds.get(dst, 0)
        if is_multicast(dst):
            if dst in nic.groups or (nic.kind == LOOPBACK and self._joined_somewhere(dst)):
                return self._deliver(nic, packet, ip, now)
            return self.drop(packet, "internet: group not joined", now)
        if kind == BROADCAST:
            return self._deliver(nic, packet, ip, now)
        ethernet = packet.ethernet
        if ethernet is not None and ethernet.dst[0] & 1:
            # RFC 1122 §3.3.6 SHOULD, IP4-037; RFC 1812 §5.3.4 MUST NOT, IP4-043. IPv6 has no such
            # rule for hosts: as Linux, what is ours is taken and nothing is sent on.
            if ip.version == 4 or not kind:
                return self.drop(packet, "internet: for one, in a frame for many", now)
        looped = nic.kind == LOOPBACK
        if kind == LOCAL or (kind == LOCAL_LINK and (dst in nic.addresses or looped)):
            self._remember_source(nic, ip.src)
            return self._deliver(nic, packet, ip, now)
        if looped and is_loopback(dst):
            self._remember_source(nic, ip.src)
            return self._deliver(nic, packet, ip, now)
        if not self._forwarding:
            # RFC 1122 §3.2.1.3 MUST, IP4-008
            return self.drop(packet, "internet: for somebody else", now)
        return self._forward(nic, packet, ip, now)

    def _refusal(self, nic: Nic, packet: Packet, ip: IpHeader) -> str:
        """Why a packet cannot be: its addresses; empty if it can."""
        src = ip.src
        dst = ip.dst
        if nic.kind == LOOPBACK:
            return ""
        # RFC 1122 §3.2.1.3 MUST, IP4-009, IP4-010; RFC 1812 §5.3.7, IP4-044; RFC 4291 §2.5.3, IP6-026
        if is_martian_source(src):
            return "internet: impossible source"
        if is_loopback(dst):
            return "internet: loopback address on a wire"
        if dst in (ANY4, ANY6):
            return "internet: no destination"  # RFC 4291 §2.5.2, IP6-025
        if src == ANY4:
            if self._kinds.get(dst, 0) != BROADCAST and not is_multicast(dst):
                return "internet: impossible source"
        elif src == ANY6:
            if ip.protocol != ICMPV6:
                return "internet: impossible source"
        kind = self._kinds.get(src, 0)
        if kind == LOCAL or (kind == LOCAL_LINK and src in nic.addresses):
            return "internet: own address as source"
        if kind == BROADCAST:
            return "internet: impossible source"
        return ""

    def _remember_source(self, nic: Nic, src: bytes) -> None:
        """This source passed every check at this NIC: packets from it may take the short walk."""
        if is_link_local(src) or src in (ANY4, ANY6):
            return
        if len(self._sources) >= SOURCES_LIMIT:
            self._sources.clear()
        self._sources[src] = nic

    def _joined_somewhere(self, group: bytes) -> bool:
        for nic in self.node.nics:  # noqa: SIM110 - no generators here
            if group in nic.groups:
                return True
        return False

    # ------------------------------------------------------------ to this host

    def _deliver(self, nic: Nic, packet: Packet, ip: IpHeader, now: int) -> int:
        """A packet for this host: options, reassembly, then by protocol."""
        if ip.fragment_offset or ip.more_fragments:
            whole = self._reassemble(nic, packet, ip, now)
            if whole is None or whole.ip is None:
                return DONE
            packet = whole
            ip = whole.ip
        if isinstance(ip, IPv6):
            if ip.extensions:
                problem = icmpv6.examine(ip, False)
                if problem is not None:
                    return self._refuse6(nic, packet, ip, problem, now)
        elif ip.header_length > 20:
            assert isinstance(ip, IPv4)
            reason = options_refusal(ip.options)
            if reason:
                return self.drop(packet, reason, now)
        if packet.damage:
            reason = "internet: damaged: " + DAMAGE_NAMES[packet.damage]
            return self.drop(packet, reason, now)
        upper = packet.upper
        protocol = ip.protocol
        if protocol in (TCP, UDP):
            return self.deliver(nic, packet)
        if isinstance(upper, Icmp):
            if protocol == ICMP:
                return self.receive_icmpv4(nic, packet, ip, upper, now)
            return self.receive_icmpv6(nic, packet, ip, upper, now)
        if protocol == IGMP and ip.version == 4:
            return self.drop(packet, "igmp: not used", now)
        self.delivered_nic = nic
        self.unreachable(packet, PROTOCOL, now)
        return self.drop(packet, "internet: unknown protocol", now)

    def _reassemble(self, nic: Nic, packet: Packet, ip: IpHeader, now: int) -> Packet | None:
        """Keep a fragment; the whole datagram once all are there."""
        self.counters.count("fragments: received")
        if packet.damage:
            self.drop(packet, "internet: damaged: " + DAMAGE_NAMES[packet.damage], now)
            return None
        if isinstance(ip, IPv6):
            problem = icmpv6.examine(ip, False)
            if problem is None:
                problem = icmpv6.examine_fragment(ip, packet.payload)
            if problem is not None:
                self._refuse6(nic, packet, ip, problem, now)
                return None
        reassembler = self._reassembler
        if reassembler is None:
            reassembler = Reassembler(self.node, self, REASSEMBLY, self.timers, self.counters)
            self._reassembler = reassembler
        return reassembler.add(packet, ip, now)

    def _refuse6(
        self, nic: Nic, packet: Packet, ip: IPv6, problem: icmpv6.Problem, now: int
    ) -> int:
        """Drop a packet for what is wrong with it; its sender is told where that is due."""
        if problem.code != icmpv6.SILENT:
            icmp = wire6.parameter_problem(problem.code, problem.pointer)
            self._send_error(nic, packet, ip, icmp, now)
        return self.drop(packet, problem.reason, now)

    # ------------------------------------------------------------ to others

    def _forward(self, nic: Nic, packet: Packet, ip: IpHeader, now: int) -> int:
        """A router's work, RFC 1812 §5.2.1: route, hop limit, size, then on."""
        dst = ip.dst
        first = dst[0]
        # RFC 1812 §5.3.7, IP4-044; RFC 3927 §2, IP4-050; RFC 4291 §2.5.6, IP6-027; RFC 8200 §3
        if is_link_local(dst) or is_link_local(ip.src):
            if ip.version == 6 and not is_link_local(dst):
                icmp = Icmp(wire6.UNREACHABLE, wire6.BEYOND_SCOPE)
                self._send_error(nic, packet, ip, icmp, now)
            return self.drop(packet, "forward: link-local", now)
        if ip.src in (ANY4, ANY6):
            return self.drop(packet, "forward: no source", now)
        if len(dst) == 4 and (first == 0 or first >= 240):
            return self.drop(packet, "forward: impossible destination", now)
        self.delivered_nic = nic
        route = self.routes.lookup(dst)
        out = route.nic
        if route.kind != routes.UNICAST or out is None:
            return self._no_way(packet, route.kind, now)
        if isinstance(ip, IPv6) and ip.extensions:
            problem = icmpv6.examine(ip, True)
            if problem is not None:
                return self._refuse6(nic, packet, ip, problem, now)
        if ip.hop_limit <= 1:
            # RFC 1812 §5.3.1 MUST, IP4-040, ICMP-032; RFC 8200 §3, IP6-030, RFC 4443 §3.3 MUST, ICMP-050
            icmp = Icmp(wire4.TIME_EXCEEDED, wire4.HOP_LIMIT_EXCEEDED)
            if ip.version == 6:
                icmp = Icmp(wire6.TIME_EXCEEDED, wire6.HOP_LIMIT_EXCEEDED)
            self._send_error(nic, packet, ip, icmp, now)
            return self.drop(packet, "forward: hop limit", now)
        if packet.ip_length() > out.mtu:
            return self._forward_in_pieces(nic, packet, ip, route, out, now)
        if out is nic and ip.version == 4:
            # not remembered: whoever sends more this way may be told once more, within the limit
            self.send_redirect(nic, packet, ip, route.next_hop or dst, now)
            return self._pass_on(out, packet, ip, route, now)
        self._remember_source(nic, ip.src)
        if self._ways_generation != self.routes.generation or len(self._ways) >= WAYS_LIMIT:
            self._ways.clear()
            self._ways_generation = self.routes.generation
        self._ways[dst] = route
        return self._pass_on(out, packet, ip, route, now)

    def _pass_on(self, out: Nic, packet: Packet, ip: IpHeader, route: Route, now: int) -> int:
        """Send a packet on to its next hop, one hop older."""
        # RFC 1812 §4.2.2.5 MUST, IP4-042: the checksum is made afresh with the octets
        ip.hop_limit -= 1
        packet.octets = None
        self.forwarded += 1
        if self.link.send_fitting(out, packet, route.next_hop or ip.dst, now) == SENT:
            return DONE
        return self.drop(packet, "forward: not sent", now)

    def _no_way(self, packet: Packet, kind: int, now: int) -> int:
        """No route leads on, or one that says no."""
        if kind == routes.BLACKHOLE:
            return self.drop(packet, "forward: blackhole", now)
        if kind == routes.PROHIBIT:
            self.unreachable(packet, PROHIBITED, now)
            return self.drop(packet, "forward: prohibited", now)
        if kind == routes.UNREACHABLE:
            self.unreachable(packet, ADDRESS, now)
            return self.drop(packet, "forward: unreachable", now)
        # RFC 1812 §4.3.3.1 MUST, ICMP-031
        self.unreachable(packet, NETWORK, now)
        return self.drop(packet, "forward: no route", now)

    def _forward_in_pieces(
        self, nic: Nic, packet: Packet, ip: IpHeader, route: Route, out: Nic, now: int
    ) -> int:
        """A packet that the next link is too small for."""
        if not isinstance(ip, IPv4):
            # RFC 4443 §3.2 MUST, ICMP-049
            self._send_error(nic, packet, ip, wire6.packet_too_big(out.mtu), now)
            return self.drop(packet, "forward: too big", now)
        if ip.dont_fragment:
            # RFC 1812 §4.2.3.3 MUST, IP4-047, IP4-019; RFC 1191 §4 MUST, IP4-049
            self._send_error(nic, packet, ip, wire4.fragmentation_needed(out.mtu), now)
            return self.drop(packet, "forward: too big", now)
        # RFC 1812 §4.2.2.7 MUST, IP4-046
        body = packet.payload
        if packet.upper is not None:
            body = build_upper(ip, packet.upper, body)
        pieces = cut_ipv4(packet, ip, body, out.mtu)
        if not pieces:
            return self.drop(packet, "forward: too big", now)
        self.counters.count("forward: cut into fragments")
        for piece in pieces:
            if piece.ip is not None:
                self._pass_on(out, piece, piece.ip, route, now)
        return DONE


def options_refusal(options: bytes) -> str:
    """Why a host does not take an IPv4 packet with these options; empty if it does."""
    # RFC 1122 §3.2.1.8 MUST, IP4-026, IP4-028: what is unknown or cut off is passed over
    at = 0
    while at < len(options) and options[at] != 0:
        kind = options[at]
        if kind == 1:
            at += 1
            continue
        if at + 1 >= len(options) or options[at + 1] < 2:
            break
        if kind in (131, 137):  # loose and strict source routes: as Linux, refused
            return "ipv4: source route"
        at += options[at + 1]
    return ""
