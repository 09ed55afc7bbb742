"""Worlds without a network, and a sleep that needs no interception: what tests of strands use."""

from __future__ import annotations

from trunkline.fabric.loop import Loop
from trunkline.system.strands import Strand, Wait, current_strand
from trunkline.system.system import System
from trunkline.system.world import World


def make(*names: str, seed: int = 7) -> tuple[World, list[System]]:
    world = World(Loop(), seed)
    return world, [System(world, None, name) for name in names]


def me() -> Strand:
    strand = current_strand()
    assert strand is not None
    return strand


def sleep(nanoseconds: int) -> bool:
    strand = me()
    return strand.scheduler.park(Wait(strand), strand.scheduler.loop.now + nanoseconds)
