"""Clocks and sleep: `time`, and `datetime`'s now, on the world's clock.

Each function gets the real one first (the table binds it) and calls it where the caller is no strand. Any
strand sees the world's time, with a host or without: deadlines and waits must be of one clock.
"""

from __future__ import annotations

import datetime
import time
from collections.abc import Callable
from math import isnan
from typing import Any, Final

from trunkline.sockets.errors import failure
from trunkline.system import blocking
from trunkline.system.real import get_ident
from trunkline.system.strands import STRANDS

Real = Callable[..., Any]

# What clock_gettime reads, by clock: 0 Unix time, 1 monotonic, 2 processor time.
_CLOCKS: Final = {
    getattr(time, name): kind
    for name, kind in {
        "CLOCK_REALTIME": 0,
        "CLOCK_TAI": 0,
        "CLOCK_MONOTONIC": 1,
        "CLOCK_MONOTONIC_RAW": 1,
        "CLOCK_BOOTTIME": 1,
        "CLOCK_UPTIME_RAW": 1,
        "CLOCK_PROCESS_CPUTIME_ID": 2,
        "CLOCK_THREAD_CPUTIME_ID": 2,
    }.items()
    if hasattr(time, name)
}


def unix_time(real: Real) -> Any:
    """time.time."""
    strand = STRANDS.get(get_ident())
    return real() if strand is None else strand.clock.time()


def unix_time_ns(real: Real) -> Any:
    """time.time_ns."""
    strand = STRANDS.get(get_ident())
    return real() if strand is None else strand.clock.time_ns()


def monotonic(real: Real) -> Any:
    """time.monotonic and time.perf_counter."""
    strand = STRANDS.get(get_ident())
    return real() if strand is None else strand.clock.monotonic()


def monotonic_ns(real: Real) -> Any:
    """time.monotonic_ns and time.perf_counter_ns."""
    strand = STRANDS.get(get_ident())
    return real() if strand is None else strand.clock.monotonic_ns()


def cpu_time(real: Real) -> Any:
    """time.process_time and time.thread_time."""
    strand = STRANDS.get(get_ident())
    return real() if strand is None else strand.clock.cpu_ns() / 1e9


def cpu_time_ns(real: Real) -> Any:
    """time.process_time_ns and time.thread_time_ns."""
    strand = STRANDS.get(get_ident())
    return real() if strand is None else strand.clock.cpu_ns()


def clock_gettime(real: Real, clock: Any) -> Any:
    """time.clock_gettime."""
    strand = STRANDS.get(get_ident())
    kind = _CLOCKS.get(clock) if strand is not None else None
    if strand is None or kind is None:
        return real(clock)
    own = strand.clock
    return own.time() if kind == 0 else own.monotonic() if kind == 1 else own.cpu_ns() / 1e9


def clock_gettime_ns(real: Real, clock: Any) -> Any:
    """time.clock_gettime_ns."""
    strand = STRANDS.get(get_ident())
    kind = _CLOCKS.get(clock) if strand is not None else None
    if strand is None or kind is None:
        return real(clock)
    own = strand.clock
    return own.time_ns() if kind == 0 else own.monotonic_ns() if kind == 1 else own.cpu_ns()


def set_clock(real: Real, clock: Any, moment: Any) -> Any:
    """time.clock_settime and clock_settime_ns: the world's clock is nobody's to set, nor the real one."""
    if STRANDS.get(get_ident()) is None:
        return real(clock, moment)
    raise failure("EPERM" if clock == time.CLOCK_REALTIME else "EINVAL")


def sleep(real: Real, seconds: Any) -> Any:
    """time.sleep."""
    if STRANDS.get(get_ident()) is None:
        return real(seconds)
    if not isinstance(seconds, (int, float)):
        if not hasattr(seconds, "__index__"):
            kind = type(seconds).__name__
            raise TypeError(f"'{kind}' object cannot be interpreted as an integer")
        seconds = seconds.__index__()
    if isnan(seconds):
        raise ValueError("Invalid value NaN (not a number)")
    if seconds < 0:
        raise ValueError("sleep length must be non-negative")
    if seconds > 1e10:
        raise OverflowError("timestamp out of range for platform time_t")
    return blocking.sleep(seconds)


def of_seconds(real: Real, seconds: Any = None) -> Any:
    """time.localtime, time.gmtime, time.ctime: of now, if no time is given."""
    if seconds is None:
        strand = STRANDS.get(get_ident())
        if strand is not None:
            seconds = strand.clock.time()
    return real(seconds)


def asctime(real: Real, *parts: Any) -> Any:
    """time.asctime: of now, if no time is given."""
    strand = STRANDS.get(get_ident())
    if not parts and strand is not None:
        parts = (time.localtime(strand.clock.time()),)
    return real(*parts)


def strftime(real: Real, format: Any, *parts: Any) -> Any:
    """time.strftime: of now, if no time is given."""
    strand = STRANDS.get(get_ident())
    if not parts and strand is not None:
        parts = (time.localtime(strand.clock.time()),)
    return real(format, *parts)


def make_now(original: Any) -> Any:
    """datetime.datetime.now; `original` is the type's own entry."""

    def now(cls: type[datetime.datetime], tz: datetime.tzinfo | None = None) -> Any:
        strand = STRANDS.get(get_ident())
        if strand is None:
            return original.__get__(None, cls)(tz)
        return _moment(strand.clock.time_ns(), cls, tz)

    return classmethod(now)


def make_utcnow(original: Any) -> Any:
    """datetime.datetime.utcnow; `original` is the type's own entry."""

    def utcnow(cls: type[datetime.datetime]) -> Any:
        strand = STRANDS.get(get_ident())
        if strand is None:
            return original.__get__(None, cls)()
        return _moment(strand.clock.time_ns(), cls, datetime.UTC).replace(tzinfo=None)

    return classmethod(utcnow)


def _moment(ns: int, cls: Any, tz: datetime.tzinfo | None) -> Any:
    seconds, rest = divmod(ns, 1_000_000_000)
    return cls.fromtimestamp(seconds, tz).replace(microsecond=rest // 1000)
