"""The same few calls on the kernel's descriptors and on ours, with outcomes that can be compared."""

from __future__ import annotations

import errno
import os
import select
import socket
from collections.abc import Callable
from typing import Any

from trunkline.fabric.loop import Loop
from trunkline.system import pipes, readiness
from trunkline.system.descriptors import DescriptorTable

Outcome = Any
BLOCKED = "EAGAIN"


def outcome(call: Callable[..., Any], *arguments: Any) -> Outcome:
    """What a call returned, or the name of its errno."""
    try:
        return call(*arguments)
    except OSError as error:
        return errno.errorcode[error.errno or 0]
    except KeyError:
        return "KeyError"


class Kernel:
    """The kernel's own, all non-blocking. Descriptors are told by the order of their opening."""

    def __init__(self) -> None:
        self.numbers: list[int] = []
        self.sockets: dict[int, socket.socket] = {}
        self.epolls: dict[int, select.epoll] = {}

    def add(self, number: int) -> int:
        self.numbers.append(number)
        return len(self.numbers) - 1

    def pipe(self) -> tuple[int, int]:
        reader, writer = os.pipe2(os.O_NONBLOCK)
        return self.add(reader), self.add(writer)

    def socketpair(self, type: int) -> tuple[int, int]:
        ends = socket.socketpair(socket.AF_UNIX, type)
        handles = []
        for end in ends:
            end.setblocking(False)
            handle = self.add(end.fileno())
            self.sockets[handle] = end
            handles.append(handle)
        return handles[0], handles[1]

    def eventfd(self, count: int, semaphore: bool) -> int:
        flags = os.EFD_NONBLOCK | (os.EFD_SEMAPHORE if semaphore else 0)
        return self.add(os.eventfd(count, flags))

    def epoll(self) -> int:
        made = select.epoll()
        handle = self.add(made.fileno())
        self.epolls[handle] = made
        return handle

    def dup(self, handle: int) -> int:
        return self.add(os.dup(self.numbers[handle]))

    def close(self, handle: int) -> Outcome:
        if handle in self.sockets:
            self.sockets.pop(handle).detach()
        number = self.numbers[handle]
        self.numbers[handle] = -1
        if handle in self.epolls:
            self.epolls.pop(handle).close()
            return None
        return outcome(os.close, number)

    def read(self, handle: int, limit: int) -> Outcome:
        return outcome(os.read, self.numbers[handle], limit)

    def write(self, handle: int, data: bytes) -> Outcome:
        return outcome(os.write, self.numbers[handle], data)

    def recv(self, handle: int, limit: int, flags: int = 0) -> Outcome:
        got = outcome(self.sockets[handle].recvmsg, limit, 0, flags)
        return got if isinstance(got, str) else (got[0], got[2])

    def send(self, handle: int, data: bytes, flags: int = 0) -> Outcome:
        return outcome(self.sockets[handle].send, data, flags | socket.MSG_NOSIGNAL)

    def shutdown(self, handle: int, how: int) -> Outcome:
        return outcome(self.sockets[handle].shutdown, how)

    def error(self, handle: int) -> Outcome:
        return self.sockets[handle].getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)

    def poll(self, *handles: int, events: int = 0xFFFF) -> list[tuple[int, int]]:
        poll = select.poll()
        for handle in handles:
            poll.register(self.numbers[handle], events & 0x7FFF)
        by_number = {self.numbers[handle]: handle for handle in handles}
        return [(by_number[number], mask) for number, mask in poll.poll(0)]

    def control(self, epoll: int, verb: str, handle: int, events: int = 0) -> Outcome:
        method = getattr(self.epolls[epoll], verb)
        number = self.numbers[handle]
        return outcome(method, number) if verb == "unregister" else outcome(method, number, events)

    def wait(self, epoll: int, limit: int = 100) -> list[tuple[int, int]]:
        by_number = {n: handle for handle, n in enumerate(self.numbers) if n >= 0}
        got = self.epolls[epoll].poll(0, limit)
        return [(by_number.get(number, -1), mask) for number, mask in got]

    def end(self) -> None:
        for handle, number in enumerate(self.numbers):
            if number >= 0:
                self.close(handle)


