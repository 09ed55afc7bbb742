"""The Internet checksum: both bodies against RFC 1071 as it is written, and the laws of its arithmetic."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from tests.wire.frames import slow_checksum
from trunkline.wire.checksum import (
    checksum,
    fold,
    pseudo_total,
    total,
    total_folding,
    total_looping,
    updated,
)

word = st.integers(0, 0xFFFF)


def test_the_example_of_rfc_1071() -> None:
    octets = bytes.fromhex("0001 f203 f4f5 f6f7")
    assert total(octets, 0, 8) == 0xDDF2
    assert checksum(octets) == 0x220D


@given(st.binary(max_size=3000))
@example(b"")
@example(bytes(1449))
@example(b"\xff" * 64)
@example(b"\xff" * 65)
def test_both_bodies_sum_as_the_rfc_does(octets: bytes) -> None:
    right = ~slow_checksum(octets) & 0xFFFF
    assert total_folding(octets) == right
    assert total_looping(octets, 0, len(octets)) == right
    assert total(octets, 0, len(octets)) == right


def test_both_bodies_agree_on_every_length_up_to_a_jumbogram() -> None:
    octets = bytes(range(1, 252)) * 600  # 251 octets are prime to every power of two
    for length in [*range(600), 1447, 1448, 4096, 65534, 65535, 65536, 65537, 131073, 150000]:
        assert total_folding(octets[:length]) == total_looping(octets, 0, length)


@given(st.binary(max_size=80), st.integers(0, 40), st.integers(0, 40))
def test_a_part_is_summed_as_if_it_were_cut_out(octets: bytes, start: int, length: int) -> None:
    end = min(start + length, len(octets))
    start = min(start, end)
    assert total(octets, start, end) == total_folding(octets[start:end])
    assert total(octets, start, end) == total_looping(octets, start, end)


@given(st.binary(max_size=60).filter(lambda octets: len(octets) % 2 == 0), st.binary(max_size=60))
def test_totals_of_parts_add_up(first: bytes, second: bytes) -> None:
    whole = total_folding(first + second)
    assert fold(total_folding(first) + total_folding(second)) == whole


@given(st.lists(word, min_size=2, max_size=20), st.data())
def test_a_field_changed_in_place(words: list[int], data: st.DataObject) -> None:
    """RFC 1624: the incremental update gives what a new sum would, also where RFC 1141 went wrong."""
    place = data.draw(st.integers(0, len(words) - 1))
    new = data.draw(word)
    before = checksum(b"".join(value.to_bytes(2, "big") for value in words))
    changed = [*words[:place], new, *words[place + 1 :]]
    after = checksum(b"".join(value.to_bytes(2, "big") for value in changed))
    if any(words) and any(changed):  # all zero is the one sum that has no complement of its own
        assert updated(before, words[place], new) == after


def test_the_example_of_rfc_1624() -> None:
    assert updated(0xDD2F, 0x5555, 0x3285) == 0x0000


@given(
    st.binary(min_size=16, max_size=16), st.binary(min_size=16, max_size=16), st.integers(0, 70000)
)
def test_the_pseudo_header_of_ipv6(src: bytes, dst: bytes, length: int) -> None:
    header = src + dst + length.to_bytes(4, "big") + bytes((0, 0, 0, 58))
    assert fold(pseudo_total(src, dst, 58, length)) == total_folding(header)


@given(st.binary(min_size=4, max_size=4), st.binary(min_size=4, max_size=4), st.integers(0, 0xFFFF))
def test_the_pseudo_header_of_ipv4(src: bytes, dst: bytes, length: int) -> None:
    header = src + dst + bytes((0, 6)) + length.to_bytes(2, "big")
    assert fold(pseudo_total(src, dst, 6, length)) == total_folding(header)
