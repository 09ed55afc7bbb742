"""Opening: active, passive, both at once; options; numbers; queues. Timed segments in, segments out."""

from __future__ import annotations

import pytest

from tests.transport.tcp.harness import (
    ACK,
    FIN,
    MS,
    ONE4,
    ONE6,
    PSH,
    RST,
    SYN,
    TWO4,
    Bench,
    Host,
    S,
    Seg,
    Watcher,
    Weather,
    World,
    opened,
)
from trunkline.base.addresses import parse_address
from trunkline.base.results import NO_ROUTE, PORT_REFUSED, TIMED_OUT
from trunkline.transport.tcp.policy import (
    TcpSettings,
    freebsd_policy,
    linux_policy,
    policy_named,
    rfc_policy,
)
from trunkline.wire.tcp import ABSENT, Tcp, TcpOptions

FAMILIES = pytest.mark.parametrize("v6", [False, True])


@FAMILIES
def test_active_open(v6: bool) -> None:
    """MUST-14, MUST-67, SHLD-5, CC-044, CC-045: the SYN's options, and the three steps."""
    bench = Bench(v6=v6)
    connection = bench.call()
    assert connection.state_name() == "SYN-SENT"
    syn = bench.one()
    assert syn.flags == SYN
    assert syn.window == 65535
    assert syn.options is not None
    assert syn.options.mss == (1440 if v6 else 1460)
    assert syn.options.window_scale == 7
    assert syn.options.sack_permitted
    assert syn.header.ts_val != ABSENT
    options = TcpOptions(1400, 3, True)
    bench.inject(Seg(SYN | ACK, 0, 1, options=options, ts_val=77, ts_ecr=syn.header.ts_val))
    ack = bench.one()
    assert (ack.flags, ack.seq, ack.ack, ack.header.ts_ecr) == (ACK, 1, 1, 77)
    assert connection.state_name() == "ESTABLISHED"
    assert connection.statistics()["mss"] == 1388  # MUST-16: the peer's MSS less options
    assert connection.statistics()["snd_wnd"] == 65535  # not scaled


@FAMILIES
def test_passive_open(v6: bool) -> None:
    """MUST-14, CC-032, CC-044: the SYN-ACK offers only what the SYN offered."""
    bench = Bench(v6=v6)
    listener = bench.listen()
    bench.inject(Seg(SYN, 0))
    answer = bench.one()
    assert answer.flags == SYN | ACK
    assert answer.ack == 1
    assert answer.options is not None
    assert answer.options.mss == (1440 if v6 else 1460)
    assert answer.options.window_scale == ABSENT
    assert not answer.options.sack_permitted
    assert answer.header.ts_val == ABSENT
    assert listener.accept() is None
    bench.inject(Seg(ACK, 1, 1, b"hello"))
    connection = listener.accept()
    assert connection is not None
    assert connection.receive(100, bench.world.now) == b"hello"
    # MUST-15: no MSS option means 536 or 1220
    assert connection.statistics()["mss"] == (1220 if v6 else 536)


def test_window_scale_above_14_counts_as_14() -> None:
    """CC-044, RFC 7323 §2.3."""
    bench = Bench()
    connection = bench.accepted(TcpOptions(1460, 250), window=4)
    assert connection.statistics()["snd_wnd"] == 4 << 14


def test_window_without_option_is_unsigned_16_bits() -> None:
    """MUST-1: values above 32767 are not negative."""
    bench = Bench()
    connection = bench.accepted(window=40000)
    assert connection.statistics()["snd_wnd"] == 40000


def test_simultaneous_open() -> None:
    """MUST-10, MUST-11: two SYNs that cross make one connection, without a listener."""
    bench = Bench()
    connection = bench.call()
    assert bench.one().flags == SYN
    bench.inject(Seg(SYN, 0, options=TcpOptions(1460)))
    answer = bench.one()
    assert (answer.flags, answer.seq, answer.ack) == (SYN | ACK, 0, 1)
    assert connection.state_name() == "SYN-RECEIVED"
    bench.inject(Seg(SYN | ACK, 0, 1, options=TcpOptions(1460)))
    assert connection.state_name() == "ESTABLISHED"
    connection.send(b"x", bench.world.now)
    out = bench.one()
    assert (out.seq, out.ack, out.data) == (1, 1, b"x")


