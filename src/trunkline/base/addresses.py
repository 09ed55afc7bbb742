"""Addresses are `bytes` in network order: 4 octets IPv4, 16 octets IPv6, 6 octets Ethernet.

Bytes hash once, compare fast and are what the wire has. The length tells the family, so one table can
hold both. RFC 4291 (IPv6), RFC 1122 §3.2.1.3 (IPv4), RFC 5952 (text); scopes as RFC 4007 has them.
"""

from __future__ import annotations

import ipaddress
from typing import Final, final

ANY4: Final = bytes(4)
ANY6: Final = bytes(16)
BROADCAST4: Final = b"\xff\xff\xff\xff"
LOOPBACK4: Final = b"\x7f\x00\x00\x01"
LOOPBACK6: Final = bytes(15) + b"\x01"
ALL_NODES6: Final = b"\xff\x02" + bytes(13) + b"\x01"
ALL_ROUTERS6: Final = b"\xff\x02" + bytes(13) + b"\x02"
ALL_HOSTS4: Final = b"\xe0\x00\x00\x01"
MAC_BROADCAST: Final = b"\xff\xff\xff\xff\xff\xff"
MAC_NONE: Final = bytes(6)
MAPPED_PREFIX: Final = bytes(10) + b"\xff\xff"  # ::ffff:0:0/96, RFC 4291 §2.5.5.2
_SOLICITED_PREFIX: Final = b"\xff\x02" + bytes(9) + b"\x01\xff"


def parse_address(text: str) -> bytes:
    """`10.0.0.1` or `2001:db8::1` as octets. Raises ValueError for anything else."""
    return ipaddress.ip_address(text).packed


def address_text(address: bytes) -> str:
    """The RFC 5952 text of an IPv4 or IPv6 address."""
    if len(address) == 4:
        return f"{address[0]}.{address[1]}.{address[2]}.{address[3]}"
    if address.startswith(MAPPED_PREFIX):
        return "::ffff:" + address_text(address[12:])
    return str(ipaddress.IPv6Address(address))


def mac_text(mac: bytes) -> str:
    """`02:00:00:00:00:01`."""
    return mac.hex(":")


def parse_mac(text: str) -> bytes:
    """Six octets of `02:00:00:00:00:01`. Raises ValueError."""
    octets = bytes.fromhex(text.replace(":", "").replace("-", ""))
    if len(octets) != 6:
        raise ValueError(f"{text!r} is not an Ethernet address such as 02:00:00:00:00:01")
    return octets


def is_multicast(address: bytes) -> bool:
    """224.0.0.0/4 or ff00::/8."""
    if len(address) == 4:
        return address[0] >> 4 == 14
    return address[0] == 0xFF


def is_loopback(address: bytes) -> bool:
    """127.0.0.0/8 or ::1."""
    if len(address) == 4:
        return address[0] == 127
    return address == LOOPBACK6


def is_link_local(address: bytes) -> bool:
    """169.254.0.0/16 (RFC 3927) or fe80::/10."""
    if len(address) == 4:
        return address[0] == 169 and address[1] == 254
    return address[0] == 0xFE and address[1] & 0xC0 == 0x80


def is_unspecified(address: bytes) -> bool:
    """0.0.0.0 or ::."""
    return address in (ANY4, ANY6)


def is_mapped(address: bytes) -> bool:
    """An IPv4-mapped IPv6 address, ::ffff:a.b.c.d."""
    return len(address) == 16 and address.startswith(MAPPED_PREFIX)


def mapped(address: bytes) -> bytes:
    """The IPv4-mapped IPv6 form of an IPv4 address."""
    return MAPPED_PREFIX + address


def multicast_mac(group: bytes) -> bytes:
    """The Ethernet group of an IP group: RFC 1112 §6.4 for IPv4, RFC 2464 §7 for IPv6."""
    if len(group) == 4:
        return bytes((0x01, 0x00, 0x5E, group[1] & 0x7F, group[2], group[3]))
    return b"\x33\x33" + group[12:]


def solicited_node(address: bytes) -> bytes:
    """The group that neighbour solicitations for an address go to, RFC 4291 §2.7.1."""
    return _SOLICITED_PREFIX + address[13:]


def link_local_of(mac: bytes) -> bytes:
    """fe80::/64 with the modified EUI-64 of an Ethernet address, RFC 2464 §5."""
    return bytes((0xFE, 0x80, 0, 0, 0, 0, 0, 0, mac[0] ^ 2, mac[1], mac[2], 0xFF, 0xFE)) + mac[3:]


@final
class Prefix:
    """A network: address with host bits cleared, and length. `Prefix.parse("10.0.1.0/24")`."""

    __slots__ = ("address", "length")

    def __init__(self, address: bytes, length: int) -> None:
        width = len(address) * 8
        if not 0 <= length <= width:
            raise ValueError(f"a prefix of {length} bits does not fit {address_text(address)}")
        self.address = masked(address, length)
        self.length = length

    @staticmethod
    def parse(text: str) -> Prefix:
        """`10.0.1.0/24`; host bits are cleared. Raises ValueError."""
        network = ipaddress.ip_network(text, strict=False)
        return Prefix(network.network_address.packed, network.prefixlen)

    def contains(self, address: bytes) -> bool:
        """Whether an address of the same family lies inside."""
        return len(address) == len(self.address) and masked(address, self.length) == self.address

    def broadcast(self) -> bytes:
        """The directed broadcast address of an IPv4 network: all host bits set."""
        width = len(self.address) * 8
        host = (1 << (width - self.length)) - 1
        return (int.from_bytes(self.address, "big") | host).to_bytes(len(self.address), "big")

    def host(self, number: int) -> bytes:
        """The `number`-th address of the network."""
        return (int.from_bytes(self.address, "big") + number).to_bytes(len(self.address), "big")

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Prefix)
            and self.address == other.address
            and self.length == other.length
        )

    def __hash__(self) -> int:
        return hash((self.address, self.length))

    def __str__(self) -> str:
        return f"{address_text(self.address)}/{self.length}"

    def __repr__(self) -> str:
        return f"Prefix({str(self)!r})"


def masked(address: bytes, length: int) -> bytes:
    """An address with all but its first `length` bits cleared."""
    width = len(address) * 8
    if length >= width:
        return address
    value = int.from_bytes(address, "big") >> (width - length) << (width - length)
    return value.to_bytes(len(address), "big")
