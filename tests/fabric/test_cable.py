"""Cables: what each knob does to packets, measured at the far NIC; order, queues, cuts and strict octets."""

from __future__ import annotations

import pytest

from trunkline.base.addresses import parse_address, parse_mac
from trunkline.base.units import MILLISECOND, chance, duration, rate
from trunkline.fabric.cable import Cable, Impairments, Loopback
from trunkline.fabric.loop import FOREVER, Loop
from trunkline.link.nic import BARE, ETHERNET, LOOPBACK, Nic, Node
from trunkline.wire.ethernet import Ethernet
from trunkline.wire.frame import encode
from trunkline.wire.ipv4 import IPv4
from trunkline.wire.ipv6 import IPv6
from trunkline.wire.packet import Packet
from trunkline.wire.trace import RECEIVED, SENT, TraceSink
from trunkline.wire.udp import Udp

MACS = [parse_mac("02:00:00:00:00:01"), parse_mac("02:00:00:00:00:02")]


class Station(Node):
    """A node that says what it is told to and writes down what arrives."""

    def __init__(self, name: str, loop: Loop) -> None:
        super().__init__(name, loop.marked)
        self.loop = loop
        self.arrived: list[tuple[int, Packet]] = []

    def receive(self, nic: Nic, packet: Packet, now: int) -> None:
        self.arrived.append((now, packet))

    def poll_transmit(self, now: int) -> None:
        pass

    def payloads(self) -> list[bytes]:
        return [packet.payload for _now, packet in self.arrived]


class Witness(TraceSink):
    """Writes down every frame with its notes at that time."""

    def __init__(self) -> None:
        self.frames: list[tuple[int, int, int, list[str]]] = []

    def frame(self, interface: int, direction: int, packet: Packet, now: int) -> None:
        self.frames.append((interface, direction, packet.identity, list(packet.notes or [])))


class Pair:
    """Two stations and a cable."""

    def __init__(
        self,
        forward: Impairments,
        backward: Impairments | None = None,
        strict: bool = False,
        kind: int = ETHERNET,
        seed: int = 1,
    ) -> None:
        self.loop = Loop(strict)
        self.near, self.far = Station("near", self.loop), Station("far", self.loop)
        number = self.loop.number_nic
        self.nics = [
            Nic(node, "eth0", kind, mac, 1500, number())
            for node, mac in zip((self.near, self.far), MACS, strict=True)
        ]
        self.cable = Cable(self.loop, "c", *self.nics, forward, backward or Impairments(), seed)

    def say(self, payload: bytes, version: int = 4, back: bool = False) -> Packet:
        nic = self.nics[1 if back else 0]
        upper = Udp(1, 2)
        ip = (
            IPv4(parse_address("10.0.0.1"), parse_address("10.0.0.2"), 17)
            if version == 4
            else IPv6(parse_address("2001:db8::1"), parse_address("2001:db8::2"), 17)
        )
        packet = Packet(ip, upper, payload)
        if nic.kind == ETHERNET:
            packet.ethernet = Ethernet(MACS[1], MACS[0], 0x0800 if version == 4 else 0x86DD)
        nic.emit(packet)
        return packet

    def settle(self) -> None:
        while self.loop.run(FOREVER):
            pass


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize("kind", [ETHERNET, BARE])
def test_a_packet_arrives_after_the_delay(strict: bool, version: int, kind: int) -> None:
    pair = Pair(Impairments(delay=duration("20ms")), strict=strict, kind=kind)
    sent = pair.say(b"hello", version)
    pair.settle()
    [(now, packet)] = pair.far.arrived
    assert now == 20 * MILLISECOND
    assert packet.payload == b"hello"
    assert packet.identity == 1
    assert (packet is sent) == (not strict)
    assert pair.loop.packets_in_flight == 0
    pair.say(b"back", version, back=True)
    pair.settle()
    assert pair.near.payloads() == [b"back"]


def test_rate_makes_packets_wait_for_each_other() -> None:
    pair = Pair(Impairments(rate=rate("1Mbit"), delay=duration("1ms")))
    packets = [pair.say(bytes(1000)) for _ in range(3)]
    each = (14 + 20 + 8 + 1000) * 8 * 1000  # ns at 1 Mbit/s: as netem counts, the whole frame
    assert packets[0].length() * 8000 == each
    pair.settle()
    assert [now for now, _ in pair.far.arrived] == [each * n + MILLISECOND for n in (1, 2, 3)]


