"""A trace sink that remembers: what ladders and journeys are drawn from, after a run or in the middle of it.

It keeps a copy of each packet at each NIC, since routers change headers in place. Everything it keeps has a
limit, and what came after the limit is counted.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from trunkline.wire.packet import Packet
from trunkline.wire.trace import TraceSink

SIGHTINGS_LIMIT: Final = 100_000  # packets at NICs that are kept
EVENTS_LIMIT: Final = 100_000  # each of drops, states and calls


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
    """A packet, as it was when it left by a NIC or arrived at one."""

    interface: Interface
    direction: int  # RECEIVED or SENT of wire.trace
    packet: Packet
    now: int


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
    """A program made a socket call."""

    node: str
    program: str
    verb: str
    detail: str
    now: int


class Recorder(TraceSink):
    """Keeps what a world tells. With `identity`, only what concerns that one packet."""

    def __init__(self, identity: int = 0, limit: int = SIGHTINGS_LIMIT) -> None:
        self.interfaces: dict[int, Interface] = {}
        self.sightings: list[Sighting] = []
        self.drops: list[Drop] = []
        self.states: list[State] = []
        self.calls: list[Call] = []
        self.missed = 0  # events that came when a limit was reached
        self._identity = identity
        self._limit = limit

    def interface(self, interface: int, node: str, nic: str, mac: bytes, ethernet: bool) -> None:
        """Remember a NIC."""
        self.interfaces[interface] = Interface(interface, node, nic, mac, ethernet)

    def frame(self, interface: int, direction: int, packet: Packet, now: int) -> None:
        """Remember a packet at a NIC."""
        if self._identity and packet.identity != self._identity:
            return
        if len(self.sightings) >= self._limit:
            self.missed += 1
            return
        self.sightings.append(Sighting(self.interfaces[interface], direction, packet.copy(), now))

    def drop(self, node: str, reason: str, packet: Packet | None, now: int) -> None:
        """Remember where a packet ended."""
        if self._identity and (packet is None or packet.identity != self._identity):
            return
        if len(self.drops) >= EVENTS_LIMIT:
            self.missed += 1
            return
        self.drops.append(Drop(node, reason, None if packet is None else packet.copy(), now))

    def state(
        self, node: str, local: tuple[bytes, int], remote: tuple[bytes, int], state: str, now: int
    ) -> None:
        """Remember what state a connection entered."""
        if len(self.states) < EVENTS_LIMIT:
            self.states.append(State(node, local, remote, state, now))
        else:
            self.missed += 1

    def call(self, node: str, program: str, verb: str, detail: str, now: int) -> None:
        """Remember what a program called."""
        if len(self.calls) < EVENTS_LIMIT:
            self.calls.append(Call(node, program, verb, detail, now))
        else:
            self.missed += 1

    def statistics(self) -> dict[str, int]:
        """How much is kept."""
        return {
            "calls": len(self.calls),
            "drops": len(self.drops),
            "missed": self.missed,
            "sightings": len(self.sightings),
            "states": len(self.states),
        }
