"""Readiness: epoll, poll and select over Descriptions.

Nothing here waits: all say what is ready now. Who wants to wait hangs a Waiter on the epoll itself, or on
each description (`Poll.watch`, `watch_all`), looks again, and lets the world's loop run. Order is that of Linux: epoll's ready list, with what stays ready at its end; poll's order of registering.

Read epoll(7), epoll_ctl(2), poll(2), select(2). Left out: EPOLLWAKEUP; EPOLLEXCLUSIVE wakes everybody.
"""

from __future__ import annotations

from typing import Final, final

from trunkline.fabric.loop import Loop
from trunkline.sockets.constants import (
    EPOLLERR,
    EPOLLET,
    EPOLLEXCLUSIVE,
    EPOLLHUP,
    EPOLLIN,
    EPOLLONESHOT,
    EPOLLOUT,
    EPOLLPRI,
    EPOLLRDBAND,
    EPOLLRDHUP,
    EPOLLRDNORM,
    EPOLLWRBAND,
    EPOLLWRNORM,
    POLLNVAL,
)
from trunkline.sockets.errors import failure
from trunkline.system.descriptors import Description, DescriptorTable, Waiter

ALWAYS: Final = EPOLLERR | EPOLLHUP  # reported whether asked for or not
READING: Final = EPOLLIN | EPOLLRDNORM | EPOLLRDHUP | ALWAYS
READS: Final = EPOLLRDNORM | EPOLLRDBAND | EPOLLIN | EPOLLHUP | EPOLLERR  # select's three sets
WRITES: Final = EPOLLWRBAND | EPOLLWRNORM | EPOLLOUT | EPOLLERR
EXCEPTS: Final = EPOLLPRI
EXCLUSIVE_OK: Final = EPOLLIN | EPOLLOUT | EPOLLERR | EPOLLHUP | EPOLLET | EPOLLEXCLUSIVE
NESTING_LIMIT: Final = 5  # epolls in epolls, EP_MAX_NESTS + 1; more is ELOOP


@final
class Registration(Waiter):
    """One descriptor in one epoll. `events` 0 means disabled: a one-shot that has been."""

    __slots__ = ("description", "descriptor", "edge", "epoll", "events", "exclusive", "one_shot")

    def __init__(
        self, epoll: Epoll, description: Description, descriptor: int, events: int
    ) -> None:
        self.epoll = epoll
        self.description = description
        self.descriptor = descriptor
        self.events = 0
        self.edge = False
        self.one_shot = False
        self.exclusive = events & EPOLLEXCLUSIVE != 0
        self.set(events)

    def set(self, events: int) -> None:
        """What is asked for from now on."""
        edge = events & EPOLLET != 0
        if edge != self.edge:
            self.description.edges += 1 if edge else -1
        self.edge = edge
        self.one_shot = events & EPOLLONESHOT != 0
        self.events = events & 0xFFFF | ALWAYS

    def on_ready(self, description: Description, mask: int) -> None:
        """Into the ready list, if it is about something asked for and not there yet."""
        if self.edge:
            mask &= description.fresh
        if mask & self.events:
            epoll = self.epoll
            if self not in epoll.ready:
                epoll.ready[self] = None
            if epoll.waiters:
                epoll.notify(EPOLLIN | EPOLLRDNORM)

    def on_drained(self, description: Description) -> None:
        """Out of the ready list at once, where reading is all that was asked for."""
        if not self.events & ~READING:
            self.epoll.ready.pop(self, None)

    def on_closed(self, description: Description) -> None:
        """A closed description vanishes from every epoll."""
        self.epoll.forget(self)


