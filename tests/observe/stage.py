"""A small world made of nothing but trace calls: alice, a switch, a router, bob; every time is given."""

from __future__ import annotations

from trunkline.base.addresses import parse_address
from trunkline.base.units import MILLISECOND
from trunkline.wire.ethernet import Ethernet
from trunkline.wire.frame import decode, encode
from trunkline.wire.header import TCP, UDP, Header
from trunkline.wire.ipv4 import IPv4
from trunkline.wire.ipv6 import IPv6
from trunkline.wire.packet import Packet
from trunkline.wire.tcp import ACK, FIN, PSH, RST, SYN, Tcp, TcpOptions
from trunkline.wire.trace import RECEIVED, SENT, TraceSink
from trunkline.wire.udp import Udp

MACS = [bytes((2, 0, 0, 0, 0, number)) for number in range(8)]
NICS = [
    ("alice", "eth0"),
    ("s1", "eth0"),
    ("s1", "eth1"),
    ("r1", "eth0"),
    ("r1", "eth1"),
    ("bob", "eth0"),
    ("alice", "lo"),
]
HOPS = [
    (0, 1),
    (2, 3),
    (4, 5),
]  # (NIC that sends, NIC that gets) of the three cables, from the left
CABLES = ["alice-s1", "s1-r1", "r1-bob"]
PORT = 40000


class Stage:
    """Tells sinks of packets between alice and bob, in either family."""

    def __init__(self, *sinks: TraceSink, version: int = 4) -> None:
        self.sinks = sinks
        self.version = version
        self.identities = 0
        if version == 4:
            self.alice, self.bob = parse_address("10.0.1.1"), parse_address("10.0.2.2")
        else:
            self.alice = parse_address("2001:db8:0:1::1")
            self.bob = parse_address("2001:db8:0:2::2")
        self.seq = {True: 1000, False: 0xFFFFFF00}  # the right one's wraps
        for number, (node, nic) in enumerate(NICS):
            for sink in sinks:
                sink.interface(number, node, nic, MACS[number], nic != "lo")

    def ip(self, rightwards: bool, protocol: int, hop_limit: int = 64) -> IPv4 | IPv6:
        src, dst = (self.alice, self.bob) if rightwards else (self.bob, self.alice)
        if self.version == 4:
            return IPv4(src, dst, protocol, hop_limit, dont_fragment=True)
        return IPv6(src, dst, protocol, hop_limit)

    def segment(
        self,
        rightwards: bool,
        flags: int,
        now: int,
        seq: int = 0,
        ack: int = 0,
        data: bytes = b"",
        sack: tuple[tuple[int, int], ...] = (),
        window: int = 500,
        **fate: object,
    ) -> Packet:
        """A TCP segment; `seq` and `ack` count from each side's start, `now` milliseconds."""
        ports = (PORT, 80) if rightwards else (80, PORT)
        options = (
            TcpOptions(1460, 7, True) if flags & SYN else TcpOptions(sack=sack) if sack else None
        )
        mine, other = self.seq[rightwards], self.seq[not rightwards]
        if options is not None and sack:
            options.sack = tuple(
                (left + other & 0xFFFFFFFF, right + other & 0xFFFFFFFF) for left, right in sack
            )
        tcp = Tcp(
            *ports,
            mine + seq & 0xFFFFFFFF,
            other + ack & 0xFFFFFFFF if flags & ACK else 0,
            flags,
            window,
            options=options,
        )
        return self.send(rightwards, TCP, tcp, data, now, **fate)

    def datagram(self, rightwards: bool, now: int, data: bytes, **fate: object) -> Packet:
        """A UDP datagram between port 40000 of alice and port 53 of bob."""
        ports = (PORT, 53) if rightwards else (53, PORT)
        return self.send(rightwards, UDP, Udp(*ports), data, now, **fate)

    def send(
        self,
        rightwards: bool,
        protocol: int,
        upper: Header | None,
        data: bytes,
        now: int,
        *,
        lost: int = -1,
        damaged: bool = False,
        twice: bool = False,
        delay: int = 10,
        dropped: str = "",
        ip: IPv4 | IPv6 | None = None,
        hops: list[int] | None = None,
    ) -> Packet:
        """A packet across the cables, each `delay` ms long; `lost` numbers the cable that loses it."""
        ethertype = 0x0800 if self.version == 4 else 0x86DD
        packet = Packet(ip or self.ip(rightwards, protocol), upper, data)
        self.identities += 1
        packet.identity = self.identities
        time = now * MILLISECOND
        order = hops if hops is not None else [0, 1, 2] if rightwards else [2, 1, 0]
        for cable in order:
            near, far = HOPS[cable] if rightwards else HOPS[cable][::-1]
            if packet.ethernet is None or NICS[near][0] != "s1":
                target = far if NICS[far][0] != "s1" else (3 if rightwards else 0)
                packet.ethernet = Ethernet(MACS[target], MACS[near], ethertype)
            if NICS[near][0] == "r1" and packet.ip is not None and len(order) > 1:
                packet.ip.hop_limit -= 1
            packet.octets = None
            name = f"{CABLES[cable]} ({'.'.join(NICS[near])} to {'.'.join(NICS[far])})"
            if cable == lost:
                packet.note(f"dropped by {name}: lost")
            for sink in self.sinks:
                sink.frame(near, SENT, packet, time)
                if cable == lost:
                    sink.drop(name, "lost", packet, time)
            if cable == lost:
                return packet
            time += delay * MILLISECOND
            if damaged and cable == order[-1]:
                packet = self.damage(packet, name)
            for _ in range(2 if twice and cable == order[-1] else 1):
                for sink in self.sinks:
                    sink.frame(far, RECEIVED, packet, time)
            if cable == order[-1] and (damaged or dropped):
                reason = dropped or "internet: damaged: TCP checksum"
                for sink in self.sinks:
                    sink.drop(NICS[far][0], reason, packet, time)
        return packet

    def damage(self, packet: Packet, cable: str) -> Packet:
        octets = bytearray(encode(packet))
        octets[-1] ^= 1
        damaged = decode(bytes(octets), True)
        damaged.identity = packet.identity
        damaged.note(f"corrupted by {cable}: bit 7 of octet {len(octets) - 1} flipped")
        return damaged

    def call(self, start: int = 0) -> None:
        """The three packets that open a call."""
        self.segment(True, SYN, start)
        self.segment(False, SYN | ACK, start + 30, ack=1)
        self.segment(True, ACK, start + 60, seq=1, ack=1)

    def hang_up(self, start: int, said: int = 1, heard: int = 1) -> None:
        """Both sides close, alice first."""
        self.segment(True, FIN | ACK, start, seq=said, ack=heard)
        self.segment(False, FIN | ACK, start + 30, seq=heard, ack=said + 1)
        self.segment(True, ACK, start + 60, seq=said + 1, ack=heard + 1)


__all__ = ["ACK", "FIN", "PSH", "RST", "SYN", "Stage"]
