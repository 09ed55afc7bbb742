"""The Internet: machines, links between them, and the world that runs programs on them, in virtual time.

    net = Internet(seed=7)
    alice, bob = net.host("alice"), net.host("bob")
    cable = net.link(alice, bob, delay="20ms", loss="1%")
    bob.start(serve, service=True)
    call = alice.start(dial)
    net.run(until="30s")

Addresses and routes are given out when they are first needed, by the order of links (`addressing`).
A user's mistake raises TopologyError with one line that says what was found and expected.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from types import TracebackType
from typing import Any

from trunkline.base import units
from trunkline.base.timers import NEVER, Timer, TimerOwner
from trunkline.fabric.cable import Cable, Impairments, Loopback
from trunkline.fabric.loop import Loop
from trunkline.host.host import Host
from trunkline.intercept import shared
from trunkline.intercept.install import install
from trunkline.link.nic import Nic, Node
from trunkline.link.switch import Switch
from trunkline.system.program import Program
from trunkline.system.stage import Surroundings
from trunkline.system.system import System
from trunkline.system.world import World
from trunkline.topology import addressing
from trunkline.topology.arguments import (
    check_name,
    checked_interfaces,
    checked_mapping,
    checked_mtu,
    checked_policy,
    checked_seed,
    unquoted,
    wrong,
)
from trunkline.topology.description import (
    DOWN,
    SET,
    SWITCH,
    UP,
    Address,
    Description,
    End,
)
from trunkline.topology.description import Link as LinkDescription
from trunkline.topology.description import Machine as MachineDescription
from trunkline.topology.lab import read_lab
from trunkline.topology.links import Link, apply, read_impairments
from trunkline.topology.machine import HostMachine, Machine, SwitchMachine
from trunkline.topology.mistakes import TopologyError, suggestion
from trunkline.topology.names import free_name, link_name_mistake
from trunkline.topology.settling import Settling
from trunkline.topology.watch import Watchers
from trunkline.transport.tcp.policy import TcpPolicy, policy_named
from trunkline.wire.trace import TraceSink

Written = str | Sequence[str]  # one address with its prefix, or several


class Internet:
    """A whole internet in this process. The same seed gives the same packets at the same times.

    `strict` makes every cable turn packets into octets and parse them afresh; the default is whether
    TRUNKLINE_STRICT=1 is set. Usable as a context manager, which closes it.
    """

    def __init__(self, seed: int = 0, strict: bool | None = None, mtu: int = 1500) -> None:
        if strict is None:
            strict = os.environ.get("TRUNKLINE_STRICT") == "1"
        install()
        self.seed = checked_seed(seed)
        self.mtu = checked_mtu(mtu, "the network")
        self.loop = Loop(strict)
        self.world = World(self.loop, self.seed)
        self.machines: dict[str, Machine] = {}
        self.links: list[Link] = []
        self.names: dict[str, list[bytes]] = {}
        self._watchers: Watchers | None = None
        self._cards = 0  # Ethernet NICs made so far
        self._settled = True
        self._settling = Settling(self)
        self._captures: list[Any] = []

    # ------------------------------------------------------------ building

    def host(
        self, name: str, addresses: Written = (), tcp: str | TcpPolicy = "linux"
    ) -> HostMachine:
        """A new host. `addresses` are for its only NIC, where they are not to be given out."""
        return self._machine(name, addresses, tcp, False)

    def router(
        self, name: str, addresses: Written = (), tcp: str | TcpPolicy = "linux"
    ) -> HostMachine:
        """A new router: a host that forwards."""
        return self._machine(name, addresses, tcp, True)

    def switch(self, name: str) -> SwitchMachine:
        """A new learning switch: the links that meet in it are one network."""
        self._check_name(name)
        switch = Switch(name, self.loop.marked)
        self._watch_node(switch)
        machine = SwitchMachine(self, name, switch)
        self.machines[name] = machine
        return machine

    def link(
        self,
        near: Machine | str,
        far: Machine | str,
        *,
        name: str = "",
        mtu: int = 0,
        to: Mapping[Machine | str, Mapping[str, str]] | None = None,
        addresses: Mapping[Machine | str, Written] | None = None,
        **impairments: str,
    ) -> Link:
        """A cable between two machines; `"r1:eth2"` names a NIC.

        delay, jitter, rate, queue, loss, duplicate, reorder, corrupt: named and meant as tc-netem has
        them, both ways; `to={bob: {"loss": "5%"}}` says what differs on the way to one end.
        """
        ends = (self._end(near), self._end(far))
        shown = name or f"{ends[0][0].name}-{ends[1][0].name}"
        if not isinstance(name, str):
            raise wrong(name, "the name of a link", f"link {shown}")
        if mistake := link_name_mistake(name):
            raise TopologyError(f"link: {mistake}")
        both = read_impairments(shown, dict(impairments))
        forward, backward = dict(both), dict(both)
        example = '{bob: {"loss": "5%"}}'
        for machine, changes in checked_mapping(to, example, f"link {shown}: to").items():
            knobs = forward if self._side(ends, machine, shown) else backward
            changes = checked_mapping(changes, '{"loss": "5%"}', f"link {shown}: to")
            knobs.update(read_impairments(shown, dict(changes)))
        given: list[tuple[Address, ...]] = [(), ()]
        where = f"link {shown}: addresses"
        for machine, written in checked_mapping(addresses, '{bob: "10.0.1.2/24"}', where).items():
            given[self._side(ends, machine, shown)] = checked_interfaces(written, where)
        described = [
            End(machine.name, nic, given[side]) for side, (machine, nic) in enumerate(ends)
        ]
        return self._link(
            LinkDescription((described[0], described[1]), forward, backward, name, mtu)
        )

    def _link(self, plan: LinkDescription, known: bool = False) -> Link:
        """Make a link of its description; `known` to be right with the rest of the world."""
        near, far = (self.machines[end.machine] for end in plan.ends)
        if near is far:
            raise TopologyError(f"a link joins two machines, and {near.name} is one")
        taken = {link.name: 0 for link in self.links}
        name = plan.name or free_name(near.name, far.name, taken)
        if name in taken:
            raise TopologyError(f'a second link "{name}": names of links are unique')
        for knobs in (plan.forward, plan.backward):
            if knobs.get("reorder") and not knobs.get("delay"):
                raise TopologyError(
                    f"link {name}: reorder needs a delay: a reordered packet overtakes by skipping it"
                )
        mtu = checked_mtu(plan.mtu, f"link {name}") if plan.mtu else self.mtu
        ends = (self._named(plan.ends[0]), self._named(plan.ends[1]))
        if not known and (near.kind == far.kind == SWITCH or any(end.addresses for end in ends)):
            whole = self.description()  # else nothing can be wrong with it
            links = (*whole.links, replace(plan, ends=ends))
            addressing.give_out(replace(whole, links=links))
        nics = (self._nic(near, ends[0].nic, mtu), self._nic(far, ends[1].nic, mtu))
        forward, backward = Impairments(), Impairments()
        apply(forward, plan.forward)
        apply(backward, plan.backward)
        cable = Cable(self.loop, name, nics[0], nics[1], forward, backward, self.seed)
        link = Link(self, name, ends, nics, cable, mtu)
        self.links.append(link)
        self._settled = False
        return link

    def _named(self, end: End) -> End:
        """An end with a name for its NIC, which is new there."""
        machine = self.machines[end.machine]
        name = end.nic or machine.free_nic_name()
        if any(nic.name == name for nic in machine.node.nics):
            raise TopologyError(f'"{machine.name}:{name}" has a cable already, and a NIC takes one')
        return replace(end, nic=name)

    def at(self, when: str, action: Callable[[], object]) -> None:
        """Do something at a time of the world: `net.at("5s", cable.down)`."""
        moment = self.time(when)
        if not callable(action):
            raise TopologyError(
                f"at {when!r}: found {action!r:.60}, expected an action such as cable.down"
                " (without parentheses)"
            )
        if moment < self.loop.now:
            raise TopologyError(f'at "{when}": the world is at {units.clock_text(self.loop.now)} s')
        self.loop.timers.arm(_Deed(action).timer, moment)

    @staticmethod
    def from_lab(path: str, seed: int | None = None, strict: bool | None = None) -> Internet:
        """The world that a lab file describes. Raises LabError, whose text has a line for each mistake."""
        return Internet.from_description(read_lab(path), seed, strict)

    @staticmethod
    def from_description(
        description: Description, seed: int | None = None, strict: bool | None = None
    ) -> Internet:
        """The world that a description is of, its programs waiting to start."""
        if seed is None:
            seed = description.seed
        if strict is None:
            strict = description.strict
        net = Internet(seed, strict, description.mtu)
        plan = addressing.give_out(description)
        for machine in description.machines:
            if machine.kind == SWITCH:
                net.switch(machine.name)
            else:
                policy = _policy(machine)
                net._machine(machine.name, (), policy, machine.kind == "router")
        for link, nics in zip(description.links, plan.nics, strict=True):
            ends = [
                End(end.machine, nic.name, nic.given)
                for end, nic in zip(link.ends, nics, strict=True)
            ]
            net._link(
                LinkDescription(
                    (ends[0], ends[1]), link.forward, link.backward, link.name, link.mtu
                ),
                known=True,
            )
        for event in description.events:
            for number in event.links:
                net._event(event.at, event.action, net.links[number], event.changes, event.to)
        programs = [(m.name, program) for m in description.machines for program in m.programs]
        # Of what starts at the same time, services are first: whoever calls them finds them there.
        for name, program in sorted(programs, key=lambda one: not one[1].service):
            owner = net.machines[name]
            assert isinstance(owner, HostMachine)
            net.start(
                owner.system,
                program.command,
                (),
                program.service,
                program.start,
                program.env,
                os.path.join(description.folder, program.cwd),
                program.stdin,
                program.prefix,
            )
        return net

    def description(self) -> Description:
        """The machines and links as they are, addresses given out so far included: plain data."""
        machines = []
        for machine in self.machines.values():
            own: dict[str, tuple[Address, ...]] = {}
            if isinstance(machine, HostMachine) and machine.own and len(machine.nics()) == 1:
                own[""] = machine.own
            machines.append(MachineDescription(machine.name, machine.kind, addresses=own))
        links = []
        for link in self.links:
            sides = [link.settings(end.machine) for end in link.ends]
            links.append(LinkDescription(link.ends, sides[1], sides[0], link.name, link.mtu))
        return Description(tuple(machines), tuple(links), seed=self.seed, mtu=self.mtu)

    # ------------------------------------------------------------ running

    def start(
        self,
        system: System,
        target: Callable[..., Any] | Sequence[str],
        arguments: Sequence[object],
        service: bool,
        at: int,
        env: Mapping[str, str] | None,
        cwd: str | None,
        stdin: str | bytes | None,
        prefix: str = "",
    ) -> Program:
        """What `HostMachine.start` does, with everything read already."""
        surroundings = Surroundings(env, cwd or "", stdin, prefix)
        return self.world.start(system, target, arguments, service, at, surroundings)

    def run(self, until: str | None = None, raising: bool = True) -> None:
        """Run until every program that is no service has ended, or until a time of the world.

        Raises what a program raised, unless told not to; Deadlock when nobody can go on; Spinning when a
        program never gives way.
        """
        self.settle()
        self.world.run(NEVER if until is None else self.time(until), raising)

    def run_async(self, main: Coroutine[Any, Any, Any]) -> Any:
        """Run a coroutine on one loop that all hosts share, and return its result.

        `with alice.here(): …` says whose sockets, names and clock a piece of it sees; tasks inherit it.
        There are no thread switches: the fastest way to drive asyncio programs.
        """
        self.settle()
        return shared.run(self.world, main)

    @property
    def now(self) -> float:
        """Seconds since the world began."""
        return self.loop.now / units.SECOND

    def settle(self) -> None:
        """Give out the addresses, names and routes that are still lacking."""
        if not self._settled:
            self._settled = True
            self._settling.settle()

    # ------------------------------------------------------------ seeing

    def watch(self, sink: TraceSink) -> None:
        """Tell a trace sink everything from now on; it hears first of the NICs that exist."""
        if not isinstance(sink, TraceSink):
            raise wrong(sink, "a TraceSink", "watch")
        if self._watchers is None:
            self._watchers = Watchers()
            self.loop.trace = self._watchers
            for machine in self.machines.values():
                machine.node.trace = self._watchers
        self._watchers.sinks.append(sink)
        nics = [nic for machine in self.machines.values() for nic in machine.node.nics]
        for nic in sorted(nics, key=lambda nic: nic.number):
            sink.interface(nic.number, nic.node.name, nic.name, nic.mac, nic.kind == 0)

    def capture(self, path: str, at: Machine | str | None = None) -> None:
        """Write packets to a pcapng file from now on: of every NIC, of a machine's, or of `"r1:eth0"`.

        A path that ends in a slash is a folder, with a file for each NIC. Closed by `close`.
        """
        node, nic = "", ""
        if at is not None:
            node, _, nic = (at if isinstance(at, str) else at.name).partition(":")
            machine = self._find(node)
            known = [own.name for own in machine.node.nics]
            if nic and nic not in known:
                raise TopologyError(f'{node} has no NIC "{nic}"{suggestion(nic, known)}')
        # A floor above this one: it is fetched by name, when somebody asks for what it does.
        pcapng = importlib.import_module("trunkline.observe.pcapng")
        capture = pcapng.open_capture(path, node, nic)
        self._captures.append(capture)
        self.watch(capture)

    def statistics(self) -> dict[str, dict[str, Any]]:
        """What was counted: by machine, and by link under `link NAME`."""
        found: dict[str, dict[str, Any]] = {
            "world": {
                "time": self.loop.now,
                "packets": self.loop.packet_count,
                "events": self.loop.event_count,
            }
        }
        for machine in self.machines.values():
            found[machine.name] = dict(machine.statistics())
        for link in self.links:
            found[f"link {link.name}"] = dict(link.statistics())
        return found

    def retransmissions(self) -> int:
        """How many TCP segments have been sent again, in the whole world."""
        return sum(
            machine.host.transport.tcp.statistics().get("segments resent", 0)
            for machine in self.machines.values()
            if isinstance(machine, HostMachine)
        )

    # ------------------------------------------------------------ the end

    def close(self) -> None:
        """Close captures, and end what still runs. Closing twice does nothing.

        Raises OSError where a capture could not be written whole.
        """
        try:
            self.close_captures()
        finally:
            self.world.close()

    def close_captures(self) -> None:
        """Write captures to their end, and raise OSError where one is not whole. What happens later is in none."""
        captures, self._captures = self._captures, []
        with ExitStack() as stack:  # each is closed, whatever becomes of the others
            for capture in captures:
                stack.callback(capture.close)

    def __enter__(self) -> Internet:
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Internet seed={self.seed}, {len(self.machines)} machines, at {self.now} s>"

    # ------------------------------------------------------------ parts

    def time(self, text: str | float) -> int:
        """A time or duration of the world, nanoseconds. A number is none but 0. Raises TopologyError."""
        try:
            return units.duration(str(text))
        except ValueError as error:
            raise TopologyError(unquoted(str(error), text, units.duration, ("s",))) from None

    def _machine(
        self, name: str, addresses: Written, tcp: str | TcpPolicy, forwarding: bool
    ) -> HostMachine:
        self._check_name(name)
        own = checked_interfaces(addresses, name)
        policy = checked_policy(name, tcp)
        loop = self.loop
        host = Host(name, self.seed, loop.timers, loop.marked, loop.events, policy)
        Loopback(loop, host.add_loopback(loop.number_nic(), loop.now))
        self._watch_node(host)
        machine = HostMachine(self, name, host, System(self.world, host, name), forwarding)
        machine.own = own
        self.machines[name] = machine
        self._settled = False
        return machine

    def _check_name(self, name: str) -> None:
        check_name(name)
        if any(name.lower() == known.lower() for known in self.machines):
            raise TopologyError(f'a second machine "{name}": names are unique')

    def _find(self, machine: Machine | str) -> Machine:
        if not isinstance(machine, Machine | str):
            raise wrong(machine, "a machine or its name")
        name = machine if isinstance(machine, str) else machine.name
        found = self.machines.get(name)
        if isinstance(machine, Machine) and machine.net is not self:
            raise TopologyError(f'"{name}" belongs to another Internet')
        if found is None:
            raise TopologyError(f'no machine "{name}" here{suggestion(name, self.machines)}')
        return found

    def _end(self, machine: Machine | str) -> tuple[Machine, str]:
        if isinstance(machine, str):
            name, _, nic = machine.partition(":")
            return self._find(name), nic
        return self._find(machine), ""

    def _side(
        self, ends: tuple[tuple[Machine, str], ...], machine: Machine | str, link: str
    ) -> int:
        if not isinstance(machine, Machine | str):
            raise wrong(machine, "a machine or its name", f"link {link}")
        name = machine if isinstance(machine, str) else machine.name
        names = [end.name for end, _nic in ends]
        if name not in names:
            raise TopologyError(
                f'link {link}: "{name}" is not an end of it{suggestion(name, names)}'
            )
        return names.index(name)

    def _nic(self, machine: Machine, name: str, mtu: int) -> Nic:
        self._cards += 1
        mac = b"\x02" + self._cards.to_bytes(5, "big")
        nic = machine.add_nic(name, mac, mtu, self.loop.number_nic())
        self._watch_nic(nic)
        return nic

    def _watch_node(self, node: Node) -> None:
        if self._watchers is not None:
            node.trace = self._watchers
        for nic in node.nics:
            self._watch_nic(nic)

    def _watch_nic(self, nic: Nic) -> None:
        if self._watchers is not None:
            ethernet = nic.kind == 0
            self._watchers.interface(nic.number, nic.node.name, nic.name, nic.mac, ethernet)

    def _event(self, at: int, action: str, link: Link, changes: dict[str, int], to: str) -> None:
        deed: Callable[[], object]
        if action == UP:
            deed = link.up
        elif action == DOWN:
            deed = link.down
        else:
            assert action == SET

            def deed() -> None:
                link.change(changes, to)

        self.loop.timers.arm(_Deed(deed).timer, at)


class _Deed(TimerOwner):
    """Something to do at a time."""

    def __init__(self, action: Callable[[], object]) -> None:
        self.action = action
        self.timer = Timer(self, 0)

    def on_timer(self, kind: int, now: int) -> None:
        """The time has come."""
        self.action()


def _policy(machine: MachineDescription) -> TcpPolicy:
    policy = policy_named(machine.tcp)
    for name, value in machine.tcp_settings.items():
        setattr(policy, name, bool(value) if isinstance(getattr(policy, name), bool) else value)
    if machine.congestion:
        policy.congestion = machine.congestion
    return policy
