"""Segments that came before their turn: kept in runs until the hole before them fills.

RFC 9293 §3.10.7.4 SHLD-31, RFC 2018 §4 (which blocks a SACK option names, in which order). Made when the
first segment arrives out of order and given up when no hole is left. What arrives twice is cut away: the
first copy stays. Bounded by the receive window, and by PIECES and RUNS against many tiny pieces.
"""

from __future__ import annotations

from typing import Final, final

from trunkline.transport.tcp.sequence import HALF, MASK

RUNS: Final = 256  # disjoint stretches
PIECES: Final = 4096  # segments


@final
class Run:
    """A stretch without holes: its edges, and its octets in pieces."""

    __slots__ = ("left", "pieces", "right")

    def __init__(self, left: int, right: int, piece: bytes) -> None:
        self.left = left
        self.right = right
        self.pieces: list[bytes] = [piece]


@final
class Assembly:
    """What is held beyond `rcv_nxt`."""

    __slots__ = ("fin", "pieces", "recent", "runs")

    def __init__(self) -> None:
        self.runs: list[Run] = []  # by sequence number
        self.recent: list[Run] = []  # the one that changed last first
        self.pieces = 0
        self.fin = -1  # sequence number of a FIN that came early, or -1

    def add(self, seq: int, payload: bytes) -> bool:
        """Keep a segment; False where a limit turned it away. It lies beyond `rcv_nxt`."""
        if self.pieces >= PIECES:
            return False
        right = (seq + len(payload)) & MASK
        runs = self.runs
        at = len(runs)
        # the first run that ends at or after `seq`: usually the last, or none
        while at > 0 and (runs[at - 1].right - seq) & MASK < HALF:
            at -= 1
        if at == len(runs) or (runs[at].left - right - 1) & MASK < HALF:
            # touches nothing
            if len(runs) >= RUNS:
                return False
            run = Run(seq, right, payload)
            runs.insert(at, run)
            self.pieces += 1
            self._changed(run)
            return True
        run = runs[at]
        self._changed(run)
        ahead = (run.left - seq) & MASK
        if 0 < ahead < HALF:
            run.pieces.insert(0, payload[:ahead])
            run.left = seq
            self.pieces += 1
        while True:
            beyond = (right - run.right) & MASK
            if beyond == 0 or beyond >= HALF:
                return True
            # octets beyond this run: up to the next one, which it may then join
            last = at + 1 == len(runs)
            room = beyond if last else (runs[at + 1].left - run.right) & MASK
            start = len(payload) - beyond
            if beyond < room or last:
                run.pieces.append(payload[start:])
                run.right = right
                self.pieces += 1
                return True
            follower = runs[at + 1]
            run.pieces.append(payload[start : start + room])
            run.pieces.extend(follower.pieces)
            self.pieces += 1
            run.right = follower.right
            del runs[at + 1]
            self.recent.remove(follower)

    def take(self, rcv_nxt: int) -> Run | None:
        """The run that `rcv_nxt` has reached, cut to begin there; it leaves."""
        while self.runs:
            run = self.runs[0]
            behind = (rcv_nxt - run.left) & MASK
            if behind >= HALF:
                return None
            del self.runs[0]
            self.recent.remove(run)
            self.pieces -= len(run.pieces)
            while behind and run.pieces:
                piece = run.pieces[0]
                if len(piece) > behind:
                    run.pieces[0] = piece[behind:]
                    behind = 0
                else:
                    del run.pieces[0]
                    behind -= len(piece)
            if run.pieces:
                run.left = rcv_nxt
                return run
        return None

    def end(self, seq: int) -> None:
        """A FIN came early: it has a place among the sequence numbers, and is sacked as they are."""
        self.fin = seq
        at = len(self.runs)
        while at > 0 and (self.runs[at - 1].right - seq) & MASK < HALF:
            at -= 1
        if at < len(self.runs) and (seq - self.runs[at].left) & MASK < HALF:
            self._changed(self.runs[at])
            return
        run = Run(seq, seq, b"")  # an empty one, which what comes before it may join
        run.pieces.clear()
        self.runs.insert(at, run)
        self._changed(run)

    def repeats(self, seq: int, right: int) -> tuple[int, int]:
        """The first part of a stretch that is held already, (-1, -1) where none is.

        If that is all of it, a duplicate, its run becomes the latest.
        """
        for run in self.runs:
            left = seq if (seq - run.left) & MASK < HALF else run.left
            end = right if (run.right - right) & MASK < HALF else run.right
            if 0 < (end - left) & MASK < HALF:
                if left == seq and end == right:
                    self._changed(run)
                return left, end
        return -1, -1

    def blocks(self, limit: int) -> list[tuple[int, int]]:
        """The edges for a SACK option: the run that changed last first. RFC 2018 §4 CC-034."""
        edges: list[tuple[int, int]] = []
        for run in self.recent[:limit]:
            right = run.right
            if right == self.fin:
                right = (right + 1) & MASK
            edges.append((run.left, right))
        return edges

    def octets(self) -> int:
        """How many are held."""
        return sum([(run.right - run.left) & MASK for run in self.runs])

    def _changed(self, run: Run) -> None:
        recent = self.recent
        if recent and recent[0] is run:
            return
        if run in recent:
            recent.remove(run)
        recent.insert(0, run)
