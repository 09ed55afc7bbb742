"""A program's main thread in its own eyes: a `threading.Thread` that stands for its first strand.

asyncio and `signal` insist on running in the main thread; in a program on a simulated host that is this
one. It does by hand what `threading` does for the real main thread, for the versions supported.
"""

from __future__ import annotations

import threading
from typing import Any

from trunkline.system import real


class MainThread(threading.Thread):
    """Stands for the calling thread. `begin` when it starts, `end` when it is over."""

    def __init__(self, host: str) -> None:
        super().__init__(name="MainThread", daemon=True)
        self.host = host

    def begin(self) -> None:
        """Become what `threading.current_thread()` answers in this thread."""
        thread: Any = self
        thread._started.set()
        thread._ident = real.get_ident()
        if hasattr(thread, "_set_native_id"):
            thread._set_native_id()
        if hasattr(threading, "_make_thread_handle"):  # 3.13
            thread._handle = threading._make_thread_handle(thread._ident)
        else:
            thread._tstate_lock = real.allocate_lock()
            thread._tstate_lock.acquire()
        thread._daemonic = False  # what threads started from here inherit
        active: dict[int, threading.Thread] = threading._active  # type: ignore[attr-defined]
        self.before = active.get(real.get_ident())
        active[real.get_ident()] = self

    def end(self) -> None:
        """The thread is over in the program's eyes."""
        thread: Any = self
        active: dict[int, threading.Thread] = threading._active  # type: ignore[attr-defined]
        if self.before is None:
            active.pop(real.get_ident(), None)
        else:
            active[real.get_ident()] = self.before
        if hasattr(thread, "_handle"):
            thread._handle._set_done()
        else:
            thread._tstate_lock.release()
            thread._stop()
