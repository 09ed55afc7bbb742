"""What a segment may do when it arrives: windows, resets, challenges, PAWS, acknowledgements, urgent data."""

from __future__ import annotations

import pytest

from tests.transport.tcp.harness import (
    ACK,
    FIN,
    MS,
    PSH,
    RST,
    SYN,
    Bench,
    S,
    Seg,
    Watcher,
    World,
    opened,
)
from trunkline.base.results import RESET
from trunkline.transport.tcp.connection import Connection
from trunkline.transport.tcp.policy import TcpSettings, linux_policy, rfc_policy
from trunkline.wire.tcp import ABSENT, URG, TcpOptions

FAMILIES = pytest.mark.parametrize("v6", [False, True])
SACK = TcpOptions(1460, sack_permitted=True)


def quiet(bench: Bench, options: TcpOptions | None = None, ts_val: int = ABSENT) -> Connection:
    """A connection past its quick acknowledgements: seventeen octets were received."""
    connection = bench.accepted(options, ts_val)
    for number in range(17):
        bench.inject(Seg(ACK, 1 + number, 1, b"q", ts_val=ts_val))
    bench.after(1 * S)
    bench.out()
    connection.receive(100, bench.world.now)
    return connection


@FAMILIES
def test_delayed_ack(v6: bool) -> None:
    """SHLD-18, MUST-40, SHLD-19, CC-017: one small segment 40 ms, more than one full segment at once."""
    bench = Bench(v6=v6)
    connection = quiet(bench)
    bench.inject(Seg(ACK, 18, 1, b"x" * 100))
    bench.nothing()
    bench.after(39 * MS)
    bench.nothing()
    bench.after(1 * MS)
    out = bench.one()
    assert (out.flags, out.ack) == (ACK, 118)
    bench.inject(Seg(ACK, 118, 1, b"x" * 1000))
    bench.nothing()
    bench.inject(Seg(ACK, 1118, 1, b"x" * 1000))
    assert bench.one().ack == 2118  # MUST-58: one for both
    assert connection.available() == 2100


def test_delayed_ack_of_the_presets() -> None:
    """MUST-40: below half a second in each preset."""
    bench = Bench(rfc_policy())
    bench.accepted()
    bench.inject(Seg(ACK, 1, 1, b"x"))
    bench.nothing()
    bench.after(200 * MS)
    assert bench.one().ack == 2


def test_quick_acks_at_the_start() -> None:
    """Linux: the first segments of a talk are acknowledged at once, until an answer was given."""
    bench = Bench()
    connection = bench.accepted()
    for number in range(5):
        bench.inject(Seg(ACK, 1 + number, 1, b"x"))
        assert bench.one().ack == 2 + number
    connection.send(b"answer", bench.world.now)
    bench.out()
    bench.inject(Seg(ACK, 6, 7, b"x"))
    bench.nothing()
    bench.after(40 * MS)
    assert bench.one().ack == 7
    bench.inject(Seg(ACK, 7, 7, b"x"))  # nobody answered: quick again
    assert bench.one().ack == 8


def test_an_answer_carries_the_acknowledgement() -> None:
    """MUST-58: ACKs ride on data."""
    bench = Bench()
    connection = quiet(bench)
    bench.inject(Seg(ACK | PSH, 18, 1, b"question"))
    assert connection.receive(99, bench.world.now) == b"question"
    connection.send(b"answer", bench.world.now)
    out = bench.one()
    assert (out.data, out.ack) == (b"answer", 26)
    bench.after(1 * S)
    assert [again.data for again in bench.out()] == [b"answer"] * 2  # no pure ACK, only resends


def test_out_of_order_is_kept_and_acknowledged_at_once() -> None:
    """SHLD-31, MAY-13, CC-018, MUST-59."""
    bench = Bench()
    connection = quiet(bench)
    bench.inject(Seg(ACK, 28, 1, b"B" * 10))
    assert bench.one().ack == 18
    bench.inject(Seg(ACK, 48, 1, b"D" * 10))
    assert bench.one().ack == 18
    bench.inject(Seg(ACK, 18, 1, b"A" * 10))
    assert bench.one().ack == 38  # what fills a hole: at once
    bench.inject(Seg(ACK, 38, 1, b"C" * 10))
    assert bench.one().ack == 58
    assert connection.receive(99, bench.world.now) == b"A" * 10 + b"B" * 10 + b"C" * 10 + b"D" * 10


