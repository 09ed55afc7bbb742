"""Routes of both families: longest prefix match, then metric, behind a cache of destinations.

RFC 1812 §5.2.4.3 (longest match), RFC 1122 §3.3.1 (gateways, dead ones), RFC 4632. `generation` moves with
every change of anything that decides where packets go; whoever keeps an answer keeps the generation with it.

Left out on purpose: several tables, rules, equal-cost sharing; type-of-service routing.
"""

from __future__ import annotations

from typing import Final, final

from trunkline.base.addresses import Prefix
from trunkline.link.nic import Nic

UNICAST: Final = 0  # kinds of routes, as `ip route` has them
BLACKHOLE: Final = 1
UNREACHABLE: Final = 2
PROHIBIT: Final = 3
NONE: Final = 4  # what the table answers where it has no route

KIND_NAMES: Final = ("unicast", "blackhole", "unreachable", "prohibit", "none")
CACHE_LIMIT: Final = 4096  # destinations remembered before the cache starts afresh
ROUTES_LIMIT: Final = 262_144


@final
class Route:
    """One way to a prefix. `next_hop` is b"" for what is on the link; `source` b"" where it is not told.

    `dead` is set while the next hop does not answer: other routes to the same prefix go before it.
    """

    __slots__ = ("dead", "kind", "metric", "next_hop", "nic", "prefix", "source")

    def __init__(
        self,
        prefix: Prefix,
        next_hop: bytes,
        nic: Nic | None,
        metric: int = 0,
        source: bytes = b"",
        kind: int = UNICAST,
    ) -> None:
        self.prefix = prefix
        self.next_hop = next_hop
        self.nic = nic
        self.metric = metric
        self.source = source
        self.kind = kind if nic is not None or kind != UNICAST else UNREACHABLE
        self.dead = False


NO_ROUTES: Final = Route(Prefix(bytes(4), 0), b"", None, 0, b"", NONE)


@final
class RoutingTable:
    """The routes of one host: a dict for each prefix length in use, tried from the longest."""

    __slots__ = ("_by_length4", "_by_length6", "cache", "count", "generation")

    def __init__(self) -> None:
        self.generation = 1
        self.cache: dict[bytes, Route] = {}  # by destination; NO_ROUTES where there is none
        self.count = 0
        self._by_length4: list[tuple[int, dict[int, list[Route]]]] = []  # longest first
        self._by_length6: list[tuple[int, dict[int, list[Route]]]] = []

    def lookup(self, dst: bytes) -> Route:
        """The best usable route to an address, or NO_ROUTES."""
        route = self.cache.get(dst)
        if route is not None:
            return route
        route = self._search(dst, None)
        if len(self.cache) >= CACHE_LIMIT:
            self.cache.clear()
        self.cache[dst] = route
        return route

    def lookup_via(self, dst: bytes, nic: Nic) -> Route:
        """The best usable route to an address out of one NIC, or NO_ROUTES."""
        return self._search(dst, nic)

    def add(self, route: Route) -> bool:
        """Add a route; one to the same prefix by the same next hop and NIC is replaced.

        False when the table is full.
        """
        routes = self._routes_of(route.prefix, True)
        at = 0
        for place, old in enumerate(routes):
            if old.next_hop == route.next_hop and old.nic is route.nic and old.kind == route.kind:
                del routes[place]
                self.count -= 1
                break
        if self.count >= ROUTES_LIMIT:
            return False
        while at < len(routes) and routes[at].metric <= route.metric:
            at += 1
        routes.insert(at, route)
        self.count += 1
        self.changed()
        return True

    def remove(self, prefix: Prefix, next_hop: bytes | None = None, nic: Nic | None = None) -> int:
        """Remove the routes to exactly this prefix, all or those by one next hop or NIC; how many."""
        routes = self._routes_of(prefix, False)
        kept: list[Route] = []
        for route in routes:
            if (next_hop is not None and route.next_hop != next_hop) or (
                nic is not None and route.nic is not nic
            ):
                kept.append(route)
        gone = len(routes) - len(kept)
        if gone:
            routes[:] = kept
            self.count -= gone
            if not kept:
                self._forget(prefix)
            self.changed()
        return gone

    def changed(self) -> None:
        """Something that decides where packets go has changed: every kept answer is old."""
        self.generation += 1
        self.cache.clear()

    def routes(self) -> list[Route]:
        """All routes, IPv4 first, from the shortest prefix, as a person reads them."""
        found: list[Route] = []
        for tables in (self._by_length4, self._by_length6):
            for _length, table in reversed(tables):
                for key in sorted(table):
                    found.extend(table[key])
        return found

    def bury(self, next_hop: bytes, nic: Nic) -> bool:
        """The next hop does not answer: whether any route by it was alive."""
        # RFC 1122 §3.3.1.5, IP4-032: traffic moves to another default router when one fails.
        found = False
        for tables in (self._by_length4, self._by_length6):
            for _length, table in tables:
                for routes in table.values():
                    for route in routes:
                        if route.next_hop == next_hop and route.nic is nic and not route.dead:
                            route.dead = True
                            found = True
        if found:
            self.changed()
        return found

    def revive(self) -> None:
        """Give every dead next hop another chance."""
        for route in self.routes():
            route.dead = False
        self.changed()

    def _search(self, dst: bytes, nic: Nic | None) -> Route:
        # RFC 1812 §5.2.4.3, IP4-039: the longest match wins; metric decides among equals.
        value = int.from_bytes(dst, "big")
        width = len(dst) * 8
        for length, table in self._by_length4 if width == 32 else self._by_length6:
            routes = table.get(value >> (width - length))
            if routes is None:
                continue
            last_resort: Route | None = None
            for route in routes:
                out = route.nic
                if nic is not None and out is not nic:
                    continue
                if out is not None and not out.up:
                    continue
                if not route.dead:
                    return route
                if last_resort is None:
                    last_resort = route
            if last_resort is not None:
                return last_resort
        return NO_ROUTES

    def _routes_of(self, prefix: Prefix, make: bool) -> list[Route]:
        width = len(prefix.address) * 8
        length = prefix.length
        key = int.from_bytes(prefix.address, "big") >> (width - length)
        tables = self._by_length4 if width == 32 else self._by_length6
        at = 0
        while at < len(tables) and tables[at][0] > length:
            at += 1
        if at == len(tables) or tables[at][0] != length:
            if not make:
                return []
            table: dict[int, list[Route]] = {}
            tables.insert(at, (length, table))
        else:
            table = tables[at][1]
        routes = table.get(key)
        if routes is None:
            routes = []
            if make:
                table[key] = routes
        return routes

    def _forget(self, prefix: Prefix) -> None:
        """Drop the empty places that a removed prefix leaves."""
        width = len(prefix.address) * 8
        key = int.from_bytes(prefix.address, "big") >> (width - prefix.length)
        tables = self._by_length4 if width == 32 else self._by_length6
        for at, (length, table) in enumerate(tables):
            if length == prefix.length:
                del table[key]
                if not table:
                    del tables[at]
                return