@final
class Epoll(Description):
    """An epoll instance, itself a description: readable while something in it is ready."""

    def __init__(self, loop: Loop, table: DescriptorTable) -> None:
        super().__init__(loop, "epoll")
        self.table = table
        self.ready: dict[Registration, None] = {}
        self.registrations: dict[int, list[Registration]] = {}

    def register(self, descriptor: int, events: int) -> None:
        """EPOLL_CTL_ADD. Raises EBADF, EEXIST, EINVAL, ELOOP."""
        description = self.table.get(descriptor)
        if description is self or (events & EPOLLEXCLUSIVE and events & 0xFFFFFFFF & ~EXCLUSIVE_OK):
            raise failure("EINVAL")
        if isinstance(description, Epoll):
            if events & EPOLLEXCLUSIVE:
                raise failure("EINVAL")
            if description.reaches(self) or description.depth() >= NESTING_LIMIT:
                raise failure("ELOOP")
        if self._find(descriptor, description) is not None:
            raise failure("EEXIST")
        registration = Registration(self, description, descriptor, events)
        self.registrations.setdefault(descriptor, []).append(registration)
        description.watch(registration)
        self._look(registration)

    def modify(self, descriptor: int, events: int) -> None:
        """EPOLL_CTL_MOD; arms a one-shot again. Raises EBADF, ENOENT, EINVAL."""
        registration = self._get(descriptor)
        if events & EPOLLEXCLUSIVE or registration.exclusive:
            raise failure("EINVAL")
        registration.set(events)
        self._look(registration)

    def unregister(self, descriptor: int) -> None:
        """EPOLL_CTL_DEL. Raises EBADF, ENOENT."""
        registration = self._get(descriptor)
        registration.description.unwatch(registration)
        self.forget(registration)

    def poll(self, limit: int) -> list[tuple[int, int]]:
        """Up to `limit` pairs of descriptor and mask, in order of becoming ready. Never waits."""
        got: list[tuple[int, int]] = []
        ready = self.ready
        if not ready:
            return got
        for registration in list(ready):
            del ready[registration]
            mask = registration.description.readiness() & registration.events
            if not mask:
                continue
            got.append((registration.descriptor, mask))
            if registration.one_shot:
                registration.events = 0
            elif not registration.edge:
                ready[registration] = None
            if len(got) == limit:
                break
        return got

    def readiness(self) -> int:
        """Readable while a registration is ready; what no longer is leaves the list."""
        ready = self.ready
        for registration in list(ready):
            if registration.description.readiness() & registration.events:
                return EPOLLIN | EPOLLRDNORM
            del ready[registration]
        return 0

    def close(self) -> None:
        """Let go of everything."""
        for registrations in self.registrations.values():
            for registration in registrations:
                registration.description.unwatch(registration)
                if registration.edge:
                    registration.description.edges -= 1
        self.registrations.clear()
        self.ready.clear()

    def forget(self, registration: Registration) -> None:
        """Drop a registration that hangs on nothing any more."""
        self.ready.pop(registration, None)
        if registration.edge:
            registration.description.edges -= 1
        registrations = self.registrations[registration.descriptor]
        registrations.remove(registration)
        if not registrations:
            del self.registrations[registration.descriptor]

    def reaches(self, other: Epoll) -> bool:
        """Whether `other` is in here, at any depth."""
        for registrations in self.registrations.values():
            for registration in registrations:
                inner = registration.description
                if isinstance(inner, Epoll) and (inner is other or inner.reaches(other)):
                    return True
        return False

    def depth(self) -> int:
        """How deep epolls lie in here, this one included."""
        deepest = 0
        for registrations in self.registrations.values():
            for registration in registrations:
                inner = registration.description
                if isinstance(inner, Epoll):
                    deepest = max(deepest, inner.depth())
        return deepest + 1

    def _look(self, registration: Registration) -> None:
        """A new or changed registration is ready at once if its description is."""
        mask = registration.description.readiness()
        registration.description.fresh = mask
        if mask:
            registration.on_ready(registration.description, mask)

    def _find(self, descriptor: int, description: Description) -> Registration | None:
        for registration in self.registrations.get(descriptor, _NONE):
            if registration.description is description:
                return registration
        return None

    def _get(self, descriptor: int) -> Registration:
        registration = self._find(descriptor, self.table.get(descriptor))
        if registration is None:
            raise failure("ENOENT")
        return registration


_NONE: Final[list[Registration]] = []


@final
class Poll:
    """What `select.poll()` returns: descriptors and what is asked of each, in order of registering."""

    __slots__ = ("_table", "wanted")

    def __init__(self, table: DescriptorTable) -> None:
        self._table = table
        self.wanted: dict[int, int] = {}

    def register(self, descriptor: int, events: int = EPOLLIN | EPOLLPRI | EPOLLOUT) -> None:
        """Ask for a descriptor, or ask for something else of it. Whether it is open is seen at `poll`."""
        self.wanted[descriptor] = events & 0xFFFF

    def modify(self, descriptor: int, events: int) -> None:
        """Ask for something else. Raises ENOENT."""
        if descriptor not in self.wanted:
            raise failure("ENOENT")
        self.wanted[descriptor] = events & 0xFFFF

    def unregister(self, descriptor: int) -> None:
        """Raises KeyError, as Python's does."""
        del self.wanted[descriptor]

    def poll(self) -> list[tuple[int, int]]:
        """Pairs of descriptor and mask of all that is ready; POLLNVAL for one that is not open."""
        got: list[tuple[int, int]] = []
        for descriptor, events in self.wanted.items():
            description = self._table.find(descriptor)
            if description is None:
                got.append((descriptor, POLLNVAL))
                continue
            mask = description.readiness() & (events | ALWAYS)
            if mask:
                got.append((descriptor, mask))
        return got

    def watch(self, waiter: Waiter) -> None:
        """Hang a waiter on each open descriptor's description."""
        for descriptor in self.wanted:
            description = self._table.find(descriptor)
            if description is not None:
                description.watch(waiter)

    def unwatch(self, waiter: Waiter) -> None:
        """Take it off again, from those that are still there."""
        for descriptor in self.wanted:
            description = self._table.find(descriptor)
            if description is not None:
                description.unwatch(waiter)


def select_once(
    table: DescriptorTable, reads: list[int], writes: list[int], excepts: list[int]
) -> tuple[list[int], list[int], list[int]]:
    """What of three lists of descriptors is ready now, each in its own order. Raises EBADF."""
    return (
        _ready_of(table, reads, READS),
        _ready_of(table, writes, WRITES),
        _ready_of(table, excepts, EXCEPTS),
    )


def watch_all(table: DescriptorTable, descriptors: list[int], waiter: Waiter) -> list[Description]:
    """Hang a waiter on the description of each descriptor, once each; returns them for `unwatch`."""
    watched: list[Description] = []
    for descriptor in descriptors:
        description = table.get(descriptor)
        if description not in watched:
            description.watch(waiter)
            watched.append(description)
    return watched


def _ready_of(table: DescriptorTable, descriptors: list[int], bits: int) -> list[int]:
    got: list[int] = []
    for descriptor in descriptors:
        if table.get(descriptor).readiness() & bits:
            got.append(descriptor)
    return got
