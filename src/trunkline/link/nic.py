"""A NIC and the node it sits in: where packets enter and leave.

A NIC that sends puts the packet in its `outbox` and marks its node; whoever drives the node (the fabric's
loop, a test, a door to a real wire) empties the outbox. Nothing here knows what a cable is.
"""

from __future__ import annotations

from typing import Final

from trunkline.base.addresses import MAC_NONE
from trunkline.base.native import mypyc_attr
from trunkline.wire.packet import Packet
from trunkline.wire.trace import TraceSink

ETHERNET: Final = 0
BARE: Final = 1  # no link header: TUN devices and packet scripts
LOOPBACK: Final = 2

LOOPBACK_MTU: Final = 65536
ETHERNET_MTU: Final = 1500


@mypyc_attr(allow_interpreted_subclasses=True)
class Node:
    """Whatever has NICs: a host, a router, a switch.

    `pending` says that it has something to send or to tell; it is then in `marked`, the list that its
    driver reads and clears.
    """

    def __init__(self, name: str, marked: list[Node]) -> None:
        self.name = name
        self.nics: list[Nic] = []
        self.marked = marked
        self.pending = False
        self.trace: TraceSink | None = None

    def mark(self) -> None:
        """Ask to be polled."""
        if not self.pending:
            self.pending = True
            self.marked.append(self)

    def receive(self, nic: Nic, packet: Packet, now: int) -> None:
        """A packet arrived at a NIC. The node owns it from here."""
        raise NotImplementedError

    def poll_transmit(self, now: int) -> None:
        """Say what is ready to be said; afterwards the outboxes of the NICs hold it."""


class Nic:
    """A network interface. `number` is world-wide (for traces), `index` the node's own, from 1."""

    def __init__(self, node: Node, name: str, kind: int, mac: bytes, mtu: int, number: int) -> None:
        self.node = node
        self.name = name
        self.kind = kind
        self.mac = mac if kind == ETHERNET else MAC_NONE
        self.mtu = mtu  # the largest IP datagram it sends, octets
        self.number = number
        self.up = True
        self.outbox: list[Packet] = []
        self.addresses: dict[bytes, int] = {}  # own addresses of both families, to prefix lengths
        self.groups: dict[bytes, int] = {}  # IP groups joined, to how often
        self.sent_packets = 0
        self.sent_octets = 0
        self.received_packets = 0
        self.received_octets = 0
        node.nics.append(self)
        self.index = len(node.nics)

    def emit(self, packet: Packet) -> None:
        """Put a packet, link header and all, in the outbox."""
        self.outbox.append(packet)
        node = self.node
        if not node.pending:
            node.mark()
