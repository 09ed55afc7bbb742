"""AF_UNIX sockets with names, in memory: between the programs of one machine.

A name is a path, for which a real socket file is made, so that programs can look at it and remove it, or
abstract (it begins with a zero octet). Which socket a path means is told by the file, not by its name.
Connected streams are the ends of a socket pair. Read unix(7).

Left out: credentials in messages; the wait for room in somebody's full queue.
"""

from __future__ import annotations

import os
import stat
import struct
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

from trunkline.fabric.loop import Loop
from trunkline.sockets.constants import (
    AF_UNIX,
    EPOLLHUP,
    EPOLLIN,
    EPOLLOUT,
    EPOLLRDNORM,
    EPOLLWRNORM,
    MSG_PEEK,
    MSG_TRUNC,
    SOCK_DGRAM,
    SOCK_SEQPACKET,
    SOCK_STREAM,
    SOL_SOCKET,
)
from trunkline.sockets.errors import failure
from trunkline.sockets.message import NO_NAME, Address, Message
from trunkline.sockets.options import SO_ACCEPTCONN, SO_PEERCRED
from trunkline.system.descriptors import Description, Waiter
from trunkline.system.passing import again, let_go
from trunkline.system.pipes import LocalSocket, SocketPairEnd

QUEUE_LIMIT: Final = 512  # datagrams that wait at one socket
_PIN: Final = getattr(os, "O_PATH", 0) | os.O_NOFOLLOW | os.O_CLOEXEC
_READABLE: Final = EPOLLIN | EPOLLRDNORM
_WRITABLE: Final = EPOLLOUT | EPOLLWRNORM

Node = tuple[int, int]  # device and inode of a socket file


class UnixNames:
    """Which socket a name means, on one machine."""

    def __init__(self) -> None:
        self.abstract: dict[bytes, UnixSocket] = {}
        self.files: dict[Node, UnixSocket] = {}
        self._automatic = 0

    def claim(self, name: bytes, socket: UnixSocket) -> bytes:
        """Bind a name, one of the machine's choice if it is empty. Raises EADDRINUSE and as mknod(2)."""
        if not name:
            self._automatic += 1
            name = b"\0%05x" % self._automatic
        if name[0] == 0:
            if name in self.abstract:
                raise failure("EADDRINUSE")
            self.abstract[name] = socket
            return name
        path = name.partition(b"\0")[0]
        try:
            os.mknod(path, stat.S_IFSOCK | 0o777)
        except FileExistsError:
            raise failure("EADDRINUSE") from None
        socket.node = self._node(path)
        self.files[socket.node] = socket
        with suppress(OSError):  # too many open files: it stays unpinned
            socket.pin = os.open(path, _PIN)
        return path

    def find(self, name: bytes) -> UnixSocket:
        """The socket that has a name. Raises ECONNREFUSED and as stat(2)."""
        if not name:
            raise failure("EINVAL")
        if name[0] == 0:
            found = self.abstract.get(name)
        else:
            found = self.files.get(self._node(name.partition(b"\0")[0]))
        if found is None:
            raise failure("ECONNREFUSED")
        return found

    def drop(self, socket: UnixSocket) -> None:
        """Its names mean nothing any more; a file stays where it is."""
        if self.abstract.get(socket.name) is socket:
            del self.abstract[socket.name]
        if socket.node is not None and self.files.get(socket.node) is socket:
            del self.files[socket.node]
        socket.unpin()

    @staticmethod
    def _node(path: bytes) -> Node:
        found = os.stat(path)
        return found.st_dev, found.st_ino


class _Forward(Waiter):
    """Tells a socket's waiters what happens at the end of the pair that it stands for."""

    def __init__(self, socket: UnixSocket) -> None:
        self.socket = socket

    def on_ready(self, description: Description, mask: int) -> None:
        """As the end tells it."""
        self.socket.fresh = description.fresh
        self.socket.tell(mask)


