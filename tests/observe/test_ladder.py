"""Ladders: drawn of stories whose every packet is known, and compared with drawings that a person checked."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.observe import scenes
from tests.observe.stage import ACK, FIN, PORT, PSH, SYN, Stage
from trunkline.observe.choosing import choose, conversation_table
from trunkline.observe.conversations import conversations
from trunkline.observe.ladder import WIDTH, ladder
from trunkline.observe.recorder import Recorder

GOLDEN = Path(__file__).with_name("golden")

DRAWINGS: dict[str, tuple[Callable[[], Recorder], str]] = {
    "ladder_lossy_4": (lambda: scenes.lossy_call(4), ""),
    "ladder_lossy_6": (lambda: scenes.lossy_call(6), ""),
    "ladder_long": (lambda: scenes.long_call(30), ""),
    "ladder_refused": (scenes.refused_call_and_postcards, "1"),
    "ladder_postcards": (scenes.refused_call_and_postcards, ""),
    "ladder_ping": (scenes.ping, ""),
}


@pytest.mark.parametrize("name", DRAWINGS)
def test_drawings(name: str) -> None:
    scene, choice = DRAWINGS[name]
    drawn = ladder(scene(), choice)
    assert drawn + "\n" == (GOLDEN / f"{name}.txt").read_text()
    assert max(len(line) for line in drawn.split("\n")) <= WIDTH


def test_a_very_long_lossy_call_stays_readable() -> None:
    recorder = Recorder()
    stage = Stage(recorder)
    stage.call()
    for number in range(1000):
        lost = 1 if number % 3 == 0 else -1
        stage.segment(True, ACK, 100 + number, 1 + 100 * number, 1, b"x" * 100, lost=lost)
    lines = ladder(recorder).split("\n")
    assert len(lines) < 400
    assert max(len(line) for line in lines) <= WIDTH
    assert "1,003 packets, 334 lost" in lines[-1]
    assert any("like these, " in line and " lost, " in line for line in lines)


def test_what_is_not_there_is_said() -> None:
    empty = Recorder()
    assert ladder(empty) == "Nobody talked with anybody."
    for choice, wrong in {
        "0": "there is no conversation 0: there is 1; --ladder list shows them",
        "80": "there is no conversation 80: there is 1; a port is written :80; --ladder list shows them",
        "alice:eve": "no conversation alice:eve in this run, which had 1; --ladder list shows them",
        ":81": "no conversation :81 in this run, which had 1; --ladder list shows them",
        "alice": "found 'alice', expected a number, alice:bob, alice:bob:8080 or :8080",
    }.items():
        with pytest.raises(ValueError) as caught:
            ladder(scenes.ping(), choice)
        assert str(caught.value) == wrong
    with pytest.raises(ValueError, match="nobody talked with anybody"):
        ladder(empty, "1")


def test_a_full_recorder_is_mentioned() -> None:
    recorder = Recorder(limit=20)
    stage = Stage(recorder)
    stage.call()
    stage.hang_up(100)
    assert "16 events came after the recorder was full." in ladder(recorder)


def test_the_list_numbers_what_ladder_takes() -> None:
    found = conversations(scenes.refused_call_and_postcards())
    assert conversation_table(found).splitlines() == [
        "   conversation                  over       packets  lost    begins  No.",
        "-  ----------------------------  ---------  -------  ----  --------  ---  -------",
        "1  alice:40000 calls bob:80      TCP, IPv4        2        0.000000    1  refused",
        "2  alice:40000 writes to bob:53  UDP, IPv4        7     1  0.100000   13",
    ]
    assert conversation_table(found, 1).splitlines()[2:] == [
        "1  alice:40000 calls bob:80  TCP, IPv4        2        0.000000    1  refused",
        "and 1 more",
    ]
    for choice, number in {
        "1": 0, "2": 1, "alice:bob": 0, "Bob:alice": 0, "alice:bob:53": 1, ":53": 1, "": 1,
    }.items():  # fmt: skip
        assert choose(found, choice) is found[number]


def test_the_same_ports_used_again_are_another_call() -> None:
    recorder = Recorder()
    stage = Stage(recorder)
    stage.call()
    stage.hang_up(100)
    stage.seq = {True: 777_000, False: 5}
    stage.call(1000)
    stage.hang_up(1100)
    first, second = conversations(recorder)
    assert len(first.messages) == len(second.messages) == 6
    assert "dial again" not in ladder(recorder, "2")


def test_a_call_from_both_sides_at_once() -> None:
    recorder = Recorder()
    stage = Stage(recorder)
    stage.segment(True, SYN, 0)
    stage.segment(False, SYN, 1)
    stage.segment(True, SYN | ACK, 31, ack=1)
    stage.segment(False, SYN | ACK, 32, ack=1)
    stage.segment(True, PSH | ACK, 70, 1, 1, b"hello")
    drawn = ladder(recorder)
    assert "dial: bob calls at the same time" in drawn
    assert "talk: hello" in drawn


def test_a_line_that_is_cut_and_one_that_was_open_before() -> None:
    recorder = Recorder()
    stage = Stage(recorder)
    stage.segment(True, PSH | ACK, 0, 500, 1, b"go on")  # the recorder came late
    stage.segment(False, ACK, 40, 1, 505)
    assert "talk: go on" in ladder(recorder)
    stage.segment(False, 4, 50, 1)
    assert "RST seq=" in ladder(recorder)


def test_half_closed_and_data_with_the_goodbye() -> None:
    recorder = Recorder()
    stage = Stage(recorder)
    stage.call()
    stage.segment(True, FIN | PSH | ACK, 100, 1, 1, b"last words")
    stage.segment(False, ACK, 140, 1, 12)
    stage.segment(False, PSH | ACK, 150, 1, 12, b"still here")
    stage.segment(False, FIN | ACK, 200, 11, 12)
    stage.segment(True, ACK, 240, 12, 12)
    drawn = ladder(recorder)
    for words in (
        "hang up: alice has said all",
        "heard that alice hangs up",
        "talk: still here",
        "hang up: bob, too",
        "the line is free again",
    ):
        assert words in drawn
    assert drawn.endswith("alice said 10 octets, bob 10; 0.270000 s in all")


def cut(recorder: Recorder) -> None:
    """A talk during which the cable is dead from 1 s to 4 s: much is lost, and retried ever more rarely."""
    stage = Stage(recorder)
    stage.call()
    for number in range(60):
        stage.segment(True, ACK, 900 + number, 1 + 1000 * number, 1, b"x" * 1000, lost=2)
    recorder.cable("r1-bob", (4, 5), "cut", 1_000_000_000)
    recorder.cable("elsewhere", (50, 51), "cut", 1_000_000_000)
    for time in (1200, 1800, 3000):
        stage.segment(True, ACK, time, 1, 1, b"x" * 1000, lost=2)
    recorder.cable("r1-bob", (4, 5), "mended", 4_000_000_000)
    for number in range(60):
        stage.segment(True, ACK, 5400 + number, 1 + 1000 * number, 1, b"x" * 1000)
    recorder.cable("r1-bob", (4, 5), "now has loss 5%", 5_500_000_000)
    stage.hang_up(5600, 60_001, 1)
    recorder.cable("r1-bob", (4, 5), "cut", 9_000_000_000)


def test_a_cut_cable_its_retries_and_its_mending_are_seen() -> None:
    recorder = Recorder()
    cut(recorder)
    drawn = ladder(recorder).split("\n")
    assert len(drawn) < 60
    story = ["LOST on r1-bob: talk", "like these, 57 lost", " r1-bob is cut ", "0.24 s: octets",
             "0.60 s: octets", "1.20 s: octets", " r1-bob is mended ",
             "try again after 2.40 s", "said again", "like these, 56,000 octets",
             " r1-bob now has loss 5% ", "hang up: alice"]  # fmt: skip
    rest = iter(drawn)
    for words in story:
        assert any(words in line for line in rest), words
    assert not any("elsewhere" in line for line in drawn)
    assert "\n".join(drawn).count("is cut") == 1, "what comes after the call is not its affair"


def test_retries_and_marks_stay_where_rows_are_too_many() -> None:
    recorder = Recorder()
    stage = Stage(recorder)
    stage.call()
    for number in range(400):  # nothing of it is a run
        size = number % 2
        stage.segment(not size, PSH | ACK, 100 + number, 1 + number // 2, 1 + number // 2, b"?")
        if number == 200:
            recorder.cable("r1-bob", (4, 5), "cut", 300_500_000)
            stage.segment(True, PSH | ACK, 301, 101, 101, b"?", lost=2)
    drawn = ladder(recorder)
    assert len(drawn.split("\n")) < 200
    assert "r1-bob is cut" in drawn
    assert "like these, 1 lost, " in drawn


def with_calls(recorder: Recorder, accepted: int, closed: int) -> str:
    stage = Stage(recorder)
    alice, bob = (stage.alice, PORT), (stage.bob, 80)
    recorder.call("alice", "connect", alice, bob, 0)
    stage.call()
    if accepted:
        recorder.call("bob", "accept", bob, alice, accepted * 1_000_000)
    stage.segment(True, PSH | ACK, 200, 1, 1, b"hello")
    recorder.call("alice", "close", alice, bob, closed * 1_000_000)
    stage.hang_up(400, 6, 1)
    return ladder(recorder)


def test_what_the_programs_did_is_told() -> None:
    drawn = with_calls(Recorder(), 90, 400)
    assert "│ 0.090000  pick up: accept() returns" in drawn
    assert "close()" not in drawn
    late = with_calls(Recorder(), 150, 300)
    assert "the line stands; bob has not" in late
    assert "● 0.150000  pick up: accept() returns" in late
    assert "0.300000 ●" in late
    assert "hang up when all is said: close()" in late
    never = with_calls(Recorder(), 0, 400)
    assert "the line stands; bob has not" in never
    assert "pick up" not in never


@pytest.mark.parametrize("name", ["x" * 63, "bob"])
def test_long_names_and_addresses_fit(name: str) -> None:
    recorder = Recorder()
    stage = Stage(recorder, version=6)
    stage.alice = bytes.fromhex("20010db8aaaabbbbccccddddeeeeffff")
    stage.bob = bytes.fromhex("20010db8aaaabbbbccccddddeeeefffe")
    for number, nic in list(recorder.interfaces.items()):
        if nic.node == "bob":
            recorder.interface(number, name, nic.nic, nic.mac, True)
        elif nic.node == "alice":
            recorder.interface(number, "y" * 63, nic.nic, nic.mac, True)
    stage.call(100_000_000)
    stage.segment(True, PSH | ACK, 100_000_100, 1, 1, b"hello " * 20)
    stage.hang_up(100_000_200, 121, 1)
    stage.datagram(True, 100_000_400, b"hello " * 20)
    for choice in ("1", "2"):
        lines = ladder(recorder, choice).split("\n")
        assert max(len(line) for line in lines) <= WIDTH
        rungs = [line for line in lines if "│" in line]
        assert len({line.index("│") for line in rungs}) == 1
        assert len({line.rindex("│") for line in rungs}) == 1
    listed = conversation_table(conversations(recorder)).split("\n")
    assert max(len(line) for line in listed) <= WIDTH
    assert "yyyyyyy…:40000 calls" in listed[2] if len(name) > 3 else " calls bob:80" in listed[2]
