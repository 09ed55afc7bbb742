"""The kept way to a destination, and what is known of path MTUs.

RFC 1191 and RFC 8201 (path MTU discovery), RFC 1122 §3.3.1. A Path is made by `Internet.path_to` and
renewed in place by `Internet.send` when its generation is old.

Left out on purpose: packetization layer discovery (RFC 4821), which is the transport's.
"""

from __future__ import annotations

from typing import Final, final

from trunkline.base.results import NO_ROUTE
from trunkline.base.timers import Timer, TimerOwner, TimerQueue
from trunkline.base.units import MINUTE
from trunkline.internet.routes import RoutingTable
from trunkline.link.nic import Nic

UNICAST: Final = 0  # kinds of paths
LOCAL: Final = 1  # to an own address, by the loopback
MULTICAST: Final = 2
BROADCAST: Final = 3

KIND_NAMES: Final = ("unicast", "local", "multicast", "broadcast")

PMTU_LIMIT: Final = 1024  # destinations with a path MTU of their own
PMTU_LIFETIME: Final = 10 * MINUTE
IPV4_PMTU_FLOOR: Final = 552  # as Linux: below it, datagrams go out without DF instead
IPV6_PMTU_FLOOR: Final = 1280
IPV4_LARGEST: Final = 65535  # octets of the largest datagrams, headers included
IPV6_LARGEST: Final = 65575

# RFC 1191 §7.1: the MTUs that links have, for routers that tell none.
_PLATEAUS: Final = (32000, 17914, 8166, 4352, 2002, 1492, 1006, 508, 296, 68)


@final
class Path:
    """The way to `dst`. `result` is SENT, or why nothing can be sent; `mtu` counts the whole datagram.

    `wanted` and `bound` are what was asked for. A path that was asked for with a source keeps it; one
    without may change its `src` when routes or addresses change, so a connection asks with its own.
    """

    __slots__ = (
        "bound",
        "bucket",
        "dst",
        "generation",
        "kind",
        "locked",
        "loop",
        "mtu",
        "next_hop",
        "nic",
        "result",
        "src",
        "wanted",
    )

    def __init__(self, dst: bytes, wanted: bytes, bound: Nic | None, nic: Nic) -> None:
        self.dst = dst
        self.wanted = wanted
        self.bound = bound
        self.src = wanted
        self.nic = nic  # without meaning while `result` says that there is no way
        self.next_hop = dst
        self.mtu = 0
        self.result = NO_ROUTE
        self.generation = 0
        self.kind = UNICAST
        self.locked = False  # IPv4: the path is narrower than the floor, never set DF
        self.loop = True  # multicast: own members get a copy (IP_MULTICAST_LOOP)
        self.bucket = -1  # of the counter that its identifications come from


@final
class _PathMtu:
    __slots__ = ("expires", "locked", "mtu")

    def __init__(self, mtu: int, locked: bool, expires: int) -> None:
        self.mtu = mtu
        self.locked = locked
        self.expires = expires


@final
class PathMtus(TimerOwner):
    """The path MTUs that were told, by destination, the oldest first. They age out and are tried again."""

    __slots__ = ("_known", "_routes", "_timer", "_timers")

    def __init__(self, timers: TimerQueue, routes: RoutingTable) -> None:
        self._timers = timers
        self._routes = routes
        self._known: dict[bytes, _PathMtu] = {}
        self._timer: Timer | None = None

    def get(self, dst: bytes, link_mtu: int) -> int:
        """The MTU of the path to a destination whose first link has this MTU."""
        known = self._known.get(dst)
        if known is None or known.mtu > link_mtu:
            return link_mtu
        return known.mtu

    def locked(self, dst: bytes) -> bool:
        """Whether datagrams to an IPv4 destination must be left to be fragmented."""
        known = self._known.get(dst)
        return known is not None and known.locked

    def lower(self, dst: bytes, mtu: int, current: int, now: int) -> bool:
        """A router says that only `mtu` octets pass on the way to `dst`; whether that was news.

        `current` is the estimate so far: a message never raises it.
        """
        locked = False
        if len(dst) == 4:
            # RFC 1191 §3 MUST NOT, ICMP-036: the estimate stays above 68; Linux stops at 552.
            if mtu < IPV4_PMTU_FLOOR:
                mtu = min(IPV4_PMTU_FLOOR, current)
                locked = True
        elif mtu < IPV6_PMTU_FLOOR:
            return False  # RFC 8201 §4 MUST NOT, ICMP-054: a smaller one is no news, it is dropped
        known = self._known.get(dst)
        was_locked = known is not None and known.locked
        # RFC 1191 §3, RFC 8201 §4 MUST NOT, ICMP-037, ICMP-055: never raised by a message.
        if mtu > current or (mtu == current and locked == was_locked):
            return False
        if known is not None:
            del self._known[dst]
        elif len(self._known) >= PMTU_LIMIT:
            del self._known[next(iter(self._known))]
        # RFC 1191 §6.3, RFC 8201 §4 MUST, ICMP-038, ICMP-056: tried again after 10 minutes.
        self._known[dst] = _PathMtu(mtu, locked or was_locked, now + PMTU_LIFETIME)
        if self._timer is None:
            self._timer = Timer(self, 0, True)
        if self._timer.deadline < 0:
            self._timers.arm(self._timer, now + PMTU_LIFETIME)
        self._routes.changed()
        return True

    def on_timer(self, kind: int, now: int) -> None:
        """Forget what is old."""
        old: list[bytes] = []
        for dst, known in self._known.items():
            if known.expires > now:
                assert self._timer is not None
                self._timers.arm(self._timer, known.expires)
                break
            old.append(dst)
        for dst in old:
            del self._known[dst]
        self._routes.changed()

    def __len__(self) -> int:
        return len(self._known)


def plateau_below(length: int) -> int:
    """The next lower usual MTU, for a message that names none. RFC 1191 §5, ICMP-039."""
    for mtu in _PLATEAUS:
        if mtu < length:
            return mtu
    return 68