@FAMILIES
def test_simultaneous_open_of_two_hosts(v6: bool) -> None:
    """MUST-10: as above, with both ends ours."""
    world = World()
    one, two = world.pair()
    there = parse_address("2001:db8::2" if v6 else "10.0.0.2")
    here = parse_address("2001:db8::1" if v6 else "10.0.0.1")
    left = one.connect(there, 5000, 5001)
    right = two.connect(here, 5001, 5000)
    world.run(1 * S)
    assert left.state_name() == right.state_name() == "ESTABLISHED"
    left.send(b"to the right", world.now)
    right.send(b"to the left", world.now)
    world.run(1 * S)
    assert right.receive(99, world.now) == b"to the right"
    assert left.receive(99, world.now) == b"to the left"


def test_connecting_to_oneself() -> None:
    """MUST-10: a connection to the own port meets itself, as on Linux."""
    bench = Bench()
    connection = bench.host.connect(ONE4, 7777, 7777)
    bench.after(1 * S)
    assert connection.state_name() == "ESTABLISHED"
    connection.send(b"echo", bench.world.now)
    bench.after(1 * S)
    assert connection.receive(99, bench.world.now) == b"echo"


def test_reset_in_simultaneous_open_is_refusal_and_in_passive_open_is_silence() -> None:
    """MUST-11: SYN-RECEIVED remembers how it was reached."""
    bench = Bench()
    connection = bench.call()
    bench.out()
    bench.inject(Seg(SYN, 0))
    bench.out()
    bench.inject(Seg(RST, 1))
    assert connection.state_name() == "CLOSED"
    assert connection.take_error() == PORT_REFUSED

    bench = Bench()
    listener = bench.listen()
    bench.inject(Seg(SYN, 0))
    bench.out()
    bench.inject(Seg(RST, 1))
    assert bench.host.tcp.connections() == []
    assert listener.accept() is None
    bench.inject(Seg(SYN, 5))  # it listens still
    assert bench.one().flags == SYN | ACK


def test_refused() -> None:
    """MUST-12: RST with an acceptable ACK in SYN-SENT."""
    bench = Bench()
    connection = bench.call()
    bench.out()
    bench.inject(Seg(RST | ACK, 0, 1))
    assert connection.take_error() == PORT_REFUSED
    assert connection.state_name() == "CLOSED"


def test_wrong_acknowledgement_in_syn_sent_is_reset() -> None:
    """RFC 9293 §3.10.7.3 first step: <SEQ=SEG.ACK><CTL=RST>; the SYN stays out."""
    bench = Bench()
    connection = bench.call()
    bench.out()
    for ack in (0, 2, 0x80000000):
        bench.inject(Seg(SYN | ACK, 0, ack))
        reset = bench.one()
        assert (reset.flags, reset.seq) == (RST, ack)
        bench.inject(Seg(RST | ACK, 0, ack))
        bench.nothing()
        assert connection.state_name() == "SYN-SENT"
    bench.inject(Seg(RST, 0))  # without ACK it proves nothing
    bench.inject(Seg(ACK, 0, 1))
    bench.inject(Seg(FIN, 0))
    assert connection.state_name() == "SYN-SENT"
    bench.nothing()


def test_data_and_fin_on_a_syn_ack() -> None:
    """RFC 9293 §3.10.7.3: what rides on the SYN-ACK is processed."""
    bench = Bench()
    connection = bench.call()
    bench.out()
    bench.inject(Seg(SYN | ACK | FIN, 0, 1, b"early"))
    assert bench.one().ack == 7
    assert connection.state_name() == "CLOSE-WAIT"
    assert connection.receive(99, bench.world.now) == b"early"
    assert connection.eof()


