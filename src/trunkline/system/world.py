"""A world: the simulated machines of one process, their programs, and the run that moves them on.

`run` gives its thread to the world until every foreground program has ended and no packet is in flight, or
until a time. What cannot go on is reported at once: a deadlock with every strand's stack, a program's
exception by raising it, a strand that spins by the watchdog.
"""

from __future__ import annotations

import contextlib
import gc
import logging
import sys
import threading
import warnings
from collections.abc import Iterator, Sequence
from typing import Any, Final

from trunkline.base.timers import NEVER
from trunkline.fabric.loop import FOREVER, Loop
from trunkline.system import garbage, locks, real, report
from trunkline.system.descriptors import DescriptorTable
from trunkline.system.errors import Deadlock, WorldError
from trunkline.system.interrupts import interrupts
from trunkline.system.program import Program, Target
from trunkline.system.scheduler import Scheduler
from trunkline.system.stage import Surroundings
from trunkline.system.strands import Strand, Wait
from trunkline.system.system import System
from trunkline.system.watchdog import Watchdog

LINGER: Final = 60 * 1_000_000_000  # ns that packets may still fly after the last program's end
FIRST_PID: Final = 100
POLLS: Final = 4096  # rounds in which services bring nothing, and after which they never will
UNWIND_ROUNDS: Final = 10  # sweeps over the strands of a closing world
SETTLE: Final = 1.0  # real seconds that a closing world waits for threads to be gone

WORLDS: Final[list[World]] = []  # those not closed


