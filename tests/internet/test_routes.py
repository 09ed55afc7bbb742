"""The routing table against a naive model, and what it does about dead next hops and NICs that are down."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.internet.harness import Lan, Machine
from trunkline.base.addresses import Prefix, parse_address
from trunkline.internet import routes
from trunkline.internet.routes import CACHE_LIMIT, Route, RoutingTable
from trunkline.link.nic import Nic


def nics(count: int) -> list[Nic]:
    machine = Machine(Lan(), "host")
    return [machine.nic(f"eth{number}") for number in range(count)]


def naive(found: list[Route], dst: bytes, via: Nic | None = None) -> Route | None:
    """The best route by looking at all of them."""
    best: Route | None = None
    for route in found:
        if not route.prefix.contains(dst) or (via is not None and route.nic is not via):
            continue
        if best is None or (-route.prefix.length, route.metric) < (
            -best.prefix.length,
            best.metric,
        ):
            best = route
    return best


# Few different bits, so that prefixes nest and coincide.
few_bits = st.sampled_from([0, 1, 2, 0x80, 0xC0, 0xFF])
addresses4 = st.builds(bytes, st.lists(few_bits, min_size=4, max_size=4))
addresses6 = st.builds(
    lambda part: bytes(part) + bytes(12), st.lists(few_bits, min_size=4, max_size=4)
)
plans = st.lists(
    st.tuples(
        st.one_of(
            st.tuples(addresses4, st.integers(0, 32)), st.tuples(addresses6, st.integers(0, 128))
        ),
        st.integers(0, 2),  # NIC
        st.integers(0, 3),  # metric
        st.booleans(),  # add, or remove what is like it
    ),
    max_size=30,
)


@given(plans, st.lists(st.one_of(addresses4, addresses6), min_size=1, max_size=10))
def test_longest_match_then_metric_as_in_a_naive_model(plan, destinations) -> None:
    table = RoutingTable()
    out = nics(3)
    model: list[Route] = []
    for (address, length), number, metric, add in plan:
        prefix = Prefix(address, length)
        if add:
            route = Route(prefix, b"", out[number], metric)
            model = [old for old in model if old.prefix != prefix or old.nic is not out[number]] + [
                route
            ]
            assert table.add(route)
        else:
            gone = [old for old in model if old.prefix == prefix and old.nic is out[number]]
            assert table.remove(prefix, None, out[number]) == len(gone)
            model = [old for old in model if old not in gone]
        for dst in destinations:
            best = naive(model, dst)
            found = table.lookup(dst)
            if best is None:
                assert found.kind == routes.NONE
            else:
                assert (found.prefix, found.metric) == (best.prefix, best.metric)
            for nic in out:
                best = naive(model, dst, nic)
                found = table.lookup_via(dst, nic)
                assert (found if found.kind != routes.NONE else None) is best
    assert table.count == len(model)
    assert len(table.routes()) == len(model)


def test_generation_moves_with_every_change_and_the_cache_follows() -> None:
    [nic] = nics(1)
    table = RoutingTable()
    dst = parse_address("192.0.2.1")
    assert table.lookup(dst).kind == routes.NONE
    before = table.generation
    table.add(Route(Prefix.parse("0.0.0.0/0"), parse_address("10.0.0.1"), nic))
    assert table.generation > before
    assert table.lookup(dst).next_hop == parse_address("10.0.0.1")
    before = table.generation
    assert table.remove(Prefix.parse("0.0.0.0/0")) == 1
    assert table.generation > before
    assert table.lookup(dst).kind == routes.NONE
    assert table.remove(Prefix.parse("0.0.0.0/0")) == 0


def test_the_cache_has_a_limit() -> None:
    [nic] = nics(1)
    table = RoutingTable()
    table.add(Route(Prefix.parse("10.0.0.0/8"), b"", nic))
    for number in range(CACHE_LIMIT + 100):
        dst = (0x0A000000 + number).to_bytes(4, "big")
        assert table.lookup(dst).nic is nic
        assert len(table.cache) <= CACHE_LIMIT


def test_same_next_hop_and_nic_is_replaced() -> None:
    [nic] = nics(1)
    table = RoutingTable()
    for metric in (5, 1, 9):
        table.add(Route(Prefix.parse("10.0.0.0/8"), b"", nic, metric))
    assert [route.metric for route in table.routes()] == [9]
    assert table.count == 1


@pytest.mark.parametrize("text", ["0.0.0.0/0", "::/0"])
def test_a_dead_gateway_is_passed_over_until_it_is_revived(text: str) -> None:
    one, two = nics(2)
    table = RoutingTable()
    prefix = Prefix.parse(text)
    near, far = prefix.host(1), prefix.host(2)
    table.add(Route(prefix, near, one, 0))
    table.add(Route(prefix, far, two, 10))
    dst = prefix.host(99)
    assert table.lookup(dst).next_hop == near
    assert table.bury(near, one)
    assert not table.bury(near, one)  # nothing new
    assert table.lookup(dst).next_hop == far
    assert table.bury(far, two)
    assert table.lookup(dst).next_hop == near  # all are dead: the best is tried all the same
    table.revive()
    assert table.lookup(dst).next_hop == near


def test_a_route_out_of_a_nic_that_is_down_gives_way_to_a_shorter_prefix() -> None:
    one, two = nics(2)
    table = RoutingTable()
    table.add(Route(Prefix.parse("10.1.0.0/16"), b"", one))
    table.add(Route(Prefix.parse("10.0.0.0/8"), b"", two))
    dst = parse_address("10.1.2.3")
    assert table.lookup(dst).nic is one
    one.up = False
    table.changed()
    assert table.lookup(dst).nic is two


def test_routes_that_lead_nowhere_are_found_like_others() -> None:
    table = RoutingTable()
    for length, kind in ((8, routes.BLACKHOLE), (16, routes.UNREACHABLE), (24, routes.PROHIBIT)):
        table.add(Route(Prefix(parse_address("10.0.0.0"), length), b"", None, 0, b"", kind))
    assert table.lookup(parse_address("10.9.9.9")).kind == routes.BLACKHOLE
    assert table.lookup(parse_address("10.0.9.9")).kind == routes.UNREACHABLE
    assert table.lookup(parse_address("10.0.0.9")).kind == routes.PROHIBIT
    assert table.lookup(parse_address("11.0.0.9")).kind == routes.NONE
