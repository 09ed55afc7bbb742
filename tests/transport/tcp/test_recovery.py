"""Loss: the timer, fast retransmit, NewReno, SACK, limited transmit, giving up; segment by segment."""

from __future__ import annotations

import pytest

from tests.transport.tcp.harness import (
    ACK,
    MS,
    PSH,
    SYN,
    Bench,
    Out,
    S,
    Seg,
    Watcher,
    Weather,
    World,
    opened,
)
from trunkline.base.results import TIMED_OUT
from trunkline.transport.tcp.policy import TcpPolicy, TcpSettings, linux_policy, rfc_policy
from trunkline.wire.tcp import ABSENT, TcpOptions

FAMILIES = pytest.mark.parametrize("v6", [False, True])
PLAIN = TcpOptions(1000)
SACKED = TcpOptions(1000, sack_permitted=True)


def reno() -> TcpPolicy:
    """Linux's timers with the RFC's window, so that sums are easy."""
    policy = linux_policy()
    policy.congestion = "reno"
    return policy


def block(bench: Bench, *edges: tuple[int, int]) -> TcpOptions:
    return TcpOptions(
        sack=tuple(
            ((a + bench.host_iss) & 0xFFFFFFFF, (b + bench.host_iss) & 0xFFFFFFFF) for a, b in edges
        )
    )


def seqs(said: list[Out]) -> list[int]:
    return [out.seq for out in said]


