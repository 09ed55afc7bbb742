"""The way down: paths made of a host's addresses and routes, and sending by a path.

RFC 1122 §3.3.1 (routing), RFC 6724, RFC 6864 (identifications), RFC 8200 §4.5. What a user of Linux
expects of paths is here: own addresses by the loopback, groups and broadcasts out of one NIC with a copy
for the host itself.

Left out on purpose: IP options and extension headers of our own.
"""

from __future__ import annotations

from typing import Final

from trunkline.base.addresses import (
    ANY4,
    ANY6,
    BROADCAST4,
    LOOPBACK4,
    LOOPBACK6,
    Prefix,
    is_link_local,
    is_loopback,
    is_multicast,
)
from trunkline.base.dice import Dice, keyed_hash
from trunkline.base.results import (
    BLACKHOLED,
    LINK_DOWN,
    NO_ADDRESS,
    NO_ROUTE,
    PROHIBITED,
    SENT,
    TOO_BIG,
    UNREACHABLE,
)
from trunkline.base.timers import TimerQueue
from trunkline.internet import routes
from trunkline.internet.addresses import BROADCAST, choose_source, sort_destinations
from trunkline.internet.configuration import Configuration
from trunkline.internet.fragments import cut_ipv4, cut_ipv6
from trunkline.internet.paths import (
    BROADCAST as BROADCAST_PATH,
)
from trunkline.internet.paths import (
    IPV4_LARGEST,
    IPV6_LARGEST,
    MULTICAST,
    Path,
    PathMtus,
)
from trunkline.internet.paths import (
    LOCAL as LOCAL_PATH,
)
from trunkline.internet.paths import (
    UNICAST as UNICAST_PATH,
)
from trunkline.internet.routes import Route
from trunkline.link.layer import LinkLayer
from trunkline.link.nic import BARE, LOOPBACK, Nic, Node
from trunkline.wire.frame import build_upper
from trunkline.wire.header import Header
from trunkline.wire.ipv4 import IPv4
from trunkline.wire.ipv6 import IPv6
from trunkline.wire.packet import Packet

DEFAULT_HOP_LIMIT: Final = 64  # RFC 1122 §3.2.1.7 MUST, IP4-025: may be configured
PATHS_LIMIT: Final = 1024  # paths kept before the cache starts afresh
ID_COUNTERS: Final = 256  # counters of IPv4 identifications, chosen by a hash of the addresses

NOWHERE: Final = Nic(Node("nowhere", []), "none", BARE, b"", 0, -1)  # of paths that lead nowhere


