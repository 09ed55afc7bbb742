"""Addresses, names of NICs and routes that the world gives out: a function of the lab alone."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunkline.base.addresses import address_text
from trunkline.topology.addressing import give_out, numbered_prefixes
from trunkline.topology.description import (
    HOST,
    ROUTER,
    SWITCH,
    Description,
    End,
    Link,
    Machine,
)
from trunkline.topology.lab import parse_lab
from trunkline.topology.mistakes import TopologyError
from trunkline.topology.routing import give_routes


def nics(lab: str) -> dict[str, list[str]]:
    plan = give_out(parse_lab(lab))
    return {
        f"{nic.machine}:{nic.name}": [
            f"{address_text(address)}/{length}" for address, length in nic.addresses
        ]
        for pair in plan.nics
        for nic in pair
        if nic.addresses
    }


def routes(lab: str) -> dict[str, list[str]]:
    description = parse_lab(lab)
    found = give_routes(description, give_out(description))
    return {
        name: [
            f"{route.prefix} via {address_text(route.next_hop)} {route.nic.name}"
            for route in machine
        ]
        for name, machine in found.items()
    }


LINE = """
[hosts.alice]
[hosts.bob]
[routers.r1]
[routers.r2]
[[links]]
between = ["alice", "r1"]
[[links]]
between = ["r1", "r2"]
[[links]]
between = ["bob", "r2"]
"""


def test_networks_are_numbered_in_order_of_links() -> None:
    assert nics(LINE) == {
        "alice:eth0": ["10.0.1.1/24", "2001:db8:0:1::1/64"],
        "r1:eth0": ["10.0.1.2/24", "2001:db8:0:1::2/64"],
        "r1:eth1": ["10.0.2.1/24", "2001:db8:0:2::1/64"],
        "r2:eth0": ["10.0.2.2/24", "2001:db8:0:2::2/64"],
        "bob:eth0": ["10.0.3.1/24", "2001:db8:0:3::1/64"],
        "r2:eth1": ["10.0.3.2/24", "2001:db8:0:3::2/64"],
    }


def test_routes_along_a_line() -> None:
    assert routes(LINE) == {
        "alice": ["0.0.0.0/0 via 10.0.1.2 eth0", "::/0 via 2001:db8:0:1::2 eth0"],
        "bob": ["0.0.0.0/0 via 10.0.3.2 eth0", "::/0 via 2001:db8:0:3::2 eth0"],
        "r1": ["10.0.3.0/24 via 10.0.2.2 eth1", "2001:db8:0:3::/64 via 2001:db8:0:2::2 eth1"],
        "r2": ["10.0.1.0/24 via 10.0.2.1 eth0", "2001:db8:0:1::/64 via 2001:db8:0:2::1 eth0"],
    }


def test_a_switch_makes_one_network_of_its_links() -> None:
    """Also when switches that had links of their own are joined later."""
    lab = "".join(f"[hosts.{name}]\n" for name in "abcd")
    lab += "".join(f"[switches.s{number}]\n" for number in (1, 2, 3))
    for pair in ("a s1", "b c", "c s2", "s2 s3", "s1 s2", "s3 d"):
        near, far = pair.split()
        lab += f'[[links]]\nbetween = ["{near}", "{far}"]\n'
    assert {name: found[0] for name, found in nics(lab).items()} == {
        "a:eth0": "10.0.1.1/24",
        "b:eth0": "10.0.2.1/24",
        "c:eth0": "10.0.2.2/24",
        "c:eth1": "10.0.1.2/24",
        "d:eth0": "10.0.1.3/24",
    }


def test_written_addresses_are_kept_and_the_rest_given_around_them() -> None:
    lab = LINE.replace("[hosts.bob]", '[hosts.bob]\naddresses = ["fd00::7/64"]').replace(
        'between = ["alice", "r1"]',
        'between = ["alice", "r1:lan"]\naddresses = { r1 = ["10.0.2.1/24"] }',
    )
    assert nics(lab) == {
        "alice:eth0": ["10.0.2.2/24", "2001:db8:0:1::1/64"],
        "r1:lan": ["10.0.2.1/24", "2001:db8:0:1::2/64"],
        "r1:eth0": ["10.0.3.1/24", "2001:db8:0:3::1/64"],  # 10.0.2.0/24 is written already
        "r2:eth0": ["10.0.3.2/24", "2001:db8:0:3::2/64"],
        "bob:eth0": ["10.0.4.1/24", "fd00::7/64"],
        "r2:eth1": ["10.0.4.2/24", "fd00::1/64"],
    }


def test_prefixes_for_two() -> None:
    """RFC 3021 and RFC 6164: both addresses of a 31-bit and of a 127-bit prefix can be used."""
    lab = LINE.replace(
        'between = ["alice", "r1"]',
        'between = ["alice", "r1"]\naddresses = { r1 = ["10.9.0.1/31", "fd00::/127"] }',
    )
    assert nics(lab)["alice:eth0"] == ["10.9.0.0/31", "fd00::1/127"]


def test_fewest_routers_then_least_delay() -> None:
    lab = "[hosts.alice]\n[hosts.bob]\n" + "".join(f"[routers.r{n}]\n" for n in range(1, 6))
    for near, far, delay in (
        ("alice", "r1", "1ms"),
        ("r1", "r2", "20ms"),
        ("r1", "r3", "30ms"),
        ("r2", "r4", "50ms"),
        ("r3", "r4", "20ms"),
        ("r4", "bob", "1ms"),
        ("r1", "r5", "0ms"),
    ):
        lab += f'[[links]]\nbetween = ["{near}", "{far}"]\ndelay = "{delay}"\n'
    found = routes(lab)["r1"]
    assert "10.0.6.0/24 via 10.0.3.2 eth2" in found
    assert "2001:db8:0:6::/64 via 2001:db8:0:3::2 eth2" in found
    nearer = lab + '[[links]]\nbetween = ["r1", "r4"]\ndelay = "9s"\n'
    assert "10.0.6.0/24 via 10.0.8.2 eth4" in routes(nearer)["r1"]


def test_a_host_between_two_routers_takes_the_nearer_for_each_network() -> None:
    lab = "[hosts.h]\n[hosts.a]\n[hosts.b]\n[routers.r1]\n[routers.r2]\n[switches.s]\n"
    for near, far in (("h", "s"), ("r1", "s"), ("r2", "s"), ("r1", "a"), ("r2", "b")):
        lab += f'[[links]]\nbetween = ["{near}", "{far}"]\n'
    assert routes(lab)["h"] == [
        "0.0.0.0/0 via 10.0.1.2 eth0",
        "::/0 via 2001:db8:0:1::2 eth0",
        "10.0.3.0/24 via 10.0.1.3 eth0",
        "2001:db8:0:3::/64 via 2001:db8:0:1::3 eth0",
    ]


def test_hosts_do_not_forward() -> None:
    lab = "[hosts.a]\n[hosts.b]\n[hosts.c]\n"
    lab += '[[links]]\nbetween = ["a", "b"]\n[[links]]\nbetween = ["b", "c"]\n'
    assert routes(lab) == {"a": [], "b": [], "c": []}


def test_names_have_every_address() -> None:
    names = give_out(parse_lab(LINE)).names
    assert [address_text(address) for address in names["r1"]] == [
        "10.0.1.2",
        "10.0.2.1",
        "2001:db8:0:1::2",
        "2001:db8:0:2::1",
    ]


def test_numbers_read_the_same_in_both_families() -> None:
    shown = [[str(prefix) for prefix in numbered_prefixes(n)] for n in (10, 300, 12_345)]
    assert shown == [
        ["10.0.10.0/24", "2001:db8:0:10::/64"],
        ["10.1.44.0/24", "2001:db8:0:300::/64"],
        ["10.48.57.0/24", "2001:db8:1:2345::/64"],
    ]


def test_a_full_network() -> None:
    machines = [Machine("s", SWITCH)] + [Machine(f"h{n}") for n in range(255)]
    links = [Link((End(f"h{n}"), End("s"))) for n in range(255)]
    give_out(Description(tuple(machines), tuple(links[:254])))
    with pytest.raises(TopologyError, match=r"^10\.0\.1\.0/24 has no address left for h254: 255 "):
        give_out(Description(tuple(machines), tuple(links)))


@st.composite
def worlds(draw: st.DrawFn) -> Description:
    kinds = draw(st.lists(st.sampled_from([HOST, ROUTER, SWITCH]), min_size=2, max_size=9))
    machines = [Machine(f"m{n}", kind) for n, kind in enumerate(kinds)]
    pair = st.tuples(st.sampled_from(machines), st.sampled_from(machines))
    links = []
    joined = {machine.name: {machine.name} for machine in machines}  # switches on one network
    for a, b in draw(st.lists(pair, max_size=12)):
        if a.kind == b.kind == SWITCH:
            if b.name in joined[a.name]:
                continue  # a loop
            whole = joined[a.name] | joined[b.name]
            joined.update(dict.fromkeys(whole, whole))
        if a is not b:
            links.append(Link((End(a.name), End(b.name)), {"delay": draw(st.integers(0, 3))}))
    return Description(tuple(machines), tuple(links))


@given(worlds())
def test_any_world_is_consistent(world: Description) -> None:
    """No address twice, all of a network in its prefix, and next hops are on our own networks."""
    plan = give_out(world)
    given_out = [address for pair in plan.nics for nic in pair for address, _ in nic.addresses]
    assert len(given_out) == len(set(given_out))
    for network in plan.networks:
        for nic in network.nics:
            assert [len(address) for address, _ in nic.addresses] == [4, 16]
            assert all(
                prefix.contains(address)
                for prefix, (address, _) in zip(network.prefixes, nic.addresses, strict=True)
            )
    kinds = {machine.name: machine.kind for machine in world.machines}
    for name, found in give_routes(world, plan).items():
        on = [
            prefix
            for net in plan.networks
            for nic in net.nics
            if nic.machine == name
            for prefix in net.prefixes
        ]
        for route in found:
            assert route.nic.machine == name
            assert any(prefix.contains(route.next_hop) for prefix in on)
        if kinds[name] == ROUTER:
            prefixes = [str(route.prefix) for route in found]
            assert len(prefixes) == len(set(prefixes))


@given(worlds())
def test_routes_lead_there(world: Description) -> None:
    """Following the routes from any machine ends on the network, within as many hops as machines."""
    plan = give_out(world)
    found = give_routes(world, plan)
    owner = {
        address: nic.machine for pair in plan.nics for nic in pair for address, _ in nic.addresses
    }
    connected = {
        name: [
            ipaddress.ip_network(str(p))
            for net in plan.networks
            for p in net.prefixes
            if any(nic.machine == name for nic in net.nics)
        ]
        for name in found
    }
    for start, table in found.items():
        for route in table:
            if route.prefix.length == 0:
                continue
            target = ipaddress.ip_address(address_text(route.prefix.host(1)))
            at, hops = start, 0
            while not any(target in network for network in connected[at]):
                matches = [r for r in found[at] if r.prefix.contains(target.packed)]
                at = owner[max(matches, key=lambda r: r.prefix.length).next_hop]
                hops += 1
                assert hops <= len(world.machines)
