"""ICMP errors: which connection, which are believed, which end it; neighbours that do not answer."""

from __future__ import annotations

import pytest

from tests.transport.tcp.harness import (
    ACK,
    ONE4,
    ONE6,
    TWO4,
    TWO6,
    Bench,
    Host,
    S,
    Seg,
    Watcher,
    World,
)
from trunkline.base.results import (
    NO_NEIGHBOUR,
    NO_ROUTE,
    PORT_REFUSED,
    PROTOCOL_REFUSED,
    TIMED_OUT,
)
from trunkline.link.nic import ETHERNET
from trunkline.transport.tcp.policy import linux_policy, rfc_policy
from trunkline.wire.packet import Packet
from trunkline.wire.tcp import Tcp, TcpOptions

FAMILIES = pytest.mark.parametrize("v6", [False, True])


@FAMILIES
def test_refusals_while_opening(v6: bool) -> None:
    """MUST-54, SHLD-26: a hard error about the SYN ends the attempt."""
    bench = Bench(v6=v6)
    connection = bench.call()
    syn = bench.one()
    bench.inject_icmp(1 if v6 else 3, 4 if v6 else 3, 0, syn.packet)
    assert connection.take_error() == PORT_REFUSED
    assert connection.state_name() == "CLOSED"


@FAMILIES
def test_soft_errors_while_opening(v6: bool) -> None:
    """MUST-56, RFC 5461: Linux gives up at once; preset rfc goes on, and says why when it gave up."""
    kind, code = (1, 0) if v6 else (3, 0)
    bench = Bench(v6=v6)
    connection = bench.call()
    bench.inject_icmp(kind, code, 0, bench.one().packet)
    assert connection.take_error() == NO_ROUTE

    bench = Bench(rfc_policy(), v6=v6)
    connection = bench.call()
    bench.inject_icmp(kind, code, 0, bench.one().packet)
    assert connection.state_name() == "SYN-SENT"
    assert connection.take_error() == NO_ROUTE  # told, SHLD-25
    bench.after(300 * S)
    assert connection.take_error() == TIMED_OUT


@pytest.mark.parametrize("code", [0, 1, 5, 11, 12])
def test_soft_errors_do_not_end_a_connection(code: int) -> None:
    """MUST-56, SHLD-25, MUST-47: told to the program, and no more."""
    for policy in (None, rfc_policy()):
        bench = Bench(policy)
        connection = bench.called()
        connection.send(b"x", bench.world.now)
        said = bench.one()
        watcher = connection.endpoint
        assert isinstance(watcher, Watcher)
        before = watcher.told
        bench.inject_icmp(3, code, 0, said.packet)
        assert connection.state_name() == "ESTABLISHED"
        assert watcher.told == before + 1
        assert connection.take_error() != 0
        assert connection.take_error() == 0
        bench.inject(Seg(ACK, 1, 2))
        assert connection.unsent_or_unacked() == 0


def test_soft_reports_can_be_switched_off() -> None:
    """SHLD-20."""
    bench = Bench()
    connection = bench.called()
    connection.settings.report_soft_errors = False
    connection.send(b"x", bench.world.now)
    said = bench.one()
    watcher = connection.endpoint
    assert isinstance(watcher, Watcher)
    before = watcher.told
    bench.inject_icmp(3, 1, 0, said.packet)
    assert watcher.told == before


def test_hard_errors_end_a_connection_by_the_rfc_only() -> None:
    """SHLD-26 (preset rfc); Linux keeps the connection and remembers."""
    bench = Bench()
    connection = bench.called()
    connection.send(b"x", bench.world.now)
    bench.inject_icmp(3, 2, 0, bench.one().packet)
    assert connection.state_name() == "ESTABLISHED"
    bench = Bench(rfc_policy())
    connection = bench.called()
    connection.send(b"x", bench.world.now)
    bench.inject_icmp(3, 2, 0, bench.one().packet)
    assert connection.state_name() == "CLOSED"
    assert connection.take_error() == PROTOCOL_REFUSED


@FAMILIES
def test_time_exceeded_and_parameter_problem_do_not_end_it(v6: bool) -> None:
    """MUST-56: both are hints."""
    for kind in (3, 4) if v6 else (11, 12):
        bench = Bench(v6=v6)
        connection = bench.called()
        connection.send(b"x", bench.world.now)
        bench.inject_icmp(kind, 0, 0, bench.one().packet)
        assert connection.state_name() == "ESTABLISHED"


def test_source_quench_is_ignored() -> None:
    """MUST-55."""
    bench = Bench()
    connection = bench.called(TcpOptions(1000))
    connection.send(b"x" * 5000, bench.world.now)
    said = bench.out()
    before = connection.statistics()
    bench.inject_icmp(4, 0, 0, said[0].packet)
    assert connection.statistics() == before
    assert connection.take_error() == 0


def test_errors_must_quote_what_is_under_way() -> None:
    """ICMP-040: a forged error quotes a number that is not."""
    bench = Bench(rfc_policy())
    connection = bench.called(TcpOptions(1460))
    connection.send(b"x", bench.world.now)
    said = bench.one()
    bench.inject(Seg(ACK, 1, 2))
    bench.inject_icmp(3, 3, 0, said.packet)  # acknowledged already
    assert connection.state_name() == "ESTABLISHED"
    assert connection.take_error() == 0
    mss = connection.statistics()["mss"]
    connection.send(b"y", bench.world.now)
    bench.inject_icmp(3, 3, 0, forged(bench.one().packet, 1_000_000))
    assert connection.state_name() == "ESTABLISHED"
    assert connection.statistics()["mss"] == mss


def forged(packet: Packet, back: int, src_port: int = 0) -> Packet:
    """The packet with an older sequence number, or from another port."""
    header = packet.upper
    assert isinstance(header, Tcp)
    header.seq = (header.seq - back) & 0xFFFFFFFF
    header.src_port = src_port or header.src_port
    packet.octets = None
    return packet


def test_errors_about_nobody_are_counted() -> None:
    """MUST-54: by all four parts of the name."""
    bench = Bench()
    connection = bench.call()
    bench.inject_icmp(3, 3, 0, forged(bench.one().packet, 0, 40001))
    assert connection.state_name() == "SYN-SENT"
    assert bench.host.tcp.statistics()["tcp: ICMP about no connection"] == 1


@FAMILIES
def test_a_neighbour_that_does_not_answer(v6: bool) -> None:
    """MUST-54: EHOSTUNREACH after the link floor gave up, as Linux."""
    world = World()
    host = Host(world, "alone", linux_policy())
    other = Host(world, "deaf", linux_policy())
    nic = host.nic("eth0", ETHERNET, 1500)
    far = other.nic("eth0", ETHERNET, 1500)
    world.opposite[nic.number] = far
    host.internet.add_address(nic, ONE6 if v6 else ONE4, 64 if v6 else 24, world.now)
    connection = host.connect(TWO6 if v6 else TWO4)
    world.run(10 * S)
    assert connection.take_error() == NO_NEIGHBOUR
    assert connection.state_name() == "CLOSED"
    assert host.tcp.connections() == []
