"""A host or router: every floor of the stack, strung together, and nothing else.

No I/O: packets come in by `receive` and are fetched from the NICs' outboxes after `poll_transmit`; time
comes in with every call; timers lie in the queue that was given in. Down is a call; up is a return.

A received packet's way reads straight down `receive`; what is sent reads straight down `poll_transmit`.
Left out on purpose: what a program sees (`system`) and what a cable is (`fabric`).
"""

from __future__ import annotations

from typing import Final, final

from trunkline.base.addresses import LOOPBACK4, LOOPBACK6
from trunkline.base.dice import Dice
from trunkline.base.timers import TimerQueue
from trunkline.internet.layer import DELIVER, REPORT, Internet
from trunkline.link.layer import LinkLayer
from trunkline.link.nic import LOOPBACK, LOOPBACK_MTU, Nic, Node
from trunkline.transport.endpoint import Endpoint
from trunkline.transport.layer import NO_PORT, TransportLayer
from trunkline.transport.tcp.policy import TcpPolicy
from trunkline.wire.packet import Packet

NICS_LIMIT: Final = 4096  # NICs of one host


@final
class Host(Node):
    """A machine on the network. A router is a host with `internet.forwarding` on.

    `marked` and `events` are the lists that the driver of the world reads: nodes with something to send,
    endpoints with something to see. `seed` and the name make all its dice.
    """

    def __init__(
        self,
        name: str,
        seed: int,
        timers: TimerQueue,
        marked: list[Node],
        events: list[Endpoint],
        policy: TcpPolicy,
    ) -> None:
        super().__init__(name, marked)
        self.timers = timers
        self.link = LinkLayer(self, timers, Dice(seed, f"{name} link"))
        self.internet = Internet(self, self.link, timers, Dice(seed, f"{name} internet"))
        self.transport = TransportLayer(
            self.internet, timers, events, self, Dice(seed, f"{name} transport"), policy
        )
        self._tcp = self.transport.tcp.common  # tells whether TCP has anything to say

    def add_nic(self, name: str, kind: int, mac: bytes, mtu: int, number: int) -> Nic:
        """A new NIC, up and without an address. `number` is its world-wide number."""
        assert len(self.nics) < NICS_LIMIT
        nic = Nic(self, name, kind, mac, mtu, number)
        self.link.attach(nic)
        self.internet.attach(nic)
        return nic

    def add_loopback(self, number: int, now: int) -> Nic:
        """The loopback NIC `lo`, with 127.0.0.1/8 and ::1."""
        nic = self.add_nic("lo", LOOPBACK, b"", LOOPBACK_MTU, number)
        self.internet.add_address(nic, LOOPBACK4, 8, now)
        self.internet.add_address(nic, LOOPBACK6, 128, now)
        return nic

    def receive(self, nic: Nic, packet: Packet, now: int) -> None:
        """A packet arrived: through link and internet to transport, as far as it goes."""
        if not self.link.receive(nic, packet, now):
            return
        internet = self.internet
        verdict = internet.receive(nic, packet, now)
        if verdict == DELIVER:
            if self.transport.receive(internet.delivered_nic, internet.delivered, now) == NO_PORT:
                internet.unreachable_port(internet.delivered, now)
        elif verdict == REPORT:
            self.transport.on_report(internet.report, now)

    def poll_transmit(self, now: int) -> None:
        """Say what is ready to be said: it lies in the outboxes of the NICs afterwards."""
        tcp = self._tcp
        if tcp.dirty or tcp.replies:
            self.transport.poll_transmit(now)
        if self.link.has_failed:
            self.internet.dequeue_failed(now)
            for report in self.internet.reports:
                self.transport.on_report(report, now)
            self.internet.reports.clear()

    def next_timeout(self) -> int:
        """When `on_timer` wants to be called, nanoseconds, or NEVER: for a host that is driven alone."""
        return self.timers.next_time()

    def on_timer(self, now: int) -> None:
        """Let every timer that is due fire: for a host that is driven alone."""
        while True:
            timer = self.timers.pop(now)
            if timer is None:
                return
            timer.owner.on_timer(timer.kind, now)
