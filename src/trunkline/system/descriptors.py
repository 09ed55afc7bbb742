"""Open file descriptions, and the table from descriptors to them: what a program's `fd` means.

A Description is what several descriptors may share after dup; sockets, pipes, epolls and the rest are kinds
of it. Its verbs never block: what would wait returns None or WOULD_BLOCK, and whoever can wait hangs a
Waiter on it. Read open(2), dup(2), epoll(7).

Left out: flags of single descriptors (close-on-exec) and record locks.
"""

from __future__ import annotations

from heapq import heappop, heappush
from typing import Final, final

from trunkline.base.native import mypyc_attr
from trunkline.fabric.loop import Loop
from trunkline.sockets.errors import failure
from trunkline.sockets.watcher import Watcher

FIRST_DESCRIPTOR: Final = 1 << 20  # the kernel's own stay below in practice
DESCRIPTOR_LIMIT: Final = 1 << 20  # descriptors of one world, then EMFILE
WOULD_BLOCK: Final = -1

Address = tuple[bytes, int, int, int]  # address, port, flow label, scope; of AF_UNIX: name, 0, 0, 0
NO_NAME: Final[Address] = (b"", 0, 0, 0)


@mypyc_attr(allow_interpreted_subclasses=True)
class Waiter:
    """Hangs on a Description's list of waiters: an epoll registration, a parked strand."""

    __slots__ = ()

    def on_ready(self, description: Description, mask: int) -> None:
        """Something happened and `mask`, in poll's bits, is what is ready now."""

    def on_closed(self, description: Description) -> None:
        """The last descriptor of the description was closed; it has let go of the waiter."""


@final
class Message:
    """What one receive got: `address` of the sender, `flags` as recvmsg gives them.

    `to`, `nic`, `hop_limit` and `traffic_class` are for ancillary data; -1 or empty where there is none.
    """

    __slots__ = ("address", "data", "flags", "hop_limit", "length", "nic", "to", "traffic_class")

    def __init__(self, data: bytes, address: Address, flags: int = 0) -> None:
        self.data = data
        self.address = address
        self.flags = flags
        self.length = len(data)  # of the whole datagram, which `data` may be cut from
        self.to = b""
        self.nic = 0
        self.hop_limit = -1
        self.traffic_class = -1


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
        self.loop.flush()

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
        raise failure("ENOTSOCK")

    def listen(self, backlog: int) -> None:
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
        if self._free:
            descriptor = heappop(self._free)
        elif self._next < FIRST_DESCRIPTOR + DESCRIPTOR_LIMIT:
            descriptor = self._next
            self._next += 1
        else:
            raise failure("EMFILE")
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
        """Make `new`, a number this table has given out, another descriptor of the same. EBADF if not."""
        description = self.get(descriptor)
        if new == descriptor:
            return new
        old = self._table.get(new)
        if old is None:
            raise failure("EBADF")
        description.references += 1
        self._table[new] = description
        old.release()
        return new

    def descriptors(self) -> list[int]:
        """Every open number, ascending."""
        return sorted(self._table)

    def __len__(self) -> int:
        return len(self._table)
