"""Congestion control: the small base that any algorithm fits behind, and NewReno's window.

RFC 5681 (slow start, avoidance), RFC 6582, RFC 6928 (initial window), RFC 3465 (counting octets). When to
resend is `recovery`'s business; this is only how much may be under way. Integers only; octets; nanoseconds.

Left out: pacing, and everything that needs delivery rates (BBR); both fit behind the same calls.
"""

from __future__ import annotations

from typing import Final, final

from trunkline.transport.tcp.hystart import GROWTH_DIVISOR, HyStart

INFINITE: Final = 1 << 40  # ssthresh before the first loss: RFC 5681 §3.1, arbitrarily high


class Congestion:
    """The window of one connection. `cwnd` and `ssthresh` are octets, `mss` the payload of a full segment."""

    __slots__ = ("credit", "cwnd", "hystart", "mss", "slow_start_limit", "ssthresh")

    def __init__(self, mss: int, initial_window: int, slow_start_limit: int) -> None:
        self.mss = mss
        self.cwnd = initial_window
        self.ssthresh = INFINITE
        self.slow_start_limit = slow_start_limit  # segments for each ACK, 0 for no limit
        self.credit = 0  # octets acknowledged that have yet to buy growth
        self.hystart: HyStart | None = None  # in the first slow start, where it is wanted

    def name(self) -> str:
        """As TCP_CONGESTION has it."""
        raise NotImplementedError

    def on_ack(self, acked: int, srtt: int, now: int) -> None:
        """`acked` new octets, outside fast recovery, by a flow that filled its window."""
        raise NotImplementedError

    def on_loss(self, flight: int, now: int) -> None:
        """Loss was noticed by duplicates: set ssthresh and cwnd for the recovery that begins."""
        raise NotImplementedError

    def on_timeout(self, flight: int, first: bool, now: int) -> None:
        """The retransmission timer expired; `first` if no loss has narrowed the window that is under way."""
        raise NotImplementedError

    def on_recovered(self, flight: int) -> None:
        """Fast recovery ended by a full acknowledgement."""
        # RFC 6582 §3.2 step 3 (1): no burst when little is under way
        self.cwnd = min(self.ssthresh, max(flight, self.mss) + self.mss)
        self.credit = 0

    def on_idle(self, restart_window: int, periods: int, now: int) -> None:
        """Nothing was sent for `periods` retransmission timeouts (0: go to the restart window at once)."""
        # RFC 5681 §4.1 CC-016: a stale window is no clock for a burst
        if self.cwnd <= restart_window:
            return
        self.ssthresh = max(self.ssthresh, self.cwnd * 3 // 4)
        if periods == 0:
            self.cwnd = restart_window
        else:
            self.cwnd = max(self.cwnd >> min(periods, 40), restart_window)
        self.credit = 0

    def on_mss(self, mss: int) -> None:
        """Segments have another size from now on."""
        self.mss = mss
        self.cwnd = max(self.cwnd, mss)

    def on_sample(self, rtt: int, snd_una: int, snd_nxt: int) -> None:
        """A round trip was measured while `hystart` watches."""
        hystart = self.hystart
        if hystart is None:
            return
        if self.cwnd >= self.ssthresh:
            self.hystart = None
        elif hystart.on_sample(rtt, snd_una, snd_nxt):
            self.ssthresh = self.cwnd
            self.hystart = None

    def slow_start(self, acked: int) -> int:
        """Grow by slow start; what is left of `acked` for congestion avoidance."""
        # RFC 5681 §3.1 CC-004: at most L segments for each ACK; RFC 3465 §2.1: by octets, CC-006
        grown = acked
        limit = self.slow_start_limit
        if limit and grown > limit * self.mss:
            grown = limit * self.mss
            acked = grown
        if self.hystart is not None and self.hystart.conservative:
            grown //= GROWTH_DIVISOR
            acked = grown
        room = self.ssthresh - self.cwnd
        if grown > room:
            grown = room
        self.cwnd += grown
        return acked - grown


@final
class NewReno(Congestion):
    """RFC 5681 with RFC 6582: one segment more each round trip, half after a loss."""

    __slots__ = ()

    def name(self) -> str:
        return "reno"

    def on_ack(self, acked: int, srtt: int, now: int) -> None:
        # RFC 5681 §3.1 CC-001: slow start below ssthresh, avoidance above
        if self.cwnd < self.ssthresh:
            acked = self.slow_start(acked)
            if acked == 0:
                return
        # CC-005: one SMSS for each window's worth acknowledged
        self.credit += acked
        cwnd = self.cwnd
        if self.credit >= cwnd:
            self.credit -= cwnd
            self.cwnd = cwnd + self.mss
            self.credit = min(self.credit, self.cwnd)

    def on_loss(self, flight: int, now: int) -> None:
        # RFC 5681 §3.2 step 2, equation 4
        self.ssthresh = max(flight >> 1, 2 * self.mss)
        self.cwnd = self.ssthresh
        self.credit = 0

    def on_timeout(self, flight: int, first: bool, now: int) -> None:
        # RFC 5681 §3.1 CC-007, CC-008: a repeated timeout keeps ssthresh; CC-009: one segment. What SACK
        # said has arrived is not in the network any more: never more than half of what cwnd let go
        half = max(min(flight, self.cwnd) >> 1, 2 * self.mss)
        if first or self.ssthresh > max(flight >> 1, 2 * self.mss):
            self.ssthresh = half
        self.cwnd = self.mss
        self.credit = 0


def initial_window(mss: int, segments: int) -> int:
    """Octets of the first flight."""
    # RFC 6928 §2 CC-002; RFC 5681 §3.1 where a policy asks for less than ten segments
    if segments >= 10:
        return min(segments * mss, max(2 * mss, 14600 * segments // 10))
    return segments * mss
