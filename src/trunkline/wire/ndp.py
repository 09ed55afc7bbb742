"""Neighbour discovery messages and their options (RFC 4861 §4): what follows the first 4 octets of ICMPv6.

A message is an `Icmp` header, whose `rest` is the message's first word, and a payload. Reading is by the
rules of RFC 4861 §6.1, §7.1 and §8.1 that need the message alone; hop limit and addresses are checked by
whoever knows the packet.
"""

from __future__ import annotations

from struct import Struct
from typing import Final, final

from trunkline.base.addresses import Prefix
from trunkline.wire.icmp import ABSENT, Icmp
from trunkline.wire.icmpv6 import (
    NEIGHBOUR_ADVERTISEMENT,
    NEIGHBOUR_SOLICITATION,
    REDIRECT,
    ROUTER_ADVERTISEMENT,
    ROUTER_SOLICITATION,
)

OPTION_SOURCE: Final = 1  # source link-layer address
OPTION_TARGET: Final = 2  # target link-layer address
OPTION_PREFIX: Final = 3
OPTION_REDIRECTED: Final = 4
OPTION_MTU: Final = 5

FLAG_ROUTER: Final = 1 << 31  # of a Neighbour Advertisement's `rest`
FLAG_SOLICITED: Final = 1 << 30
FLAG_OVERRIDE: Final = 1 << 29

PREFIX_LIMIT: Final = 32  # prefixes read of one advertisement

_WORDS: Final = Struct(">II")
_PREFIX: Final = Struct(">BBBBIII16s")


@final
class PrefixInformation:
    """A prefix that a router advertises; lifetimes in seconds, 0xFFFFFFFF for ever."""

    __slots__ = ("autonomous", "on_link", "preferred_lifetime", "prefix", "valid_lifetime")

    def __init__(
        self,
        prefix: Prefix,
        on_link: bool,
        autonomous: bool,
        valid_lifetime: int,
        preferred_lifetime: int,
    ) -> None:
        self.prefix = prefix
        self.on_link = on_link
        self.autonomous = autonomous
        self.valid_lifetime = valid_lifetime
        self.preferred_lifetime = preferred_lifetime


@final
class NdpOptions:
    """The options that are known; an absent address is b"", an absent MTU is ABSENT (-1)."""

    __slots__ = ("mtu", "prefixes", "redirected", "source_mac", "target_mac")

    def __init__(
        self,
        source_mac: bytes = b"",
        target_mac: bytes = b"",
        mtu: int = ABSENT,
        prefixes: tuple[PrefixInformation, ...] = (),
        redirected: bytes = b"",
    ) -> None:
        self.source_mac = source_mac
        self.target_mac = target_mac
        self.mtu = mtu
        self.prefixes = prefixes
        self.redirected = redirected  # the start of the packet that a Redirect is about


@final
class NdpMessage:
    """A message of any of the five types. Fields that its type does not have keep their defaults."""

    __slots__ = (
        "destination",
        "hop_limit",
        "managed",
        "options",
        "other",
        "override",
        "reachable_time",
        "retrans_timer",
        "router",
        "router_lifetime",
        "solicited",
        "target",
        "type",
    )

    def __init__(self, type: int, options: NdpOptions) -> None:
        self.type = type
        self.options = options
        self.target = b""  # NS, NA, Redirect
        self.destination = b""  # Redirect
        self.router = False  # NA
        self.solicited = False
        self.override = False
        self.hop_limit = 0  # RA: the one to use, 0 for no opinion
        self.managed = False
        self.other = False
        self.router_lifetime = 0  # seconds
        self.reachable_time = 0  # milliseconds, 0 for no opinion
        self.retrans_timer = 0  # milliseconds, 0 for no opinion


def parse_ndp(icmp: Icmp, payload: bytes) -> NdpMessage | None:
    """A message; None if it is of no such type, its code is not 0, or a length is wrong."""
    # RFC 4861 §6.1.1, §7.1.1: dropped if code or length is wrong, or an option has length 0
    kind = icmp.type
    if icmp.code != 0 or kind < ROUTER_SOLICITATION or kind > REDIRECT:
        return None
    fixed = 32
    if kind == ROUTER_SOLICITATION:
        fixed = 0
    elif kind == ROUTER_ADVERTISEMENT:
        fixed = 8
    elif kind != REDIRECT:
        fixed = 16
    if len(payload) < fixed:
        return None
    options = parse_ndp_options(payload, fixed)
    if options is None:
        return None
    message = NdpMessage(kind, options)
    rest = icmp.rest
    if kind == ROUTER_ADVERTISEMENT:
        message.hop_limit = rest >> 24
        message.managed = rest & 0x800000 != 0
        message.other = rest & 0x400000 != 0
        message.router_lifetime = rest & 0xFFFF
        message.reachable_time, message.retrans_timer = _WORDS.unpack_from(payload, 0)
    elif kind != ROUTER_SOLICITATION:
        message.target = payload[:16]
        if kind == REDIRECT:
            message.destination = payload[16:32]
        elif kind == NEIGHBOUR_ADVERTISEMENT:
            message.router = rest & FLAG_ROUTER != 0
            message.solicited = rest & FLAG_SOLICITED != 0
            message.override = rest & FLAG_OVERRIDE != 0
        # RFC 4861 §7.1.1, §7.1.2: the target of an NS or NA is no group
        if kind != REDIRECT and message.target[0] == 0xFF:
            return None
    return message


