"""A reader of pcapng of its own, written from the format's description: the judge of what is written."""

from __future__ import annotations

import struct
from typing import NamedTuple


class Nic(NamedTuple):
    name: str
    link_type: int
    mac: bytes
    resolution: int


class Frame(NamedTuple):
    nic: Nic
    time: int  # in the NIC's units
    octets: bytes
    direction: int
    identity: int
    comments: list[str]


class Capture(NamedTuple):
    nics: list[Nic]
    frames: list[Frame]
    texts: list[bytes]  # the values of the section's own options


def read(octets: bytes) -> Capture:
    """Everything in a file with one little-endian section; every length is checked."""
    nics: list[Nic] = []
    frames: list[Frame] = []
    texts: list[bytes] = []
    at = 0
    while at < len(octets):
        kind, length = struct.unpack_from("<II", octets, at)
        assert length % 4 == 0
        assert length >= 12
        assert struct.unpack_from("<I", octets, at + length - 4) == (length,)
        body = octets[at + 8 : at + length - 4]
        if kind == 0x0A0D0D0A:
            assert at == 0
            assert struct.unpack_from("<IHHq", body) == (0x1A2B3C4D, 1, 0, -1)
            texts = [value for _code, value in options(body[16:])]
        elif kind == 1:
            link_type, reserved, snap = struct.unpack_from("<HHI", body)
            assert (reserved, snap) == (0, 0)
            known = dict(options(body[8:]))
            nics.append(Nic(known[2].decode(), link_type, known.get(6, b""), known[9][0]))
        elif kind == 6:
            number, high, low, captured, original = struct.unpack_from("<IIIII", body)
            assert captured == original
            end = 20 + (captured + 3) // 4 * 4
            found = options(body[end:])
            known = dict(found)
            frames.append(
                Frame(
                    nics[number],
                    high << 32 | low,
                    body[20 : 20 + captured],
                    struct.unpack("<I", known[2])[0],
                    struct.unpack("<Q", known[5])[0] if 5 in known else 0,
                    [value.decode() for code, value in found if code == 1],
                )
            )
            assert not any(body[20 + captured : end])
        else:
            raise AssertionError(f"block type {kind}")
        at += length
    return Capture(nics, frames, texts)


def options(octets: bytes) -> list[tuple[int, bytes]]:
    """(code, value) of each option; the list must be closed."""
    found = []
    at = 0
    while True:
        code, length = struct.unpack_from("<HH", octets, at)
        at += 4
        if code == 0:
            assert length == 0
            assert at == len(octets)
            return found
        found.append((code, octets[at : at + length]))
        assert not any(octets[at + length : at + (length + 3) // 4 * 4])
        at += (length + 3) // 4 * 4
