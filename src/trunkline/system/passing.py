"""Descriptors that AF_UNIX sockets pass (SCM_RIGHTS): descriptions held by a message until it is received.

A real file travels as a duplicate of its descriptor. Read unix(7), cmsg(3).

Left out: credentials; finding sockets that only lie in each other's messages, which stay until their world
is gone.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterable, Sequence
from typing import Final

from trunkline.fabric.loop import Loop
from trunkline.sockets.errors import failure
from trunkline.sockets.watcher import Watcher
from trunkline.system.descriptors import FIRST_DESCRIPTOR, Description, DescriptorTable

PASSED_LIMIT: Final = 253  # descriptors in one message, SCM_MAX_FD


class RealFile(Description):
    """Stands for a real file while it is under way."""

    def __init__(self, loop: Loop, descriptor: int) -> None:
        super().__init__(loop, "file")
        self._descriptor = -1
        self._descriptor = os.dup(descriptor)

    def open(self) -> int:
        """A descriptor of the file, for whoever receives it."""
        descriptor = os.dup(self._descriptor)
        os.set_inheritable(descriptor, True)
        return descriptor

    def close(self) -> None:
        """Let go of the file."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)

    def __del__(self) -> None:
        self.close()


def hold(loop: Loop, table: DescriptorTable, descriptors: Sequence[int]) -> list[Description]:
    """What some descriptors mean, held for a message. Raises EINVAL for too many, EBADF."""
    if len(descriptors) > PASSED_LIMIT:
        raise failure("EINVAL")
    held: list[Description] = []
    try:
        for descriptor in descriptors:
            if descriptor >= FIRST_DESCRIPTOR:
                description = table.get(descriptor)
            else:
                description = RealFile(loop, descriptor)
            description.references += 1
            held.append(description)
    except OSError:
        let_go(held)
        raise
    return held


def again(held: Iterable[Description]) -> list[Description]:
    """The same once more, for another message."""
    copy = list(held)
    for description in copy:
        description.references += 1
    return copy


def install(table: DescriptorTable, held: Sequence[Watcher], limit: int) -> list[int]:
    """Descriptors for up to `limit` of what a message held; it holds nothing any more."""
    descriptors: list[int] = []
    try:
        for description in held[:limit]:
            if isinstance(description, RealFile):
                descriptors.append(description.open())
            elif isinstance(description, Description):
                descriptors.append(table.open(description))
    except OSError:  # the table is full: the rest is cut off
        pass
    finally:
        let_go(held)
    return descriptors


def let_go(held: Sequence[Watcher] | None) -> None:
    """A message that held descriptions is gone.

    What that closes may hold others in its own messages: they follow one after the other, for such a
    chain may be longer than the stack.
    """
    if not held:
        return
    under_way = bool(_leaving)
    _leaving.extend(held)
    if under_way:
        return
    try:
        while _leaving:
            description = _leaving[0]
            if isinstance(description, Description):
                description.release()
            _leaving.popleft()
    finally:
        _leaving.clear()


_leaving: Final[deque[Watcher]] = deque()
