"""The dumbbell: host, router, host; one TCP flow of bulk data across two links of 1 Gbit/s and 2.5 ms.

The two ends are driven at the transport's doors, as ns-3's bulk sender and sink are: 64 KiB at a time. What
is measured is the stack and the fabric, and nothing of what a program costs.
"""

from __future__ import annotations

import time

from trunkline.base.addresses import ANY4
from trunkline.fabric.loop import FOREVER, Loop
from trunkline.topology.internet import Internet
from trunkline.transport.endpoint import Endpoint
from trunkline.transport.tcp.connection import Connection
from trunkline.transport.tcp.listener import Listener
from trunkline.transport.tcp.policy import TcpSettings, policy_named

CHUNK = bytes(65536)
ALL = 1 << 30
PORT = 5000


class Sink(Endpoint):
    """Reads and counts."""

    def __init__(self, loop: Loop) -> None:
        super().__init__()
        self.loop = loop
        self.listener: Listener | None = None
        self.connection: Connection | None = None
        self.octets = 0

    def on_events(self) -> None:
        """Something arrived: a caller, or data."""
        if self.connection is None:
            assert self.listener is not None
            self.connection = self.listener.accept()
            if self.connection is None:
                return
            self.connection.endpoint = self
        self.octets += len(self.connection.receive(ALL, self.loop.now))


class Source(Endpoint):
    """Writes until it has written enough, then hangs up."""

    def __init__(self, loop: Loop, octets: int) -> None:
        super().__init__()
        self.loop = loop
        self.connection: Connection | None = None
        self.left = octets

    def on_events(self) -> None:
        """The connection stands, or has room again."""
        connection = self.connection
        assert connection is not None
        now = self.loop.now
        while self.left > 0 and connection.connected():
            taken = connection.send(CHUNK[: self.left], now)
            if taken == 0:
                return
            self.left -= taken
        if self.left == 0:
            connection.shutdown_send(now)
            self.left = -1


def settings(window: int) -> TcpSettings:
    """Socket buffers of `window` octets both ways."""
    made = TcpSettings(policy_named("linux"))
    made.receive_buffer = window
    made.send_buffer = window
    return made


def run(window: int, octets: int) -> tuple[float, int]:
    """Processor seconds that `octets` across the dumbbell took, and how many link packets it was."""
    with Internet(seed=1, strict=False) as net:
        left, router, right = net.host("left"), net.router("router"), net.host("right")
        for host in (left, right):
            net.link(host, router, delay="2.5ms", rate="1Gbit")
        net.settle()
        loop = net.loop
        sink = Sink(loop)
        sink.listener = right.host.transport.tcp.listen(
            sink, None, [ANY4], PORT, 5, settings(window), loop.now
        )
        source = Source(loop, octets)
        [remote] = [a for a in right.nics()[0].addresses if len(a) == 4]
        source.connection = left.host.transport.tcp.connect(
            source, None, ANY4, 40000, remote, PORT, None, settings(window), loop.now
        )
        started = time.process_time()
        while sink.octets < octets:
            before = loop.event_count
            loop.run(FOREVER)
            if loop.event_count == before:
                raise RuntimeError(f"the flow stopped after {sink.octets} octets")
        return time.process_time() - started, loop.packet_count
