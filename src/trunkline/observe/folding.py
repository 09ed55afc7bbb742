"""What a ladder leaves out: of many rungs alike, the first and the last few are drawn, and a text says the rest.

Never left out is what a reader looks for: the first loss of a run, what is tried again after a silence, and
what befalls the cables and the programs meanwhile.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Final, NamedTuple

from trunkline.observe.conversations import Conversation
from trunkline.observe.phrases import Rung

ROWS_LIMIT: Final = 160
RUN_KEPT: Final = 4  # of a run of ordinary rungs, so many at each end
RUN_LEFT_OUT: Final = 4  # at least so many are left out at a time
SERIES_KEPT: Final = (2, 1)  # of a series of losses alike, so many at its begin and its end
RARE_KEPT: Final = 60  # retries and marks kept where the rows are still too many


class Mark(NamedTuple):
    """A row that is no packet: what befell a cable (no end's), or what a program did (at its end)."""

    now: int
    left: bool | None
    title: str
    words: str


class Fold(NamedTuple):
    """A row in place of rungs that are left out."""

    rungs: int
    lost: int
    octets: int

    @property
    def text(self) -> str:
        """`694 like these, 3 lost, 671,372 octets`."""
        text = f"{self.rungs:,} like these"
        if self.lost:
            text += f", {self.lost:,} lost"
        return text + (f", {self.octets:,} octets" if self.octets else "")


Row = Rung | Mark | Fold


def folded(conversation: Conversation, rungs: list[Rung], marks: list[Mark]) -> list[Row]:
    """Rungs and marks in the order of time, with a fold in place of what is left out."""
    alike = _series(conversation, rungs)
    rows: list[Row] = []
    run: list[Rung] = []
    waiting = sorted(marks, key=lambda mark: mark.now)
    for rung in rungs:
        while waiting and waiting[0].now <= rung.message.sent:
            rows.extend(_fold(run, alike))
            run = []
            rows.append(waiting.pop(0))
        if rung.ordinary or rung.message.identity in alike:
            run.append(rung)
            continue
        rows.extend(_fold(run, alike))
        run = []
        rows.append(rung)
    rows.extend(_fold(run, alike))
    rows.extend(waiting)
    return rows if len(rows) <= ROWS_LIMIT else _shortened(rows)


def _series(conversation: Conversation, rungs: list[Rung]) -> set[int]:
    """Identities of what is in the midst of a series: lost alike, said again, or overtaking, one after another."""
    inner: set[int] = set()
    for left in (True, False):
        series: list[Rung] = []
        kind: Hashable = None
        for rung in rungs:
            if conversation.from_left(rung.message) is not left:
                continue
            now = _kind(rung)
            if now != kind:
                _add_inner(series, inner)
                series, kind = [], now
            if now is not None:
                series.append(rung)
        _add_inner(series, inner)
    return inner


def _kind(rung: Rung) -> Hashable:
    """What makes it one of a series; None if it stands for itself."""
    end = rung.message.end
    if rung.retry:
        return None
    if rung.lost and not rung.again and end is not None:
        return ("lost", end.place, end.reason)
    if rung.again and not rung.lost:
        return "again"
    return "overtakes" if rung.overtakes else None


def _add_inner(series: list[Rung], inner: set[int]) -> None:
    first, last = SERIES_KEPT
    if len(series) >= first + last + RUN_LEFT_OUT:
        inner.update(rung.message.identity for rung in series[first:-last])


def _fold(run: list[Rung], alike: set[int]) -> list[Row]:
    """A run with its middle left out. Its ends are drawn only where they are no part of a series."""
    first = _plain(run, alike)
    last = _plain(run[::-1], alike)
    left_out = run[first : len(run) - last]
    if len(left_out) < RUN_LEFT_OUT:
        return [*run]
    fold = Fold(
        len(left_out),
        sum(1 for rung in left_out if rung.lost),
        sum(len(rung.message.packet.payload) for rung in left_out),
    )
    return [*run[:first], fold, *run[len(run) - last :]]


def _plain(run: list[Rung], alike: set[int]) -> int:
    """How many of the first rungs of a run are drawn."""
    count = 0
    while count < min(RUN_KEPT, len(run)) and run[count].message.identity not in alike:
        count += 1
    return count


def _shortened(rows: list[Row]) -> list[Row]:
    """The first and the last rows, and what is rare between them."""
    kept = ROWS_LIMIT // 2
    found = rows[:kept]
    rare = 0
    fold = Fold(0, 0, 0)
    for row in rows[kept:-kept]:
        if rare < RARE_KEPT and (isinstance(row, Mark) or (isinstance(row, Rung) and row.retry)):
            rare += 1
            found.extend([fold, row] if fold.rungs else [row])
            fold = Fold(0, 0, 0)
        elif isinstance(row, Fold):
            fold = Fold(fold.rungs + row.rungs, fold.lost + row.lost, fold.octets + row.octets)
        elif isinstance(row, Rung):
            octets = len(row.message.packet.payload)
            fold = Fold(fold.rungs + 1, fold.lost + row.lost, fold.octets + octets)
    return [*found, *([fold] if fold.rungs else []), *rows[-kept:]]
