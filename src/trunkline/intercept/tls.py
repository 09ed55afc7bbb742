"""Blocking TLS: what `ssl.SSLSocket` drives in place of OpenSSL's own descriptor, over two memory buffers.

`SSLContext._wrap_socket` is the one place where a socket becomes OpenSSL's. For a simulated one it gives a
pump that has the methods of `_ssl._SSLSocket`; everything else of `ssl` is its own code. The pump takes one
TLS record at a time off the socket: reading ahead would empty it, and `select` would lie.

Read RFC 8446 §5.1 for records. asyncio needs none of this: its TLS is in memory already.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable
from typing import Any, Final

from trunkline.intercept.socket import Simulated
from trunkline.sockets.errors import failure
from trunkline.system import blocking

HEADER: Final = 5  # octets of a record's header
LONGEST: Final = 16384 + 2048  # octets of a record's body, RFC 5246 §6.2.3
CONTENT_TYPES: Final = range(20, 25)


class Pump:
    """Has the methods of `_ssl._SSLSocket`, over a simulated socket."""

    def __init__(
        self,
        context: Any,
        sock: Simulated,
        server_side: bool,
        server_hostname: str | None,
        owner: Any,
        session: Any,
    ) -> None:
        self._sock = sock
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._unsent = b""
        self._record = b""  # the part of a record that has come
        self._written: int | None = None  # a write that OpenSSL took but the socket did not
        self._inner = context._wrap_bio(
            self._incoming,
            self._outgoing,
            server_side,
            server_hostname,
            owner=owner if owner is not None else sock,
            session=session,
        )

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    @property
    def context(self) -> Any:
        """The context, which a server's name callback may change."""
        return self._inner.context

    @context.setter
    def context(self, context: Any) -> None:
        self._inner.context = context

    @property
    def session(self) -> Any:
        """The session."""
        return self._inner.session

    @session.setter
    def session(self, session: Any) -> None:
        self._inner.session = session

    def do_handshake(self) -> None:
        """As _SSLSocket.do_handshake."""
        self._drive(self._inner.do_handshake, "handshake", True)

    def read(self, size: int = 1024, buffer: Any = None) -> Any:
        """As _SSLSocket.read."""
        if buffer is None:
            return self._drive(lambda: self._inner.read(size), "read", False)
        return self._drive(lambda: self._inner.read(size, buffer), "read", False)

    def write(self, data: Any) -> int:
        """As _SSLSocket.write: at most a record at a time."""
        if self._written is None:
            self._written = self._drive(lambda: self._inner.write(data), "write", False)
        self._flush(self._deadline(), "write", True)
        written, self._written = self._written, None
        return written

    def shutdown(self) -> Any:
        """As _SSLSocket.shutdown."""
        self._drive(self._inner.shutdown, "shutdown", True)
        return self._sock

    # ------------------------------------------------------------ the pump

    def _deadline(self) -> int:
        timeout = self._sock.gettimeout()
        return blocking.deadline_of(blocking.this_strand(), timeout)

    def _drive(self, operation: Callable[[], Any], what: str, all_sent: bool) -> Any:
        if self._sock.fileno() < 0:
            raise failure("EBADF")
        deadline = self._deadline()
        while True:
            try:
                result = operation()
            except ssl.SSLWantReadError:
                self._flush(deadline, what, True)
                self._receive(deadline, what)
                continue
            except ssl.SSLWantWriteError:
                self._flush(deadline, what, True)
                continue
            except ssl.SSLError:
                self._flush(deadline, what, False)
                raise
            self._flush(deadline, what, all_sent)
            return result

    def _flush(self, deadline: int, what: str, all_sent: bool) -> None:
        """Send what OpenSSL has written; with `all_sent`, wait or raise until it is all gone."""
        description = self._sock._description
        self._unsent += self._outgoing.read()
        while self._unsent:
            try:
                sent = description.send(self._unsent, 0)
            except OSError:
                if all_sent:
                    raise
                return
            if sent > 0:
                self._unsent = self._unsent[sent:]
                continue
            if not all_sent:
                return
            self._wait(blocking.WRITABLE, deadline, what, ssl.SSLWantWriteError)

    def _receive(self, deadline: int, what: str) -> None:
        """Give OpenSSL one record, or the end of the stream."""
        while True:
            missing = self._missing()
            if missing <= 0:
                self._incoming.write(self._record)
                self._record = b""
                return
            data = self._sock._description.recv(missing, 0)
            if data is None:
                self._wait(blocking.READABLE, deadline, what, ssl.SSLWantReadError)
                continue
            if not data:
                self._incoming.write(self._record)
                self._record = b""
                self._incoming.write_eof()
                return
            self._record += data

    def _missing(self) -> int:
        """How many octets of the record are still to come; what is no record goes on as it is."""
        record = self._record
        if record and record[0] not in CONTENT_TYPES:
            return 0 if len(record) >= HEADER else HEADER - len(record)
        if len(record) < HEADER:
            return HEADER - len(record)
        length = int.from_bytes(record[3:HEADER], "big")
        if length > LONGEST or record[1] != 3:
            return 0
        return HEADER + length - len(record)

    def _wait(self, bits: int, deadline: int, what: str, want: type[ssl.SSLError]) -> None:
        if self._sock.gettimeout() == 0:
            if want is ssl.SSLWantReadError:
                raise want(ssl.SSL_ERROR_WANT_READ, "The operation did not complete (read)")
            raise want(ssl.SSL_ERROR_WANT_WRITE, "The operation did not complete (write)")
        description = self._sock._description
        strand = blocking.this_strand()
        if not blocking.wait_ready(strand, description, bits, deadline):
            raise TimeoutError(f"The {what} operation timed out")


def make_wrap_socket(original: Any) -> Any:
    """SSLContext._wrap_socket."""

    def _wrap_socket(
        self: Any,
        sock: Any,
        server_side: bool,
        server_hostname: str | None = None,
        *,
        owner: Any = None,
        session: Any = None,
    ) -> Any:
        if isinstance(sock, Simulated):
            return Pump(self, sock, server_side, server_hostname, owner, session)
        return original(self, sock, server_side, server_hostname, owner=owner, session=session)

    return _wrap_socket