def test_sack_blocks() -> None:
    """CC-034, CC-035, CC-039: newest block first, on every ACK while there is a hole; DSACK once."""
    bench = Bench()
    quiet(bench, SACK)
    bench.inject(Seg(ACK, 28, 1, b"B" * 10))
    out = bench.one()
    base = bench.iss

    def sack(options: TcpOptions | None) -> list[tuple[int, int]]:
        assert options is not None
        return [((a - base) & 0xFFFFFFFF, (b - base) & 0xFFFFFFFF) for a, b in options.sack]

    assert sack(out.options) == [(28, 38)]
    bench.inject(Seg(ACK, 48, 1, b"D" * 10))
    assert sack(bench.one().options) == [(48, 58), (28, 38)]
    bench.inject(Seg(ACK, 68, 1, b"F" * 10))
    assert sack(bench.one().options) == [(68, 78), (48, 58), (28, 38)]
    bench.inject(Seg(ACK, 88, 1, b"H" * 10))
    bench.inject(Seg(ACK, 108, 1, b"J" * 10))
    assert sack(bench.out()[-1].options) == [(108, 118), (88, 98), (68, 78), (48, 58)]
    # an old run that grows comes first
    bench.inject(Seg(ACK, 38, 1, b"C" * 5))
    assert sack(bench.one().options)[0] == (28, 43)
    # duplicates: one inside a run, one below the acknowledgement
    bench.inject(Seg(ACK, 48, 1, b"D" * 10))
    assert sack(bench.one().options)[:3] == [(48, 58), (48, 58), (28, 43)]  # RFC 2883 §4
    bench.inject(Seg(ACK, 8, 1, b"q" * 10))
    out = bench.one()
    assert sack(out.options)[:3] == [(8, 18), (48, 58), (28, 43)]
    bench.inject(Seg(ACK, 18, 1, b"A" * 10))
    out = bench.one()
    assert out.ack == 43
    assert sack(out.options) == [(48, 58), (108, 118), (88, 98), (68, 78)]  # the DSACK is gone


def test_no_sack_without_permission() -> None:
    """CC-033."""
    bench = Bench()
    quiet(bench)
    bench.inject(Seg(ACK, 28, 1, b"B" * 10))
    assert bench.one().options is None
    bench.inject(Seg(ACK, 28, 1, b"B" * 10))
    assert bench.one().options is None


def test_sack_beside_timestamps_names_three() -> None:
    """RFC 2018 §3: with timestamps there is room for three."""
    bench = Bench()
    quiet(bench, SACK, 5)
    for number in range(5):
        bench.inject(Seg(ACK, 28 + 20 * number, 1, b"B" * 10, ts_val=5))
    out = bench.out()[-1]
    assert out.options is not None
    assert len(out.options.sack) == 3
    assert out.header.ts_val != ABSENT


def test_window_of_acceptance() -> None:
    """RFC 9293 §3.10.7.4, first step: outside the window an ACK, and nothing taken."""
    bench = Bench()
    connection = quiet(bench)
    edge = 18 + 131072
    for seq, data in ((edge + 100_000, b"x"), (edge + 100_000, b""), (0, b"x"), (17, b"")):
        bench.after(1 * S)
        bench.inject(Seg(ACK, seq, 1, data))
        out = bench.one()
        assert (out.flags, out.seq, out.ack, out.data) == (ACK, 1, 18, b"")
    assert connection.available() == 0


def test_text_is_cut_at_both_edges() -> None:
    """RFC 9293 §3.10.7.4: what is inside the window is taken."""
    settings = TcpSettings(linux_policy())
    settings.receive_buffer = 1000
    bench = Bench()
    connection = bench.accepted(settings=settings)
    bench.inject(Seg(ACK, 1, 1, b"a" * 10))
    bench.inject(Seg(ACK, 6, 1, b"b" * 10))
    assert connection.receive(99, bench.world.now) == b"a" * 10 + b"b" * 5
    bench.inject(Seg(ACK | FIN, 16, 1, b"c" * 3000))
    data = connection.receive(9999, bench.world.now)
    assert set(data) == set(b"c")
    assert 985 <= len(data) <= 1000
    assert not connection.eof()  # the FIN lay beyond


