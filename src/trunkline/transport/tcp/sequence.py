"""Sequence numbers live on a circle of 2^32: distances and comparisons. RFC 9293 §3.4, RFC 1982.

Hot code writes `(a - b) & MASK` out; the functions here are for the rest.
"""

from __future__ import annotations

from typing import Final

MASK: Final = 0xFFFFFFFF
HALF: Final = 0x80000000


def before(a: int, b: int) -> bool:
    """Whether `a` lies in the half circle behind `b`."""
    return (a - b) & MASK >= HALF


def after(a: int, b: int) -> bool:
    """Whether `a` lies in the half circle ahead of `b`."""
    return (b - a) & MASK >= HALF


def distance(a: int, b: int) -> int:
    """`a - b` as a signed number: how far `a` is ahead of `b`."""
    return ((a - b + HALF) & MASK) - HALF
