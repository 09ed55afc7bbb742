"""The transport floor of one host: TCP, UDP and echo side by side, and which of them a packet is for.

RFC 9293, RFC 768, RFC 792. The port spaces are here: one for each protocol.
"""

from __future__ import annotations

from typing import Final, final

from trunkline.base.dice import Dice
from trunkline.base.timers import TimerQueue
from trunkline.internet.layer import Internet
from trunkline.internet.reports import Report
from trunkline.link.nic import Nic, Node
from trunkline.transport.datagrams import DONE as _DONE
from trunkline.transport.datagrams import NO_PORT as _NO_PORT
from trunkline.transport.echo import EchoLayer
from trunkline.transport.endpoint import Endpoint
from trunkline.transport.ports import PortSpace
from trunkline.transport.tcp.layer import TcpLayer
from trunkline.transport.tcp.policy import TcpPolicy
from trunkline.transport.udp import UdpLayer
from trunkline.wire.header import ICMP, ICMPV6, TCP, UDP
from trunkline.wire.icmp import Icmp
from trunkline.wire.packet import Packet
from trunkline.wire.tcp import Tcp
from trunkline.wire.udp import Udp

DONE: Final = _DONE  # what `receive` answers
NO_PORT: Final = _NO_PORT


@final
class TransportLayer:
    """Transport of one host. `events` is the world's list of endpoints that have something to see."""

    __slots__ = (
        "echo4",
        "echo6",
        "events",
        "internet",
        "node",
        "tcp",
        "tcp_ports",
        "udp",
    )

    def __init__(
        self,
        internet: Internet,
        timers: TimerQueue,
        events: list[Endpoint],
        node: Node,
        dice: Dice,
        policy: TcpPolicy,
    ) -> None:
        self.internet = internet
        self.node = node
        self.events = events
        self.tcp = TcpLayer(internet, timers, events, node, dice, policy)
        self.tcp_ports = PortSpace(dice, False)
        self.udp = UdpLayer(internet, events, dice)
        self.echo4 = EchoLayer(internet, events, dice, 4)
        self.echo6 = EchoLayer(internet, events, dice, 6)

    def receive(self, nic: Nic, packet: Packet, now: int) -> int:
        """A whole packet for this host: DONE or NO_PORT, which the host answers with an ICMP error."""
        upper = packet.upper
        if isinstance(upper, Tcp):
            self.tcp.receive(nic, packet, now)
            return DONE
        if isinstance(upper, Udp):
            return self.udp.receive(nic, packet, now)
        ip = packet.ip
        if isinstance(upper, Icmp) and ip is not None:
            if ip.version == 4:
                return self.echo4.receive(nic, packet, now)
            return self.echo6.receive(nic, packet, now)
        return DONE

    def on_report(self, report: Report, now: int) -> None:
        """An ICMP error about a packet that was sent from here."""
        protocol = report.protocol
        if protocol == TCP:
            self.tcp.on_report(report, now)
        elif protocol == UDP:
            self.udp.on_report(report, now)
        elif protocol == ICMP:
            self.echo4.on_report(report, now)
        elif protocol == ICMPV6:
            self.echo6.on_report(report, now)

    def poll_transmit(self, now: int) -> None:
        """TCP says what it has to say; datagrams left when they were sent."""
        self.tcp.poll_transmit(now)

    def statistics(self) -> dict[str, int]:
        """The counts of every protocol, with its name before each."""
        counts: dict[str, int] = {}
        for name, part in (
            ("tcp", self.tcp.statistics()),
            ("udp", self.udp.statistics()),
            ("icmp echo", self.echo4.statistics()),
            ("icmpv6 echo", self.echo6.statistics()),
        ):
            for key, count in part.items():
                # a reason for a drop has its protocol's name already: traces show it alone
                counts[key if key.startswith(name) else f"{name}: {key}"] = count
        return counts
