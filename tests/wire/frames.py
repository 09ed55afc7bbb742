"""Frames that real kernels made, and a few by hand for what no kernel would send: the corpus of these tests."""

from __future__ import annotations

from pathlib import Path

LINUX = Path(__file__).with_name("linux_frames.txt")


def linux_frames() -> list[tuple[bytes, dict[str, list[str]]]]:
    """The octets of each frame, with what tshark reads in it, by tshark's names of fields."""
    frames = []
    for line in LINUX.read_text().splitlines():
        if line.startswith("#"):
            continue
        octets, *fields = line.split(" ")
        known = dict(field.split("=", 1) for field in fields)
        frames.append((bytes.fromhex(octets), {key: known[key].split(";") for key in known}))
    return frames


ETHERNET4 = bytes.fromhex("020000000002 020000000001 0800")
ETHERNET6 = bytes.fromhex("020000000002 020000000001 86dd")
SRC4, DST4 = bytes.fromhex("c0000201"), bytes.fromhex("c0000202")
SRC6, DST6 = (
    bytes.fromhex("20010db8" + "00" * 11 + "01"),
    bytes.fromhex("20010db8" + "00" * 11 + "02"),
)


def ipv4(
    protocol: int, body: bytes, *, flags: int = 0, options: bytes = b"", tos: int = 0
) -> bytes:
    """A frame with an IPv4 header written octet by octet, without this project's own builders."""
    length = 20 + len(options)
    header = bytearray(
        bytes((0x40 | length // 4, tos))
        + (length + len(body)).to_bytes(2, "big")
        + b"\x12\x34"
        + flags.to_bytes(2, "big")
        + bytes((64, protocol, 0, 0))
        + SRC4
        + DST4
        + options
    )
    header[10:12] = slow_checksum(bytes(header)).to_bytes(2, "big")
    return ETHERNET4 + bytes(header) + body


def ipv6(next_header: int, body: bytes, *, first: int = 0x60000000) -> bytes:
    """A frame with an IPv6 header; extension headers are the caller's, in `body`."""
    header = first.to_bytes(4, "big") + len(body).to_bytes(2, "big") + bytes((next_header, 64))
    return ETHERNET6 + header + SRC6 + DST6 + body


def summed(protocol: int, segment: bytes, at: int, *, version: int = 4, length: int = 0) -> bytes:
    """A segment with its checksum, at offset `at`, filled in; `length` of them counted, or all."""
    length = length or len(segment)
    src, dst = (SRC4, DST4) if version == 4 else (SRC6, DST6)
    pseudo = src + dst + length.to_bytes(4, "big") + protocol.to_bytes(4, "big")
    value = slow_checksum(pseudo + segment[:at] + b"\0\0" + segment[at + 2 : length])
    return segment[:at] + value.to_bytes(2, "big") + segment[at + 2 :]


def slow_checksum(octets: bytes) -> int:
    """RFC 1071 §1 as it is written: 16-bit words, added one by one with end-around carry."""
    value = 0
    for word in range(0, len(octets), 2):
        value += int.from_bytes(octets[word : word + 2].ljust(2, b"\0"), "big")
        value = (value & 0xFFFF) + (value >> 16)
    return ~value & 0xFFFF


TCP_FIXED = bytes.fromhex("c000 0050 11223344 55667788 5010 2000 0000 0000")


def tcp_with(options: bytes, payload: bytes = b"data") -> bytes:
    """A segment with these options, padded by the caller to a multiple of 4."""
    fixed = bytearray(TCP_FIXED)
    fixed[12] = (5 + len(options) // 4) << 4
    return bytes(fixed) + options + payload


def odd_frames() -> dict[str, bytes]:
    """What is legal, or harmless, and seldom seen: each must go through to the bit."""
    udp = bytes.fromhex("c000 0035 000b 0000") + b"abc"
    hop_by_hop = bytes.fromhex("ff00 0502 0000 0100")
    destination = bytes.fromhex("1100 0104 00000000")
    routing = bytes.fromhex("1100 0400 00000000")
    reserved_tcp = bytearray(summed(6, tcp_with(b""), 16))
    reserved_tcp[12] |= 0x0E
    unknown_options = bytes.fromhex("fe04abcd 01 22 03 77 00 00 00 00")
    bad_length = bytes.fromhex("0204 05b4 0800 0102 0304 0506")
    past_the_end = bytes.fromhex("0101 01 08")
    return {
        "IPv4 reserved flag": ipv4(17, summed(17, udp, 6), flags=0x8000),
        "IPv4 don't fragment and a class": ipv4(17, summed(17, udp, 6), flags=0x4000, tos=0xB9),
        "IPv4 options": ipv4(
            17, summed(17, udp, 6), options=bytes.fromhex("94040000 83070401020304 00")
        ),
        "IPv4 first fragment": ipv4(17, udp, flags=0x2000),
        "IPv4 last fragment": ipv4(6, b"rest", flags=0x0007),
        "IPv4 unknown protocol": ipv4(200, b"whatever"),
        "IPv4 no payload": ipv4(253, b""),
        "UDP without checksum": ipv4(17, udp),
        "UDP with octets behind it": ipv4(17, summed(17, udp + b"surplus", 6, length=11)),
        "UDP empty": ipv4(17, summed(17, bytes.fromhex("c000003500080000"), 6)),
        "TCP reserved bits": ipv4(6, summed(6, bytes(reserved_tcp), 16)),
        "TCP unknown options": ipv4(6, summed(6, tcp_with(unknown_options), 16)),
        "TCP option of length 0": ipv4(6, summed(6, tcp_with(bad_length), 16)),
        "TCP option past the end": ipv4(6, summed(6, tcp_with(past_the_end), 16)),
        "TCP timestamps not aligned": ipv4(
            6, summed(6, tcp_with(bytes.fromhex("080a 00000001 00000002 0000")), 16)
        ),
        "TCP every flag": ipv4(6, summed(6, tcp_with(b"")[:13] + b"\xff" + tcp_with(b"")[14:], 16)),
        "IPv6 class and flow": ipv6(17, summed(17, udp, 6, version=6), first=0x6B9ABCDE),
        "IPv6 chain": ipv6(
            0,
            b"\x3c"
            + hop_by_hop[1:]
            + b"\x2b"
            + destination[1:]
            + b"\x3c"
            + routing[1:]
            + destination
            + summed(17, udp, 6, version=6),
        ),
        "IPv6 atomic fragment": ipv6(
            44, bytes.fromhex("1155 0006 01020304") + summed(17, udp, 6, version=6)
        ),
        "IPv6 first fragment": ipv6(44, bytes.fromhex("3c00 0001 01020304") + destination + udp),
        "IPv6 unknown header": ipv6(135, b"whatever it is"),
        "IPv6 hop-by-hop in the wrong place": ipv6(60, b"\x00" + destination[1:] + hop_by_hop),
        "IPv6 no next header": ipv6(59, b""),
        "IPv6 nothing behind a chain": ipv6(60, b"\x3b" + destination[1:]),
        "unknown ethertype": ETHERNET4[:12] + b"\x88\xcc" + b"neighbour protocol",
        "802.3 length": ETHERNET4[:12] + b"\x00\x08" + b"\xaa\xaa\x03\x00\x00\x00\x08\x06",
    }


def all_frames() -> list[bytes]:
    """The whole corpus."""
    return [octets for octets, _fields in linux_frames()] + list(odd_frames().values())
