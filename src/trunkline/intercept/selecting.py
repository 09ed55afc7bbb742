"""select, poll and epoll in a host, and what the `selectors` module took from them at its import."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Callable
from typing import Any, Final

from trunkline.intercept.socket import descriptors
from trunkline.sockets.constants import POLLNVAL
from trunkline.sockets.errors import failure
from trunkline.system import blocking
from trunkline.system.descriptors import FIRST_DESCRIPTOR, DescriptorTable
from trunkline.system.errors import EscapeRefused
from trunkline.system.readiness import Epoll, Poll, select_once
from trunkline.system.strands import current_system

Real = Callable[..., Any]

DEFAULT_EVENTS: Final = 1 | 2 | 4  # IN, PRI, OUT
FILE_EVENTS: Final = 1 | 4  # what a real file is always ready for
ANY_EVENT: Final = 0xFFFF
LONGEST_WAIT: Final = 0x7FFFFFFF / 1000  # seconds: milliseconds in an int
EVENTS_LIMIT: Final = 1023  # FD_SETSIZE - 1: what epoll.poll returns at most, unless told


def descriptor_of(fileobj: Any) -> int:
    """The descriptor of an int or an object that has one. Raises as CPython does."""
    if isinstance(fileobj, int):
        descriptor = int(fileobj)
    else:
        fileno = getattr(fileobj, "fileno", None)
        if fileno is None:
            raise TypeError("argument must be an int, or have a fileno() method.")
        descriptor = fileno()
        if not isinstance(descriptor, int):
            raise TypeError("fileno() returned a non-integer")
    if descriptor < 0:
        raise ValueError(f"file descriptor cannot be a negative integer ({descriptor})")
    return descriptor


def simulated(fileobj: Any) -> int:
    """The same, and it must be a simulated one."""
    descriptor = descriptor_of(fileobj)
    if descriptor < FIRST_DESCRIPTOR:
        if stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise failure("EPERM")  # as epoll has it
        raise EscapeRefused(
            1,
            f"{fileobj!r} is a real descriptor ({descriptor}): it cannot be waited for in simulated"
            " time. Sockets and pipes must be made on the simulated host; a C library that opens its"
            " own cannot be simulated: use a library in Python",
        )
    return descriptor


# ------------------------------------------------------------ select


def select(real: Real, rlist: Any, wlist: Any, xlist: Any, timeout: Any = None) -> Any:
    """select.select."""
    if current_system() is None and not _has_ours(rlist, wlist, xlist):
        return real(rlist, wlist, xlist, timeout)
    if timeout is not None:
        if not isinstance(timeout, (int, float)) and not hasattr(timeout, "__float__"):
            raise TypeError("timeout must be a float or None")
        timeout = float(timeout)
        if timeout < 0:
            raise ValueError("timeout must be non-negative")
    table = descriptors()
    lists: list[list[tuple[Any, int]]] = []
    files: list[list[Any]] = []
    for fileobjs in (rlist, wlist, xlist):
        if not isinstance(fileobjs, (list, tuple)):
            try:
                fileobjs = list(fileobjs)
            except TypeError:
                raise TypeError("arguments 1-3 must be sequences") from None
        pairs: list[tuple[Any, int]] = []
        real_files: list[Any] = []
        for fileobj in fileobjs:  # which `fileno` may change under us
            if is_file(fileobj):
                real_files.append(fileobj)
            else:
                pairs.append((fileobj, simulated(fileobj)))
        files.append(real_files)
        lists.append(pairs)
    numbers = [[descriptor for _fileobj, descriptor in pairs] for pairs in lists]
    if files[0] or files[1]:  # a real file is always ready
        got = select_once(table, numbers[0], numbers[1], numbers[2])
        return tuple(
            [fileobj for fileobj, descriptor in pairs if descriptor in found] + ready_files
            for pairs, found, ready_files in zip(lists, got, [*files[:2], []])
        )
    got = select_once(table, numbers[0], numbers[1], numbers[2])
    if not any(got):
        watched = dict.fromkeys(d for descriptors_ in numbers for d in descriptors_)

        def ready() -> bool:
            nonlocal got
            closed = [number for number in watched if table.find(number) is None]
            if closed:  # under the call: as select_poll_one, fs/select.c, ready for everything
                reads, writes, excepts = ([n for n in asked if n in closed] for asked in numbers)
                got = reads, writes, excepts
            else:
                got = select_once(table, numbers[0], numbers[1], numbers[2])
            return any(got)

        blocking.wait_any([(table.get(d), ANY_EVENT) for d in watched], ready, timeout)
    else:
        blocking.this_strand().scheduler.polled()
    return tuple(
        [fileobj for fileobj, descriptor in pairs if descriptor in found]
        for pairs, found in zip(lists, got)
    )


def is_file(fileobj: Any) -> bool:
    """Whether it is a real file, which is always ready."""
    descriptor = descriptor_of(fileobj)
    return descriptor < FIRST_DESCRIPTOR and stat.S_ISREG(os.fstat(descriptor).st_mode)


def _has_ours(*lists: Any) -> bool:
    for fileobjs in lists:
        if isinstance(fileobjs, (list, tuple, set, frozenset)):
            for fileobj in fileobjs:
                if isinstance(fileobj, int) and fileobj >= FIRST_DESCRIPTOR:
                    return True
    return False


# ------------------------------------------------------------ poll


def poll(real: Real) -> Any:
    """select.poll."""
    return real() if current_system() is None else SimulatedPoll._of(descriptors())


class SimulatedPoll:
    """As what `select.poll()` returns."""

    __slots__ = ("_files", "_poll", "_polling", "_table")

    _files: dict[int, int]
    _poll: Poll
    _polling: bool
    _table: DescriptorTable

    def __new__(cls) -> SimulatedPoll:
        """Only `select.poll()` makes them."""
        raise TypeError("cannot create 'select.poll' instances")

    @classmethod
    def _of(cls, table: DescriptorTable) -> SimulatedPoll:
        poll = object.__new__(cls)
        poll._poll = Poll(table)
        poll._files = {}  # real files, which are always ready, and what is asked of them
        poll._table = table
        poll._polling = False
        return poll

    def register(self, fd: Any, eventmask: int = DEFAULT_EVENTS, /) -> None:
        """As poll.register."""
        mask = mask_of(eventmask)
        if is_file(fd):
            self._files[descriptor_of(fd)] = mask
        else:
            self._poll.register(simulated(fd), mask)

    def modify(self, fd: Any, eventmask: int, /) -> None:
        """As poll.modify."""
        descriptor, mask = descriptor_of(fd), mask_of(eventmask)
        if descriptor in self._files:
            self._files[descriptor] = mask
        else:
            self._poll.modify(descriptor, mask)

    def unregister(self, fd: Any, /) -> None:
        """As poll.unregister."""
        descriptor = descriptor_of(fd)
        if descriptor in self._files:
            del self._files[descriptor]
        else:
            self._poll.unregister(descriptor)

    def _files_ready(self) -> list[tuple[int, int]]:
        found = []
        for descriptor, mask in self._files.items():
            try:
                os.fstat(descriptor)
            except OSError:
                found.append((descriptor, POLLNVAL))
                continue
            if mask & FILE_EVENTS:
                found.append((descriptor, mask & FILE_EVENTS))
        return found

    def poll(self, timeout: Any = None, /) -> list[tuple[int, int]]:
        """As poll.poll: `timeout` in milliseconds."""
        if timeout is not None and not isinstance(timeout, (int, float)):
            raise TypeError("timeout must be an integer or None")
        if timeout is not None and timeout > 0x7FFFFFFF:
            raise OverflowError("timeout is too large")
        if self._polling:
            raise RuntimeError("concurrent poll() invocation")
        got = self._files_ready() + self._poll.poll()
        if got:
            blocking.this_strand().scheduler.polled()
            return got
        seconds = None if timeout is None or timeout < 0 else timeout / 1000

        def ready() -> bool:
            nonlocal got
            got = self._poll.poll()
            return bool(got)

        find = self._table.find
        watched = [
            (description, ANY_EVENT)
            for description in (find(number) for number in self._poll.wanted)
            if description is not None
        ]
        self._polling = True
        try:
            blocking.wait_any(watched, ready, seconds)
        finally:
            self._polling = False
        return got


def mask_of(events: Any) -> int:
    """An event mask of poll: an unsigned short. Raises as CPython does."""
    if isinstance(events, float) or not hasattr(events, "__index__"):
        raise TypeError(f"'{type(events).__name__}' object cannot be interpreted as an integer")
    mask: int = events.__index__()
    if mask < 0:
        raise ValueError("value must be positive")
    if mask > 0xFFFF:
        raise OverflowError("Python int too large for C unsigned short")
    return mask


# ------------------------------------------------------------ epoll


SimulatedPoll.__module__ = "select"
SimulatedPoll.__qualname__ = SimulatedPoll.__name__ = "poll"


class SimulatedEpoll:
    """As `select.epoll`."""

    __slots__ = ("__weakref__", "_epoll", "_fd", "_table")

    def __init__(self, sizehint: int = -1, flags: int = 0) -> None:
        if sizehint != -1 and sizehint <= 0:
            raise ValueError("negative sizehint")
        if flags & ~0o2000000:
            raise failure("EINVAL")
        strand = blocking.this_strand()
        self._table = table = strand.world.descriptors
        self._epoll = Epoll(strand.world.loop, table)
        self._fd = table.open(self._epoll)

    @classmethod
    def of(cls, table: DescriptorTable, descriptor: int) -> SimulatedEpoll:
        """What `select.epoll.fromfd` makes."""
        description = table.get(descriptor)
        if not isinstance(description, Epoll):
            raise failure("EINVAL")
        epoll = cls.__new__(cls)
        epoll._table, epoll._epoll, epoll._fd = table, description, descriptor
        return epoll

    @property
    def closed(self) -> bool:
        """As epoll.closed."""
        return self._fd < 0

    def fileno(self) -> int:
        """As epoll.fileno."""
        self._check()
        return self._fd

    def close(self) -> None:
        """As epoll.close: it never fails, even if somebody closed the descriptor before."""
        descriptor, self._fd = self._fd, -1
        if descriptor >= 0 and self._table.find(descriptor) is not None:
            self._table.close(descriptor)

    def register(self, fd: Any, eventmask: int = DEFAULT_EVENTS) -> None:
        """As epoll.register."""
        self._check()
        self._epoll.register(simulated(fd), eventmask)

    def modify(self, fd: Any, eventmask: int) -> None:
        """As epoll.modify."""
        self._check()
        self._epoll.modify(descriptor_of(fd), eventmask)

    def unregister(self, fd: Any) -> None:
        """As epoll.unregister."""
        self._check()
        self._epoll.unregister(descriptor_of(fd))

    def poll(self, timeout: Any = None, maxevents: int = -1) -> list[tuple[int, int]]:
        """As epoll.poll: `timeout` in seconds."""
        self._check()
        if timeout is not None and not isinstance(timeout, (int, float)):
            raise TypeError("timeout must be an integer or None")
        if timeout is not None and timeout > sys.maxsize / 1e9:
            raise OverflowError("timestamp too large to convert to C _PyTime_t")
        if timeout is not None and timeout > LONGEST_WAIT:
            raise OverflowError("timeout is too large")
        if maxevents == -1:
            maxevents = EVENTS_LIMIT
        elif maxevents < 1:
            raise ValueError(f"maxevents must be greater than 0, got {maxevents}")
        epoll = self._epoll
        if epoll.references <= 0:  # os.close, or another object, has closed it
            raise failure("EBADF")
        strand = blocking.this_strand()
        got = epoll.poll(maxevents)
        if not got:
            strand.scheduler.settle()
            got = epoll.poll(maxevents)
        if got or timeout == 0:
            strand.scheduler.polled()
            return got
        if timeout is not None and timeout < 0:
            timeout = None
        deadline = blocking.deadline_of(strand, timeout)
        epoll.references += 1  # the call under way holds it
        try:
            while blocking.wait_ready(strand, epoll, ANY_EVENT, deadline):
                got = epoll.poll(maxevents)
                if got:
                    break
        finally:
            epoll.release()
        return got

    def _check(self) -> None:
        if self._fd < 0:
            raise ValueError("I/O operation on closed epoll object")

    def __enter__(self) -> SimulatedEpoll:
        self._check()
        return self

    def __exit__(self, *_raised: object) -> None:
        self.close()

    def __del__(self) -> None:
        try:
            self.close()
        except (AttributeError, OSError):
            pass


SimulatedEpoll.__module__ = "select"
SimulatedEpoll.__qualname__ = SimulatedEpoll.__name__ = "epoll"


def make_epoll(original: Any) -> Any:
    """select.epoll: the class that stands for both."""

    class EpollKind(type):
        def __instancecheck__(cls, instance: object) -> bool:
            return isinstance(instance, (original, SimulatedEpoll))

    class epoll(metaclass=EpollKind):
        """Stands for `select.epoll`."""

        def __new__(cls, *arguments: Any, **named: Any) -> Any:
            system = current_system()
            if system is None:
                return original(*arguments, **named)
            system.world.scheduler.tidy()
            return SimulatedEpoll(*arguments, **named)

        @staticmethod
        def fromfd(descriptor: int) -> Any:
            """As epoll.fromfd."""
            if descriptor >= FIRST_DESCRIPTOR:
                return SimulatedEpoll.of(descriptors(), descriptor)
            return original.fromfd(descriptor)

    epoll.__module__ = "select"
    return epoll
