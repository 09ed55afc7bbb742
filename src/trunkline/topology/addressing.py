"""Addresses, names of NICs and routes, given out by the world to whoever was given none.

Links that meet in a switch are one network. Networks are numbered from 1 in order of their first link:
network N is 10.0.N.0/24 and 2001:db8:0:N::/64 (RFC 3849), and its machines are .1, .2 … and ::1, ::2 … in
order of links and ends. What the description says itself is kept, and checked. Everything is a function
of the description alone. RFC 4291 §2.5, RFC 3021 (31-bit prefixes), RFC 6164 (127-bit ones).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from trunkline.base.addresses import (
    Prefix,
    address_text,
    is_loopback,
    is_multicast,
    is_unspecified,
    parse_address,
)
from trunkline.topology.description import SWITCH, Address, Description, End, Link, Machine
from trunkline.topology.mistakes import TopologyError, suggestion

NETWORK_LIMIT: Final = 65535  # networks that 10.0.0.0/8 gives out


@dataclass
class PlannedNic:
    """One end of a link as it will be: the NIC's name and addresses of both families."""

    machine: str
    link: int
    side: int
    name: str
    delay: int  # of the link from this end, ns
    given: tuple[Address, ...] = ()
    addresses: list[Address] = field(default_factory=list)


@dataclass
class Network:
    """Links joined by switches, and who is on them; one prefix for each family."""

    number: int  # the N of its prefixes, where they are given out
    links: list[int]
    nics: list[PlannedNic]  # those that have addresses, in order
    prefixes: list[Prefix] = field(default_factory=list)  # IPv4's, then IPv6's


@dataclass
class Plan:
    """What `give_out` found: NICs of every link, as (near, far); networks; addresses by name."""

    nics: list[tuple[PlannedNic, PlannedNic]]
    networks: list[Network]
    names: dict[str, list[bytes]]


def parse_interface(text: str) -> Address:
    """`10.0.1.1/24` or `2001:db8::1/64`. Raises ValueError that says what was found and expected."""
    address_part, slash, length_part = text.strip().partition("/")
    try:
        address = parse_address(address_part)
    except ValueError:
        raise ValueError(
            f'found "{text}", expected an address with its prefix, such as 10.0.1.1/24 or 2001:db8::1/64'
        ) from None
    width = len(address) * 8
    shown = address_text(address)
    if not slash:
        usual = 24 if width == 32 else 64
        raise ValueError(f'found "{text}" without a prefix, expected {shown}/{usual}')
    if not length_part.isascii() or not length_part.isdigit() or int(length_part) > width:
        raise ValueError(
            f'found the prefix "/{length_part}" on {shown}, expected a length from 1 to {width - 1}'
        )
    length = int(length_part)
    if is_multicast(address) or is_unspecified(address) or is_loopback(address):
        raise ValueError(f"found {shown}, expected a unicast address that a NIC can have")
    if length in {0, width}:
        raise ValueError(
            f"found the prefix /{length} on {shown}, which leaves no room for the link's two ends;"
            f" expected a length from 1 to {width - 1}"
        )
    if _reserved(address, Prefix(address, length)):
        raise ValueError(f"found {text}, which is the network itself or its broadcast address")
    return address, length


def give_out(description: Description) -> Plan:
    """NICs, networks and addresses of a whole world. Raises TopologyError."""
    nics = _name_nics(description)
    networks = _networks(description, nics)
    for network in networks:
        network.prefixes = _given_prefixes(network)
    taken: dict[bytes, str] = {}
    for network in networks:
        for nic in network.nics:
            for address, _length in nic.given:
                if address in taken:
                    raise TopologyError(
                        f"{nic.machine} has {address_text(address)}, which {taken[address]} has already",
                        nic.link,
                    )
                taken[address] = nic.machine
    _number(networks)
    for network in networks:
        for prefix in network.prefixes:
            _fill(network, prefix, taken)
    names: dict[str, list[bytes]] = {
        machine.name: [] for machine in description.machines if machine.kind != SWITCH
    }
    for family in (4, 16):
        for pair in nics:
            for nic in pair:
                own = names.get(nic.machine)
                if own is not None:
                    own.extend(address for address, _ in nic.addresses if len(address) == family)
    return Plan(nics, networks, names)


def _name_nics(description: Description) -> list[tuple[PlannedNic, PlannedNic]]:
    """A name and the given addresses for every end of every link."""
    machines = {machine.name: machine for machine in description.machines}
    taken: dict[str, set[str]] = {name: set() for name in machines}
    for number, link in enumerate(description.links):
        for end in link.ends:
            if end.nic:
                if end.nic in taken[end.machine]:
                    raise TopologyError(
                        f'"{end.machine}:{end.nic}" has a cable already, and a NIC takes one',
                        number,
                    )
                taken[end.machine].add(end.nic)
    planned = []
    for number, link in enumerate(description.links):
        planned.append((_name(link, number, 0, taken), _name(link, number, 1, taken)))
    _own_addresses(machines, planned)
    return planned


def _name(link: Link, number: int, side: int, taken: dict[str, set[str]]) -> PlannedNic:
    end: End = link.ends[side]
    name = end.nic
    count = 0
    while not name:
        if f"eth{count}" not in taken[end.machine]:
            name = f"eth{count}"
            taken[end.machine].add(name)
        count += 1
    delay = (link.backward if side else link.forward).get("delay", 0)
    return PlannedNic(end.machine, number, side, name, delay, end.addresses)