@FAMILIES
def test_timer(v6: bool) -> None:
    """CC-022, CC-025, CC-028, CC-030, MUST-18, MUST-19: first sample, back-off, its cap."""
    bench = Bench(v6=v6)
    connection = bench.call()
    bench.out()
    bench.after(100 * MS)
    bench.inject(Seg(SYN | ACK, 0, 1, options=PLAIN))
    bench.out()
    stats = connection.statistics()
    assert (stats["srtt"], stats["rttvar"], stats["rto"]) == (100 * MS, 50 * MS, 300 * MS)
    connection.send(b"x" * 500, bench.world.now)
    start = bench.one().when
    bench.after(500 * S)
    times = [(out.when - start) // MS for out in bench.out()]
    assert times == [300, 900, 2100, 4500, 9300, 18900, 38100, 76500, 153300, 273300, 393300]
    # Karn: an answer to a segment sent twice is no sample, and the back-off stays
    bench.inject(Seg(ACK, 1, 501))
    stats = connection.statistics()
    assert (stats["srtt"], stats["rto"], stats["backoff"]) == (100 * MS, 120 * S, 0)
    connection.send(b"y", bench.world.now)
    bench.after(100 * MS)
    bench.inject(Seg(ACK, 1, 502))
    assert connection.statistics()["rto"] < 400 * MS
    for number in range(20):
        connection.send(b"z", bench.world.now)
        bench.after(100 * MS)
        bench.inject(Seg(ACK, 1, 503 + number))
    assert connection.statistics()["rto"] == 300 * MS  # Linux: at least 200 ms above SRTT


def test_timer_by_the_rfc() -> None:
    """CC-023, CC-024, CC-027: later samples, beta before alpha; at least a second (preset rfc)."""
    bench = Bench(rfc_policy())
    connection = bench.call()
    bench.out()
    bench.after(800 * MS)
    bench.inject(Seg(SYN | ACK, 0, 1, options=PLAIN))
    bench.out()
    assert connection.statistics()["rto"] == 800 * MS + 4 * 400 * MS
    connection.send(b"x", bench.world.now)
    bench.after(240 * MS)
    bench.inject(Seg(ACK, 1, 2))
    stats = connection.statistics()
    assert stats["rttvar"] == 440 * MS  # 3/4 400 + 1/4 |800 - 240|
    assert stats["srtt"] == 730 * MS  # 7/8 800 + 1/8 240
    for number in range(40):
        connection.send(b"x", bench.world.now)
        bench.after(10 * MS)
        bench.inject(Seg(ACK, 1, 3 + number))
    assert connection.statistics()["rto"] == 1 * S


def test_timestamps_tell_which_copy_was_acknowledged() -> None:
    """CC-026: with timestamps a segment sent twice gives a sample."""
    bench = Bench()
    connection = bench.called(PLAIN, ts_val=1)
    connection.send(b"x", bench.world.now)
    bench.after(5 * S)
    last = bench.out()[-1]
    bench.after(50 * MS)
    bench.inject(Seg(ACK, 1, 2, ts_val=2, ts_ecr=last.header.ts_val))
    stats = connection.statistics()
    assert stats["srtt"] < 800 * MS
    assert stats["rto"] < 3 * S  # where the back-off had led


def test_timer_restarts_with_progress_and_stops_when_all_is_acknowledged() -> None:
    """CC-029, RFC 6298 §5.1, §5.2, §5.3."""
    bench = Bench(reno())
    connection = bench.called(PLAIN)
    rto = connection.statistics()["rto"]
    connection.send(b"x" * 3000, bench.world.now)
    bench.out()
    bench.after(rto - 10 * MS)
    bench.inject(Seg(ACK, 1, 1001))
    rto = connection.statistics()["rto"]
    bench.after(rto - 10 * MS)
    bench.nothing()
    bench.after(10 * MS)
    assert seqs(bench.out()) == [1001]
    bench.inject(Seg(ACK, 1, 3001))
    bench.out()
    bench.after(1000 * S)
    bench.nothing()
    assert bench.world.settled()


def test_timeout_halves_once_and_starts_slowly() -> None:
    """CC-007, CC-008, CC-009, MUST-19, RFC 5681 §3.1: one segment, then two, then four."""
    bench = Bench(reno())
    connection = bench.called(PLAIN)
    connection.send(b"x" * 20_000, bench.world.now)
    assert len(bench.out()) == 10
    bench.after(connection.statistics()["rto"])
    assert seqs(bench.out()) == [1]
    stats = connection.statistics()
    assert (stats["cwnd"], stats["ssthresh"]) == (1000, 5000)
    bench.after(connection.statistics()["rto"])
    assert seqs(bench.out()) == [1]
    assert connection.statistics()["ssthresh"] == 5000  # the same segment again: kept
    bench.inject(Seg(ACK, 1, 1001))
    assert seqs(bench.out()) == [1001, 2001]
    bench.inject(Seg(ACK, 1, 3001))
    assert seqs(bench.out()) == [3001, 4001, 5001, 6001]


@FAMILIES
def test_fast_retransmit_and_limited_transmit(v6: bool) -> None:
    """CC-010, CC-011, CC-012, CC-013: two duplicates release new data, the third resends; inflate, deflate."""
    bench = Bench(reno(), v6=v6)
    connection = bench.called(PLAIN)
    connection.send(b"x" * 40_000, bench.world.now)
    assert len(bench.out()) == 10
    bench.inject(Seg(ACK, 1, 1))
    assert seqs(bench.out()) == [10_001]
    bench.inject(Seg(ACK, 1, 1))
    assert seqs(bench.out()) == [11_001]
    assert connection.statistics()["cwnd"] == 10_000
    bench.inject(Seg(ACK, 1, 1))
    assert seqs(bench.out()) == [1]
    stats = connection.statistics()
    assert (stats["ssthresh"], stats["cwnd"]) == (6000, 6000)  # half of 12 under way
    for _ in range(3):  # 12 under way, of which 3 have left, and 6 allowed
        bench.inject(Seg(ACK, 1, 1))
        bench.nothing()
    bench.inject(Seg(ACK, 1, 1))
    assert seqs(bench.out()) == [12_001]
    bench.inject(Seg(ACK, 1, 1))
    assert seqs(bench.out()) == [13_001]
    # the full acknowledgement ends it, and no burst follows
    bench.inject(Seg(ACK, 1, 12_001))
    assert seqs(bench.out()) == [14_001]
    stats = connection.statistics()
    assert (stats["cwnd"], stats["ssthresh"]) == (3000, 6000)


def test_what_is_no_duplicate() -> None:
    """CC-012: data, another window, or nothing under way."""
    bench = Bench(reno())
    connection = bench.called(PLAIN)
    for _ in range(5):
        bench.inject(Seg(ACK, 1, 1))
    bench.nothing()
    connection.send(b"x" * 2000, bench.world.now)
    bench.out()
    for number in range(5):
        bench.inject(Seg(ACK, 1, 1, window=60_000 + number))
    for number in range(5):
        bench.inject(Seg(ACK | PSH, 1 + number, 1, b"d", window=60_004))
    for number in range(5):
        bench.inject(Seg(ACK | PSH, 100 + 10 * number, 1, b"d", window=60_004))
    assert all(out.data == b"" for out in bench.out())


def test_newreno_partial_acknowledgement() -> None:
    """CC-014, CC-015, RFC 6582: the next hole at once, and no second fast retransmit below recover."""
    bench = Bench(reno())
    connection = bench.called(PLAIN)
    connection.send(b"x" * 10_000, bench.world.now)
    bench.out()
    for _ in range(3):
        bench.inject(Seg(ACK, 1, 1))
    assert seqs(bench.out()) == [1]
    cwnd = connection.statistics()["cwnd"]
    for _ in range(5):
        bench.inject(Seg(ACK, 1, 1))
    bench.nothing()
    bench.inject(Seg(ACK, 1, 4001))  # the first hole is filled; the next begins here
    assert seqs(bench.out()) == [4001]
    assert connection.statistics()["cwnd"] == cwnd
    bench.inject(Seg(ACK, 1, 7001))
    assert seqs(bench.out()) == [7001]
    bench.inject(Seg(ACK, 1, 10_001))
    bench.nothing()
    # duplicates of resent segments below recover do not start another
    connection.send(b"x" * 3000, bench.world.now)
    sent = bench.out()
    assert sent[0].seq == 10_001
    assert bench.host.tcp.statistics()["fast recoveries"] == 1


def test_newreno_deflates_by_what_was_acknowledged() -> None:
    """CC-013, CC-014: a partial acknowledgement of two segments lets one new one follow the resent one."""
    bench = Bench(reno())
    connection = bench.called(PLAIN)
    connection.send(b"x" * 40_000, bench.world.now)
    bench.out()
    for _ in range(9):
        bench.inject(Seg(ACK, 1, 1))
    assert seqs(bench.out()) == [10_001, 11_001, 1, 12_001, 13_001, 14_001]
    bench.inject(Seg(ACK, 1, 2001))
    assert seqs(bench.out()) == [2001, 15_001]
    bench.inject(Seg(ACK, 1, 2001))
    assert seqs(bench.out()) == [16_001]


def test_duplicates_after_a_timeout_start_nothing() -> None:
    """CC-015: RFC 6582 §3.2 step 6 and §4: not below recover."""
    bench = Bench(reno())
    connection = bench.called(PLAIN)
    connection.send(b"x" * 10_000, bench.world.now)
    bench.out()
    bench.after(connection.statistics()["rto"])
    assert seqs(bench.out()) == [1]
    for _ in range(6):
        bench.inject(Seg(ACK, 1, 1))
    assert "fast recoveries" not in bench.host.tcp.statistics()
    bench.inject(Seg(ACK, 1, 10_001))
    connection.send(b"x" * 3000, bench.world.now)
    bench.out()
    for _ in range(6):  # they may come of what was resent in vain
        bench.inject(Seg(ACK, 1, 10_001))
    assert "fast recoveries" not in bench.host.tcp.statistics()
    bench.inject(Seg(ACK, 1, 11_001))
    connection.send(b"x" * 3000, bench.world.now)
    for _ in range(3):
        bench.inject(Seg(ACK, 1, 11_001))
    assert bench.host.tcp.statistics()["fast recoveries"] == 1


@FAMILIES
def test_sack_recovery(v6: bool) -> None:
    """CC-036, CC-040, CC-041, CC-042, RFC 6675: holes that are lost, then new data, then other holes."""
    bench = Bench(reno(), v6=v6)
    connection = bench.called(SACKED)
    connection.send(b"x" * 14_000, bench.world.now)
    assert len(bench.out()) == 10
    # 1, 3 and 5 are lost (counted from 0)
    bench.inject(Seg(ACK, 1, 1001))
    assert seqs(bench.out()) == [10_001, 11_001]
    bench.inject(Seg(ACK, 1, 1001, options=block(bench, (2001, 3001))))
    assert seqs(bench.out()) == [12_001]
    bench.inject(Seg(ACK, 1, 1001, options=block(bench, (4001, 5001), (2001, 3001))))
    assert seqs(bench.out()) == [13_001]
    bench.inject(Seg(ACK, 1, 1001, options=block(bench, (6001, 7001), (4001, 5001), (2001, 3001))))
    said = bench.out()
    assert seqs(said) == [1001]  # three runs above it
    stats = connection.statistics()
    assert stats["ssthresh"] == 6500
    bench.inject(Seg(ACK, 1, 1001, options=block(bench, (6001, 8001), (4001, 5001), (2001, 3001))))
    bench.inject(Seg(ACK, 1, 1001, options=block(bench, (6001, 9001), (4001, 5001), (2001, 3001))))
    said += bench.out()
    bench.inject(
        Seg(ACK, 1, 1001, options=block(bench, (6001, 10_001), (4001, 5001), (2001, 3001)))
    )
    bench.inject(
        Seg(ACK, 1, 1001, options=block(bench, (6001, 11_001), (4001, 5001), (2001, 3001)))
    )
    bench.inject(
        Seg(ACK, 1, 1001, options=block(bench, (6001, 12_001), (4001, 5001), (2001, 3001)))
    )
    said += bench.out()
    assert seqs(said)[:3] == [1001, 3001, 5001]
    for sacked in (2001, 4001, 6001, 7001, 8001, 9001, 10_001, 11_001):
        assert sacked not in seqs(said)
    bench.inject(Seg(ACK, 1, 14_001))
    assert connection.unsent_or_unacked() == 0
    assert connection.statistics()["sacked"] == 0
    assert connection.statistics()["lost"] == 0


def test_lost_is_more_than_two_segments_sacked_above() -> None:
    """CC-040: (DupThresh - 1) * SMSS octets in one run."""
    bench = Bench(reno())
    connection = bench.called(SACKED)
    connection.send(b"x" * 10_000, bench.world.now)
    bench.out()
    bench.inject(Seg(ACK, 1, 1, options=block(bench, (1001, 3001))))
    bench.nothing()
    bench.inject(Seg(ACK, 1, 1, options=block(bench, (1001, 4001))))
    assert seqs(bench.out()) == [1]


def test_a_hole_filled_early_is_not_filled_again_when_it_counts_as_lost() -> None:
    """CC-042 (3), CC-036: what was resent as a hole is lost later, and its copy is under way."""
    bench = Bench(reno())
    connection = bench.called(SACKED)
    connection.send(b"x" * 10_000, bench.world.now)
    bench.out()
    bench.inject(Seg(ACK, 1, 1, options=block(bench, (1001, 5001))))
    assert seqs(bench.out()) == [1]
    bench.inject(Seg(ACK, 1, 1, options=block(bench, (6001, 7001), (1001, 5001))))
    bench.nothing()
    bench.inject(Seg(ACK, 1, 1, options=block(bench, (6001, 8001), (1001, 5001))))
    assert seqs(bench.out()) == [5001]  # only two segments are sacked above it
    bench.inject(Seg(ACK, 1, 1, options=block(bench, (6001, 9001), (1001, 5001))))
    assert seqs(bench.out()) == [9001]  # the rescue, and 5001 not again
    assert connection.statistics()["lost"] == 2000


def test_lost_is_below_three_runs() -> None:
    """CC-040: DupThresh discontiguous runs, however small."""
    bench = Bench(reno())
    settings = TcpSettings(bench.host.policy)
    settings.nodelay = True
    connection = bench.called(SACKED, settings=settings)
    for _ in range(7):
        connection.send(b"x" * 10, bench.world.now)
        bench.out()
    bench.inject(Seg(ACK, 1, 1, options=block(bench, (11, 21))))
    bench.inject(Seg(ACK, 1, 11, options=block(bench, (31, 41), (51, 61))))
    bench.inject(Seg(ACK, 1, 21, options=block(bench, (31, 41), (51, 61))))
    bench.nothing()
    connection.send(b"x" * 10, bench.world.now)
    bench.out()
    bench.inject(Seg(ACK, 1, 21, options=block(bench, (71, 81), (31, 41), (51, 61))))
    assert seqs(bench.out())[0] == 21


def test_rescue() -> None:
    """CC-042 (4): once in a recovery the last segment is sent again when nothing else can be."""
    bench = Bench(reno())
    connection = bench.called(SACKED)
    connection.send(b"x" * 10_000, bench.world.now)
    bench.out()
    bench.inject(Seg(ACK, 1, 1, options=block(bench, (1001, 7001))))
    said = seqs(bench.out())
    bench.inject(Seg(ACK, 1, 1, options=block(bench, (1001, 8001))))
    bench.inject(Seg(ACK, 1, 7001))
    said += seqs(bench.out())
    assert said == [1, 9001]
    bench.inject(Seg(ACK, 1, 7001, options=block(bench, (8001, 9001))))
    bench.nothing()


def test_timeout_and_sack() -> None:
    """CC-037, CC-043: after a timeout preset rfc trusts no SACK; Linux does until it proves wrong."""
    for policy, expected in ((rfc_policy(), [1001, 2001]), (reno(), [4001, 5001])):
        bench = Bench(policy)
        connection = bench.called(SACKED)
        connection.send(b"x" * 6000, bench.world.now)
        bench.out()
        bench.inject(Seg(ACK, 1, 1, options=block(bench, (1001, 2001))))
        bench.inject(Seg(ACK, 1, 1, options=block(bench, (1001, 4001))))
        assert seqs(bench.out()) == [1]
        bench.after(connection.statistics()["rto"])
        assert seqs(bench.out()) == [1]
        bench.inject(Seg(ACK, 1, 1001))
        assert seqs(bench.out()) == expected


def test_a_receiver_that_takes_back_its_sack_is_served() -> None:
    """CC-037: RFC 2018 §8: the data is kept until it is acknowledged."""
    bench = Bench(reno())
    connection = bench.called(SACKED)
    connection.send(bytes(range(256)) * 20, bench.world.now)
    sent = bench.out()
    bench.inject(Seg(ACK, 1, 1, options=block(bench, (1001, 5001))))
    bench.out()
    bench.inject(Seg(ACK, 1, 1001))  # and what was sacked is gone
    got = {}
    for _ in range(10):
        bench.after(2 * S)
        for out in bench.out():
            got[out.seq] = out.data
        top = 1001
        while top in got:
            top += len(got[top])
        bench.inject(Seg(ACK, 1, top))
    assert connection.unsent_or_unacked() == 0
    assert got[1001] == sent[1].data


def test_absurd_sack_blocks_do_no_harm() -> None:
    """RFC 2018: blocks outside what is under way, the wrong way round, or cutting through a segment."""
    bench = Bench(reno())
    connection = bench.called(SACKED)
    connection.send(b"x" * 5000, bench.world.now)
    bench.out()
    for edges in (
        ((6001, 7001),),
        ((3001, 2001),),
        ((0x7FFFFFFF, 0x80000FFF),),
        ((4001, 9001),),
        ((1500, 1600),),
        ((0xFFFFFF00, 1),),
        ((1, 1),),
    ):
        bench.inject(Seg(ACK, 1, 1, options=block(bench, *edges)))
        assert connection.statistics()["sacked"] == 0
    bench.inject(Seg(ACK, 1, 5001))
    assert connection.unsent_or_unacked() == 0


def test_slow_start_and_avoidance() -> None:
    """CC-001, CC-004, CC-005, CC-006: by octets, at most a segment for each ACK (preset rfc)."""
    bench = Bench(rfc_policy())
    connection = bench.called(PLAIN, window=65535)
    connection.send(b"x" * 65_000, bench.world.now)
    assert len(bench.out()) == 10
    bench.inject(Seg(ACK, 1, 2001))
    assert connection.statistics()["cwnd"] == 11_000
    for octets in range(10):  # ACK division gives nothing
        bench.inject(Seg(ACK, 1, 2002 + octets))
    assert connection.statistics()["cwnd"] == 11_010
    bench.after(1 * S)
    bench.after(1 * S)
    stats = connection.statistics()
    assert stats["cwnd"] == 1000
    ssthresh = stats["ssthresh"]
    at = 2011
    seen = 0
    for _ in range(60):
        for out in bench.out():
            seen = max(seen, out.seq + len(out.data))
        at = min(at + 1000, seen)
        bench.inject(Seg(ACK, 1, at))
        cwnd = connection.statistics()["cwnd"]
        if cwnd >= ssthresh + 2000:
            break
    assert ssthresh <= connection.statistics()["cwnd"] <= ssthresh + 8000


def test_avoidance_grows_one_segment_each_round() -> None:
    """CC-005: about one SMSS each round trip once ssthresh is passed."""
    world = World(weather=Weather(delay=10 * MS))
    policy = reno()
    policy.send_buffer = policy.receive_buffer = 1 << 20
    one, two = world.pair(policy)
    world.lose = [30]
    caller, callee = opened(world, one, two)
    left = 1 << 22
    windows = []
    end = world.now + 3 * S
    while world.now < end:
        if left:
            left -= caller.send(b"x" * min(left, 65536), world.now)
        callee.receive(1 << 20, world.now)
        if not world.step(end):
            break
        windows.append((world.now, caller.statistics()["cwnd"]))
    ssthresh = caller.statistics()["ssthresh"]
    assert ssthresh < 100_000
    grown = [(t, w) for t, w in windows if w > ssthresh + 2 * 1448]
    rounds = (grown[-1][0] - grown[0][0]) / (20 * MS)
    segments = (grown[-1][1] - grown[0][1]) / 1448
    assert 0.75 <= segments / rounds <= 1.25


def test_cubic_shrinks_to_seven_tenths() -> None:
    """CC-062, CC-008: beta 0.7 on loss; a window that was not filled does not grow."""
    bench = Bench()
    connection = bench.called(SACKED)
    connection.send(b"x" * 10_000, bench.world.now)
    bench.out()
    bench.inject(Seg(ACK, 1, 1, options=block(bench, (1001, 5001))))
    stats = connection.statistics()
    assert (stats["ssthresh"], stats["cwnd"]) == (7000, 7000)


def test_trouble_is_told() -> None:
    """SHLD-9, SHLD-10, MUST-20: from the fourth timeout on the program can know, and hears of it."""
    bench = Bench()
    connection = bench.called(PLAIN)
    connection.send(b"x", bench.world.now)
    watcher = connection.endpoint
    assert isinstance(watcher, Watcher)
    before = watcher.told
    bench.after(2 * S)
    assert (connection.troubled(), watcher.told) == (False, before)
    bench.after(2 * S)
    assert (connection.troubled(), watcher.told) == (True, before + 1)
    bench.inject(Seg(ACK, 1, 2))
    assert not connection.troubled()


def test_repeated_timeout_keeps_ssthresh() -> None:
    """CC-008: only the first timeout of a segment lowers it."""
    bench = Bench()
    connection = bench.called(SACKED)
    connection.send(b"x" * 10_000, bench.world.now)
    bench.after(10 * S)
    assert len(bench.out()) > 13
    assert connection.statistics()["ssthresh"] == 7000


def test_giving_up() -> None:
    """MUST-20, MUST-21, SHLD-11, SHLD-10: R2 of Linux is about 15 minutes; the program may say less."""
    bench = Bench()
    connection = bench.called(PLAIN)
    connection.send(b"x", bench.world.now)
    bench.after(900 * S)
    assert connection.state_name() == "ESTABLISHED"
    bench.after(200 * S)
    assert connection.take_error() == TIMED_OUT
    assert bench.host.tcp.connections() == []
    bench.out()
    for limit, policy in ((20 * S, linux_policy()), (0, rfc_policy())):
        bench = Bench(policy)
        settings = TcpSettings(policy)
        settings.user_timeout = limit
        connection = bench.called(PLAIN, settings=settings)
        connection.send(b"x", bench.world.now)
        bench.after((limit or 100 * S) - 1 * S)
        assert connection.state_name() == "ESTABLISHED"
        assert len(bench.out()) > 3
        bench.after(70 * S)
        assert connection.take_error() == TIMED_OUT


@FAMILIES
def test_every_single_loss_is_repaired_quickly(v6: bool) -> None:
    """CC-010, CC-041: whichever segment of a transfer is lost, it ends in little more than the usual time."""
    for number in range(1, 60, 3):
        world = World(seed=number, weather=Weather(delay=10 * MS))
        one, two = world.pair()
        world.lose = [number]
        caller, callee = opened(world, one, two, v6)
        start = world.now
        data = bytes(range(250)) * 320
        assert caller.send(data, world.now) == 80_000
        while callee.available() < 80_000:
            assert world.step(world.now + 10 * S)
        assert callee.receive(1 << 20, world.now) == data
        assert world.now - start < 500 * MS
        assert caller.statistics()["resent"] <= 2  # it, and perhaps a rescue


def test_records_are_cut_when_segments_shrink() -> None:
    """MUST-16: what was sent in large segments is resent in small ones after the path narrowed."""
    bench = Bench(reno())
    connection = bench.called(TcpOptions(1400), ts_val=9)
    connection.send(b"abcdefgh" * 500, bench.world.now)
    said = bench.out()
    assert [len(out.data) for out in said] == [1388, 1388, 1224]
    bench.inject_icmp(3, 4, 640, said[0].packet)
    bench.after(1 * S)
    again = bench.out()
    assert [len(out.data) for out in again[:3]] == [588, 588, 1388 - 2 * 588]
    assert max(len(out.data) for out in again) == 588
    assert again[0].header.ts_val != ABSENT