def test_reset_rules() -> None:
    """CC-051, MUST-12: exact RCV.NXT resets; in the window a challenge; outside nothing."""
    bench = Bench()
    connection = bench.accepted()
    bench.inject(Seg(RST, 2))
    out = bench.one()
    assert (out.flags, out.seq, out.ack) == (ACK, 1, 1)
    bench.inject(Seg(RST, 0))
    bench.inject(Seg(RST, 1 + 200_000))
    bench.nothing()
    assert connection.state_name() == "ESTABLISHED"
    bench.inject(Seg(RST, 1, data=b"the reason is 42"))  # SHLD-2: data in it does no harm
    assert connection.state_name() == "CLOSED"
    assert connection.take_error() == RESET
    assert connection.hung_up()
    assert bench.host.tcp.connections() == []
    bench.nothing()


def test_data_before_a_reset_can_still_be_read() -> None:
    """As Linux: what came in order is given first, the error is pending beside it."""
    bench = Bench()
    connection = bench.accepted()
    bench.inject(Seg(ACK, 1, 1, b"last words"))
    bench.inject(Seg(RST, 11, 1))
    assert connection.error == RESET
    assert connection.receive(99, bench.world.now) == b"last words"


@pytest.mark.parametrize("seq", [0, 1, 5, 200_000])
def test_syn_in_a_connection(seq: int) -> None:
    """CC-052: whatever its number, a challenge ACK."""
    bench = Bench()
    connection = bench.accepted()
    bench.inject(Seg(SYN, seq))
    out = bench.one()
    assert (out.flags, out.seq, out.ack) == (ACK, 1, 1)
    assert connection.state_name() == "ESTABLISHED"


def test_challenges_are_limited() -> None:
    """CC-054: one connection gets one in half a second, all together a limit a second."""
    bench = Bench()
    bench.accepted()
    for _ in range(20):
        bench.inject(Seg(RST, 2))
    assert len(bench.out()) == 1
    bench.after(500 * MS)
    for _ in range(20):
        bench.inject(Seg(RST, 2))
    assert len(bench.out()) == 1

    bench = Bench(rfc_policy())
    listener = bench.listen(backlog=100)
    numbers = {}
    for port in range(1000, 1040):
        bench.peer_port = port
        bench.inject(Seg(SYN, 0))
        numbers[port] = bench.one().header.seq
        bench.host_iss = numbers[port]
        bench.inject(Seg(ACK, 1, 1))
        assert listener.accept() is not None
    for port in range(1000, 1040):
        bench.peer_port = port
        bench.host_iss = numbers[port]
        bench.inject(Seg(RST, 2))
    assert 5 <= len(bench.out()) <= 10


def test_acknowledgements_out_of_range() -> None:
    """CC-053, MAY-12, RFC 9293 §3.10.7.4 fifth step: an ACK back, and the segment dropped."""
    for ack in (2, 200, 0xFFF00000):
        bench = Bench()
        connection = bench.accepted()
        bench.inject(Seg(ACK, 1, ack, b"forged"))
        out = bench.one()
        assert (out.seq, out.ack) == (1, 1)
        assert connection.available() == 0


def test_old_acknowledgement_is_no_reason_to_drop_data() -> None:
    """RFC 9293 §3.10.7.4: a duplicate ACK is ignored, its text is not."""
    bench = Bench()
    connection = bench.accepted()
    connection.send(b"x" * 500, bench.world.now)
    bench.out()
    bench.inject(Seg(ACK, 1, 501))
    bench.inject(Seg(ACK, 1, 1, b"late"))
    assert connection.receive(99, bench.world.now) == b"late"


