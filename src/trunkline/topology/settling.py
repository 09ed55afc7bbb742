"""Settling a world: what `addressing` and `routing` plan is put into its machines, as often as it grows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trunkline.base.addresses import Prefix
from trunkline.internet.routes import Route
from trunkline.topology import addressing, routing
from trunkline.topology.description import End
from trunkline.topology.machine import HostMachine

if TYPE_CHECKING:
    from trunkline.topology.internet import Internet


class Settling:
    """Remembers the routes it gave, so that those that have become wrong can be taken away."""

    def __init__(self, net: Internet) -> None:
        self.net = net
        self.routes: dict[str, list[routing.PlannedRoute]] = {}

    def settle(self) -> None:
        """Addresses for NICs that have none, names for them, routes for all. Raises TopologyError."""
        net = self.net
        description = net.description()
        plan = addressing.give_out(description)
        now = net.loop.now
        for link, pair in zip(net.links, plan.nics, strict=True):
            ends = []
            for end, nic, planned in zip(link.ends, link.nics, pair, strict=True):
                machine = net.machines[end.machine]
                if isinstance(machine, HostMachine):
                    for address, length in planned.addresses:
                        if address not in nic.addresses:
                            machine.host.internet.add_address(nic, address, length, now)
                ends.append(End(end.machine, end.nic, tuple(planned.addresses)))
            link.ends = (ends[0], ends[1])
        for machine in net.machines.values():
            if isinstance(machine, HostMachine) and machine.nics():
                machine.own = ()  # its NIC's by now
        net.names = plan.names
        for name, addresses in plan.names.items():
            for address in addresses:
                net.world.add_name(name, address)
        self._give_routes(routing.give_routes(description, plan))

    def _give_routes(self, found: dict[str, list[routing.PlannedRoute]]) -> None:
        for name, planned in found.items():
            machine = self.net.machines[name]
            assert isinstance(machine, HostMachine)
            table = machine.host.internet.routes
            nics = {nic.name: nic for nic in machine.node.nics}
            wanted = {_key(route): route for route in planned}
            had = {_key(route): route for route in self.routes.get(name, [])}
            for key, route in had.items():
                if key not in wanted:
                    table.remove(route.prefix, route.next_hop, nics[route.nic.name])
            for key, route in wanted.items():
                if key not in had:
                    table.add(Route(route.prefix, route.next_hop, nics[route.nic.name]))
        self.routes = found


def _key(route: routing.PlannedRoute) -> tuple[Prefix, bytes, str]:
    return route.prefix, route.next_hop, route.nic.name
