"""A trace sink that remembers: what ladders and journeys are drawn from, after a run or in the middle of it.

It keeps a copy of each packet at each NIC, since routers change headers in place. Everything it keeps has a
limit, and what came after the limit is counted.
"""

from __future__ import annotations

from collections import deque
from typing import Final, NamedTuple

from trunkline.wire.packet import Packet
from trunkline.wire.trace import TraceSink

SIGHTINGS_LIMIT: Final = 100_000  # packets at NICs that are kept
EVENTS_LIMIT: Final = 100_000  # each of drops, states, calls and faults
RECENT_LIMIT: Final = 20_000  # packets among which the past of one that is followed is looked for


class Interface(NamedTuple):
    """A NIC. `number` is world-wide."""

    number: int
    node: str
    nic: str
    mac: bytes
    ethernet: bool

    @property
    def name(self) -> str:
        """`alice.eth0`."""
        return f"{self.node}.{self.nic}"


class Sighting(NamedTuple):
    """A packet, as it was when it left by a NIC or arrived at one.

    `number` is that of its record in a capture of the same NICs; 0 if the NIC is none of those.
    """

    interface: Interface
    direction: int  # RECEIVED or SENT of wire.trace
    packet: Packet
    now: int
    number: int = 0


class Drop(NamedTuple):
    """A packet given up by a node or lost by a cable; `packet` is None where only octets were left."""

    place: str
    reason: str
    packet: Packet | None
    now: int


class State(NamedTuple):
    """A TCP connection of a node entered a state."""

    node: str
    local: tuple[bytes, int]
    remote: tuple[bytes, int]
    state: str
    now: int


class Call(NamedTuple):
    """A program did something to a TCP connection: connect, accept, shutdown or close."""

    node: str
    verb: str
    local: tuple[bytes, int]
    remote: tuple[bytes, int]
    now: int


class Fault(NamedTuple):
    """Something befell a cable: it was `cut` or `mended`, or `now has loss 5%`."""

    cable: str
    nics: tuple[int, int]
    what: str
    now: int


class Recorder(TraceSink):
    """Keeps what a world tells.

    Packets are numbered as in a capture that is opened at the same time with the same `node` and `nic`:
    "" for all.
    """

    def __init__(self, limit: int = SIGHTINGS_LIMIT, node: str = "", nic: str = "") -> None:
        self.interfaces: dict[int, Interface] = {}
        self.sightings: list[Sighting] = []
        self.drops: list[Drop] = []
        self.states: list[State] = []
        self.calls: list[Call] = []
        self.faults: list[Fault] = []
        self.missed = 0  # events that came when a limit was reached
        self.count = 0  # packets numbered so far
        self._limit = limit
        self._node = node
        self._nic = nic
        self._numbered: set[int] = set()  # NICs whose packets have numbers

    def interface(self, interface: int, node: str, nic: str, mac: bytes, ethernet: bool) -> None:
        """Remember a NIC."""
        self.interfaces[interface] = Interface(interface, node, nic, mac, ethernet)
        if self._node in ("", node) and self._nic in ("", nic):
            self._numbered.add(interface)

    def frame(self, interface: int, direction: int, packet: Packet, now: int) -> None:
        """Remember a packet at a NIC."""
        number = 0
        if interface in self._numbered:
            self.count += 1
            number = self.count
        self.keep(interface, direction, packet, now, number)

    def keep(self, interface: int, direction: int, packet: Packet, now: int, number: int) -> None:
        """Remember a packet that has its number."""
        if len(self.sightings) >= self._limit:
            self.missed += 1
            return
        nic = self.interfaces[interface]
        self.sightings.append(Sighting(nic, direction, packet.copy(), now, number))

    def drop(self, node: str, reason: str, packet: Packet | None, now: int) -> None:
        """Remember where a packet ended."""
        if self._room(len(self.drops)):
            self.drops.append(Drop(node, reason, None if packet is None else packet.copy(), now))

    def state(
        self, node: str, local: tuple[bytes, int], remote: tuple[bytes, int], state: str, now: int
    ) -> None:
        """Remember what state a connection entered."""
        if self._room(len(self.states)):
            self.states.append(State(node, local, remote, state, now))

    def call(
        self, node: str, verb: str, local: tuple[bytes, int], remote: tuple[bytes, int], now: int
    ) -> None:
        """Remember what a program called."""
        if self._room(len(self.calls)):
            self.calls.append(Call(node, verb, local, remote, now))

    def cable(self, name: str, nics: tuple[int, int], what: str, now: int) -> None:
        """Remember what befell a cable."""
        if self._room(len(self.faults)):
            self.faults.append(Fault(name, nics, what, now))

    def _room(self, kept: int) -> bool:
        if kept < EVENTS_LIMIT:
            return True
        self.missed += 1
        return False

    def statistics(self) -> dict[str, int]:
        """How much is kept."""
        return {
            "calls": len(self.calls),
            "drops": len(self.drops),
            "faults": len(self.faults),
            "missed": self.missed,
            "sightings": len(self.sightings),
            "states": len(self.states),
        }


class Follower(Recorder):
    """Keeps what concerns one packet alone: the one whose record in the capture has this number.

    Where it has been before, at NICs that have no numbers or smaller ones, is looked for among the last
    packets seen.
    """

    def __init__(self, number: int, node: str = "", nic: str = "") -> None:
        super().__init__(node=node, nic=nic)
        self.number = number
        self.identity = 0  # the packet's, once it has been met
        self._recent: deque[Sighting] = deque(maxlen=RECENT_LIMIT)
        self._ended: deque[Drop] = deque(maxlen=RECENT_LIMIT)

    def keep(self, interface: int, direction: int, packet: Packet, now: int, number: int) -> None:
        """Remember the packet; until it is met, every one."""
        if self.identity:
            if packet.identity == self.identity:
                super().keep(interface, direction, packet, now, number)
            return
        nic = self.interfaces[interface]
        self._recent.append(Sighting(nic, direction, packet.copy(), now, number))
        if number == self.number:
            self.identity = packet.identity
            self.sightings = [one for one in self._recent if one.packet.identity == self.identity]
            self.drops = [drop for drop in self._ended if self._concerns(drop.packet)]
            self._recent.clear()
            self._ended.clear()

    def drop(self, node: str, reason: str, packet: Packet | None, now: int) -> None:
        """Remember where the packet ended; until it is met, where every one did."""
        if self.identity:
            if self._concerns(packet):
                super().drop(node, reason, packet, now)
        elif packet is not None:
            self._ended.append(Drop(node, reason, packet.copy(), now))

    def _concerns(self, packet: Packet | None) -> bool:
        return packet is not None and packet.identity == self.identity
