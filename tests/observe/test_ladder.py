"""Ladders: drawn of stories whose every packet is known, and compared with drawings that a person checked."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.observe import scenes
from tests.observe.stage import ACK, FIN, PSH, SYN, Stage
from trunkline.observe.conversations import conversations
from trunkline.observe.ladder import WIDTH, ladder, list_conversations
from trunkline.observe.recorder import Recorder

GOLDEN = Path(__file__).with_name("golden")

DRAWINGS: dict[str, tuple[Callable[[], Recorder], int]] = {
    "ladder_lossy_4": (lambda: scenes.lossy_call(4), 0),
    "ladder_lossy_6": (lambda: scenes.lossy_call(6), 0),
    "ladder_long": (lambda: scenes.long_call(30), 0),
    "ladder_refused": (scenes.refused_call_and_postcards, 1),
    "ladder_postcards": (scenes.refused_call_and_postcards, 0),
    "ladder_ping": (scenes.ping, 0),
}


@pytest.mark.parametrize("name", DRAWINGS)
def test_drawings(name: str) -> None:
    scene, number = DRAWINGS[name]
    drawn = ladder(scene(), number)
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
    assert any("left out, " in line and "of them lost" in line for line in lines)
    assert "1,003 packets, 334 lost" in lines[-1]


def test_what_is_not_there_is_said() -> None:
    empty = Recorder()
    assert ladder(empty) == "Nobody talked with anybody."
    assert ladder(scenes.ping(), 9) == "There is no exchange 9: 1 were seen."


def test_a_full_recorder_is_mentioned() -> None:
    recorder = Recorder(limit=20)
    stage = Stage(recorder)
    stage.call()
    stage.hang_up(100)
    assert "16 events came after the recorder was full." in ladder(recorder)


def test_the_list_numbers_what_ladder_takes() -> None:
    recorder = scenes.refused_call_and_postcards()
    assert list_conversations(recorder) == [
        "  1 alice 10.0.1.1:40000 calls bob 10.0.2.2:80 (TCP), refused",
        "  2 alice 10.0.1.1:40000 writes to bob 10.0.2.2:53 (UDP)",
    ]


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
    assert "dial again" not in ladder(recorder, 2)


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
