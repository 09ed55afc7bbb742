"""A NIC and the node it sits in: where packets enter and leave.

A NIC that sends puts the packet in its `outbox` and marks its node; whoever drives the node (the fabric's
loop, a test, a door to a real wire) empties the outbox. Nothing here knows what a cable is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from trunkline.base.addresses import MAC_NONE
from trunkline.base.native import mypyc_attr
from trunkline.base.timers import TimerOwner
from trunkline.wire.packet import Packet
from trunkline.wire.trace import TraceSink

if TYPE_CHECKING:
    from trunkline.link.neighbours import Neighbour, NeighbourTable

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
        self.outgoing: list[Nic] = []  # the NICs whose outbox is not empty
        self.marked = marked
        self.pending = False
        self.polled = False  # it is being polled: its outboxes are emptied next, marked or not
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


class Port(TimerOwner):
    """What a NIC is plugged into. Made above: a cable's end, a loopback, a door to a real wire."""

    def carry(self, nic: Nic, packet: Packet, now: int) -> None:
        """Take a packet that a NIC sends."""
        raise NotImplementedError


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
        self.port: Port | None = None  # what is plugged in: where the outbox is emptied to
        self.outbox: list[Packet] = []
        self.addresses: dict[bytes, int] = {}  # own addresses of both families, to prefix lengths
        self.groups: dict[bytes, int] = {}  # IP groups joined, to how often
        self.all_multicast = False  # take frames of every group
        self.promiscuous = False  # take every frame
        self.neighbours: NeighbourTable | None = None  # made by the link layer, for Ethernet
        self.last_neighbour: Neighbour | None = None  # of the table: who was sent to last
        self.sent_packets = 0
        self.sent_octets = 0
        self.unplugged = 0  # packets sent while nothing was plugged in
        self.received_packets = 0
        self.received_octets = 0
        node.nics.append(self)
        self.index = len(node.nics)

    def emit(self, packet: Packet) -> None:
        """Put a packet, link header and all, in the outbox."""
        outbox = self.outbox
        if not outbox:
            node = self.node
            node.outgoing.append(self)
            if not node.pending and not node.polled:  # as `mark`, in place
                node.pending = True
                node.marked.append(node)
        outbox.append(packet)
