"""Ends: half close, close, abort, TIME-WAIT and its reuse, FIN-WAIT-2, keep-alive, linger."""

from __future__ import annotations

import pytest

from tests.transport.tcp.harness import (
    ACK,
    FIN,
    MS,
    ONE4,
    PSH,
    RST,
    SYN,
    TWO4,
    Bench,
    S,
    Seg,
    Watcher,
    Weather,
    World,
    opened,
)
from trunkline.base.dice import Dice
from trunkline.base.results import NO_ADDRESS, RESET, SENT, TIMED_OUT
from trunkline.transport.ports import Claim, PortSpace
from trunkline.transport.tcp.connection import Connection
from trunkline.transport.tcp.policy import TcpSettings, linux_policy, rfc_policy
from trunkline.wire.tcp import TcpOptions

FAMILIES = pytest.mark.parametrize("v6", [False, True])


@FAMILIES
def test_active_close(v6: bool) -> None:
    """MUST-13: FIN-WAIT-1, FIN-WAIT-2, TIME-WAIT for 2 MSL, CLOSED."""
    bench = Bench(v6=v6)
    connection = bench.called()
    connection.send(b"bye", bench.world.now)
    connection.close(bench.world.now)
    fin = bench.one()
    assert (fin.flags, fin.data) == (FIN | PSH | ACK, b"bye")
    assert connection.state_name() == "FIN-WAIT-1"
    bench.inject(Seg(ACK, 1, 5))
    assert connection.state_name() == "FIN-WAIT-2"
    bench.inject(Seg(FIN | ACK, 1, 5))
    assert bench.one().ack == 2
    assert connection.state_name() == "TIME-WAIT"
    bench.after(59 * S)
    assert connection.state_name() == "TIME-WAIT"
    bench.inject(Seg(FIN | ACK, 1, 5))  # our ACK was lost: again, and the wait starts anew
    assert bench.one().ack == 2
    bench.after(59 * S)
    assert connection.state_name() == "TIME-WAIT"
    bench.after(1 * S)
    assert connection.state_name() == "CLOSED"
    assert bench.host.tcp.connections() == []
    bench.nothing()


def test_fin_with_the_acknowledgement() -> None:
    """RFC 9293 figure 5, three segments: FIN-WAIT-1 to TIME-WAIT at once."""
    bench = Bench()
    connection = bench.called()
    connection.close(bench.world.now)
    bench.out()
    bench.inject(Seg(FIN | ACK, 1, 2))
    assert connection.state_name() == "TIME-WAIT"
    assert bench.one().ack == 2


def test_both_close_at_once() -> None:
    """RFC 9293 figure 13: CLOSING, then TIME-WAIT."""
    bench = Bench()
    connection = bench.called()
    connection.close(bench.world.now)
    bench.out()
    bench.inject(Seg(FIN | ACK, 1, 1))
    assert connection.state_name() == "CLOSING"
    assert bench.one().ack == 2
    bench.inject(Seg(ACK, 2, 2))
    assert connection.state_name() == "TIME-WAIT"
    bench.after(61 * S)
    assert connection.state_name() == "CLOSED"


@FAMILIES
def test_passive_close_and_half_close(v6: bool) -> None:
    """RFC 9293 §3.6: after the peer's FIN data may be sent; LAST-ACK, CLOSED, no TIME-WAIT."""
    bench = Bench(v6=v6)
    connection = bench.accepted()
    bench.inject(Seg(FIN | ACK, 1, 1, b"that is all"))
    assert bench.one().ack == 13
    assert connection.state_name() == "CLOSE-WAIT"
    assert connection.peer_closed()
    assert not connection.eof()
    assert connection.receive(99, bench.world.now) == b"that is all"
    assert connection.eof()
    assert not connection.hung_up()
    connection.send(b"not from me", bench.world.now)
    assert bench.one().data == b"not from me"
    bench.inject(Seg(ACK, 13, 12))
    connection.close(bench.world.now)
    fin = bench.one()
    assert fin.flags == FIN | ACK
    assert connection.state_name() == "LAST-ACK"
    bench.inject(Seg(ACK, 13, 13))
    assert connection.state_name() == "CLOSED"
    assert bench.host.tcp.connections() == []
    assert bench.world.settled()


