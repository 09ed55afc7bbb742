"""Open file descriptions, and the table from descriptors to them: what a program's `fd` means.

A Description is what several descriptors may share after dup; sockets, pipes, epolls and the rest are kinds
of it. Its verbs never block: what would wait returns None or WOULD_BLOCK, and whoever can wait hangs a
Waiter on it. Read open(2), dup(2), epoll(7).

Left out: flags of single descriptors (close-on-exec) and record locks.
"""

from __future__ import annotations

from collections.abc import Sequence
from heapq import heappop, heappush
from typing import Final, final

from trunkline.base.native import mypyc_attr
from trunkline.fabric.loop import Loop
from trunkline.internet.paths import LOCAL
from trunkline.sockets.constants import EPOLLOUT, MSG_DONTWAIT
from trunkline.sockets.errors import failure
from trunkline.sockets.message import NO_NAME, WOULD_BLOCK, Address, Message
from trunkline.sockets.options import get_option, set_option
from trunkline.sockets.socket import WRITABLE, Socket
from trunkline.sockets.stream import StreamSocket
from trunkline.sockets.watcher import Watcher
from trunkline.transport.tcp.block import CLOSE_WAIT, ESTABLISHED
from trunkline.transport.tcp.connection import Connection

__all__ = [
    "DESCRIPTOR_LIMIT",
    "FIRST_DESCRIPTOR",
    "NO_NAME",
    "WOULD_BLOCK",
    "Address",
    "Description",
    "DescriptorTable",
    "Message",
    "SocketDescription",
    "Waiter",
]

FIRST_DESCRIPTOR: Final = 1 << 20  # the kernel's own stay below in practice
CARRY_TURNS: Final = 64  # runs of the loop within one verb, for what happens at the same instant
DESCRIPTOR_LIMIT: Final = 1 << 20  # descriptors of one world, then EMFILE


@mypyc_attr(allow_interpreted_subclasses=True)
class Waiter:
    """Hangs on a Description's list of waiters: an epoll registration, a parked strand."""

    __slots__ = ()

    def on_ready(self, description: Description, mask: int) -> None:
        """Something happened and `mask`, in poll's bits, is what is ready now."""

    def on_closed(self, description: Description) -> None:
        """The last descriptor of the description was closed; it has let go of the waiter."""

    def on_drained(self, description: Description) -> None:
        """A hint that may be missed: there is nothing to read any more, and no end either."""


