"""The watchdog: a real thread that notices a strand which never gives the baton back, or only polls.

Virtual time stands still while a program computes, so a program that spins would freeze the world without
a word; one that asks again and again whether something is ready, where nothing can become so, would go on
for ever. After a limit of real seconds the run ends with the stack of either.
"""

from __future__ import annotations

import ctypes
import os
import sys
from typing import Final

from trunkline.system import real, report
from trunkline.system.errors import Spinning, StrandExit
from trunkline.system.scheduler import FREE_CALLS, Scheduler
from trunkline.system.strands import STRANDS, Strand

WATCHDOG_LIMIT: Final = 30.0  # real seconds; TRUNKLINE_WATCHDOG says otherwise, 0 is never
LOOKS: Final = 10  # in the time of the limit
GRACE: Final = 2  # looks from asking a strand to end to going on without it
PATIENCE: Final = (
    0.5  # real seconds that an interrupted run waits for the strand that has the baton
)
_DEBUGGERS: Final = frozenset({"bdb", "pdb", "pydevd", "_pydevd_bundle", "code", "IPython"})


def limit_seconds() -> float:
    """The limit in force."""
    text = os.environ.get("TRUNKLINE_WATCHDOG", "")
    try:
        return float(text) if text else WATCHDOG_LIMIT
    except ValueError:
        raise ValueError(f"TRUNKLINE_WATCHDOG={text!r} is not a number of seconds") from None


class Watchdog:
    """Watches one scheduler while it runs."""

    __slots__ = ("calls", "gone", "limit", "packets", "scheduler", "stopping")

    def __init__(self, scheduler: Scheduler) -> None:
        self.scheduler = scheduler
        self.calls = 0  # polls without progress, and packets, at the last look
        self.packets = 0
        self.limit = limit_seconds()
        self.stopping = real.allocate_lock()
        self.gone = real.allocate_lock()

    def start(self) -> None:
        """Begin to watch, unless there is no limit."""
        if self.limit > 0:
            self.stopping = real.allocate_lock()
            real.acquire(self.stopping)
            self.gone = real.allocate_lock()
            real.acquire(self.gone)
            real.start_new_thread(self._watch, (self.stopping, self.gone))

    def stop(self) -> None:
        """Watch no longer; return when the thread is done."""
        if self.limit > 0:
            real.release(self.stopping)
            real.acquire(self.gone)

    def _watch(self, stopping: real.LockType, gone: real.LockType) -> None:
        scheduler = self.scheduler
        seen = -1
        looks = polls = 0
        try:
            while not real.acquire(stopping, True, self.limit / LOOKS):
                polls = polls + 1 if self._only_polls() else 0
                if polls == LOOKS and not self._debugged():
                    self._end_polling()
                if scheduler.rounds != seen or self._elsewhere():
                    seen = scheduler.rounds
                    looks = 0
                    continue
                looks += 1
                if looks == LOOKS and not self._debugged():
                    self._bite()
                elif looks >= LOOKS + GRACE and scheduler.trouble is not None:
                    self._rescue()
                    return
        finally:
            real.release(gone)

    def _only_polls(self) -> bool:
        """Whether since the last look somebody polled, and nothing else happened or is to come."""
        scheduler = self.scheduler
        calls, packets = scheduler.calls, scheduler.loop.packet_count
        only = FREE_CALLS < calls >= self.calls and packets == self.packets
        self.calls, self.packets = calls, packets
        strand = scheduler.current
        return only and all(t.owner is strand for t in scheduler.loop.timers.awaited())

    def _end_polling(self) -> None:
        """It comes by the scheduler all the time, and is ended there."""
        scheduler = self.scheduler
        strand = scheduler.current
        if strand is not None:
            scheduler.stop(Spinning(report.polling(strand, self.limit)))

    def _bite(self) -> None:
        """Say who spins, and unwind it as soon as it executes Python again."""
        scheduler = self.scheduler
        strand = scheduler.current
        if strand is None:
            return
        if scheduler.trouble is None:
            scheduler.trouble = Spinning(report.spinning(strand, self.limit))
        main = scheduler.main
        if main is not None and main.wait is not None:
            main.wait.wake()
        self.break_off()

    def break_off(self) -> None:
        """Unwind the strand that has the baton, although it waits for nothing."""
        strand = self.scheduler.current
        if strand is None:
            return
        if strand is self.scheduler.main:
            error: type[BaseException] = Spinning
        else:
            strand.doomed = True
            error = StrandExit
        ctypes.pythonapi.PyThreadState_SetAsyncExc(
            ctypes.c_ulong(strand.ident), ctypes.py_object(error)
        )

    def hurry(self) -> None:
        """The run is to end: a strand that does not give way in a moment is unwound, or left behind."""
        real.start_new_thread(self._hurry, (self.scheduler.main,))

    def _hurry(self, main: Strand | None) -> None:
        scheduler = self.scheduler
        for deed in (self.break_off, self._rescue):
            seen = scheduler.rounds
            real.sleep(PATIENCE)
            if scheduler.main is not main or scheduler.rounds != seen:
                return
            deed()

    def _rescue(self) -> None:
        """It did not end, being stuck in C: leave it behind and let `run` return."""
        scheduler = self.scheduler
        strand, main = scheduler.current, scheduler.main
        if strand is None or main is None:
            return
        if strand is main:  # its own thread is the one that would have to raise
            os.write(2, f"trunkline: {scheduler.trouble}\n".encode(errors="replace"))
            return
        scheduler.strands.pop(strand.number, None)
        strand.over = True
        while scheduler.runnable:
            other = scheduler.runnable.popleft()
            other.queued = False
            if other is not main:
                continue
        scheduler.current = main
        scheduler.switch.release(main)

    def _elsewhere(self) -> bool:
        """Whether who has the baton runs a world of its own, which has its own watchdog."""
        strand = self.scheduler.current
        return strand is not None and STRANDS.get(strand.ident, strand) is not strand

    def _debugged(self) -> bool:
        """Whether the strand that does not go on is held by a debugger's prompt."""
        strand = self.scheduler.current
        frame = real.frame_of(strand.ident) if strand is not None else None
        while frame is not None:
            if str(frame.f_globals.get("__name__", "")).partition(".")[0] in _DEBUGGERS:
                return True
            frame = frame.f_back
        return sys.gettrace() is not None and "pdb" in sys.modules