class World:
    """The machines, the programs and the clock. Also a context manager that closes it."""

    def __init__(self, loop: Loop, seed: int = 0) -> None:
        self.loop = loop
        self.seed = seed
        self.systems: dict[str, System] = {}
        self.hosts: dict[str, list[bytes]] = {}  # name -> addresses of both families
        self.descriptors = DescriptorTable()
        self.programs: list[Program] = []  # that have not ended
        self.failed: list[Program] = []  # that ended with another status than 0, in that order
        self.scheduler = Scheduler(self, loop, self._over)
        self.watchdog = Watchdog(self.scheduler)
        self.closed = False
        self.raising = True  # whether a program's exception ends the run
        self._unfinished = 0  # foreground programs
        self._seen = (0, 0)  # packets sent and foreground rounds, when last looked at
        self._seen_rounds = 0
        self._ended_at = NEVER  # when the last of them ended
        self._to_the_limit = False  # the run waits for its time alone
        self._pids = FIRST_PID
        garbage.world_begins(bool(WORLDS))
        WORLDS.append(self)
        self.nowhere = System(self, None, "")  # no machine: what a loop for all of them is made on
        del self.systems[""]

    def add(self, system: System) -> None:
        """A machine; its name is the only one of its kind."""
        if system.name in self.systems:
            raise ValueError(f"there is a machine named {system.name!r} already")
        self.systems[system.name] = system

    def add_name(self, name: str, address: bytes) -> None:
        """A line of the hosts table that every machine knows."""
        addresses = self.hosts.setdefault(name.lower(), [])
        if address not in addresses:
            addresses.append(address)

    def wake_descriptor(self, descriptor: int, number: int) -> None:
        """Write a signal's number to the descriptor of signal.set_wakeup_fd; a full one is left so."""
        description = self.descriptors.find(descriptor)
        if description is not None:
            try:
                description.write(bytes((number & 0xFF,)))
            except OSError:
                pass

    # ------------------------------------------------------------ programs

    def start(
        self,
        system: System,
        target: Target,
        arguments: Sequence[Any] = (),
        service: bool = False,
        at: int = 0,
        surroundings: Surroundings | None = None,
    ) -> Program:
        """A program, from a coroutine function, a function or a command line, at a time in nanoseconds."""
        program = self._program(system, target, arguments, service)
        program.surroundings = surroundings
        if at > self.loop.now:
            self.loop.timers.arm(program.timer, at)
        else:
            program.begin()
        return program

    def _program(
        self, system: System, target: Target, arguments: Sequence[Any], service: bool
    ) -> Program:
        if self.closed:
            raise WorldError("this world is closed")
        if not callable(target):
            from trunkline.system import command

            command.parse(list(target))
        self._pids += 1
        program = Program(system, target, arguments, service, self._pids)
        self.programs.append(program)
        system.programs.append(program)
        if not service:
            self._unfinished += 1
        return program

    def ended(self, program: Program) -> None:
        """A program is over."""
        program.timer.deadline = NEVER
        self.programs.remove(program)
        program.system.programs.remove(program)
        if program.exit_code and not self.closed:
            self.failed.append(program)
        if not program.service:
            self._unfinished -= 1
            if not self._unfinished:
                self._ended_at = self.loop.now
        if program.exception is not None and self.raising and not self.closed:
            self.scheduler.stop(program.exception)

    # ------------------------------------------------------------ the run

    def run(self, until: int = NEVER, raising: bool = True) -> None:
        """Run, to the end or until a time in nanoseconds. Raises a program's exception unless told not to,
        Deadlock, Spinning, and whatever the stack itself raises.

        With a time and no foreground program to wait for it runs to that time: services, faults, clocks.
        """
        scheduler = self.scheduler
        main = scheduler.adopt(None, None, "run")
        self._to_the_limit = until != NEVER and not self._unfinished
        try:
            with self._running(main, until, raising), interrupts(self, None):
                scheduler.park(Wait(main))
        finally:
            self._to_the_limit = False
            scheduler.leave(main)
        self._raise()

    def run_here(
        self, system: System, target: Target, arguments: Sequence[Any] = (), until: int = NEVER
    ) -> Program:
        """Run a program on the calling thread, the others beside it; return when it has ended.

        A verdict on the world (Deadlock, Spinning, a failed service) unwinds the program and is raised here.
        """
        scheduler = self.scheduler
        program = self._program(system, target, arguments, False)
        main = scheduler.adopt(system, program, program.title)
        program.strand = main
        try:
            with self._running(main, until, True), interrupts(self, program):
                program.run_here()
        finally:
            scheduler.leave(main)
        trouble, scheduler.trouble = scheduler.trouble, None
        if trouble is not None and trouble is not program.exception:
            raise trouble
        return program

    @contextlib.contextmanager
    def shared(self, until: int = NEVER) -> Iterator[Strand]:
        """The calling thread serves all hosts: whose code runs is said by `System.here()`."""
        main = self.scheduler.adopt(None, None, "shared loop")
        try:
            with self._running(main, until, True):
                yield main
        finally:
            self.scheduler.leave(main)
        self._raise()

    @contextlib.contextmanager
    def _running(self, main: Strand, until: int, raising: bool) -> Iterator[None]:
        if self.closed:
            raise WorldError("this world is closed")
        scheduler = self.scheduler
        scheduler.main = main
        scheduler.limit = FOREVER if until == NEVER else until
        self.raising = raising
        locks.forget()
        collecting = gc.isenabled()
        gc.disable()  # and collect at fixed counts instead
        scheduler.collecting = True
        self.watchdog.start()
        try:
            yield
        finally:
            self.watchdog.stop()
            scheduler.collecting = False
            scheduler.main = None
            if collecting:
                gc.enable()

    def _raise(self) -> None:
        trouble = self.scheduler.trouble
        self.scheduler.trouble = None
        if trouble is not None:
            raise trouble

    def _over(self) -> bool:
        """Whether the run has come to its end; nothing is runnable."""
        scheduler = self.scheduler
        loop = self.loop
        if scheduler.trouble is not None:
            return True
        waiting = self._unfinished or scheduler.main is None or scheduler.main.name != "run"
        if self._to_the_limit:
            return False
        scheduler.draining = not waiting
        if not waiting:
            if not loop.packets_in_flight or loop.now > self._ended_at + LINGER:
                return True
        elif not loop.packets_in_flight and (loop.timers.idle() or self._only_polled()):
            scheduler.trouble = Deadlock(report.deadlock(self))
            return True
        return False

    def _only_polled(self) -> bool:
        """Whether services that look around now and then are all that is left, and nobody gains by it.

        A server that polls twice a second would keep a caller waiting that nobody will ever answer:
        when such looking has brought no packet and woken no foreground program so often, it never will.
        """
        scheduler = self.scheduler
        if scheduler.rounds - self._seen_rounds < POLLS:
            return False
        seen = (self.loop.packet_count, scheduler.foreground)
        before, self._seen = self._seen, seen
        self._seen_rounds = scheduler.rounds
        if seen != before:
            return False
        for timer in self.loop.timers.awaited():
            owner = timer.owner
            if not isinstance(owner, Strand) or owner.program is None or not owner.program.service:
                return False
        return True

    # ------------------------------------------------------------ the end

    def unwind(self, programs: Sequence[Program]) -> None:
        """End every strand of some programs; the caller's own last."""
        scheduler = self.scheduler
        doomed = [s for s in scheduler.strands.values() if s.program in programs]
        for strand in doomed:
            strand.doomed = True
            if strand.wait is not None:
                scheduler.ready(strand)
        for program in programs:
            if not program.started:
                program.finish()

    def close(self) -> None:
        """Unwind every strand, in order of creation, and forget the world. Their noise is silenced."""
        if self.closed:
            return
        current = self.scheduler.current
        if current is not None:
            raise WorldError(f"this world is being run, and cannot be closed by {current.where()}")
        self.closed = True
        WORLDS.remove(self)
        scheduler = self.scheduler
        idents = {strand.ident for strand in scheduler.strands.values() if strand.ident}
        with _silence(idents):
            main = scheduler.adopt(None, None, "close")
            try:
                for _round in range(UNWIND_ROUNDS):
                    doomed = [s for s in scheduler.strands.values() if s is not main]
                    if not doomed:
                        break
                    for strand in doomed:
                        self._unwind(main, strand)
            finally:
                scheduler.leave(main)
            for program in self.programs:
                program.timer.deadline = NEVER
                program.done = True
            _settle(idents)
            garbage.world_ends(bool(WORLDS))

    def _unwind(self, main: Strand, strand: Strand) -> None:
        if strand.over:
            return
        strand.doomed = True
        if strand.ident == 0:
            strand.body = None
            self.scheduler.strands.pop(strand.number, None)
            strand.over = True
            if strand.queued:
                self.scheduler.runnable.remove(strand)
                strand.queued = False
            if strand.program is not None:
                strand.program.done = True
            return
        wait = Wait(main)
        strand.handlers.append(wait.wake)
        self.scheduler.ready(strand)
        self.scheduler.park(wait)

    def __enter__(self) -> World:
        return self

    def __exit__(self, *_raised: object) -> None:
        self.close()


