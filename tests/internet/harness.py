"""Machines on wires, without transport or fabric: packets are handed from outboxes to the NIC opposite.

Time is virtual and stands still while packets move; `Lan.run` lets timers fire. Every wire turns packets
into octets and reads them afresh, unless it is told not to.
"""

from __future__ import annotations

from trunkline.base.addresses import LOOPBACK4, LOOPBACK6, Prefix, parse_address
from trunkline.base.dice import Dice
from trunkline.base.results import TOO_BIG
from trunkline.base.timers import TimerQueue
from trunkline.internet.layer import DELIVER, REPORT, Internet
from trunkline.internet.reports import Report
from trunkline.internet.routes import Route
from trunkline.link.layer import LinkLayer
from trunkline.link.nic import ETHERNET, LOOPBACK, Nic, Node
from trunkline.wire.frame import strict_copy
from trunkline.wire.header import UDP
from trunkline.wire.packet import Packet


class Machine(Node):
    """A host or router without a transport: what would go there is kept in lists."""

    def __init__(self, lan: Lan, name: str, forwarding: bool = False) -> None:
        super().__init__(name, lan.marked)
        self.lan = lan
        self.link = LinkLayer(self, lan.timers, Dice(7, name + " link"))
        self.internet = Internet(self, self.link, lan.timers, Dice(7, name + " internet"))
        self.internet.forwarding = forwarding
        self.delivered: list[Packet] = []
        self.reports: list[Report] = []
        self.answer_closed_ports = False
        self.lo = self.nic("lo", LOOPBACK, 65536)
        self.internet.add_address(self.lo, LOOPBACK4, 8, lan.now)
        self.internet.add_address(self.lo, LOOPBACK6, 128, lan.now)

    def nic(self, name: str, kind: int = ETHERNET, mtu: int = 1500) -> Nic:
        number = self.lan.numbers
        self.lan.numbers += 1
        nic = Nic(self, name, kind, bytes((2, 0, 0, 0, number >> 8, number & 255)), mtu, number)
        self.link.attach(nic)
        self.internet.attach(nic)
        return nic

    def address(self, nic: Nic, text: str) -> bytes:
        address, _, length = text.partition("/")
        octets = parse_address(address)
        self.internet.add_address(nic, octets, int(length), self.lan.now)
        return octets

    def receive(self, nic: Nic, packet: Packet, now: int) -> None:
        if not self.link.receive(nic, packet, now):
            return
        verdict = self.internet.receive(nic, packet, now)
        if verdict == DELIVER:
            self.delivered.append(self.internet.delivered)
            if self.answer_closed_ports:
                self.internet.unreachable_port(self.internet.delivered, now)
        elif verdict == REPORT:
            report = self.internet.report
            if report.code == TOO_BIG and report.protocol == UDP:
                self.internet.narrowed(report, now)  # as UDP does for one that a socket sent
            self.reports.append(report)

    def poll_transmit(self, now: int) -> None:
        if self.link.has_failed:
            self.internet.dequeue_failed(now)
            self.reports.extend(self.internet.reports)
            self.internet.reports.clear()


class Lan:
    """The clock, and which NIC is opposite which."""

    def __init__(self, strict: bool = True) -> None:
        self.now = 0
        self.timers = TimerQueue()
        self.marked: list[Node] = []
        self.numbers = 0
        self.strict = strict
        self.opposite: dict[int, Nic] = {}
        self.wire: list[
            tuple[Nic, Packet]
        ] = []  # every packet that crossed, and the NIC it left by
        self.blocked: list[Nic] = []  # NICs whose packets are lost

    def join(self, one: Nic, two: Nic) -> None:
        self.opposite[one.number] = two
        self.opposite[two.number] = one

    def settle(self) -> None:
        """Carry packets until there are none left; time stands still."""
        turns = 0
        while self.marked:
            turns += 1
            assert turns < 10_000, "packets go round for ever"
            nodes = list(self.marked)
            self.marked.clear()
            for node in nodes:
                node.pending = False
                node.poll_transmit(self.now)
                sent: list[tuple[Nic, Packet]] = []
                for nic in node.outgoing:
                    sent += [(nic, packet) for packet in nic.outbox]
                    nic.outbox.clear()
                node.outgoing.clear()
                for nic, packet in sent:
                    self.carry(nic, packet)

    def carry(self, nic: Nic, packet: Packet) -> None:
        if self.strict:
            packet = strict_copy(packet, packet.ethernet is not None)
        self.wire.append((nic, packet))
        if nic in self.blocked:
            return
        far = nic if nic.kind == LOOPBACK else self.opposite.get(nic.number)
        if far is not None:
            far.node.receive(far, packet, self.now)

    def run(self, span: int) -> None:
        """Let timers fire for so long."""
        limit = self.now + span
        self.settle()
        while True:
            timer = self.timers.pop(limit)
            if timer is None:
                break
            self.now = int(timer.at)
            timer.owner.on_timer(timer.kind, self.now)
            self.settle()
        self.now = limit


class Pair:
    """Two hosts on one wire, both families: 10.0.1.1 and .2, 2001:db8:0:1::1 and ::2."""

    def __init__(self, strict: bool = True, mtu: int = 1500) -> None:
        self.lan = Lan(strict)
        self.one = Machine(self.lan, "one")
        self.two = Machine(self.lan, "two")
        self.nic1 = self.one.nic("eth0", ETHERNET, mtu)
        self.nic2 = self.two.nic("eth0", ETHERNET, mtu)
        self.lan.join(self.nic1, self.nic2)
        for number, machine, nic in ((1, self.one, self.nic1), (2, self.two, self.nic2)):
            machine.address(nic, f"10.0.1.{number}/24")
            machine.address(nic, f"2001:db8:0:1::{number}/64")
            machine.address(nic, f"fe80::{number}/64")


class Chain:
    """Two hosts with a router between them: 10.0.1.1 - .254, 10.0.2.254 - .2; 2001:db8:0:1::/64 and :2::."""

    def __init__(self, strict: bool = True, mtu1: int = 1500, mtu2: int = 1500) -> None:
        self.lan = Lan(strict)
        self.one = Machine(self.lan, "one")
        self.router = Machine(self.lan, "router", True)
        self.two = Machine(self.lan, "two")
        self.nic1 = self.one.nic("eth0", ETHERNET, mtu1)
        self.left = self.router.nic("eth0", ETHERNET, mtu1)
        self.right = self.router.nic("eth1", ETHERNET, mtu2)
        self.nic2 = self.two.nic("eth0", ETHERNET, mtu2)
        self.lan.join(self.nic1, self.left)
        self.lan.join(self.right, self.nic2)
        for machine, nic, net, number in (
            (self.one, self.nic1, 1, 1),
            (self.router, self.left, 1, 254),
            (self.router, self.right, 2, 254),
            (self.two, self.nic2, 2, 2),
        ):
            machine.address(nic, f"10.0.{net}.{number}/24")
            machine.address(nic, f"2001:db8:0:{net}::{number}/64")
            machine.address(nic, f"fe80::{net}:{number}/64")
        default_route(self.one, self.nic1, "10.0.1.254", "2001:db8:0:1::254")
        default_route(self.two, self.nic2, "10.0.2.254", "2001:db8:0:2::254")


def default_route(machine: Machine, nic: Nic, *gateways: str, metric: int = 0) -> None:
    for gateway in gateways:
        octets = parse_address(gateway)
        prefix = Prefix(bytes(len(octets)), 0)
        machine.internet.routes.add(Route(prefix, octets, nic, metric))
