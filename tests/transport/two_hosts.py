"""Two hosts on a cable, in both families, driven by calls at the transport's and the sockets' doors."""

from __future__ import annotations

from trunkline.base.addresses import parse_address, parse_mac
from trunkline.base.units import MILLISECOND
from trunkline.fabric.cable import Cable, Impairments, Loopback
from trunkline.fabric.loop import Loop
from trunkline.host.host import Host
from trunkline.link.nic import ETHERNET, Nic
from trunkline.sockets.create import create
from trunkline.system.descriptors import SocketDescription
from trunkline.transport.tcp.policy import linux_policy
from trunkline.wire.packet import Packet
from trunkline.wire.trace import SENT, TraceSink

A = {4: parse_address("10.0.1.1"), 6: parse_address("2001:db8:0:1::1")}
B = {4: parse_address("10.0.1.2"), 6: parse_address("2001:db8:0:1::2")}
NOBODY = {4: parse_address("10.0.1.99"), 6: parse_address("2001:db8:0:1::99")}
ELSEWHERE = {4: parse_address("10.99.0.1"), 6: parse_address("2001:db8:99::1")}
ANY = {4: bytes(4), 6: bytes(16)}
FAMILY = {4: 2, 6: 10}


class Frames(TraceSink):
    """Every packet that a NIC sent."""

    def __init__(self) -> None:
        self.sent: list[tuple[int, Packet]] = []

    def frame(self, interface: int, direction: int, packet: Packet, now: int) -> None:
        if direction == SENT:
            self.sent.append((interface, packet.copy()))


class TwoHosts:
    """`a` and `b`, 1 ms apart; `wires` are their Ethernet NICs."""

    def __init__(self, strict: bool = False, mtu: int = 1500, delay: int = MILLISECOND) -> None:
        self.loop = Loop(strict)
        loop = self.loop
        loop.trace = self.frames = Frames()
        self.hosts: list[Host] = []
        self.wires: list[Nic] = []
        for number, (name, addresses) in enumerate((("a", A), ("b", B))):
            host = Host(name, 1, loop.timers, loop.marked, loop.events, linux_policy())
            Loopback(loop, host.add_loopback(loop.number_nic(), 0))
            mac = parse_mac(f"02:00:00:00:00:0{number + 1}")
            nic = host.add_nic("eth0", ETHERNET, mac, mtu, loop.number_nic())
            host.internet.add_address(nic, addresses[4], 24, 0)
            host.internet.add_address(nic, addresses[6], 64, 0)
            self.hosts.append(host)
            self.wires.append(nic)
        self.a, self.b = self.hosts
        self.cable = Cable(
            loop, "c", *self.wires, Impairments(delay=delay), Impairments(delay=delay), 1
        )

    def socket(
        self, host: Host, version: int, type: int = 2, protocol: int = 0
    ) -> SocketDescription:
        """A non-blocking socket of a host."""
        made = create(host.transport, FAMILY[version], type, protocol)
        description = SocketDescription(self.loop, made)
        description.nonblocking = True
        description.references = 1
        return description

    def bound(
        self, host: Host, version: int, address: bytes = b"", port: int = 0
    ) -> SocketDescription:
        """A bound UDP socket."""
        socket = self.socket(host, version)
        socket.bind((address or ANY[version], port, 0, 0))
        return socket

    def run(self, milliseconds: int = 20) -> None:
        """Let time pass."""
        end = self.loop.now + milliseconds * MILLISECOND
        while self.loop.run(end):
            pass
