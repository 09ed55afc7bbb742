"""What passes between a program and a socket: addresses, and messages with all that recvmsg tells."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, final

from trunkline.base.addresses import ANY6, MAPPED_PREFIX
from trunkline.sockets.constants import AF_INET6
from trunkline.sockets.watcher import Watcher

# address (4 octets for AF_INET, 16 for AF_INET6), port, flow label, scope; of AF_UNIX: name, 0, 0, 0
Address = tuple[bytes, int, int, int]
NO_NAME: Final[Address] = (b"", 0, 0, 0)
WOULD_BLOCK: Final = -1  # instead of a count: nothing could be sent now


@final
class Message:
    """What one receive got: `address` of the sender, `flags` as recvmsg gives them.

    `to`, `nic`, `hop_limit` and `traffic_class` are for ancillary data; empty or -1 where nobody asked.
    `passed` is what came along on AF_UNIX, and now the receiver's to open or to let go.
    """

    __slots__ = (
        "address",
        "data",
        "flags",
        "hop_limit",
        "length",
        "nic",
        "passed",
        "to",
        "traffic_class",
    )

    def __init__(self, data: bytes, address: Address, flags: int = 0) -> None:
        self.data = data
        self.address = address
        self.flags = flags
        self.length = len(data)  # of the whole datagram, which `data` may be cut from
        self.to = b""
        self.nic = 0
        self.hop_limit = -1
        self.traffic_class = -1
        self.passed: Sequence[Watcher] | None = None


def to_network(address: bytes) -> bytes:
    """An address as the floors below have it: IPv4-mapped ones as 4 octets."""
    if len(address) == 16 and address.startswith(MAPPED_PREFIX):
        return address[12:]
    return address


def to_program(family: int, address: bytes) -> bytes:
    """An address as a socket of a family shows it: on AF_INET6, IPv4 ones are mapped."""
    if family == AF_INET6 and len(address) != 16:
        return MAPPED_PREFIX + address if address else ANY6
    return address or bytes(4)
