"""The Internet checksum, in two bodies that give the same sums (RFC 1071, RFC 1624, RFC 8200 §8.1).

A *total* is the one's complement sum of 16-bit words, folded to 16 bits and not yet complemented: 0 only
for octets that are all zero, 0xFFFF for any other multiple of 65535. Totals of parts that begin at even
offsets are added and folded again. As 2^16 is 1 modulo 65535, a field of 32 or 128 bits may be added whole.

`total_folding` halves one big integer with shifts, which is fastest interpreted; `total_looping` adds octets
one by one, which is fastest compiled.
"""

from __future__ import annotations

from typing import Final

from trunkline.base.native import i64
from trunkline.base.timers import COMPILED

_SMALLEST: Final = 512  # bits below which halving gains nothing over the division
_HALVES: Final = tuple((1 << k, (1 << (1 << k)) - 1) for k in range(9, 20))  # up to 2^20 bits
_LONGEST: Final = 1 << 16  # octets folded at once


def total(octets: bytes, start: int, end: int) -> int:
    """The total of `octets[start:end]`; an odd last octet counts as the high half of a word."""
    if COMPILED:
        return total_looping(octets, start, end)
    return total_folding(octets[start:end])


def checksum(octets: bytes) -> int:
    """The checksum of octets whose checksum field is zero, as it goes into the field."""
    return ~total(octets, 0, len(octets)) & 0xFFFF


def fold(value: int) -> int:
    """A sum of totals and fields brought back to 16 bits."""
    if value == 0:
        return 0
    return (value - 1) % 0xFFFF + 1


def address_total(src: bytes, dst: bytes) -> int:
    """The total of two addresses: the part of a pseudo-header that stays for a connection's life."""
    if COMPILED:
        return total_looping(src, 0, len(src)) + total_looping(dst, 0, len(dst))
    return int.from_bytes(src, "big") + int.from_bytes(dst, "big")


def pseudo_total(src: bytes, dst: bytes, protocol: int, length: int) -> int:
    """The sum of a pseudo-header, not folded: RFC 9293 §3.1 for IPv4, RFC 8200 §8.1 for IPv6."""
    return address_total(src, dst) + protocol + length


def updated(checksum: int, old: int, new: int) -> int:
    """A checksum field after one 16-bit word changed, RFC 1624 §3 equation 3."""
    return ~fold((~checksum & 0xFFFF) + (~old & 0xFFFF) + new) & 0xFFFF


def total_folding(octets: bytes) -> int:
    """The total of some octets, by halving one big integer."""
    if len(octets) & 1:
        octets += b"\0"
    if len(octets) > _LONGEST:
        value = 0
        for at in range(0, len(octets), _LONGEST):
            value += total_folding(octets[at : at + _LONGEST])
        return fold(value)
    value = int.from_bytes(octets, "big")
    bits = len(octets) * 8
    if bits > _SMALLEST:
        for shift, mask in _HALVES[(bits - 1).bit_length() - 10 :: -1]:
            value = (value >> shift) + (value & mask)
    return (value - 1) % 0xFFFF + 1 if value else 0


def total_looping(octets: bytes, start: int, end: int) -> int:
    """The total of `octets[start:end]`, octet by octet."""
    high: i64 = 0
    low: i64 = 0
    at: i64 = start
    last: i64 = end - 1
    while at < last:
        high += octets[at]
        low += octets[at + 1]
        at += 2
    if at == last:
        high += octets[at]
    value: i64 = (high << 8) + low
    while value > 0xFFFF:
        value = (value >> 16) + (value & 0xFFFF)
    return value
