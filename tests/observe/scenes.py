"""What ladders and journeys are drawn of in these tests: small stories told by trace calls alone."""

from __future__ import annotations

from tests.observe.stage import ACK, MACS, NICS, PORT, PSH, RST, SYN, Stage
from trunkline.base.addresses import LOOPBACK4
from trunkline.base.units import MILLISECOND
from trunkline.observe.recorder import Recorder
from trunkline.wire import icmpv4
from trunkline.wire.arp import REQUEST, Arp
from trunkline.wire.ethernet import Ethernet
from trunkline.wire.frame import quoted
from trunkline.wire.header import ICMP, TCP, UDP
from trunkline.wire.icmp import Icmp, echo
from trunkline.wire.ipv4 import IPv4
from trunkline.wire.packet import Packet
from trunkline.wire.trace import RECEIVED, SENT
from trunkline.wire.udp import Udp


def lossy_call(version: int) -> Recorder:
    """Everything that can befall a call: loss, overtaking, damage, a copy, no room, and a refused one first."""
    recorder = Recorder()
    stage = Stage(recorder, version=version)
    page = b"HTTP/1.1 200 OK\r\n" + b"x" * 483
    stage.segment(True, SYN, 0, lost=1)
    stage.call(1000)
    stage.segment(True, PSH | ACK, 1100, 1, 1, b"GET /page HTTP/1.1\r\nHost: bob\r\n\r\n")
    stage.segment(False, ACK, 1140, 1, 34)
    stage.segment(False, ACK, 1141, 1, 34, page, lost=2)
    stage.segment(False, ACK, 1142, 501, 34, b"y" * 500, delay=20)
    stage.segment(False, ACK, 1143, 1001, 34, b"z" * 500)
    stage.segment(True, ACK, 1175, 34, 1, sack=((1001, 1501),))
    stage.segment(True, ACK, 1205, 34, 1, sack=((501, 1501),))
    stage.segment(False, PSH | ACK, 1240, 1, 34, page, twice=True)
    stage.segment(True, ACK, 1275, 34, 1501, window=0)
    stage.segment(True, ACK, 1276, 34, 1501, sack=((1, 501),), window=0)
    stage.segment(True, ACK, 1300, 34, 1501)
    stage.segment(False, PSH | ACK, 1340, 1501, 34, b"\x00\xff", damaged=True)
    stage.segment(False, PSH | ACK, 1360, 1501, 34, b"\x00\xff")
    stage.hang_up(1400, 34, 1503)
    return recorder


def long_call(segments: int) -> Recorder:
    """Many ordinary segments one way, each heard, with one lost in the middle and said again."""
    recorder = Recorder()
    stage = Stage(recorder)
    stage.call()
    for number in range(segments):
        at = 100 + 100 * number
        if number == segments // 2:
            stage.segment(True, ACK, at, 1 + 1000 * number, 1, b"x" * 1000, lost=0)
            at += 50
        stage.segment(True, ACK, at, 1 + 1000 * number, 1, b"x" * 1000)
        stage.segment(False, ACK, at + 30, 1, 1001 + 1000 * number)
    stage.hang_up(200 + 100 * segments, 1 + 1000 * segments, 1)
    return recorder


def refused_call_and_postcards() -> Recorder:
    """A refused call, then datagrams: one lost, one answered, one to a port where nobody is, one cut up."""
    recorder = Recorder()
    stage = Stage(recorder)
    stage.segment(True, SYN, 0, dropped="tcp: no connection")
    stage.segment(False, RST | ACK, 30, ack=1)
    stage.datagram(True, 100, b"one")
    stage.datagram(True, 101, b"two", lost=0)
    stage.datagram(False, 140, b"\x00\x01")
    question = stage.datagram(True, 200, b"anybody?", dropped="transport: no such port")
    error = Icmp(icmpv4.UNREACHABLE, icmpv4.PORT_UNREACHABLE)
    stage.send(False, ICMP, error, quoted(question, icmpv4.QUOTE_LIMIT), 230)
    whole = PORT.to_bytes(2, "big") + b"\x00\x35\x07\xd8\x00\x00" + bytes(2000)
    for offset in (0, 1480):
        ip = stage.ip(True, UDP)
        ip.identification = 77
        ip.fragment_offset = offset
        ip.more_fragments = offset == 0
        stage.send(True, UDP, None, whole[offset : offset + 1480], 300, ip=ip)
    return recorder


def ping() -> Recorder:
    """A question and its answer."""
    recorder = Recorder()
    stage = Stage(recorder)
    stage.send(True, ICMP, echo(icmpv4.ECHO_REQUEST, 7, 1), b"abcdefgh", 0)
    stage.send(False, ICMP, echo(icmpv4.ECHO_REPLY, 7, 1), b"abcdefgh", 40)
    return recorder


def question_to_all() -> Recorder:
    """An ARP request, broadcast: the switch floods it, the router alone reads it."""
    recorder = Recorder()
    stage = Stage(recorder)
    arp = Arp(REQUEST, MACS[0], stage.alice, bytes(6), bytes((10, 0, 1, 2)))
    packet = Packet(None, arp, b"")
    packet.identity = 1
    packet.ethernet = Ethernet(b"\xff" * 6, MACS[0], 0x0806)
    sightings = [(0, SENT, 0), (1, RECEIVED, 10), (2, SENT, 10), (3, RECEIVED, 20)]
    for nic, direction, time in sightings:
        recorder.frame(nic, direction, packet, time * MILLISECOND)
    return recorder


def to_itself() -> Recorder:
    """A datagram over the loopback, which is seen once."""
    recorder = Recorder()
    Stage(recorder)
    packet = Packet(IPv4(LOOPBACK4, LOOPBACK4, UDP), Udp(PORT, 53), b"own voice")
    packet.identity = 1
    recorder.frame(NICS.index(("alice", "lo")), SENT, packet, 0)
    return recorder


def too_many_hops() -> Recorder:
    """A segment that the router gives up."""
    recorder = Recorder()
    stage = Stage(recorder)
    header = stage.ip(True, TCP, hop_limit=1)
    stage.send(True, TCP, None, b"", 0, ip=header, hops=[0, 1])
    recorder.drop("r1", "forward: hop limit", recorder.sightings[-1].packet, 20 * MILLISECOND)
    return recorder