@mypyc_attr(allow_interpreted_subclasses=True)
class Description(Watcher):
    """An open file description. `kind` is for people: `socket`, `pipe`.

    `fresh` is what the notification under way is about: edge-triggered registrations look at it, the
    others at what is ready. `references` counts descriptors.
    """

    def __init__(self, loop: Loop, kind: str) -> None:
        self.loop = loop
        self.kind = kind
        self.references = 0
        self.nonblocking = False
        self.waiters: list[Waiter] = []
        self.edges = 0  # how many of the waiters want to know what is fresh
        self.fresh = 0
        self.family = 0
        self.type = 0
        self.protocol = 0

    # ---- readiness

    def readiness(self) -> int:
        """What a caller would not have to wait for, in poll's bits."""
        return 0

    def on_ready(self) -> None:
        """The thing below changed: tell the waiters what is ready, if anything is."""
        mask = self.readiness()
        self.fresh = mask
        self.tell(mask)

    def notify(self, fresh: int) -> None:
        """An event of just these bits happened: tell the waiters."""
        self.fresh = fresh
        self.tell(self.readiness())

    def tell(self, mask: int) -> None:
        """Call every waiter; they may come and go meanwhile."""
        waiters = self.waiters
        if not mask or not waiters:
            return
        if len(waiters) == 1:
            waiters[0].on_ready(self, mask)
            return
        for waiter in waiters.copy():
            waiter.on_ready(self, mask)

    def watch(self, waiter: Waiter) -> None:
        """Hang a waiter on it."""
        self.waiters.append(waiter)

    def unwatch(self, waiter: Waiter) -> None:
        """Take a waiter off it, if it is there."""
        waiters = self.waiters
        for at in range(len(waiters)):
            if waiters[at] is waiter:
                del waiters[at]
                return

    # ---- life

    def release(self) -> None:
        """One descriptor less; the last one closes it and lets go of the waiters."""
        self.references -= 1
        if self.references > 0:
            return
        waiters = self.waiters
        self.waiters = []
        for waiter in waiters:
            waiter.on_closed(self)
        self.close()
        carry(self.loop)

    def close(self) -> None:
        """The end of it. Called once, by `release`."""

    # ---- verbs of every file; a kind that has none refuses as Linux does

    def read(self, limit: int) -> bytes | None:
        """Up to `limit` octets, b"" at the end, None where one would wait."""
        raise failure("EINVAL")

    def write(self, data: bytes) -> int:
        """How many octets were taken, or WOULD_BLOCK."""
        raise failure("EINVAL")

    # ---- verbs of sockets

    def bind(self, address: Address) -> None:
        """Raises EINVAL when bound already, EADDRINUSE, EADDRNOTAVAIL."""
        raise failure("ENOTSOCK")

    def listen(self, backlog: int) -> None:
        """Raises EINVAL when connected, EADDRINUSE, EOPNOTSUPP."""
        raise failure("ENOTSOCK")

    def accept(self) -> Description | None:
        """A connection that came, or None where one would wait. Its peer is `getpeername`."""
        raise failure("ENOTSOCK")

    def connect(self, address: Address | None) -> bool:
        """True when connected, False when that is under way; None dissolves. EALREADY the second time."""
        raise failure("ENOTSOCK")

    def finish_connect(self) -> bool:
        """True when a connect under way has succeeded, False while it has not; raises its failure."""
        raise failure("ENOTSOCK")

    def recv(self, limit: int, flags: int) -> bytes | None:
        """Up to `limit` octets, b"" at the end of a stream, None where one would wait."""
        raise failure("ENOTSOCK")

    def recv_message(self, limit: int, flags: int) -> Message | None:
        """As `recv`, with all that recvfrom and recvmsg tell."""
        raise failure("ENOTSOCK")

    def send(self, data: bytes, flags: int) -> int:
        """How many octets were taken, or WOULD_BLOCK."""
        raise failure("ENOTSOCK")

    def send_to(self, data: bytes, flags: int, address: Address) -> int:
        """As `send`, to an address."""
        raise failure("ENOTSOCK")

    def send_message(
        self,
        data: bytes,
        flags: int,
        address: Address | None,
        items: list[tuple[int, int, bytes]],
    ) -> int:
        """As `send` or `send_to`, with control items of sendmsg: level, type, octets. Raises EINVAL."""
        raise failure("ENOTSOCK")

    def send_descriptors(
        self, data: bytes, flags: int, address: Address | None, held: Sequence[Description]
    ) -> int:
        """As `send` or `send_to`, with descriptions that the message then holds too (SCM_RIGHTS)."""
        raise failure("ENOTSOCK")

    def shutdown(self, how: int) -> None:
        raise failure("ENOTSOCK")

    def getsockname(self) -> Address:
        raise failure("ENOTSOCK")

    def getpeername(self) -> Address:
        raise failure("ENOTSOCK")

    def getsockopt(self, level: int, option: int, size: int) -> bytes:
        """The value's octets, at most `size`: an int is 4 of them in the machine's order."""
        raise failure("ENOTSOCK")

    def setsockopt(self, level: int, option: int, value: bytes) -> None:
        raise failure("ENOTSOCK")

    def unread(self) -> int:
        """What FIONREAD tells."""
        raise failure("ENOTTY")

    def unsent(self) -> int:
        """What SIOCOUTQ tells."""
        raise failure("ENOTTY")


def carry(loop: Loop) -> None:
    """Carry what a verb made to send; what arrives at the same instant has arrived when this returns.

    So a host's own loopback, as the kernel's, makes nobody wait. Whoever was woken meanwhile runs later.
    """
    if loop.marked or loop.events:
        loop.flush()
    now = loop.now
    timers = loop.timers
    if timers.next_time() != now:
        return
    woken = loop.interrupt
    turns = CARRY_TURNS
    while turns > 0 and timers.next_time() == now:
        loop.interrupt = False
        if loop.run(now):
            woken = True
        turns -= 1
    loop.interrupt = woken


