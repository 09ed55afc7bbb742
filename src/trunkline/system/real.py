"""The real primitives, taken before anything is intercepted.

`system` itself runs on real threads, locks and (for the watchdog) a real clock. Every module of `system`
and `intercept` takes them from here, never from `time` or `threading`, whose names may stand for the
simulated ones. This module is imported with the package, before `install()` can have changed anything.
"""

from __future__ import annotations

import _thread
import gc
import os
import signal
import sys
import time
from types import FrameType
from typing import Any

allocate_lock = _thread.allocate_lock
start_new_thread = _thread.start_new_thread
get_ident = _thread.get_ident
stack_size = _thread.stack_size
LockType = _thread.LockType
RLockType = _thread.RLock
acquire = LockType.acquire  # of our own locks, too: `lock.acquire` is what programs get
release = LockType.release
acquire_rlock: Any = RLockType.acquire
release_rlock: Any = RLockType.release
release_save: Any = vars(RLockType)["_release_save"]
acquire_restore: Any = vars(RLockType)["_acquire_restore"]
monotonic = time.monotonic
sleep = time.sleep
urandom = os.urandom
set_signal = signal.signal
getsignal = signal.getsignal
getpid = os.getpid
chdir = os.chdir
getcwd = os.getcwd
collect = gc.collect
TIMEOUT_MAX = _thread.TIMEOUT_MAX


def frame_of(ident: int) -> FrameType | None:
    """The frame that a thread of this process is in."""
    return sys._current_frames().get(ident)


if allocate_lock.__module__ != "_thread" or monotonic.__module__ != "time":
    raise RuntimeError(
        f"trunkline cannot share a process with another patcher of threads and time: "
        f"_thread.allocate_lock is already {allocate_lock!r}, time.monotonic {monotonic!r}"
    )
