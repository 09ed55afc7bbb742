"""Memory: what one more idle host costs, and one more end of an established connection."""

from __future__ import annotations

from collections.abc import Callable

from trunkline.base.addresses import ANY4
from trunkline.bench.dumbbell import PORT, settings
from trunkline.fabric.loop import FOREVER
from trunkline.topology.internet import Internet
from trunkline.transport.tcp.block import ESTABLISHED

HOSTS = 1_000
CONNECTIONS = 2_000


def hosts(resident: Callable[[], int]) -> float:
    """Octets for each of HOSTS idle hosts: stack, NICs, cable, addresses and routes."""
    with Internet(seed=1) as net:
        hubs = []
        for number in range(HOSTS // 100 + 1):
            hubs.append(net.router(f"r{number}"))
            net.link(net.host(f"warm{number}"), hubs[number])
            if number:
                net.link(hubs[number - 1], hubs[number])
        net.settle()
        before = resident()
        for number in range(HOSTS):
            net.link(net.host(f"h{number}"), hubs[1 + number // 100])
        net.settle()
        return (resident() - before) / HOSTS


def connections(resident: Callable[[], int]) -> float:
    """Octets for each end of CONNECTIONS established connections that have said something."""
    with Internet(seed=1, strict=False) as net:
        left, right = net.host("left"), net.host("right")
        net.link(left, right, delay="1ms")
        net.settle()
        loop = net.loop
        listener = right.host.transport.tcp.listen(
            None, None, [ANY4], PORT, CONNECTIONS + 200, settings(131072), loop.now
        )
        [remote] = [a for a in right.nics()[0].addresses if len(a) == 4]
        kept = []

        def call(count: int, first: int) -> None:
            for number in range(first, first + count):
                kept.append(
                    left.host.transport.tcp.connect(
                        None, None, ANY4, number, remote, PORT, None, settings(131072), loop.now
                    )
                )
                loop.run(loop.now + 5_000_000)
                kept[-1].send(b"hello", loop.now)
                loop.run(loop.now + 100_000_000)
                accepted = listener.accept()
                assert accepted is not None
                accepted.receive(100, loop.now)
                kept.append(accepted)

        call(100, 10_000)
        before = resident()
        call(CONNECTIONS, 20_000)
        assert all(end.state == ESTABLISHED for end in kept)
        grown = resident() - before
        assert loop.run(FOREVER) in (True, False)
        return grown / (2 * CONNECTIONS)
