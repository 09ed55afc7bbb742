"""The recorder: keeps things as they were, only what it is asked for, and never more than its limit."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.observe.reader import read
from tests.observe.stage import SYN, Stage
from trunkline.base.addresses import LOOPBACK4
from trunkline.observe.pcapng import PcapngWriter
from trunkline.observe.recorder import Follower, Recorder
from trunkline.wire.trace import RECEIVED, SENT


def test_a_sighting_stays_what_it_was() -> None:
    recorder = Recorder()
    Stage(recorder).segment(True, SYN, 0)
    limits = [one.packet.ip.hop_limit for one in recorder.sightings if one.packet.ip is not None]
    assert limits == [64, 64, 64, 64, 63, 63]
    assert [one.interface.name for one in recorder.sightings][:2] == ["alice.eth0", "s1.eth0"]


@pytest.mark.parametrize("number", range(6, 11))
def test_one_packet_alone(number: int) -> None:
    """Whichever of its numbers is asked for: where it was before is known too."""
    recorder = Follower(number)
    stage = Stage(recorder)
    for time in range(3):
        stage.segment(True, SYN, time, lost=2)
    assert {one.packet.identity for one in recorder.sightings} == {2}
    assert [one.number for one in recorder.sightings] == [6, 7, 8, 9, 10]
    assert [drop.reason for drop in recorder.drops] == ["lost"]
    recorder.drop("bob", "octets alone", None, 0)
    assert len(recorder.drops) == 1
    assert recorder.count == 15


def test_a_drop_before_the_number_is_remembered() -> None:
    recorder = Follower(2, "bob")
    stage = Stage(recorder)
    stage.segment(True, SYN, 0)
    copied = stage.segment(True, SYN, 0, lost=1)
    recorder.frame(5, RECEIVED, copied, 9)
    assert [drop.reason for drop in recorder.drops] == ["lost"]
    assert [one.number for one in recorder.sightings] == [0, 0, 0, 2]


def test_numbers_are_those_of_a_capture(tmp_path: Path) -> None:
    for node, nic in (("", ""), ("r1", ""), ("r1", "eth1")):
        recorder = Recorder(node=node, nic=nic)
        writer = PcapngWriter(str(tmp_path / "file"), node, nic)
        stage = Stage(recorder, writer)
        stage.call()
        stage.hang_up(100)
        writer.close()
        frames = read((tmp_path / "file").read_bytes()).frames
        numbered = [one for one in recorder.sightings if one.number]
        assert [one.number for one in numbered] == list(range(1, len(frames) + 1))
        assert [one.packet.identity for one in numbered] == [frame.identity for frame in frames]
        assert [one.interface.name for one in numbered] == [frame.nic.name for frame in frames]


def test_limits() -> None:
    recorder = Recorder(limit=7)
    Stage(recorder).call()
    assert recorder.statistics() == {
        "calls": 0, "drops": 0, "faults": 0, "missed": 11, "sightings": 7, "states": 0,
    }  # fmt: skip


def test_states_and_calls() -> None:
    recorder = Recorder()
    recorder.state("alice", (LOOPBACK4, 1), (LOOPBACK4, 2), "SYN-SENT", 5)
    recorder.call("alice", "connect", (LOOPBACK4, 1), (LOOPBACK4, 2), 4)
    recorder.cable("undersea", (1, 2), "cut", 6)
    assert recorder.faults[0].what == "cut"
    assert recorder.states[0].state == "SYN-SENT"
    assert recorder.calls[0].verb == "connect"
    assert recorder.sightings == []
    assert SENT == 2