def _own_addresses(
    machines: dict[str, Machine], planned: list[tuple[PlannedNic, PlannedNic]]
) -> None:
    """Addresses written with the machine rather than the link go to the NIC that they name."""
    by_name = {(nic.machine, nic.name): nic for pair in planned for nic in pair}
    for machine in machines.values():
        own = [nic for (owner, _), nic in by_name.items() if owner == machine.name]
        for name, addresses in machine.addresses.items():
            if name == "" and len(own) == 1:
                own[0].given += addresses
            elif (machine.name, name) in by_name:
                by_name[machine.name, name].given += addresses
            else:
                known = suggestion(name, [nic.name for nic in own]) if own else "; it has no link"
                raise TopologyError(
                    f'{machine.name} has addresses for a NIC "{name}" that it does not have{known}',
                    machine=machine.name,
                )


def _networks(description: Description, nics: list[tuple[PlannedNic, PlannedNic]]) -> list[Network]:
    """Links joined wherever they meet in a switch, in order of the first link of each."""
    switches = {machine.name for machine in description.machines if machine.kind == SWITCH}
    joined: dict[str, int] = {}  # a switch, to the network of its links: an index into `found`
    found: list[Network | None] = []
    for number, (near, far) in enumerate(nics):
        meets = [joined[nic.machine] for nic in (near, far) if nic.machine in joined]
        if len(meets) == 2 and meets[0] == meets[1]:
            raise TopologyError(
                f"{near.machine} and {far.machine} are joined already: frames would go round in a loop"
                " of switches for ever; make one of them a router",
                number,
            )
        index = min(meets, default=len(found))
        if not meets:
            found.append(Network(0, [], []))
        elif len(meets) == 2:  # the cable makes one network of two
            other = max(meets)
            kept, gone = found[index], found[other]
            assert kept is not None and gone is not None
            kept.links = sorted(kept.links + gone.links)
            kept.nics = sorted(kept.nics + gone.nics, key=lambda nic: (nic.link, nic.side))
            found[other] = None
            joined = {name: index if at == other else at for name, at in joined.items()}
        network = found[index]
        assert network is not None
        network.links.append(number)
        for nic in (near, far):
            if nic.machine in switches:
                joined[nic.machine] = index
            else:
                network.nics.append(nic)
    return [network for network in found if network is not None]


def _given_prefixes(network: Network) -> list[Prefix]:
    """The prefixes that written addresses give a network: at most one for each family."""
    prefixes: dict[int, tuple[Prefix, str]] = {}
    for nic in network.nics:
        for address, length in nic.given:
            prefix = Prefix(address, length)
            first, owner = prefixes.setdefault(len(address), (prefix, nic.machine))
            if prefix != first:
                raise TopologyError(
                    f"{nic.machine} has {address_text(address)}/{length}, which is not in the network"
                    f" {first} that {owner} is in on the same link",
                    nic.link,
                )
    return [prefixes[family][0] for family in sorted(prefixes)]


def _number(networks: list[Network]) -> None:
    """Give every network the prefixes it lacks, clear of those that were written."""
    written: list[tuple[Prefix, Network]] = []
    for network in networks:
        for prefix in network.prefixes:
            for other, owner in written:
                if _overlap(prefix, other):
                    how = "is" if prefix == other else f"overlaps {other}, which is"
                    raise TopologyError(
                        f"the network {prefix} {how} another link's",
                        max(network.links[0], owner.links[0]),
                    )
            written.append((prefix, network))
    number = 0
    for network in networks:
        while True:
            number += 1
            if number > NETWORK_LIMIT:
                raise TopologyError(
                    "no network of 10.0.0.0/8 is left to give out", network.links[0]
                )
            families = {len(prefix.address) for prefix in network.prefixes}
            lacking = [p for p in numbered_prefixes(number) if len(p.address) not in families]
            if not any(_overlap(one, other) for one in lacking for other, _ in written):
                break
        network.number = number
        network.prefixes = sorted(network.prefixes + lacking, key=lambda p: len(p.address))


def numbered_prefixes(number: int) -> list[Prefix]:
    """10.0.N.0/24 and 2001:db8:0:N::/64; N reads the same in both, carried where it does not fit."""
    high, low = divmod(number, 10_000)
    return [
        Prefix(bytes((10, number >> 8, number & 255, 0)), 24),
        Prefix(parse_address(f"2001:db8:{high}:{low}::"), 64),
    ]


def _fill(network: Network, prefix: Prefix, taken: dict[bytes, str]) -> None:
    """Addresses of one family for all on a network."""
    family = len(prefix.address)
    number = 0
    for nic in network.nics:
        given = [pair for pair in nic.given if len(pair[0]) == family]
        if given:
            nic.addresses.extend(given)
            continue
        while True:
            address = prefix.host(number)
            if not prefix.contains(address):
                raise TopologyError(
                    f"{prefix} has no address left for {nic.machine}: {len(network.nics)} are on that"
                    " network; write one address with a shorter prefix",
                    nic.link,
                )
            if address not in taken and not _reserved(address, prefix):
                break
            number += 1
        taken[address] = nic.machine
        nic.addresses.append((address, prefix.length))


def _reserved(address: bytes, prefix: Prefix) -> bool:
    """Whether an address names its network, or everybody there, rather than one machine."""
    spare = len(address) * 8 - prefix.length
    if spare <= 1:  # RFC 3021, RFC 6164: two ends, two addresses
        return False
    return address == prefix.address or (len(address) == 4 and address == prefix.broadcast())


def _overlap(one: Prefix, other: Prefix) -> bool:
    return one.contains(other.address) or other.contains(one.address)
