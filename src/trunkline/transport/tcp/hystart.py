"""HyStart++ (RFC 9406): leaving slow start when round trips grow, before queues overflow.

Only for a connection's first slow start; the object is given up with it. Times are nanoseconds.
"""

from __future__ import annotations

from typing import Final, final

from trunkline.base.units import MILLISECOND
from trunkline.transport.tcp.sequence import HALF, MASK

# RFC 9406 §4.3
_MIN_THRESHOLD: Final = 4 * MILLISECOND
_MAX_THRESHOLD: Final = 16 * MILLISECOND
_SAMPLES: Final = 8
_ROUNDS: Final = 5
GROWTH_DIVISOR: Final = 4

_UNKNOWN: Final = 1 << 62


@final
class HyStart:
    """`conservative`: round trips grew; cwnd grows by a quarter as much, until it is certain."""

    __slots__ = (
        "_baseline",
        "_current",
        "_last",
        "_rounds",
        "_samples",
        "_window_end",
        "conservative",
    )

    def __init__(self) -> None:
        self.conservative = False
        self._window_end = -1
        self._last = _UNKNOWN
        self._current = _UNKNOWN
        self._samples = 0
        self._baseline = _UNKNOWN
        self._rounds = 0

    def on_sample(self, rtt: int, snd_una: int, snd_nxt: int) -> bool:
        """An acknowledgement with a round trip; whether slow start is over. RFC 9406 §4.2."""
        if self._window_end < 0 or (snd_una - self._window_end) & MASK < HALF:
            # a round is over: everything sent when it began has been acknowledged
            self._last = self._current
            self._current = _UNKNOWN
            self._samples = 0
            self._window_end = snd_nxt
            if self.conservative:
                self._rounds += 1
                if self._rounds >= _ROUNDS:
                    return True
        self._samples += 1
        if rtt < self._current:
            self._current = rtt
        if self._samples < _SAMPLES or self._last == _UNKNOWN:
            return False
        if self.conservative:
            if self._current < self._baseline:
                self.conservative = False  # it only looked so
                self._baseline = _UNKNOWN
            return False
        threshold = self._last >> 3
        if threshold < _MIN_THRESHOLD:
            threshold = _MIN_THRESHOLD
        elif threshold > _MAX_THRESHOLD:
            threshold = _MAX_THRESHOLD
        if self._current >= self._last + threshold:
            self._baseline = self._current
            self.conservative = True
            self._rounds = 0
        return False
