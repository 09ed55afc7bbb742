"""Which source and which destination is preferred: the worked examples of RFC 6724 §10, and Linux's IPv4."""

from __future__ import annotations

import pytest

from tests.internet.harness import Chain, Lan, Machine, Pair, default_route
from trunkline.base.addresses import address_text, parse_address
from trunkline.base.results import ERRNO, NO_ADDRESS, NO_ROUTE, SENT
from trunkline.internet.addresses import sort_destinations

A = parse_address


def chosen(addresses: list[str], dst: str, deprecated: tuple[str, ...] = ()) -> str | None:
    """The source that a host with one NIC and these addresses speaks from."""
    machine = Machine(Lan(), "host")
    nic = machine.nic("eth0")
    for text in addresses:
        machine.address(nic, text)
    for text in deprecated:
        machine.internet.set_preferred(nic, A(text), False)
    default_route(machine, nic, "fe80::1", "10.9.9.9")
    source = machine.internet.source_for(A(dst), nic)
    return None if source is None else address_text(source)


@pytest.mark.parametrize(
    ("addresses", "dst", "expected"),
    [
        # RFC 6724 §10.1
        (["2001:db8:3::1/64", "fe80::2/64"], "2001:db8:1::1", "2001:db8:3::1"),
        (["2001:db8:3::1/64", "fe80::2/64"], "fe80::1", "fe80::2"),
        (["fe80::2/64", "2001:db8:3::1/64"], "ff05::1", "2001:db8:3::1"),
        (["2001:db8:3::1/64", "fe80::2/64"], "ff02::1", "fe80::2"),
        (["2001:db8:1::2/64", "2001:db8:3::2/64"], "2001:db8:1::1", "2001:db8:1::2"),
        (["2001:db8:3::2/64", "2001:db8:1::2/64"], "2001:db8:1::1", "2001:db8:1::2"),
        (
            ["2002:c633:6401::d5e3:7953:13eb:22e8/64", "2001:db8:1::2/64"],
            "2001:db8:1::1",
            "2001:db8:1::2",
        ),
        (["2002:c633:6401::2/64", "2001:db8:1::2/64"], "2002:c633:6401::1", "2002:c633:6401::2"),
        (["2001:db8::1/64", "fd00::1/64"], "fd00:1::1", "fd00::1"),
    ],
)
def test_source_examples_of_the_rfc(addresses: list[str], dst: str, expected: str) -> None:
    assert chosen(addresses, dst) == expected
    assert chosen(list(reversed(addresses)), dst) == expected


def test_a_deprecated_address_is_used_only_where_no_other_will_do() -> None:
    both = ["2001:db8:1::1/64", "2001:db8:2::1/64"]
    assert chosen(both, "2001:db8:1::9") == "2001:db8:1::1"
    assert chosen(both, "2001:db8:1::9", ("2001:db8:1::1",)) == "2001:db8:2::1"
    assert chosen(both[:1], "2001:db8:1::9", ("2001:db8:1::1",)) == "2001:db8:1::1"


@pytest.mark.parametrize(
    ("addresses", "dst", "expected"),
    [
        (["10.0.1.1/24", "10.0.2.1/24"], "10.0.2.7", "10.0.2.1"),  # of the destination's network
        (["10.0.1.1/24", "10.9.9.1/24"], "192.0.2.7", "10.9.9.1"),  # of the gateway's network
        (
            ["10.0.1.1/24", "10.0.1.2/24"],
            "10.0.1.7",
            "10.0.1.1",
        ),  # the first, which Linux calls primary
        (["10.0.1.1/24"], "255.255.255.255", "10.0.1.1"),
        (["10.0.1.1/24"], "224.0.0.5", "10.0.1.1"),
        ([], "255.255.255.255", "0.0.0.0"),  # a host without an address may ask for one
        ([], "ff02::1:2", "::"),
    ],
)
def test_ipv4_sources_as_linux_chooses_them(addresses: list[str], dst: str, expected: str) -> None:
    assert chosen(addresses, dst) == expected


@pytest.mark.parametrize(
    ("dst", "expected"),
    [
        ("127.0.0.1", "127.0.0.1"),
        ("127.1.2.3", "127.0.0.1"),
        ("::1", "::1"),
        ("10.0.1.1", "10.0.1.1"),
        ("2001:db8:0:1::1", "2001:db8:0:1::1"),
        ("0.0.0.0", "127.0.0.1"),
        ("::", "::1"),
    ],
)
def test_own_addresses_speak_to_themselves(dst: str, expected: str) -> None:
    pair = Pair()
    path = pair.one.internet.path_to(A(dst), b"", None, 0)
    assert path.result == SENT
    assert path.nic is pair.one.lo
    assert address_text(path.src) == expected


def test_a_source_that_is_not_ours_is_no_source() -> None:
    pair = Pair()
    for src, dst in (
        ("10.0.1.9", "10.0.1.2"),
        ("224.0.0.1", "10.0.1.2"),
        ("2001:db8:0:1::9", "2001:db8:0:1::2"),
        ("::1", "2001:db8:0:1::2"),
    ):
        assert pair.one.internet.path_to(A(dst), A(src), None, 0).result == NO_ADDRESS


def test_sources_that_linux_treats_in_a_way_of_its_own() -> None:
    one = Pair().one.internet
    path = one.path_to(A("10.0.1.2"), A("127.0.0.1"), None, 0)
    assert ERRNO[path.result] == "EINVAL"
    path = one.path_to(A("10.0.1.2"), A("10.0.1.255"), None, 0)  # bound to hear a broadcast
    assert (path.result, path.src) == (SENT, A("10.0.1.1"))
    assert one.path_to(A("10.0.1.1"), A("127.0.0.1"), None, 0).result == SENT


