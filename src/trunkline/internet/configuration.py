"""What a host has: its addresses, the groups it is in, its routes, and what it learned about gateways.

RFC 1122 §3.2.1.3, §3.2.2.2 and §3.3.1 (addresses, redirects, dead gateways), RFC 1112 §7, RFC 4291 §2.8.

Left out on purpose: IGMP and MLD messages (membership is the table alone).
"""

from __future__ import annotations

from typing import Final

from trunkline.base.addresses import (
    ALL_HOSTS4,
    ALL_NODES6,
    ALL_ROUTERS6,
    Prefix,
    is_loopback,
    solicited_node,
)
from trunkline.base.results import Counters
from trunkline.base.timers import NEVER, Timer, TimerOwner, TimerQueue
from trunkline.base.units import SECOND
from trunkline.internet.addresses import BROADCAST, Address, AddressTable
from trunkline.internet.routes import Route, RoutingTable
from trunkline.link.nic import LOOPBACK, Nic, Node

GROUPS_LIMIT: Final = 1024  # groups joined on one NIC
REDIRECTS_LIMIT: Final = 256
DEAD_TIME: Final = 120 * SECOND  # how long a gateway that did not answer is passed over
IPV6_METRIC: Final = 256  # of the routes that addresses bring, as Linux has it
REDIRECT_METRIC: Final = -1

REVIVE: Final = 1  # timer kinds
REASSEMBLY: Final = 2


class Configuration(TimerOwner):
    """Addresses, groups and routes of one host: the ground that `Internet` stands on."""

    __slots__ = (
        "_kinds",
        "_redirects",
        "_revive_timer",
        "addresses",
        "counters",
        "loopback",
        "node",
        "routes",
        "timers",
    )

    def __init__(self, node: Node, timers: TimerQueue) -> None:
        self.node = node
        self.timers = timers
        self.counters = Counters()
        self.addresses = AddressTable()
        self.routes = RoutingTable()
        self.loopback: Nic | None = None
        self._kinds = self.addresses.kinds
        self._redirects: dict[bytes, Route] = {}  # by destination, the oldest first
        self._revive_timer: Timer | None = None

    def attach_nic(self, nic: Nic, forwarding: bool) -> None:
        """The groups that a host is in on every NIC, and the loopback where it is one."""
        # RFC 1112 §7.2; RFC 4291 §2.8, IP6-028
        nic.groups[ALL_HOSTS4] = 1
        nic.groups[ALL_NODES6] = 1
        if forwarding:
            nic.groups[ALL_ROUTERS6] = 1
        if nic.kind == LOOPBACK:
            self.loopback = nic
        self.changed()

    def add_address(self, nic: Nic, address: bytes, length: int, now: int) -> None:
        """Give a NIC an address, usable at once, with the route to its network and its groups."""
        if not self.addresses.add(nic, address, length):
            return
        if len(address) == 16:
            # RFC 4291 §2.8, IP6-028: the solicited-node group of each address
            self.join(nic, solicited_node(address), now)
        if nic.kind != LOOPBACK and length < len(address) * 8:
            prefix = Prefix(address, length)
            if self._other_in(nic, prefix, address) is None:
                self._connect(nic, prefix, address)
        self.changed()

    def remove_address(self, nic: Nic, address: bytes, now: int) -> None:
        """Take an address away; its network's route goes with the last address in it."""
        entry = self.addresses.remove(nic, address)
        if entry is None:
            return
        if len(address) == 16:
            self.leave(nic, solicited_node(address), now)
        prefix = Prefix(address, entry.length)
        other = self._other_in(nic, prefix, address)
        if other is None:
            self.routes.remove(prefix, b"", nic)
        elif nic.kind != LOOPBACK:
            self._connect(nic, prefix, other.address)
        self.changed()

    def _other_in(self, nic: Nic, prefix: Prefix, address: bytes) -> Address | None:
        """The first other address of a NIC that brings the same network."""
        for other in self.addresses.own:
            if other.nic is nic and other.length == prefix.length and other.address != address:
                if prefix.contains(other.address):
                    return other
        return None

    def _connect(self, nic: Nic, prefix: Prefix, address: bytes) -> None:
        """The route to the network of an own address; IPv6 chooses its source for each destination."""
        if len(address) == 4:
            self.routes.add(Route(prefix, b"", nic, 0, address))
        else:
            self.routes.add(Route(prefix, b"", nic, IPV6_METRIC))

    def set_preferred(self, nic: Nic, address: bytes, preferred: bool) -> None:
        """Deprecate an address (RFC 4862 §5.5.4), or take that back."""
        entry = self.addresses.find(address, nic)
        if entry is not None and entry.preferred != preferred:
            entry.preferred = preferred
            self.changed()

    def is_local(self, address: bytes) -> bool:
        """Whether an address is this host's own, 127.0.0.0/8 included."""
        kind = self._kinds.get(address, 0)
        if kind:
            return kind != BROADCAST
        return self.loopback is not None and is_loopback(address)

    def is_broadcast(self, address: bytes) -> bool:
        """Whether an address is a broadcast of a network that this host is in, or 255.255.255.255."""
        return self._kinds.get(address, 0) == BROADCAST

    def join(self, nic: Nic, group: bytes, now: int) -> bool:
        """Join a group on a NIC, once more if it is joined. False when there are too many."""
        joined = nic.groups.get(group, 0)
        if joined == 0 and len(nic.groups) >= GROUPS_LIMIT:
            self.counters.count("groups: too many")
            return False
        nic.groups[group] = joined + 1
        return True

    def leave(self, nic: Nic, group: bytes, now: int) -> None:
        """Leave a group as often as it was joined."""
        joined = nic.groups.get(group, 0)
        if joined > 1:
            nic.groups[group] = joined - 1
        elif joined == 1:
            del nic.groups[group]

    def changed(self) -> None:
        """Addresses, routes or NICs changed (one went up or down): every path is looked up again."""
        self.routes.changed()

    def redirected(self, dst: bytes, nic: Nic, next_hop: bytes) -> None:
        """A valid Redirect: from now on by `next_hop` (or `dst` itself, on the link)."""
        old = self._redirects.pop(dst, None)
        if old is not None:
            self.routes.remove(old.prefix, old.next_hop, old.nic)
        elif len(self._redirects) >= REDIRECTS_LIMIT:
            self._forget_redirect(next(iter(self._redirects)))
        hop = b"" if next_hop == dst else next_hop
        route = Route(Prefix(dst, len(dst) * 8), hop, nic, REDIRECT_METRIC)
        self._redirects[dst] = route
        self.routes.add(route)

    def gateway_failed(self, next_hop: bytes, nic: Nic, now: int) -> None:
        """A gateway does not answer: what leads by it is passed over for a while."""
        # RFC 1122 §3.3.1.4, §3.3.1.5, IP4-031, IP4-032
        if not self.routes.bury(next_hop, nic):
            return
        for dst, route in list(self._redirects.items()):
            if route.dead:
                self._forget_redirect(dst)
        if self._revive_timer is None:
            self._revive_timer = Timer(self, REVIVE, True)
        if self._revive_timer.deadline == NEVER:
            self.timers.arm(self._revive_timer, now + DEAD_TIME)

    def _forget_redirect(self, dst: bytes) -> None:
        route = self._redirects.pop(dst)
        self.routes.remove(route.prefix, route.next_hop, route.nic)
