"""Pipes, AF_UNIX socket pairs and event counters: what two parts of one program talk by, in memory.

Buffers have Linux's limits; ends behave as pipe(7), unix(7) and eventfd(2) say: end of file when the last
writer has gone, EPIPE when the last reader has, HUP and ERR in poll's masks as the kernel has them.

Left out: names of AF_UNIX sockets (bind, connect), credentials, FIFOs.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Final, final

from trunkline.fabric.loop import Loop
from trunkline.sockets.constants import (
    AF_UNIX,
    EPOLLERR,
    EPOLLHUP,
    EPOLLIN,
    EPOLLOUT,
    EPOLLRDHUP,
    EPOLLRDNORM,
    EPOLLWRBAND,
    EPOLLWRNORM,
    MSG_OOB,
    MSG_PEEK,
    MSG_TRUNC,
    SHUT_RD,
    SHUT_RDWR,
    SHUT_WR,
    SOCK_DGRAM,
    SOCK_SEQPACKET,
    SOCK_STREAM,
    SOL_SOCKET,
)
from trunkline.sockets.errors import failure
from trunkline.system.descriptors import (
    NO_NAME,
    WOULD_BLOCK,
    Address,
    Description,
    DescriptorTable,
    Message,
)
from trunkline.system.passing import again, let_go

READABLE: Final = EPOLLIN | EPOLLRDNORM
WRITABLE: Final = EPOLLOUT | EPOLLWRNORM

PIPE_PAGES: Final = 16  # what a pipe holds
PIPE_BUF: Final = 4096  # octets of a page; writes up to this are never split
SOCKET_BUFFER: Final = 212992  # net.core.wmem_default
STREAM_CHUNK: Final = 32768  # a stream send larger than this is queued in pieces
CHUNK_OVERHEAD: Final = 768  # what a queued piece costs beside its octets, in Linux's accounts
COUNTER_LIMIT: Final = (1 << 64) - 2

_SO_TYPE: Final = 3
_SO_ERROR: Final = 4
_SO_SNDBUF: Final = 7
_SO_RCVBUF: Final = 8
_SO_ACCEPTCONN: Final = 30
_SO_PROTOCOL: Final = 38
_SO_DOMAIN: Final = 39


class _Pipe:
    """What the two ends of a pipe share: pages, of which the first may have been read in part."""

    __slots__ = ("first", "pages", "reader", "size", "writer")

    def __init__(self) -> None:
        self.pages: deque[bytes] = deque()
        self.first = 0  # octets of the first page that were read
        self.size = 0
        self.reader: ReadEnd | None = None
        self.writer: WriteEnd | None = None


@final
class ReadEnd(Description):
    """The end of a pipe that is read."""

    def __init__(self, loop: Loop, pipe: _Pipe) -> None:
        super().__init__(loop, "pipe")
        self._pipe = pipe
        pipe.reader = self

    def readiness(self) -> int:
        pipe = self._pipe
        return (READABLE if pipe.size else 0) | (EPOLLHUP if pipe.writer is None else 0)

    def read(self, limit: int) -> bytes | None:
        pipe = self._pipe
        if limit == 0:
            return b""
        if not pipe.size:
            return b"" if pipe.writer is None else None
        full = len(pipe.pages) == PIPE_PAGES
        data, pipe.first = _take(pipe.pages, pipe.first, limit)
        pipe.size -= len(data)
        if full and pipe.writer is not None and len(pipe.pages) < PIPE_PAGES:
            pipe.writer.notify(WRITABLE)
        return data

    def write(self, data: bytes) -> int:
        raise failure("EBADF")

    def unread(self) -> int:
        return self._pipe.size

    def close(self) -> None:
        self._pipe.reader = None
        if self._pipe.writer is not None:
            self._pipe.writer.notify(EPOLLERR | WRITABLE)


@final
class WriteEnd(Description):
    """The end of a pipe that is written."""

    def __init__(self, loop: Loop, pipe: _Pipe) -> None:
        super().__init__(loop, "pipe")
        self._pipe = pipe
        pipe.writer = self

    def readiness(self) -> int:
        pipe = self._pipe
        free = len(pipe.pages) < PIPE_PAGES
        return (WRITABLE if free else 0) | (EPOLLERR if pipe.reader is None else 0)

    def read(self, limit: int) -> bytes | None:
        raise failure("EBADF")

    def write(self, data: bytes) -> int:
        pipe = self._pipe
        if pipe.reader is None:
            raise failure("EPIPE")
        if not data:
            return 0
        # as pipe_write, fs/pipe.c: the odd end may join the last page, all else takes pages of its own
        pages = pipe.pages
        taken = len(data) % PIPE_BUF
        if pipe.size and taken and len(pages[-1]) + taken <= PIPE_BUF:
            pages[-1] += data[:taken]
        else:
            taken = 0
        while taken < len(data) and len(pages) < PIPE_PAGES:
            page = data[taken : taken + PIPE_BUF]
            pages.append(page)
            taken += len(page)
        if not taken:
            return WOULD_BLOCK
        pipe.size += taken
        pipe.reader.notify(READABLE)
        return taken

    def unread(self) -> int:
        return self._pipe.size

    def close(self) -> None:
        self._pipe.writer = None
        if self._pipe.reader is not None:
            self._pipe.reader.notify(EPOLLHUP)


def _take(chunks: deque[bytes], first: int, limit: int) -> tuple[bytes, int]:
    """Up to `limit` octets off the front, and how far into the new first chunk that goes."""
    parts: list[bytes] = []
    while chunks and limit > 0:
        chunk = chunks[0]
        part = chunk[first : first + limit] if first or len(chunk) > limit else chunk
        parts.append(part)
        limit -= len(part)
        first += len(part)
        if first == len(chunk):
            chunks.popleft()
            first = 0
    return (parts[0] if len(parts) == 1 else b"".join(parts)), first


def open_pipe(loop: Loop, table: DescriptorTable) -> tuple[int, int]:
    """Descriptors of a new pipe: for reading, for writing."""
    pipe = _Pipe()
    return table.open(ReadEnd(loop, pipe)), table.open(WriteEnd(loop, pipe))


class LocalSocket(Description):
    """What sockets of AF_UNIX have in common: the plain verbs, by those that tell or take all."""

    def read(self, limit: int) -> bytes | None:
        return self.recv(limit, 0)

    def write(self, data: bytes) -> int:
        return self.send(data, 0)

    def recv(self, limit: int, flags: int) -> bytes | None:
        message = self.recv_message(limit, flags)
        if message is None:
            return None
        let_go(message.passed)
        return message.data


@final
class SocketPairEnd(LocalSocket):
    """One end of an AF_UNIX pair: SOCK_STREAM, SOCK_DGRAM or SOCK_SEQPACKET."""

    def __init__(self, loop: Loop, type: int) -> None:
        super().__init__(loop, "socket")
        self.family = AF_UNIX
        self.type = type
        self.peer: SocketPairEnd | None = None
        self.error = ""  # an errno name that the next call gets
        self.refused = False  # a datagram end has been told that its peer is gone
        self.read_shut = False
        self.write_shut = False
        self.send_buffer = SOCKET_BUFFER
        self.receive_buffer = SOCKET_BUFFER
        self._chunks: deque[bytes] = deque()
        self._first = 0
        self._size = 0
        self._taken = 0  # chunks that are gone: the number of the first one there is
        self._held: dict[int, list[Description]] = {}  # by chunk: what came along with it

    def readiness(self) -> int:
        # unix_poll and unix_dgram_poll, net/unix/af_unix.c
        mask = EPOLLERR if self.error else 0
        if self.read_shut:
            mask |= EPOLLRDHUP | READABLE
            if self.write_shut:
                mask |= EPOLLHUP
        if self._chunks:
            mask |= READABLE
        if self._writable():
            mask |= WRITABLE | EPOLLWRBAND
        return mask

    def recv_message(self, limit: int, flags: int) -> Message | None:
        if flags & MSG_OOB:
            raise failure("EOPNOTSUPP")
        if self.error and (self.type != SOCK_STREAM or not self._chunks):
            raise self._take_error()
        if not self._chunks:
            if self.read_shut and (self.type != SOCK_DGRAM or not self.nonblocking):
                return Message(b"", NO_NAME)
            return None
        if self.type == SOCK_STREAM:
            return self._recv_stream(limit, flags)
        whole = self._chunks[0]
        message = Message(whole[:limit], NO_NAME)
        message.passed = self._along(self._taken, flags)
        if not flags & MSG_PEEK:
            self._chunks.popleft()
            self._taken += 1
            self._size -= len(whole) + CHUNK_OVERHEAD
            self._read_some()
        message.length = len(whole)
        if len(whole) > limit:
            message.flags |= MSG_TRUNC
        return message

    def send(self, data: bytes, flags: int) -> int:
        if flags & MSG_OOB:
            raise failure("EOPNOTSUPP")
        if self.error and self.type != SOCK_STREAM:
            raise self._take_error()
        peer = self.peer
        if self.write_shut:
            raise failure("EPIPE")
        if peer is None:
            if self.type != SOCK_DGRAM:
                raise failure("EPIPE")
            refused, self.refused = self.refused, True
            if not refused:  # unix_dgram_disconnected: what the peer had said is lost with it
                self._discard()
            raise failure("ENOTCONN" if refused else "ECONNREFUSED")
        if peer.read_shut:
            raise failure("EPIPE")
        if self.type == SOCK_STREAM:
            return self._send_stream(peer, data)
        if len(data) > self.send_buffer - 32:
            raise failure("EMSGSIZE")
        if not self._room():
            return WOULD_BLOCK
        peer._chunks.append(data)
        peer._size += len(data) + CHUNK_OVERHEAD
        peer.notify(READABLE)
        return len(data)

    def send_to(self, data: bytes, flags: int, address: Address) -> int:
        raise failure("EISCONN" if self.type == SOCK_STREAM else "ENOENT")

    def send_descriptors(
        self, data: bytes, flags: int, address: Address | None, held: Sequence[Description]
    ) -> int:
        peer = self.peer
        number = 0 if peer is None else peer._taken + len(peer._chunks)
        count = self.send(data, flags) if address is None else self.send_to(data, flags, address)
        if held and peer is not None and (count > 0 or (count == 0 and self.type != SOCK_STREAM)):
            peer._held[number] = again(held)
        return count

    def shutdown(self, how: int) -> None:
        if how not in (SHUT_RD, SHUT_WR, SHUT_RDWR):
            raise failure("EINVAL")
        peer = self.peer
        fresh = 0
        if how != SHUT_WR:
            self.read_shut = True
            fresh |= READABLE | EPOLLRDHUP
        if how != SHUT_RD:
            self.write_shut = True
            fresh |= WRITABLE
        if peer is not None and self.type != SOCK_DGRAM:
            if how != SHUT_WR:
                peer.write_shut = True
            if how != SHUT_RD:
                peer.read_shut = True
            peer.notify(READABLE | WRITABLE | EPOLLRDHUP | EPOLLHUP)
        self.notify(fresh | EPOLLHUP)

    def bind(self, address: Address) -> None:
        raise failure("EINVAL")

    def listen(self, backlog: int) -> None:
        raise failure("EOPNOTSUPP" if self.type == SOCK_DGRAM else "EINVAL")

    def accept(self) -> Description | None:
        raise failure("EOPNOTSUPP" if self.type == SOCK_DGRAM else "EINVAL")

    def connect(self, address: Address | None) -> bool:
        raise failure("EISCONN" if self.type != SOCK_DGRAM else "ENOENT")

    def getsockname(self) -> Address:
        return NO_NAME

    def getpeername(self) -> Address:
        if self.peer is None and self.type == SOCK_DGRAM:
            raise failure("ENOTCONN")
        return NO_NAME

    def getsockopt(self, level: int, option: int, size: int) -> bytes:
        if level != SOL_SOCKET:
            raise failure("EOPNOTSUPP")
        if option == _SO_TYPE:
            value = self.type
        elif option == _SO_ERROR:
            value = 0
            if self.error:
                value = self._take_error().errno or 0
        elif option == _SO_SNDBUF:
            value = self.send_buffer
        elif option == _SO_RCVBUF:
            value = self.receive_buffer
        elif option == _SO_DOMAIN:
            value = AF_UNIX
        elif option < 64:
            value = 0
        else:
            raise failure("ENOPROTOOPT")
        return value.to_bytes(4, "little")[:size]

    def setsockopt(self, level: int, option: int, value: bytes) -> None:
        if level != SOL_SOCKET:
            raise failure("EOPNOTSUPP")
        if option in (_SO_TYPE, _SO_ERROR, _SO_ACCEPTCONN, _SO_PROTOCOL, _SO_DOMAIN):
            raise failure("ENOPROTOOPT")
        if len(value) < 4:
            raise failure("EINVAL")
        number = int.from_bytes(value[:4], "little", signed=True)
        if option == _SO_SNDBUF:
            self.send_buffer = max(min(number, SOCKET_BUFFER) * 2, 4608)
        elif option == _SO_RCVBUF:
            self.receive_buffer = max(min(number, SOCKET_BUFFER) * 2, 2304)

    def unread(self) -> int:
        if self.type == SOCK_STREAM:
            return sum(map(len, self._chunks)) - self._first
        return len(self._chunks[0]) if self._chunks else 0

    def unsent(self) -> int:
        return 0 if self.peer is None else self.peer._size

    def close(self) -> None:
        peer, self.peer = self.peer, None
        if peer is not None:
            peer.peer = None
            if self.type != SOCK_DGRAM:
                peer.read_shut = peer.write_shut = True
                if self._chunks:
                    peer.error = "ECONNRESET"
            peer.notify(READABLE | WRITABLE | EPOLLRDHUP | EPOLLHUP | EPOLLERR)
        self._discard()

    def _discard(self) -> None:
        """What has come is lost."""
        self._taken += len(self._chunks)
        self._chunks.clear()
        self._size = 0
        lost, self._held = self._held, {}
        for held in lost.values():
            let_go(held)

    def _along(self, number: int, flags: int) -> list[Description] | None:
        """What came along with a chunk, for its receiver."""
        if number not in self._held:
            return None
        return again(self._held[number]) if flags & MSG_PEEK else self._held.pop(number)

    def _take_error(self) -> OSError:
        error, self.error = self.error, ""
        return failure(error)

    def _room(self) -> int:
        """Octets that the send buffer still takes: what the peer has not read counts."""
        return 0 if self.peer is None else max(0, self.send_buffer - self.peer._size)

    def _writable(self) -> bool:
        if self.peer is None:
            return True
        return self.peer._size << 2 <= self.send_buffer

    def _read_some(self) -> None:
        """Room was made: the peer may be able to send again."""
        if self.peer is not None and self.peer._writable():
            self.peer.notify(WRITABLE)

    def _recv_stream(self, limit: int, flags: int) -> Message:
        passed: list[Description] | None = None
        if self._held:  # as unix_stream_read_generic: never past a chunk with which something came
            number = min(self._held)
            before = [self._chunks[at] for at in range(number - self._taken)]
            start = sum(map(len, before)) - self._first if before else 0
            if limit > start or not before:
                passed = self._along(number, flags)
                limit = min(limit, start + len(self._chunks[len(before)]))
        if flags & MSG_PEEK:
            message = Message(_take(self._chunks.copy(), self._first, limit)[0], NO_NAME)
        else:
            count = len(self._chunks)
            data, self._first = _take(self._chunks, self._first, limit)
            message = Message(data, NO_NAME)
            # as Linux: a piece is taken off the account when the whole of it has been read
            if len(self._chunks) < count:
                self._taken += count - len(self._chunks)
                self._size = sum(len(chunk) + CHUNK_OVERHEAD for chunk in self._chunks)
                self._read_some()
        message.passed = passed
        return message

    def _send_stream(self, peer: SocketPairEnd, data: bytes) -> int:
        sent = 0
        while sent < len(data):
            if self.send_buffer <= peer._size:
                break
            chunk = data[sent : sent + min(STREAM_CHUNK, (self.send_buffer >> 1) - 64)]
            peer._chunks.append(chunk)
            peer._size += len(chunk) + CHUNK_OVERHEAD
            sent += len(chunk)
        if sent:
            peer.notify(READABLE)
        elif data:
            return WOULD_BLOCK
        return sent


def open_socketpair(loop: Loop, table: DescriptorTable, type: int) -> tuple[int, int]:
    """Descriptors of a new connected pair. Raises ESOCKTNOSUPPORT."""
    if type not in (SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET):
        raise failure("ESOCKTNOSUPPORT")
    one, other = SocketPairEnd(loop, type), SocketPairEnd(loop, type)
    one.peer, other.peer = other, one
    return table.open(one), table.open(other)


@final
class EventCounter(Description):
    """An eventfd: writes add, a read takes all, or 1 of it where it is a semaphore."""

    def __init__(self, loop: Loop, count: int, semaphore: bool) -> None:
        super().__init__(loop, "eventfd")
        self.count = count
        self._semaphore = semaphore

    def readiness(self) -> int:
        return (EPOLLIN if self.count else 0) | (EPOLLOUT if self.count < COUNTER_LIMIT else 0)

    def read(self, limit: int) -> bytes | None:
        if limit < 8:
            raise failure("EINVAL")
        if not self.count:
            return None
        taken = 1 if self._semaphore else self.count
        self.count -= taken
        self.notify(EPOLLOUT)
        return taken.to_bytes(8, "little")

    def write(self, data: bytes) -> int:
        amount = int.from_bytes(data[:8], "little")
        if len(data) < 8 or amount > COUNTER_LIMIT:
            raise failure("EINVAL")
        if amount > COUNTER_LIMIT - self.count:
            return WOULD_BLOCK
        self.count += amount
        self.notify(EPOLLIN)
        return 8


def open_eventfd(loop: Loop, table: DescriptorTable, count: int, semaphore: bool = False) -> int:
    """A descriptor of a new counter."""
    return table.open(EventCounter(loop, count & 0xFFFFFFFF, semaphore))
