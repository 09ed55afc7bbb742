"""The learning switch: frames in by one NIC, out by the others."""

from __future__ import annotations

import pytest

from tests.link.bench import FAMILIES, V4, Family
from trunkline.base.addresses import MAC_BROADCAST, MAC_NONE, parse_mac
from trunkline.base.units import SECOND
from trunkline.link.nic import ETHERNET, Nic, Node
from trunkline.link.switch import AGEING_TIME, TABLE_LIMIT, Switch
from trunkline.wire.ethernet import Ethernet
from trunkline.wire.frame import decode, encode
from trunkline.wire.packet import Packet
from trunkline.wire.trace import TraceSink

both = pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
A, B, C = (parse_mac(f"02:00:00:00:0a:0{digit}") for digit in (1, 2, 3))


class Rack:
    """A switch with three NICs."""

    def __init__(self) -> None:
        self.marked: list[Node] = []
        self.switch = Switch("s1", self.marked)
        self.nics = [
            Nic(self.switch, f"p{number}", ETHERNET, MAC_NONE, 1500, number) for number in range(3)
        ]
        self.now = 0

    def pass_on(self, by: int, packet: Packet) -> list[int]:
        """A frame arrives by NIC `by`; the NICs that it leaves by."""
        self.switch.receive(self.nics[by], packet, self.now)
        return [number for number, nic in enumerate(self.nics) if self.take(nic)]

    def take(self, nic: Nic) -> list[Packet]:
        packets = list(nic.outbox)
        nic.outbox.clear()
        self.switch.outgoing.clear()
        return packets

    def count(self, name: str) -> int:
        return self.switch.statistics().get("switch: " + name, 0)


def frame(src: bytes, dst: bytes, family: Family = V4, payload: bytes = b"hello") -> Packet:
    packet = family.packet(family.peer, payload)
    packet.ethernet = Ethernet(dst, src, family.ethertype)
    return packet


@both
def test_learns_where_senders_are(family: Family) -> None:
    rack = Rack()
    assert rack.pass_on(0, frame(A, B, family)) == [1, 2]
    assert rack.pass_on(1, frame(B, A, family)) == [0]
    assert rack.pass_on(0, frame(A, B, family)) == [1]
    assert rack.switch.where(A, rack.now) is rack.nics[0]
    assert rack.switch.where(C, rack.now) is None
    assert rack.count("flooded") == 1
    assert rack.count("forwarded") == 2
    assert rack.count("addresses") == 2


@both
def test_groups_are_flooded(family: Family) -> None:
    rack = Rack()
    rack.pass_on(1, frame(B, A, family))
    for group in (MAC_BROADCAST, parse_mac("01:00:5e:01:02:03"), parse_mac("33:33:00:00:00:01")):
        assert rack.pass_on(0, frame(A, group, family)) == [1, 2]


def test_never_back_where_it_came_from() -> None:
    rack = Rack()
    rack.pass_on(0, frame(A, C))
    rack.pass_on(0, frame(B, C))
    assert rack.pass_on(0, frame(A, B)) == []
    assert rack.count("for where it came from") == 1


def test_copies_are_independent_and_keep_identity_and_octets() -> None:
    rack = Rack()
    packet = decode(encode(frame(A, MAC_BROADCAST)), True)
    packet.identity = 42
    packet.notes = ["seen"]
    rack.switch.receive(rack.nics[0], packet, 0)
    [one] = rack.take(rack.nics[1])
    [two] = rack.take(rack.nics[2])
    assert one is not two
    assert one.identity == two.identity == 42
    assert one.octets == two.octets is not None
    assert one.ip is not two.ip
    one.note("lost")
    assert two.notes == ["seen"]
    assert encode(one) == encode(two)


def test_stations_move() -> None:
    rack = Rack()
    rack.pass_on(0, frame(A, B))
    rack.pass_on(2, frame(A, B))
    assert rack.pass_on(1, frame(B, A)) == [2]
    assert rack.count("moved") == 1


def test_ageing_is_lazy_and_use_as_sender_refreshes() -> None:
    rack = Rack()
    rack.pass_on(0, frame(A, B))
    rack.now = AGEING_TIME - 1
    assert rack.pass_on(1, frame(B, A)) == [0]
    rack.now = AGEING_TIME
    assert rack.pass_on(1, frame(B, A)) == [0, 2]
    assert rack.switch.where(A, rack.now) is None
    rack.pass_on(0, frame(A, B))
    rack.now += AGEING_TIME - 1
    rack.pass_on(0, frame(A, B))
    rack.now += AGEING_TIME - 1
    assert rack.pass_on(1, frame(B, A)) == [0]


