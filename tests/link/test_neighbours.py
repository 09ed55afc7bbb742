"""The neighbour table, every transition of its states, the same for ARP and for neighbour discovery."""

from __future__ import annotations

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from tests.link.bench import (
    FAMILIES,
    OTHER_MAC,
    PEER_MAC,
    V4,
    V6,
    Bench,
    Family,
    group_mac,
    questions,
)
from trunkline.base.results import NO_BUFFER, SENT
from trunkline.base.units import MILLISECOND, SECOND
from trunkline.link.neighbours import (
    EVICTED,
    FLUSHED,
    GIVEN_UP,
    LOST,
    OVERFLOWED,
    QUEUE_LIMIT,
    TABLE_FULL,
    TABLE_LIMIT,
    UNRESOLVED,
)
from trunkline.wire.packet import Packet

both = pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)


@both
def test_first_packet_asks_and_waits(family: Family) -> None:
    bench = Bench()
    assert bench.send(family.packet(family.peer, b"one"), family.peer) == SENT
    assert bench.send(family.packet(family.peer, b"two"), family.peer) == SENT
    [question] = bench.out()
    assert family.question(question) == (family.peer, group_mac(family, family.peer))
    assert bench.state(family.peer) == "INCOMPLETE"
    assert not bench.timers.idle()  # somebody may be waiting for this: not housekeeping

    bench.receive(family.answer(family.peer, PEER_MAC, family.own))
    sent = bench.out()
    assert [packet.payload for packet in sent] == [b"one", b"two"]
    for packet in sent:
        assert packet.ethernet is not None
        assert packet.ethernet.dst == PEER_MAC
        assert packet.ethernet.src == bench.nic.mac
        assert packet.ethernet.ethertype == family.ethertype
    assert bench.state(family.peer) == "REACHABLE"
    assert bench.silent()


@both
def test_nobody_answers(family: Family) -> None:
    bench = Bench()
    for payload in (b"one", b"two"):
        bench.send(family.packet(family.peer, payload), family.peer)
    sent = [(0, packet) for packet in bench.out()]
    sent += bench.run(2999 * MILLISECOND)
    everybody = group_mac(family, family.peer)
    assert questions(family, sent) == [
        (0, family.peer, everybody),
        (SECOND, family.peer, everybody),
        (2 * SECOND, family.peer, everybody),
    ]
    assert not bench.link.has_failed
    assert bench.link.failed() == []

    assert bench.run(4 * SECOND) == []
    assert bench.state(family.peer) == "GONE"
    assert bench.link.has_failed
    assert [packet.payload for packet in bench.link.failed()] == [b"one", b"two"]
    assert not bench.link.has_failed
    assert bench.link.failed() == []
    assert bench.count(UNRESOLVED) == 1
    assert bench.count(GIVEN_UP) == 2
    assert bench.silent()


@both
def test_failure_marks_the_node(family: Family) -> None:
    bench = Bench()
    bench.send(family.packet(family.peer), family.peer)
    bench.run(2 * SECOND)
    assert not bench.node.pending
    timer = bench.timers.pop(3 * SECOND)
    assert timer is not None
    timer.owner.on_timer(timer.kind, timer.at)
    assert bench.marked == [bench.node]


@both
def test_late_answer_still_counts(family: Family) -> None:
    bench = Bench()
    bench.send(family.packet(family.peer, b"one"), family.peer)
    bench.run(2500 * MILLISECOND)
    bench.receive(family.answer(family.peer, PEER_MAC, family.own))
    assert [packet.payload for packet in bench.out()] == [b"one"]
    assert bench.state(family.peer) == "REACHABLE"


@both
def test_queue_keeps_the_latest(family: Family) -> None:
    bench = Bench()
    for number in range(QUEUE_LIMIT + 3):
        bench.send(family.packet(family.peer, b"%d" % number), family.peer)
    bench.out()
    assert bench.count(OVERFLOWED) == 3
    assert bench.link.statistics()["neighbours: packets waiting"] == QUEUE_LIMIT
    bench.receive(family.answer(family.peer, PEER_MAC, family.own))
    assert [packet.payload for packet in bench.out()] == [
        b"%d" % number for number in range(3, QUEUE_LIMIT + 3)
    ]
    assert bench.link.statistics()["neighbours: packets waiting"] == 0


