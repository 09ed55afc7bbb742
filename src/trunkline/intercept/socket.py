"""Sockets: a `socket.socket` whose kernel part is never made, over a description of the machine's own.

`SimulatedSocket` is a real subclass, so isinstance holds everywhere; the C part it inherits has no
descriptor, so a C method reached by accident fails with EBADF instead of touching the kernel. Which class
a call of `socket.socket` makes is decided in `making`.

Left out: AF_ALG and the other families that have no network here.
"""

from __future__ import annotations

import _socket
import os
import socket
import stat
import sys
import warnings
from typing import Any, Final
from weakref import WeakValueDictionary

from trunkline.intercept import ancillary
from trunkline.intercept.addresses import from_python, to_python
from trunkline.intercept.arguments import (
    LARGEST,
    enum_of,
    index,
    integer,
    is_ours,
    octets_of,
    size,
    timeout_of,
    writable,
)
from trunkline.sockets.errors import failure
from trunkline.system import blocking
from trunkline.system.descriptors import (
    Address,
    Description,
    DescriptorTable,
    SocketDescription,
)
from trunkline.system.errors import EscapeRefused
from trunkline.system.passing import let_go
from trunkline.system.strands import current_strand, current_system
from trunkline.system.system import System
from trunkline.system.world import WORLDS

real_getdefaulttimeout: Final = _socket.getdefaulttimeout
_O_TYPE_FLAGS: Final = 0o2004000  # SOCK_NONBLOCK | SOCK_CLOEXEC
_SO_ERROR_SIZE: Final = 4
_OPTION_LIMIT: Final = 1024
MSG_CMSG_CLOEXEC: Final = 0x40000000

_INITIAL: Any = object()


class Closed(Description):
    """What a closed socket has in place of a description: every verb is EBADF."""

    def __init__(self, old: Description) -> None:
        super().__init__(old.loop, "closed")
        self.family, self.type, self.protocol = old.family, old.type, old.protocol

    def _bad(self, *_arguments: Any) -> Any:
        raise failure("EBADF")

    def readiness(self) -> int:
        """Nothing is."""
        raise failure("EBADF")


_VERBS: Final = [
    "recv",
    "recv_message",
    "send",
    "send_to",
    "bind",
    "listen",
    "accept",
    "connect",
    "finish_connect",
    "shutdown",
    "getsockname",
    "getpeername",
    "getsockopt",
    "setsockopt",
    "read",
    "write",
    "unread",
    "unsent",
]
for _verb in _VERBS:
    setattr(Closed, _verb, Closed._bad)


def descriptors() -> DescriptorTable:
    """The table of the caller's world. Raises EBADF where there is none."""
    strand = current_strand()
    if strand is not None:
        return strand.world.descriptors
    for world in WORLDS:
        if len(world.descriptors):
            return world.descriptors
    raise failure("EBADF")