def test_table_is_limited_and_the_known_keep_their_place() -> None:
    rack = Rack()
    rack.pass_on(0, frame(A, B))
    for number in range(TABLE_LIMIT + 500):
        rack.switch.receive(rack.nics[1], frame(b"\x06\x00" + number.to_bytes(4, "big"), A), 0)
        rack.take(rack.nics[0])
    assert rack.count("addresses") == TABLE_LIMIT
    assert rack.count("table full, not learned") == 501
    assert rack.pass_on(2, frame(C, A)) == [0]
    # when the flood has aged there is room again
    rack.now = AGEING_TIME + SECOND
    rack.pass_on(2, frame(C, A))
    assert rack.switch.where(C, rack.now) is rack.nics[2]
    assert rack.count("addresses") == 1


def test_a_full_table_is_not_searched_for_every_frame() -> None:
    rack = Rack()
    rack.switch.table_limit = 2
    rack.pass_on(0, frame(A, C))
    rack.now = 1
    rack.pass_on(0, frame(B, C))
    rack.now = AGEING_TIME - 1
    rack.pass_on(1, frame(C, A))  # searched: nothing has aged
    rack.now = AGEING_TIME
    rack.pass_on(1, frame(C, A))  # within the second: not searched
    assert rack.switch.where(C, rack.now) is None
    rack.now = AGEING_TIME + SECOND
    rack.pass_on(1, frame(C, A))
    assert rack.switch.where(C, rack.now) is rack.nics[1]


def test_nics_that_are_down() -> None:
    rack = Rack()
    rack.pass_on(1, frame(B, A))
    rack.nics[1].up = False
    assert rack.pass_on(0, frame(A, MAC_BROADCAST)) == [2]
    assert rack.pass_on(0, frame(A, B)) == [2]
    assert rack.pass_on(1, frame(B, A)) == []
    rack.nics[2].up = False
    assert rack.pass_on(0, frame(A, MAC_BROADCAST)) == []
    assert rack.count("nowhere to send it") == 1


@pytest.mark.parametrize("src", [MAC_BROADCAST, MAC_NONE, parse_mac("01:00:5e:00:00:01")])
def test_senders_that_cannot_be(src: bytes) -> None:
    rack = Rack()
    assert rack.pass_on(0, frame(src, A)) == []
    assert rack.count("addresses") == 0


def test_groups_that_stay_on_one_link() -> None:
    rack = Rack()
    assert rack.pass_on(0, frame(A, parse_mac("01:80:c2:00:00:00"))) == []
    assert rack.pass_on(0, frame(A, parse_mac("01:80:c2:00:00:0f"))) == []
    assert rack.pass_on(0, frame(A, parse_mac("01:80:c2:00:00:10"))) == [1, 2]


def test_too_big_for_the_way_out() -> None:
    rack = Rack()
    rack.nics[1].mtu = 1000
    told: list[str] = []

    class Watch(TraceSink):
        def drop(self, node: str, reason: str, packet: Packet | None, now: int) -> None:
            told.append(reason)

    rack.switch.trace = Watch()
    large = frame(A, MAC_BROADCAST, payload=bytes(1200))
    assert rack.pass_on(0, large) == [2]
    rack.pass_on(1, frame(B, C))
    assert rack.pass_on(0, frame(A, B, payload=bytes(1200))) == []
    assert rack.count("too big for the NIC") == 2
    assert told == ["switch: too big for the NIC"] * 2


def test_octets_that_are_no_frame() -> None:
    rack = Rack()
    assert rack.pass_on(0, decode(b"short", True)) == []
    assert rack.pass_on(0, V4.packet(V4.peer)) == []
    assert rack.count("damaged: frame too short") == 1
    assert rack.count("no Ethernet header") == 1


def test_frames_it_does_not_understand_pass() -> None:
    rack = Rack()
    octets = B + A + b"\x88\xcc" + b"anything at all"
    rack.switch.receive(rack.nics[0], decode(octets, True), 0)
    [packet] = rack.take(rack.nics[1])
    assert encode(packet) == octets


def test_marks_itself_when_something_leaves() -> None:
    rack = Rack()
    rack.switch.receive(rack.nics[0], frame(A, B), 0)
    assert rack.marked == [rack.switch]
