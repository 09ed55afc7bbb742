"""Hosts with TCP on a test cable, and a bench: one host and a hand-made peer, in virtual time.

The cable drops, duplicates, reorders and corrupts by dice, and turns each packet into octets and back
unless told not to. `World.run` drives the one queue of timers and the cable's packets.
"""

from __future__ import annotations

import os
from heapq import heappop, heappush

from trunkline.base.addresses import LOOPBACK4, LOOPBACK6, parse_address
from trunkline.base.dice import CERTAIN, Dice
from trunkline.base.results import SENT
from trunkline.base.timers import NEVER, TimerQueue
from trunkline.base.units import MILLISECOND, SECOND
from trunkline.internet.layer import DELIVER, REPORT, Internet
from trunkline.link.layer import LinkLayer
from trunkline.link.nic import BARE, LOOPBACK, Nic, Node
from trunkline.transport.endpoint import Endpoint
from trunkline.transport.tcp.connection import Connection
from trunkline.transport.tcp.layer import TcpLayer
from trunkline.transport.tcp.listener import Listener
from trunkline.transport.tcp.policy import TcpPolicy, TcpSettings, linux_policy
from trunkline.wire.frame import decode, encode, strict_copy
from trunkline.wire.header import TCP
from trunkline.wire.icmp import Icmp
from trunkline.wire.ipv4 import IPv4
from trunkline.wire.ipv6 import IPv6
from trunkline.wire.packet import Packet
from trunkline.wire.tcp import ABSENT, ACK, FIN, PSH, RST, SYN, Tcp, TcpOptions

MS = MILLISECOND
S = SECOND
STRICT = os.environ.get("TRUNKLINE_STRICT") == "1"
ONE4, TWO4 = parse_address("10.0.0.1"), parse_address("10.0.0.2")
ONE6, TWO6 = parse_address("2001:db8::1"), parse_address("2001:db8::2")


class Watcher(Endpoint):
    """An endpoint that counts how often it was told."""

    def __init__(self) -> None:
        super().__init__()
        self.told = 0

    def on_events(self) -> None:
        self.told += 1


class Host(Node):
    """A host with link, internet and TCP floors, without sockets."""

    def __init__(self, world: World, name: str, policy: TcpPolicy) -> None:
        super().__init__(name, world.marked)
        self.world = world
        self.link = LinkLayer(self, world.timers, Dice(world.seed, name + " link"))
        self.internet = Internet(
            self, self.link, world.timers, Dice(world.seed, name + " internet")
        )
        self.policy = policy
        self.tcp = TcpLayer(
            self.internet,
            world.timers,
            world.events,
            self,
            Dice(world.seed, name + " tcp"),
            policy,
        )
        lo = self.nic("lo", LOOPBACK, 65536)
        self.internet.add_address(lo, LOOPBACK4, 8, world.now)
        self.internet.add_address(lo, LOOPBACK6, 128, world.now)

    def nic(self, name: str, kind: int, mtu: int) -> Nic:
        world = self.world
        number = world.numbers
        world.numbers += 1
        nic = Nic(self, name, kind, bytes((2, 0, 0, 0, 0, number)), mtu, number)
        self.link.attach(nic)
        self.internet.attach(nic)
        return nic

    def receive(self, nic: Nic, packet: Packet, now: int) -> None:
        if not self.link.receive(nic, packet, now):
            return
        verdict = self.internet.receive(nic, packet, now)
        if verdict == DELIVER:
            self.tcp.receive(nic, self.internet.delivered, now)
        elif verdict == REPORT:
            self.tcp.on_report(self.internet.report, now)

    def poll_transmit(self, now: int) -> None:
        if self.link.has_failed:
            self.internet.dequeue_failed(now)
            for report in self.internet.reports:
                self.tcp.on_report(report, now)
            self.internet.reports.clear()
        self.tcp.poll_transmit(now)

    def listen(self, port: int = 80, backlog: int = 8, v6: bool = False) -> Listener:
        return self.tcp.listen(
            Watcher(),
            None,
            [bytes(16) if v6 else bytes(4)],
            port,
            backlog,
            TcpSettings(self.policy),
            self.world.now,
        )

    def connect(
        self,
        remote: bytes,
        port: int = 80,
        local_port: int = 40000,
        settings: TcpSettings | None = None,
    ) -> Connection:
        return self.tcp.connect(
            Watcher(),
            None,
            b"\0" * len(remote),
            local_port,
            remote,
            port,
            None,
            settings or TcpSettings(self.policy),
            self.world.now,
        )