class Output(Configuration):
    """Paths and sending of one host: the half of `Internet` that leads down."""

    __slots__ = (
        "_id_counters",
        "_id_key",
        "_ipv6_id",
        "_paths",
        "_paths_generation",
        "default_hop_limit",
        "dice",
        "link",
        "path_mtus",
    )

    def __init__(self, node: Node, link: LinkLayer, timers: TimerQueue, dice: Dice) -> None:
        super().__init__(node, timers)
        self.link = link
        self.dice = dice
        self.default_hop_limit = DEFAULT_HOP_LIMIT
        self.path_mtus = PathMtus(timers, self.routes)
        self._paths: dict[tuple[bytes, bytes, int], Path] = {}
        self._paths_generation = 0
        self._id_counters: list[int] = []
        self._id_key = dice.word()
        self._ipv6_id = dice.below(1 << 32)

    # ------------------------------------------------------------ paths

    def source_for(self, dst: bytes, nic: Nic | None) -> bytes | None:
        """The own address to speak from to a destination; None when there is none, or no way."""
        path = self.path_to(dst, b"", nic, 0)
        return path.src if path.result == SENT else None

    def sort_destinations(self, destinations: list[bytes], now: int) -> list[bytes]:
        """Destinations in the order to try them, RFC 6724 §6: for resolvers."""
        sources: list[bytes | None] = []
        for dst in destinations:
            sources.append(self.source_for(dst, None))
        return [dst for dst, _src in sort_destinations(destinations, sources)]

    def path_to(self, dst: bytes, src: bytes, nic: Nic | None, now: int) -> Path:
        """The way to a destination, from `src` (b"": choose), out of `nic` (None: as the routes say).

        Always a path: its `result` says what stands in the way. Those to groups are the caller's own.
        """
        number = 0 if nic is None else nic.index
        if self._paths_generation != self.routes.generation:
            self._paths.clear()
            self._paths_generation = self.routes.generation
        key = (dst, src, number)
        path = self._paths.get(key)
        if path is not None:
            return path
        if dst == ANY4:  # as Linux: this host
            target = LOOPBACK4
        elif dst == ANY6:  # RFC 4291 §2.5.2, IP6-025: never a destination
            target = LOOPBACK6
        else:
            target = dst
        if self._kinds.get(src, 0) == BROADCAST:
            src = b""  # as Linux: bound to a broadcast address to hear, not to speak from it
        path = Path(target, src, nic, NOWHERE if nic is None else nic)
        self.refresh(path)
        if path.kind != MULTICAST:
            if len(self._paths) >= PATHS_LIMIT:
                self._paths.clear()
            self._paths[key] = path
        return path

    def refresh(self, path: Path) -> None:
        """Bring a path up to date with routes, addresses and path MTUs."""
        path.generation = self.routes.generation
        path.locked = False
        path.bucket = -1
        dst = path.dst
        if self.is_local(dst):
            self._resolve_local(path)
        elif is_multicast(dst):
            path.kind = MULTICAST
            self._resolve_link_wide(path)
        elif self._kinds.get(dst, 0) == BROADCAST:
            path.kind = BROADCAST_PATH
            self._resolve_link_wide(path)
        else:
            path.kind = UNICAST_PATH
            self._resolve_unicast(path)
        if path.result == SENT and not path.nic.up:
            path.result = LINK_DOWN
        if len(dst) == 4 and path.mtu > IPV4_LARGEST:
            path.mtu = IPV4_LARGEST  # a loopback has room for more than a length field can tell

    def _resolve_local(self, path: Path) -> None:
        """Own addresses are reached by the loopback."""
        path.kind = LOCAL_PATH
        nic = self.loopback
        if nic is None:
            path.result = NO_ROUTE
            return
        path.nic = nic
        path.next_hop = path.dst
        path.mtu = nic.mtu
        chosen = path.dst
        if chosen[0] == 127 and len(chosen) == 4:
            chosen = LOOPBACK4
        self._settle_source(path, chosen)

    def _resolve_link_wide(self, path: Path) -> None:
        """Groups and broadcasts go out of one NIC: the one asked for, the source's, the route's, the first."""
        nic = path.bound
        if nic is None and path.wanted:
            entry = self.addresses.find(path.wanted)
            if entry is not None:
                nic = entry.nic
        if nic is None:
            nic = self.routes.lookup(path.dst).nic
        if nic is None:
            nic = self._first_nic(len(path.dst))
        if nic is None:
            path.result = NO_ROUTE
            return
        path.nic = nic
        # RFC 1122 §3.3.6 MUST, IP4-036: whatever its form, a broadcast goes in a link broadcast
        path.next_hop = BROADCAST4 if path.kind == BROADCAST_PATH else path.dst
        path.mtu = nic.mtu
        chosen = self._choose(path.dst, path.dst, nic, b"")
        if not chosen:
            # RFC 1122 §3.2.1.3: a host that has no address yet may say so, to everybody on the link
            chosen = ANY4 if len(path.dst) == 4 else ANY6
        self._settle_source(path, chosen)

    def _resolve_unicast(self, path: Path) -> None:
        dst = path.dst
        bound = path.bound
        if bound is None and len(dst) == 16 and is_link_local(dst) and path.wanted:
            entry = self.addresses.find(path.wanted)
            if entry is not None:
                bound = entry.nic
        if bound is None:
            route = self.routes.lookup(dst)
        else:
            route = self.routes.lookup_via(dst, bound)
            if route.kind == routes.NONE and len(dst) == 4:
                # As Linux: bound to a NIC and without a route, the destination is taken to be on the link.
                route = Route(Prefix(dst, 32), b"", bound)
        nic = route.nic
        if route.kind != routes.UNICAST or nic is None:
            path.result = _result_of(route.kind)
            return
        path.nic = nic
        # RFC 1122 §3.3.1.1, §3.3.1.2, IP4-029, IP4-030: on the link, or by a router
        path.next_hop = route.next_hop or dst
        path.mtu = self.path_mtus.get(dst, nic.mtu)
        path.locked = self.path_mtus.locked(dst)
        self._settle_source(path, self._choose(dst, path.next_hop, nic, route.source))

    def _settle_source(self, path: Path, chosen: bytes) -> None:
        """Use the source that was asked for, if it may be used, or the one chosen."""
        wanted = path.wanted
        path.result = SENT
        if not wanted:
            if not chosen:
                path.result = NO_ADDRESS
                return
            path.src = chosen
        elif not self.is_local(wanted):
            # RFC 1122 §3.2.1.3 MUST, IP4-006, IP4-007: the source is an own, single address
            path.result = NO_ADDRESS
            return
        if is_loopback(path.src) and path.nic.kind != LOOPBACK:
            # RFC 1122 §3.2.1.3, IP4-010, RFC 4291 §2.5.3, IP6-026: it never leaves the host. Linux
            # calls it EINVAL, as it does a blackhole.
            path.result = BLACKHOLED if len(path.dst) == 4 else NO_ADDRESS

    def _choose(self, dst: bytes, next_hop: bytes, nic: Nic, preferred: bytes) -> bytes:
        """The source for a destination by a NIC and next hop, or b""."""
        if preferred and self.is_local(preferred):
            return preferred
        if len(dst) == 4:
            # As Linux: of the next hop's network, else the first of the NIC, else any.
            first = b""
            for entry in self.addresses.own:
                if len(entry.address) == 4 and entry.nic is nic:
                    if Prefix(entry.address, entry.length).contains(next_hop):
                        return entry.address
                    if not first:
                        first = entry.address
            if first:
                return first
            for entry in self.addresses.own:
                if len(entry.address) == 4 and entry.nic.kind != LOOPBACK:
                    return entry.address
            return b""
        best = choose_source(self.addresses.own, dst, nic)
        return b"" if best is None else best.address

    def _first_nic(self, width: int) -> Nic | None:
        """The first NIC that is up and has an address of a family, the loopback last of all."""
        for entry in self.addresses.own:
            if len(entry.address) == width and entry.nic.up and entry.nic.kind != LOOPBACK:
                return entry.nic
        for nic in self.node.nics:
            if nic.up and nic.kind != LOOPBACK:
                return nic
        return self.loopback

    # ------------------------------------------------------------ sending

    def send(
        self,
        path: Path,
        upper: Header | None,
        payload: bytes,
        protocol: int,
        hop_limit: int,
        traffic_class: int,
        dont_fragment: bool,
        now: int,
    ) -> int:
        """Send by a path; a result code. `hop_limit` 0 is the default; without `upper`, `payload` is all.

        TOO_BIG, and nothing is sent, where the path's MTU is too small and `dont_fragment` is set.
        """
        if path.generation != self.routes.generation:
            self.refresh(path)
        if path.result != SENT:
            return path.result
        if hop_limit <= 0:
            hop_limit = self.default_hop_limit  # RFC 1122 §3.2.1.7 MUST NOT, IP4-023: never 0
        length = len(payload)
        if upper is not None:
            length += upper.header_length
        dst = path.dst
        if len(dst) == 4:
            length += 20
            ip = IPv4(path.src, dst, protocol, hop_limit, traffic_class, dont_fragment)
            packet = Packet(ip, upper, payload)
            if not dont_fragment or path.locked:
                # RFC 6864 §4.1 MUST NOT, IP4-020: one that may be cut needs a number of its own
                ip.dont_fragment = False
                ip.identification = self._next_id(path)
        else:
            length += 40
            packet = Packet(IPv6(path.src, dst, protocol, hop_limit, traffic_class), upper, payload)
        if length > path.mtu or path.kind >= MULTICAST:
            return self._send_slowly(path, packet, length, dont_fragment, now)
        return self.link.send_fitting(path.nic, packet, path.next_hop, now)

    def widen(self, path: Path) -> None:
        """Let the first link's MTU count alone, whatever was told of the path, until it is refreshed."""
        if path.generation != self.routes.generation:
            self.refresh(path)
        if path.result == SENT:
            path.mtu = path.nic.mtu
            if len(path.dst) == 4 and path.mtu > IPV4_LARGEST:
                path.mtu = IPV4_LARGEST
            path.locked = False

    def _send_slowly(
        self, path: Path, packet: Packet, length: int, dont_fragment: bool, now: int
    ) -> int:
        """Send what needs to be cut up, or goes to a group or to everybody."""
        pieces = [packet]
        if length > path.mtu:
            ip = packet.ip
            assert ip is not None
            # RFC 1122 §3.3.3 MUST, IP4-033: nothing larger goes without fragmentation
            if dont_fragment and not path.locked:
                return TOO_BIG
            if length > (IPV4_LARGEST if ip.version == 4 else IPV6_LARGEST):
                return TOO_BIG
            body = packet.payload
            if packet.upper is not None:
                body = build_upper(ip, packet.upper, body)
            if isinstance(ip, IPv4):
                pieces = cut_ipv4(packet, ip, body, path.mtu)
            else:
                assert isinstance(ip, IPv6)
                self._ipv6_id = (self._ipv6_id + 1) & 0xFFFFFFFF
                pieces = cut_ipv6(ip, body, path.mtu, self._ipv6_id)
            if not pieces:
                return TOO_BIG
        nic = path.nic
        loopback = self.loopback
        if path.kind >= MULTICAST and loopback is not None and nic is not loopback:
            # Members on this host hear it as well; Linux loops broadcasts back too.
            if path.kind == BROADCAST_PATH or (path.loop and path.dst in nic.groups):
                for piece in pieces:
                    self.link.send(loopback, piece.copy(), path.dst, now)
            ip = packet.ip
            if ip is not None and len(path.dst) == 16 and path.dst[1] & 0x0F <= 1:
                return SENT  # RFC 4291 §2.7: of interface scope, it stays here
        result = SENT
        for piece in pieces:
            outcome = self.link.send(nic, piece, path.next_hop, now)
            if result == SENT:
                result = outcome
        return result

    def _next_id(self, path: Path) -> int:
        """The next IPv4 identification for a path's addresses."""
        counters = self._id_counters
        if path.bucket < 0:
            path.bucket = keyed_hash(self._id_key, path.src + path.dst) % ID_COUNTERS
        if not counters:
            for _number in range(ID_COUNTERS):
                counters.append(self.dice.below(1 << 16))
        number = (counters[path.bucket] + 1) & 0xFFFF
        counters[path.bucket] = number
        return number


def _result_of(kind: int) -> int:
    """What a sender is told where the route is none that leads on, as Linux has it."""
    if kind == routes.BLACKHOLE:
        return BLACKHOLED
    if kind == routes.PROHIBIT:
        return PROHIBITED
    if kind == routes.UNREACHABLE:
        return UNREACHABLE
    return NO_ROUTE
