"""Dice: a small counter-based generator, one named stream for each thing that rolls.

A stream's n-th number depends on the world's seed, the stream's name and n alone, so a new link or a new
program changes no other stream. The mixing is splitmix64's (Steele, Lea, Flood 2014); everything is
integers, so that every machine and every Python rolls the same. Not for secrets outside a simulation.
"""

from __future__ import annotations

from typing import Final, final

_MASK: Final = (1 << 64) - 1
_STEP: Final = 0x9E3779B97F4A7C15
CERTAIN: Final = 1 << 32  # chances are parts of this: `CERTAIN // 100` is one per cent


def _mix(value: int) -> int:
    value = ((value ^ (value >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    value = ((value ^ (value >> 27)) * 0x94D049BB133111EB) & _MASK
    return value ^ (value >> 31)


@final
class Dice:
    """One stream of numbers, named: `Dice(seed, "cable alice-r1 loss")`."""

    __slots__ = ("_at",)

    def __init__(self, seed: int, stream: str) -> None:
        at = _mix((seed * _STEP + 1) & _MASK)
        for octet in stream.encode():
            at = _mix((at ^ octet) + _STEP & _MASK)
        self._at = at

    def word(self) -> int:
        """The next 64 bits."""
        self._at = (self._at + _STEP) & _MASK
        return _mix(self._at)

    def below(self, limit: int) -> int:
        """A number from 0 to `limit - 1`, each as likely as 64 bits allow; `limit` up to 2^63."""
        return (self.word() * limit) >> 64

    def between(self, low: int, high: int) -> int:
        """A number from `low` to `high`, both included."""
        return low + self.below(high - low + 1)

    def chance(self, chance: int) -> bool:
        """True with probability `chance / CERTAIN`."""
        return self.word() >> 32 < chance

    def octets(self, count: int) -> bytes:
        """`count` random octets."""
        words = [self.word().to_bytes(8, "big") for _ in range((count + 7) // 8)]
        return b"".join(words)[:count]


def keyed_hash(key: int, octets: bytes) -> int:
    """64 bits that cannot be told without `key`, for sequence numbers and ports (RFC 6528, RFC 6056)."""
    at = _mix((key + _STEP) & _MASK)
    for start in range(0, len(octets), 8):
        at = _mix(((at ^ int.from_bytes(octets[start : start + 8], "big")) + _STEP) & _MASK)
    return _mix(at ^ len(octets))
