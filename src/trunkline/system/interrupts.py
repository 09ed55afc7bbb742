"""Ctrl-C while a world runs: at a safe moment, to whoever it is for.

CPython raises KeyboardInterrupt wherever the main thread happens to be, which may be in the middle of
passing the baton. For the time of a run a handler stands in that only makes a note: `run` ends and raises,
and a strand that does not let go soon is broken off. A program on the main thread itself gets SIGINT, its own
handler and all; there the second Ctrl-C breaks off another strand that never lets go.

Left out: a loop that all hosts share, where asyncio has its own way; and threads that are not the main one.
"""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType
from typing import TYPE_CHECKING

from trunkline.base.units import clock_text
from trunkline.system import real, waiting
from trunkline.system.errors import Interrupted

if TYPE_CHECKING:
    from trunkline.system.program import Program
    from trunkline.system.world import World


@contextlib.contextmanager
def interrupts(world: World, program: Program | None) -> Iterator[None]:
    """Ctrl-C goes to the run, or to the program that runs on the calling thread."""
    main: threading.Thread = threading._main_thread  # type: ignore[attr-defined]
    if (
        real.get_ident() != main.ident
        or real.getsignal(signal.SIGINT) is not signal.default_int_handler
    ):
        yield
        return
    scheduler = world.scheduler
    before = -1  # how often the baton had passed at the last Ctrl-C

    def to_run(_number: int, _frame: FrameType | None) -> None:
        scheduler.stop(Interrupted(clock_text(scheduler.loop.now), waiting.unfinished(world)))
        scheduler.loop.interrupt = True
        world.watchdog.hurry()

    def to_program(_number: int, _frame: FrameType | None) -> None:
        nonlocal before
        assert program is not None
        strand = program.strand
        if strand is not None and strand is scheduler.current and strand.wait is None:
            program.send_signal(signal.SIGINT)
            strand.interrupts = False
            program.handle_signals()
            return
        if before == scheduler.rounds:
            world.watchdog.break_off()
        before = scheduler.rounds
        program.send_signal(signal.SIGINT)

    real.set_signal(signal.SIGINT, to_run if program is None else to_program)
    try:
        yield
    finally:
        real.set_signal(signal.SIGINT, signal.default_int_handler)
