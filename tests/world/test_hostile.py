"""Nothing from the network raises, hangs or grows: random octets, truncations and flips of real frames."""

from __future__ import annotations

import socket

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import trunkline
from tests.world.hostile import Attacker, Corpus
from trunkline.base.dice import Dice
from trunkline.topology.machine import HostMachine
from trunkline.wire.ethernet import Ethernet
from trunkline.wire.ipv4 import IPv4
from trunkline.wire.packet import Packet
from trunkline.wire.tcp import SYN, Tcp
from trunkline.wire.udp import Udp


def talk(victim: str, version: int) -> None:
    """A bit of everything: resolution, UDP to open and closed ports, TCP with a little data."""
    family = socket.AF_INET6 if version == 6 else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as caller:
        caller.sendto(b"anybody there?", (victim, 9))
        caller.sendto(bytes(3000), (victim, 7))
        caller.settimeout(1)
        assert caller.recv(4000) == bytes(3000)
    with socket.socket(family, socket.SOCK_STREAM) as caller:
        caller.connect((victim, 80))
        caller.sendall(b"hello" * 700)
        caller.shutdown(socket.SHUT_WR)
        while caller.recv(65536):
            pass


def serve() -> None:
    """Echo on UDP port 7 and TCP port 80, for ever."""
    import threading

    def datagrams(family: int) -> None:
        with socket.socket(family, socket.SOCK_DGRAM) as listener:
            listener.bind(("", 7))
            while True:
                data, who = listener.recvfrom(65536)
                listener.sendto(data, who)

    for family in (socket.AF_INET, socket.AF_INET6):
        if family == socket.AF_INET6:
            threading.Thread(target=datagrams6, daemon=True).start()
        else:
            threading.Thread(target=datagrams, args=(family,), daemon=True).start()
    with socket.create_server(("", 80), family=socket.AF_INET6, dualstack_ipv6=True) as welcoming:
        while True:
            connection, _who = welcoming.accept()
            with connection:
                while data := connection.recv(65536):
                    connection.sendall(data)


def datagrams6() -> None:
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as listener:
        listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listener.bind(("::", 7))
        while True:
            data, who = listener.recvfrom(65536)
            listener.sendto(data, who)


def world(seed: int = 1) -> tuple[trunkline.Internet, HostMachine, HostMachine]:
    net = trunkline.Internet(seed=seed)
    caller, victim = net.host("caller"), net.host("victim")
    net.link(caller, victim, delay="1ms")
    victim.start(serve, service=True)
    return net, caller, victim


@pytest.fixture(scope="module")
def corpus() -> list[bytes]:
    """Real frames of every kind that a host gets, both families."""
    net, caller, victim = world()
    with net:
        net.settle()
        heard = Corpus(victim.nics()[0].number)
        answered = Corpus(caller.nics()[0].number)
        net.watch(heard)
        net.watch(answered)
        for version in (4, 6):
            address = victim.address if version == 4 else victim.address6
            caller.start(talk, address, version, at="10ms")
        net.run()
    kinds: dict[tuple[int, ...], bytes] = {}
    for frame in heard.frames + answered.frames:
        six = frame[12:14] == b"\x86\xdd"
        protocol = frame[20] if six else frame[23]
        upper = 54 if six else 34
        detail = frame[upper + 13] if protocol == 6 else frame[upper]  # TCP flags, ICMP type
        kinds.setdefault((six, protocol, detail, len(frame) // 400), frame)
    found = list(kinds.values())
    assert len(found) >= 10
    return found


def attacked() -> tuple[trunkline.Internet, Attacker]:
    net, _caller, victim = world()
    net.settle()
    net.run(until="20ms")  # the services stand
    [nic] = victim.nics()
    return net, Attacker(net, victim, nic)


def holdings(victim: HostMachine) -> int:
    """How much the victim keeps: what must not grow with what it is sent."""
    counts = victim.statistics()
    return sum(
        count
        for name, count in counts.items()
        if "held" in name or "entries" in name or "waiting" in name or name.startswith("in ")
    )


def test_every_truncation_is_met(corpus: list[bytes]) -> None:
    net, attacker = attacked()
    with net:
        for frame in corpus:
            for length in range(len(frame)):
                before = attacker.counted()
                attacker.say(frame[:length])
                assert attacker.counted() != before, f"{frame[:length].hex()} was not counted"
        assert holdings(attacker.victim) < 100


def test_every_flipped_bit_is_met(corpus: list[bytes]) -> None:
    net, attacker = attacked()
    with net:
        for frame in corpus:
            header = frame[:120]
            for bit in range(len(header) * 8):
                changed = bytearray(frame)
                changed[bit >> 3] ^= 0x80 >> (bit & 7)
                before = attacker.counted()
                attacker.say(bytes(changed))
                assert attacker.counted() != before, f"bit {bit} of {frame.hex()} was not counted"
        assert holdings(attacker.victim) < 1 << 20  # octets of fragments that wait for the rest


@settings(max_examples=300)
@given(
    st.binary(max_size=200),
    st.sampled_from([0x0800, 0x86DD, 0x0806, 0x8100, 0x0001]),
    st.booleans(),
)
def test_random_octets_are_met(octets: bytes, ethertype: int, to_us: bool) -> None:
    attacker = standing_attacker()
    mac = attacker.victim.nics()[0].mac if to_us else b"\xff" * 6
    before = attacker.counted()
    attacker.say(mac + attacker.nic.mac + ethertype.to_bytes(2, "big") + octets)
    attacker.say(octets)
    assert attacker.counted() != before


_standing: list[Attacker] = []


def standing_attacker() -> Attacker:
    """One victim for all examples: what is left behind by one may trip the next."""
    if not _standing:
        _net, attacker = attacked()
        _standing.append(attacker)
    return _standing[0]


def test_a_flood_from_everywhere_leaves_nothing_behind() -> None:
    """20,000 SYNs, datagrams and fragments from a crowd of senders: the tables keep their limits."""
    net, attacker = attacked()
    with net:
        victim = attacker.victim
        [nic] = victim.nics()
        [address] = [a for a in nic.addresses if len(a) == 4]
        dice = Dice(1, "flood")
        for number in range(20_000):
            source = bytes((10, 0, 1, dice.below(250) + 3))
            kind = number % 3
            packet: Packet
            if kind == 0:
                header = Tcp(dice.below(65536), 80, dice.below(1 << 32), 0, SYN, 1000)
                packet = Packet(IPv4(source, address, 6), header, b"")
            elif kind == 1:
                packet = Packet(IPv4(source, address, 17), Udp(1, dice.below(65536)), b"x")
            else:
                ip = IPv4(source, address, 17)
                ip.identification = dice.below(65536)
                ip.more_fragments = True
                packet = Packet(ip, None, bytes(512))
            packet.ethernet = Ethernet(nic.mac, attacker.nic.mac, 0x0800)
            attacker.nic.emit(packet)
            if number % 50 == 0:
                net.loop.run(net.loop.now + 1_000_000)
        net.run(until="1s")
        assert holdings(victim) < 5 * 1024 * 1024
        caller = net.machines["caller"]
        assert isinstance(caller, HostMachine)
        counts = victim.statistics()
        assert counts.get("tcp: SYN queue full", 0) > 0, str(counts)
        net.run(until="400s")
        assert victim.statistics().get("fragments: datagrams held", 0) == 0
        assert not any(
            name.startswith("in ") and count for name, count in victim.statistics().items()
        )
