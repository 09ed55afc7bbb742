"""A machine's clocks, made from the world's: `time()` from 2030-01-01T00:00Z, `monotonic()` from 1000 s.

CPU clocks stand still, but for what is charged to a program that polls or reads clocks in circles.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, final

if TYPE_CHECKING:
    from trunkline.system.scheduler import Scheduler

EPOCH: Final = 1_893_456_000  # 2030-01-01T00:00Z, seconds of Unix time
BOOT: Final = 1_000  # seconds on the monotonic clock when the world begins
_SECOND: Final = 1_000_000_000
_EPOCH_NS: Final = EPOCH * _SECOND
_BOOT_NS: Final = BOOT * _SECOND


@final
class Clock:
    """What `time` answers on a machine. Every reading may be charged for (Scheduler.charge)."""

    __slots__ = ("_loop", "_scheduler")

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler
        self._loop = scheduler.loop

    def time_ns(self) -> int:
        """Nanoseconds of Unix time."""
        self._scheduler.charge()
        return _EPOCH_NS + self._loop.now

    def time(self) -> float:
        """Seconds of Unix time."""
        self._scheduler.charge()
        return (_EPOCH_NS + self._loop.now) / _SECOND

    def monotonic_ns(self) -> int:
        """Nanoseconds since 1000 s before the world began."""
        self._scheduler.charge()
        return _BOOT_NS + self._loop.now

    def monotonic(self) -> float:
        """Seconds since 1000 s before the world began."""
        self._scheduler.charge()
        return (_BOOT_NS + self._loop.now) / _SECOND

    def cpu_ns(self) -> int:
        """Nanoseconds of processor time: what has been charged in this world."""
        self._scheduler.charge()
        return self._scheduler.charged

    def after(self, seconds: float) -> int:
        """The world's time, in nanoseconds, `seconds` from now; rounded up, as a kernel does."""
        return self._loop.now + max(0, -int(-seconds * 1e9 // 1))
