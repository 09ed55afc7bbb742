"""The one timer queue: everything that happens later, for every floor, in order of (time, sequence).

A Timer belongs to an owner and has a kind; arming it again moves it, disarming is one store. The queue is
lazy: a timer that moves later keeps its place in the heap and is put back when that place comes up, so
re-arming in a busy flow costs two stores. The heap has two bodies that cannot be told apart from outside:
heapq of tuples, which is fastest interpreted, and a binary heap of timers, which is fastest compiled.

Left out on purpose: wheels and ticks (measured: no gain worth having) and stored callables.
"""

from __future__ import annotations

from heapq import heappop, heappush, heapreplace
from typing import Final, final

from trunkline.base.native import i64, mypyc_attr

NEVER: Final = -1


def _probe() -> None:
    """Ask only whether this module is compiled: a compiled function has no code object."""


COMPILED: Final = not hasattr(_probe, "__code__")


@mypyc_attr(allow_interpreted_subclasses=True)
class TimerOwner:
    """Whoever has timers. Open for interpreted subclasses: a program's sleep is a timer as well."""

    __slots__ = ()

    def on_timer(self, kind: int, now: int) -> None:
        """Called once when a timer of this owner is due; the timer is disarmed already."""
        raise NotImplementedError


@final
class Timer:
    """One alarm of one owner. `kind` is the owner's own number; `housekeeping` timers keep no run alive."""

    __slots__ = (
        "at",
        "at_sequence",
        "deadline",
        "housekeeping",
        "kind",
        "owner",
        "place",
        "sequence",
    )

    def __init__(self, owner: TimerOwner, kind: int, housekeeping: bool = False) -> None:
        self.owner = owner
        self.kind = kind
        self.housekeeping = housekeeping
        self.deadline: i64 = NEVER  # when it is due, or NEVER: store NEVER to disarm
        self.sequence: i64 = 0  # order among equal deadlines: the order of arming
        self.at: i64 = NEVER  # its key in the heap, which may be earlier than the deadline
        self.at_sequence: i64 = 0
        self.place: i64 = -1  # index in the heap, or -1: not there


@final
class TimerQueue:
    """The heap of timers. Times are nanoseconds of the clock of whoever drives the queue."""

    __slots__ = ("_entries", "_heap", "_live", "_own", "_sequence")

    def __init__(self, own_heap: bool = COMPILED) -> None:
        self._own = own_heap
        self._heap: list[Timer] = []
        self._entries: list[tuple[int, int, Timer]] = []
        self._sequence: i64 = 0
        self._live = 0  # entries in the heap that are not housekeeping, disarmed ones included

    def arm(self, timer: Timer, deadline: int) -> None:
        """Set or move a timer; `deadline` in nanoseconds. Equal deadlines fire in order of arming."""
        timer.deadline = deadline
        self._sequence += 1
        timer.sequence = self._sequence
        if timer.place < 0:
            if not timer.housekeeping:
                self._live += 1
            self._insert(timer)
        elif deadline < timer.at:
            self._advance(timer)

    def next_time(self) -> int:
        """When the next armed timer is due, or NEVER."""
        timer = self._first()
        return NEVER if timer is None else timer.deadline

    def pop(self, limit: int) -> Timer | None:
        """Disarm and return the next timer due at or before `limit`; its time stays in `at`.

        Its place in the heap is left to it until somebody looks again: a cable, which is armed anew as soon
        as it has delivered, then moves down the heap once instead of out and in.
        """
        timer = self._first() if self._own else self._first_entry()
        if timer is None or timer.deadline > limit:
            return None
        timer.deadline = NEVER
        return timer

    def idle(self) -> bool:
        """Whether nothing but housekeeping is armed."""
        if self._live == 0:
            return True
        first = self._first()  # mostly it tells: no look at all the others
        return first is None or (first.housekeeping and not self.awaited())

    def awaited(self) -> list[Timer]:
        """The timers that are armed and no housekeeping, in no particular order."""
        found: list[Timer] = []
        if self._own:
            for timer in self._heap:
                if timer.deadline != NEVER and not timer.housekeeping:
                    found.append(timer)
            return found
        for at, sequence, timer in self._entries:
            if timer.deadline == NEVER or timer.housekeeping:
                continue
            if at == timer.at and sequence == timer.at_sequence:  # else left behind: see _first
                found.append(timer)
        return found

    def __len__(self) -> int:
        """How many entries the heap holds, disarmed ones that it has yet to drop included."""
        return len(self._heap) if self._own else len(self._entries)

    def _first(self) -> Timer | None:
        """The armed timer that is due first, after dropping and moving what only looked first."""
        if not self._own:
            return self._first_entry()
        heap = self._heap
        while heap:
            timer = heap[0]
            if timer.sequence == timer.at_sequence and timer.deadline == timer.at:
                return timer
            if timer.deadline == NEVER:
                self._remove_first(timer)
            else:  # it has moved later: down to its new place
                timer.at = timer.deadline
                timer.at_sequence = timer.sequence
                self._sink(timer)
        return None

    def _first_entry(self) -> Timer | None:
        """As `_first`, of the other body. No two entries have the same sequence number."""
        entries = self._entries
        while entries:
            at, sequence, timer = entries[0]
            if sequence != timer.at_sequence:
                heappop(entries)  # left behind when its timer moved earlier
                continue
            deadline: int = timer.deadline
            if deadline == at and timer.sequence == sequence:
                return timer
            if deadline == NEVER:
                self._remove_first(timer)
                continue
            timer.at = deadline
            timer.at_sequence = sequence = timer.sequence
            heapreplace(entries, (deadline, sequence, timer))
        return None

    def _insert(self, timer: Timer) -> None:
        timer.at = timer.deadline
        timer.at_sequence = timer.sequence
        if self._own:
            self._heap.append(timer)
            self._rise(timer, len(self._heap) - 1)
        else:
            timer.place = 0
            heappush(self._entries, (timer.at, timer.at_sequence, timer))

    def _advance(self, timer: Timer) -> None:
        timer.at = timer.deadline
        timer.at_sequence = timer.sequence
        if self._own:
            self._rise(timer, timer.place)
        else:
            heappush(self._entries, (timer.at, timer.at_sequence, timer))

    def _remove_first(self, timer: Timer) -> None:
        timer.place = -1
        if not timer.housekeeping:
            self._live -= 1
        if self._own:
            last = self._heap.pop()
            if last is not timer:
                self._sink(last)
        else:
            heappop(self._entries)

    def _rise(self, timer: Timer, place: i64) -> None:
        heap = self._heap
        at = timer.at
        sequence = timer.at_sequence
        while place > 0:
            above: i64 = (place - 1) >> 1
            other = heap[above]
            if other.at < at or (other.at == at and other.at_sequence < sequence):
                break
            heap[place] = other
            other.place = place
            place = above
        heap[place] = timer
        timer.place = place

    def _sink(self, timer: Timer) -> None:
        heap = self._heap
        at = timer.at
        sequence = timer.at_sequence
        size: i64 = len(heap)
        place: i64 = 0
        while True:
            below: i64 = 2 * place + 1
            if below >= size:
                break
            other = heap[below]
            beside: i64 = below + 1
            if beside < size:
                rival = heap[beside]
                if rival.at < other.at or (
                    rival.at == other.at and rival.at_sequence < other.at_sequence
                ):
                    below = beside
                    other = rival
            if at < other.at or (at == other.at and sequence < other.at_sequence):
                break
            heap[place] = other
            other.place = place
            place = below
        heap[place] = timer
        timer.place = place
