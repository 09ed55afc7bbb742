"""The parts that have laws of their own: queue, assembly, circle of numbers, CUBIC's curve, RTT."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from tests.transport.tcp.harness import MS, S, Weather, World, opened
from trunkline.transport.tcp.assembly import RUNS, Assembly
from trunkline.transport.tcp.bytequeue import ByteQueue
from trunkline.transport.tcp.congestion import INFINITE, NewReno
from trunkline.transport.tcp.cubic import Cubic, cube_root
from trunkline.transport.tcp.hystart import HyStart
from trunkline.transport.tcp.policy import linux_policy
from trunkline.transport.tcp.scoreboard import LOST, RESENT, SACKED, Scoreboard, Sent
from trunkline.transport.tcp.sequence import MASK, after, before, distance

NUMBERS = st.integers(0, MASK)


@given(NUMBERS, st.integers(-(1 << 31) + 1, (1 << 31) - 1))
def test_the_circle(a: int, step: int) -> None:
    """REC-1, RFC 9293 §3.4: comparisons modulo 2^32."""
    b = (a + step) & MASK
    assert distance(b, a) == step
    assert before(a, b) == (step > 0) == after(b, a)
    assert before(b, a) == (step < 0) == after(a, b)


@given(st.lists(st.one_of(st.binary(max_size=20), st.integers(0, 30)), max_size=40))
def test_queue_is_a_queue(acts: list[bytes | int]) -> None:
    """What goes in comes out, in order, in pieces of any size."""
    queue = ByteQueue()
    model = b""
    for act in acts:
        if isinstance(act, bytes):
            queue.append(act)
            model += act
        else:
            assert queue.peek(act) == model[:act]
            assert queue.take(act) == model[:act]
            model = model[act:]
        assert queue.octets == len(model)


@given(
    base=NUMBERS,
    pieces=st.lists(st.tuples(st.integers(1, 200), st.integers(1, 60)), max_size=40),
    order=st.integers(0, 1 << 30),
)
def test_assembly_gives_back_the_stream(
    base: int, pieces: list[tuple[int, int]], order: int
) -> None:
    """SHLD-31: any overlapping pieces in any order; runs stay apart and sorted; octets are the stream's."""
    stream = bytes(range(256)) * 2
    assembly = Assembly()
    held: set[int] = set()
    for at, length in pieces:
        assert assembly.add((base + at) & MASK, stream[at : at + length])
        held |= set(range(at, min(at + length, len(stream))))
        edges = [((run.left - base) & MASK, (run.right - base) & MASK) for run in assembly.runs]
        assert edges == sorted(edges)
        for (_, right), (left, _) in pairwise(edges):
            assert right < left
        assert {n for left, right in edges for n in range(left, right)} == held
        assert sorted(assembly.blocks(99)) == sorted((run.left, run.right) for run in assembly.runs)
        first = (at, min(at + length, len(stream)))
        left, right = assembly.blocks(1)[0]  # CC-034: the newest first
        assert (left - base) & MASK <= first[0] < first[1] <= (right - base) & MASK
    # fill from the front: everything up to each hole comes out once
    at = 0
    got = b""
    while at < len(stream):
        run = assembly.take((base + at) & MASK)
        if run is None:
            got += stream[at : at + 1]
            at += 1
            continue
        data = b"".join(run.pieces)
        assert data == stream[at : at + len(data)]
        assert (run.right - base) & MASK == at + len(data)
        got += data
        at += len(data)
    assert got == stream
    assert assembly.pieces == 0
    assert assembly.recent == []


def test_assembly_has_limits() -> None:
    """Many tiny islands are turned away, and counted by the caller."""
    assembly = Assembly()
    for number in range(2 * RUNS):
        assert assembly.add(10 * number, b"x") == (number < RUNS)


