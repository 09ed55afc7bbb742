"""Progress of a long run: a line on standard error, where that is a terminal; nothing at all where it is not.

A real thread draws it, outside every host, so that the run cannot tell whether anybody watches. The line
gives way to whatever the programs print, and waits while one of them stands in the middle of a line.
"""

from __future__ import annotations

import io
import os
import sys
import threading
from collections.abc import Callable
from importlib.util import find_spec
from types import TracebackType
from typing import Final, TextIO

from trunkline.base.units import SECOND
from trunkline.topology.internet import Internet

QUIET: Final = 1.0  # real seconds before anything is shown: a short run needs no progress
INTERVAL: Final = 0.25  # between two looks
_ERASE: Final = b"\r\x1b[2K"


class Progress:
    """Shows virtual time and packets while a run goes on. Enter it before the programs are started."""

    def __init__(self, until: int | None, typed: bool = False) -> None:
        self.until = until
        self.net: Internet | None = None
        # While somebody types, the terminal is theirs: input() writes its prompt past us.
        self.shown = sys.stderr.isatty() and not typed and find_spec("rich") is not None
        self.over = threading.Event()
        self.lock = threading.Lock()
        self.thread = threading.Thread(target=self._show, daemon=True)
        self.streams: tuple[TextIO, TextIO] = (sys.stdout, sys.stderr)
        self.drawn = False  # the line stands on the screen
        self.at_start = True  # the cursor is where a line begins

    def __enter__(self) -> Progress:
        if self.shown:
            self.descriptor = sys.stderr.fileno()
            sys.stdout.flush()
            if sys.stdout.isatty():
                sys.stdout = self._tidied(sys.stdout)
            sys.stderr = self._tidied(sys.stderr)
            self.thread.start()
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        if self.shown:
            self.over.set()
            self.thread.join()
            sys.stdout.flush()
            sys.stderr.flush()
            with self.lock:
                self.erase()
            sys.stdout, sys.stderr = self.streams

    def erase(self) -> None:
        """Take the line away. The caller has the lock."""
        if self.drawn:
            self.drawn = False
            os.write(self.descriptor, _ERASE)

    def _tidied(self, stream: TextIO) -> TextIO:
        raw = _Tidy(stream.fileno(), self)
        buffer = io.BufferedWriter(raw)
        return io.TextIOWrapper(
            buffer, encoding=stream.encoding, errors=stream.errors, line_buffering=True
        )

    def _show(self) -> None:
        if self.over.wait(QUIET):
            return
        encoding = self.streams[1].encoding
        draw = _line(self.until, encoding)
        while not self.over.wait(INTERVAL):
            net = self.net
            if net is None or not self.at_start:
                continue
            octets = draw(net.loop.now, net.loop.packet_count).encode(encoding, "replace")
            with self.lock:
                if self.at_start:
                    os.write(self.descriptor, _ERASE + octets)
                    self.drawn = True


class _Tidy(io.RawIOBase):
    """A terminal that takes the line away before anything else is written to it."""

    def __init__(self, descriptor: int, progress: Progress) -> None:
        super().__init__()
        self.descriptor = descriptor
        self.progress = progress

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self.descriptor

    def isatty(self) -> bool:
        return True

    def write(self, octets: object, /) -> int:
        """All of them."""
        data = bytes(octets)  # type: ignore[call-overload]
        progress = self.progress
        with progress.lock:
            progress.erase()
            view = memoryview(data)
            while view:
                view = view[os.write(self.descriptor, view) :]
            if data:
                progress.at_start = data.endswith(b"\n")
        return len(data)


def _line(until: int | None, encoding: str) -> Callable[[int, int], str]:
    """What draws the line, from the world's time and its packets."""
    from rich.console import Console
    from rich.progress import BarColumn, SpinnerColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bar

    console = Console(stderr=True, force_terminal=True, highlight=False)
    columns = [
        SpinnerColumn("dots" if encoding.lower().startswith("utf") else "line"),
        TextColumn("{task.completed:.1f} s of the world, {task.fields[packets]} packets"),
        *([] if until is None else [BarColumn(20)]),
        TextColumn("real time"),
        TimeElapsedColumn(),
    ]
    bar = Bar(*columns, console=console, auto_refresh=False)
    task = bar.add_task("", total=None if until is None else until / SECOND, packets="0")

    def draw(now: int, packets: int) -> str:
        bar.update(task, completed=now / SECOND, packets=f"{packets:,}")
        with console.capture() as captured:
            console.print(bar.get_renderable(), end="")
        return captured.get().rstrip("\n")

    return draw