class Weather:
    """What a cable does to packets, in parts of 2^32, and its delay."""

    def __init__(
        self,
        delay: int = 10 * MS,
        loss: int = 0,
        duplicate: int = 0,
        reorder: int = 0,
        corrupt: int = 0,
        rate: int = 0,
        queue: int = 1000,
    ) -> None:
        self.delay = delay
        self.loss = loss * CERTAIN // 1000  # arguments are per mille
        self.duplicate = duplicate * CERTAIN // 1000
        self.reorder = reorder * CERTAIN // 1000
        self.corrupt = corrupt * CERTAIN // 1000
        self.rate = rate  # bits a second, 0: no limit
        self.queue = queue  # packets that wait for the rate


class World:
    """The clock, the timers, the cables."""

    def __init__(
        self, seed: int = 7, weather: Weather | None = None, strict: bool = STRICT
    ) -> None:
        self.seed = seed
        self.now = 1 * S
        self.timers = TimerQueue()
        self.marked: list[Node] = []
        self.events: list[Endpoint] = []
        self.numbers = 0
        self.strict = strict
        self.weather = weather or Weather()
        self.dice = Dice(seed, "cable")
        self.opposite: dict[int, Nic] = {}
        self.flying: list[tuple[int, int, Nic, Packet]] = []
        self.free_at: dict[int, int] = {}
        self.count = 0
        self.carried = 0
        self.lose: list[int] = []  # numbers of packets that carry data to be lost, for exact tests
        self.seen: list[tuple[int, Nic, Packet]] | None = None  # what was sent, when

    def pair(
        self, policy: TcpPolicy | None = None, mtu: int = 1500, other: TcpPolicy | None = None
    ) -> tuple[Host, Host]:
        """Two hosts on one cable, both families."""
        one = Host(self, "one", policy or linux_policy())
        two = Host(self, "two", other or policy or linux_policy())
        nic1 = one.nic("eth0", BARE, mtu)
        nic2 = two.nic("eth0", BARE, mtu)
        self.opposite[nic1.number] = nic2
        self.opposite[nic2.number] = nic1
        one.internet.add_address(nic1, ONE4, 24, self.now)
        one.internet.add_address(nic1, ONE6, 64, self.now)
        two.internet.add_address(nic2, TWO4, 24, self.now)
        two.internet.add_address(nic2, TWO6, 64, self.now)
        return one, two

    def flush(self) -> None:
        """Poll whoever is marked, and put what they said on the cables."""
        while self.marked:
            nodes = list(self.marked)
            self.marked.clear()
            for node in nodes:
                node.pending = False
                node.poll_transmit(self.now)
                for nic in list(node.outgoing):
                    packets = list(nic.outbox)
                    nic.outbox.clear()
                    for packet in packets:
                        self.carry(nic, packet)
                node.outgoing.clear()
        for endpoint in self.events:
            endpoint.noted = False
            endpoint.on_events()
        self.events.clear()

    def carry(self, nic: Nic, packet: Packet) -> None:
        self.carried += 1
        if self.seen is not None:
            self.seen.append((self.now, nic, packet.copy()))
        if nic.kind == LOOPBACK:
            self.fly(nic, packet, 0)
            return
        weather = self.weather
        dice = self.dice
        if self.lose and packet.payload:
            self.lose = [number - 1 for number in self.lose if number > 0]
            if 0 in self.lose:
                return
        if weather.loss and dice.chance(weather.loss):
            return
        delay = weather.delay
        if weather.rate:
            free = max(self.free_at.get(nic.number, 0), self.now)
            takes = packet.length() * 8 * S // weather.rate
            if free - self.now > takes * weather.queue:
                return
            self.free_at[nic.number] = free + takes
            delay += free + takes - self.now
        if weather.reorder and dice.chance(weather.reorder):
            delay += dice.below(weather.delay or MS) * 2
        if weather.corrupt and dice.chance(weather.corrupt):
            octets = bytearray(encode(packet))
            octets[dice.below(len(octets))] ^= 1 << dice.below(8)
            packet = decode(bytes(octets), packet.ethernet is not None)
        if weather.duplicate and dice.chance(weather.duplicate):
            self.fly(self.opposite[nic.number], packet.copy(), delay + dice.below(MS))
        self.fly(self.opposite[nic.number], packet, delay)

    def fly(self, nic: Nic, packet: Packet, delay: int) -> None:
        if self.strict and nic.kind != LOOPBACK and not packet.damage:
            packet = strict_copy(packet, packet.ethernet is not None)
        self.count += 1
        heappush(self.flying, (self.now + delay, self.count, nic, packet))

    def step(self, limit: int) -> bool:
        """The next thing that happens, if it happens by `limit`."""
        self.flush()
        at = self.timers.next_time()
        if self.flying and (at == NEVER or self.flying[0][0] <= at):
            if self.flying[0][0] > limit:
                return False
            when, _, nic, packet = heappop(self.flying)
            assert when >= self.now, "time went back"
            self.now = when
            nic.node.receive(nic, packet, when)
            self.flush()
            return True
        if at == NEVER or at > limit:
            return False
        timer = self.timers.pop(limit)
        assert timer is not None
        assert at >= self.now, "time went back"
        self.now = at
        timer.owner.on_timer(timer.kind, self.now)
        self.flush()
        return True

    def run(self, span: int = 10 * S) -> None:
        limit = self.now + span
        steps = 0
        while self.step(limit):
            steps += 1
            assert steps < 2_000_000, "it goes round for ever"
        self.now = max(self.now, limit)

    def settled(self) -> bool:
        """Whether no packet flies and only housekeeping is armed."""
        return not self.flying and self.timers.idle()


