"""Machines: the handles of a simulated host, router and switch."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

from trunkline.base.addresses import address_text, link_local_of
from trunkline.host.host import Host
from trunkline.link.nic import ETHERNET, LOOPBACK, Nic, Node
from trunkline.link.switch import Switch
from trunkline.system.program import Program
from trunkline.system.system import System
from trunkline.topology.arguments import check_surroundings, checked_command
from trunkline.topology.description import HOST, ROUTER, SWITCH, Address
from trunkline.topology.mistakes import TopologyError
from trunkline.topology.tables import Rows, tables

if TYPE_CHECKING:
    from trunkline.topology.internet import Internet


class Machine:
    """Whatever has a name and NICs."""

    def __init__(self, net: Internet, name: str, kind: str, node: Node) -> None:
        self.net = net
        self.name = name
        self.kind = kind
        self.node = node

    def free_nic_name(self) -> str:
        """The first of eth0, eth1 … that it has not."""
        taken = {nic.name for nic in self.node.nics}
        number = 0
        while f"eth{number}" in taken:
            number += 1
        return f"eth{number}"

    def add_nic(self, name: str, mac: bytes, mtu: int, number: int) -> Nic:
        """A new NIC, for the end of a cable."""
        raise NotImplementedError

    def statistics(self) -> dict[str, int]:
        """What it counted, by name."""
        raise NotImplementedError

    def __repr__(self) -> str:
        return f"<{self.kind} {self.name}>"


class SwitchMachine(Machine):
    """A learning switch. It has no address and runs nothing."""

    def __init__(self, net: Internet, name: str, switch: Switch) -> None:
        super().__init__(net, name, SWITCH, switch)
        self.switch = switch

    def add_nic(self, name: str, mac: bytes, mtu: int, number: int) -> Nic:
        """A new port."""
        return Nic(self.switch, name, ETHERNET, mac, mtu, number)

    def statistics(self) -> dict[str, int]:
        """Frames, by what became of them."""
        return self.switch.statistics()


class HostMachine(Machine):
    """A host, or a router: a host that forwards."""

    def __init__(
        self, net: Internet, name: str, host: Host, system: System, forwarding: bool
    ) -> None:
        super().__init__(net, name, ROUTER if forwarding else HOST, host)
        self.host = host
        self.system = system
        self.own: tuple[Address, ...] = ()  # addresses written for its only NIC
        host.internet.forwarding = forwarding

    def start(
        self,
        target: Callable[..., Any] | Sequence[str] | str,
        *arguments: object,
        service: bool = False,
        at: str = "0",
        env: Mapping[str, str] | None = None,
        cwd: str | None = None,
        stdin: str | bytes | None = None,
    ) -> Program:
        """Start a program here: a coroutine function, a function, or a command such as "python call.py".

        A service runs for as long as the others do. `at` is a time of the world, such as "5s". The handle
        has `.result` and `.exception`.
        """
        self._check_no_coroutine(target)
        check_surroundings(self.name, env, cwd, stdin)
        when = self.net.time(at)
        words: Callable[..., Any] | Sequence[str]
        if isinstance(target, str) or not callable(target):
            words = checked_command(self.name, target, cwd, when <= self.net.loop.now)
        else:
            words = target
        return self.net.start(self.system, words, arguments, service, when, env, cwd, stdin)

    def _check_no_coroutine(self, target: object) -> None:
        if isinstance(target, Coroutine):
            target.close()  # it is never awaited, and that is said here
            called = getattr(target, "__name__", "main")
            raise TopologyError(f"{self.name}: give the function, not its call: start({called})")

    def here(self) -> AbstractContextManager[System]:
        """On a loop that several machines share (`Internet.run_async`): inside, calls are this machine's."""
        self.net.settle()
        return self.system.here()

    @property
    def addresses(self) -> list[str]:
        """Its addresses without loopback and link-local ones: IPv4's first, in order of NICs."""
        self.net.settle()
        return [address_text(address) for address in self.net.names[self.name]]

    @property
    def address(self) -> str:
        """Its first IPv4 address."""
        return self._first(4)

    @property
    def address6(self) -> str:
        """Its first IPv6 address."""
        return self._first(6)

    def _first(self, version: int) -> str:
        for text in self.addresses:
            if (":" in text) == (version == 6):
                return text
        raise TopologyError(f"{self.name} has no IPv{version} address: no link of it gives it one")

    def add_nic(self, name: str, mac: bytes, mtu: int, number: int) -> Nic:
        """A new NIC, with the link-local address that every IPv6 NIC has: RFC 4291 §2.8."""
        nic = self.host.add_nic(name, ETHERNET, mac, mtu, number)
        self.host.internet.add_address(nic, link_local_of(mac), 64, self.net.loop.now)
        return nic

    def nics(self) -> list[Nic]:
        """Its NICs but the loopback."""
        return [nic for nic in self.host.nics if nic.kind != LOOPBACK]

    def tables(self) -> dict[str, Rows]:
        """Its addresses, routes, neighbours and connections as rows of text, as `ip` and `ss` show them."""
        self.net.settle()
        return tables(self.host)

    def statistics(self) -> dict[str, int]:
        """What every floor counted."""
        host = self.host
        return {
            **host.link.statistics(),
            **host.internet.statistics(),
            **host.transport.statistics(),
        }
