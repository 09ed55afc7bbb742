"""Strands: the threads of control of a world, of which exactly one runs at a time.

A strand is a program's thread. It stops only in `Scheduler.park`, on a `Wait` made for that one occasion,
so that a wake-up can be neither lost nor mistaken for another. How control passes from strand to strand is
the business of a `Switch`: the one here uses OS threads and a baton (9-10 µs there and back), which keeps
thread-locals, `get_ident`, debuggers and asyncio's idea of a running loop natural.

Left out on purpose: preemption. A strand that never parks is the watchdog's business.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from typing import TYPE_CHECKING, Final

from trunkline.base.timers import Timer, TimerOwner
from trunkline.system import real
from trunkline.system.errors import StrandExit

if TYPE_CHECKING:
    from trunkline.system.program import Program
    from trunkline.system.system import System
    from trunkline.system.world import World

STACK_SIZE: Final = 8 << 20  # octets of address space; pages are taken only when touched

# Every thread of this process that belongs to a world, by its ident. A thread that is not here is
# outside all hosts, whatever its context variables say.
STRANDS: Final[dict[int, Strand]] = {}

# The host of a task on a loop that several hosts share. It counts only in strands without a host of
# their own: elsewhere a context may have come with a callback from another host's strand.
HOST: Final[ContextVar[System | None]] = ContextVar("trunkline host", default=None)


def current_strand() -> Strand | None:
    """The strand that the caller is, or None outside all worlds."""
    return STRANDS.get(real.get_ident())


def current_system() -> System | None:
    """The simulated machine that the caller runs on, or None: then everything is real."""
    strand = STRANDS.get(real.get_ident())
    if strand is None:
        return None
    return strand.system or HOST.get()


class Strand(TimerOwner):
    """One thread of control. `system` is None in a strand that serves all hosts (a shared loop)."""

    __slots__ = (
        "__weakref__",
        "body",
        "clock",
        "daemon",
        "doomed",
        "gate",
        "handlers",
        "ident",
        "interrupts",
        "name",
        "number",
        "outer",
        "over",
        "program",
        "queued",
        "refusals",
        "scheduler",
        "system",
        "timer",
        "wait",
        "world",
    )

    def __init__(
        self,
        world: World,
        system: System | None,
        program: Program | None,
        name: str,
        body: Callable[[], None] | None,
    ) -> None:
        self.world = world
        self.scheduler = world.scheduler
        self.clock = self.scheduler.clock
        self.system = system
        self.program = program
        self.name = name
        self.body = body
        self.number = 0  # order of creation
        self.ident = 0  # of its thread, 0 before it has one
        self.gate = real.allocate_lock()
        self.timer = Timer(self, 0)
        self.wait: Wait | None = None  # what it is parked on
        self.queued = False  # in the run queue
        self.outer: Strand | None = None  # what its thread is when it is not this: in another world
        self.over = False
        self.doomed = False  # every park raises StrandExit
        self.refusals = 0  # how often it has parked since it was doomed
        self.interrupts = False  # a signal waits for this strand
        self.daemon = True
        self.handlers: list[Callable[[], None]] = []  # called when the strand ends

    def on_timer(self, kind: int, now: int) -> None:
        """The deadline of what it is parked on."""
        if self.wait is not None:
            self.scheduler.ready(self)

    def where(self) -> str:
        """`alice: dial`, for messages."""
        place = self.system.name if self.system is not None else "all hosts"
        return f"{place}: {self.name}"


class Wait:
    """One occasion of waiting, of one strand. Wakes once; waking before the park is not lost."""

    __slots__ = ("strand", "woken")

    def __init__(self, strand: Strand) -> None:
        self.strand = strand
        self.woken = False

    def wake(self) -> None:
        """End the wait. Does nothing if it has ended."""
        if not self.woken:
            self.woken = True
            strand = self.strand
            if strand.wait is self:
                strand.scheduler.ready(strand)


class Switch:
    """How control passes between strands: the interface that another backend implements."""

    def adopt(self, strand: Strand) -> None:
        """The caller's own thread of control becomes `strand`."""
        raise NotImplementedError

    def leave(self, strand: Strand) -> None:
        """The caller stops being the strand that it was adopted as."""
        raise NotImplementedError

    def to(self, own: Strand, other: Strand) -> None:
        """Give control from `own`, the caller, to `other`; return when `own` is given it back."""
        raise NotImplementedError

    def prepare(self, strand: Strand) -> None:
        """Make a strand's thread of control before its time, so that it has an ident."""
        raise NotImplementedError

    def release(self, strand: Strand) -> None:
        """Give control to a strand from outside, when whoever has it is lost."""
        raise NotImplementedError


class ThreadSwitch(Switch):
    """OS threads and a baton: a lock for each strand, which only the holder of the baton opens."""

    __slots__ = ("finish",)

    def __init__(self, finish: Callable[[Strand], Strand]) -> None:
        self.finish = finish  # what a strand does last: it names the next one

    def adopt(self, strand: Strand) -> None:
        """The calling thread becomes `strand`, and holds the baton."""
        strand.ident = real.get_ident()
        strand.outer = STRANDS.get(strand.ident)
        real.acquire(strand.gate, False)
        STRANDS[strand.ident] = strand

    def leave(self, strand: Strand) -> None:
        """The calling thread is an ordinary one again, or a strand of the world that this one ran in."""
        if strand.outer is None:
            STRANDS.pop(strand.ident, None)
        else:
            STRANDS[strand.ident] = strand.outer
            strand.outer = None

    def to(self, own: Strand, other: Strand) -> None:
        """Pass the baton on and wait for it; a strand's thread is made when it first gets it."""
        self.give(other)
        real.acquire(own.gate)

    def give(self, other: Strand) -> None:
        """Let another strand run."""
        if other.ident == 0:
            self.prepare(other)
        real.release(other.gate)

    def prepare(self, strand: Strand) -> None:
        """Make the strand's thread, which waits for the baton."""
        real.acquire(strand.gate, False)
        usual = real.stack_size(STACK_SIZE)
        try:
            strand.ident = real.start_new_thread(self._thread, (strand,))
        finally:
            real.stack_size(usual)

    def release(self, strand: Strand) -> None:
        """Open a strand's gate from a thread that has no baton to give."""
        if strand.gate.locked():
            real.release(strand.gate)

    def _thread(self, strand: Strand) -> None:
        real.acquire(strand.gate)
        ident = real.get_ident()
        STRANDS[ident] = strand
        try:
            if strand.body is not None and not strand.doomed:
                strand.body()
        except StrandExit:
            pass
        finally:
            strand.body = None
            following = self.finish(strand)
            STRANDS.pop(ident, None)
            if following is not strand:
                self.give(following)
