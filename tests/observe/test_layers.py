"""Journeys: one packet through all the layers of all the devices."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.observe import scenes
from tests.observe.stage import MACS, Stage
from tests.wire.frames import all_frames, linux_frames
from trunkline.observe.dissect import dissect
from trunkline.observe.layers import WIDTH, journey
from trunkline.observe.recorder import Recorder
from trunkline.wire.frame import decode
from trunkline.wire.header import ICMPV6
from trunkline.wire.ndp import neighbour_advertisement, neighbour_solicitation
from trunkline.wire.trace import RECEIVED, SENT

GOLDEN = Path(__file__).with_name("golden")


def number_of(recorder: Recorder, identity: int) -> int:
    """The number of a packet in a capture, where it was seen first."""
    return next(one.number for one in recorder.sightings if one.packet.identity == identity)


DRAWINGS: dict[str, tuple[Callable[[], Recorder], int]] = {
    "journey_data": (lambda: scenes.lossy_call(4), 5),
    "journey_lost_6": (lambda: scenes.lossy_call(6), 1),
    "journey_damaged": (lambda: scenes.lossy_call(4), 16),
    "journey_arp": (scenes.question_to_all, 1),
    "journey_loopback": (scenes.to_itself, 1),
    "journey_hop_limit": (scenes.too_many_hops, 1),
    "journey_error": (scenes.refused_call_and_postcards, 7),
}


@pytest.mark.parametrize("name", DRAWINGS)
def test_drawings(name: str) -> None:
    scene, identity = DRAWINGS[name]
    recorder = scene()
    drawn = journey(recorder, number_of(recorder, identity))
    assert drawn + "\n" == (GOLDEN / f"{name}.txt").read_text()
    assert max(len(line) for line in drawn.split("\n")) <= WIDTH


def test_a_packet_that_is_not_there() -> None:
    assert journey(Recorder(), 3) == "There was no packet 3."


def test_a_frame_for_somebody_else_goes_no_further() -> None:
    recorder = scenes.question_to_all()
    packet = recorder.sightings[0].packet
    assert packet.ethernet is not None
    packet.ethernet.dst = bytes(6)
    recorder.frame(5, RECEIVED, packet, 0)
    drawn = journey(recorder, 1)
    assert "bob hears it at eth0, and lets it go" in drawn
    assert "which is not this card" in drawn


@pytest.mark.parametrize("number", range(len(all_frames())))
def test_every_octet_of_a_header_is_some_field(number: int) -> None:
    """The fields of each header, put together, are its octets: none left out, none twice."""
    octets = all_frames()[number]
    packet = decode(octets, True)
    at = 0
    for part in dissect(packet):
        if part.name in ("data", "quote"):
            at += part.length
            continue
        digits = "".join(field.octets for field in part.fields).replace(" ", "").replace(".", "")
        assert bytes.fromhex(digits) == octets[at : at + part.length]
        at += part.length
    surplus = getattr(packet.upper, "surplus", b"")
    assert at + len(surplus) == len(octets)


def test_a_journey_of_anything_is_drawn() -> None:
    for octets in all_frames():
        for damaged in (octets, octets[:-1], octets[:20]):
            recorder = Recorder()
            recorder.interface(0, "alice", "eth0", bytes(6), True)
            recorder.interface(1, "bob", "eth0", bytes(6), True)
            packet = decode(octets, True)
            packet.identity = 1
            recorder.frame(0, SENT, packet, 0)
            arrived = decode(damaged, True)
            arrived.identity = 1
            recorder.frame(1, RECEIVED, arrived, 5)
            drawn = journey(recorder, 1)
            assert max(len(line) for line in drawn.split("\n")) <= WIDTH


def test_each_copy_has_its_own_end() -> None:
    recorder = Recorder()
    stage = Stage(recorder)
    stage.datagram(True, 0, b"twice", twice=True)
    for _ in range(2):
        recorder.drop("bob", "transport: no such port", recorder.sightings[-1].packet, 30_000_000)
    drawn = journey(recorder, 1)
    assert "alice > s1 > r1 > bob (2 times)   (30ms)" in drawn
    assert drawn.count("DROPPED: no such port") == 2
    assert "it ends" not in drawn


def test_what_a_cable_did_on_the_way_to_a_router_is_shown_there() -> None:
    recorder = Recorder()
    stage = Stage(recorder)
    whole = stage.datagram(True, 0, b"hello", hops=[0])
    damaged = stage.damage(whole, "s1-r1")
    recorder.frame(2, SENT, whole, 10)
    recorder.frame(3, RECEIVED, damaged, 20)
    damaged = damaged.copy()
    assert damaged.ip is not None
    damaged.ip.hop_limit -= 1
    damaged.octets = None
    recorder.frame(4, SENT, damaged, 20)
    drawn = journey(recorder, 1)
    assert "r1, a router" in drawn
    assert "  on the way here:\n    octet 46: 6f became 6e" in drawn


@pytest.mark.parametrize("solicits", [True, False])
def test_what_neighbours_say_is_shown_field_by_field(solicits: bool) -> None:
    recorder = Recorder()
    stage = Stage(recorder, version=6)
    icmp, payload = neighbour_solicitation(stage.bob, MACS[0])
    if not solicits:
        icmp, payload = neighbour_advertisement(
            stage.bob, MACS[5], router=True, solicited=True, override=False
        )
    stage.send(True, ICMPV6, icmp, payload, 0)
    lines = [" ".join(line.split()) for line in journey(recorder, 1).split("\n")]
    wanted = [
        "target 2001:db8:0:2::2 20 01 0d b8 00 00 00 02 whose card is sought",
        "option: card 02:00:00:00:00:00 01 01 02 00 00 00 00 00 the asker's card",
    ]
    if not solicits:
        wanted = [
            "flags router, solicited c0 00 00 00 who answers, and why",
            "target 2001:db8:0:2::2 20 01 0d b8 00 00 00 02 whose card is told",
            "option: card 02:00:00:00:00:05 02 01 02 00 00 00 00 05 the target's card",
        ]
    for line in wanted:
        assert line in lines


def test_a_fragment_waits_at_layer_3() -> None:
    drawn = journey(scenes.refused_call_and_postcards(), 44)
    assert "octets 1480-2007 of a UDP datagram that was too big" in drawn
    assert drawn.split("\n")[-2].endswith("it waits here for the others, and they go up as one")


def test_a_flood_is_cut_off() -> None:
    recorder = Recorder()
    packet = decode(linux_frames()[4][0], True)
    packet.identity = 1
    for number in range(200):
        recorder.interface(number, f"host{number}", "eth0", bytes(6), True)
    recorder.frame(0, SENT, packet, 0)
    for number in range(1, 200):
        recorder.frame(number, RECEIVED, packet, 1)
    assert journey(recorder, 1).endswith("… and 136 devices more")