def test_segments_without_ack_are_dropped() -> None:
    """RFC 9293 §3.10.7.4 fifth step."""
    bench = Bench()
    connection = bench.accepted()
    bench.inject(Seg(PSH, 1, 0, b"x"))
    bench.nothing()
    assert connection.available() == 0


def test_paws() -> None:
    """CC-049: an older timestamp gets an ACK and is dropped; a reset is let through; CC-046."""
    bench = Bench()
    connection = bench.accepted(TcpOptions(1460), ts_val=1000)
    bench.inject(Seg(ACK, 1, 1, b"x", ts_val=2000))
    bench.out()
    bench.inject(Seg(ACK, 2, 1, b"old", ts_val=1999))
    out = bench.one()
    assert (out.ack, out.header.ts_ecr) == (2, 2000)
    assert connection.available() == 1
    bench.inject(Seg(ACK, 2, 1, b"none"))  # no timestamp at all
    assert connection.available() == 1
    bench.inject(Seg(RST, 2, ts_val=5))
    assert connection.take_error() == RESET


def test_paws_forgets_after_24_days() -> None:
    """CC-050: TS.Recent that old is not used."""
    bench = Bench()
    connection = bench.accepted(TcpOptions(1460), ts_val=100)
    bench.after(25 * 24 * 3600 * S)
    bench.inject(Seg(ACK, 1, 1, b"after the holidays", ts_val=7))
    assert connection.available() == 18
    assert bench.one().header.ts_ecr == 7


def test_echoed_timestamp() -> None:
    """CC-048, RFC 7323 §4.3: of the earliest segment unacknowledged; a later one out of order is not taken."""
    bench = Bench()
    quiet(bench, TcpOptions(1460), ts_val=100)
    bench.inject(Seg(ACK, 18, 1, b"x" * 10, ts_val=200))
    bench.inject(Seg(ACK, 28, 1, b"x" * 10, ts_val=300))
    bench.after(40 * MS)
    assert bench.one().header.ts_ecr == 200
    bench.inject(Seg(ACK, 48, 1, b"x" * 10, ts_val=400))
    assert bench.one().header.ts_ecr == 200
    bench.inject(Seg(ACK, 38, 1, b"x" * 10, ts_val=350))
    assert bench.one().header.ts_ecr == 350


def test_window_shuts_and_opens() -> None:
    """MUST-39, SHLD-14, MAY-8: the right edge never moves back, nor forward by crumbs."""
    settings = TcpSettings(linux_policy())
    settings.receive_buffer = 10_000
    bench = Bench()
    connection = bench.accepted(TcpOptions(1460, 0), settings=settings)
    edge = 0
    at = 1
    scale = 7
    while True:
        bench.inject(Seg(ACK | PSH, at, 1, b"x" * 1000))
        at += 1000
        bench.after(50 * MS)
        out = bench.out()[-1]
        here = out.ack + (out.window << scale)
        assert here >= edge
        edge = here
        if out.window == 0:
            break
        assert edge <= 1 + 10_000 + 4096 + 128
    assert 10_001 <= out.ack <= 10_001 + 4096 + 128
    # reading a little opens nothing
    connection.receive(500, bench.world.now)
    bench.nothing()
    bench.after(1 * S)
    bench.inject(Seg(ACK, at - 1, 1))  # a probe
    assert bench.one().window == 0
    # a segment's worth does, and is told at once
    connection.receive(3000, bench.world.now)
    out = bench.one()
    assert out.window << scale >= 1280
    assert out.ack + (out.window << scale) >= edge


def test_window_does_not_grow_by_crumbs() -> None:
    """MUST-39: by no less than a segment, or half the buffer where that is less."""
    for buffer, step in ((8000, 1460), (1000, 500)):
        settings = TcpSettings(linux_policy())
        settings.receive_buffer = buffer
        bench = Bench()
        connection = bench.accepted(settings=settings)
        bench.inject(Seg(ACK, 1, 1, b"x" * buffer))
        bench.after(1 * S)
        assert bench.out()[-1].window == 0
        connection.receive(step - 1, bench.world.now)
        bench.inject(Seg(ACK, buffer, 1))
        assert bench.one().window == 0
        connection.receive(1, bench.world.now)
        assert bench.one().window == step


