"""A world of machines without a network, and the running of programs on them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from trunkline.fabric.loop import Loop
from trunkline.system.program import Target
from trunkline.system.system import System
from trunkline.system.world import World


class Machines:
    """`run` runs one program on alice; `together` one on each machine. Both return results."""

    def __init__(self, seed: int = 7) -> None:
        self.world = World(Loop(), seed)
        self.alice = System(self.world, None, "alice")
        self.bob = System(self.world, None, "bob")

    def run(self, target: Target, *arguments: Any) -> Any:
        program = self.world.start(self.alice, target, arguments)
        self.world.run()
        return program.result

    def together(self, *targets: Target) -> list[Any]:
        systems: Sequence[System] = (self.alice, self.bob)
        programs = [self.world.start(systems[at % 2], target) for at, target in enumerate(targets)]
        self.world.run()
        return [program.result for program in programs]

    def __enter__(self) -> Machines:
        return self

    def __exit__(self, *_raised: object) -> None:
        self.world.close()
