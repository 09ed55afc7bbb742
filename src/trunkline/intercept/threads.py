"""Threads: in a world, a new one is a strand of the same program.

`threading` is untouched: Condition, Event, Queue, Timer and the executors are its own code over these.
Python 3.11 and 3.12 start threads with `start_new_thread` and learn of their end by a sentinel lock; 3.13
has joinable threads with handles.
"""

from __future__ import annotations

import sys
import threading
from collections import deque
from collections.abc import Callable
from typing import Any

from trunkline.base.timers import NEVER
from trunkline.system import real
from trunkline.system.errors import StrandExit
from trunkline.system.strands import HOST, STRANDS, Strand, Wait, current_strand

Real = Callable[..., Any]


# ------------------------------------------------------------ starting


def start_new_thread(real_start: Real, function: Any, arguments: Any, named: Any = None, /) -> int:
    """_thread.start_new_thread: from a strand, a strand of the same program."""
    strand = current_strand()
    if strand is None:
        ident: int = real_start(function, arguments, *(() if named is None else (named,)))
        return ident
    if not callable(function):
        raise TypeError("first arg must be callable")
    if not isinstance(arguments, tuple):
        raise TypeError("2nd arg must be a tuple")
    if named is not None and not isinstance(named, dict):
        raise TypeError("optional 3rd arg must be a dictionary")
    new = begin(strand, function, arguments, named or {})
    if new.ident == 0 and not isinstance(getattr(function, "__self__", None), threading.Thread):
        strand.scheduler.switch.prepare(new)
    return new.ident


def begin(strand: Strand, function: Any, arguments: tuple[Any, ...], named: Any) -> Strand:
    """A new strand beside `strand`, that calls a function."""
    owner = getattr(function, "__self__", None)
    thread = owner if isinstance(owner, threading.Thread) else None
    host = HOST.get() if strand.system is None else None

    def body() -> None:
        if host is not None:
            HOST.set(host)
        try:
            function(*arguments, **named)
        except SystemExit:
            pass
        except Exception as error:
            threading.excepthook(
                threading.ExceptHookArgs((type(error), error, error.__traceback__, None))
            )

    name = thread.name if thread is not None else getattr(function, "__name__", "thread")
    new = strand.scheduler.new(strand.system, strand.program, name, body)
    new.daemon = thread.daemon if thread is not None else True
    strand.scheduler.ready(new)
    return new


def set_sentinel(real_set: Real) -> Any:
    """_thread._set_sentinel (3.11, 3.12): a lock that is released when the thread is over."""
    strand = current_strand()
    if strand is None:
        return real_set()
    lock = real.allocate_lock()

    def release() -> None:
        if lock.locked():
            lock.release()

    strand.handlers.append(release)
    return lock


class Handle:
    """As `_thread._ThreadHandle` (3.13), of a strand."""

    __slots__ = ("__weakref__", "_done", "_strand", "_waits")

    def __init__(self) -> None:
        self._strand: Strand | None = None
        self._done = False
        self._waits: deque[Wait] = deque()

    @property
    def ident(self) -> int:
        """The thread's ident."""
        return 0 if self._strand is None else self._strand.ident

    def begin(self, strand: Strand) -> None:
        """It stands for this strand."""
        self._strand = strand
        strand.handlers.append(self._set_done)

    def is_done(self) -> bool:
        """Whether the thread is over."""
        return self._done

    def _set_done(self) -> None:
        self._done = True
        while self._waits:
            self._waits.popleft().wake()

    def join(self, timeout: float | None = None) -> None:
        """Wait until it is over, or for a number of seconds."""
        if self._done:
            return
        if self._strand is None:
            raise RuntimeError("thread not started")
        strand = current_strand()
        if strand is None:
            raise RuntimeError("cannot join a simulated thread from outside its world")
        if strand is self._strand:
            raise RuntimeError("Cannot join current thread")
        deadline = NEVER
        if timeout is not None and timeout >= 0:
            deadline = strand.scheduler.loop.now + max(0, -int(-timeout * 1e9 // 1))
        wait = Wait(strand)
        self._waits.append(wait)
        if not strand.scheduler.park(wait, deadline):
            self._waits.remove(wait)


def make_handle(original: Any) -> Any:
    """_thread._ThreadHandle: ours in a host."""

    class HandleKind(type):
        def __instancecheck__(cls, instance: object) -> bool:
            return isinstance(instance, (original, Handle))

    class _ThreadHandle(metaclass=HandleKind):
        """Stands for `_thread._ThreadHandle`."""

        def __new__(cls) -> Any:
            return original() if STRANDS.get(real.get_ident()) is None else Handle()

    return _ThreadHandle


def start_joinable_thread(
    real_start: Real, function: Any, handle: Any = None, daemon: bool = True
) -> Any:
    """_thread.start_joinable_thread (3.13)."""
    strand = current_strand()
    thread = getattr(function, "__self__", None)
    if strand is None:
        if isinstance(handle, Handle):  # made in a host, started outside
            handle = threading._ThreadHandle()  # type: ignore[attr-defined]
            if isinstance(thread, threading.Thread):
                thread._handle = handle  # type: ignore[attr-defined]
        return real_start(function, handle=handle, daemon=daemon)
    if not isinstance(handle, Handle):
        handle = Handle()
        if isinstance(thread, threading.Thread):
            thread._handle = handle  # type: ignore[attr-defined]
    new = begin(strand, function, (), {})
    new.daemon = daemon
    strand.scheduler.switch.prepare(new)
    handle.begin(new)
    return handle


def make_invoke_excepthook(real_make: Real) -> Any:
    """threading._make_invoke_excepthook: that a thread is unwound by us is no news to anybody."""
    invoke = real_make()

    def invoke_excepthook(thread: Any) -> None:
        if sys.exc_info()[0] is not StrandExit:
            invoke(thread)

    return invoke_excepthook


# ------------------------------------------------------------ who is there


def main_thread(real_main: Real) -> Any:
    """threading.main_thread: of the caller's program."""
    strand = current_strand()
    program = strand.program if strand is not None else None
    if program is not None and program.main_thread is not None:
        return program.main_thread
    return real_main()


def enumerate_threads(real_enumerate: Real) -> Any:
    """threading.enumerate: of the caller's program."""
    threads = real_enumerate()
    strand = current_strand()
    if strand is None:
        return [thread for thread in threads if thread.ident not in STRANDS]
    program = strand.program
    own = []
    for thread in threads:
        other = STRANDS.get(thread.ident or 0)
        if other is not None and other.program is program:
            own.append(thread)
    return own


def active_count(real_count: Real) -> Any:
    """threading.active_count: of the caller's program."""
    strand = current_strand()
    return real_count() if strand is None else len(threading.enumerate())


def register_exit(real_register: Real, function: Any, *arguments: Any, **named: Any) -> Any:
    """atexit.register: at the end of the caller's program."""
    strand = current_strand()
    if strand is None or strand.program is None:
        return real_register(function, *arguments, **named)
    strand.program.exits.append((function, arguments, named))
    return function


def unregister_exit(real_unregister: Real, function: Any) -> Any:
    """atexit.unregister."""
    strand = current_strand()
    if strand is None or strand.program is None:
        return real_unregister(function)
    strand.program.exits[:] = [entry for entry in strand.program.exits if entry[0] != function]
    return None
