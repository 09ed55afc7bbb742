"""What is sent when: segment sizes, PSH, Nagle, cork, silly windows, probes, path MTU, fields of IP."""

from __future__ import annotations

from itertools import pairwise

import pytest

from tests.transport.tcp.harness import (
    ACK,
    FIN,
    MS,
    PSH,
    TWO4,
    Bench,
    S,
    Seg,
    Watcher,
    World,
    opened,
)
from trunkline.base.results import TIMED_OUT
from trunkline.transport.tcp.connection import Connection
from trunkline.transport.tcp.policy import TcpSettings, linux_policy, policy_named, rfc_policy
from trunkline.wire.ipv4 import IPv4
from trunkline.wire.tcp import URG, TcpOptions

FAMILIES = pytest.mark.parametrize("v6", [False, True])
MSS = TcpOptions(1000)


def sizes(bench: Bench) -> list[int]:
    return [len(out.data) for out in bench.out()]


@FAMILIES
def test_full_segments_and_push_on_the_last(v6: bool) -> None:
    """SHLD-28, SHLD-27, MUST-61, MAY-16: sends are merged into full segments, the last carries PSH."""
    bench = Bench(v6=v6)
    connection = bench.called(MSS)
    for _ in range(5):
        connection.send(b"a" * 700, bench.world.now)
    said = bench.out()
    assert [len(out.data) for out in said] == [1000, 1000, 1000, 500]
    assert [out.flags for out in said] == [ACK, ACK, ACK, ACK | PSH]
    assert [out.seq for out in said] == [1, 1001, 2001, 3001]


def test_nagle_as_minshall_has_it() -> None:
    """SHLD-7: a small segment waits while another small one is unacknowledged (preset linux)."""
    bench = Bench()
    connection = bench.called(MSS)
    connection.send(b"a" * 1500, bench.world.now)
    assert sizes(bench) == [1000, 500]
    connection.send(b"b", bench.world.now)
    connection.send(b"c", bench.world.now)
    bench.nothing()
    connection.send(b"d" * 1000, bench.world.now)
    assert sizes(bench) == [1000]
    bench.inject(Seg(ACK, 1, 1501))
    assert sizes(bench) == [2]


def test_nagle_as_the_rfc_has_it() -> None:
    """SHLD-7, MUST-17: a small segment waits while anything is unacknowledged, unless switched off."""
    bench = Bench(rfc_policy())
    connection = bench.called(MSS)
    connection.send(b"a" * 1000, bench.world.now)
    assert sizes(bench) == [1000]
    connection.send(b"b", bench.world.now)
    bench.nothing()
    bench.inject(Seg(ACK, 1, 1001))
    assert sizes(bench) == [1]
    connection.send(b"c", bench.world.now)
    bench.nothing()
    connection.settings.nodelay = True
    connection.settings_changed(bench.world.now)
    assert sizes(bench) == [1]
    connection.send(b"d", bench.world.now)
    assert sizes(bench) == [1]


def test_cork_and_more_hold_back_for_a_while() -> None:
    """MAY-16, MUST-60: a partial segment waits for more, but not without limit."""
    bench = Bench()
    settings = TcpSettings(bench.host.policy)
    settings.cork = True
    connection = bench.called(MSS, settings=settings)
    connection.send(b"a" * 1500, bench.world.now)
    assert sizes(bench) == [1000]
    settings.cork = False
    connection.settings_changed(bench.world.now)
    assert sizes(bench) == [500]
    bench.inject(Seg(ACK, 1, 1501))
    connection.send(b"b" * 10, bench.world.now, True)
    bench.nothing()
    bench.after(10 * S)
    assert bench.out()[0].when <= 1 * S
    bench.inject(Seg(ACK, 1, 1511))
    connection.send(b"c" * 10, bench.world.now, True)
    connection.send(b"d" * 10, bench.world.now)
    assert bench.one().data == b"c" * 10 + b"d" * 10


