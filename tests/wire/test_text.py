"""One line for any packet."""

from __future__ import annotations

import pytest

from tests.wire.frames import linux_frames, odd_frames
from trunkline.wire.frame import decode
from trunkline.wire.text import describe, flags_text

LINES = {
    0: ":: > ff02::16 ICMPv6 multicast listener report v2",
    1: ":: > ff02::1:ff00:2 ICMPv6 neighbour solicitation who has 2001:db8::2",
    3: "fe80::ff:fe00:2 > ff02::2 ICMPv6 router solicitation",
    4: "ARP who has 192.0.2.2? tell 192.0.2.1",
    5: "ARP 192.0.2.2 is at 02:00:00:00:00:02",
    6: "192.0.2.1:47036 > 192.0.2.2:53 UDP len=3",
    7: "192.0.2.1 > 192.0.2.2 UDP last fragment id=55761 offset=2960 len=632",
    9: "192.0.2.2 > 192.0.2.1 ICMP port unreachable about 192.0.2.1:47036 > 192.0.2.2:9 UDP",
    10: (
        "192.0.2.1:60870 > 192.0.2.2:80 [SYN, ECE, CWR] seq=2670257557 win=64240"
        " mss=1460 sackOK ts=1230706387:0 wscale=10"
    ),
    13: (
        "192.0.2.1:60870 > 192.0.2.2:80 [PSH, ACK] seq=2670257558 ack=2001585672 win=63 len=3"
        " ts=1230706388:1476530883"
    ),
    21: (
        "2001:db8::2 > 2001:db8::1 ICMPv6 neighbour advertisement 2001:db8::2"
        " is at 02:00:00:00:00:02 [SO]"
    ),
    23: "2001:db8::1 > 2001:db8::2 UDP fragment id=3227049138 offset=0 len=1448",
    34: "192.0.2.1 > 192.0.2.2 ICMP echo request id=7 seq=1 len=7",
    37: "2001:db8::2 > 2001:db8::1 ICMPv6 echo reply id=7 seq=1 len=7",
    41: "192.0.2.1 > 192.0.2.2 protocol 253 len=10",
    44: (
        "2001:db8::2 > 2001:db8::1 ICMPv6 unknown next header pointer=6"
        " about 2001:db8::1 > 2001:db8::2 protocol 253"
    ),
}


@pytest.mark.parametrize("number", LINES)
def test_lines(number: int) -> None:
    assert describe(decode(linux_frames()[number][0], True)) == LINES[number]


def test_a_line_for_everything() -> None:
    for octets, _known in linux_frames():
        assert "\n" not in describe(decode(octets, True))
    for octets in odd_frames().values():
        assert "\n" not in describe(decode(octets, True))


def test_damage_is_said() -> None:
    octets = bytearray(linux_frames()[13][0])
    octets[-1] ^= 1
    assert describe(decode(bytes(octets), True)) == (
        "192.0.2.1 > 192.0.2.2 TCP len=35 (damaged: TCP checksum)"
    )
    assert describe(decode(b"short", True)) == "octets len=5 (damaged: frame too short)"


def test_flags() -> None:
    assert flags_text(0x12) == "SYN, ACK"
    assert flags_text(0x11) == "FIN, ACK"
    assert flags_text(0) == "none"
    assert flags_text(0x302) == "SYN, reserved 0x3"
