"""Units, addresses and dice: what people write, and what must never change."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunkline.base import addresses, units
from trunkline.base.dice import CERTAIN, Dice, keyed_hash


@pytest.mark.parametrize(
    ("text", "nanoseconds"),
    [
        ("20ms", 20_000_000),
        ("1.5s", 1_500_000_000),
        ("0", 0),
        ("0ms", 0),
        ("250us", 250_000),
        ("2min", 120 * 10**9),
        ("1h", 3600 * 10**9),
        ("7ns", 7),
        (" 3 s ", 3 * 10**9),
    ],
)
def test_durations(text: str, nanoseconds: int) -> None:
    assert units.duration(text) == nanoseconds


@pytest.mark.parametrize("text", ["20", "ms", "", "-1s", "1 parsec", "1..5s", "1e3s", "٣s", "s1"])
def test_a_wrong_duration_says_what_was_expected(text: str) -> None:
    with pytest.raises(ValueError, match="is not a duration such as 20ms"):
        units.duration(text)


def test_rates_sizes_and_chances() -> None:
    assert units.rate("10Mbit") == 10_000_000
    assert units.rate("1.5kbit") == 1500
    assert units.rate("1mbps") == 8_000_000  # tc: bps are octets a second
    assert units.size("64KiB") == 65536
    assert units.size("1500") == 1500
    assert units.chance("100%") == CERTAIN
    assert units.chance("1%") == CERTAIN // 100
    assert units.chance("0.1%") == CERTAIN // 1000
    assert units.chance("0") == 0
    for wrong in ("101%", "0.5", "5", "-1%"):
        with pytest.raises(ValueError):
            units.chance(wrong)
    with pytest.raises(ValueError, match="not a rate above 0"):
        units.rate("0")


@given(st.integers(0, 2**128 - 1))
def test_ipv6_text_is_the_standard_librarys(number: int) -> None:
    packed = number.to_bytes(16, "big")
    text = addresses.address_text(packed)
    assert addresses.parse_address(text) == packed
    if not addresses.is_mapped(packed):
        assert text == str(ipaddress.IPv6Address(packed))


@given(st.binary(min_size=4, max_size=4), st.integers(0, 32), st.binary(min_size=4, max_size=4))
def test_prefixes_contain_what_the_standard_library_says(
    address: bytes, length: int, other: bytes
) -> None:
    prefix = addresses.Prefix(address, length)
    network = ipaddress.IPv4Network((address, length), strict=False)
    assert str(prefix) == str(network)
    assert prefix.contains(other) == (ipaddress.IPv4Address(other) in network)
    assert prefix.broadcast() == network.broadcast_address.packed
    assert addresses.Prefix.parse(str(prefix)) == prefix


def test_groups_on_ethernet() -> None:
    assert addresses.multicast_mac(addresses.parse_address("224.129.2.3")) == bytes.fromhex(
        "01005e010203"
    )
    group = addresses.solicited_node(addresses.parse_address("2001:db8::1:2345:6789"))
    assert addresses.address_text(group) == "ff02::1:ff45:6789"
    assert addresses.multicast_mac(group) == bytes.fromhex("3333ff456789")
    local = addresses.link_local_of(addresses.parse_mac("02:00:00:00:00:01"))
    assert addresses.address_text(local) == "fe80::ff:fe00:1"


def test_dice_never_change() -> None:
    """A stream's numbers are part of what a seed means: old seeds must replay old runs."""
    dice = Dice(7, "cable alice-r1 loss")
    assert [dice.word() for _ in range(3)] == FIRST_WORDS
    assert Dice(7, "a").octets(5) == Dice(7, "a").octets(8)[:5]
    assert Dice(7, "a").word() != Dice(7, "b").word() != Dice(8, "b").word()
    assert keyed_hash(1, b"abc") != keyed_hash(2, b"abc")


FIRST_WORDS = [
    5653093141506368475,
    17097556368405835150,
    16459727923541005109,
]


def test_dice_are_fair_enough() -> None:
    dice = Dice(1, "fair")
    hits = sum(dice.chance(CERTAIN // 50) for _ in range(100_000))
    assert 1850 < hits < 2150  # 2 %, within 3.4 standard deviations
    faces = [0] * 6
    for _ in range(60_000):
        faces[dice.below(6)] += 1
    assert all(9_600 < count < 10_400 for count in faces)
    assert {dice.between(3, 5) for _ in range(100)} == {3, 4, 5}
    assert not Dice(1, "x").chance(0)
    assert all(dice.chance(CERTAIN) for _ in range(1000))