def test_window_limits_and_silly_pieces() -> None:
    """MUST-38, SHLD-15: within the window; a piece of less than half the largest window waits."""
    bench = Bench()
    connection = bench.called(MSS, window=2500)
    connection.send(b"x" * 10_000, bench.world.now)
    assert sizes(bench) == [1000, 1000]
    bench.inject(Seg(ACK, 1, 2001, window=300))
    bench.nothing()
    bench.inject(Seg(ACK, 1, 2001, window=999))
    bench.nothing()
    bench.inject(Seg(ACK, 1, 2001, window=1250))
    assert sizes(bench) == [1000]
    # in the end what fits is sent: the override timer
    bench.inject(Seg(ACK, 1, 3001, window=300))
    bench.nothing()
    bench.after(1 * S)
    assert bench.out()[0].data == b"x" * 300


def test_small_window_peer_is_served() -> None:
    """MUST-38: Fs = 1/2: a peer whose whole window is small gets pieces of half of it."""
    bench = Bench()
    connection = bench.called(MSS, window=400)
    connection.send(b"x" * 1000, bench.world.now)
    assert sizes(bench) == [400]
    bench.inject(Seg(ACK, 1, 401, window=200))
    assert sizes(bench) == [200]
    bench.inject(Seg(ACK, 1, 601, window=100))
    bench.nothing()


def test_shrunken_window() -> None:
    """MUST-34, SHLD-15, SHLD-16, SHLD-17, MUST-35: no new data, old data again, no end of the connection."""
    bench = Bench()
    connection = bench.called(MSS, window=5000)
    connection.send(b"x" * 10_000, bench.world.now)
    assert sizes(bench) == [1000] * 5
    bench.inject(Seg(ACK, 1, 1001, window=1500))
    bench.nothing()
    assert connection.statistics()["snd_wnd"] == 1500
    bench.after(300 * MS)
    said = bench.out()
    assert [out.seq for out in said] == [1001]
    bench.inject(Seg(ACK, 1, 1001, window=0))
    for _ in range(200):  # an hour and more of a closed window
        bench.after(20 * S)
        for out in bench.out():
            assert out.seq == 1001
            bench.inject(Seg(ACK, 1, 1001, window=0))
    assert connection.state_name() == "ESTABLISHED"
    bench.inject(Seg(ACK, 1, 1001, window=50_000))
    assert bench.out()[0].seq == 1001
    bench.after(1 * S)
    bench.inject(Seg(ACK, 1, 5001, window=50_000))
    assert sum(sizes(bench)) >= 2000


@FAMILIES
@pytest.mark.parametrize("name", ["linux", "rfc", "freebsd"])
def test_zero_window_probes(v6: bool, name: str) -> None:
    """MUST-36, MUST-35, SHLD-29, SHLD-30, MUST-37: after one timeout, then ever more rarely, for ever."""
    bench = Bench(policy_named(name), v6=v6)
    settings = TcpSettings(bench.host.policy)
    settings.nodelay = True
    connection = bench.called(MSS, window=1000, settings=settings)
    bench.after(1 * S)
    start = bench.world.now - bench.zero
    connection.send(b"x" * 1000, bench.world.now)
    bench.inject(Seg(ACK, 1, 1001, window=0))
    connection.send(b"y" * 3000, bench.world.now)
    bench.out()
    rto = connection.statistics()["rto"]
    times = []
    for _ in range(200):
        bench.after(30 * S)
        for out in bench.out():
            times.append(out.when)
            if name == "linux":
                assert (out.seq, out.data) == (1000, b"")  # an old number, no data
            else:
                assert (out.seq, out.data) == (1001, b"y")  # an octet beyond the window
            bench.inject(Seg(ACK, 1, 1001, window=0))
    assert times[0] - start == rto
    gaps = [b - a for a, b in pairwise(times)]
    assert gaps[1:] == sorted(gaps[1:])
    assert gaps[-1] <= 120 * S
    assert gaps[4] >= 4 * gaps[1]
    assert connection.state_name() == "ESTABLISHED"
    bench.inject(Seg(ACK, 1, 1001, window=10_000))
    said = bench.out()
    assert said[-1].seq + len(said[-1].data) == 4001  # at once, with the window as wide as it was
    bench.inject(Seg(ACK, 1, 4001, window=10_000))
    assert connection.unsent_or_unacked() == 0


