"""Port spaces: who holds which (address, port) of one protocol, and the ephemeral ports.

A Claim is one bound (address, port); whoever keeps a port busy holds a reference to it, a connection to the
end of its TIME-WAIT. Who may share a port is Linux's rule (SO_REUSEADDR, SO_REUSEPORT, device, dual stack),
ephemeral ports are chosen as RFC 6056 §3.3.4 has it. Read socket(7) and ip(7) beside it.

Left out: privileged ports (every simulated program may bind port 80) and IP_LOCAL_PORT_RANGE.
"""

from __future__ import annotations

from typing import Final, final

from trunkline.base.addresses import ANY4, ANY6
from trunkline.base.dice import Dice, keyed_hash
from trunkline.base.native import mypyc_attr
from trunkline.base.results import ADDRESS_IN_USE, NO_ADDRESS, SENT

EPHEMERAL_LOW: Final = 32768  # Linux's net.ipv4.ip_local_port_range
EPHEMERAL_HIGH: Final = 60999
PERTURB_SLOTS: Final = 256  # counters of RFC 6056 §3.3.4's table


@mypyc_attr(allow_interpreted_subclasses=True)
class FlowTable:
    """Who knows which four-tuples are in use; the TCP layer's table answers through this."""

    __slots__ = ()

    def flow_in_use(self, local: bytes, local_port: int, remote: bytes, remote_port: int) -> bool:
        """Whether a connection, TIME-WAIT included, has this four-tuple."""
        return False


@final
class Claim:
    """A bound (address, port). `address` is ANY4, ANY6 or an own address; mapped ones as 4 octets.

    The flags may change while the claim is held, as the options of its socket do. `explicit` tells bind
    from what connect chose. `owner` is the user whose sockets may share by SO_REUSEPORT.
    """

    __slots__ = (
        "address",
        "derived",
        "device",
        "explicit",
        "listening",
        "owner",
        "parent",
        "port",
        "references",
        "reuse_address",
        "reuse_port",
        "space",
        "v6only",
    )

    def __init__(
        self,
        space: PortSpace,
        address: bytes,
        port: int,
        device: int = 0,
        reuse_address: bool = False,
        reuse_port: bool = False,
        v6only: bool = False,
        owner: int = 0,
    ) -> None:
        self.space = space
        self.address = address
        self.port = port
        self.device = device  # index of the NIC it is bound to, 0 for any
        self.reuse_address = reuse_address
        self.reuse_port = reuse_port
        self.v6only = v6only
        self.owner = owner
        self.listening = False
        self.explicit = True
        self.references = 1
        self.parent: Claim | None = None
        self.derived: dict[bytes, Claim] | None = None

    def share(self, local: bytes = b"") -> Claim:
        """One more holder; the claim it gets is the one to release.

        A connection accepted from a wildcard listener holds only its own address: say it as `local`.
        """
        if not local or local == self.address:
            self.references += 1
            return self
        if self.derived is None:
            self.derived = {}
        claim = self.derived.get(local)
        if claim is not None:
            claim.references += 1
            return claim
        claim = Claim(
            self.space,
            local,
            self.port,
            self.device,
            self.reuse_address,
            self.reuse_port,
            self.v6only,
            self.owner,
        )
        claim.explicit = self.explicit
        claim.parent = self
        self.derived[local] = claim
        self.space.add(claim)
        return claim

    def release(self) -> None:
        """One holder less; the last one frees the port."""
        assert self.references > 0, "a claim was released twice"
        self.references -= 1
        if self.references == 0:
            self.space.remove(self)
            parent = self.parent
            if parent is not None and parent.derived is not None:
                del parent.derived[self.address]