class Simulated(socket.socket):
    """The methods of a `socket.socket` on a simulated machine; what it keeps is the subclasses'."""

    __slots__ = ()

    _description: Description
    _family: int
    _fd: int
    _kind: int
    _proto: int
    _system: System | None
    _table: DescriptorTable
    _timeout: float | None

    def __init__(
        self, family: int = -1, type: int = -1, proto: int = -1, fileno: Any = None
    ) -> None:
        self._fd = -1
        self._io_refs = 0
        self._closed = False
        self._system = system = current_system()
        family, type, proto = integer(family), integer(type), integer(proto)
        if fileno is None:
            family = int(socket.AF_INET) if family == -1 else family
            type = int(socket.SOCK_STREAM) if type == -1 else type
            proto = 0 if proto == -1 else proto
            assert system is not None
            self._table = table = system.world.descriptors
            descriptor = system.open_socket(family, type & ~_O_TYPE_FLAGS, proto)
            self._description = table.get(descriptor)
            default = socket.getdefaulttimeout()
            self._timeout = 0.0 if type & socket.SOCK_NONBLOCK else default
        else:
            descriptor = integer(fileno)
            if descriptor < 0:
                raise ValueError("negative file descriptor")
            if not is_ours(descriptor):
                refuse_real(descriptor)
            self._table = descriptors()
            self._description = description = self._table.get(descriptor)
            if not description.type:
                raise failure("ENOTSOCK")
            family = description.family if family == -1 else family
            type = description.type if type == -1 else type
            proto = description.protocol if proto == -1 else proto
            self._timeout = socket.getdefaulttimeout()
        self._family, self._kind, self._proto = family, type & ~_O_TYPE_FLAGS, proto
        self._fd = descriptor
        self._description.nonblocking = self._timeout is not None
        _facades[descriptor] = self

    def _now(self) -> Description:
        """What the socket has after a wait: another thread may have closed it."""
        return self._description

    # ------------------------------------------------------------ sending and receiving

    def send(self, data: Any, flags: int = 0, /) -> int:
        """As socket.send."""
        if data.__class__ is not bytes:
            data = octets_of(data)
        sent = self._description.send(data, flags)
        if sent < len(data):
            return self._send_rest(data, flags, sent)
        return sent

    def _send_rest(self, data: bytes, flags: int, sent: int) -> int:
        sent = max(sent, 0)
        if self._timeout is None or not sent:
            rest = data[sent:] if sent else data
            try:
                sent += blocking.send(self._description, rest, flags, self._timeout, self._now)
            except OSError:
                if not sent:
                    raise
        while sent < len(data) and self._timeout is not None:  # what fits when all has moved on
            blocking.this_strand().scheduler.settle()
            more = self._description.send(data[sent:], flags)
            if more <= 0:
                break
            sent += more
        return sent

    def recv(self, bufsize: int, flags: int = 0, /) -> bytes:
        """As socket.recv."""
        if not flags and bufsize.__class__ is int and 0 < bufsize <= LARGEST:
            data = self._description.recv(bufsize, 0)
            if data is not None:
                return data
        bufsize = size(bufsize, "recv")
        if not bufsize:
            return b""
        if flags & socket.MSG_TRUNC:
            return self._recv_length(bufsize, flags)
        return blocking.recv(self._description, bufsize, flags, self._timeout, self._now)

    def _recv_length(self, bufsize: int, flags: int) -> bytes:
        """With MSG_TRUNC, the count is the datagram's, and a stream's octets are thrown away."""
        description = self._description
        message = blocking.recv_message(description, bufsize, flags, self._timeout, self._now)
        let_go(message.passed)
        if self._kind == socket.SOCK_STREAM:
            return bytes(len(message.data))
        return message.data.ljust(message.length, b"\0")

    def sendall(self, data: Any, flags: int = 0, /) -> None:
        """As socket.sendall."""
        if data.__class__ is not bytes:
            data = octets_of(data)
        blocking.send_all(self._description, data, flags, self._timeout, self._now)

    def sendto(self, data: Any, *arguments: Any) -> int:
        """As socket.sendto."""
        if not 1 <= len(arguments) <= 2:
            raise TypeError(f"sendto() takes 2 or 3 arguments ({len(arguments) + 1} given)")
        flags = 0 if len(arguments) == 1 else integer(arguments[0])
        data = octets_of(data)
        where = from_python(self._description.family, arguments[-1], "sendto", self._system)
        return blocking.send_to(self._description, data, flags, where, self._timeout, self._now)

    def recv_into(self, buffer: Any, nbytes: int = 0, flags: int = 0) -> int:
        """As socket.recv_into."""
        view, limit = writable(buffer, nbytes, "recv_into")
        if not limit:
            return 0
        data = self.recv(limit, flags)
        if not flags & socket.MSG_TRUNC:
            view[: len(data)] = data
        elif self._kind != socket.SOCK_STREAM:
            view[: min(limit, len(data))] = data[:limit]
        return len(data)

    def recvfrom(self, bufsize: int, flags: int = 0, /) -> Any:
        """As socket.recvfrom."""
        bufsize = size(bufsize, "recvfrom")
        description = self._description
        message = blocking.recv_message(description, bufsize, flags, self._timeout, self._now)
        let_go(message.passed)
        return message.data, self._sender(message.address)

    def recvfrom_into(self, buffer: Any, nbytes: int = 0, flags: int = 0) -> Any:
        """As socket.recvfrom_into."""
        view, limit = writable(buffer, nbytes, "recvfrom_into")
        description = self._description
        message = blocking.recv_message(description, limit, flags, self._timeout, self._now)
        let_go(message.passed)
        data = message.data
        view[: len(data)] = data
        count = message.length if flags & socket.MSG_TRUNC else len(data)
        return count, self._sender(message.address)

    def _sender(self, address: Address) -> Any:
        """Streams tell no sender; an unnamed one is told as the kernel tells it."""
        description = self._description
        if not address[0] and description.family != socket.AF_UNIX:
            return None
        if not address[0]:
            return None
        return to_python(description.family, address)

    def recvmsg(self, bufsize: int, ancbufsize: int = 0, flags: int = 0, /) -> Any:
        """As socket.recvmsg."""
        if index(bufsize) < 0:
            raise ValueError("negative buffer size in recvmsg()")
        bufsize = size(bufsize, "recvmsg")
        data, items, got, address = self._receive_message(bufsize, index(ancbufsize), flags)
        return data, items, got, address

    def recvmsg_into(self, buffers: Any, ancbufsize: int = 0, flags: int = 0, /) -> Any:
        """As socket.recvmsg_into."""
        try:
            views = [memoryview(buffer) for buffer in buffers]
        except TypeError:
            views = None
        if views is None or any(view.readonly for view in views):
            raise TypeError(
                "recvmsg_into() argument 1 must be an iterable of single-segment read-write buffers"
            )
        views = [view.cast("B") if view.format != "B" or view.ndim != 1 else view for view in views]
        total = sum(len(view) for view in views)
        data, items, got, address = self._receive_message(total, index(ancbufsize), flags)
        at = 0
        for view in views:
            piece = data[at : at + len(view)]
            view[: len(piece)] = piece
            at += len(piece)
        return len(data), items, got, address

    def _receive_message(self, limit: int, room: int, flags: int) -> Any:
        flags = integer(flags)
        if room < 0 or room > 0x7FFFFFFF:
            raise ValueError("invalid ancillary data buffer length")
        description = self._description
        message = blocking.recv_message(description, limit, flags, self._timeout, self._now)
        if message.passed is None:
            items, cut = ancillary.items_of(description, message, room)
        else:
            items, numbers, cut = ancillary.passed_to(self._table, message, room)
            if not flags & MSG_CMSG_CLOEXEC:
                inheritable.update(numbers)
        return message.data, items, message.flags | cut, self._sender(message.address)

    def sendmsg(
        self, buffers: Any, ancdata: Any = (), flags: int = 0, address: Any = None, /
    ) -> int:
        """As socket.sendmsg."""
        try:
            pieces = list(buffers)
        except TypeError:
            raise TypeError("sendmsg() argument 1 must be an iterable") from None
        data = b"".join([octets_of(piece) for piece in pieces])
        items = ancillary.check(ancdata)
        description = self._description
        flags = integer(flags)
        if address is None and not items:
            return self.send(data, flags)
        where = None
        if address is not None:
            where = from_python(description.family, address, "sendmsg", self._system)
        if items and description.family == socket.AF_UNIX:
            return self._send_descriptors(data, items, flags, where)
        if items or where is None:
            return blocking.send_message(
                description, data, flags, where, items, self._timeout, self._now
            )
        return blocking.send_to(description, data, flags, where, self._timeout, self._now)

    def _send_descriptors(
        self, data: bytes, items: list[ancillary.Item], flags: int, where: Address | None
    ) -> int:
        description = self._description
        held = ancillary.held_by(description, self._table, items)
        try:
            return blocking.send_descriptors(
                description, data, flags, where, held, self._timeout, self._now
            )
        finally:
            let_go(held)

    # ------------------------------------------------------------ connections

    def bind(self, address: Any, /) -> None:
        """As socket.bind."""
        description = self._description
        description.bind(from_python(description.family, address, "bind", self._system))

    def listen(self, backlog: Any = _INITIAL, /) -> None:
        """As socket.listen."""
        number = min(socket.SOMAXCONN, 128) if backlog is _INITIAL else integer(backlog)
        self._description.listen(max(number, 0))

    def _accept(self) -> Any:
        description = blocking.accept(self._description, self._timeout, self._now)
        descriptor = self._table.open(description)
        try:
            peer = description.getpeername()
        except OSError:  # it came and went
            peer = (b"", 0, 0, 0)
            if isinstance(description, SocketDescription):
                peer = description.socket.caller()
        return descriptor, to_python(description.family, peer)

    def connect(self, address: Any, /) -> None:
        """As socket.connect."""
        description = self._description
        where = from_python(description.family, address, "connect", self._system)
        blocking.connect(description, where, self._timeout, self._now)

    def connect_ex(self, address: Any, /) -> int:
        """As socket.connect_ex: the errno in place of an OSError of the connection itself."""
        description = self._description
        where = from_python(description.family, address, "connect_ex", self._system)
        try:
            blocking.connect(description, where, self._timeout, self._now)
        except TimeoutError as error:
            return error.errno or 11  # EWOULDBLOCK is what connect_ex gives at a timeout
        except OSError as error:
            if error.errno is None:
                raise
            return error.errno
        return 0

    def shutdown(self, how: int, /) -> None:
        """As socket.shutdown."""
        self._description.shutdown(integer(how))

    def getsockname(self) -> Any:
        """As socket.getsockname."""
        return to_python(self._description.family, self._description.getsockname())

    def getpeername(self) -> Any:
        """As socket.getpeername."""
        return to_python(self._description.family, self._description.getpeername())

    # ------------------------------------------------------------ options

    def getsockopt(self, level: int, option: int, buflen: int = 0, /) -> Any:
        """As socket.getsockopt."""
        level, option, buflen = integer(level), integer(option), integer(buflen)
        if buflen < 0 or buflen > _OPTION_LIMIT:
            raise OSError("getsockopt buflen out of range")
        if buflen:
            return self._description.getsockopt(level, option, buflen)
        value = self._description.getsockopt(level, option, 4)
        return int.from_bytes(value[:4], sys.byteorder, signed=True)

    def setsockopt(self, *arguments: Any) -> None:
        """As socket.setsockopt."""
        if not 3 <= len(arguments) <= 4:
            raise TypeError(f"setsockopt() takes exactly 3 arguments ({len(arguments)} given)")
        level, option, value = integer(arguments[0]), integer(arguments[1]), arguments[2]
        if len(arguments) == 4:
            if value is not None:
                kind = type(value).__name__
                raise TypeError(f"setsockopt() argument 3 must be None, not {kind}")
            integer(arguments[3])
            raise failure("EFAULT")  # the options that take a null pointer are not for sockets here
        if isinstance(value, int) and -(1 << 31) <= value < 1 << 31:
            octets = int(value).to_bytes(4, sys.byteorder, signed=True)
        else:
            octets = octets_of(value)
        self._description.setsockopt(level, option, octets)

    def settimeout(self, timeout: Any, /) -> None:
        """As socket.settimeout."""
        timeout = timeout_of(timeout)
        self._timeout = timeout
        if self._fd < 0 or isinstance(self._description, Closed):
            raise failure("EBADF")
        self._description.nonblocking = timeout is not None

    def gettimeout(self) -> float | None:
        """As socket.gettimeout."""
        return self._timeout

    def setblocking(self, flag: bool, /) -> None:
        """As socket.setblocking."""
        self.settimeout(None if flag else 0.0)

    def getblocking(self) -> bool:
        """As socket.getblocking."""
        return self._timeout != 0.0

    @property
    def timeout(self) -> float | None:
        """As socket.timeout."""
        return self._timeout

    @property
    def family(self) -> Any:
        """As socket.family."""
        return enum_of(self._family, socket.AddressFamily)

    @property
    def type(self) -> Any:
        """As socket.type."""
        return enum_of(self._kind, socket.SocketKind)

    @property
    def proto(self) -> int:
        """As socket.proto."""
        return self._proto

    def get_inheritable(self) -> bool:
        """As socket.get_inheritable: there is no other program to inherit anything."""
        return os.get_inheritable(self._fd)

    def set_inheritable(self, inheritable: bool) -> None:
        """As socket.set_inheritable."""
        os.set_inheritable(self._fd, inheritable)

    # ------------------------------------------------------------ life

    def fileno(self) -> int:
        """As socket.fileno."""
        return self._fd

    def dup(self) -> Any:
        """As socket.dup."""
        descriptor = self._table.dup(self._fd)
        other = self.__class__(self.family, self.type, self.proto, fileno=descriptor)
        other.settimeout(self._timeout)
        return other

    def detach(self) -> int:
        """As socket.detach."""
        descriptor = self._fd
        self._closed = True
        if descriptor >= 0:
            self._let_go()
        return descriptor

    def _real_close(self, _ss: Any = None) -> None:
        descriptor = self._fd
        if descriptor >= 0:
            self._let_go()
            self._table.close(descriptor)
            replaced(self._table, descriptor)

    def _let_go(self) -> None:
        self._description = Closed(self._description)
        if _facades.get(self._fd) is self:
            del _facades[self._fd]
        self._fd = -1

    def __del__(self) -> None:
        if getattr(self, "_fd", -1) >= 0:
            try:
                warnings.warn(f"unclosed {self!r}", ResourceWarning, source=self, stacklevel=1)
            finally:
                self._closed = True
                try:
                    Simulated._real_close(self)
                except OSError:
                    pass

    def __repr__(self) -> str:
        cls = self.__class__
        closed = getattr(self, "_closed", False)
        text = (
            f"<{REPORTED_MODULE}.{'socket' if cls is SimulatedSocket else cls.__qualname__}"
            f"{' [closed]' if closed else ''} fd={self.fileno()}"
            f", family={self.family!s}, type={self.type!s}, proto={self.proto}"
        )
        if cls is not SimulatedSocket:
            text = text.replace(REPORTED_MODULE, cls.__module__, 1)
        if not closed:
            for name, verb in (("laddr", self.getsockname), ("raddr", self.getpeername)):
                try:
                    address = verb()
                    if address:
                        text += f", {name}={address!s}"
                except OSError:
                    pass
        return text + ">"


