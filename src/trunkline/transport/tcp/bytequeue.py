"""A queue of octets kept as the immutable `bytes` that were given: what waits to be sent, or to be read.

Taking a whole chunk, or one slice of one chunk, copies at most once; nothing is ever concatenated on the
way in. A list rather than a deque, because an empty deque is 760 octets.
"""

from __future__ import annotations

from typing import final


@final
class ByteQueue:
    """`octets` is how many are queued; the first chunk has lost its first `_offset` octets already."""

    __slots__ = ("_chunks", "_offset", "octets")

    def __init__(self) -> None:
        self._chunks: list[bytes] = []
        self._offset = 0
        self.octets = 0

    def append(self, data: bytes) -> None:
        """Queue octets, by reference."""
        if data:
            self._chunks.append(data)
            self.octets += len(data)

    def take(self, limit: int) -> bytes:
        """The next octets, at most `limit`, which leave the queue."""
        chunks = self._chunks
        if not chunks or limit <= 0:
            return b""
        first = chunks[0]
        offset = self._offset
        rest = len(first) - offset
        if rest > limit:
            self._offset = offset + limit
            self.octets -= limit
            return first[offset : offset + limit]
        if rest == limit or len(chunks) == 1:
            if len(chunks) == 1:
                chunks.pop()
            else:
                del chunks[0]
            self._offset = 0
            self.octets -= rest
            return first[offset:] if offset else first
        return self._take_many(limit)

    def peek(self, limit: int) -> bytes:
        """The next octets, at most `limit`, which stay."""
        parts: list[bytes] = []
        at = self._offset
        for chunk in self._chunks:
            if limit <= 0:
                break
            part = chunk[at : at + limit]
            parts.append(part)
            limit -= len(part)
            at = 0
        return b"".join(parts)

    def clear(self) -> None:
        """Forget everything queued."""
        self._chunks = []
        self._offset = 0
        self.octets = 0

    def _take_many(self, limit: int) -> bytes:
        chunks = self._chunks
        parts: list[bytes] = []
        offset = self._offset
        wanted = limit
        whole = 0
        for chunk in chunks:
            rest = len(chunk) - offset
            if rest > wanted:
                break
            parts.append(chunk[offset:] if offset else chunk)
            wanted -= rest
            offset = 0
            whole += 1
            if wanted == 0:
                break
        if wanted and whole < len(chunks):
            parts.append(chunks[whole][offset : offset + wanted])
            offset += wanted
            wanted = 0
        del chunks[:whole]
        self._offset = offset
        taken = limit - wanted
        self.octets -= taken
        return b"".join(parts)
