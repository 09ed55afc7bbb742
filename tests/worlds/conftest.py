"""The worlds' tests make many worlds, and each collects garbage when it is closed."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest


@pytest.fixture(scope="session", autouse=True)
def nothing_old_to_collect() -> Iterator[None]:
    """What exists before the first of them stays: no collection has to look at it."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()
