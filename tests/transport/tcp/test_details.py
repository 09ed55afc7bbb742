"""Details that showed when Linux was given the same segments: each segment here was played to both."""

from __future__ import annotations

from tests.transport.tcp.harness import ACK, FIN, MS, PSH, RST, SYN, Bench, Out, S, Seg
from trunkline.base.results import TIMED_OUT
from trunkline.transport.tcp.connection import Connection
from trunkline.transport.tcp.policy import TcpSettings
from trunkline.wire.tcp import ABSENT, URG, TcpOptions

PLAIN = TcpOptions(1000)
SACKED = TcpOptions(1000, sack_permitted=True)


def sacks(bench: Bench, out: Out) -> list[tuple[int, int]]:
    """The SACK blocks of a segment, counted from the peer's initial number."""
    if out.options is None:
        return []
    return [
        ((a - bench.iss) & 0xFFFFFFFF, (b - bench.iss) & 0xFFFFFFFF) for a, b in out.options.sack
    ]


def told(bench: Bench, *edges: tuple[int, int]) -> TcpOptions:
    """SACK blocks about what the host sent."""
    return TcpOptions(
        sack=tuple(
            ((a + bench.host_iss) & 0xFFFFFFFF, (b + bench.host_iss) & 0xFFFFFFFF) for a, b in edges
        )
    )


def small_segments(bench: Bench, count: int) -> Connection:
    """A connection with `count` segments of 50 octets under way."""
    connection = bench.accepted(SACKED)
    connection.settings.nodelay = True
    for _ in range(count):
        connection.send(b"x" * 50, bench.world.now)
        bench.collect()
    assert len(bench.out()) == count
    return connection


# ---- what the receiver tells


def test_fin_out_of_order_is_sacked() -> None:
    """A FIN has a sequence number: a sender that is not told would send it again."""
    bench = Bench()
    connection = bench.accepted(SACKED)
    bench.inject(Seg(FIN | ACK, 1001, 1, b"y" * 1000))
    assert sacks(bench, bench.one()) == [(1001, 2002)]
    bench.inject(Seg(ACK, 1, 1, b"x" * 1000))
    assert bench.one().ack == 2002
    assert connection.receive(9999, bench.world.now) == b"x" * 1000 + b"y" * 1000
    assert connection.eof()


def test_lonely_fin_out_of_order_is_sacked() -> None:
    bench = Bench()
    connection = bench.accepted(SACKED)
    bench.inject(Seg(FIN | ACK, 2001, 1))
    assert sacks(bench, bench.one()) == [(2001, 2002)]
    bench.inject(Seg(ACK, 501, 1, b"b" * 500))
    assert sacks(bench, bench.one()) == [(501, 1001), (2001, 2002)]
    bench.inject(Seg(ACK, 1001, 1, b"c" * 1000))  # joins both
    assert sacks(bench, bench.one()) == [(501, 2002)]
    assert not connection.peer_closed()
    bench.inject(Seg(ACK, 1, 1, b"a" * 500))
    assert bench.one().ack == 2002
    assert connection.receive(9999, bench.world.now) == b"a" * 500 + b"b" * 500 + b"c" * 1000
    assert connection.eof()


def test_part_of_a_segment_that_came_twice_is_told() -> None:
    """RFC 2883 §4.2: beyond a hole too."""
    bench = Bench()
    bench.accepted(SACKED)
    bench.inject(Seg(ACK, 3001, 1, b"x" * 1000))
    bench.out()
    bench.inject(Seg(ACK, 2501, 1, b"x" * 1000))
    assert sacks(bench, bench.one()) == [(3001, 3501), (2501, 4001)]


def test_every_fin_that_comes_again_is_answered() -> None:
    """The limit on challenge ACKs is not for FINs: the peer sends them until it hears."""
    for ending in (False, True):
        bench = Bench()
        connection = bench.accepted(PLAIN)
        if ending:  # TIME-WAIT; else CLOSE-WAIT
            connection.shutdown_send(bench.world.now)
            bench.out()
            bench.inject(Seg(ACK, 1, 2))
        mine = 2 if ending else 1
        for _ in range(4):
            bench.inject(Seg(FIN | ACK, 1, mine))
            assert bench.one().ack == 2
            bench.after(50 * MS)
        assert connection.state_name() == ("TIME-WAIT" if ending else "CLOSE-WAIT")