@contextlib.contextmanager
def _silence(idents: set[int]) -> Iterator[None]:
    """What programs say while they are unwound is of no interest to anybody."""
    _forget_pools(idents)
    _forget_tasks(idents)
    disabled = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    unraisable, thread_hook = sys.unraisablehook, threading.excepthook
    sys.unraisablehook = lambda _args: None
    threading.excepthook = lambda _args: None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        sys.unraisablehook, threading.excepthook = unraisable, thread_hook
        logging.disable(disabled)


def _forget_pools(idents: set[int]) -> None:
    """concurrent.futures joins every pool thread at exit: not the ones that are unwound here."""
    pools = sys.modules.get("concurrent.futures.thread")
    queues: Any = getattr(pools, "_threads_queues", {})
    for thread in list(queues):
        if thread.ident in idents:
            queues.pop(thread, None)


def _forget_tasks(idents: set[int]) -> None:
    """Tasks that were pending when their world closed are no mistake of the program's."""
    for task in report.tasks():
        if getattr(task.get_loop(), "_thread_id", None) in idents:
            task._log_destroy_pending = False  # type: ignore[attr-defined]


def _settle(idents: set[int]) -> None:
    """Threads that have ended take a moment to be gone; wait for them, that none may seem leaked."""
    deadline = real.monotonic() + SETTLE
    while real.monotonic() < deadline and idents & sys._current_frames().keys():
        real.sleep(0.0005)


def close_all() -> None:
    """Close every world that was left open, before the interpreter waits for threads at its exit."""
    for world in WORLDS:
        world.close()


import concurrent.futures.thread  # noqa: E402, F401  (its own hook must be registered before ours)

threading._register_atexit(close_all)  # type: ignore[attr-defined]
