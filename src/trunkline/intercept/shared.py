"""One asyncio loop for all hosts: no thread switches; whose code runs is said by `System.here()`.

    with world.shared():
        with asyncio.Runner(loop_factory=lambda: SharedLoop(world)) as runner:
            runner.run(main())

or `run(world, main())`. The loop is the standard one; its selector lets virtual time pass and its clock is
the world's. Threads that its executor starts are strands, and run while the loop waits.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable, Coroutine
from typing import Any

from trunkline.system import report
from trunkline.system.clock import BOOT
from trunkline.system.errors import Deadlock
from trunkline.system.selector import LoopSelector, Outside
from trunkline.system.strands import HOST, current_system
from trunkline.system.system import System
from trunkline.system.world import World


class _Outside(Outside):
    """Where the loop ends: strands beside it, real descriptors, and a world with nothing left."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self.world = world

    def refuse(self, descriptor: int) -> None:
        """No real descriptor can be waited for in simulated time."""
        raise ValueError(
            f"descriptor {descriptor} is real: it cannot be waited for in simulated time; make sockets"
            " on a simulated host (`with host.here():`), or use another loop outside the world"
        )

    def give_way(self) -> None:
        """Let the strands that can run do so, until all wait."""
        self.others = False
        scheduler = self.world.scheduler
        if scheduler.current is not None and scheduler.runnable:
            scheduler.pause(scheduler.current)

    def idle(self) -> None:
        """The deadlock of a shared loop."""
        raise Deadlock(report.deadlock(self.world))


class SharedLoop(asyncio.SelectorEventLoop):
    """The standard event loop on a world's clock and descriptors."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._fabric = world.loop
        self._outside = _Outside(world)
        world.scheduler.outside = self._outside
        self._outside.others = bool(world.scheduler.runnable)
        with world.nowhere.here():  # its self-pipe must be simulated, too
            super().__init__(LoopSelector(world.loop, world.descriptors, self._outside))  # type: ignore[arg-type]

    def time(self) -> float:
        """The world's monotonic clock."""
        return BOOT + self._fabric.now / 1_000_000_000

    def run_in_executor(  # type: ignore[override]
        self, executor: Any, func: Callable[..., Any], *args: Any
    ) -> Any:
        """On the host of the caller, whichever thread of the pool it is."""
        system = current_system()
        if system is not None:
            func = functools.partial(_call_there, system, func)
        return super().run_in_executor(executor, func, *args)

    def close(self) -> None:
        """Close it, and leave the world to others."""
        super().close()
        if self._world.scheduler.outside is self._outside:
            self._world.scheduler.outside = None


def _call_there(system: System, func: Callable[..., Any], *args: Any) -> Any:
    token = HOST.set(system)
    try:
        return func(*args)
    finally:
        HOST.reset(token)


def run(world: World, main: Coroutine[Any, Any, Any], debug: bool | None = None) -> Any:
    """Run a coroutine on a loop that all hosts share; returns its result."""
    with (
        world.shared(),
        asyncio.Runner(debug=debug, loop_factory=lambda: SharedLoop(world)) as runner,
    ):
        return runner.run(main)