def opened(world: World, one: Host, two: Host, v6: bool = False) -> tuple[Connection, Connection]:
    """A connection between two hosts: the caller's end and the accepted one."""
    listener = two.listen(v6=v6)
    caller = one.connect(TWO6 if v6 else TWO4)
    for _ in range(1000):
        if listener.ready():
            break
        world.step(world.now + 100 * S)
    callee = listener.accept()
    assert callee is not None
    callee.endpoint = Watcher()
    world.run(5 * world.weather.delay)
    assert caller.state_name() == callee.state_name() == "ESTABLISHED"
    return caller, callee


class Seg:
    """A segment as a test writes it. Numbers are relative to the two initial sequence numbers."""

    def __init__(
        self,
        flags: int,
        seq: int,
        ack: int = 0,
        data: bytes = b"",
        window: int = 65535,
        options: TcpOptions | None = None,
        ts_val: int = ABSENT,
        ts_ecr: int = 0,
        urgent: int = 0,
    ) -> None:
        self.flags = flags
        self.seq = seq
        self.ack = ack
        self.data = data
        self.window = window
        self.options = options
        self.ts_val = ts_val
        self.ts_ecr = ts_ecr
        self.urgent = urgent


class Bench:
    """A host under test, and a peer that is played by the test: port 80 and port 40000 either way.

    `inject` gives the host a segment, `out` takes what it said since, `at` moves the clock.
    """

    def __init__(
        self, policy: TcpPolicy | None = None, v6: bool = False, mtu: int = 1500, seed: int = 7
    ) -> None:
        self.world = World(seed)
        self.host = Host(self.world, "host", policy or linux_policy())
        self.wire = self.host.nic("eth0", BARE, mtu)
        self.v6 = v6
        self.here = ONE6 if v6 else ONE4
        self.there = TWO6 if v6 else TWO4
        self.host.internet.add_address(self.wire, self.here, 64 if v6 else 24, self.world.now)
        self.iss = 0xFFFFFFF0  # the peer's: near the wrap
        self.host_iss = -1
        self.host_port = 80
        self.peer_port = 40000
        self.said: list[tuple[int, Packet]] = []
        self.zero = self.world.now

    def collect(self) -> None:
        world = self.world
        while world.marked:
            nodes = list(world.marked)
            world.marked.clear()
            for node in nodes:
                node.pending = False
                node.poll_transmit(world.now)
                for nic in list(node.outgoing):
                    packets = list(nic.outbox)
                    nic.outbox.clear()
                    for packet in packets:
                        if nic.kind == LOOPBACK:
                            node.receive(nic, packet, world.now)
                        else:
                            self.said.append((world.now - self.zero, strict_copy(packet, False)))
                node.outgoing.clear()
        for endpoint in world.events:
            endpoint.noted = False
            endpoint.on_events()
        world.events.clear()

    def at(self, when: int) -> None:
        """Let timers fire up to `when`, counted from the bench's zero."""
        limit = self.zero + when
        self.collect()
        steps = 0
        while True:
            timer = self.world.timers.pop(limit)
            if timer is None:
                break
            steps += 1
            assert steps < 100_000, "timers go round for ever"
            self.world.now = int(timer.at)
            timer.owner.on_timer(timer.kind, self.world.now)
            self.collect()
        self.world.now = limit

    def after(self, span: int) -> None:
        self.at(self.world.now - self.zero + span)

    def inject(self, seg: Seg, source: bytes | None = None, target: bytes | None = None) -> None:
        self.collect()
        header = Tcp(
            self.peer_port,
            self.host_port,
            (self.iss + seg.seq) & 0xFFFFFFFF,
            (max(self.host_iss, 0) + seg.ack) & 0xFFFFFFFF if seg.flags & ACK else 0,
            seg.flags,
            seg.window,
            seg.ts_val,
            seg.ts_ecr,
            seg.options,
            seg.urgent,
        )
        src = source or self.there
        dst = target or self.here
        ip = IPv6(src, dst, TCP) if self.v6 else IPv4(src, dst, TCP)
        packet = strict_copy(Packet(ip, header, seg.data), False)
        self.host.receive(self.wire, packet, self.world.now)
        self.collect()

    def inject_icmp(self, kind: int, code: int, rest: int, about: Packet) -> None:
        """An ICMP error of the peer about a packet that the host sent."""
        self.collect()
        quote = encode(about)[: 1200 if self.v6 else 28]
        ip = IPv6(self.there, self.here, 58) if self.v6 else IPv4(self.there, self.here, 1)
        packet = strict_copy(Packet(ip, Icmp(kind, code, rest), quote), False)
        self.host.receive(self.wire, packet, self.world.now)
        self.collect()

    def out(self) -> list[Out]:
        """What was said since the last look."""
        self.collect()
        said = [Out(self, when, packet) for when, packet in self.said]
        self.said = []
        return said

    def one(self) -> Out:
        """The one segment that was said since the last look."""
        said = self.out()
        assert len(said) == 1, said
        return said[0]

    def nothing(self) -> None:
        """Nothing was said since the last look."""
        assert self.out() == []

    def listen(self, backlog: int = 8, settings: TcpSettings | None = None) -> Listener:
        return self.host.tcp.listen(
            Watcher(),
            None,
            [bytes(16) if self.v6 else bytes(4)],
            80,
            backlog,
            settings or TcpSettings(self.host.policy),
            self.world.now,
        )

    def accepted(
        self,
        options: TcpOptions | None = None,
        ts_val: int = ABSENT,
        window: int = 65535,
        settings: TcpSettings | None = None,
    ) -> Connection:
        """A connection that the peer opened, in ESTABLISHED."""
        listener = self.listen(settings=settings)
        self.inject(Seg(SYN, 0, window=window, options=options, ts_val=ts_val))
        answer = self.one()
        ecr = answer.header.ts_val if ts_val != ABSENT else 0
        self.inject(Seg(ACK, 1, 1, window=window, ts_val=ts_val, ts_ecr=ecr))
        connection = listener.accept()
        assert connection is not None
        connection.endpoint = Watcher()
        self.nothing()
        return connection

    def called(
        self,
        options: TcpOptions | None = None,
        ts_val: int = ABSENT,
        window: int = 65535,
        settings: TcpSettings | None = None,
    ) -> Connection:
        """A connection that the host opened, in ESTABLISHED."""
        connection = self.call(settings)
        syn = self.one()
        ecr = syn.header.ts_val if ts_val != ABSENT else 0
        self.inject(Seg(SYN | ACK, 0, 1, window=window, options=options, ts_val=ts_val, ts_ecr=ecr))
        ack = self.one()
        assert ack.flags == ACK
        return connection

    def call(self, settings: TcpSettings | None = None) -> Connection:
        self.host_port = 40000
        self.peer_port = 80
        return self.host.tcp.connect(
            Watcher(),
            None,
            b"\0" * len(self.there),
            40000,
            self.there,
            80,
            None,
            settings or TcpSettings(self.host.policy),
            self.world.now,
        )


class Out:
    """A segment that the host said, with relative numbers."""

    def __init__(self, bench: Bench, when: int, packet: Packet) -> None:
        self.when = when
        self.packet = packet
        self.ip = packet.ip
        header = packet.upper
        assert isinstance(header, Tcp), packet
        assert not packet.damage
        self.header = header
        if bench.host_iss < 0 and header.flags & SYN:
            bench.host_iss = header.seq
        base = max(bench.host_iss, 0)
        self.flags = header.flags
        self.seq = (header.seq - base) & 0xFFFFFFFF
        self.ack = (header.ack - bench.iss) & 0xFFFFFFFF if header.flags & ACK else 0
        self.data = packet.payload
        self.window = header.window
        self.options = header.options

    def __repr__(self) -> str:
        names = ((SYN, "S"), (FIN, "F"), (RST, "R"), (PSH, "P"), (ACK, "."))
        flags = "".join(name for bit, name in names if self.flags & bit)
        return f"<{self.when / 1e9:.3f} {flags} seq {self.seq} ack {self.ack} len {len(self.data)}>"


__all__ = ["ACK", "FIN", "MS", "PSH", "RST", "SENT", "SYN", "Bench", "Host", "Out", "S", "Seg"]
