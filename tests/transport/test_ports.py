"""Who may share a port, as Linux has it, and how ephemeral ports are chosen."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunkline.base.addresses import ANY4, ANY6, parse_address
from trunkline.base.dice import Dice
from trunkline.base.results import ADDRESS_IN_USE, NO_ADDRESS, SENT
from trunkline.transport.ports import (
    Claim,
    FlowTable,
    PortSpace,
)

A4 = parse_address("10.0.0.1")
B4 = parse_address("10.0.0.2")
A6 = parse_address("2001:db8::1")
B6 = parse_address("2001:db8::2")


class Flows(FlowTable):
    def __init__(self) -> None:
        self.flows: set[tuple[bytes, int, bytes, int]] = set()

    def flow_in_use(self, local: bytes, local_port: int, remote: bytes, remote_port: int) -> bool:
        return (local, local_port, remote, remote_port) in self.flows


LOW, HIGH = 40000, 40199


def space(datagram: bool = False, seed: int = 1, whole: bool = False) -> PortSpace:
    ports = PortSpace(Dice(seed, "ports"), datagram)
    if not whole:
        ports.low, ports.high = LOW, HIGH
    return ports


def take(ports: PortSpace, address: bytes, port: int = 80, **flags: bool | int) -> Claim | None:
    claim = Claim(ports, address, port)
    for name, value in flags.items():
        setattr(claim, name, value)
    return claim if ports.bind(claim) == SENT else None


@pytest.mark.parametrize("datagram", [False, True])
@pytest.mark.parametrize(
    ("first", "second", "free"),
    [
        (A4, A4, False),
        (A4, B4, True),
        (A4, ANY4, False),
        (ANY4, A4, False),
        (ANY4, ANY4, False),
        (A6, A6, False),
        (A6, B6, True),
        (A6, ANY6, False),
        (ANY6, A6, False),
        (A6, A4, True),
        (A6, ANY4, True),
        (ANY6, A4, False),
        (A4, ANY6, False),
        (ANY6, ANY4, False),
        (ANY4, ANY6, False),
    ],
)
def test_addresses_that_overlap_exclude_each_other(
    first: bytes, second: bytes, free: bool, datagram: bool
) -> None:
    ports = space(datagram)
    assert take(ports, first) is not None
    assert (take(ports, second) is not None) == free


@pytest.mark.parametrize("order", [(ANY6, ANY4), (ANY4, ANY6), (ANY6, A4), (A4, ANY6)])
def test_v6only_parts_the_families(order: tuple[bytes, bytes]) -> None:
    ports = space()
    for address in order:
        assert take(ports, address, v6only=len(address) == 16) is not None


def test_both_need_reuse_address_and_none_may_listen() -> None:
    ports = space()
    first = take(ports, ANY4, reuse_address=True)
    assert first is not None
    assert take(ports, ANY4) is None
    second = take(ports, ANY4, reuse_address=True)
    assert second is not None
    first.listening = True
    assert ports.conflict(second)
    assert not ports.conflict(first)
    assert take(ports, A4, reuse_address=True) is None


def test_udp_shares_by_reuse_address_alone() -> None:
    ports = space(datagram=True)
    assert take(ports, ANY4, reuse_address=True) is not None
    assert take(ports, ANY4, reuse_address=True) is not None
    assert take(ports, ANY4, reuse_port=True) is None


@pytest.mark.parametrize("datagram", [False, True])
def test_reuse_port_is_for_one_user(datagram: bool) -> None:
    ports = space(datagram)
    first = take(ports, ANY4, reuse_port=True, owner=7)
    assert first is not None
    first.listening = True
    assert take(ports, ANY4, reuse_port=True, owner=7) is not None
    assert take(ports, ANY4, reuse_port=True, owner=8) is None
    assert take(ports, ANY4, owner=7) is None


def test_devices_part_sockets() -> None:
    ports = space()
    assert take(ports, ANY4, device=1) is not None
    assert take(ports, ANY4, device=2) is not None
    assert take(ports, ANY4, device=1) is None
    assert take(ports, ANY4) is None


def test_a_port_is_free_when_its_last_holder_lets_go() -> None:
    ports = space()
    listener = take(ports, ANY4, reuse_address=True)
    assert listener is not None
    listener.listening = True
    first, second = listener.share(A4), listener.share(A4)
    assert first is second
    listener.listening = False
    listener.release()
    assert take(ports, ANY4) is None  # the old connections have it still
    assert take(ports, B4) is not None  # but only at their own address
    assert take(ports, A4, reuse_address=True) is not None
    first.release()
    second.release()
    assert [claim.address for claim in ports.claims()] == [B4, A4]


def test_a_shared_claim_of_the_same_address_is_the_same() -> None:
    ports = space()
    claim = take(ports, A4)
    assert claim is not None
    assert claim.share(A4) is claim
    assert claim.share() is claim
    claim.release()
    claim.release()
    assert take(ports, A4) is None
    claim.release()
    assert take(ports, A4) is not None


def test_bind_gives_out_every_ephemeral_port_once() -> None:
    ports = space()
    count = HIGH - LOW + 1
    got = set()
    for _ in range(count):
        claim = take(ports, ANY4, 0)
        assert claim is not None
        got.add(claim.port)
    assert got == set(range(LOW, HIGH + 1))
    assert take(ports, ANY4, 0) is None
    assert take(ports, ANY4, 0, reuse_address=True) is None


def test_connect_shares_a_port_between_flows_that_differ() -> None:
    ports, flows = space(), Flows()
    count = HIGH - LOW + 1
    used = set()
    for remote in (B4, A6):
        for number in range(count if remote == B4 else 10):
            claim = Claim(ports, A4, 0)
            assert ports.bind_flow(claim, flows, A4, remote, 80) == SENT, number
            assert (A4, claim.port, remote, 80) not in flows.flows
            flows.flows.add((A4, claim.port, remote, 80))
            used.add(claim.port)
    assert len(used) == count
    assert ports.bind_flow(Claim(ports, A4, 0), flows, A4, B4, 80) == NO_ADDRESS


def test_connect_leaves_alone_what_bind_took() -> None:
    ports, flows = space(), Flows()
    for port in range(LOW, HIGH + 1):
        if port != 40101:
            assert take(ports, B4, port) is not None
    claim = Claim(ports, A4, 0)
    assert ports.bind_flow(claim, flows, A4, B4, 80) == SENT
    assert claim.port == 40101


def test_the_ports_of_connect_are_hard_to_guess_and_repeatable() -> None:
    """RFC 6056: the same world gives the same ports, another seed or destination others."""

    def draw(seed: int, remote: bytes) -> list[int]:
        ports, flows = space(seed=seed, whole=True), Flows()
        got = []
        for _ in range(5):
            claim = Claim(ports, A4, 0)
            assert ports.bind_flow(claim, flows, A4, remote, 80) == SENT
            got.append(claim.port)
        assert all(32768 <= port <= 60999 for port in got)
        return got

    assert draw(1, B4) == draw(1, B4)
    assert draw(1, B4) != draw(2, B4)
    assert draw(1, B4)[0] != draw(1, B6)[0]
    assert len(set(draw(1, B4))) == 5


_flags = st.tuples(
    st.sampled_from([ANY4, ANY6, A4, B4, A6, B6]),
    st.booleans(),
    st.booleans(),
    st.booleans(),
    st.integers(0, 2),
    st.integers(0, 1),
)


@given(_flags, _flags, st.booleans())
def test_conflict_does_not_ask_who_came_first(
    one: tuple[bytes, bool, bool, bool, int, int],
    two: tuple[bytes, bool, bool, bool, int, int],
    datagram: bool,
) -> None:
    answers = []
    for first, second in ((one, two), (two, one)):
        ports = space(datagram)
        claims = []
        for address, reuse, reuse_port, v6only, device, owner in (first, second):
            claim = Claim(ports, address, 80, device, reuse, reuse_port, v6only, owner)
            claims.append(ports.bind(claim))
        assert claims[0] == SENT
        assert claims[1] in (SENT, ADDRESS_IN_USE)
        answers.append(claims[1])
    assert answers[0] == answers[1]
