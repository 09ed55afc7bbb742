"""Journeys: one packet through all the layers of all the devices."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.observe import scenes
from tests.wire.frames import all_frames, linux_frames
from trunkline.observe.dissect import dissect
from trunkline.observe.layers import WIDTH, journey
from trunkline.observe.recorder import Recorder
from trunkline.wire.frame import decode
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
        if part.name == "data":
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
