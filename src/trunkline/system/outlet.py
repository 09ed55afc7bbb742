"""A program's own standard output and error, over those that all programs share."""

from __future__ import annotations

import io
from typing import Any, TextIO

_begun: dict[TextIO, Prefixed] = {}  # by stream below: whose line has begun and not ended


class Outlet(io.TextIOBase):
    """A program's own standard output or error, over everybody's: closing it closes only this one."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """Of the stream below."""
        return self._stream.encoding

    @property
    def errors(self) -> str | None:  # type: ignore[override]
        """Of the stream below."""
        return self._stream.errors

    def write(self, text: str) -> int:
        """As the stream below."""
        self._check()
        return self._stream.write(text)

    def flush(self) -> None:
        """As the stream below."""
        if not self.closed and not self._stream.closed:
            self._stream.flush()

    def fileno(self) -> int:
        """As the stream below."""
        self._check()
        return self._stream.fileno()

    def isatty(self) -> bool:
        """As the stream below."""
        self._check()
        return self._stream.isatty()

    def writable(self) -> bool:
        """It is."""
        return True

    def _check(self) -> None:
        if self.closed:
            raise ValueError("I/O operation on closed file.")


class Prefixed(Outlet):
    """An outlet whose every line begins with a prefix, such as the name of the program's host.

    A line that another program has begun is ended first. What is written to `buffer` has no prefix.
    """

    def __init__(self, stream: TextIO, prefix: str) -> None:
        super().__init__(stream)
        self.prefix = prefix

    def write(self, text: str) -> int:
        """As the stream below, line by line."""
        self._check()
        if not text:
            return 0
        below = self._below()
        other = _begun.pop(below, None)
        pieces = [] if other is None or other is self else ["\n"]
        *lines, rest = text.split("\n")
        for number, line in enumerate(
            [*[f"{line}\n" for line in lines], *([rest] if rest else [])]
        ):
            if number or other is not self:
                pieces.append(self.prefix)
            pieces.append(line)
        if rest:
            _begun[below] = self
        self._stream.write("".join(pieces))
        return len(text)

    def _below(self) -> TextIO:
        stream = self._stream
        while isinstance(stream, Outlet):
            stream = stream._stream
        return stream
