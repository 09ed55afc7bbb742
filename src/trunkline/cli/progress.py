"""Progress of a long run, on standard error, where that is a terminal; nothing at all where it is not."""

from __future__ import annotations

import sys
import threading
from types import TracebackType
from typing import Any, Final

from trunkline.base.units import SECOND
from trunkline.topology.internet import Internet

QUIET: Final = 1.0  # real seconds before anything is shown: a short run needs no progress
INTERVAL: Final = 0.25  # between two looks


class Progress:
    """Shows virtual time and packets while a run goes on. A context manager."""

    def __init__(self, net: Internet, until: int | None) -> None:
        self.net = net
        self.until = until
        self.over = threading.Event()
        self.thread: threading.Thread | None = None

    def __enter__(self) -> Progress:
        if sys.stderr.isatty():
            self.thread = threading.Thread(target=self._show, daemon=True)
            self.thread.start()
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self.over.set()
        if self.thread is not None:
            self.thread.join()

    def _show(self) -> None:
        """A real thread, outside every host: it looks at the world and changes nothing."""
        if self.over.wait(QUIET):
            return
        with _bar(self.until) as (bar, task):
            while not self.over.wait(INTERVAL):
                loop = self.net.loop
                bar.update(task, completed=loop.now / SECOND, packets=f"{loop.packet_count:,}")


def _bar(until: int | None) -> Any:
    from contextlib import contextmanager

    from rich.console import Console
    from rich.progress import BarColumn, SpinnerColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bar

    @contextmanager
    def shown() -> Any:
        total = None if until is None else until / SECOND
        bar = Bar(
            SpinnerColumn(),
            TextColumn("{task.completed:.1f} s of the world, {task.fields[packets]} packets"),
            BarColumn(),
            TextColumn("real time"),
            TimeElapsedColumn(),
            console=Console(stderr=True),
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        with bar:
            yield bar, bar.add_task("", total=total, packets="0")

    return shown()
