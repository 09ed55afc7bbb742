"""A host's own addresses, and which of two addresses to prefer: RFC 6724, for both families.

RFC 6724 §5 (source), §6 (destination order for resolvers), RFC 4007 (scopes), RFC 4291. IPv4 addresses
take part in their IPv4-mapped form, as the RFC has it.

Left out on purpose: home addresses (rule 4), encapsulation (rule 7 of §6), changes to the policy table.
"""

from __future__ import annotations

from typing import Final, final

from trunkline.base.addresses import (
    ANY4,
    BROADCAST4,
    LOOPBACK6,
    MAPPED_PREFIX,
    Prefix,
    is_link_local,
    is_loopback,
    mapped,
)
from trunkline.link.nic import LOOPBACK, Nic

LOCAL: Final = 1  # what an address in `kinds` is: an own unicast address,
LOCAL_LINK: Final = 2  # an own one that counts on its own link only (fe80::/10),
BROADCAST: Final = 3  # a broadcast of a link,
LOCAL_HOST: Final = 4  # or an own loopback address, which no wire may carry

LINK_SCOPE: Final = 2
SITE_SCOPE: Final = 5
GLOBAL_SCOPE: Final = 14
ADDRESSES_LIMIT: Final = 4096  # own addresses of one host

# The policy table of RFC 6724 §2.1: prefix, length, precedence, label.
_POLICY: Final = (
    (LOOPBACK6, 128, 50, 0),
    (MAPPED_PREFIX, 96, 35, 4),
    (bytes(12), 96, 1, 3),
    (b"\x20\x01\x00\x00", 32, 5, 5),
    (b"\x20\x02", 16, 30, 2),
    (b"\x3f\xfe", 16, 1, 12),
)
_SITE_LOCAL: Final = (1, 11)  # fec0::/10
_UNIQUE_LOCAL: Final = (3, 13)  # fc00::/7
_OTHERS: Final = (40, 1)  # ::/0


@final
class Address:
    """An own address. `preferred` is false once it is deprecated (RFC 4862 §5.5.4)."""

    __slots__ = ("address", "length", "nic", "preferred")

    def __init__(self, address: bytes, length: int, nic: Nic) -> None:
        self.address = address
        self.length = length
        self.nic = nic
        self.preferred = True


@final
class AddressTable:
    """The own addresses of a host in the order they came, and what each known address is to it."""

    __slots__ = ("kinds", "own")

    def __init__(self) -> None:
        self.own: list[Address] = []
        self.kinds: dict[bytes, int] = {BROADCAST4: BROADCAST}

    def add(self, nic: Nic, address: bytes, length: int) -> bool:
        """Take an address; false when it is there already, or there are too many."""
        if address in nic.addresses or len(self.own) >= ADDRESSES_LIMIT:
            return False
        nic.addresses[address] = length
        entry = Address(address, length, nic)
        self.own.append(entry)
        self._enter_broadcasts(entry)
        self.kinds[address] = _kind_of(address)
        return True

    def remove(self, nic: Nic, address: bytes) -> Address | None:
        """Give an address up."""
        for at, entry in enumerate(self.own):
            if entry.nic is nic and entry.address == address:
                del self.own[at]
                del nic.addresses[address]
                self._sort_out()
                return entry
        return None

    def find(self, address: bytes, nic: Nic | None = None) -> Address | None:
        """The entry of an own address, on any NIC or on one."""
        for entry in self.own:
            if entry.address == address and (nic is None or entry.nic is nic):
                return entry
        return None

    def first_on(self, nic: Nic, width: int) -> Address | None:
        """The first address of a family (by its length in octets) on a NIC."""
        for entry in self.own:
            if entry.nic is nic and len(entry.address) == width:
                return entry
        return None

    def _sort_out(self) -> None:
        kinds = self.kinds  # changed in place: others hold it
        kinds.clear()
        kinds[BROADCAST4] = BROADCAST
        for entry in self.own:
            self._enter_broadcasts(entry)
            kinds[entry.address] = _kind_of(entry.address)

    def _enter_broadcasts(self, entry: Address) -> None:
        """The broadcasts of an own address's network; an own address is that before anything else."""
        if len(entry.address) == 4 and entry.length < 31:
            # RFC 1122 §3.3.6, IP4-035: all ones and, of old, all zeros in the host part.
            prefix = Prefix(entry.address, entry.length)
            self.kinds.setdefault(prefix.broadcast(), BROADCAST)
            if entry.nic.kind != LOOPBACK:
                self.kinds.setdefault(prefix.address, BROADCAST)


def _kind_of(address: bytes) -> int:
    if is_loopback(address):
        return LOCAL_HOST
    return LOCAL_LINK if len(address) == 16 and is_link_local(address) else LOCAL


def choose_source(candidates: list[Address], dst: bytes, nic: Nic | None) -> Address | None:
    """The best of the addresses of one family for a destination that is reached by `nic`."""
    best: Address | None = None
    for candidate in candidates:
        if len(candidate.address) != len(dst) or not _may_speak(candidate, dst, nic):
            continue
        if best is None or _better_source(candidate, best, dst, nic):
            best = candidate
    return best


