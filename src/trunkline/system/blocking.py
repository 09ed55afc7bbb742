"""The verbs that wait, over descriptions whose own verbs never do.

`timeout` is seconds of the world's time, None for ever, 0 not at all, as a socket's. A wait hangs one waiter
on the description and parks the strand; when it is woken it tries again.

A call under way holds the description, whatever another strand closes meanwhile, as Linux holds the file:
one without a timeout until it returns, one with a timeout while it waits (Python polls first); such a one
then asks `again` what its socket has now.

Left out on purpose: arguments and addresses as Python writes them; those are the intercept floor's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Final, TypeVar

from trunkline.base.timers import NEVER
from trunkline.sockets.constants import (
    EPOLLERR,
    EPOLLHUP,
    EPOLLIN,
    EPOLLOUT,
    EPOLLPRI,
    EPOLLRDHUP,
    EPOLLRDNORM,
    MSG_DONTWAIT,
    MSG_ERRQUEUE,
    MSG_OOB,
    MSG_PEEK,
    MSG_WAITALL,
    SOCK_STREAM,
)
from trunkline.sockets.errors import failure
from trunkline.system.descriptors import (
    WOULD_BLOCK,
    Address,
    Description,
    Message,
    SocketDescription,
    Waiter,
)
from trunkline.system.errors import EscapeRefused
from trunkline.system.passing import let_go
from trunkline.system.strands import Strand, Wait, current_strand

READABLE: Final = EPOLLIN | EPOLLRDNORM | EPOLLPRI | EPOLLRDHUP | EPOLLHUP | EPOLLERR
WRITABLE: Final = EPOLLOUT | EPOLLHUP | EPOLLERR

# Flags with which a receive never waits.
_AT_ONCE: Final = MSG_DONTWAIT | MSG_OOB | MSG_ERRQUEUE

Outcome = TypeVar("Outcome")
Again = Callable[[], Description]  # what the caller's socket has now


class ReadyWait(Waiter):
    """A parked strand that waits for bits of descriptions."""

    __slots__ = ("bits", "wait")

    def __init__(self, wait: Wait, bits: int) -> None:
        self.wait = wait
        self.bits = bits

    def on_ready(self, description: Description, mask: int) -> None:
        """Wake for the bits that were asked for."""
        if mask & self.bits:
            self.wait.wake()


def this_strand() -> Strand:
    """The strand that the caller is; only strands can wait."""
    strand = current_strand()
    if strand is None:
        raise EscapeRefused(
            1,
            "a simulated descriptor cannot be waited for outside the world's run:"
            " only programs on its hosts can wait",
        )
    return strand


def deadline_of(strand: Strand, timeout: float | None) -> int:
    """The world's time when a timeout is over, rounded up; NEVER for None."""
    if timeout is None:
        return NEVER
    return strand.scheduler.loop.now + max(0, -int(-timeout * 1e9 // 1))


def wait_ready(strand: Strand, description: Description, bits: int, deadline: int) -> bool:
    """Wait until a description, held meanwhile, has one of the bits; False at the deadline. Raises EBADF."""
    if description.readiness() & bits:
        return True
    if description.references <= 0:
        raise failure("EBADF")
    wait = Wait(strand)
    waiter = ReadyWait(wait, bits)
    description.references += 1
    description.watch(waiter)
    try:
        return strand.scheduler.park(wait, deadline)
    finally:
        description.unwatch(waiter)
        description.release()


def until(
    attempt: Callable[[Description], Outcome | None],
    description: Description,
    bits: int,
    timeout: float | None,
    again: Again | None = None,
) -> Outcome:
    """Try, and wait for `bits` between tries. Raises EAGAIN where waiting is not asked for, TimeoutError."""
    outcome = attempt(description)
    if outcome is not None:
        return outcome
    strand = this_strand()
    strand.scheduler.settle()
    outcome = attempt(description)
    if outcome is not None:
        return outcome
    if timeout is None:
        if description.nonblocking:
            strand.scheduler.polled()
            raise failure("EAGAIN")
        return _hold(strand, attempt, description, bits)
    if timeout == 0:
        strand.scheduler.polled()
        raise failure("EAGAIN")
    deadline = deadline_of(strand, timeout)
    while True:
        woken = wait_ready(strand, description, bits, deadline)
        if again is not None:
            description = again()
        outcome = attempt(description)
        if outcome is not None:
            return outcome
        if not woken:
            raise TimeoutError("timed out")


def _hold(
    strand: Strand,
    attempt: Callable[[Description], Outcome | None],
    description: Description,
    bits: int,
) -> Outcome:
    """One call of the system that waits, its description held until it returns."""
    own = option_timeout(description, bits)
    deadline = deadline_of(strand, own)
    description.references += 1
    try:
        while True:
            woken = wait_ready(strand, description, bits, deadline)
            outcome = attempt(description)
            if outcome is not None:
                return outcome
            if not woken:
                raise failure("EAGAIN")
    finally:
        description.release()


def option_timeout(description: Description, bits: int) -> float | None:
    """Seconds of SO_RCVTIMEO or SO_SNDTIMEO, None where it is not set."""
    if not isinstance(description, SocketDescription):
        return None
    socket = description.socket
    span = socket.send_timeout if bits & EPOLLOUT else socket.receive_timeout
    return span / 1e9 if span > 0 else None


def recv(
    description: Description,
    limit: int,
    flags: int,
    timeout: float | None,
    again: Again | None = None,
) -> bytes:
    """recv(2)."""
    if flags & _AT_ONCE:
        timeout = 0
    elif flags & MSG_WAITALL and timeout != 0 and description.type == SOCK_STREAM:
        message = _recv_all(description, limit, flags, timeout, again)
        let_go(message.passed)
        return message.data
    return until(lambda it: it.recv(limit, flags), description, READABLE, timeout, again)


def recv_message(
    description: Description,
    limit: int,
    flags: int,
    timeout: float | None,
    again: Again | None = None,
) -> Message:
    """recvmsg(2), recvfrom(2)."""
    if flags & _AT_ONCE:
        timeout = 0
    elif flags & MSG_WAITALL and timeout != 0 and description.type == SOCK_STREAM:
        return _recv_all(description, limit, flags, timeout, again)
    return until(lambda it: it.recv_message(limit, flags), description, READABLE, timeout, again)


def _recv_all(
    description: Description, limit: int, flags: int, timeout: float | None, again: Again | None
) -> Message:
    """With MSG_WAITALL: all of `limit`, unless the stream ends or fails, or a piece passes something."""
    flags &= ~MSG_WAITALL
    whole = recv_message(description, limit, flags, timeout, again)
    pieces = [whole.data]
    got = len(whole.data)
    description.references += 1
    try:
        while pieces[-1] and got < limit and whole.passed is None and not flags & MSG_PEEK:
            try:
                piece = recv_message(description, limit - got, flags, timeout, again)
            except OSError:
                break
            whole.passed = piece.passed
            pieces.append(piece.data)
            got += len(piece.data)
    finally:
        description.release()
    whole.data = b"".join(pieces)
    whole.length = got
    return whole


def send(
    description: Description,
    data: bytes,
    flags: int,
    timeout: float | None,
    again: Again | None = None,
) -> int:
    """send(2): one that may wait for ever sends all of a stream's data, others what goes at once."""

    def attempt(it: Description, rest: bytes) -> int:
        return it.send(rest, flags)

    return _send(description, attempt, data, flags, timeout, again)


def send_to(
    description: Description,
    data: bytes,
    flags: int,
    address: Address,
    timeout: float | None,
    again: Again | None = None,
) -> int:
    """sendto(2)."""

    def attempt(it: Description, rest: bytes) -> int:
        return it.send_to(rest, flags, address)

    return _send(description, attempt, data, flags, timeout, again)


def send_message(
    description: Description,
    data: bytes,
    flags: int,
    address: Address | None,
    items: list[tuple[int, int, bytes]],
    timeout: float | None,
    again: Again | None = None,
) -> int:
    """sendmsg(2) with control items."""

    def attempt(it: Description, rest: bytes) -> int:
        return it.send_message(rest, flags, address, items)

    return _send(description, attempt, data, flags, timeout, again)


def send_descriptors(
    description: Description,
    data: bytes,
    flags: int,
    address: Address | None,
    held: list[Description],
    timeout: float | None,
    again: Again | None = None,
) -> int:
    """sendmsg(2) with descriptors, which go with the first octets."""
    rests = held

    def attempt(it: Description, rest: bytes) -> int:
        nonlocal rests
        count = it.send_descriptors(rest, flags, address, rests)
        if count != WOULD_BLOCK:
            rests = []
        return count

    return _send(description, attempt, data, flags, timeout, again)


def _send(
    description: Description,
    attempt: Callable[[Description, bytes], int],
    data: bytes,
    flags: int,
    timeout: float | None,
    again: Again | None,
) -> int:
    if flags & MSG_DONTWAIT:
        timeout = 0
    whole = timeout is None and not description.nonblocking
    sent = 0
    description.references += 1
    try:
        while True:
            rest = data[sent:]
            try:
                sent += until(
                    partial(_some, attempt, rest),
                    description,
                    WRITABLE,
                    timeout,
                    again,
                )
            except OSError:
                if not sent:
                    raise
                return sent
            if not whole or sent >= len(data) or description.type != SOCK_STREAM:
                return sent
    finally:
        description.release()


def _some(
    attempt: Callable[[Description, bytes], int], data: bytes, description: Description
) -> int | None:
    """What a try to send gives, None where it would wait."""
    count = attempt(description, data)
    return None if count == WOULD_BLOCK else count


def _write(description: Description, data: bytes) -> int:
    return description.write(data)


def send_all(
    description: Description,
    data: bytes,
    flags: int,
    timeout: float | None,
    again: Again | None = None,
) -> None:
    """All of it, the timeout being for the whole, as socket.sendall has it."""
    sent = description.send(data, flags)
    if sent == len(data):
        return
    sent = max(sent, 0)
    strand = this_strand()
    at_once = timeout == 0 or (timeout is None and description.nonblocking)
    own = option_timeout(description, EPOLLOUT) if timeout is None else None
    deadline = deadline_of(strand, timeout if own is None else own)
    strand.scheduler.settle()
    held = description
    held.references += 1
    try:
        while True:
            more = description.send(data[sent:], flags)
            sent += max(more, 0)
            if sent >= len(data):
                return
            if at_once and more <= 0:
                strand.scheduler.polled()
                raise failure("EAGAIN")
            if not at_once and not wait_ready(strand, description, WRITABLE, deadline):
                raise TimeoutError("timed out") if own is None else failure("EAGAIN")
            if timeout is not None and again is not None:
                description = again()
    finally:
        held.release()


def accept(
    description: Description, timeout: float | None, again: Again | None = None
) -> Description:
    """accept(2)."""
    return until(lambda it: it.accept(), description, READABLE, timeout, again)


def connect(
    description: Description,
    address: Address | None,
    timeout: float | None,
    again: Again | None = None,
) -> None:
    """connect(2). Raises EINPROGRESS where waiting is not asked for, TimeoutError."""
    if description.connect(address):
        return
    if timeout == 0 or (timeout is None and description.nonblocking):
        raise failure("EINPROGRESS")
    strand = this_strand()
    deadline = deadline_of(strand, timeout)
    held = description
    held.references += 1
    try:
        while not description.finish_connect():
            if not wait_ready(strand, description, WRITABLE, deadline):
                raise TimeoutError("timed out")
            if timeout is not None and again is not None:
                description = again()
    finally:
        held.release()


def read(description: Description, limit: int) -> bytes:
    """read(2)."""
    return until(lambda it: it.read(limit), description, READABLE, None)


def write(description: Description, data: bytes) -> int:
    """write(2): all of it where it may wait."""
    whole = not description.nonblocking
    sent = 0
    description.references += 1
    try:
        while True:
            rest = data[sent:]
            sent += until(
                partial(_some, _write, rest),
                description,
                WRITABLE,
                None,
            )
            if not whole or sent >= len(data):
                return sent
    finally:
        description.release()


def wait_any(
    descriptions: Iterable[tuple[Description, int]],
    ready: Callable[[], bool],
    timeout: float | None,
) -> bool:
    """Wait until `ready` says so, looking whenever one of the descriptions has some of its bits."""
    strand = this_strand()
    strand.scheduler.settle()
    if ready():
        return True
    if timeout is not None and timeout <= 0:
        strand.scheduler.polled()
        return ready()
    deadline = deadline_of(strand, timeout)
    watched = list(descriptions)
    while True:
        wait = Wait(strand)
        waiters = []
        for description, bits in watched:
            waiter = ReadyWait(wait, bits)
            description.references += 1
            description.watch(waiter)
            waiters.append((description, waiter))
        try:
            woken = strand.scheduler.park(wait, deadline)
        finally:
            for description, waiter in waiters:
                description.unwatch(waiter)
                description.release()
        if ready():
            return True
        if not woken:
            return False


def sleep(seconds: float) -> None:
    """time.sleep."""
    strand = this_strand()
    if seconds <= 0:
        strand.scheduler.yield_turn(strand)
    else:
        strand.scheduler.park(Wait(strand), deadline_of(strand, seconds))
