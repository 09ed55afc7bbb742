"""Garbage of worlds: what programs leave behind is collected when their world closes, and quickly.

Its finalizers run then, where nobody minds what they say. What is older than the world is no garbage of
its own, so it is frozen meanwhile: with all that a test suite has imported, each closing would take a tenth
of a second. A world that its user still holds on to is collected later, with everything, as often as CPython
would do it: when a quarter of the heap is new.
"""

from __future__ import annotations

import gc
from typing import Final

from trunkline.system import real

LEAST: Final = 50_000  # objects that may wait for a collection of everything
FROZEN_AT_START: Final = 1_000  # objects; Python 3.12 freezes some hundreds of its own


class _Ledger:
    """What is frozen, and what waits."""

    def __init__(self) -> None:
        self.frozen = False  # by us
        self.waiting = 0  # objects that closed worlds have left
        self.heap = 0  # objects after the last collection of everything


_ledger: Final = _Ledger()


def world_begins(others: bool) -> None:
    """Freeze what there is, unless there are other worlds, or somebody else has frozen it."""
    if not others and gc.get_freeze_count() < FROZEN_AT_START:
        gc.freeze()
        _ledger.frozen = True


def world_ends(others: bool) -> None:
    """Collect what is young."""
    real.collect()
    if not _ledger.frozen:
        return
    _ledger.waiting += len(gc.get_objects())  # what is frozen is not among them
    if others:
        return
    gc.unfreeze()
    _ledger.frozen = False
    if _ledger.waiting > max(LEAST, _ledger.heap // 4):
        real.collect()
        _ledger.waiting = 0
        _ledger.heap = len(gc.get_objects())
