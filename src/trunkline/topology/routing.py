"""Routes given out by the world: shortest paths as static routes, for both families alike.

Fewest routers first, then the smaller delay, then the order of links. Routers get a route to every
network that they are not on; hosts a default route, and a route of its own for each network that is
nearer by another router. Links that go down change nothing: that is what routing protocols are for.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from heapq import heappop, heappush

from trunkline.base.addresses import ANY4, ANY6, Prefix
from trunkline.topology.addressing import Network, Plan, PlannedNic
from trunkline.topology.description import ROUTER, SWITCH, Description


@dataclass(frozen=True)
class PlannedRoute:
    """A way to a network: by which NIC, and whose address there."""

    prefix: Prefix
    next_hop: bytes
    nic: PlannedNic


@dataclass(frozen=True)
class _Hop:
    """A neighbouring router: our NIC, its NIC on the same network, and what the hop costs."""

    nic: PlannedNic
    router: PlannedNic
    delay: int


_Cost = tuple[int, int]  # routers on the way, nanoseconds


def give_routes(description: Description, plan: Plan) -> dict[str, list[PlannedRoute]]:
    """The routes of every machine, beside those to the networks it is on."""
    return _Routing(description, plan).routes()


class _Routing:
    def __init__(self, description: Description, plan: Plan) -> None:
        self.plan = plan
        self.kinds = {machine.name: machine.kind for machine in description.machines}
        self.on: dict[str, list[int]] = {name: [] for name in self.kinds}  # networks of a machine
        self.hops: dict[str, list[_Hop]] = {name: [] for name in self.kinds}
        self.back: dict[str, list[tuple[str, int]]] = {name: [] for name in self.kinds}
        for index, network in enumerate(plan.networks):
            self._join(index, network)
        self.costs = [self._distances(network) for network in plan.networks]

    def routes(self) -> dict[str, list[PlannedRoute]]:
        found: dict[str, list[PlannedRoute]] = {}
        for name, kind in self.kinds.items():
            if kind == SWITCH:
                continue
            ways = self._ways(name)
            default = None
            if kind != ROUTER and self.hops[name]:
                counted = Counter(self.hops[name].index(hop) for hop in ways.values())
                best = min(counted, key=lambda at: (-counted[at], at), default=0)
                default = self.hops[name][best]
            found[name] = self._routes(ways, default)
        return found

    def _join(self, index: int, network: Network) -> None:
        routers = [nic for nic in network.nics if self.kinds[nic.machine] == ROUTER]
        for nic in network.nics:
            if index not in self.on[nic.machine]:
                self.on[nic.machine].append(index)
            for router in routers:
                if router.machine != nic.machine:
                    delay = nic.delay if router.link == nic.link else nic.delay + router.delay
                    self.hops[nic.machine].append(_Hop(nic, router, delay))
                    self.back[router.machine].append((nic.machine, delay))

    def _distances(self, network: Network) -> dict[str, _Cost]:
        """What it costs each router to reach a network."""
        costs: dict[str, _Cost] = {}
        heap: list[tuple[int, int, str]] = [
            (0, 0, nic.machine) for nic in network.nics if self.kinds[nic.machine] == ROUTER
        ]
        heap.sort()
        while heap:
            count, delay, router = heappop(heap)
            if router in costs:
                continue
            costs[router] = (count, delay)
            for neighbour, more in self.back[router]:
                if neighbour not in costs and self.kinds[neighbour] == ROUTER:
                    heappush(heap, (count + 1, delay + more, neighbour))
        return costs

    def _ways(self, name: str) -> dict[int, _Hop]:
        """The best first hop of a machine to every network that it is not on and can reach."""
        hops = self.hops[name]
        ways: dict[int, _Hop] = {}
        if not hops:
            return ways
        here = set(self.on[name])
        for index, costs in enumerate(self.costs):
            if index in here:
                continue
            best: tuple[int, int, int] | None = None
            for at, hop in enumerate(hops):
                cost = costs.get(hop.router.machine)
                if cost is not None:
                    offer = (cost[0] + 1, cost[1] + hop.delay, at)
                    if best is None or offer < best:
                        best = offer
            if best is not None:
                ways[index] = hops[best[2]]
        return ways

    def _routes(self, ways: dict[int, _Hop], default: _Hop | None) -> list[PlannedRoute]:
        routes = []
        if default is not None:
            for everything in (Prefix(ANY4, 0), Prefix(ANY6, 0)):
                routes.extend(_by(default, everything))
        for index, hop in ways.items():
            if hop is not default:
                for prefix in self.plan.networks[index].prefixes:
                    routes.extend(_by(hop, prefix))
        return routes


def _by(hop: _Hop, prefix: Prefix) -> list[PlannedRoute]:
    """A route to a prefix by a hop, if the router there has an address of the family."""
    for address, _length in hop.router.addresses:
        if len(address) == len(prefix.address):
            return [PlannedRoute(prefix, address, hop.nic)]
    return []
