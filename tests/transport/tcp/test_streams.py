"""Laws: streams arrive whole whatever the cable does, every timer drains, no connection is left."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.transport.tcp.harness import (
    ACK,
    FIN,
    MS,
    PSH,
    RST,
    SYN,
    TWO4,
    TWO6,
    Bench,
    S,
    Seg,
    Watcher,
    Weather,
    World,
)
from trunkline.base.dice import Dice
from trunkline.transport.tcp.connection import Connection
from trunkline.transport.tcp.policy import TcpSettings, policy_named
from trunkline.wire.tcp import URG, TcpOptions

WEATHERS = st.builds(
    Weather,
    delay=st.sampled_from([0, 1 * MS, 20 * MS, 300 * MS]),
    loss=st.sampled_from([0, 0, 10, 50, 200]),
    duplicate=st.sampled_from([0, 0, 10, 100]),
    reorder=st.sampled_from([0, 0, 10, 200]),
    corrupt=st.sampled_from([0, 0, 1, 20]),
    rate=st.sampled_from([0, 0, 1_000_000, 20_000_000]),
    queue=st.sampled_from([5, 50, 1000]),
)


class Talker:
    """One end: writes its octets in odd pieces, reads in odd pieces, closes when it has said all."""

    def __init__(self, data: bytes, dice: Dice, slow: bool) -> None:
        self.data = data
        self.dice = dice
        self.slow = slow
        self.said = 0
        self.heard: list[bytes] = []
        self.connection: Connection | None = None
        self.shut = False
        self.over = False

    def turn(self, now: int) -> None:
        connection = self.connection
        if connection is None or self.over:
            return
        assert connection.error == 0
        if not self.slow or self.dice.below(4) == 0:
            while True:
                data = connection.receive(1 + self.dice.below(5000), now)
                if not data:
                    break
                self.heard.append(data)
                if self.slow:
                    break
        if connection.connected() and self.said < len(self.data):
            piece = self.data[self.said : self.said + 1 + self.dice.below(20_000)]
            self.said += connection.send(piece, now)
        if self.said == len(self.data) and not self.shut:
            self.shut = True
            connection.shutdown_send(now)
        if self.shut and connection.eof():
            self.over = True
            connection.close(now)


@given(
    seed=st.integers(0, 1 << 30),
    weather=WEATHERS,
    v6=st.booleans(),
    policy=st.sampled_from(["linux", "rfc", "freebsd"]),
    other=st.sampled_from(["linux", "rfc", "freebsd"]),
    buffers=st.sampled_from([600, 5000, 131072]),
    mtu=st.sampled_from([1280, 1500, 9000]),
    there=st.integers(0, 120_000),
    back=st.integers(0, 30_000),
    slow=st.booleans(),
    nodelay=st.booleans(),
    strict=st.booleans(),
)
@settings(max_examples=60)
def test_both_streams_arrive_whole(
    seed: int,
    weather: Weather,
    v6: bool,
    policy: str,
    other: str,
    buffers: int,
    mtu: int,
    there: int,
    back: int,
    slow: bool,
    nodelay: bool,
    strict: bool,
) -> None:
    """MUST-10 to MUST-13, MUST-20, MUST-34 to MUST-39, SHLD-31, CC-036, CC-041: the whole machine."""
    world = World(seed, weather, strict)
    one, two = world.pair(policy_named(policy), mtu, policy_named(other))
    for host in (one, two):  # a lost handshake is another test
        host.policy.syn_retries = host.policy.syn_ack_retries = 100
        host.policy.orphan_retries = 100
        host.policy.give_up_after = 10**6 * S
        host.policy.rto_max = 60 * S
    listener = two.listen(v6=v6)
    options = TcpSettings(one.policy)
    options.send_buffer = options.receive_buffer = buffers
    options.nodelay = nodelay
    listener.settings.send_buffer = listener.settings.receive_buffer = buffers
    dice = Dice(seed, "talk")
    left = Talker(dice.octets(there), dice, False)
    right = Talker(dice.octets(back), dice, slow)
    left.connection = one.connect(TWO6 if v6 else TWO4, settings=options)
    end = world.now + 10**6 * S
    while not (left.over and right.over):
        left.turn(world.now)
        if right.connection is None:
            right.connection = listener.accept()
            if right.connection is not None:
                right.connection.endpoint = Watcher()
        right.turn(world.now)
        if slow and right.connection is not None and right.connection.available():
            world.run(5 * MS)  # nothing may happen on the wire while the reader sleeps
        elif not world.step(end):
            break
    assert left.over
    assert right.over
    assert b"".join(left.heard) == right.data
    assert b"".join(right.heard) == left.data
    while world.step(world.now + 10**6 * S):
        pass
    assert one.tcp.connections() == two.tcp.connections() == []
    assert world.settled()


FLAGS = st.sampled_from(
    [0, SYN, ACK, ACK, ACK, ACK | PSH, FIN | ACK, RST, RST | ACK, SYN | ACK, ACK | URG, FIN, 0xFFF]
)
NUMBERS = st.one_of(
    st.integers(-3, 40),
    st.integers(0, 3000),
    st.integers(0, 0xFFFFFFFF),
    st.sampled_from([65535, 65536, 131072, 0x7FFFFFFF, 0x80000000]),
)
SEGMENTS = st.builds(
    Seg,
    flags=FLAGS,
    seq=NUMBERS,
    ack=NUMBERS,
    data=st.one_of(st.just(b""), st.binary(max_size=40), st.just(b"x" * 1400)),
    window=st.sampled_from([0, 1, 100, 5000, 65535]),
    options=st.one_of(
        st.none(),
        st.builds(
            TcpOptions,
            mss=st.sampled_from([-1, 0, 1, 536, 1460, 65535]),
            window_scale=st.sampled_from([-1, 0, 7, 14, 255]),
            sack_permitted=st.booleans(),
            sack=st.lists(
                st.tuples(st.integers(0, 0xFFFFFFFF), st.integers(0, 0xFFFFFFFF)), max_size=2
            ).map(tuple),
        ),
    ),
    ts_val=st.sampled_from([-1, -1, 0, 5, 0xFFFFFFFF]),
    ts_ecr=st.integers(0, 0xFFFFFFFF),
    urgent=st.integers(0, 65535),
)


@given(
    segments=st.lists(st.tuples(st.integers(0, 6), SEGMENTS, st.integers(0, 3)), max_size=40),
    active=st.booleans(),
    v6=st.booleans(),
    policy=st.sampled_from(["linux", "rfc", "freebsd"]),
)
@settings(max_examples=150)
def test_any_segments_at_all(
    segments: list[tuple[int, Seg, int]], active: bool, v6: bool, policy: str
) -> None:
    """MUST-7, CC-051 to CC-054: whatever arrives, nothing raises, hangs, or stays for ever."""
    bench = Bench(policy_named(policy), v6=v6)
    listener = bench.listen()
    connection: Connection | None = bench.call() if active else None
    bench.out()
    for act, seg, wait in segments:
        seg.options = (
            seg.options
            if seg.options is None or len(seg.options.sack) < 2 or seg.ts_val < 0
            else None
        )
        bench.inject(seg)
        if connection is None:
            connection = listener.accept()
        if connection is not None:
            now = bench.world.now
            if act == 1:
                connection.send(b"y" * 3000, now)
            elif act == 2:
                connection.receive(500, now)
            elif act == 3:
                connection.shutdown_send(now)
            elif act == 4:
                connection.send_urgent(b"u", now)
            elif act == 5 and seg.urgent < 3000:
                connection.close(now)
        bench.after((0, 1 * MS, 300 * MS, 10 * S)[wait])
        assert len(bench.out()) < 300
    if connection is not None:
        connection.close(bench.world.now)
    listener.close(bench.world.now)
    bench.after(4000 * S)
    assert bench.host.tcp.connections() == []
    assert bench.world.settled()