@both
def test_packets_waiting_in_all_are_limited(family: Family) -> None:
    bench = Bench()
    for number in range(30):
        for _ in range(QUEUE_LIMIT):
            bench.send(family.packet(family.address(10 + number)), family.address(10 + number))
    waiting = bench.link.statistics()["neighbours: packets waiting"]
    assert waiting < 2048 + 30
    assert waiting + bench.count(OVERFLOWED) == 30 * QUEUE_LIMIT


@both
def test_reachable_ages_without_a_timer(family: Family) -> None:
    bench = Bench()
    ages = set()
    for _ in range(100):
        met = bench.now
        bench.meet(family)
        assert bench.silent()
        bench.run(met + 15 * SECOND - 1)
        assert bench.state(family.peer) == "REACHABLE"
        while bench.state(family.peer) == "REACHABLE":
            assert bench.run(bench.now + SECOND) == []
        assert bench.state(family.peer) == "STALE"
        ages.add((bench.now - met) // SECOND)
        neighbour = bench.entry(family.peer)
        assert neighbour is not None and bench.nic.neighbours is not None
        bench.nic.neighbours.remove(neighbour, bench.now)
    # RFC 4861 §6.3.2: 30 s times 0.5 to 1.5
    assert min(ages) < 18
    assert max(ages) > 41
    assert max(ages) <= 45
    assert 27 < sum(ages) / len(ages) < 33 or len(ages) < 25


@both
def test_known_neighbour_is_sent_to_at_once(family: Family) -> None:
    bench = Bench()
    bench.meet(family)
    for payload in (b"one", b"two"):
        assert bench.send(family.packet(family.peer, payload), family.peer) == SENT
    assert [packet.payload for packet in bench.out()] == [b"one", b"two"]
    assert bench.silent()


@both
def test_two_neighbours_by_turns(family: Family) -> None:
    bench = Bench()
    third = family.address(3)
    bench.meet(family)
    bench.send(family.packet(third), third)
    bench.receive(family.answer(third, OTHER_MAC, family.own))
    bench.out()
    for _ in range(3):
        bench.send(family.packet(family.peer), family.peer)
        bench.send(family.packet(third), third)
        macs = [packet.ethernet.dst for packet in bench.out() if packet.ethernet is not None]
        assert macs == [PEER_MAC, OTHER_MAC]


@both
def test_use_of_a_stale_entry_is_doubted_after_a_while(family: Family) -> None:
    bench = Bench()
    bench.age(family)
    start = bench.now
    bench.send(family.packet(family.peer, b"one"), family.peer)
    assert [packet.payload for packet in bench.out()] == [b"one"]
    assert bench.state(family.peer) == "DELAY"
    assert bench.timers.idle()  # housekeeping: it keeps no run alive
    sent = bench.run(start + 5 * SECOND)
    assert questions(family, sent) == [(start + 5 * SECOND, family.peer, PEER_MAC)]
    assert bench.state(family.peer) == "PROBE"
    assert bench.timers.idle()
    bench.receive(family.answer(family.peer, PEER_MAC, family.own))
    assert bench.state(family.peer) == "REACHABLE"
    assert bench.silent()


@both
def test_probe_unanswered(family: Family) -> None:
    bench = Bench()
    bench.age(family)
    start = bench.now
    bench.send(family.packet(family.peer), family.peer)
    bench.out()
    sent = bench.run(start + 6500 * MILLISECOND)
    bench.send(family.packet(family.peer, b"hope"), family.peer)  # still sent to where it was
    [packet] = bench.out()
    assert packet.payload == b"hope"
    sent += bench.run(start + 20 * SECOND)
    assert questions(family, sent) == [
        (start + second * SECOND, family.peer, PEER_MAC) for second in (5, 6, 7)
    ]
    assert bench.state(family.peer) == "GONE"
    assert bench.count(LOST) == 1
    assert bench.link.failed() == []
    # and the next packet asks anew, by multicast
    bench.send(family.packet(family.peer), family.peer)
    [question] = bench.out()
    assert family.question(question) == (family.peer, group_mac(family, family.peer))


@both
def test_hint_from_above_spares_the_question(family: Family) -> None:
    bench = Bench()
    neighbour = bench.age(family)
    bench.send(family.packet(family.peer), family.peer)
    bench.out()
    bench.run(bench.now + SECOND)
    bench.link.confirm(neighbour, bench.now)
    bench.run(bench.now + SECOND)
    assert not bench.silent()  # a hint is one store; who looks next takes it in
    assert bench.state(family.peer) == "REACHABLE"
    assert bench.silent()


@both
def test_hint_is_taken_in_when_the_wait_is_over(family: Family) -> None:
    bench = Bench()
    neighbour = bench.age(family)
    bench.send(family.packet(family.peer), family.peer)
    bench.out()
    bench.link.confirm(neighbour, bench.now)
    assert bench.run(bench.now + 10 * SECOND) == []
    assert bench.silent()
    assert bench.state(family.peer) == "REACHABLE"


@both
def test_hint_while_probing(family: Family) -> None:
    bench = Bench()
    bench.age(family)
    bench.send(family.packet(family.peer), family.peer)
    bench.out()
    assert len(bench.run(bench.now + 5500 * MILLISECOND)) == 1
    bench.link.confirm_next_hop(bench.nic, family.peer, bench.now)
    assert bench.run(bench.now + 10 * SECOND) == []
    assert bench.state(family.peer) == "REACHABLE"


@both
def test_hints_keep_an_entry_reachable(family: Family) -> None:
    bench = Bench()
    bench.meet(family)
    for _ in range(20):
        bench.run(bench.now + 14 * SECOND)
        bench.link.confirm_next_hop(bench.nic, family.peer, bench.now)
        bench.send(family.packet(family.peer), family.peer)
        assert bench.state(family.peer) == "REACHABLE"
        assert len(bench.out()) == 1
    bench.run(bench.now + 46 * SECOND)
    assert bench.state(family.peer) == "STALE"


@both
def test_hint_by_next_hop_finds_any_neighbour(family: Family) -> None:
    bench = Bench()
    bench.age(family)
    other = V6 if family is V4 else V4
    bench.meet(other)  # the last one sent to
    bench.link.confirm_next_hop(bench.nic, family.peer, bench.now)
    assert bench.state(family.peer) == "REACHABLE"
    bench.link.confirm_next_hop(bench.nic, family.address(9), bench.now)  # nobody: no matter


@both
def test_hint_is_no_address(family: Family) -> None:
    bench = Bench()
    bench.send(family.packet(family.peer), family.peer)
    neighbour = bench.entry(family.peer)
    assert neighbour is not None
    bench.link.confirm(neighbour, bench.now)
    bench.out()
    bench.send(family.packet(family.peer), family.peer)
    assert bench.state(family.peer) == "INCOMPLETE"
    assert bench.out() == []


@both
def test_hint_before_a_move_does_not_count_for_the_new_address(family: Family) -> None:
    bench = Bench()
    neighbour = bench.meet(family)
    bench.link.confirm(neighbour, bench.now)
    bench.receive(family.request(family.own, family.peer, OTHER_MAC))
    bench.out()
    neighbour = bench.entry(family.peer)
    assert neighbour is not None
    assert neighbour.mac == OTHER_MAC
    assert bench.state(family.peer) == "STALE"
    bench.send(family.packet(family.peer), family.peer)
    [packet] = bench.out()
    assert packet.ethernet is not None
    assert packet.ethernet.dst == OTHER_MAC


@both
def test_asker_becomes_known_but_not_proven(family: Family) -> None:
    bench = Bench()
    bench.receive(family.request(family.own, family.peer, PEER_MAC))
    neighbour = bench.entry(family.peer)
    assert neighbour is not None
    assert neighbour.mac == PEER_MAC
    assert bench.state(family.peer) == "STALE"
    assert len(bench.out()) == 1
    assert bench.silent()


@both
def test_asking_does_not_shake_a_reachable_entry(family: Family) -> None:
    bench = Bench()
    bench.meet(family)
    bench.receive(family.request(family.own, family.peer, PEER_MAC))
    assert bench.state(family.peer) == "REACHABLE"


@both
def test_asking_resolves_who_is_being_asked_for(family: Family) -> None:
    bench = Bench()
    bench.send(family.packet(family.peer, b"one"), family.peer)
    bench.out()
    bench.receive(family.request(family.own, family.peer, PEER_MAC))
    assert b"one" in [packet.payload for packet in bench.out()]
    assert bench.state(family.peer) == "DELAY"
    # the answer to the open question proves it after all
    bench.receive(family.answer(family.peer, PEER_MAC, family.own))
    assert bench.state(family.peer) == "REACHABLE"


@both
def test_unasked_news_move_a_known_entry(family: Family) -> None:
    bench = Bench()
    bench.meet(family)
    bench.receive(family.answer(family.peer, OTHER_MAC, family.own, solicited=False))
    neighbour = bench.entry(family.peer)
    assert neighbour is not None
    assert neighbour.mac == OTHER_MAC
    assert bench.state(family.peer) == "STALE"
    bench.receive(family.answer(family.peer, OTHER_MAC, family.own, solicited=False))
    assert bench.state(family.peer) == "STALE"  # still no proof


@both
def test_unasked_news_of_strangers_are_not_kept(family: Family) -> None:
    bench = Bench()
    bench.receive(family.answer(family.peer, OTHER_MAC, family.own, solicited=False))
    assert bench.state(family.peer) == "GONE"


@both
def test_permanent_entries(family: Family) -> None:
    bench = Bench()
    table = bench.nic.neighbours
    assert table is not None
    bench.send(family.packet(family.peer, b"one"), family.peer)
    bench.out()
    assert table.set_permanent(family.peer, PEER_MAC, bench.now) is not None
    assert [packet.payload for packet in bench.out()] == [b"one"]
    assert bench.silent()
    bench.receive(family.answer(family.peer, OTHER_MAC, family.own))
    bench.receive(family.request(family.own, family.peer, OTHER_MAC))
    bench.out()
    bench.run(bench.now + 10**6 * SECOND)
    bench.link.flush(bench.nic, bench.now)
    assert bench.state(family.peer) == "PERMANENT"
    bench.send(family.packet(family.peer, b"two"), family.peer)
    [packet] = bench.out()
    assert packet.ethernet is not None
    assert packet.ethernet.dst == PEER_MAC
    assert bench.silent()


@both
def test_flush_forgets(family: Family) -> None:
    bench = Bench()
    bench.meet(family)
    unknown = family.address(9)
    bench.send(family.packet(unknown, b"lost"), unknown)
    bench.out()
    bench.link.flush(bench.nic, bench.now)
    assert bench.count(FLUSHED) == 2
    assert bench.size() == 0
    assert [packet.payload for packet in bench.link.failed()] == [b"lost"]
    assert bench.silent()
    # and the last neighbour is not used any more
    bench.send(family.packet(family.peer), family.peer)
    [question] = bench.out()
    assert family.question(question) is not None


@both
def test_flood_of_senders_pushes_out_only_its_like(family: Family) -> None:
    bench = Bench()
    bench.meet(family)
    for number in range(3 * TABLE_LIMIT):
        sender = family.address(100 + number)
        mac = b"\x02\x01" + number.to_bytes(4, "big")
        bench.receive(family.request(family.own, sender, mac))
        bench.nic.outbox.clear()
        bench.node.outgoing.clear()
        assert bench.size() <= TABLE_LIMIT
    assert bench.count(EVICTED) >= 2 * TABLE_LIMIT
    assert bench.state(family.peer) == "REACHABLE"


@both
def test_once_used_an_entry_is_no_longer_only_heard_of(family: Family) -> None:
    bench = Bench()
    bench.link.policy.table_limit = 4
    bench.receive(family.request(family.own, family.peer, PEER_MAC))
    bench.send(family.packet(family.peer), family.peer)
    bench.receive(family.answer(family.peer, PEER_MAC, family.own))
    for number in range(20):
        bench.receive(family.request(family.own, family.address(100 + number), OTHER_MAC))
    assert bench.size() == 4
    assert bench.state(family.peer) != "GONE"


@both
def test_flood_that_is_answered_pushes_out_only_the_unproven(family: Family) -> None:
    bench = Bench()
    bench.meet(family)
    bench.run(SECOND)
    for number in range(2 * TABLE_LIMIT):
        sender = family.address(100 + number)
        bench.receive(family.request(family.own, sender, PEER_MAC))
        bench.send(family.packet(sender), sender)
        bench.nic.outbox.clear()
        bench.node.outgoing.clear()
    assert bench.size() == TABLE_LIMIT
    assert bench.state(family.peer) == "REACHABLE"


@both
def test_scan_of_a_network_stays_bounded(family: Family) -> None:
    bench = Bench()
    neighbours = [family.address(3 + number) for number in range(100)]
    for number, address in enumerate(neighbours):
        bench.send(family.packet(address), address)
        bench.receive(family.answer(address, b"\x02\x02" + number.to_bytes(4, "big"), family.own))
    for number in range(2 * TABLE_LIMIT):
        address = family.address(1000 + number)
        assert bench.send(family.packet(address), address) == SENT
    assert bench.size() <= TABLE_LIMIT
    assert all(bench.state(address) == "REACHABLE" for address in neighbours)
    given_up = len(bench.link.failed())
    assert given_up == bench.count(GIVEN_UP) == 2 * TABLE_LIMIT + 100 - TABLE_LIMIT
    bench.out()
    bench.run(10 * SECOND)
    assert given_up + len(bench.link.failed()) == 2 * TABLE_LIMIT
    assert bench.size() == 100


@both
def test_the_stalest_goes_first(family: Family) -> None:
    bench = Bench()
    bench.link.policy.table_limit = 4
    for number in range(4):
        address = family.address(10 + number)
        bench.send(family.packet(address), address)
        bench.receive(family.answer(address, PEER_MAC, family.own))
        bench.run(bench.now + SECOND)
    bench.link.confirm_next_hop(bench.nic, family.address(10), bench.now)
    bench.send(family.packet(family.address(20)), family.address(20))
    states = [bench.state(family.address(10 + number)) for number in range(4)]
    assert states == ["REACHABLE", "GONE", "REACHABLE", "REACHABLE"]


@both
def test_table_full_of_permanent_entries(family: Family) -> None:
    bench = Bench()
    bench.link.policy.table_limit = 2
    table = bench.nic.neighbours
    assert table is not None
    for number in range(2):
        assert table.set_permanent(family.address(10 + number), PEER_MAC, 0) is not None
    assert table.set_permanent(family.address(12), PEER_MAC, 0) is None
    assert bench.send(family.packet(family.peer), family.peer) == NO_BUFFER
    bench.receive(family.request(family.own, family.peer, PEER_MAC))
    assert bench.state(family.peer) == "GONE"
    assert bench.count(TABLE_FULL) >= 2


@both
def test_times_can_be_set(family: Family) -> None:
    bench = Bench()
    policy = bench.link.policy
    policy.reachable_time = 2 * SECOND
    policy.delay_time = SECOND
    policy.retransmit_time = 100 * MILLISECOND
    policy.unicast_probes = 1
    policy.multicast_probes = 2
    bench.meet(family)
    bench.run(3 * SECOND)
    assert bench.state(family.peer) == "STALE"
    bench.send(family.packet(family.peer), family.peer)
    bench.out()
    sent = bench.run(10 * SECOND)
    assert questions(family, sent) == [(4 * SECOND, family.peer, PEER_MAC)]
    bench.send(family.packet(family.peer), family.peer)
    bench.out()
    [(when, _question)] = bench.run(20 * SECOND)
    assert when == 10 * SECOND + 100 * MILLISECOND


@both
def test_nic_goes_down_while_asking(family: Family) -> None:
    bench = Bench()
    bench.send(family.packet(family.peer, b"one"), family.peer)
    bench.out()
    bench.nic.up = False
    assert bench.run(10 * SECOND) == []
    assert [packet.payload for packet in bench.link.failed()] == [b"one"]


@both
def test_what_waits_is_given_up_if_the_nic_is_down_when_the_address_comes(family: Family) -> None:
    bench = Bench()
    bench.send(family.packet(family.peer, b"one"), family.peer)
    bench.out()
    bench.nic.up = False
    assert bench.nic.neighbours is not None
    bench.nic.neighbours.set_permanent(family.peer, PEER_MAC, bench.now)
    assert bench.out() == []
    assert [packet.payload for packet in bench.link.failed()] == [b"one"]


class AnyOrder(RuleBasedStateMachine):
    """Whatever happens in whatever order: no packet is lost uncounted, and the table keeps its limits."""

    def __init__(self) -> None:
        super().__init__()
        self.bench = Bench()
        self.bench.link.policy.table_limit = 6
        self.bench.link.policy.queue_limit = 3
        self.given = 0
        self.seen = 0
        self.failed = 0
        self.refused = 0

    families = st.sampled_from(FAMILIES)
    numbers = st.integers(2, 9)
    macs = st.sampled_from([PEER_MAC, OTHER_MAC])

    @rule(family=families, number=numbers)
    def send(self, family: Family, number: int) -> None:
        address = family.address(number)
        code = self.bench.send(family.packet(address, b"data"), address)
        self.given += 1
        assert code in (SENT, NO_BUFFER)
        if code == NO_BUFFER:
            self.refused += 1

    @rule(family=families, number=numbers, mac=macs, solicited=st.booleans(), over=st.booleans())
    def hear_answer(
        self, family: Family, number: int, mac: bytes, solicited: bool, over: bool
    ) -> None:
        sender = family.address(number)
        self.bench.receive(
            family.answer(sender, mac, family.own, solicited=solicited, override=over)
        )

    @rule(family=families, number=numbers, mac=macs)
    def hear_question(self, family: Family, number: int, mac: bytes) -> None:
        self.bench.receive(family.request(family.own, family.address(number), mac))

    @rule(family=families, number=numbers)
    def hint(self, family: Family, number: int) -> None:
        self.bench.link.confirm_next_hop(self.bench.nic, family.address(number), self.bench.now)

    @rule(tenths=st.integers(1, 300))
    def wait(self, tenths: int) -> None:
        self.count(
            [packet for _now, packet in self.bench.run(self.bench.now + tenths * SECOND // 10)]
        )

    @rule(family=families, number=numbers, mac=macs)
    @precondition(lambda self: self.bench.size() < 3)
    def fix(self, family: Family, number: int, mac: bytes) -> None:
        assert self.bench.nic.neighbours is not None
        self.bench.nic.neighbours.set_permanent(family.address(number), mac, self.bench.now)

    @rule()
    def flush(self) -> None:
        self.bench.link.flush(self.bench.nic, self.bench.now)

    def count(self, packets: list[Packet]) -> None:
        for packet in packets:
            if packet.payload == b"data":
                self.seen += 1
                neighbour = self.bench.entry(packet.ip.dst)
                assert packet.ethernet.dst in (PEER_MAC, OTHER_MAC)
                assert neighbour is None or neighbour.mac in (PEER_MAC, OTHER_MAC)

    @invariant()
    def nothing_is_lost_uncounted(self) -> None:
        bench = self.bench
        self.count(bench.out())
        self.failed += sum(packet.payload == b"data" for packet in bench.link.failed())
        waiting = sum(
            packet.payload == b"data"
            for neighbour in bench.nic.neighbours.entries.values()
            for packet in neighbour.queue
        )
        dropped = bench.count(OVERFLOWED)
        assert self.seen + self.failed + self.refused + waiting <= self.given
        assert self.seen + self.failed + self.refused + waiting + dropped >= self.given
        assert bench.size() <= 6
        for neighbour in bench.nic.neighbours.entries.values():
            assert len(neighbour.queue) <= 3
            assert (neighbour.state_name(bench.now) == "INCOMPLETE") == (neighbour.header is None)

    def teardown(self) -> None:
        """Left alone, it comes to rest: every timer drains and nothing waits."""
        self.bench.run(self.bench.now + 60 * SECOND)
        assert self.bench.silent()
        assert self.bench.link.statistics()["neighbours: packets waiting"] == 0


TestAnyOrder = AnyOrder.TestCase
