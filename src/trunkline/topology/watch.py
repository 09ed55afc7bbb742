"""Watchers of a world: several trace sinks behind the one that nodes and cables know."""

from __future__ import annotations

from trunkline.wire.packet import Packet
from trunkline.wire.trace import TraceSink


class Watchers(TraceSink):
    """Tells every sink what it is told, in order of adding."""

    def __init__(self) -> None:
        self.sinks: list[TraceSink] = []

    def interface(self, interface: int, node: str, nic: str, mac: bytes, ethernet: bool) -> None:
        """A NIC exists."""
        for sink in self.sinks:
            sink.interface(interface, node, nic, mac, ethernet)

    def frame(self, interface: int, direction: int, packet: Packet, now: int) -> None:
        """A packet leaves or arrives."""
        for sink in self.sinks:
            sink.frame(interface, direction, packet, now)

    def drop(self, node: str, reason: str, packet: Packet | None, now: int) -> None:
        """A packet was given up."""
        for sink in self.sinks:
            sink.drop(node, reason, packet, now)

    def state(
        self, node: str, local: tuple[bytes, int], remote: tuple[bytes, int], state: str, now: int
    ) -> None:
        """A connection entered a state."""
        for sink in self.sinks:
            sink.state(node, local, remote, state, now)

    def call(
        self, node: str, verb: str, local: tuple[bytes, int], remote: tuple[bytes, int], now: int
    ) -> None:
        """A program made a call."""
        for sink in self.sinks:
            sink.call(node, verb, local, remote, now)

    def cable(self, name: str, nics: tuple[int, int], what: str, now: int) -> None:
        """Something befell a cable."""
        for sink in self.sinks:
            sink.cable(name, nics, what, now)


class Drops(TraceSink):
    """Counts what was given up, by reason, and by who and reason."""

    def __init__(self) -> None:
        self.reasons: dict[str, int] = {}
        self.places: dict[tuple[str, str], int] = {}

    def drop(self, node: str, reason: str, packet: Packet | None, now: int) -> None:
        """A packet was given up."""
        self.reasons[reason] = self.reasons.get(reason, 0) + 1
        place = (node, reason)
        self.places[place] = self.places.get(place, 0) + 1
