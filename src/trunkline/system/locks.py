"""What waits inside C in `threading` and `queue`, made to park: locks, RLocks and SimpleQueue.

These are the methods of the C types themselves (`intercept.table` puts them there), so that every one of
them obeys, wherever and whenever it was made. A strand only ever tries the real thing; when it must wait
it parks, and whoever releases wakes it. Outside worlds, and for what a thread outside holds, the waiting
is real.

Left out on purpose: handing over. As with the real ones, whoever comes first after a release has the lock.
"""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Callable
from typing import Any, Final

from trunkline.base.timers import NEVER
from trunkline.system import real
from trunkline.system.strands import STRANDS, Strand, Wait

SLICE: Final = 0.05  # real seconds of waiting for a thread outside, between looks

OUTSIDE: Final[dict[int, int]] = {}  # by id of a lock: the ident of the thread outside that took it
WAITS: Final[dict[int, deque[Wait]]] = {}  # by id of what is waited for; here only while it is

_acquire: Final = real.acquire
_release: Final = real.release
_acquire_rlock: Final = real.acquire_rlock
_release_rlock: Final = real.release_rlock
_get_ident: Final = real.get_ident


# ------------------------------------------------------------ waiting


def wait_until(ready: Callable[[], bool], thing: Any, strand: Strand, timeout: float) -> bool:
    """Park until `ready`, asked whenever somebody wakes, or for `timeout` seconds; -1 is for ever."""
    scheduler = strand.scheduler
    deadline = NEVER
    if timeout >= 0:
        deadline = scheduler.loop.now + max(0, -int(-timeout * 1e9 // 1))
    key = id(thing)
    while True:
        waits = WAITS.setdefault(key, deque())
        wait = Wait(strand)
        waits.append(wait)
        try:
            woken = scheduler.park(wait, deadline)
        except BaseException:
            if wait.woken:
                wake_next(thing)  # a release must not be spent on a strand that has gone
            raise
        finally:
            if not wait.woken and wait in waits:
                waits.remove(wait)
            if not waits and WAITS.get(key) is waits:
                del WAITS[key]
        if ready():
            return True
        if not woken:
            return False


def wake_next(thing: Any) -> None:
    """Let the strand that has waited longest try again."""
    waits = WAITS.get(id(thing))
    if waits:
        try:
            wait = waits.popleft()
        except IndexError:  # a thread outside was quicker
            return
        wait.wake()


def check_timeout(blocking: bool, timeout: float) -> None:
    """The errors of `lock.acquire`."""
    if not blocking and timeout != -1:
        raise ValueError("can't specify a timeout for a non-blocking call")
    if timeout < 0 and timeout != -1:
        raise ValueError("timeout value must be a non-negative number")
    if timeout > real.TIMEOUT_MAX:
        raise OverflowError("timeout value is too large")


def _take(
    take: Callable[..., bool], lock: Any, holder: Callable[[Any], int], timeout: float
) -> bool:
    """Get a lock that somebody has."""
    strand = STRANDS.get(_get_ident())
    if strand is None:
        return take(lock, True, timeout)
    if timeout == 0:
        return False
    left = timeout if timeout > 0 else real.TIMEOUT_MAX
    while _is_outside(holder(lock)):
        part = min(left, SLICE)
        if take(lock, True, part):
            return True
        left -= part
        if left <= 0:
            return False
    return wait_until(lambda: take(lock, False), lock, strand, timeout)


def _is_outside(ident: int) -> bool:
    """Whether it is a thread that lives, and is none of a world's."""
    return ident not in STRANDS and ident in sys._current_frames()


def forget() -> None:
    """A run begins: its thread is none of outside any more, and who is gone holds nothing."""
    for key, ident in list(OUTSIDE.items()):
        if not _is_outside(ident):
            OUTSIDE.pop(key, None)


# ------------------------------------------------------------ the methods of locks


def acquire(self: Any, blocking: bool = True, timeout: float = -1) -> bool:
    """lock.acquire; in a host, timeouts are in the world's time."""
    if timeout != -1:
        check_timeout(blocking, timeout)
    if _acquire(self, False) or (blocking and _take(_acquire, self, _holder, timeout)):
        ident = _get_ident()
        if ident not in STRANDS:
            OUTSIDE[id(self)] = ident
        return True
    return False


def enter(self: Any) -> bool:
    """lock.__enter__."""
    if not _acquire(self, False):
        _take(_acquire, self, _holder, -1)
    ident = _get_ident()
    if ident not in STRANDS:
        OUTSIDE[id(self)] = ident
    return True


def release(self: Any) -> None:
    """lock.release."""
    _release(self)
    if OUTSIDE:
        OUTSIDE.pop(id(self), None)
    if WAITS:
        wake_next(self)


def leave(self: Any, *_raised: object) -> None:
    """lock.__exit__."""
    _release(self)
    if OUTSIDE:
        OUTSIDE.pop(id(self), None)
    if WAITS:
        wake_next(self)


def _holder(lock: Any) -> int:
    return OUTSIDE.get(id(lock), 0)


# ------------------------------------------------------------ of RLocks


def acquire_rlock(self: Any, blocking: bool = True, timeout: float = -1) -> bool:
    """RLock.acquire; in a host, timeouts are in the world's time."""
    if timeout != -1:
        check_timeout(blocking, timeout)
    if _acquire_rlock(self, False):
        return True
    return bool(blocking) and _take(_acquire_rlock, self, _owner, timeout)


def enter_rlock(self: Any) -> bool:
    """RLock.__enter__."""
    return _acquire_rlock(self, False) or _take(_acquire_rlock, self, _owner, -1)


def release_rlock(self: Any) -> None:
    """RLock.release."""
    _release_rlock(self)
    if WAITS:
        _wake_if_free(self)


def leave_rlock(self: Any, *_raised: object) -> None:
    """RLock.__exit__."""
    _release_rlock(self)
    if WAITS:
        _wake_if_free(self)


def release_save(self: Any) -> Any:
    """RLock._release_save, which Condition.wait uses."""
    state = real.release_save(self)
    if WAITS:
        wake_next(self)
    return state


def acquire_restore(self: Any, state: Any) -> None:
    """RLock._acquire_restore."""
    acquire_rlock(self)
    _release_rlock(self)
    real.acquire_restore(self, state)


def _wake_if_free(lock: Any) -> None:
    if id(lock) in WAITS and not lock._is_owned():
        wake_next(lock)


def _owner(lock: Any) -> int:
    """The ident of who holds it, which only its repr tells."""
    return int(repr(lock).partition(" owner=")[2].partition(" ")[0])


# ------------------------------------------------------------ of SimpleQueue


def make_get(real_get: Callable[..., Any]) -> Callable[..., Any]:
    """SimpleQueue.get."""

    def get(self: Any, block: bool = True, timeout: float | None = None) -> Any:
        """As queue.SimpleQueue.get; in a host, timeouts are in the world's time."""
        strand = STRANDS.get(_get_ident())
        if strand is None:
            return real_get(self, block, timeout)
        if block and timeout is not None and timeout < 0:
            raise ValueError("'timeout' must be a non-negative number")
        if block and self.empty():
            wait_until(lambda: not self.empty(), self, strand, -1.0 if timeout is None else timeout)
        return real_get(self, False)

    return get


def make_put(real_put: Callable[..., Any]) -> Callable[..., Any]:
    """SimpleQueue.put and put_nowait."""

    def put(self: Any, item: Any, block: bool = True, timeout: float | None = None) -> None:
        """As queue.SimpleQueue.put."""
        real_put(self, item)
        if WAITS:
            wake_next(self)

    return put
