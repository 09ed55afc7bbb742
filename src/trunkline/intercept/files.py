"""Descriptors where files are expected: os.read and its relatives, fcntl, ioctl, pipes, `open` of a number.

A number from 2^20 up is a simulated descriptor wherever the caller is; anything below is the kernel's.
"""

from __future__ import annotations

import io
import os
import stat
import struct
import sys
from collections.abc import Callable
from typing import Any, Final

from trunkline.intercept.arguments import is_ours, octets_of
from trunkline.intercept.socket import descriptors, replaced
from trunkline.intercept.socket import inheritable as known_inheritable
from trunkline.sockets.errors import failure
from trunkline.system import blocking
from trunkline.system.descriptors import Description, SocketDescription
from trunkline.system.stage import Stage
from trunkline.system.strands import current_strand, current_system

Real = Callable[..., Any]

O_RDWR: Final = os.O_RDWR
SENDFILE_CHUNK: Final = 1 << 16
PIPE_SIZE: Final = 65536

# fcntl(2) and ioctl(2) on Linux.
F_DUPFD, F_GETFD, F_SETFD, F_GETFL, F_SETFL = range(5)
F_DUPFD_CLOEXEC: Final = 1030
F_SETPIPE_SZ: Final = 1031
F_GETPIPE_SZ: Final = 1032
FIONREAD: Final = 0x541B
FIONBIO: Final = 0x5421
TIOCOUTQ: Final = 0x5411
SIOCATMARK: Final = 0x8905


def on_descriptor(handler: Callable[..., Any]) -> Callable[..., Any]:
    """A function whose first argument is a descriptor: ours is handled here, others there."""

    def function(real: Real, descriptor: Any, *arguments: Any, **named: Any) -> Any:
        if is_ours(descriptor):
            return handler(descriptor, *arguments, **named)
        return real(descriptor, *arguments, **named)

    function.__name__ = handler.__name__
    function.__doc__ = handler.__doc__
    return function


def on_file(handler: Callable[..., Any]) -> Callable[..., Any]:
    """The same, where an object that has a descriptor will do."""

    def function(real: Real, file: Any, *arguments: Any, **named: Any) -> Any:
        fileno = getattr(file, "fileno", None)
        descriptor = fileno() if fileno is not None else file
        if is_ours(descriptor):
            return handler(descriptor, *arguments, **named)
        return real(file, *arguments, **named)

    function.__name__ = handler.__name__
    function.__doc__ = handler.__doc__
    return function


def _get(descriptor: int) -> Description:
    return descriptors().get(descriptor)


def read(descriptor: int, length: int, /) -> bytes:
    """os.read."""
    if length < 0:
        raise failure("EINVAL")
    return blocking.read(_get(descriptor), length)


def write(descriptor: int, data: Any, /) -> int:
    """os.write."""
    return blocking.write(_get(descriptor), octets_of(data))


def readv(descriptor: int, buffers: Any, /) -> int:
    """os.readv."""
    views = [memoryview(buffer).cast("B") for buffer in buffers]
    data = read(descriptor, sum(len(view) for view in views))
    at = 0
    for view in views:
        piece = data[at : at + len(view)]
        view[: len(piece)] = piece
        at += len(piece)
    return len(data)


def writev(descriptor: int, buffers: Any, /) -> int:
    """os.writev."""
    return write(descriptor, b"".join([octets_of(buffer) for buffer in buffers]))


def close(descriptor: int) -> None:
    """os.close. Outside worlds it may come late, from a finalizer, when its world has closed it already."""
    try:
        table = descriptors()
        table.close(descriptor)
    except OSError:
        if current_strand() is None:
            return
        raise
    replaced(table, descriptor)


def dup(descriptor: int, /) -> int:
    """os.dup."""
    return descriptors().dup(descriptor)


def dup2(descriptor: int, fd2: int, inheritable: bool = True) -> int:
    """os.dup2."""
    table = descriptors()
    new = table.dup2(descriptor, fd2)
    replaced(table, new)
    return new