def test_a_duplicate_takes_its_time_on_the_line() -> None:
    """As in netem, whose clones are queued again behind the rate."""
    pair = Pair(Impairments(rate=rate("8Mbit"), duplicate=chance("100%"), queue=2))
    pair.say(bytes(958))  # frames of 1,000 octets: 1 ms each
    pair.say(bytes(958))  # the transmitter holds two already
    pair.settle()
    assert [now for now, _ in pair.far.arrived] == [MILLISECOND, 2 * MILLISECOND]
    assert pair.cable.forward.statistics()["queue full"] == 1


def test_a_full_queue_drops_the_newest() -> None:
    pair = Pair(Impairments(rate=rate("1Mbit"), queue=3))
    for number in range(10):
        pair.say(bytes([number]) * 100)
    pair.settle()
    assert [payload[0] for payload in pair.far.payloads()] == [0, 1, 2]
    assert pair.cable.forward.statistics()["queue full"] == 7
    pair.say(b"later")
    pair.settle()
    assert pair.far.payloads()[-1] == b"later"


def test_a_long_queue_drains_in_order() -> None:
    """The queue's book-keeping is folded as it goes: 5,000 packets through a queue of 700."""
    pair = Pair(Impairments(rate=rate("20Mbit"), queue=700))
    for batch in range(10):
        for number in range(500):
            pair.say((batch * 500 + number).to_bytes(2, "big"))
        pair.loop.run(pair.loop.now + 5 * MILLISECOND)
    pair.settle()
    numbers = [int.from_bytes(payload, "big") for payload in pair.far.payloads()]
    assert numbers == sorted(numbers)
    assert len(numbers) + pair.cable.forward.overflowed == 5000
    assert pair.cable.forward.overflowed > 0


@pytest.mark.parametrize("knob", ["loss", "duplicate", "corrupt", "reorder"])
def test_chances_come_out_as_asked(knob: str) -> None:
    impairments = Impairments(delay=duration("1ms"))
    setattr(impairments, knob, chance("5%"))
    pair = Pair(impairments, seed=3)
    total = 20_000
    for number in range(total):
        pair.say(number.to_bytes(4, "big"))
        pair.loop.run(pair.loop.now + 10_000)
    pair.settle()
    count = {
        "loss": pair.cable.forward.lost,
        "duplicate": pair.cable.forward.duplicated,
        "corrupt": pair.cable.forward.corrupted,
        "reorder": pair.cable.forward.reordered,
    }
    assert 0.045 * total < count[knob] < 0.055 * total  # 3.2 standard deviations
    assert [name for name, value in count.items() if value] == [knob]
    arrived = total - count["loss"] + count["duplicate"]
    assert len(pair.far.arrived) == arrived
    if knob == "reorder":
        numbers = [int.from_bytes(payload, "big") for payload in pair.far.payloads()]
        assert numbers != sorted(numbers)
        assert sorted(numbers) == list(range(total))
    if knob == "corrupt":
        marked = [p for _, p in pair.far.arrived if p.notes]
        assert len(marked) == count["corrupt"]


def test_jitter_spreads_the_delay_and_keeps_order() -> None:
    pair = Pair(Impairments(delay=duration("10ms"), jitter=duration("5ms")))
    for number in range(2000):
        pair.say(number.to_bytes(2, "big"))
        pair.loop.run(pair.loop.now + 20 * MILLISECOND)
    pair.settle()
    delays = [now % (20 * MILLISECOND) for now, _ in pair.far.arrived]
    assert min(delays) >= 5 * MILLISECOND
    assert max(delays) <= 15 * MILLISECOND
    assert max(delays) - min(delays) > 9 * MILLISECOND
    pair = Pair(Impairments(delay=duration("10ms"), jitter=duration("5ms")))
    for number in range(500):
        pair.say(number.to_bytes(2, "big"))
        pair.loop.run(pair.loop.now + 100_000)
    pair.settle()
    assert pair.far.payloads() == [number.to_bytes(2, "big") for number in range(500)]