def test_text_beyond_the_fin_is_ignored() -> None:
    """RFC 9293 §3.10.7.4: in CLOSE-WAIT and after it there is none."""
    bench = Bench()
    connection = bench.accepted(PLAIN)
    bench.inject(Seg(FIN | ACK, 1, 1))
    bench.out()
    bench.inject(Seg(ACK, 2, 1, b"x"))
    bench.inject(Seg(FIN | ACK, 2, 1))
    bench.nothing()
    assert connection.available() == 0


# ---- acknowledgements in segments that do not fit


def test_acknowledgement_of_a_segment_that_comes_again_counts() -> None:
    """Our ACK was lost, so the peer sends again: what it says of our data is true all the same."""
    bench = Bench()
    connection = bench.accepted(PLAIN)
    bench.inject(Seg(ACK, 1, 1, b"x" * 100))
    bench.out()
    connection.send(b"y" * 100, bench.world.now)
    bench.out()
    bench.inject(Seg(ACK, 1, 101, b"x" * 100))
    assert connection.statistics()["under_way"] == 0
    assert bench.one().ack == 101


def test_last_ack_ends_by_a_fin_that_comes_again() -> None:
    bench = Bench()
    connection = bench.accepted(PLAIN)
    bench.inject(Seg(FIN | ACK, 1, 1))
    connection.shutdown_send(bench.world.now)
    bench.out()
    bench.inject(Seg(FIN | ACK, 1, 2))
    assert connection.state_name() == "CLOSED"


def test_older_segments_acknowledge_nothing() -> None:
    bench = Bench()
    connection = bench.accepted(PLAIN)
    for at in (1, 101):
        bench.inject(Seg(ACK, at, 1, b"x" * 100))
        bench.out()
    connection.send(b"y" * 100, bench.world.now)
    bench.out()
    bench.inject(Seg(ACK, 1, 101, b"x" * 100))
    assert connection.statistics()["under_way"] == 100


def test_acknowledgement_behind_a_full_window_counts() -> None:
    """The peer filled the window, a segment of it was lost, and it acknowledges ours meanwhile."""
    bench = Bench()
    connection = bench.accepted(PLAIN)
    connection.send(b"y" * 100, bench.world.now)
    bench.out()
    bench.inject(Seg(ACK, 1 + 65535, 101))
    assert connection.statistics()["under_way"] == 0


def test_window_taken_back_for_hours() -> None:
    """RFC 9293 §3.8.6.1 MUST-37: a peer that answers may keep its window closed for ever."""
    bench = Bench()
    connection = bench.accepted(PLAIN)
    connection.send(b"x" * 1000, bench.world.now)
    bench.out()
    bench.inject(Seg(ACK, 1, 1, window=0))
    while bench.world.now < 3 * 3600 * S:
        assert connection.state_name() == "ESTABLISHED"
        bench.at(bench.world.timers.next_time() - bench.zero)
        for _probe in bench.out():  # answered at the same instant
            bench.inject(Seg(ACK, 1, 1, window=0))
    bench.inject(Seg(ACK, 1, 1, window=1000))
    assert bench.one().data == b"x" * 1000


# ---- duplicates


def test_duplicates_with_data() -> None:
    """RFC 6675 §2: news of a SACK option counts as a duplicate, whatever rides with it."""
    bench = Bench()
    small_segments(bench, 6)
    for number in range(3):
        options = told(bench, (51, 101 + 50 * number))
        bench.inject(Seg(ACK, 1 + 10 * number, 1, b"z" * 10, options=options))
    assert 1 in [out.seq for out in bench.out() if out.data]


def test_duplicates_with_another_window() -> None:
    bench = Bench()
    small_segments(bench, 6)
    for number in range(3):
        options = told(bench, (51, 101 + 50 * number))
        bench.inject(Seg(ACK, 1, 1, window=60000 - number, options=options))
    assert 1 in [out.seq for out in bench.out() if out.data]


# ---- opening


def test_syn_with_fin_is_dropped() -> None:
    bench = Bench()
    bench.listen()
    bench.inject(Seg(SYN | FIN, 0))
    bench.nothing()
    bench.inject(Seg(SYN, 0))
    assert bench.one().flags == SYN | ACK


