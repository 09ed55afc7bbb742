"""The codec's short cut gives what the long way gives, whichever of its bodies runs."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.wire import frames
from trunkline.wire.ethernet import Ethernet
from trunkline.wire.frame import build, build_any, decode, parse_any
from trunkline.wire.packet import Packet
from trunkline.wire.quick import build_quick, parse_looking, parse_quick, parse_unpacking
from trunkline.wire.tcp import Tcp

PARSERS = (parse_looking, parse_unpacking)


def content(packet: Packet) -> list[object]:
    """Everything that a packet says, header by header."""
    headers = [packet.ethernet, packet.ip, packet.upper]
    return [packet.payload, packet.octets, packet.damage, [known(header) for header in headers]]


def known(header: object) -> dict[str, object]:
    return {name: getattr(header, name) for name in dir(header) if name[0] != "_"}


def same_by_every_way(octets: bytes) -> bool:
    """Whether the short cut took the frame; if so, it must have read what the long way reads."""
    right = parse_any(octets, True)
    takers = [parse(octets) for parse in PARSERS if len(octets) >= 54]
    assert len({taker is None for taker in takers}) < 2
    for packet in takers:
        if packet is not None:
            assert content(packet) == content(right)
    right.octets = None
    assert build(right) == build_any(right)
    return any(takers)


@pytest.mark.parametrize("number", range(len(frames.all_frames())))
def test_the_corpus(number: int) -> None:
    same_by_every_way(frames.all_frames()[number])


def test_the_short_cut_is_taken_by_what_linux_sends_most() -> None:
    taken = [octets for octets, _known in frames.linux_frames() if parse_quick(octets) is not None]
    plain = [
        octets
        for octets, _known in frames.linux_frames()
        if isinstance(tcp := decode(octets, True).upper, Tcp) and tcp.header_length in (20, 32)
    ]
    without_syn = [octets for octets in plain if not frame_tcp(octets).flags & 2]
    assert taken == without_syn
    assert len(taken) > 10
    for octets in taken:
        packet = decode(octets, True)
        assert build_quick(packet) == octets


def frame_tcp(octets: bytes) -> Tcp:
    tcp = decode(octets, True).upper
    assert isinstance(tcp, Tcp)
    return tcp


@pytest.mark.parametrize("number", [12, 13, 17, 29, 30, 32])
def test_every_flip_and_truncation_of_common_frames(number: int) -> None:
    octets = frames.linux_frames()[number][0]
    assert same_by_every_way(octets)
    for length in range(len(octets)):
        same_by_every_way(octets[:length])
    for bit in range(len(octets) * 8):
        flipped = bytearray(octets)
        flipped[bit >> 3] ^= 0x80 >> (bit & 7)
        same_by_every_way(bytes(flipped))
    assert same_by_every_way(octets + b"\xaa" * 9)


@given(st.sampled_from([4, 6]), st.booleans(), st.data(), st.binary(max_size=80))
def test_segments_with_sound_checksums(
    version: int, timestamps: bool, data: st.DataObject, payload: bytes
) -> None:
    options = (
        b"\x01\x01\x08\x0a" + data.draw(st.binary(min_size=8, max_size=8)) if timestamps else b""
    )
    segment = frames.tcp_with(options, payload)
    segment = data.draw(st.binary(min_size=12, max_size=12)) + segment[12:]
    segment = frames.summed(6, segment, 16, version=version)
    if version == 4:
        flags = data.draw(st.sampled_from([0, 0x4000, 0x8000, 0x2000, 0x0001]))
        tos = data.draw(st.integers(0, 255))
        taken = same_by_every_way(frames.ipv4(6, segment, flags=flags, tos=tos))
        assert taken == (flags in (0, 0x4000))
    else:
        first = 0x60000000 | data.draw(st.integers(0, 0xFFFFFFF))
        assert same_by_every_way(frames.ipv6(6, segment, first=first))


@given(st.binary(min_size=54, max_size=120), st.sampled_from([frames.ETHERNET4, frames.ETHERNET6]))
def test_random_octets(octets: bytes, link: bytes) -> None:
    same_by_every_way(octets)
    same_by_every_way(link + octets)


def test_what_is_not_of_the_common_shape_is_not_built_by_the_short_cut() -> None:
    packet = decode(frames.linux_frames()[10][0], True)  # a SYN with its options
    assert build_quick(packet) is None
    packet = decode(frames.linux_frames()[13][0], True)
    packet.ethernet = None
    assert build_quick(packet) is None
    packet.ethernet = Ethernet(bytes(6), bytes(6), 0x0800)
    assert packet.ip is not None
    packet.ip.more_fragments = True
    assert build_quick(packet) is None