def test_half_close_keeps_receiving() -> None:
    """RFC 9293 §3.6 case 1: after our FIN we still hear."""
    bench = Bench()
    connection = bench.called()
    connection.shutdown_send(bench.world.now)
    bench.out()
    bench.inject(Seg(ACK, 1, 2))
    assert connection.state_name() == "FIN-WAIT-2"
    assert connection.send(b"more", bench.world.now) == 0
    bench.inject(Seg(ACK | PSH, 1, 2, b"late answer"))
    assert connection.receive(99, bench.world.now) == b"late answer"
    bench.after(3600 * S)  # no limit while its program holds it
    assert connection.state_name() == "FIN-WAIT-2"


def test_fin_is_sent_again() -> None:
    """RFC 6298 for FIN; orphans give up after a named number of tries."""
    bench = Bench()
    connection = bench.called()
    connection.close(bench.world.now)
    bench.after(1 * S)
    said = bench.out()
    assert len(said) == 3
    assert all(out.flags == FIN | ACK for out in said)
    bench.after(500 * S)
    assert connection.state_name() == "CLOSED"
    assert len(bench.out()) <= 8
    assert bench.world.settled()


def test_unread_data_makes_close_a_reset() -> None:
    """SHLD-3, MAY-1: what nobody read is lost, and the peer is told."""
    bench = Bench()
    connection = bench.accepted()
    bench.inject(Seg(ACK, 1, 1, b"unread"))
    bench.out()
    connection.close(bench.world.now)
    out = bench.one()
    assert (out.flags, out.seq, out.ack) == (RST | ACK, 1, 7)
    assert connection.state_name() == "CLOSED"
    assert bench.host.tcp.connections() == []


def test_data_after_close_is_a_reset() -> None:
    """SHLD-3, RFC 2525 §2.17: FIN was sent, nobody reads, data comes."""
    bench = Bench()
    connection = bench.accepted()
    connection.close(bench.world.now)
    bench.out()
    bench.inject(Seg(ACK, 1, 2))
    bench.inject(Seg(ACK | PSH, 1, 2, b"are you there"))
    assert bench.out()[-1].flags & RST
    assert connection.state_name() == "CLOSED"


def test_linger_zero_and_abort() -> None:
    """RFC 9293 §3.10.5; SO_LINGER of zero."""
    bench = Bench()
    connection = bench.accepted()
    connection.settings.linger = 0
    connection.send(b"x" * 100, bench.world.now)
    bench.out()
    connection.close(bench.world.now)
    assert bench.one().flags == RST | ACK
    bench = Bench()
    connection = bench.accepted()
    connection.abort(bench.world.now)
    out = bench.one()
    assert (out.flags, out.seq) == (RST | ACK, 1)
    bench = Bench()
    connection = bench.call()
    bench.out()
    connection.close(bench.world.now)  # SYN-SENT: nothing to say
    bench.nothing()
    assert bench.host.tcp.connections() == []


def test_orphan_in_fin_wait_2_ends() -> None:
    """As Linux: 60 s, where the program has gone and the peer says nothing."""
    bench = Bench()
    connection = bench.called()
    connection.close(bench.world.now)
    bench.out()
    bench.inject(Seg(ACK, 1, 2))
    bench.after(59 * S)
    assert connection.state_name() == "FIN-WAIT-2"
    bench.after(2 * S)
    assert connection.state_name() == "CLOSED"
    bench.inject(Seg(FIN | ACK, 1, 2))
    assert bench.one().flags == RST


def closed_into_time_wait(bench: Bench, ts_val: int = -1) -> Connection:
    connection = bench.accepted(TcpOptions(1460), ts_val)
    connection.close(bench.world.now)
    bench.out()
    bench.inject(Seg(FIN | ACK, 1, 2, ts_val=ts_val))
    bench.out()
    assert connection.state_name() == "TIME-WAIT"
    return connection


