"""The selector of an asyncio loop that all hosts share: `select` is what lets virtual time pass.

It has the shape of `selectors.BaseSelector` and answers with real `SelectorKey`s. No real time is
measured: `select` runs the world's loop until something registered is ready or the deadline has come.
A poll (timeout 0) costs nothing until 1,000 of them in a row brought nothing: then each costs a little
virtual time, so that a program that spins sees the world go on.

Read the documentation of `selectors`. Left out: real descriptors, which cannot wait in virtual time. What
to say about them, and about a world in which nothing is left to happen, is the business of `Outside`.
"""

from __future__ import annotations

from math import ceil
from selectors import EVENT_READ, EVENT_WRITE, SelectorKey
from typing import TYPE_CHECKING, Any, Final, final

from trunkline.base.native import mypyc_attr
from trunkline.fabric.loop import EVENTS_A_TURN, FOREVER, Loop
from trunkline.sockets.constants import EPOLLERR, EPOLLHUP, EPOLLIN, EPOLLOUT
from trunkline.system.descriptors import Description, DescriptorTable, Waiter

if TYPE_CHECKING:
    from collections.abc import Iterator

    from _typeshed import FileDescriptorLike

IDLE_POLLS: Final = 1000  # polls in a row that brought nothing and cost nothing
POLL_COST: Final = 10_000  # nanoseconds that each one after them costs


@mypyc_attr(allow_interpreted_subclasses=True)
class Outside:
    """What a shared loop does where the simulated world ends. Open for interpreted subclasses."""

    def __init__(self) -> None:
        self.others = (
            False  # somebody beside this loop can run: `give_way` is called before it goes on
        )

    def give_way(self) -> None:
        """Let strands run that can, and forget `others`."""
        self.others = False

    def refuse(self, descriptor: int) -> None:
        """Somebody registers a descriptor that is not simulated. Raises."""
        raise ValueError(
            f"descriptor {descriptor} is not simulated: it cannot be waited for in virtual time"
        )

    def idle(self) -> None:
        """Somebody waits without a deadline, and nothing is left to happen. Raises, or makes it happen."""
        raise RuntimeError(
            "deadlock: the loop waits without a deadline, and nothing is left to happen"
        )


@final
class Entry(Waiter):
    """One registered descriptor: its key, what it waits for in poll's bits, and its description.

    `queued` entries hang in the selector's list of what may be ready, by `next`. `mask` is what was ready
    when the select numbered `turn` was told so; later it has to be asked again.
    """

    __slots__ = (
        "bits",
        "description",
        "events",
        "key",
        "mask",
        "next",
        "queued",
        "selector",
        "turn",
    )

    def __init__(self, selector: LoopSelector, key: SelectorKey, description: Description) -> None:
        self.selector = selector
        self.key = key
        self.description: Description | None = description
        self.events = 0
        self.bits = 0
        self.mask = 0
        self.turn = 0
        self.queued = False
        self.next: Entry | None = None

    def set(self, key: SelectorKey, events: int) -> None:
        """What is asked for from now on."""
        self.key = key
        self.events = events
        bits = EPOLLERR | EPOLLHUP
        if events & EVENT_READ:
            bits |= EPOLLIN
        if events & EVENT_WRITE:
            bits |= EPOLLOUT
        self.bits = bits
        self.turn = 0

    def on_ready(self, description: Description, mask: int) -> None:
        """Into the list, and stop the loop."""
        mask &= self.bits
        if mask:
            selector = self.selector
            self.mask = mask
            self.turn = selector.turn
            if not self.queued:
                selector.enqueue(self)
            selector.loop.interrupt = True

    def on_drained(self, description: Description) -> None:
        """Out of the list at once, where it hangs there alone and reading is all that was asked for."""
        selector = self.selector
        if selector.first is self and self.next is None and self.events == EVENT_READ:
            self.queued = False
            selector.first = None
            selector.last = None

    def on_closed(self, description: Description) -> None:
        """A closed descriptor is never ready; its key stays until it is unregistered."""
        self.description = None


