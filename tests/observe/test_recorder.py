"""The recorder: keeps things as they were, only what it is asked for, and never more than its limit."""

from __future__ import annotations

from tests.observe.stage import SYN, Stage
from trunkline.base.addresses import LOOPBACK4
from trunkline.observe.recorder import Recorder
from trunkline.wire.trace import SENT


def test_a_sighting_stays_what_it_was() -> None:
    recorder = Recorder()
    Stage(recorder).segment(True, SYN, 0)
    limits = [one.packet.ip.hop_limit for one in recorder.sightings if one.packet.ip is not None]
    assert limits == [64, 64, 64, 64, 63, 63]
    assert [one.interface.name for one in recorder.sightings][:2] == ["alice.eth0", "s1.eth0"]


def test_one_packet_alone() -> None:
    recorder = Recorder(identity=2)
    stage = Stage(recorder)
    for number in range(3):
        stage.segment(True, SYN, number, lost=2)
    assert {one.packet.identity for one in recorder.sightings} == {2}
    assert [drop.reason for drop in recorder.drops] == ["lost"]
    recorder.drop("bob", "octets alone", None, 0)
    assert len(recorder.drops) == 1


def test_limits() -> None:
    recorder = Recorder(limit=7)
    Stage(recorder).call()
    assert recorder.statistics() == {
        "calls": 0, "drops": 0, "missed": 11, "sightings": 7, "states": 0,
    }  # fmt: skip


def test_states_and_calls() -> None:
    recorder = Recorder()
    recorder.state("alice", (LOOPBACK4, 1), (LOOPBACK4, 2), "SYN-SENT", 5)
    recorder.call("alice", "dial.py", "connect", "127.0.0.1 port 2", 4)
    assert recorder.states[0].state == "SYN-SENT"
    assert recorder.calls[0].verb == "connect"
    assert recorder.sightings == []
    assert SENT == 2
