"""Locks that park a strand on a simulated host, and are the real ones everywhere else.

Each wraps a real lock, so that one that was made by a module at import, and taken there, can be replaced
without losing its state, and so that outside hosts nothing changes but the cost of a call. Inside a host
the real lock is only ever tried: a strand that must wait parks, and whoever releases wakes it.

Left out on purpose: handing over. As with the real ones, whoever comes first after a release has the lock.
"""

from __future__ import annotations

from collections import deque
from typing import Any

from trunkline.base.timers import NEVER
from trunkline.system import real
from trunkline.system.strands import STRANDS, Strand, Wait, current_strand


def wait_for(real_lock: Any, waits: deque[Wait], strand: Strand, timeout: float) -> bool:
    """Park until the lock can be taken, or for `timeout` seconds; -1 is for ever."""
    scheduler = strand.scheduler
    deadline = NEVER
    if timeout >= 0:
        deadline = scheduler.loop.now + max(0, -int(-timeout * 1e9 // 1))
    while True:
        wait = Wait(strand)
        waits.append(wait)
        try:
            woken = scheduler.park(wait, deadline)
        except BaseException:
            if wait.woken:
                wake_next(waits)  # a release must not be spent on a strand that has gone
            else:
                waits.remove(wait)
            raise
        if not woken:
            waits.remove(wait)
        if real_lock.acquire(False):
            return True
        if not woken:
            return False


def wake_next(waits: deque[Wait]) -> None:
    """Let the strand that has waited longest try again."""
    if waits:
        waits.popleft().wake()


def check_timeout(blocking: bool, timeout: float) -> None:
    """The errors of `lock.acquire`."""
    if not blocking and timeout != -1:
        raise ValueError("can't specify a timeout for a non-blocking call")
    if timeout < 0 and timeout != -1:
        raise ValueError("timeout value must be a non-negative number")
    if timeout > real.TIMEOUT_MAX:
        raise OverflowError("timeout value is too large")


class Lock:
    """As `threading.Lock`."""

    __slots__ = ("__weakref__", "_holder", "_real", "_shared", "_waits")

    def __init__(self, lock: Any = None) -> None:
        self._real: Any = real.allocate_lock() if lock is None else lock
        self._shared = lock is not None  # made outside hosts: threads outside take it, too
        self._holder = 0
        self._waits: deque[Wait] | None = None

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        """As `threading.Lock.acquire`; in a host, timeouts are in the world's time."""
        if timeout != -1:
            check_timeout(blocking, timeout)
        taken: bool = self._real.acquire(False)
        if not taken and blocking:
            strand = current_strand()
            if strand is None or (self._shared and self._holder not in STRANDS):
                taken = self._real.acquire(blocking, timeout)
            elif timeout != 0:
                if self._waits is None:
                    self._waits = deque()
                taken = wait_for(self._real, self._waits, strand, timeout)
        if taken and self._shared:
            self._holder = real.get_ident()
        return taken

    def release(self) -> None:
        """As `threading.Lock.release`."""
        self._real.release()
        if self._waits:
            wake_next(self._waits)

    def locked(self) -> bool:
        """As `threading.Lock.locked`."""
        held: bool = self._real.locked()
        return held

    acquire_lock = acquire
    release_lock = release
    locked_lock = locked

    def __enter__(self) -> bool:
        if self._shared or not self._real.acquire(False):
            self.acquire()
        return True

    def __exit__(self, *_raised: object) -> None:
        self._real.release()
        if self._waits:
            wake_next(self._waits)

    def _at_fork_reinit(self) -> None:
        self._real._at_fork_reinit()
        self._waits = None

    def __repr__(self) -> str:
        state = "locked" if self._real.locked() else "unlocked"
        return f"<{state} _thread.lock object at {hex(id(self))}>"


class RLock:
    """As `threading.RLock`."""

    __slots__ = ("__weakref__", "_depth", "_owner", "_real", "_waits")

    def __init__(self, lock: Any = None) -> None:
        self._real: Any = real.RLockType() if lock is None else lock
        self._owner = 0
        self._depth = 0
        self._waits: deque[Wait] | None = None

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        """As `threading.RLock.acquire`; in a host, timeouts are in the world's time."""
        if timeout != -1:
            check_timeout(blocking, timeout)
        taken: bool = self._real.acquire(False)
        if not taken and blocking:
            strand = current_strand()
            if strand is None or self._owner not in STRANDS:
                taken = self._real.acquire(blocking, timeout)
            elif timeout != 0:
                if self._waits is None:
                    self._waits = deque()
                taken = wait_for(self._real, self._waits, strand, timeout)
        if taken:
            self._owner = real.get_ident()
            self._depth += 1
        return taken

    def release(self) -> None:
        """As `threading.RLock.release`."""
        if self._depth == 1 and self._real._is_owned():
            self._owner = self._depth = 0
        elif self._depth and self._real._is_owned():
            self._depth -= 1
        self._real.release()
        if self._waits and not self._depth:
            wake_next(self._waits)

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(self, *_raised: object) -> None:
        self.release()

    # What threading.Condition uses of an RLock.

    def _is_owned(self) -> bool:
        owned: bool = self._real._is_owned()
        return owned

    def _release_save(self) -> Any:
        saved = (self._real._release_save(), self._depth)
        self._owner = self._depth = 0
        if self._waits:
            wake_next(self._waits)
        return saved

    def _acquire_restore(self, saved: Any) -> None:
        state, depth = saved
        self.acquire()
        self._real.release()
        self._real._acquire_restore(state)
        self._depth = depth

    def _recursion_count(self) -> int:
        return self._depth if self._real._is_owned() else 0

    def _at_fork_reinit(self) -> None:
        self._real._at_fork_reinit()
        self._waits = None
        self._owner = self._depth = 0

    def __repr__(self) -> str:
        return repr(self._real).replace("_thread.RLock", "_thread.RLock", 1)


for _class in (Lock, RLock):
    _class.__module__ = "_thread"  # trio asserts that locks come from there
Lock.__qualname__ = Lock.__name__ = "lock"