@given(st.integers(0, 10**30))
def test_cube_root(value: int) -> None:
    """An integer cube root is exact."""
    root = cube_root(value)
    assert root**3 <= value < (root + 1) ** 3


def test_cubic_curve() -> None:
    """CC-060, CC-062, CC-063: W(t) = 0.4 (t - K)^3 + Wmax in segments, K = cbrt(0.3 Wmax / 0.4)."""
    mss = 1000
    cubic = Cubic(mss, 10 * mss, 0)
    cubic.cwnd = 1000 * mss
    cubic.on_loss(0, 0)
    assert cubic.cwnd == cubic.ssthresh == 700 * mss
    rtt = 100 * MS
    now = 0
    curve = []
    while now < 20 * S:
        cubic.on_ack(cubic.cwnd // 2, rtt, now)  # two ACKs for each window
        now += rtt // 2
        cubic.on_ack(cubic.cwnd // 2, rtt, now)
        now += rtt // 2
        curve.append((now, cubic.cwnd))
    k = (300 / 0.4) ** (1 / 3)  # seconds
    for when, window in curve:
        t = when / S
        expected = 0.4 * (t - k) ** 3 + 1000
        if t > 1:
            assert abs(window / mss - expected) < 0.05 * expected, (t, window, expected)
    # fast convergence: a second loss below the old plateau lowers the plateau further
    cubic = Cubic(mss, 10 * mss, 0)
    cubic.cwnd = 1000 * mss
    cubic.on_loss(0, 0)
    cubic.cwnd = 900 * mss
    cubic.on_loss(0, 0)
    assert cubic.w_max == 900 * mss * 17 // 20


def test_cubic_is_no_slower_than_reno() -> None:
    """CC-061: on a short path the Reno-friendly region rules: 9/17 of a segment a round, later a whole one."""
    mss = 1000
    cubic = Cubic(mss, 20 * mss, 0)
    cubic.on_loss(0, 0)
    start = cubic.cwnd
    rtt = 2 * MS
    now = 0
    rounds = 0
    while cubic.cwnd < 20 * mss:
        cubic.on_ack(cubic.cwnd, rtt, now)
        now += rtt
        rounds += 1
    assert 0.7 * 9 / 17 < (20 * mss - start) / mss / rounds < 1.3 * 9 / 17
    rounds = 0
    while cubic.cwnd < 30 * mss:
        cubic.on_ack(cubic.cwnd, rtt, now)
        now += rtt
        rounds += 1
    assert 0.8 < 10 / rounds < 1.3


def test_cubic_does_not_count_idle_time() -> None:
    """CC-064: after an hour without a filled window it goes on where it was."""
    mss = 1000
    for pause in (0, 3600 * S):
        cubic = Cubic(mss, 10 * mss, 0)
        cubic.cwnd = 1000 * mss
        cubic.on_loss(0, 0)
        now = 0
        for _ in range(20):
            cubic.on_ack(cubic.cwnd, 100 * MS, now)
            now += 100 * MS
        before_pause = cubic.cwnd
        now += pause
        cubic.on_ack(cubic.cwnd, 100 * MS, now)
        assert cubic.cwnd - before_pause < 20 * mss


def test_slow_start_stops_at_ssthresh() -> None:
    """CC-001, CC-004: what is left over of an ACK counts for avoidance."""
    reno = NewReno(1000, 10_000, 0)
    assert reno.ssthresh == INFINITE
    reno.ssthresh = 12_000
    reno.on_ack(5000, 1, 1)
    assert reno.cwnd == 12_000
    for _ in range(9):
        reno.on_ack(1000, 1, 1)
    assert reno.cwnd == 13_000


@given(
    base=NUMBERS,
    lengths=st.lists(st.integers(1, 5), min_size=1, max_size=30),
    options=st.lists(
        st.lists(st.tuples(st.integers(0, 90), st.integers(1, 40)), min_size=1, max_size=4),
        max_size=12,
    ),
    acked=st.integers(0, 10),
)
def test_scoreboard_marks_what_blocks_cover(
    base: int, lengths: list[int], options: list[list[tuple[int, int]]], acked: int
) -> None:
    """CC-036, CC-041: a record is sacked when one block covered it whole; the sums follow every change."""
    board = Scoreboard()
    at = 0
    for length in lengths:
        board.records.append(Sent((base + at) & MASK, length, b"x" * length, 0, 0))
        at += length
    total = at
    covered: set[int] = set()
    for option in options:
        blocks = []
        gained = 0
        for left, length in option:
            right = min(left + length, total)
            if left >= right:
                continue
            edges = ((base + left) & MASK, (base + right) & MASK)
            blocks.append(edges)
            gained += board.mark_sacked(*edges)
            place = 0
            for number, size in enumerate(lengths):
                if left <= place and place + size <= right:
                    covered.add(number)
                place += size
        if gained:
            board.known = tuple(blocks)
        found = {n for n, record in enumerate(board.records) if record.state & SACKED}
        assert found == covered
        assert board.sacked == sum(lengths[n] for n in covered)
        board.find_lost(3)
        assert board.lost == sum(r.length for r in board.records if r.state & LOST)
        index = board.next_waiting()
        if index >= 0:
            board.mark_resent(board.records[index], 1)
        hole = board.next_hole()
        expected = [
            n
            for n, record in enumerate(board.records)
            if not record.state & (SACKED | RESENT) and covered and n < max(covered)
        ]
        assert hole == (expected[0] if expected else -1)
        assert board.resent == sum(r.length for r in board.records if r.state & RESENT)
        assert board.waiting == sum(
            r.length for r in board.records if r.state & LOST and not r.state & RESENT
        )
    for _ in range(min(acked, len(lengths))):
        board.drop_first()
    left_over = board.records[board.head :]
    assert board.sacked == sum(r.length for r in left_over if r.state & SACKED)
    assert board.lost == sum(r.length for r in left_over if r.state & LOST)
    board.mark_all_lost()
    assert (
        board.waiting
        == board.lost
        == sum(r.length for r in board.records[board.head :] if not r.state & SACKED)
    )


def test_hystart_leaves_when_round_trips_grow() -> None:
    """CC-065, RFC 9406 §4.2: eight samples, a threshold, five rounds; and back when it only looked so."""
    hystart = HyStart()
    una = 0

    def round_trip(rtt: int, samples: int = 10) -> bool:
        nonlocal una
        over = False
        for _ in range(samples):
            una += 1000
            over = hystart.on_sample(rtt, una, una + 9500) or over
        return over

    for _ in range(5):
        assert not round_trip(40 * MS)
    assert not round_trip(44 * MS)  # an eighth more would be 45 ms
    assert not hystart.conservative
    round_trip(51 * MS)
    round_trip(51 * MS, 5)
    assert hystart.conservative
    round_trip(40 * MS, 20)
    assert not hystart.conservative
    round_trip(60 * MS, 20)
    assert hystart.conservative
    assert any(round_trip(60 * MS) for _ in range(5))


def test_hystart_spares_a_short_queue() -> None:
    """CC-065: with it, slow start into a queue loses far less."""
    resent = {}
    for on in (True, False):
        world = World(weather=Weather(delay=20 * MS, rate=10_000_000, queue=50))
        policy = linux_policy()
        policy.hystart = on
        policy.send_buffer = policy.receive_buffer = 1 << 20
        one, two = world.pair(policy)
        caller, callee = opened(world, one, two)
        left = 1_000_000
        end = world.now + 60 * S
        while left or caller.unsent_or_unacked():
            if left:
                left -= caller.send(b"x" * min(left, 65536), world.now)
            callee.receive(1 << 20, world.now)
            assert world.step(end)
        resent[on] = caller.statistics()["resent"]
    assert resent[True] * 3 < resent[False]