@final
class KeyMap:
    """The mapping that `get_map` returns: by descriptor or by object, in order of registering."""

    __slots__ = ("_selector",)

    def __init__(self, selector: LoopSelector) -> None:
        self._selector = selector

    def __len__(self) -> int:
        return len(self._selector.entries)

    def get(self, fileobj: FileDescriptorLike, default: SelectorKey | None = None) -> Any:
        entry = self._selector.entries.get(self._selector.descriptor_of(fileobj))
        return default if entry is None else entry.key

    def __contains__(self, fileobj: FileDescriptorLike) -> bool:
        return self._selector.descriptor_of(fileobj) in self._selector.entries

    def __getitem__(self, fileobj: FileDescriptorLike) -> SelectorKey:
        return self._selector.get_key(fileobj)

    def __iter__(self) -> Iterator[int]:
        return iter(list(self._selector.entries))

    def keys(self) -> list[int]:
        return list(self._selector.entries)

    def values(self) -> list[SelectorKey]:
        return [entry.key for entry in self._selector.entries.values()]

    def items(self) -> list[tuple[int, SelectorKey]]:
        return [(fd, entry.key) for fd, entry in self._selector.entries.items()]


@final
class LoopSelector:
    """A selector over the world's loop. `idle_polls` counts polls that brought nothing."""

    __slots__ = (
        "_map",
        "_outside",
        "_table",
        "closed",
        "entries",
        "first",
        "idle_polls",
        "last",
        "loop",
        "turn",
    )

    def __init__(self, loop: Loop, table: DescriptorTable, outside: Outside) -> None:
        self.loop = loop
        self._table = table
        self._outside = outside
        self.entries: dict[int, Entry] = {}
        self.first: Entry | None = None  # what may be ready, in order of becoming so
        self.last: Entry | None = None
        self.turn = 1  # the number of the select under way
        self.idle_polls = 0
        self.closed = False
        self._map = KeyMap(self)

    def register(
        self, fileobj: FileDescriptorLike, events: int, data: object = None
    ) -> SelectorKey:
        """Raises ValueError for bad events or a bad object, KeyError for one that is registered."""
        if not events or events & ~(EVENT_READ | EVENT_WRITE):
            raise ValueError(f"Invalid events: {events!r}")
        descriptor = fileobj if isinstance(fileobj, int) else fileobj.fileno()
        if descriptor < 0:
            raise ValueError(f"Invalid file descriptor: {descriptor}")
        if descriptor in self.entries:
            raise KeyError(f"{fileobj!r} (FD {descriptor}) is already registered")
        key = SelectorKey(fileobj, descriptor, events, data)
        description = self._table.find(descriptor)
        if description is None:
            self._outside.refuse(descriptor)
            raise ValueError(f"Invalid file descriptor: {descriptor}")
        entry = Entry(self, key, description)
        entry.set(key, events)
        self.entries[descriptor] = entry
        description.watch(entry)
        self._look(entry)
        return key

    def unregister(self, fileobj: FileDescriptorLike) -> SelectorKey:
        """Raises KeyError for one that is not registered."""
        entry = self.entries.pop(self.descriptor_of(fileobj), None)
        if entry is None:
            raise KeyError(f"{fileobj!r} is not registered")
        description = entry.description
        entry.description = None
        if description is not None:
            description.unwatch(entry)
        return entry.key

    def modify(self, fileobj: FileDescriptorLike, events: int, data: object = None) -> SelectorKey:
        """Raises KeyError for one that is not registered, ValueError for bad events."""
        entry = self.entries.get(self.descriptor_of(fileobj))
        if entry is None:
            raise KeyError(f"{fileobj!r} is not registered")
        if not events or events & ~(EVENT_READ | EVENT_WRITE):
            raise ValueError(f"Invalid events: {events!r}")
        old = entry.key
        key = SelectorKey(old.fileobj, old.fd, events, data)
        entry.set(key, events)
        self._look(entry)
        return key

    def select(self, timeout: float | None = None) -> list[tuple[SelectorKey, int]]:
        """What is ready, after letting the world run until something is. `timeout` in virtual seconds.

        It may come back empty before its time, after many events, so that real signals are seen.
        """
        outside = self._outside
        if outside.others:
            outside.give_way()
        self.turn += 1
        if self.first is not None:
            got = self._collect()
            if got:
                self.idle_polls = 0
                return got
        loop = self.loop
        if timeout is None:
            limit = FOREVER
            if loop.packets_in_flight == 0 and loop.timers.idle():
                outside.idle()
        elif timeout <= 0:
            return self._poll()
        else:
            limit = loop.now + ceil(timeout * 1e9)
        self.idle_polls = 0
        last = loop.event_count + EVENTS_A_TURN
        while loop.run(limit):
            if outside.others:
                outside.give_way()
            if self.first is not None:
                got = self._collect()
                if got:
                    return got
            if loop.event_count >= last:
                return []
        got = self._collect()
        if not got and limit == FOREVER:
            outside.idle()
        return got

    def get_key(self, fileobj: FileDescriptorLike) -> SelectorKey:
        """Raises KeyError for one that is not registered, RuntimeError once closed."""
        if self.closed:
            raise RuntimeError("Selector is closed")
        entry = self.entries.get(self.descriptor_of(fileobj))
        if entry is None:
            raise KeyError(f"{fileobj!r} is not registered")
        return entry.key

    def get_map(self) -> KeyMap | None:
        """The registered keys; None once closed."""
        return None if self.closed else self._map

    def close(self) -> None:
        """Let go of every descriptor."""
        for entry in self.entries.values():
            description = entry.description
            if description is not None:
                description.unwatch(entry)
            entry.description = None
        self.entries.clear()
        self.closed = True

    def __enter__(self) -> LoopSelector:
        return self

    def __exit__(self, *_args: object) -> None:
        self.close()

    def descriptor_of(self, fileobj: FileDescriptorLike) -> int:
        """The number an object is registered under, by object where it has none any more; or -1."""
        descriptor = fileobj if isinstance(fileobj, int) else fileobj.fileno()
        if descriptor < 0:
            for number, entry in self.entries.items():
                if entry.key.fileobj is fileobj:
                    return number
        return descriptor

    def enqueue(self, entry: Entry) -> None:
        """To the end of what may be ready."""
        entry.queued = True
        last = self.last
        if last is None:
            self.first = entry
        else:
            last.next = entry
        self.last = entry

    def _collect(self) -> list[tuple[SelectorKey, int]]:
        """The list, made into an answer; what is no longer ready leaves it, the rest is asked again."""
        got: list[tuple[SelectorKey, int]] = []
        turn = self.turn
        entry = self.first
        self.first = None
        self.last = None
        while entry is not None:
            following = entry.next
            entry.next = None
            entry.queued = False
            description = entry.description
            if description is not None:
                if entry.turn == turn:
                    mask = entry.mask
                    entry.turn = 0
                else:
                    mask = description.readiness() & entry.bits
                if mask:
                    events = 0
                    if mask & ~EPOLLOUT:
                        events = EVENT_READ
                    if mask & ~EPOLLIN:
                        events |= EVENT_WRITE
                    events &= entry.events
                    if events:
                        got.append((entry.key, events))
                    self.enqueue(entry)
            entry = following
        return got

    def _poll(self) -> list[tuple[SelectorKey, int]]:
        """A timeout of 0 that found nothing."""
        self.idle_polls += 1
        if self.idle_polls > IDLE_POLLS:
            self.loop.run(self.loop.now + POLL_COST)
            return self._collect()
        return []

    def _look(self, entry: Entry) -> None:
        description = entry.description
        if description is not None and not entry.queued:
            if description.readiness() & entry.bits:
                self.enqueue(entry)
