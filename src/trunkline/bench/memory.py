"""Memory: what one more idle host costs, and one more end of an established connection.

What is measured is what the process grows by: fragmentation and what making it left behind included.
"""

from __future__ import annotations

from collections.abc import Callable

from trunkline.base.addresses import ANY4
from trunkline.bench.dumbbell import PORT
from trunkline.sockets.constants import AF_INET, SOCK_STREAM
from trunkline.system.descriptors import Description
from trunkline.system.system import System
from trunkline.topology.internet import Internet

HOSTS = 1_000
HOSTS_ON_A_SWITCH = 100
CONNECTIONS = 2_000


def hosts(resident: Callable[[], int]) -> float:
    """Octets for each of HOSTS idle hosts on switches: stack, NIC, cable, switch port, addresses, routes."""
    with Internet(seed=1) as net:
        router = net.router("router")
        switches = []
        for number in range(HOSTS // HOSTS_ON_A_SWITCH):
            switches.append(net.switch(f"switch{number}"))
            net.link(router, switches[number])
            net.link(net.host(f"warm{number}"), switches[number])
        net.settle()
        before = resident()
        for number in range(HOSTS):
            net.link(net.host(f"host{number}"), switches[number // HOSTS_ON_A_SWITCH])
        net.settle()
        return (resident() - before) / HOSTS


def connections(resident: Callable[[], int]) -> float:
    """Octets for each end of CONNECTIONS established connections that have said something.

    With its socket and descriptor, as a program on the machine has it.
    """
    with Internet(seed=1, strict=False) as net:
        left, right = net.host("left"), net.host("right")
        net.link(left, right, delay="1ms")
        net.settle()
        loop = net.loop
        table = net.world.descriptors
        [remote] = [a for a in right.nics()[0].addresses if len(a) == 4]

        def opened(system: System) -> Description:
            description = table.get(system.open_socket(AF_INET, SOCK_STREAM, 0))
            description.nonblocking = True
            return description

        server = opened(right.system)
        server.bind((ANY4, PORT, 0, 0))
        server.listen(100)

        def call(count: int) -> None:
            for _ in range(count):
                caller = opened(left.system)
                caller.connect((remote, PORT, 0, 0))
                loop.run(loop.now + 5_000_000)
                assert caller.send(b"hello", 0) == 5
                loop.run(loop.now + 100_000_000)
                accepted = server.accept()
                assert accepted is not None
                table.open(accepted)
                assert accepted.recv(100, 0) == b"hello"

        call(100)
        before = resident()
        call(CONNECTIONS)
        grown = resident() - before
        return grown / (2 * CONNECTIONS)