def test_a_path_bound_to_a_nic_uses_its_routes_alone() -> None:
    chain = Chain()
    router = chain.router.internet
    for text, next_hop in (("10.0.2.2", "10.0.2.2"), ("192.0.2.1", "192.0.2.1")):
        # As Linux: what no route of the NIC leads to is taken to be on its link.
        path = router.path_to(A(text), b"", chain.left, 0)
        assert (path.result, path.nic, path.next_hop) == (SENT, chain.left, A(next_hop))
        assert path.src in chain.left.addresses
    assert router.path_to(A("2001:db8:0:2::2"), b"", chain.left, 0).result == NO_ROUTE
    assert router.path_to(A("2001:db8:0:2::2"), b"", chain.right, 0).result == SENT
    assert router.path_to(A("10.0.1.254"), b"", chain.right, 0).nic is chain.router.lo


def test_no_route_and_no_address() -> None:
    pair = Pair()
    assert pair.one.internet.path_to(A("192.0.2.1"), b"", None, 0).result == NO_ROUTE
    assert pair.one.internet.path_to(A("2001:db8:9::1"), b"", None, 0).result == NO_ROUTE
    lonely = Machine(pair.lan, "lonely")
    nic = lonely.nic("eth0")
    default_route(lonely, nic, "fe80::1", "10.0.0.1")
    assert lonely.internet.path_to(A("192.0.2.1"), b"", None, 0).result == NO_ADDRESS
    assert lonely.internet.path_to(A("2001:db8:9::1"), b"", None, 0).result == NO_ADDRESS


@pytest.mark.parametrize(
    ("pairs", "expected"),
    [
        # RFC 6724 §10.2: destinations, each with the source it would have.
        ([("2001:db8:1::1", "2001:db8:1::2"), ("198.51.100.121", "169.254.13.78")], 0),
        ([("2001:db8:1::1", "fe80::1"), ("198.51.100.121", "198.51.100.117")], 1),
        ([("2001:db8:1::1", "2001:db8:1::2"), ("10.1.2.3", "10.1.2.4")], 0),
        ([("2001:db8:1::1", "2001:db8:1::2"), ("fe80::1", "fe80::2")], 1),
        ([("2002:c633:6401::1", "2002:c633:6401::2"), ("2001:db8:1::1", "2002:c633:6401::2")], 0),
        ([("2002:c633:6401::1", "2002:c633:6401::2"), ("2001:db8:1::1", "2001:db8:1::2")], 1),
        # Reachable before not, whatever else holds.
        ([("2001:db8:1::1", None), ("10.1.2.3", "10.1.2.4")], 1),
    ],
)
def test_destination_examples_of_the_rfc(
    pairs: list[tuple[str, str | None]], expected: int
) -> None:
    for order in (pairs, list(reversed(pairs))):
        ordered = sort_destinations(
            [A(dst) for dst, _src in order],
            [None if src is None else A(src) for _dst, src in order],
        )
        assert address_text(ordered[0][0]) == pairs[expected][0]


def test_equal_destinations_keep_their_order_and_ipv4_is_not_sorted_by_prefix() -> None:
    texts = ["192.0.2.9", "10.0.0.9", "192.0.2.1"]
    sources: list[bytes | None] = [A("10.0.0.1")] * 3
    ordered = sort_destinations([A(text) for text in texts], sources)
    assert [address_text(dst) for dst, _src in ordered] == texts


def test_the_resolver_puts_the_family_first_that_can_be_reached() -> None:
    pair = Pair()
    one = pair.one.internet
    wanted = [A("192.0.2.1"), A("2001:db8:0:1::2"), A("10.0.1.2")]
    assert one.sort_destinations(wanted, 0) == [wanted[1], wanted[2], wanted[0]]


def test_a_path_follows_addresses_and_routes() -> None:
    pair = Pair()
    one = pair.one
    path = one.internet.path_to(A("192.0.2.1"), b"", None, 0)
    assert path.result == NO_ROUTE
    default_route(one, pair.nic1, "10.0.1.2")
    one.internet.refresh(path)
    assert (path.result, path.next_hop, path.src) == (SENT, A("10.0.1.2"), A("10.0.1.1"))
    one.internet.remove_address(pair.nic1, A("10.0.1.1"), 0)
    assert not one.internet.is_local(A("10.0.1.1"))
    path = one.internet.path_to(A("10.0.1.2"), A("10.0.1.1"), None, 0)
    assert path.result != SENT
    one.address(pair.nic1, "10.0.1.77/24")
    path = one.internet.path_to(A("10.0.1.2"), b"", None, 0)
    assert (path.result, path.src) == (SENT, A("10.0.1.77"))


def test_the_connected_route_goes_with_the_last_address_in_it() -> None:
    pair = Pair()
    one = pair.one
    one.address(pair.nic1, "10.0.1.50/24")
    one.internet.remove_address(pair.nic1, A("10.0.1.1"), 0)
    path = one.internet.path_to(A("10.0.1.2"), b"", None, 0)
    assert (path.result, path.src) == (SENT, A("10.0.1.50"))
    one.internet.remove_address(pair.nic1, A("10.0.1.50"), 0)
    assert one.internet.path_to(A("10.0.1.2"), b"", None, 0).result == NO_ROUTE
