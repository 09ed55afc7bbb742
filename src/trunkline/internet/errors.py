"""What errors of both families have in common: what could not be reached, and how often one may say so.

RFC 1812 §4.3.2.8 (rate limiting), RFC 4443 §2.4(f) (token bucket).
"""

from __future__ import annotations

from typing import Final, final

from trunkline.base.units import SECOND

NETWORK: Final = 1  # no route
ADDRESS: Final = 2  # the host does not answer
PORT: Final = 3
PROTOCOL: Final = 4
PROHIBITED: Final = 5

ERRORS_A_SECOND: Final = 1000  # as Linux's icmp_msgs_per_sec and icmp_msgs_burst
ERRORS_AT_ONCE: Final = 50
REDIRECTS_A_SECOND: Final = 10
REDIRECTS_AT_ONCE: Final = 10


@final
class TokenBucket:
    """Lets so many through at once and so many a second after that. Counts in nanoseconds."""

    __slots__ = ("_credit", "_depth", "_interval", "_since")

    def __init__(self, rate: int, burst: int) -> None:
        self._interval = SECOND // rate
        self._depth = burst * self._interval
        self._credit = self._depth
        self._since = 0

    def take(self, now: int) -> bool:
        """Whether one more may pass."""
        credit = self._credit + now - self._since
        if credit > self._depth:
            credit = self._depth
        self._since = now
        if credit < self._interval:
            self._credit = credit
            return False
        self._credit = credit - self._interval
        return True