class UnixSocket(LocalSocket):
    """A SOCK_STREAM, SOCK_SEQPACKET or SOCK_DGRAM socket of AF_UNIX."""

    pin = -1  # a real descriptor, which keeps the node's number from being given to another

    def __init__(
        self, loop: Loop, names: UnixNames, kind: int, owner: tuple[int, int, int]
    ) -> None:
        super().__init__(loop, "socket")
        if kind not in {SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET}:
            raise failure("ESOCKTNOSUPPORT")
        self.family = AF_UNIX
        self.type = kind
        self.names = names
        self.owner = owner  # process, user and group: what SO_PEERCRED tells the other side
        self.peer_owner = owner
        self.name = b""
        self.peer_name = b""
        self.node: Node | None = None
        self.end: SocketPairEnd | None = None  # of a connected stream
        self.backlog = -1  # -1: not listening
        self.callers: deque[UnixSocket] = deque()
        self.peer: UnixSocket | None = None  # of a connected datagram socket
        self.closed = False
        self._queue: deque[tuple[bytes, bytes, list[Description]]] = deque()

    # ------------------------------------------------------------ readiness

    def readiness(self) -> int:
        """As unix_poll, net/unix/af_unix.c."""
        if self.end is not None:
            return self.end.readiness()
        if self.backlog >= 0:
            return _READABLE if self.callers else 0
        if self.type == SOCK_DGRAM:
            full = self.peer is not None and len(self.peer._queue) >= QUEUE_LIMIT
            return (_READABLE if self._queue else 0) | (0 if full else _WRITABLE)
        return EPOLLHUP | _WRITABLE

    # ------------------------------------------------------------ names and connections

    def bind(self, address: Address) -> None:
        """Raises EINVAL where it has a name, EADDRINUSE."""
        if self.name:
            raise failure("EINVAL")
        self.name = self.names.claim(address[0], self)

    def listen(self, backlog: int) -> None:
        """Raises EINVAL without a name."""
        if self.type == SOCK_DGRAM:
            raise failure("EOPNOTSUPP")
        if not self.name or self.end is not None:
            raise failure("EINVAL")
        self.backlog = backlog

    def accept(self) -> Description | None:
        """A caller's other end."""
        if self.type == SOCK_DGRAM:
            raise failure("EOPNOTSUPP")
        if self.backlog < 0:
            raise failure("EINVAL")
        return self.callers.popleft() if self.callers else None

    def connect(self, address: Address | None) -> bool:
        """At once or not at all. Raises ECONNREFUSED, EAGAIN for a full queue, EPROTOTYPE, EISCONN."""
        if address is None:
            self.peer = None
            return True
        other = self.names.find(address[0])
        if other.type != self.type:
            raise failure("EPROTOTYPE")
        if self.type == SOCK_DGRAM:
            self.peer, self.peer_name = other, other.name
            return True
        if self.end is not None:
            raise failure("EISCONN")
        if self.backlog >= 0:
            raise failure("EINVAL")
        if other.backlog < 0:
            raise failure("ECONNREFUSED")
        if len(other.callers) > other.backlog:
            raise failure("EAGAIN")
        here, there = SocketPairEnd(self.loop, self.type), SocketPairEnd(self.loop, self.type)
        here.peer, there.peer = there, here
        accepted = UnixSocket(self.loop, self.names, self.type, other.owner)
        accepted.name, accepted.peer_name, self.peer_name = other.name, self.name, other.name
        accepted.peer_owner, self.peer_owner = self.owner, other.owner
        self._stand_for(here)
        accepted._stand_for(there)
        other.callers.append(accepted)
        other.notify(_READABLE)
        return True

    def _stand_for(self, end: SocketPairEnd) -> None:
        self.end = end
        end.watch(_Forward(self))

    def finish_connect(self) -> bool:
        """There is nothing to finish."""
        return True

    def getsockname(self) -> Address:
        """Its name, empty if it has none."""
        return (self.name, 0, 0, 0)

    def getpeername(self) -> Address:
        """Raises ENOTCONN."""
        if self.end is None and self.peer is None:
            raise failure("ENOTCONN")
        return (self.peer_name, 0, 0, 0)

    # ------------------------------------------------------------ data

    def recv_message(self, limit: int, flags: int) -> Message | None:
        """With the sender's name, where it is a datagram. Raises EINVAL on a stream without a peer."""
        if self.end is not None:
            return self.end.recv_message(limit, flags)
        if self.type != SOCK_DGRAM:
            raise failure("EINVAL")
        if not self._queue:
            return None
        data, name, held = self._queue[0] if flags & MSG_PEEK else self._queue.popleft()
        message = Message(data[:limit], (name, 0, 0, 0) if name else NO_NAME)
        message.passed = again(held) if flags & MSG_PEEK else held
        message.length = len(data)
        if len(data) > limit:
            message.flags |= MSG_TRUNC
        return message

    def send(self, data: bytes, flags: int) -> int:
        """Raises ENOTCONN, ECONNREFUSED."""
        if self.end is not None:
            return self.end.send(data, flags)
        return self._deliver(self._receiver(None), data, ())

    def send_to(self, data: bytes, flags: int, address: Address) -> int:
        """A datagram to a name. Raises EISCONN or EOPNOTSUPP for streams, as `find`, EPROTOTYPE."""
        return self._deliver(self._receiver(address), data, ())

    def send_descriptors(
        self, data: bytes, flags: int, address: Address | None, held: Sequence[Description]
    ) -> int:
        """As `send` or `send_to`."""
        if self.end is not None and address is None:
            return self.end.send_descriptors(data, flags, None, held)
        return self._deliver(self._receiver(address), data, held)

    def _receiver(self, address: Address | None) -> UnixSocket:
        """Whom a datagram goes to: who has the name, or the peer."""
        if address is None:
            if self.peer is None:
                raise failure("ENOTCONN")
            return self.peer
        if self.type != SOCK_DGRAM:
            raise failure("EISCONN" if self.end is not None else "EOPNOTSUPP")
        other = self.names.find(address[0])
        if other.type != SOCK_DGRAM:
            raise failure("EPROTOTYPE")
        return other

    def _deliver(self, other: UnixSocket, data: bytes, held: Sequence[Description]) -> int:
        if other.closed:
            self.peer = None
            raise failure("ECONNREFUSED")
        if other.peer is not None and other.peer is not self:
            raise failure("EPERM")
        if len(other._queue) >= QUEUE_LIMIT:
            raise failure("EAGAIN")
        other._queue.append((data, self.name, again(held)))
        other.notify(_READABLE)
        return len(data)

    def shutdown(self, how: int) -> None:
        """Raises ENOTCONN on what has no peer."""
        if self.end is None:
            raise failure("ENOTCONN")
        self.end.shutdown(how)

    # ------------------------------------------------------------ the rest

    def getsockopt(self, level: int, option: int, size: int) -> bytes:
        """SO_PEERCRED is the process that made the other end."""
        if level == SOL_SOCKET and option == SO_PEERCRED:
            return struct.pack("3i", *self.peer_owner)[:size]
        if level == SOL_SOCKET and option == SO_ACCEPTCONN:
            return struct.pack("i", int(self.backlog >= 0))[:size]
        end = self.end or SocketPairEnd(self.loop, self.type)
        return end.getsockopt(level, option, size)

    def setsockopt(self, level: int, option: int, value: bytes) -> None:
        """Buffers have sizes; the rest makes no difference."""
        end = self.end or SocketPairEnd(self.loop, self.type)
        end.setsockopt(level, option, value)

    def unread(self) -> int:
        """Octets to read."""
        if self.end is not None:
            return self.end.unread()
        return len(self._queue[0][0]) if self._queue else 0

    def unsent(self) -> int:
        """Octets that the other side has not read."""
        return 0 if self.end is None else self.end.unsent()

    def unpin(self) -> None:
        """Its file's number may be another's now."""
        pin, self.pin = self.pin, -1
        if pin >= 0:
            os.close(pin)

    def __del__(self) -> None:
        self.unpin()

    def close(self) -> None:
        """Its name is free, its callers and its peer learn of it."""
        self.closed = True
        self.names.drop(self)
        if self.end is not None:
            self.end.close()
        for caller in self.callers:
            caller.close()
        self.callers.clear()
        lost, self._queue = self._queue, deque()
        for _data, _name, held in lost:
            let_go(held)
