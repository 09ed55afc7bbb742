"""An attacker on the link: says any octets it likes to a host, and hears what the host says."""

from __future__ import annotations

from trunkline.base.addresses import parse_mac
from trunkline.fabric.cable import Cable, Impairments
from trunkline.link.nic import ETHERNET, Nic, Node
from trunkline.topology.internet import Internet
from trunkline.topology.machine import HostMachine
from trunkline.wire.frame import decode, encode
from trunkline.wire.packet import Packet
from trunkline.wire.trace import RECEIVED, TraceSink


class Attacker(Node):
    """A station with no stack at all."""

    def __init__(self, net: Internet, victim: HostMachine, nic: Nic) -> None:
        super().__init__("attacker", net.loop.marked)
        self.net = net
        self.victim = victim
        self.heard = 0
        number = net.loop.number_nic()
        self.nic = Nic(self, "eth0", ETHERNET, parse_mac("02:66:66:66:66:66"), 1500, number)
        Cable(net.loop, "evil", self.nic, nic, Impairments(), Impairments(), 1)

    def receive(self, nic: Nic, packet: Packet, now: int) -> None:
        self.heard += 1

    def poll_transmit(self, now: int) -> None:
        pass

    def say(self, octets: bytes, settle: int = 1_000_000) -> None:
        """Put octets on the wire as a frame, and let the world go on for a while (nanoseconds)."""
        self.nic.emit(decode(octets, True))
        loop = self.net.loop
        limit = loop.now + settle
        while loop.run(limit):
            pass

    def counted(self) -> dict[str, int]:
        """What the victim has counted so far, and what it holds: a frame that is met changes it."""
        return self.victim.statistics()


class Corpus(TraceSink):
    """Keeps the octets of each frame that arrives at one NIC."""

    def __init__(self, interface: int) -> None:
        self.at = interface
        self.frames: list[bytes] = []

    def frame(self, interface: int, direction: int, packet: Packet, now: int) -> None:
        if interface == self.at and direction == RECEIVED:
            self.frames.append(encode(packet))
