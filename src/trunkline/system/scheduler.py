"""Who runs next: the run queue of strands, and the driving of the world's loop between them.

There is no thread of the world's own. Whoever parks drives the loop until some strand is runnable; if that
is itself, it just goes on, so that a lone program never switches. The queue is first in, first out, and a
strand enters it only through `ready`, so a run repeats exactly.

Left out on purpose: priorities and time slices.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from trunkline.base.timers import NEVER
from trunkline.fabric.loop import FOREVER, Loop
from trunkline.system import real
from trunkline.system.clock import Clock
from trunkline.system.errors import StrandExit, WorldError
from trunkline.system.stage import Stage
from trunkline.system.strands import Strand, Switch, ThreadSwitch, Wait

if TYPE_CHECKING:
    from trunkline.system.program import Program
    from trunkline.system.selector import Outside
    from trunkline.system.system import System
    from trunkline.system.world import World

STRAND_LIMIT: Final = 4096  # strands alive at once in one world
FREE_CALLS: Final = 1000  # polls and clock reads without progress that cost no time
TURN_EVERY: Final = 8  # polls that do not wait between turns of other strands
CALL_COST: Final = 1_000  # nanoseconds charged for each one after that, to begin with
CALL_COST_MAX: Final = 1_000_000
COLLECT_EVERY: Final = 1024  # switches and rounds of the loop from one collection to the next
SETTLE_ROUNDS: Final = 64  # turns of the loop without time passing
UNWIND_LIMIT: Final = 100  # parks that a doomed strand is refused before it is left behind


class Scheduler:
    """The strands of one world, the one that holds the baton, and the ones that could."""

    __slots__ = (
        "base",
        "calls",
        "charged",
        "clock",
        "collected",
        "collecting",
        "cost",
        "current",
        "draining",
        "foreground",
        "judge",
        "limit",
        "loop",
        "made",
        "main",
        "outside",
        "refused",
        "rounds",
        "runnable",
        "stage",
        "strands",
        "switch",
        "trouble",
        "world",
    )

    def __init__(self, world: World, loop: Loop, judge: Callable[[], bool]) -> None:
        self.world = world
        self.loop = loop
        self.clock = Clock(self)
        self.judge = judge  # asked before every round: whether the run is over
        self.switch: Switch = ThreadSwitch(self._finish)
        self.strands: dict[int, Strand] = {}  # alive, by number
        self.made = 0
        self.runnable: deque[Strand] = deque()
        self.current: Strand | None = None
        self.main: Strand | None = None  # the one that called `run`, woken when the run is over
        self.limit = FOREVER
        self.trouble: BaseException | None = None  # to be raised out of the run
        self.base = Stage()  # the real argv, streams and environment
        self.stage = self.base  # what is shown at the moment
        self.outside: Outside | None = None  # of a shared loop, which drives the world itself
        self.refused = False  # something was, since `tidy`
        self.rounds = 0
        self.foreground = 0  # rounds that a program had which is no service
        self.calls = 0  # polls and clock reads since the last progress
        self.cost = CALL_COST
        self.charged = 0  # nanoseconds in all
        self.collecting = False
        self.collected = 0
        self.draining = False  # every foreground program has ended: only packets are waited for

    # ------------------------------------------------------------ strands

    def new(
        self,
        system: System | None,
        program: Program | None,
        name: str,
        body: Callable[[], None] | None,
    ) -> Strand:
        """A strand that does not run yet. Raises RuntimeError at the limit, as `threading` does."""
        if body is not None and len(self.strands) >= STRAND_LIMIT:
            raise RuntimeError(
                f"can't start new thread: this world has {STRAND_LIMIT} strands already"
                " (trunkline.system.scheduler.STRAND_LIMIT)"
            )
        self.made += 1
        strand = Strand(self.world, system, program, name, body)
        strand.number = self.made
        self.strands[strand.number] = strand
        return strand

    def ready(self, strand: Strand) -> None:
        """Put a strand in the run queue, once; whoever drives the loop stops to look."""
        if not strand.queued:
            strand.queued = True
            self.runnable.append(strand)
            self.loop.interrupt = True
            if self.outside is not None:
                self.outside.others = True

    def adopt(self, system: System | None, program: Program | None, name: str) -> Strand:
        """The calling thread becomes a strand, and has the baton."""
        if self.current is not None:
            raise WorldError(
                f"this world is being run already, and {self.current.where()} has its turn"
            )
        strand = self.new(system, program, name, None)
        self.base.keep()
        self.stage = self.base
        self.switch.adopt(strand)
        self.current = strand
        return strand

    def leave(self, strand: Strand) -> None:
        """The calling thread is no strand any more."""
        self.strands.pop(strand.number, None)
        strand.over = True
        strand.timer.deadline = NEVER
        if strand.queued:
            self._unqueue(strand)
        self.switch.leave(strand)
        self.current = None
        self.show(self.base)

    # ------------------------------------------------------------ waiting

    def park(self, wait: Wait, deadline: int = NEVER) -> bool:
        """Wait until woken (True) or until the deadline, in nanoseconds of the world's clock (False)."""
        strand = wait.strand
        if wait.woken:
            return True
        if strand.doomed or strand is not self.current:
            self._refuse(strand)
        self.calls = 0
        self.cost = CALL_COST
        return self._wait(wait, deadline)

    def _wait(self, wait: Wait, deadline: int) -> bool:
        strand = wait.strand
        while True:
            if strand.interrupts and self._interrupt(wait):
                return True
            if deadline != NEVER:
                self.loop.timers.arm(strand.timer, max(deadline, self.loop.now))
            strand.wait = wait
            self._give_way(strand)
            strand.timer.deadline = NEVER
            strand.wait = None  # from here on a signal may raise
            if strand.queued:  # one came between its turn and now
                self._unqueue(strand)
            if self.trouble is not None and strand is self.main and strand.program is not None:
                strand.doomed = True  # its program runs on the thread that is to raise the trouble
            if strand.doomed:
                self._refuse(strand)
            if not strand.interrupts:
                return wait.woken

    def _unqueue(self, strand: Strand) -> None:
        self.runnable.remove(strand)
        strand.queued = False

    def _interrupt(self, wait: Wait) -> bool:
        """A signal: its handler runs in the main strand, which then waits on (PEP 475)."""
        strand = wait.strand
        strand.interrupts = False
        if strand.program is not None:
            strand.program.handle_signals()
        return wait.woken

    def pause(self, strand: Strand) -> None:
        """Let everything else that can happen now happen first."""
        self.park(Wait(strand), self.loop.now)

    def yield_turn(self, strand: Strand) -> None:
        """The same for sleep(0): a program that only does so pays with time, as for polls."""
        if strand.doomed or strand is not self.current:
            self._refuse(strand)
        if self.calls >= FREE_CALLS:
            self.charge()
            return
        calls = self.calls + 1
        self._wait(Wait(strand), self.loop.now)
        self.calls = calls  # whatever others have waited for meanwhile

    def settle(self) -> None:
        """Let what is due now happen, before a program is told that there is nothing: loopback is quick."""
        loop = self.loop
        for _round in range(SETTLE_ROUNDS):
            if not loop.run(loop.now):
                return

    def polled(self) -> None:
        """A poll that did not wait: it is charged for, and now and then others get their turn.

        A program that asks whether it may write, and always may, would otherwise keep those waiting that
        it talks with.
        """
        self.charge()
        strand = self.current
        if not self.runnable or self.calls % TURN_EVERY or strand is None or strand.doomed:
            return
        if strand.ident == real.get_ident() and strand.wait is None:
            self._take_turns(strand)

    def _take_turns(self, strand: Strand) -> None:
        """Back to the end of the queue."""
        strand.wait = Wait(strand)
        self.ready(strand)
        self._give_way(strand)
        strand.wait = None
        if strand.doomed:
            self._refuse(strand)

    def charge(self) -> None:
        """Count a poll or clock read that changes nothing; a program that only spins pays with time.

        Never past the next event: what is due on the way happens, and whoever it wakes runs.
        """
        self.calls += 1
        if self.calls <= FREE_CALLS:
            return
        strand = self.current
        if strand is None or strand.ident != real.get_ident() or strand.wait is not None:
            return
        if strand.doomed:
            self._refuse(strand)
        calls, cost = self.calls, self.cost
        self._wait(Wait(strand), self.loop.now + cost)
        self.calls = calls  # whatever others have waited for meanwhile
        self.charged += cost
        self.cost = min(cost + cost // 64, CALL_COST_MAX)

    def _refuse(self, strand: Strand) -> None:
        """A doomed strand waits for nothing any more; one that will not end is left behind."""
        strand.wait = None
        strand.refusals += 1
        if strand.refusals > UNWIND_LIMIT:
            if strand is self.current:
                self._abandon(strand)
            while True:
                real.acquire(strand.gate)  # it lost the baton, and must not run on beside others
        raise StrandExit

    def _abandon(self, strand: Strand) -> None:
        self.strands.pop(strand.number, None)
        strand.over = True
        for handler in strand.handlers:
            handler()
        strand.wait = Wait(strand)
        self._give_way(strand)  # to a gate that nobody opens

    def _give_way(self, strand: Strand) -> None:
        runnable = self.runnable
        while not runnable:
            self._drive()
        following = runnable.popleft()
        following.queued = False
        if following is not strand:
            self._pass(following)
            self.switch.to(strand, following)

    def _pass(self, following: Strand) -> None:
        self.current = following
        self.rounds += 1
        program = following.program
        if program is None or not program.service:
            self.foreground += 1
        self.show(self.base if program is None or program.stage is None else program.stage)

    def _finish(self, strand: Strand) -> Strand:
        """The last thing a strand does with the baton: say who gets it."""
        self.strands.pop(strand.number, None)
        if not strand.over:
            strand.over = True
            strand.timer.deadline = NEVER
            for handler in strand.handlers:
                handler()
        if strand is not self.current:
            return strand  # it lost the baton to the watchdog
        while not self.runnable:
            self._drive()
        following = self.runnable.popleft()
        following.queued = False
        self._pass(following)
        return following

    # ------------------------------------------------------------ driving

    def _drive(self) -> None:
        """One round: let the loop run until somebody is runnable, or the run is over."""
        loop = self.loop
        self.rounds += 1
        try:
            if self.collecting and self.rounds - self.collected >= COLLECT_EVERY:
                self._collect()
            if self.judge():
                self.stop()
                return
            loop.interrupt = False
            limit = self.limit
            if self.draining:  # a moment at a time, to stop as soon as no packet flies
                following = loop.timers.next_time()
                if NEVER != following < limit:
                    loop.run(following)
                    return
            if not loop.run(limit) and not self.runnable:
                self.stop()  # at the limit; or nothing at all is left, not even housekeeping
        except BaseException as error:
            self.stop(error)

    def stop(self, trouble: BaseException | None = None) -> None:
        """End the run: the strand that called `run` goes on, and raises the trouble if there is any."""
        if trouble is not None and self.trouble is None:
            self.trouble = trouble
        main = self.main
        if main is not None and main.wait is not None:
            main.wait.wake()

    def _collect(self) -> None:
        """Collect garbage at fixed counts, so that finalizers run at the same point of every run."""
        self.collected = self.rounds
        count = self.rounds // COLLECT_EVERY
        real.collect(2 if count % 64 == 0 else 1 if count % 8 == 0 else 0)

    def tidy(self) -> None:
        """Collect what a refused call left half made, now that a program makes a new loop.

        Its finalizers have things to say (an unclosed transport); later they would say them in the middle
        of something that has nothing to do with it.
        """
        if self.refused:
            self.refused = False
            real.collect()

    def show(self, stage: Stage) -> None:
        """Put a program's argv, streams, `__main__`, environment and directory in place."""
        if stage is not self.stage:
            self.stage.keep()
            self.stage = stage
            stage.show()