def test_syn_ack_for_a_passive_opening_is_answered() -> None:
    """RFC 9293 §3.10.7.4: it lies outside the window."""
    bench = Bench()
    listener = bench.listen()
    bench.inject(Seg(SYN, 0))
    bench.out()
    bench.inject(Seg(SYN | ACK, 0, 1))
    answer = bench.one()
    assert (answer.flags, answer.seq, answer.ack) == (ACK, 1, 1)
    bench.inject(Seg(ACK, 1, 1))
    assert listener.ready() == 1


def test_one_lost_syn_costs_no_window() -> None:
    """RFC 6928 §2, CC-031: of two it is one segment; without a round trip, 3 s of timeout."""
    for wait, segments in ((1500 * MS, 10), (2500 * MS, 1)):
        for stamp in (ABSENT, 77):
            bench = Bench()
            connection = bench.call()
            bench.after(wait)
            syn = bench.out()[-1]
            echo = syn.header.ts_val if stamp != ABSENT else 0
            answer = Seg(SYN | ACK, 0, 1, options=PLAIN, ts_val=stamp, ts_ecr=echo)
            bench.inject(answer)
            bench.out()
            connection.send(b"x" * 20000, bench.world.now)
            assert len(bench.out()) == segments
            if stamp == ABSENT:
                assert connection.statistics()["rto"] == 3 * S
            else:  # timestamps tell which SYN was answered, 500 ms ago
                assert connection.statistics()["srtt"] == 500 * MS


def test_syn_retries_of_one_socket() -> None:
    """TCP_SYNCNT: linear waits or not, no longer than so many doublings take."""
    for retries, count, end in ((1, 3, 3), (2, 6, 7), (6, 11, 131)):
        bench = Bench()
        settings = TcpSettings(bench.host.policy)
        settings.syn_retries = retries
        connection = bench.call(settings)
        bench.after(end * S - MS)
        assert len(bench.out()) == count
        assert connection.state_name() == "SYN-SENT"
        bench.after(2 * MS)
        assert (connection.state_name(), connection.error) == ("CLOSED", TIMED_OUT)


# ---- settings of a connection that stands


def test_another_congestion_control() -> None:
    bench = Bench()
    connection = bench.accepted(PLAIN)
    connection.send(b"x" * 10000, bench.world.now)
    bench.out()
    bench.inject(Seg(ACK, 1, 10001))
    window = connection.statistics()["cwnd"]
    for name in ("reno", "cubic"):
        connection.settings.congestion = name
        connection.settings_changed(bench.world.now)
        assert connection.congestion.name() == name
        assert connection.statistics()["cwnd"] == window == 20000


def test_how_long_fin_wait_2_lasts() -> None:
    """TCP_LINGER2: only once the program has gone; with -1 a reset at once."""
    bench = Bench()
    connection = bench.accepted(PLAIN)
    connection.settings.fin_wait_2 = 2 * S
    connection.close(bench.world.now)
    bench.inject(Seg(ACK, 1, 2))
    bench.after(1900 * MS)
    assert connection.state_name() == "FIN-WAIT-2"
    bench.after(200 * MS)
    assert connection.state_name() == "CLOSED"

    bench = Bench()
    connection = bench.accepted(PLAIN)
    connection.settings.fin_wait_2 = -1
    connection.close(bench.world.now)
    assert bench.one().flags == FIN | ACK
    bench.inject(Seg(FIN | ACK, 1, 2))
    assert bench.one().flags == RST | ACK
    assert connection.state_name() == "CLOSED"


# ---- urgent data


def test_what_follows_urgent_data_is_not_urgent() -> None:
    """The pointer is gone once its octet lies behind; and Nagle does not keep urgent data waiting."""
    bench = Bench()
    connection = bench.accepted(PLAIN)
    connection.send_urgent(b"hello", bench.world.now)
    first = bench.one()
    assert (first.flags, first.header.urgent) == (ACK | PSH | URG, 5)
    connection.send(b"more", bench.world.now)
    second = bench.one()
    assert (second.flags, second.header.urgent, second.data) == (ACK | PSH, 0, b"more")


def test_largest_segment_of_a_socket_counts_while_it_opens() -> None:
    """TCP_MAXSEG: said in the SYN and kept to, and nothing to a connection that stands."""
    bench = Bench()
    settings = TcpSettings(bench.host.policy)
    settings.max_segment = 600
    connection = bench.accepted(PLAIN, settings=settings)
    connection.settings.max_segment = 300
    connection.settings_changed(bench.world.now)
    connection.send(b"x" * 1000, bench.world.now)
    assert [len(out.data) for out in bench.out()] == [600, 400]