def test_no_more_acks_than_segments_but_for_window_updates() -> None:
    """CC-019: reading in small pieces sends nothing."""
    bench = Bench()
    connection = quiet(bench)
    for number in range(20):
        bench.inject(Seg(ACK, 18 + 1000 * number, 1, b"x" * 1000))
    bench.after(1 * S)
    assert len(bench.out()) <= 20
    while connection.receive(100, bench.world.now):
        pass
    bench.nothing()


def test_zero_window_still_hears_resets_acks_and_urgent_data() -> None:
    """MUST-66."""
    settings = TcpSettings(linux_policy())
    settings.receive_buffer = 2000
    for last in ("rst", "urg"):
        bench = Bench()
        connection = bench.accepted(settings=settings.copy())
        connection.send(b"y" * 100, bench.world.now)
        bench.inject(Seg(ACK, 1, 1, b"x" * 2000))
        bench.out()
        bench.inject(Seg(ACK, 2001, 101, b"no room"))
        assert connection.unsent_or_unacked() == 0
        assert connection.available() == 2000
        if last == "rst":
            bench.inject(Seg(RST, 2001))
            assert connection.error == RESET
        else:
            bench.inject(Seg(ACK | URG, 2001, 101, b"u", urgent=1))
            assert connection.urgent()


def test_fin_out_of_order() -> None:
    """SHLD-31: a FIN that came early waits for what is before it."""
    bench = Bench()
    connection = bench.accepted()
    bench.inject(Seg(ACK | FIN, 11, 1, b"tail"))
    assert connection.state_name() == "ESTABLISHED"
    bench.inject(Seg(ACK, 1, 1, b"0123456789"))
    assert connection.state_name() == "CLOSE-WAIT"
    assert connection.receive(99, bench.world.now) == b"0123456789tail"
    assert bench.out()[-1].ack == 16


def test_urgent_data() -> None:
    """MUST-30, MUST-31, MUST-32, MUST-33, MUST-62: pointer, notice, how much is left, and the octet."""
    bench = Bench()
    connection = bench.accepted()
    watcher = connection.endpoint
    assert isinstance(watcher, Watcher)
    before = watcher.told
    bench.inject(Seg(ACK | URG, 1, 1, b"abcdef", urgent=500))  # it lies ahead
    assert watcher.told > before
    assert connection.urgent()
    assert connection.to_mark() == 499
    assert connection.receive_urgent() == -1  # it has not come
    bench.inject(Seg(ACK | URG, 7, 1, b"g" * 493 + b"!tail", urgent=494))
    assert connection.to_mark() == 499
    assert connection.receive_urgent() == ord("!")
    assert not connection.urgent()
    assert connection.receive(9999, bench.world.now) == b"abcdef" + b"g" * 493  # stops there
    assert connection.to_mark() == 0
    assert connection.receive(9999, bench.world.now) == b"tail"
    assert connection.to_mark() == -1


def test_urgent_data_inline() -> None:
    """SO_OOBINLINE: the octet stays in the stream, reading stops before it."""
    settings = TcpSettings(linux_policy())
    settings.oob_inline = True
    bench = Bench()
    connection = bench.accepted(settings=settings)
    bench.inject(Seg(ACK | URG, 1, 1, b"ab!cd", urgent=3))
    assert connection.receive(99, bench.world.now) == b"ab"
    assert connection.receive(99, bench.world.now) == b"!cd"


@FAMILIES
def test_urgent_data_between_hosts(v6: bool) -> None:
    """MUST-30, MUST-62: sent by one of ours, read by another."""
    world = World(strict=True)
    one, two = world.pair()
    caller, callee = opened(world, one, two, v6)
    caller.send(b"before", world.now)
    caller.send_urgent(b"now!", world.now)
    caller.send(b"after", world.now)
    world.run(1 * S)
    assert callee.urgent()
    assert callee.receive_urgent() == ord("!")
    assert callee.receive(99, world.now) == b"beforenow"
    assert callee.receive(99, world.now) == b"after"
    caller.send(b"more", world.now)
    world.run(1 * S)
    assert callee.receive(99, world.now) == b"more"