def fstat(descriptor: int) -> os.stat_result:
    """os.fstat: what kind of thing it is."""
    kind = _get(descriptor).kind
    mode = stat.S_IFIFO if "pipe" in kind else stat.S_IFSOCK if "sock" in kind else 0
    return os.stat_result((mode | 0o600, descriptor, 0, 1, os.getuid(), os.getgid(), 0, 0, 0, 0))


def isatty(descriptor: int, /) -> bool:
    """os.isatty."""
    _get(descriptor)
    return False


def get_blocking(descriptor: int, /) -> bool:
    """os.get_blocking."""
    return not _get(descriptor).nonblocking


def set_blocking(descriptor: int, blocking: bool, /) -> None:
    """os.set_blocking."""
    _get(descriptor).nonblocking = not blocking


def get_inheritable(descriptor: int, /) -> bool:
    """os.get_inheritable."""
    _get(descriptor)
    return descriptor in known_inheritable


def set_inheritable(descriptor: int, inheritable: bool, /) -> None:
    """os.set_inheritable: remembered, and of no effect: there is no exec."""
    _get(descriptor)
    (known_inheritable.add if inheritable else known_inheritable.discard)(descriptor)


def lseek(descriptor: int, *_arguments: Any) -> int:
    """os.lseek."""
    _get(descriptor)
    raise failure("ESPIPE")


def sendfile(
    real: Real, out_fd: Any, in_fd: Any, offset: Any, count: Any, *rest: Any, **named: Any
) -> Any:
    """os.sendfile: from a real file to a simulated socket."""
    if not is_ours(out_fd):
        return real(out_fd, in_fd, offset, count, *rest, **named)
    description = _get(out_fd)
    if is_ours(in_fd):
        raise failure("EINVAL")
    size = min(count, SENDFILE_CHUNK)
    data = os.read(in_fd, size) if offset is None else os.pread(in_fd, size, offset)
    if not data:
        return 0
    return blocking.send(description, data, 0, None if not description.nonblocking else 0)


# ------------------------------------------------------------ fcntl and ioctl


def fcntl(descriptor: int, command: int, argument: Any = 0, /) -> Any:
    """fcntl.fcntl."""
    table = descriptors()
    description = table.get(descriptor)
    if command in {F_DUPFD, F_DUPFD_CLOEXEC}:
        return table.dup(descriptor)
    if command == F_GETFD:
        return 0 if descriptor in known_inheritable else 1
    if command == F_SETFD:
        set_inheritable(descriptor, not argument & 1)
        return 0
    if command == F_GETFL:
        return O_RDWR | (os.O_NONBLOCK if description.nonblocking else 0)
    if command == F_SETFL:
        description.nonblocking = bool(argument & os.O_NONBLOCK)
        return 0
    if command in {F_GETPIPE_SZ, F_SETPIPE_SZ}:
        return PIPE_SIZE
    raise failure("EINVAL")


def ioctl(descriptor: int, request: int, argument: Any = 0, mutate_flag: bool = True, /) -> Any:
    """fcntl.ioctl."""
    description = _get(descriptor)
    if request == FIONBIO:
        value = argument if isinstance(argument, int) else struct.unpack("i", bytes(argument))[0]
        description.nonblocking = bool(value)
        return 0
    if request == FIONREAD:
        answer = description.unread()
    elif request == TIOCOUTQ:
        answer = description.unsent()
    elif request == SIOCATMARK and isinstance(description, SocketDescription):
        answer = int(description.socket.at_mark())
    else:
        raise failure("ENOTTY")
    octets = answer.to_bytes(4, sys.byteorder)
    if isinstance(argument, int):
        raise failure("EFAULT")
    if isinstance(argument, (bytes, str)) or not mutate_flag:
        return octets
    memoryview(argument).cast("B")[:4] = octets
    return 0


def change_directory(real: Real, path: Any) -> None:
    """os.chdir and os.fchdir: of the program, whose stage keeps it."""
    strand = current_strand()
    if strand is not None and strand.program is not None:
        Stage.leaves()
    real(path)