@final
class PortSpace:
    """The ports of one protocol on one host. `datagram` selects UDP's laxer sharing of addresses."""

    __slots__ = ("_claims", "_datagram", "_dice", "_perturb", "_secret", "high", "low")

    def __init__(self, dice: Dice, datagram: bool) -> None:
        self._claims: dict[int, list[Claim]] = {}
        self._datagram = datagram
        self._dice = dice
        self._secret = dice.word()
        self._perturb: dict[int, int] = {}
        self.low = EPHEMERAL_LOW  # even, the range's ends as Linux's net.ipv4.ip_local_port_range
        self.high = EPHEMERAL_HIGH

    def bind(self, claim: Claim) -> int:
        """Take the claim's port, or an ephemeral one where it is 0: SENT or ADDRESS_IN_USE."""
        if claim.port == 0:
            return self._bind_ephemeral(claim)
        if self.conflict(claim):
            return ADDRESS_IN_USE
        self.add(claim)
        return SENT

    def bind_flow(
        self, claim: Claim, flows: FlowTable, local: bytes, remote: bytes, remote_port: int
    ) -> int:
        """Choose the port of a connection to be: SENT, or NO_ADDRESS when all are taken.

        Ports that nobody bound explicitly may be shared by flows that differ in another field.
        """
        # RFC 6056 §3.3.4: a keyed hash of the flow, and a counter for each slot of a table
        offset = keyed_hash(self._secret, local + remote + remote_port.to_bytes(2, "big"))
        slot = (offset >> 32) % PERTURB_SLOTS
        count = self.high - self.low + 1 & ~1
        perturb = self._perturb.get(slot, -1)
        if perturb < 0:
            perturb = self._dice.below(count)
        start = (offset + perturb) % count & ~1
        # as Linux: connect takes even ports first and leaves the odd ones to bind
        for parity in range(2):
            for step in range(0, count, 2):
                port = self.low + (start + step + parity) % count
                if self._bound(port, claim) or flows.flow_in_use(local, port, remote, remote_port):
                    continue
                self._perturb[slot] = perturb + step + 2
                claim.port = port
                claim.explicit = False
                self.add(claim)
                return SENT
        return NO_ADDRESS

    def conflict(self, claim: Claim, strict: bool = False) -> bool:
        """Whether another claim on the same port keeps this one out. `strict`: no sharing at all."""
        for other in self._claims.get(claim.port, _NOBODY):
            if other is claim:
                continue
            if claim.device and other.device and claim.device != other.device:
                continue
            if not overlap(claim, other):
                continue
            if self._datagram:
                if claim.reuse_address and other.reuse_address:
                    continue
            elif claim.reuse_address and other.reuse_address and not other.listening:
                if strict:
                    return True
                continue
            if strict or not claim.reuse_port or not other.reuse_port or claim.owner != other.owner:
                return True
        return False

    def add(self, claim: Claim) -> None:
        """Enter a claim whose port is known to be free for it."""
        claims = self._claims.get(claim.port)
        if claims is None:
            self._claims[claim.port] = [claim]
        else:
            claims.append(claim)

    def remove(self, claim: Claim) -> None:
        """Take out a claim that nobody holds any more."""
        claims = self._claims[claim.port]
        claims.remove(claim)
        if not claims:
            del self._claims[claim.port]

    def claims(self) -> list[Claim]:
        """Every claim, by port and then by age."""
        return [claim for port in sorted(self._claims) for claim in self._claims[port]]

    def _bound(self, port: int, claim: Claim) -> bool:
        """Whether bind, rather than connect, took the port; connect then leaves it alone."""
        for other in self._claims.get(port, _NOBODY):
            if other.explicit and other is not claim:
                return True
        return False

    def _bind_ephemeral(self, claim: Claim) -> int:
        # RFC 6335 §6: the dynamic ports, here Linux's range; RFC 6056 §3.3.1: a random start
        count = self.high - self.low + 1 & ~1
        start = self._dice.below(count) | 1
        for parity in range(2):
            for step in range(0, count, 2):
                claim.port = self.low + (start + step + parity) % count
                if not self.conflict(claim, True):
                    self.add(claim)
                    return SENT
        claim.port = 0
        return ADDRESS_IN_USE


_NOBODY: Final[list[Claim]] = []


def overlap(claim: Claim, other: Claim) -> bool:
    """Whether some datagram's destination would suit both addresses."""
    mine = claim.address
    theirs = other.address
    if mine == theirs:
        return True
    if len(mine) == 4:
        if len(theirs) == 4:
            return ANY4 in (mine, theirs)
        return theirs == ANY6 and not other.v6only
    if len(theirs) == 4:
        return mine == ANY6 and not claim.v6only
    return ANY6 in (mine, theirs)