def test_time_wait_is_reopened_by_a_newer_syn() -> None:
    """MAY-2, SHLD-4: by sequence number, or earlier by timestamp; an old SYN is challenged."""
    bench = Bench()
    old = closed_into_time_wait(bench)
    listener = bench.host.tcp.listeners()[0]
    last = 2
    bench.inject(Seg(SYN, 1))
    assert bench.one().flags == ACK
    assert old.state_name() == "TIME-WAIT"
    bench.inject(Seg(SYN, 100))
    answer = bench.one()
    assert answer.flags == SYN | ACK
    assert (answer.seq - last) & 0xFFFFFFFF == 65537  # beyond all that was used
    assert old.state_name() == "CLOSED"
    bench.host_iss = answer.header.seq
    bench.inject(Seg(ACK, 101, 1))
    assert listener.ready() == 1

    bench = Bench()
    old = closed_into_time_wait(bench, 1000)
    bench.inject(Seg(SYN, 100, ts_val=999))
    assert bench.one().flags == ACK
    bench.inject(Seg(SYN, 0, ts_val=1001))
    assert bench.one().flags == SYN | ACK
    assert old.state_name() == "CLOSED"


def test_time_wait_reused_by_the_caller() -> None:
    """RFC 6191 from the active side: with timestamps a new call may use the same ports."""
    for stamps, expected in ((True, 0), (False, NO_ADDRESS)):
        world = World(strict=True)
        policy = linux_policy()
        policy.timestamps = stamps
        one, two = world.pair(policy)
        caller, callee = opened(world, one, two)
        caller.close(world.now)
        world.run(1 * S)
        callee.close(world.now)
        world.run(1 * S)
        assert caller.state_name() == "TIME-WAIT"
        again = one.connect(TWO4)
        assert again.error == expected
        world.run(1 * S)
        assert (again.state_name() == "ESTABLISHED") == stamps


def test_time_wait_and_reset() -> None:
    """RFC 1337: a reset ends TIME-WAIT on Linux, and does not in preset rfc; it is no error."""
    for policy, state in ((linux_policy(), "CLOSED"), (rfc_policy(), "TIME-WAIT")):
        bench = Bench(policy)
        connection = closed_into_time_wait(bench)
        bench.inject(Seg(RST, 2))
        assert connection.state_name() == state
        assert connection.error == 0


def test_time_waits_are_limited() -> None:
    """Nothing grows without bound: beyond the limit a connection ends at once."""
    policy = linux_policy()
    policy.time_wait_limit = 3
    bench = Bench(policy)
    listener = bench.listen(backlog=100)
    for port in range(1000, 1006):
        bench.peer_port = port
        bench.host_iss = -1
        bench.inject(Seg(SYN, 0))
        bench.out()
        bench.inject(Seg(ACK, 1, 1))
        connection = listener.accept()
        assert connection is not None
        connection.close(bench.world.now)
        bench.out()
        bench.inject(Seg(FIN | ACK, 1, 2))
        bench.out()
    assert len(bench.host.tcp.connections()) == 3
    bench.after(61 * S)
    assert bench.host.tcp.connections() == []


def test_time_wait_keeps_no_run_alive() -> None:
    """Its timer is housekeeping: it can wake nobody."""
    bench = Bench()
    closed_into_time_wait(bench)
    assert bench.world.settled()


@FAMILIES
def test_keepalive(v6: bool) -> None:
    """MUST-24 to MUST-29, SHLD-12, MAY-5: off by default; after silence; nine unanswered ones; no data."""
    bench = Bench(v6=v6)
    connection = bench.accepted()
    bench.after(100_000 * S)
    bench.nothing()
    settings = connection.settings
    assert not settings.keepalive
    assert settings.keep_idle == 7200 * S
    settings.keepalive = True
    connection.settings_changed(bench.world.now)
    start = bench.world.now - bench.zero
    for round_ in range(3):
        bench.after(7199 * S)
        bench.nothing()
        bench.after(1 * S)
        probe = bench.one()
        assert (probe.flags, probe.seq, probe.data) == (ACK, 0, b"")
        assert probe.when - start == 7200 * S * (round_ + 1)
        bench.inject(Seg(ACK, 1, 1))
    bench.after(7200 * S)
    bench.out()
    bench.after(75 * S)
    bench.inject(Seg(ACK, 1, 1))  # one lost answer proves nothing
    bench.out()
    bench.after(7000 * S)
    bench.nothing()
    bench.after(200 * S + 75 * 9 * S)
    said = bench.out()
    assert len(said) == 10
    assert said[-1].flags & RST
    assert connection.take_error() == TIMED_OUT