def test_one_knob_moves_no_other_knobs_draws() -> None:
    lost = []
    for duplicate in ("0", "10%"):
        pair = Pair(Impairments(loss=chance("10%"), duplicate=chance(duplicate)))
        for number in range(1000):
            pair.say(number.to_bytes(2, "big"))
        pair.settle()
        lost.append(set(range(1000)) - {int.from_bytes(p, "big") for p in pair.far.payloads()})
    assert lost[0] == lost[1]


def test_directions_are_their_own() -> None:
    pair = Pair(Impairments(loss=chance("100%")), Impairments())
    pair.say(b"lost")
    pair.say(b"heard", back=True)
    pair.settle()
    assert pair.far.arrived == []
    assert pair.near.payloads() == [b"heard"]


def test_a_cut_cable_loses_what_is_on_it() -> None:
    knobs = Impairments(delay=duration("10ms"), reorder=chance("50%"), rate=rate("1Mbit"))
    pair = Pair(knobs)
    for _ in range(20):
        pair.say(bytes(100))
    pair.loop.run(2 * MILLISECOND)
    heard = len(pair.far.arrived)
    pair.cable.down(pair.loop.now)
    assert pair.loop.packets_in_flight == 0
    pair.say(b"into the void")
    pair.settle()
    assert len(pair.far.arrived) == heard
    assert pair.cable.forward.statistics()["cable down"] == 21 - heard
    pair.cable.up()
    pair.say(b"mended")
    pair.settle()
    assert pair.far.payloads()[-1] == b"mended"


def test_the_trace_shows_what_befell_a_packet() -> None:
    pair = Pair(Impairments(loss=chance("100%")))
    witness = pair.loop.trace = Witness()
    pair.say(b"x")
    pair.settle()
    [(interface, direction, identity, notes)] = witness.frames
    assert (interface, direction, identity) == (0, SENT, 1)
    assert notes == ["dropped by c (near.eth0 to far.eth0): lost"]
    pair = Pair(Impairments(corrupt=chance("100%")))
    witness = pair.loop.trace = Witness()
    pair.say(b"x")
    pair.settle()
    sent, received = witness.frames
    assert sent[:2] == (0, SENT)
    assert sent[3] == []  # it was whole when it left
    assert received[:3] == (1, RECEIVED, 1)
    assert received[3][0].startswith("corrupted by c (near.eth0 to far.eth0): bit ")


def test_a_corrupted_packet_differs_in_one_bit() -> None:
    for seed in range(50):
        pair = Pair(Impairments(corrupt=chance("100%")), seed=seed)
        original = encode(pair.say(b"some payload").copy())
        pair.settle()
        [(_now, packet)] = pair.far.arrived
        changed = encode(packet)
        difference = int.from_bytes(original, "big") ^ int.from_bytes(changed, "big")
        assert len(changed) == len(original)
        assert difference.bit_count() == 1


def test_an_unplugged_nic_counts_what_it_loses() -> None:
    loop = Loop()
    station = Station("alone", loop)
    nic = Nic(station, "eth0", ETHERNET, MACS[0], 1500, loop.number_nic())
    nic.emit(Packet(None, None, b"x"))
    loop.flush()
    assert nic.unplugged == 1


@pytest.mark.parametrize("strict", [False, True])
def test_loopback_is_a_queue_like_any_cable(strict: bool) -> None:
    loop = Loop(strict)
    station = Station("self", loop)
    nic = Nic(station, "lo", LOOPBACK, b"", 65536, loop.number_nic())
    Loopback(loop, nic)
    address = parse_address("127.0.0.1")
    for payload in (b"a", b"b"):
        nic.emit(Packet(IPv4(address, address, 17), Udp(1, 2), payload))
    loop.flush()
    assert station.arrived == []  # nothing comes back inside the call that sends
    while loop.run(FOREVER):
        pass
    assert station.payloads() == [b"a", b"b"]
    assert loop.now == 0


def test_the_loop_stops_at_its_limit() -> None:
    pair = Pair(Impairments(delay=duration("10ms")))
    pair.say(b"x")
    assert pair.loop.run(5 * MILLISECOND) is False
    assert pair.loop.now == 5 * MILLISECOND
    assert pair.far.arrived == []
    assert pair.loop.run(FOREVER) is False
    assert pair.loop.now == 10 * MILLISECOND
    pair.loop.interrupt = True
    assert pair.loop.run(FOREVER) is True
    assert pair.loop.interrupt is False
