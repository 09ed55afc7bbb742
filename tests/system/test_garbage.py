"""Worlds come and go: what they leave is collected, at little cost, and nothing else is touched."""

from __future__ import annotations

import gc
import os
import pathlib
import subprocess
import sys
from collections.abc import Iterator

import pytest

import trunkline
from tests.system.worlds import make
from trunkline.system import garbage


@pytest.fixture(autouse=True)
def nothing_frozen() -> Iterator[None]:
    before = gc.get_freeze_count()
    gc.unfreeze()
    yield
    assert gc.get_freeze_count() < garbage.FROZEN_AT_START
    if before >= garbage.FROZEN_AT_START:
        gc.freeze()


class Thing:
    def __init__(self, log: list[str]) -> None:
        self.log = log
        self.itself = self  # only a collection finds it

    def __del__(self) -> None:
        self.log.append("gone")


def test_what_a_program_leaves_behind_is_gone_when_its_world_is_closed() -> None:
    world, (alice,) = make("alice")
    log: list[str] = []
    with world:
        world.start(alice, Thing, (log,))
        world.run()
        assert log == []
    assert log == ["gone"]


def test_a_collection_does_not_look_at_what_is_older(monkeypatch: pytest.MonkeyPatch) -> None:
    looked_at: list[int] = []

    def collect() -> int:
        looked_at.append(len(gc.get_objects()))
        return gc.collect()

    old = [[number] for number in range(100_000)]
    monkeypatch.setattr("trunkline.system.real.collect", collect)
    world, _ = make("alice")
    other, _ = make("bob")
    world.close()
    other.close()
    assert len(looked_at) == 2 and max(looked_at) < 20_000
    assert gc.get_freeze_count() == 0 and len(old) == 100_000


def test_what_somebody_else_has_frozen_stays_so() -> None:
    gc.freeze()
    try:
        world, _ = make("alice")
        world.close()
        assert gc.get_freeze_count() > 0
    finally:
        gc.unfreeze()


THOUSAND = """
import gc, weakref
import trunkline
from trunkline.system import garbage
garbage.LEAST = 5_000
alive = weakref.WeakSet()
most = 0
for _ in range(1000):
    net = trunkline.Internet()
    net.link(net.host("alice"), net.host("bob"))
    net.close()
    alive.add(net)
    most = max(most, len(alive))
del net
gc.collect()
print(most < 100, len(alive))
"""


def test_a_thousand_worlds_leave_nothing() -> None:
    done = subprocess.run(
        [sys.executable, "-c", THOUSAND],
        env={**os.environ, "PYTHONPATH": str(pathlib.Path(trunkline.__file__).parent.parent)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("True 0\n", "")