def test_keepalive_that_is_answered_goes_on_for_ever() -> None:
    """MUST-29: every answer starts the count anew, also where probes are rarer than the idle time."""
    bench = Bench()
    connection = bench.accepted()
    connection.settings.keepalive = True
    connection.settings.keep_idle = 1 * S
    connection.settings.keep_interval = 10 * S
    connection.settings.keep_count = 2
    connection.settings_changed(bench.world.now)
    bench.after(1 * S)
    for _ in range(10):
        assert bench.one().seq == 0
        bench.inject(Seg(ACK, 1, 1))
        bench.after(10 * S)
    assert connection.state_name() == "ESTABLISHED"


def test_keepalive_is_put_off_by_traffic() -> None:
    """MUST-26, MUST-27: only after an interval in which nothing came."""
    bench = Bench()
    connection = bench.accepted()
    connection.settings.keepalive = True
    connection.settings.keep_idle = 10 * S
    connection.settings.keep_interval = 1 * S
    connection.settings.keep_count = 3
    connection.settings_changed(bench.world.now)
    for number in range(30):
        bench.after(5 * S)
        bench.inject(Seg(ACK, 1 + number, 1, b"x"))
    assert all(out.seq == 1 for out in bench.out())
    bench.after(10 * S)
    assert bench.out()[-1].seq == 0
    bench.after(4 * S)
    assert connection.take_error() == TIMED_OUT


def test_claims_are_released_at_the_real_end() -> None:
    """A port is busy until TIME-WAIT is over, a listener's until its last connection is."""
    bench = Bench()
    space = PortSpace(Dice(1, "ports"), False)
    claim = Claim(space, ONE4, 80)
    assert space.bind(claim) == SENT
    settings = TcpSettings(bench.host.policy)
    listener = bench.host.tcp.listen(Watcher(), claim, [ONE4], 80, 5, settings, bench.world.now)
    bench.inject(Seg(SYN, 0))
    bench.out()
    bench.inject(Seg(ACK, 1, 1))
    connection = listener.accept()
    assert connection is not None
    listener.close(bench.world.now)
    assert space.claims()
    connection.close(bench.world.now)
    bench.out()
    bench.inject(Seg(FIN | ACK, 1, 2))
    assert connection.state_name() == "TIME-WAIT"
    assert space.claims()
    bench.after(61 * S)
    assert not space.claims()


@FAMILIES
def test_reset_reaches_the_other_end(v6: bool) -> None:
    """MUST-12: an abort is an error there, a close is an end."""
    world = World(strict=True)
    one, two = world.pair()
    caller, callee = opened(world, one, two, v6)
    watcher = callee.endpoint
    assert isinstance(watcher, Watcher)
    before = watcher.told
    caller.abort(world.now)
    world.run(1 * S)
    assert callee.take_error() == RESET
    assert watcher.told > before
    assert world.settled()


def test_close_of_a_dead_peer_ends_by_itself() -> None:
    """Orphans have retries, a limit, and no timer left behind; a stranger's answer is a reset."""
    world = World(weather=Weather(delay=5 * MS))
    one, two = world.pair()
    caller, callee = opened(world, one, two)
    world.weather.loss = 1 << 32
    caller.send(b"x" * 5000, world.now)
    caller.close(world.now)
    world.run(2000 * S)
    assert one.tcp.connections() == []
    world.weather.loss = 0
    callee.send(b"anybody there?", world.now)
    world.run(10 * S)
    assert callee.take_error() == RESET
    assert world.settled()