def test_syn_retries_linux() -> None:
    """Linux 6: four waits of 1 s, then doubling, six times; then ETIMEDOUT. CC-030."""
    bench = Bench()
    connection = bench.call()
    bench.after(200 * S)
    times = [out.when // MS for out in bench.out() if out.flags == SYN]
    assert times == [0, 1000, 2000, 3000, 4000, 5000, 7000, 11000, 19000, 35000, 67000]
    assert connection.take_error() == TIMED_OUT
    assert bench.host.tcp.connections() == []


def test_syn_retries_rfc() -> None:
    """MUST-22, MUST-23, CC-021, CC-030: R2 of a SYN is at least three minutes (preset rfc)."""
    bench = Bench(rfc_policy())
    connection = bench.call()
    bench.after(180 * S)
    assert connection.state_name() == "SYN-SENT"
    bench.after(20 * S)
    assert connection.take_error() == TIMED_OUT
    times = [out.when // S for out in bench.out()]
    assert times == [0, 1, 3, 7, 15, 31, 63, 123]


def test_user_timeout_ends_an_open() -> None:
    """MUST-21, MUST-22: R2 is the caller's to set."""
    bench = Bench()
    settings = TcpSettings(bench.host.policy)
    settings.user_timeout = 2500 * MS
    connection = bench.call(settings)
    bench.after(4 * S)
    assert connection.take_error() == TIMED_OUT
    assert len(bench.out()) == 3


def test_syn_ack_is_sent_again() -> None:
    """RFC 6298 for SYN-RECEIVED; a repeated SYN is answered at once; then it is given up."""
    bench = Bench()
    listener = bench.listen()
    bench.inject(Seg(SYN, 0))
    bench.out()
    bench.after(500 * MS)
    bench.inject(Seg(SYN, 0))
    assert bench.one().flags == SYN | ACK
    bench.after(100 * S)
    times = [out.when // MS for out in bench.out()]
    assert times == [1500, 3500, 7500, 15500, 31500]
    assert bench.host.tcp.connections() == []
    assert listener.accept() is None


def test_first_window_after_a_lost_syn_is_one_segment() -> None:
    """CC-003, CC-031: one segment after a lost SYN, and (preset rfc) 3 s of timeout."""
    bench = Bench(rfc_policy())
    connection = bench.call()
    bench.after(1500 * MS)
    assert len(bench.out()) == 2
    bench.inject(Seg(SYN | ACK, 0, 1, options=TcpOptions(1000)))
    bench.out()
    connection.send(b"x" * 5000, bench.world.now)
    assert len(bench.out()) == 1
    assert connection.statistics()["rto"] == 3 * S


def test_first_window() -> None:
    """CC-002, RFC 6928: ten segments, but no more than 14600 octets where segments are large."""
    for mss, segments in ((1460, 10), (1000, 10), (536, 10)):
        bench = Bench()
        connection = bench.called(TcpOptions(mss))
        connection.send(b"x" * 100_000, bench.world.now)
        assert len(bench.out()) == segments
    bench = Bench(mtu=9000)
    connection = bench.called(TcpOptions(8960))
    connection.send(b"x" * 100_000, bench.world.now)
    assert len(bench.out()) == 2


@FAMILIES
def test_mss_follows_path_and_peer(v6: bool) -> None:
    """MUST-16, MUST-67, SHLD-6: the least of the peer's MSS and the path's, less options."""
    bench = Bench(v6=v6, mtu=1300)
    connection = bench.call()
    syn = bench.one()
    assert syn.options is not None
    assert syn.options.mss == 1300 - (60 if v6 else 40)
    bench.inject(Seg(SYN | ACK, 0, 1, options=TcpOptions(9000)))
    bench.out()
    connection.send(b"x" * 3000, bench.world.now)
    assert len(bench.out()[0].data) == 1300 - (60 if v6 else 40)


def test_absurd_mss_is_not_obeyed() -> None:
    """CVE-2019-11479: an MSS of 1 would make a segment for every octet."""
    bench = Bench()
    connection = bench.called(TcpOptions(1))
    assert connection.statistics()["mss"] == 48
    bench = Bench()
    connection = bench.called(TcpOptions(0))
    assert connection.statistics()["mss"] == 536  # as Linux: 0 is no size, so none was said


def test_mss_option_only_on_syn() -> None:
    """MUST-65, CC-032, CC-044: no MSS, window scale or SACK-permitted on other segments."""
    world = World(seed=3, weather=Weather(loss=100), strict=True)
    world.seen = []
    one, two = world.pair()
    caller, callee = opened(world, one, two)
    caller.send(b"x" * 100_000, world.now)
    callee.send(b"y" * 100_000, world.now)
    world.run(20 * S)
    syns = 0
    for _, _, packet in world.seen:
        header = packet.upper
        assert isinstance(header, Tcp)
        options = header.options
        if header.flags & SYN:
            syns += 1
            assert options is not None
            assert options.mss == 1460
        elif options is not None:
            assert (options.mss, options.window_scale) == (ABSENT, ABSENT)
            assert not options.sack_permitted
            assert options.sack
    assert syns >= 2


def test_initial_sequence_numbers() -> None:
    """MUST-8, SHLD-1, MUST-9: a clock of 4 µs, plus a hash of the four-tuple with a secret."""

    def iss(seed: int, wait: int, port: int) -> int:
        bench = Bench(seed=seed)
        bench.after(wait)
        bench.host.tcp.connect(
            Watcher(),
            None,
            bytes(4),
            port,
            TWO4,
            80,
            None,
            TcpSettings(bench.host.policy),
            bench.world.now,
        )
        return bench.one().header.seq

    assert (iss(1, 4 * MS, 40000) - iss(1, 0, 40000)) & 0xFFFFFFFF == 1000
    assert abs(iss(1, 0, 40000) - iss(1, 0, 40001)) > 1000
    assert abs(iss(1, 0, 40000) - iss(2, 0, 40000)) > 1000


def test_strangers_get_resets() -> None:
    """RFC 9293 §3.10.7.1: with ACK <SEQ=SEG.ACK>, without <SEQ=0><ACK=SEG.SEQ+LEN>; never for a RST."""
    bench = Bench()
    bench.inject(Seg(SYN, 0))
    out = bench.one()
    assert (out.flags, out.header.seq, out.ack) == (RST | ACK, 0, 1)
    bench.inject(Seg(ACK | PSH, 1, 555, b"abc"))
    out = bench.one()
    assert (out.flags, out.header.seq) == (RST, 555)
    bench.inject(Seg(FIN, 1, 0, b"abc"))
    out = bench.one()
    assert (out.flags, out.header.seq, out.ack) == (RST | ACK, 0, 5)
    bench.inject(Seg(RST, 0))
    bench.inject(Seg(RST | ACK, 0, 1))
    bench.nothing()


def test_listener_is_deaf_to_what_is_no_syn() -> None:
    """RFC 9293 §3.10.7.2: RST ignored, ACK answered by a reset, FIN ignored."""
    bench = Bench()
    bench.listen()
    bench.inject(Seg(RST, 0))
    bench.inject(Seg(FIN, 0))
    bench.nothing()
    bench.inject(Seg(ACK, 0, 9))
    assert bench.one().flags == RST
    bench.inject(Seg(SYN | ACK, 0, 9))
    assert bench.one().flags == RST
    assert bench.host.tcp.connections() == []


@FAMILIES
def test_groups_are_not_answered(v6: bool) -> None:
    """MUST-57, MUST-63: silence to and about broadcast and multicast addresses."""
    bench = Bench(v6=v6)
    bench.listen()
    if v6:
        bench.inject(Seg(SYN, 0), target=parse_address("ff02::1"))
        bench.inject(Seg(SYN, 0), source=parse_address("ff02::1"))
        bench.inject(Seg(SYN, 0), source=bytes(16))
    else:
        bench.inject(Seg(SYN, 0), target=parse_address("224.0.0.1"))
        bench.inject(Seg(SYN, 0), target=parse_address("255.255.255.255"))
        bench.inject(Seg(SYN, 0), target=parse_address("10.0.0.255"))
        bench.inject(Seg(SYN, 0), source=parse_address("224.0.0.1"))
        bench.inject(Seg(SYN, 0), source=parse_address("255.255.255.255"))
        bench.inject(Seg(SYN, 0), source=bytes(4))
    bench.nothing()
    assert bench.host.tcp.connections() == []


def test_open_to_a_group_or_nowhere_is_refused() -> None:
    """MUST-46: broadcast and multicast; no route and no address say so at once."""
    bench = Bench()
    for text in ("224.0.0.5", "255.255.255.255", "10.0.0.255", "ff02::1"):
        connection = bench.host.connect(parse_address(text))
        assert connection.error == NO_ROUTE
        assert connection.state_name() == "CLOSED"
    connection = bench.host.connect(parse_address("203.0.113.9"))
    assert connection.error == NO_ROUTE
    bench.nothing()
    assert bench.host.tcp.connections() == []


def test_source_address_is_asked_of_ip_and_kept() -> None:
    """MUST-43, MUST-44, MUST-45."""
    bench = Bench()
    second = parse_address("10.0.0.9")
    bench.host.internet.add_address(bench.wire, second, 24, bench.world.now)
    connection = bench.call()
    assert connection.local == ONE4
    syn = bench.one()
    assert syn.ip is not None
    assert syn.ip.src == ONE4
    other = bench.host.tcp.connect(
        None,
        None,
        second,
        40001,
        TWO4,
        80,
        None,
        TcpSettings(bench.host.policy),
        bench.world.now,
    )
    assert other.local == second
    syn = bench.one()
    assert syn.ip is not None
    assert syn.ip.src == second


def test_queues_have_limits() -> None:
    """MUST-41, MUST-42 and Linux: backlog + 1 accepted ones wait, then SYNs are dropped."""
    bench = Bench()
    listener = bench.listen(backlog=2)
    isns = {}
    for port in range(1000, 1005):
        bench.peer_port = port
        bench.host_iss = -1
        bench.inject(Seg(SYN, 0))
        said = bench.out()
        if said:
            isns[port] = said[0].header.seq
            bench.host_iss = isns[port]
            bench.inject(Seg(ACK, 1, 1))
    assert sorted(isns) == [1000, 1001, 1002]
    assert listener.ready() == 3
    assert bench.host.tcp.statistics()["tcp: SYN queue full"] == 2
    first = listener.accept()
    assert first is not None
    assert first.remote_port == 1000
    # MUST-41, MUST-42: a second listener elsewhere, and the connections, are undisturbed
    listener.close(bench.world.now)
    resets = [out.header.dst_port for out in bench.out() if out.flags & RST]
    assert resets == [1001, 1002]
    assert first.state_name() == "ESTABLISHED"
    listener = bench.listen()
    assert first.state_name() == "ESTABLISHED"


def test_syn_queue_has_a_limit() -> None:
    """Half-open connections are bounded, whatever arrives."""
    bench = Bench()
    bench.listen(backlog=0)
    for port in range(1000, 1200):
        bench.peer_port = port
        bench.inject(Seg(SYN, 0))
    assert len(bench.host.tcp.connections()) == 16
    bench.after(100 * S)
    assert bench.host.tcp.connections() == []
    assert bench.world.settled()


def test_last_ack_of_the_handshake_into_a_full_queue() -> None:
    """As Linux: it is dropped, the SYN-ACK is repeated, and the peer's next segment gets in."""
    bench = Bench()
    listener = bench.listen(backlog=0)
    numbers = {}
    for port in (1000, 1001):
        bench.peer_port = port
        bench.inject(Seg(SYN, 0))
        numbers[port] = bench.one().header.seq
    for port in (1000, 1001):
        bench.peer_port = port
        bench.host_iss = numbers[port]
        bench.inject(Seg(ACK, 1, 1))
    assert listener.ready() == 1
    assert listener.accept() is not None
    bench.after(1500 * MS)
    again = bench.one()
    assert again.flags == SYN | ACK
    assert again.header.dst_port == 1001
    bench.inject(Seg(ACK, 1, 1))
    assert listener.ready() == 1


def test_data_queued_before_the_handshake() -> None:
    """RFC 9293 §3.9.1.2: SEND in SYN-SENT queues; it goes with the first ACK."""
    bench = Bench()
    connection = bench.call()
    assert connection.send(b"first words", bench.world.now) == 11
    assert bench.one().flags == SYN
    bench.inject(Seg(SYN | ACK, 0, 1))
    out = bench.one()
    assert (out.flags, out.data, out.ack) == (ACK | PSH, b"first words", 1)


def test_loopback_segments_are_large() -> None:
    """MUST-67: 127.0.0.1 and ::1 have a 64 KiB MTU; IPv4's length field holds 65535."""
    for v6, mss in ((False, 65495), (True, 65476)):
        bench = Bench(v6=v6)
        listener = bench.listen()
        connection = bench.host.connect(ONE6 if v6 else ONE4)
        bench.after(1 * S)
        assert connection.state_name() == "ESTABLISHED"
        assert connection.statistics()["mss"] == mss - 12
        callee = listener.accept()
        assert callee is not None
        connection.send(b"z" * 100_000, bench.world.now)
        bench.after(1 * S)
        assert len(callee.receive(1 << 20, bench.world.now)) == 100_000


def test_presets() -> None:
    """The three presets, by name; anything else names them."""
    for name, policy in (
        ("linux", linux_policy()),
        ("rfc", rfc_policy()),
        ("freebsd", freebsd_policy()),
    ):
        assert policy_named(name).name == policy.name == name
    with pytest.raises(ValueError, match="expected linux, rfc or freebsd"):
        policy_named("windows")


def test_hosts_agree_on_every_mix_of_options() -> None:
    """CC-033, CC-044, CC-046: what one side will not have, neither uses."""
    for bits in range(64):
        ours, theirs = linux_policy(), linux_policy()
        ours.sack, ours.timestamps, ours.window_scaling = (
            bool(bits & 1),
            bool(bits & 2),
            bool(bits & 4),
        )
        theirs.sack = bool(bits & 8)
        theirs.timestamps = bool(bits & 16)
        theirs.window_scaling = bool(bits & 32)
        world = World(bits, strict=True)
        one: Host
        one, two = world.pair(ours, 1500, theirs)
        world.lose = [3]
        caller, callee = opened(world, one, two)
        caller.send(b"x" * 30_000, world.now)
        world.run(5 * S)
        assert len(callee.receive(1 << 20, world.now)) == 30_000
