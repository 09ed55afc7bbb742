"""The trace: what a run tells whoever watches, as a versioned schema of six calls.

Captures, ladders, reports and live views all read this. With nobody watching it costs one test for None.
"""

from __future__ import annotations

from typing import Final

from trunkline.base.native import mypyc_attr
from trunkline.wire.packet import Packet

VERSION: Final = 2
RECEIVED: Final = 1  # directions of a frame at a NIC, numbered as pcapng's epb_flags has them
SENT: Final = 2


@mypyc_attr(allow_interpreted_subclasses=True)
class TraceSink:
    """Watches a world. Subclasses override what they want; the rest costs a call that does nothing.

    `interface` is the world-wide number of a NIC, in order of making, told first by `interface`.
    """

    def interface(self, interface: int, node: str, nic: str, mac: bytes, ethernet: bool) -> None:
        """A NIC exists. `ethernet` is false for one whose packets have no link header."""

    def frame(self, interface: int, direction: int, packet: Packet, now: int) -> None:
        """A packet leaves by a NIC or arrives at one. `packet.notes` says what befell it so far."""

    def drop(self, node: str, reason: str, packet: Packet | None, now: int) -> None:
        """A node gave up a packet (None where only octets were left), under the reason it counted."""

    def state(
        self, node: str, local: tuple[bytes, int], remote: tuple[bytes, int], state: str, now: int
    ) -> None:
        """A TCP connection of a node entered a state, named as RFC 9293 §3.3.2 has it."""

    def call(
        self, node: str, verb: str, local: tuple[bytes, int], remote: tuple[bytes, int], now: int
    ) -> None:
        """A program of a node did something to a TCP connection: connect, accept, shutdown or close.

        connect is told when the call begins; accept when it gives the program a connection.
        """

    def cable(self, name: str, nics: tuple[int, int], what: str, now: int) -> None:
        """Something befell the cable between two NICs: `cut`, `mended`, `now has loss 5%`."""