@final
class SocketDescription(Description):
    """A socket's description: its verbs, each followed by carrying what it made to send."""

    def __init__(self, loop: Loop, socket: Socket) -> None:
        super().__init__(loop, "socket")
        self.socket = socket
        self.family = socket.family
        self.type = socket.type
        self.protocol = socket.protocol
        self._arrivals = 0  # of the socket, when edge-triggered waiters last looked
        self._mask = 0  # what was ready then
        self._blocked = False  # somebody found it not writable since
        self._stream: StreamSocket | None = None
        if isinstance(socket, StreamSocket):
            self._stream = socket
        socket.watcher = self

    def readiness(self) -> int:
        mask = self.socket.readiness()
        if not mask & EPOLLOUT:
            self._blocked = True
        return mask

    def on_ready(self) -> None:
        waiters = self.waiters
        if not waiters:
            return
        stream = self._stream
        mask = self.socket.readiness() if stream is None else stream.readiness()
        if self.edges:
            self._sort_out(mask)
        if not mask:
            return
        if len(waiters) == 1:
            waiters[0].on_ready(self, mask)
        else:
            self.tell(mask)

    def _sort_out(self, mask: int) -> None:
        """What of the mask is news, as Linux's wake-ups tell it."""
        fresh = mask & ~self._mask
        arrivals = self.socket.arrivals()
        if arrivals != self._arrivals:
            self._arrivals = arrivals
            fresh |= mask & ~WRITABLE
        if self._blocked and mask & EPOLLOUT:
            self._blocked = False
            fresh |= WRITABLE
        self._mask = mask
        self.fresh = fresh

    def close(self) -> None:
        self.socket.close(self.loop.now)

    def read(self, limit: int) -> bytes | None:
        return self.recv(limit, 0)

    def write(self, data: bytes) -> int:
        return self.send(data, 0)

    def bind(self, address: Address) -> None:
        self.socket.bind(address, self.loop.now)

    def listen(self, backlog: int) -> None:
        self.socket.listen(backlog, self.loop.now)

    def accept(self) -> Description | None:
        socket = self.socket.accept(self.loop.now)
        return None if socket is None else SocketDescription(self.loop, socket)

    def connect(self, address: Address | None) -> bool:
        loop = self.loop
        try:
            return self.socket.connect(address, loop.now)
        finally:
            carry(loop)

    def finish_connect(self) -> bool:
        return self.socket.finish_connect(self.loop.now)

    def recv(self, limit: int, flags: int) -> bytes | None:
        loop = self.loop
        stream = self._stream
        if stream is not None and not flags:
            connection = stream.connection
            if connection is not None and connection.urgent_at < 0:
                unread = connection.unread
                if unread.octets:
                    data = connection.receive(limit, loop.now)
                    if not unread.octets and connection.state == ESTABLISHED:
                        for waiter in self.waiters:
                            waiter.on_drained(self)
                    if loop.marked:
                        self._carry(connection)
                    return data
        return self._recv_slowly(limit, flags)

    def _recv_slowly(self, limit: int, flags: int) -> bytes | None:
        loop = self.loop
        data = self.socket.recv(limit, flags, loop.now)
        if data is None:
            return self._nothing(flags)
        if loop.marked:
            carry(loop)
        return data

    def recv_message(self, limit: int, flags: int) -> Message | None:
        loop = self.loop
        message = self.socket.recv_message(limit, flags, loop.now)
        if message is None:
            data = self._nothing(flags)
            return None if data is None else Message(data, NO_NAME)
        if loop.marked:
            carry(loop)
        return message

    def _nothing(self, flags: int) -> bytes | None:
        """A datagram socket shut for reading ends a wait, though it refuses nobody who would not wait."""
        if self.socket.read_shut and not self.nonblocking and not flags & MSG_DONTWAIT:
            return b""
        return None

    def send(self, data: bytes, flags: int) -> int:
        loop = self.loop
        stream = self._stream
        if stream is not None and not flags:
            connection = stream.connection
            if connection is not None and not connection.fin_pending:
                if connection.state in (ESTABLISHED, CLOSE_WAIT):
                    count = connection.send(data, loop.now)
                    if loop.marked:
                        self._carry(connection)
                    if count == len(data):
                        return count
                    return self._send_rest(data, count, 0)
        count = self.socket.send(data, flags, loop.now)
        carry(loop)
        if count < len(data) and stream is not None:
            return self._send_rest(data, count, flags)
        return count

    def _carry(self, connection: Connection) -> None:
        """Carry what a connection has to say; only a loopback answers at the same instant."""
        if connection.path.kind == LOCAL:
            carry(self.loop)
        else:
            self.loop.flush()

    def _send_rest(self, data: bytes, sent: int, flags: int) -> int:
        """As the kernel's loopback: what is acknowledged at the same instant makes room at once."""
        loop = self.loop
        self._blocked = True
        if sent <= 0:
            return WOULD_BLOCK
        while sent < len(data):
            try:
                count = self.socket.send(data[sent:], flags, loop.now)
            except OSError:
                return sent
            if count <= 0:
                return sent
            sent += count
            carry(loop)
        return sent

    def send_to(self, data: bytes, flags: int, address: Address) -> int:
        loop = self.loop
        count = self.socket.send_to(data, flags, address, loop.now)
        carry(loop)
        return count

    def send_message(
        self,
        data: bytes,
        flags: int,
        address: Address | None,
        items: list[tuple[int, int, bytes]],
    ) -> int:
        loop = self.loop
        count = self.socket.send_message(data, flags, address, items, loop.now)
        carry(loop)
        return count

    def shutdown(self, how: int) -> None:
        loop = self.loop
        try:
            self.socket.shutdown(how, loop.now)
        finally:
            carry(loop)

    def getsockname(self) -> Address:
        return self.socket.getsockname()

    def getpeername(self) -> Address:
        return self.socket.getpeername()

    def getsockopt(self, level: int, option: int, size: int) -> bytes:
        return get_option(self.socket, level, option, size, self.loop.now)

    def setsockopt(self, level: int, option: int, value: bytes) -> None:
        loop = self.loop
        set_option(self.socket, level, option, value, loop.now)
        carry(loop)

    def unread(self) -> int:
        return self.socket.unread()

    def unsent(self) -> int:
        return self.socket.unsent()