# ------------------------------------------------------------ new ones


def pipe(real: Real) -> Any:
    """os.pipe."""
    return pipe2(real, 0)


def pipe2(real: Real, flags: int) -> Any:
    """os.pipe2."""
    system = current_system()
    if system is None:
        return real(flags) if flags else real()
    from trunkline.system.pipes import open_pipe

    table = system.world.descriptors
    ends = open_pipe(system.world.loop, table)
    for end in ends:
        table.get(end).nonblocking = bool(flags & os.O_NONBLOCK)
    return ends


def eventfd(real: Real, initval: int, flags: int = 0o2000000) -> Any:
    """os.eventfd."""
    system = current_system()
    if system is None:
        return real(initval, flags)
    from trunkline.system.pipes import open_eventfd

    table = system.world.descriptors
    descriptor = open_eventfd(system.world.loop, table, initval, bool(flags & 1))
    table.get(descriptor).nonblocking = bool(flags & os.O_NONBLOCK)
    return descriptor


def eventfd_read(descriptor: int) -> int:
    """os.eventfd_read."""
    return int.from_bytes(blocking.read(_get(descriptor), 8), sys.byteorder)


def eventfd_write(descriptor: int, value: int) -> None:
    """os.eventfd_write."""
    blocking.write(_get(descriptor), value.to_bytes(8, sys.byteorder))


# ------------------------------------------------------------ file objects


class DescriptorIO(io.RawIOBase):
    """The raw file under `open(descriptor)`."""

    def __init__(self, descriptor: int, mode: str, closefd: bool) -> None:
        super().__init__()
        _get(descriptor)
        self._descriptor = descriptor
        self._mode = mode
        self._closefd = closefd
        self.name = descriptor

    def fileno(self) -> int:
        if self.closed:
            raise ValueError("I/O operation on closed file")
        return self._descriptor

    def readable(self) -> bool:
        return "r" in self._mode or "+" in self._mode

    def writable(self) -> bool:
        return "r" not in self._mode or "+" in self._mode

    @property
    def mode(self) -> str:
        """`rb` or `wb`."""
        return "rb" if "r" in self._mode else "wb"

    def readinto(self, buffer: Any) -> int | None:
        """None where a descriptor that does not wait has nothing."""
        view = memoryview(buffer).cast("B")
        try:
            data = blocking.read(_get(self.fileno()), len(view))
        except BlockingIOError:
            return None
        view[: len(data)] = data
        return len(data)

    def write(self, data: Any) -> int | None:
        """None where a descriptor that does not wait has no room."""
        try:
            return blocking.write(_get(self.fileno()), octets_of(data))
        except BlockingIOError:
            return None

    def close(self) -> None:
        if not self.closed:
            super().close()
            if self._closefd:
                descriptors().close(self._descriptor)


def open_file(real: Real, file: Any, mode: Any = "r", *arguments: Any, **named: Any) -> Any:
    """`open` and io.open: of a simulated descriptor."""
    if not is_ours(file):
        return real(file, mode, *arguments, **named)
    return _open(file, mode, *arguments, **named)


def _open(
    descriptor: int,
    mode: str = "r",
    buffering: int = -1,
    encoding: str | None = None,
    errors: str | None = None,
    newline: str | None = None,
    closefd: bool = True,
    opener: Any = None,
) -> Any:
    raw = DescriptorIO(descriptor, mode, closefd)
    if buffering == 0:
        if "b" not in mode:
            raise ValueError("can't have unbuffered text I/O")
        return raw
    size = buffering if buffering > 1 else io.DEFAULT_BUFFER_SIZE
    file: Any
    if "+" in mode:
        file = io.BufferedRWPair(raw, raw, size)
    elif raw.writable():
        file = io.BufferedWriter(raw, size)
    else:
        file = io.BufferedReader(raw, size)
    if "b" in mode:
        return file
    return io.TextIOWrapper(file, encoding, errors, newline, line_buffering=buffering == 1)
