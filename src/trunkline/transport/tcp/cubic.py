"""CUBIC (RFC 9438) in integers: windows in octets, times in milliseconds inside, an integer cube root.

Read RFC 9438 §4 beside it. HyStart++ (RFC 9406), which §4.10 prefers for slow start, is beside it too.
"""

from __future__ import annotations

from typing import Final, final

from trunkline.base.units import MILLISECOND
from trunkline.transport.tcp.congestion import Congestion, NewReno

_LONGEST: Final = 1 << 20  # milliseconds from the plateau, beyond which the curve is not followed


@final
class Cubic(Congestion):
    """RFC 9438: W(t) = C (t-K)^3 + Wmax with C = 0.4 segments/s^3 and a decrease to 0.7."""

    __slots__ = ("epoch", "estimate", "estimate_credit", "k", "last_ack", "prior", "w_max")

    def __init__(self, mss: int, initial_window: int, slow_start_limit: int) -> None:
        super().__init__(mss, initial_window, slow_start_limit)
        self.w_max = 0  # octets: where the curve's plateau lies
        self.k = 0  # milliseconds from the epoch's start to the plateau
        self.epoch = -1  # when this stage of congestion avoidance began, -1: not yet
        self.estimate = 0  # octets that Reno would have: W_est
        self.estimate_credit = 0
        self.prior = 0  # cwnd at the last decrease: where alpha becomes 1
        self.last_ack = 0  # when congestion avoidance last ran, so that idle time can be left out

    def name(self) -> str:
        return "cubic"

    def on_ack(self, acked: int, srtt: int, now: int) -> None:
        # RFC 9438 §4.10 CC-065: slow start below ssthresh
        if self.cwnd < self.ssthresh:
            acked = self.slow_start(acked)
            if acked == 0:
                return
        cwnd = self.cwnd
        mss = self.mss
        if self.epoch < 0:
            self._begin(now)
        elif now - self.last_ack > srtt and now - self.last_ack > MILLISECOND:
            # RFC 9438 §4.2 MUST NOT CC-064: time in which the window was not filled does not count
            self.epoch += now - self.last_ack - srtt
        self.last_ack = now
        # RFC 9438 §4.2: the target is one round trip ahead, and at most half as much again
        target = self.window_at((now - self.epoch + srtt) // MILLISECOND)
        if target < cwnd:
            target = cwnd
        elif target > cwnd + (cwnd >> 1):
            target = cwnd + (cwnd >> 1)
        # RFC 9438 §4.3 CC-061: what Reno would have; alpha = 3 (1-0.7) / (1+0.7) = 9/17
        self.estimate_credit += acked * mss
        whole = cwnd
        if self.estimate < self.prior:
            whole = cwnd * 17 // 9
        gained = self.estimate_credit // whole
        self.estimate += gained
        self.estimate_credit -= gained * whole
        if self.window_at((now - self.epoch) // MILLISECOND) < self.estimate:
            if self.estimate > cwnd:
                self.cwnd = self.estimate
            return
        # RFC 9438 §4.4, §4.5: (target - cwnd) / cwnd for each segment acknowledged
        self.credit += acked * (target - cwnd)
        grown = self.credit // cwnd
        if grown:
            self.credit -= grown * cwnd
            self.cwnd = cwnd + grown

    def window_at(self, elapsed: int) -> int:
        """W_cubic, octets, `elapsed` milliseconds into the epoch. RFC 9438 §4.2 CC-060."""
        past = elapsed - self.k
        if past > _LONGEST:
            past = _LONGEST
        # C = 0.4 segments a cubic second: 4 mss / 10^10 octets a cubic millisecond
        return self.w_max + 4 * self.mss * (past * past * past) // 10_000_000_000

    def on_loss(self, flight: int, now: int) -> None:
        self._decrease()
        self.cwnd = self.ssthresh
        self.credit = 0

    def on_timeout(self, flight: int, first: bool, now: int) -> None:
        # RFC 9438 §4.8; RFC 5681 §3.1 CC-008, CC-009
        if first:
            self._decrease()
        self.cwnd = self.mss
        self.credit = 0

    def on_idle(self, restart_window: int, periods: int, now: int) -> None:
        super().on_idle(restart_window, periods, now)
        self.epoch = -1

    def _begin(self, now: int) -> None:
        """Congestion avoidance starts (again). RFC 9438 §4.2, §4.8, §4.10."""
        cwnd = self.cwnd
        self.epoch = now
        self.last_ack = now
        self.estimate = cwnd
        self.estimate_credit = 0
        self.credit = 0
        if self.w_max <= cwnd:
            self.w_max = cwnd
            self.k = 0
        else:
            self.k = cube_root((self.w_max - cwnd) * 10_000_000_000 // (4 * self.mss))

    def _decrease(self) -> None:
        cwnd = self.cwnd
        self.prior = cwnd
        # RFC 9438 §4.7 CC-063: fast convergence gives room to newcomers
        if cwnd < self.w_max:
            self.w_max = cwnd * 17 // 20
        else:
            self.w_max = cwnd
        # RFC 9438 §4.6 CC-062: beta = 0.7, never below two segments
        self.ssthresh = max(cwnd * 7 // 10, 2 * self.mss)
        self.epoch = -1


def congestion_named(name: str, mss: int, window: int, slow_start_limit: int) -> Congestion:
    """What `TcpSettings.congestion` names: NewReno for `reno`, CUBIC for anything else."""
    if name == "reno":
        return NewReno(mss, window, slow_start_limit)
    return Cubic(mss, window, slow_start_limit)


def cube_root(value: int) -> int:
    """The largest integer whose cube is at most `value`."""
    if value <= 0:
        return 0
    root: int = 1 << ((value.bit_length() + 2) // 3)
    while True:
        nearer = (2 * root + value // (root * root)) // 3
        if nearer >= root:
            return root
        root = nearer
