"""A machine's randomness: what os.urandom, random, secrets and uuid give there, all from one stream of dice.

Not for secrets outside a simulation.
"""

from __future__ import annotations

import random
import uuid
from typing import Final, final

from trunkline.base.dice import Dice

_UUID_EPOCH: Final = (
    0x01B21DD213814000  # 1582-10-15 to 1970-01-01, in units of 100 ns; RFC 9562 §5.1
)


@final
class Randomness:
    """The random sources of one machine."""

    __slots__ = ("_dice", "_instance", "_node", "_seed", "_sequence")

    def __init__(self, seed: int, name: str) -> None:
        self._dice = Dice(seed, f"randomness of {name}")
        self._seed = self._dice.word()
        self._instance: random.Random | None = None  # 2.5 KiB, made for the first who asks
        self._node = self._dice.word() >> 16 | 1 << 40  # the multicast bit: not a real card's
        self._sequence = self._dice.below(1 << 14)

    @property
    def instance(self) -> random.Random:
        """What stands for the functions of the module `random`."""
        if self._instance is None:
            self._instance = random.Random(self._seed)
        return self._instance

    def urandom(self, count: int) -> bytes:
        """As os.urandom."""
        if count < 0:
            raise ValueError("negative argument not allowed")
        return self._dice.octets(count)

    def node(self) -> int:
        """As uuid.getnode: 48 bits."""
        return self._node

    def uuid1(self, time_ns: int, node: int | None, sequence: int | None) -> uuid.UUID:
        """As uuid.uuid1, from the machine's clock."""
        ticks = time_ns // 100 + _UUID_EPOCH
        clock = self._sequence if sequence is None else sequence
        if sequence is None:
            self._sequence = (self._sequence + 1) & 0x3FFF
        return uuid.UUID(
            fields=(
                ticks & 0xFFFFFFFF,
                ticks >> 32 & 0xFFFF,
                ticks >> 48 & 0x0FFF,
                clock >> 8 & 0x3F,
                clock & 0xFF,
                self._node if node is None else node,
            ),
            version=1,
        )