class Ours:
    """The same of ours."""

    def __init__(self) -> None:
        self.loop = Loop()
        self.table = DescriptorTable()
        self.numbers: list[int] = []

    def add(self, number: int) -> int:
        self.numbers.append(number)
        return len(self.numbers) - 1

    def pipe(self) -> tuple[int, int]:
        reader, writer = pipes.open_pipe(self.loop, self.table)
        return self.add(reader), self.add(writer)

    def socketpair(self, type: int) -> tuple[int, int]:
        one, other = pipes.open_socketpair(self.loop, self.table, type)
        self.table.get(one).nonblocking = self.table.get(other).nonblocking = True
        return self.add(one), self.add(other)

    def eventfd(self, count: int, semaphore: bool) -> int:
        return self.add(pipes.open_eventfd(self.loop, self.table, count, semaphore))

    def epoll(self) -> int:
        return self.add(self.table.open(readiness.Epoll(self.loop, self.table)))

    def dup(self, handle: int) -> int:
        return self.add(self.table.dup(self.numbers[handle]))

    def close(self, handle: int) -> Outcome:
        number = self.numbers[handle]
        self.numbers[handle] = -1
        return outcome(self.table.close, number)

    def read(self, handle: int, limit: int) -> Outcome:
        got = outcome(self.table.get(self.numbers[handle]).read, limit)
        return BLOCKED if got is None else got

    def write(self, handle: int, data: bytes) -> Outcome:
        got = outcome(self.table.get(self.numbers[handle]).write, data)
        return BLOCKED if got == -1 else got

    def recv(self, handle: int, limit: int, flags: int = 0) -> Outcome:
        got = outcome(self.table.get(self.numbers[handle]).recv_message, limit, flags)
        if got is None:
            return BLOCKED
        return got if isinstance(got, str) else (got.data, got.flags)

    def send(self, handle: int, data: bytes, flags: int = 0) -> Outcome:
        got = outcome(self.table.get(self.numbers[handle]).send, data, flags)
        return BLOCKED if got == -1 else got

    def shutdown(self, handle: int, how: int) -> Outcome:
        return outcome(self.table.get(self.numbers[handle]).shutdown, how)

    def error(self, handle: int) -> Outcome:
        return int.from_bytes(self.table.get(self.numbers[handle]).getsockopt(1, 4, 4), "little")

    def poll(self, *handles: int, events: int = 0xFFFF) -> list[tuple[int, int]]:
        poll = readiness.Poll(self.table)
        for handle in handles:
            poll.register(self.numbers[handle], events & 0x7FFF)
        by_number = {self.numbers[handle]: handle for handle in handles}
        return [(by_number[number], mask) for number, mask in poll.poll()]

    def the_epoll(self, handle: int) -> readiness.Epoll:
        made = self.table.get(self.numbers[handle])
        assert isinstance(made, readiness.Epoll)
        return made

    def control(self, epoll: int, verb: str, handle: int, events: int = 0) -> Outcome:
        method = getattr(self.the_epoll(epoll), verb)
        number = self.numbers[handle]
        return outcome(method, number) if verb == "unregister" else outcome(method, number, events)

    def wait(self, epoll: int, limit: int = 100) -> list[tuple[int, int]]:
        by_number = {n: handle for handle, n in enumerate(self.numbers) if n >= 0}
        return [(by_number.get(n, -1), mask) for n, mask in self.the_epoll(epoll).poll(limit)]

    def end(self) -> None:
        for handle, number in enumerate(self.numbers):
            if number >= 0:
                self.close(handle)


def both(body: Callable[[Any], Any]) -> Any:
    """Run a body on both; what it returns must agree. Returns it."""
    ours, kernel = Ours(), Kernel()
    try:
        expected = body(kernel)
    finally:
        kernel.end()
    got = body(ours)
    if got != expected:
        raise AssertionError(difference(got, expected))
    ours.end()
    assert len(ours.table) == 0
    return got


def difference(got: Any, expected: Any) -> str:
    """Where two lists of outcomes part."""
    lines = ["ours differs from the kernel's:"]
    for at, (mine, theirs) in enumerate(zip(got, expected, strict=False)):
        lines.append(f"{at}: {mine!r}" + ("" if mine == theirs else f" but the kernel: {theirs!r}"))
    return "\n".join(lines)