def test_unanswered_probes_end_the_connection() -> None:
    """MUST-20, MUST-21: a peer that has gone is noticed; a user timeout shortens it."""
    bench = Bench()
    settings = TcpSettings(bench.host.policy)
    settings.user_timeout = 30 * S
    connection = bench.called(MSS, window=0, settings=settings)
    connection.send(b"x", bench.world.now)
    bench.after(100 * S)
    assert connection.take_error() == TIMED_OUT
    bench = Bench()
    connection = bench.called(MSS, window=0)
    connection.send(b"x", bench.world.now)
    bench.after(800 * S)
    assert connection.state_name() == "ESTABLISHED"
    bench.after(400 * S)
    assert connection.take_error() == TIMED_OUT
    assert bench.world.settled()


def test_fin_waits_for_the_window() -> None:
    """RFC 9293 §3.8.6: FIN is in the window's sequence space; the probe timer looks after it."""
    bench = Bench()
    connection = bench.called(MSS, window=1000)
    connection.send(b"x" * 1000, bench.world.now)
    connection.shutdown_send(bench.world.now)
    said = bench.out()
    assert said[-1].flags & FIN
    bench = Bench()
    connection = bench.called(MSS, window=1000)
    connection.send(b"x" * 1001, bench.world.now)
    connection.shutdown_send(bench.world.now)
    assert sizes(bench) == [1000]
    bench.inject(Seg(ACK, 1, 1001, window=0))
    bench.after(1 * S)
    assert all(not out.flags & FIN for out in bench.out())
    bench.inject(Seg(ACK, 1, 1001, window=1))
    out = bench.one()
    assert out.flags & FIN
    assert out.data == b"x"


def test_send_buffer_and_writable() -> None:
    """As Linux: writable again when a third is free, told once."""
    settings = TcpSettings(linux_policy())
    settings.send_buffer = 9000
    bench = Bench()
    connection = bench.called(MSS, settings=settings)
    assert connection.writable()
    assert connection.send(b"x" * 10_000, bench.world.now) == 9000
    assert connection.send(b"y", bench.world.now) == 0
    assert not connection.writable()
    watcher = connection.endpoint
    assert isinstance(watcher, Watcher)
    before = watcher.told
    bench.inject(Seg(ACK, 1, 2001))
    assert watcher.told == before
    assert not connection.writable()
    bench.inject(Seg(ACK, 1, 3001))
    assert watcher.told == before + 1
    assert connection.writable()
    assert connection.send_space() == 3000
    assert connection.unsent_or_unacked() == 6000


def test_ip_fields() -> None:
    """MUST-49, MUST-48, SHLD-22, SHLD-21: hop limit and Diffserv, also while connected; DF is set."""
    bench = Bench()
    settings = TcpSettings(bench.host.policy)
    settings.hop_limit = 17
    settings.traffic_class = 0x28
    connection = bench.call(settings)
    syn = bench.one()
    assert syn.ip is not None
    assert isinstance(syn.ip, IPv4)
    assert (syn.ip.hop_limit, syn.ip.traffic_class, syn.ip.dont_fragment) == (17, 0x28, True)
    bench.inject(Seg(1 << 1 | ACK, 0, 1))
    bench.out()
    settings.traffic_class = 0xB8
    connection.send(b"x", bench.world.now)
    out = bench.one()
    assert out.ip is not None
    assert out.ip.traffic_class == 0xB8