def parse_ndp_options(octets: bytes, at: int) -> NdpOptions | None:
    """The options from `at` on; unknown ones are skipped. None if one has length 0 or does not fit."""
    found = NdpOptions()
    while at < len(octets):
        # RFC 4861 §4.6: a length of 0 spoils the message; an unknown option is skipped
        if len(octets) - at < 8 or octets[at + 1] == 0:
            return None
        length = octets[at + 1] * 8
        if at + length > len(octets):
            return None
        kind = octets[at]
        # RFC 4861 §4.6.1, RFC 2464 §6: a hardware address of Ethernet fills just 8 octets
        if kind in (OPTION_SOURCE, OPTION_TARGET) and length != 8:
            return None
        if kind == OPTION_SOURCE:
            found.source_mac = octets[at + 2 : at + 8]
        elif kind == OPTION_TARGET:
            found.target_mac = octets[at + 2 : at + 8]
        elif kind == OPTION_MTU:
            found.mtu = int.from_bytes(octets[at + 4 : at + 8], "big")
        elif kind == OPTION_REDIRECTED:
            found.redirected = octets[at + 8 : at + length]
        elif kind == OPTION_PREFIX and length == 32 and octets[at + 2] <= 128:
            if len(found.prefixes) < PREFIX_LIMIT:
                found.prefixes += (_parse_prefix(octets, at),)
        at += length
    return found


def _parse_prefix(octets: bytes, at: int) -> PrefixInformation:
    _kind, _length, bits, flags, valid, preferred, _reserved, address = _PREFIX.unpack_from(
        octets, at
    )
    return PrefixInformation(
        Prefix(address, bits), flags & 0x80 != 0, flags & 0x40 != 0, valid, preferred
    )


def build_ndp_options(options: NdpOptions) -> bytes:
    """The octets of options, in the order of their types; a redirected packet is cut to whole octets of 8."""
    octets = b""
    if options.source_mac:
        octets += b"\x01\x01" + options.source_mac
    if options.target_mac:
        octets += b"\x02\x01" + options.target_mac
    for prefix in options.prefixes:
        flags = (0x80 if prefix.on_link else 0) | (0x40 if prefix.autonomous else 0)
        octets += _PREFIX.pack(
            OPTION_PREFIX,
            4,
            prefix.prefix.length,
            flags,
            prefix.valid_lifetime,
            prefix.preferred_lifetime,
            0,
            prefix.prefix.address,
        )
    if options.redirected:
        packet = options.redirected[: len(options.redirected) & ~7]
        octets += bytes((OPTION_REDIRECTED, 1 + len(packet) // 8)) + bytes(6) + packet
    if options.mtu != ABSENT:
        octets += b"\x05\x01\x00\x00" + options.mtu.to_bytes(4, "big")
    return octets


def build_ndp(message: NdpMessage) -> tuple[Icmp, bytes]:
    """The ICMPv6 header and the payload of a message."""
    rest = 0
    fixed = b""
    if message.type == ROUTER_ADVERTISEMENT:
        rest = message.hop_limit << 24 | message.router_lifetime
        rest |= (0x800000 if message.managed else 0) | (0x400000 if message.other else 0)
        fixed = _WORDS.pack(message.reachable_time, message.retrans_timer)
    elif message.type == NEIGHBOUR_ADVERTISEMENT:
        rest = FLAG_ROUTER if message.router else 0
        rest |= FLAG_SOLICITED if message.solicited else 0
        rest |= FLAG_OVERRIDE if message.override else 0
        fixed = message.target
    elif message.type != ROUTER_SOLICITATION:
        fixed = message.target + message.destination
    return Icmp(message.type, 0, rest), fixed + build_ndp_options(message.options)


def neighbour_solicitation(target: bytes, source_mac: bytes) -> tuple[Icmp, bytes]:
    """Who has `target`? With no `source_mac` (b"") it is a probe for duplicates."""
    message = NdpMessage(NEIGHBOUR_SOLICITATION, NdpOptions(source_mac))
    message.target = target
    return build_ndp(message)


def neighbour_advertisement(
    target: bytes, target_mac: bytes, router: bool, solicited: bool, override: bool
) -> tuple[Icmp, bytes]:
    """`target` is at `target_mac`."""
    message = NdpMessage(NEIGHBOUR_ADVERTISEMENT, NdpOptions(b"", target_mac))
    message.target = target
    message.router = router
    message.solicited = solicited
    message.override = override
    return build_ndp(message)