@final
class DescriptorTable:
    """The descriptors of one world: numbers are unique in the process, as a program hands them around."""

    __slots__ = ("_free", "_next", "_table")

    def __init__(self) -> None:
        self._table: dict[int, Description] = {}
        self._free: list[int] = []  # closed numbers below `_next`, a heap: the lowest goes first
        self._next = FIRST_DESCRIPTOR

    def open(self, description: Description) -> int:
        """A descriptor for it: the lowest free number. Raises EMFILE."""
        descriptor = self._next
        while self._free:
            lowest = heappop(self._free)
            if lowest not in self._table:  # else dup2 has taken it since
                descriptor = lowest
                break
        if descriptor == self._next:
            if descriptor >= FIRST_DESCRIPTOR + DESCRIPTOR_LIMIT:
                raise failure("EMFILE")
            self._next += 1
        self._table[descriptor] = description
        description.references += 1
        return descriptor

    def find(self, descriptor: int) -> Description | None:
        """What a descriptor means, or None."""
        return self._table.get(descriptor)

    def get(self, descriptor: int) -> Description:
        """What a descriptor means. Raises EBADF."""
        description = self._table.get(descriptor)
        if description is None:
            raise failure("EBADF")
        return description

    def close(self, descriptor: int) -> None:
        """Free a descriptor. Raises EBADF."""
        description = self._table.pop(descriptor, None)
        if description is None:
            raise failure("EBADF")
        heappush(self._free, descriptor)
        description.release()

    def dup(self, descriptor: int) -> int:
        """Another descriptor of the same description. Raises EBADF, EMFILE."""
        return self.open(self.get(descriptor))

    def dup2(self, descriptor: int, new: int) -> int:
        """Make `new`, a number of this table, another descriptor of the same. EBADF if it is not one."""
        description = self.get(descriptor)
        if new == descriptor:
            return new
        if not FIRST_DESCRIPTOR <= new < FIRST_DESCRIPTOR + DESCRIPTOR_LIMIT:
            raise failure("EBADF")
        while self._next <= new:
            heappush(self._free, self._next)
            self._next += 1
        old = self._table.get(new)
        description.references += 1
        self._table[new] = description
        if old is not None:
            old.release()
        return new

    def descriptors(self) -> list[int]:
        """Every open number, ascending."""
        return sorted(self._table)

    def __len__(self) -> int:
        return len(self._table)