@FAMILIES
def test_too_big(v6: bool) -> None:
    """MUST-16, ICMP-040: a narrower path means smaller segments, and what was too big again, at once."""
    bench = Bench(v6=v6)
    connection = bench.called(TcpOptions(1440))
    connection.send(b"x" * 4000, bench.world.now)
    said = bench.out()
    assert [len(out.data) for out in said] == [1440, 1440, 1120]
    kind, code, rest = (2, 0, 1300) if v6 else (3, 4, 1300)
    limit = 1300 - (60 if v6 else 40)
    # one that quotes a number that is not under way is not believed: nothing is sent again
    cwnd = connection.statistics()["cwnd"]
    bench.inject_icmp(kind, code, rest, said[0].packet)
    again = bench.out()
    assert again
    assert [out.seq for out in again] == sorted(out.seq for out in again)
    assert max(len(out.data) for out in again) <= limit
    assert again[0].seq == 1
    assert connection.statistics()["mss"] == limit
    assert connection.statistics()["cwnd"] >= min(cwnd, 4000)  # no congestion
    bench.inject(Seg(ACK, 1, 4001))
    connection.send(b"y" * 3000, bench.world.now)
    assert sizes(bench) == [limit, limit, 3000 - 2 * limit]


def test_urgent_pointer_on_the_wire() -> None:
    """MUST-30, MUST-62, MUST-31: the octet after the urgent one; on every segment up to it."""
    bench = Bench()
    connection = bench.called(MSS)
    connection.send_urgent(b"x" * 2500, bench.world.now)
    said = bench.out()
    assert [out.flags & URG for out in said] == [URG] * 3
    assert [out.seq + out.header.urgent for out in said] == [2501] * 3
    bench.inject(Seg(ACK, 1, 2501))
    connection.send(b"calm", bench.world.now)
    assert not bench.one().flags & URG


def test_max_segment_setting() -> None:
    """TCP_MAXSEG: advertised and obeyed."""
    bench = Bench()
    settings = TcpSettings(bench.host.policy)
    settings.max_segment = 700
    connection = bench.call(settings)
    syn = bench.one()
    assert syn.options is not None
    assert syn.options.mss == 700
    bench.inject(Seg(0x12, 0, 1, options=TcpOptions(1460)))
    bench.out()
    connection.send(b"x" * 1500, bench.world.now)
    assert sizes(bench) == [700, 700, 100]


def test_idle_restart() -> None:
    """CC-016: after an idle time longer than RTO the window is the restart window (preset rfc)."""
    bench = Bench(rfc_policy())
    connection = bench.called(MSS)
    at = 1
    for _ in range(6):
        connection.send(b"x" * 20_000, bench.world.now)
        for out in bench.out():
            at = max(at, out.seq + len(out.data))
        bench.inject(Seg(ACK, 1, at))
    while connection.unsent_or_unacked():
        for out in bench.out():
            at = max(at, out.seq + len(out.data))
        bench.inject(Seg(ACK, 1, at))
    assert connection.statistics()["cwnd"] > 12_000
    bench.after(5 * S)
    connection.send(b"x" * 50_000, bench.world.now)
    assert sum(sizes(bench)) == 10_000


def test_segments_that_cannot_go_are_tried_again() -> None:
    """MUST-20: no route for a while is a loss like any other."""
    world = World(strict=True)
    one, two = world.pair()
    caller, callee = opened(world, one, two)
    one.nics[1].up = False
    one.internet.changed()
    caller.send(b"patience", world.now)
    world.run(2 * S)
    assert caller.state_name() == "ESTABLISHED"
    one.nics[1].up = True
    one.internet.changed()
    world.run(5 * S)
    assert callee.receive(99, world.now) == b"patience"


def test_counts() -> None:
    """Every host counts."""
    bench = Bench()
    connection = bench.called(MSS)
    assert bench.host.tcp.statistics()["active opens"] == 1
    assert bench.host.tcp.statistics()["in ESTABLISHED"] == 1
    assert isinstance(connection, Connection)
    assert connection.remote == TWO4