REPORTED_MODULE: Final = "socket"


class SimulatedSocket(Simulated):
    """What `socket.socket` is on a simulated machine."""

    __slots__ = (
        "_description",
        "_family",
        "_fd",
        "_kind",
        "_proto",
        "_system",
        "_table",
        "_timeout",
    )


for _name, _function in list(vars(Simulated).items()):
    if callable(_function) and hasattr(_function, "__qualname__"):
        _function.__qualname__ = f"socket.{_name}"
SimulatedSocket.__module__ = "socket"
SimulatedSocket.__qualname__ = SimulatedSocket.__name__ = "socket"


inheritable: Final[set[int]] = set()  # descriptors that are said to be so


def refuse_real(descriptor: int) -> None:
    """Raises what there is to say of a real descriptor that should become a socket in a host."""
    if stat.S_ISSOCK(os.fstat(descriptor).st_mode):
        raise EscapeRefused(1, f"{descriptor} is a real socket, which has no place on this host")
    raise failure("ENOTSOCK")


# Which object stands for a descriptor, so that os.close and os.dup2 reach it.
_facades: WeakValueDictionary[int, Simulated] = WeakValueDictionary()


def replaced(table: DescriptorTable, descriptor: int) -> None:
    """A descriptor means something else now, or nothing: the socket object that has it must know."""
    inheritable.discard(descriptor)
    facade = _facades.get(descriptor)
    if facade is not None and facade._table is table:
        new = table.find(descriptor)
        facade._description = Closed(facade._description) if new is None else new