def _may_speak(candidate: Address, dst: bytes, nic: Nic | None) -> bool:
    """Whether an address can be used at all as the source of packets that leave by `nic`."""
    if candidate.nic is nic:
        return True
    address = candidate.address
    if is_loopback(address):
        return is_loopback(dst)
    # RFC 6724 §4: link-local candidates are those of the outgoing interface.
    return not is_link_local(address)


def _better_source(one: Address, two: Address, dst: bytes, nic: Nic | None) -> bool:
    """RFC 6724 §5: whether `one` beats `two`, by the rules in order."""
    # RFC 6724 §5, IP6-023: rule 1, the same address.
    if two.address == dst:
        return False
    if one.address == dst:
        return True
    # Rule 2, the appropriate scope.
    scope_one = scope(one.address)
    scope_two = scope(two.address)
    if scope_one < scope_two:
        return scope_one >= scope(dst)
    if scope_two < scope_one:
        return scope_two < scope(dst)
    # Rule 3, not deprecated.
    if one.preferred != two.preferred:
        return one.preferred
    # Rule 5, of the outgoing interface.
    if (one.nic is nic) != (two.nic is nic):
        return one.nic is nic
    # Rule 6, the same label.
    label = _policy(dst)[1]
    match_one = _policy(one.address)[1] == label
    match_two = _policy(two.address)[1] == label
    if match_one != match_two:
        return match_one
    # Rule 8, the longest common prefix, counted within the prefix of the address.
    return _common(one.address, dst, one.length) > _common(two.address, dst, two.length)


def sort_destinations(
    destinations: list[bytes], sources: list[bytes | None]
) -> list[tuple[bytes, bytes | None]]:
    """Destinations in the order to try them, each with the source it would have (None: unreachable)."""
    ordered: list[tuple[bytes, bytes | None]] = []
    for dst, src in zip(destinations, sources, strict=True):
        at = len(ordered)
        # RFC 6724 §6, IP6-024 rule 10: otherwise the order stays, so insertion goes from the end.
        while at > 0 and _better_destination(dst, src, ordered[at - 1][0], ordered[at - 1][1]):
            at -= 1
        ordered.insert(at, (dst, src))
    return ordered


def _better_destination(
    one: bytes, src_one: bytes | None, two: bytes, src_two: bytes | None
) -> bool:
    # Rule 1, avoid what cannot be used.
    if src_one is None or src_two is None:
        return src_one is not None
    # Rule 2, matching scope.
    match_one = scope(one) == scope(src_one)
    match_two = scope(two) == scope(src_two)
    if match_one != match_two:
        return match_one
    # Rule 5, matching label.
    precedence_one, label_one = _policy(one)
    precedence_two, label_two = _policy(two)
    match_one = label_one == _policy(src_one)[1]
    match_two = label_two == _policy(src_two)[1]
    if match_one != match_two:
        return match_one
    # Rule 6, higher precedence.
    if precedence_one != precedence_two:
        return precedence_one > precedence_two
    # Rule 8, smaller scope.
    if scope(one) != scope(two):
        return scope(one) < scope(two)
    # Rule 9, the longest common prefix, within one family. IPv4 keeps its order, as Linux has it.
    if len(one) == 16 and len(two) == 16:
        return _common(one, src_one, 64) > _common(two, src_two, 64)
    return False


def scope(address: bytes) -> int:
    """The RFC 4007 scope of an address; RFC 6724 §3.2 for IPv4, where private addresses are global."""
    if len(address) == 4:
        if address[0] >> 4 == 14:
            return LINK_SCOPE if address[:3] == b"\xe0\x00\x00" else GLOBAL_SCOPE
        if address[0] == 127 or (address[0] == 169 and address[1] == 254):
            return LINK_SCOPE
        return GLOBAL_SCOPE
    if address[0] == 0xFF:
        return address[1] & 0x0F
    if address[0] == 0xFE:
        part = address[1] & 0xC0
        if part == 0x80:
            return LINK_SCOPE
        if part == 0xC0:
            return SITE_SCOPE
    return LINK_SCOPE if address == LOOPBACK6 else GLOBAL_SCOPE


def _policy(address: bytes) -> tuple[int, int]:
    """Precedence and label of an address, RFC 6724 §2.1."""
    if len(address) == 4:
        address = mapped(address)
    first = address[0]
    if first & 0xFE == 0xFC:
        return _UNIQUE_LOCAL
    if first == 0xFE and address[1] & 0xC0 == 0xC0:
        return _SITE_LOCAL
    for prefix, length, precedence, label in _POLICY:
        if address[: length // 8] == prefix:
            return precedence, label
    return _OTHERS


def _common(one: bytes, two: bytes, limit: int) -> int:
    """How many leading bits two addresses share, at most `limit`."""
    width = len(one) * 8
    differ = int.from_bytes(one, "big") ^ int.from_bytes(two, "big")
    return min(width - differ.bit_length(), limit)


def is_martian_source(src: bytes) -> bool:
    """Whether no packet from a wire can have this source: RFC 1122 §3.2.1.3, RFC 1812 §5.3.7."""
    first = src[0]
    if len(src) == 4:
        return first == 127 or first >= 224 or (first == 0 and src != ANY4)
    return first == 0xFF or src == LOOPBACK6 or src.startswith(MAPPED_PREFIX)
