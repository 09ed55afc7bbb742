"""A learning switch: frames go where their address was last seen, and everywhere when it was not.

IEEE 802.1D §7 in the main: learning, filtering, flooding, ageing. An address ages when it is looked for, so
an idle switch has no timer. A full table learns nothing new until some of it has aged, as in real switches:
traffic to who is not in it is flooded, and those in it keep their place.

Left out on purpose: the spanning tree (do not cable a loop), VLANs, addresses of its own.
"""

from __future__ import annotations

from typing import Final, final

from trunkline.base.addresses import MAC_NONE
from trunkline.base.results import Counters
from trunkline.base.units import SECOND
from trunkline.link.nic import Nic, Node
from trunkline.wire.damage import NAMES as DAMAGE_NAMES
from trunkline.wire.packet import Packet

AGEING_TIME: Final = 300 * SECOND
TABLE_LIMIT: Final = 8192  # addresses
SWEEP_INTERVAL: Final = SECOND  # a full table is searched for aged addresses at most so often
RESERVED: Final = b"\x01\x80\xc2\x00\x00"  # IEEE 802.1D §7.12.6: groups that stay on one link

FILTERED: Final = "switch: for where it came from"
LINK_LOCAL: Final = "switch: for this link only"
DAMAGED: Final = "switch: damaged: "
NO_HEADER: Final = "switch: no Ethernet header"
BAD_SOURCE: Final = "switch: source is a group or none"
NIC_DOWN: Final = "switch: NIC is down"
NOWHERE: Final = "switch: nowhere to send it"
TOO_BIG: Final = "switch: too big for the NIC"
LEARNED: Final = "switch: learned"
MOVED: Final = "switch: moved"
AGED: Final = "switch: aged"
TABLE_FULL: Final = "switch: table full, not learned"


@final
class Station:
    """Where a hardware address was last seen, and when."""

    __slots__ = ("nic", "seen")

    def __init__(self, nic: Nic, seen: int) -> None:
        self.nic = nic
        self.seen = seen


@final
class Switch(Node):
    """A switch. `ageing_time` (nanoseconds) and `table_limit` (addresses) may be set."""

    def __init__(self, name: str, marked: list[Node]) -> None:
        super().__init__(name, marked)
        self.counters = Counters()
        self.forwarded = 0  # frames that left by the one NIC they had to
        self.flooded = 0  # frames that left by every other NIC
        self.ageing_time = AGEING_TIME
        self.table_limit = TABLE_LIMIT
        self._stations: dict[bytes, Station] = {}
        self._swept = 0

    def receive(self, nic: Nic, packet: Packet, now: int) -> None:
        """A frame arrived: note where its sender is, and pass it on."""
        ethernet = packet.ethernet
        if ethernet is None:
            damage = packet.damage
            self._drop(packet, DAMAGED + DAMAGE_NAMES[damage] if damage else NO_HEADER, now)
            return
        if not nic.up:
            self._drop(packet, NIC_DOWN, now)
            return
        src = ethernet.src
        station = self._stations.get(src)
        if station is not None and station.nic is nic:
            station.seen = now
        elif src[0] & 1 or src == MAC_NONE:
            self._drop(packet, BAD_SOURCE, now)
            return
        else:
            self._learn(src, station, nic, now)
        dst = ethernet.dst
        if not dst[0] & 1:
            station = self._stations.get(dst)
            if station is not None and station.nic.up:
                if now - station.seen < self.ageing_time:
                    out = station.nic
                    if out is nic:
                        self._drop(packet, FILTERED, now)
                    elif packet.ip_length() > out.mtu:
                        self._drop(packet, TOO_BIG, now)
                    else:
                        self.forwarded += 1
                        out.emit(packet)
                    return
                del self._stations[dst]
                self.counters.count(AGED)
        elif dst.startswith(RESERVED) and dst[5] < 16:
            self._drop(packet, LINK_LOCAL, now)
            return
        self._flood(nic, packet, now)

    def where(self, mac: bytes, now: int) -> Nic | None:
        """The NIC behind which an address is known to be."""
        station = self._stations.get(mac)
        if station is None or now - station.seen >= self.ageing_time:
            return None
        return station.nic

    def statistics(self) -> dict[str, int]:
        """All counts, and how many addresses are in the table, aged ones included."""
        counts = self.counters.statistics()
        counts["switch: addresses"] = len(self._stations)
        counts["switch: forwarded"] = self.forwarded
        counts["switch: flooded"] = self.flooded
        return counts

    def _flood(self, nic: Nic, packet: Packet, now: int) -> None:
        """Out of every NIC but the one it came by; the last gets the packet itself."""
        last: Nic | None = None
        length = packet.ip_length()
        for out in self.nics:
            if out is nic or not out.up:
                continue
            if length > out.mtu:
                self._drop(packet, TOO_BIG, now)  # that way: a capture says so, and others got it
                continue
            if last is not None:
                last.emit(packet.copy())
            last = out
        if last is None:
            self._drop(packet, NOWHERE, now)
        else:
            self.flooded += 1
            last.emit(packet)

    def _learn(self, src: bytes, station: Station | None, nic: Nic, now: int) -> None:
        if station is not None:
            station.nic = nic
            station.seen = now
            self.counters.count(MOVED)
            return
        if len(self._stations) >= self.table_limit and not self._sweep(now):
            self.counters.count(TABLE_FULL)
            return
        self._stations[src] = Station(nic, now)
        self.counters.count(LEARNED)

    def _sweep(self, now: int) -> bool:
        """Take the aged addresses out of a full table. True: there is room now."""
        if now - self._swept < SWEEP_INTERVAL and self._swept:
            return False
        self._swept = now
        oldest = now - self.ageing_time
        aged = [mac for mac, station in self._stations.items() if station.seen <= oldest]
        for mac in aged:
            del self._stations[mac]
        self.counters.count(AGED, len(aged))
        return len(self._stations) < self.table_limit

    def _drop(self, packet: Packet, reason: str, now: int) -> None:
        self.counters.count(reason)
        trace = self.trace
        if trace is not None:
            trace.drop(self.name, reason, packet, now)
