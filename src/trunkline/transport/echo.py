"""Echo ends: what Linux calls ping sockets (SOCK_DGRAM of IPPROTO_ICMP or IPPROTO_ICMPV6).

RFC 792, RFC 4443 §4. An end's "port" is the identifier of its echo requests; it is sent and received
messages with their 8-octet header, the identifier and checksum of which are ours to fill in. Read icmp(7).

Left out: everything but echo; raw sockets see the rest.
"""

from __future__ import annotations

from typing import Final, final

from trunkline.base.addresses import ANY4, ANY6
from trunkline.base.dice import Dice
from trunkline.base.results import PROHIBITED, PROTOCOL_ERROR, SENT
from trunkline.internet.layer import Internet
from trunkline.internet.paths import BROADCAST, MULTICAST, Path
from trunkline.link.nic import Nic
from trunkline.transport.datagrams import (
    DONE,
    PMTU_WANT,
    Datagram,
    DatagramEnd,
    DatagramLayer,
)
from trunkline.transport.endpoint import Endpoint
from trunkline.transport.ports import PortSpace
from trunkline.wire import icmpv4, icmpv6
from trunkline.wire.header import ICMP, ICMPV6
from trunkline.wire.icmp import Icmp
from trunkline.wire.packet import Packet

HEADER_LENGTH: Final = 8


@final
class EchoLayer(DatagramLayer):
    """Echo ends of one family on one host; `version` is 4 or 6."""

    __slots__ = ("version",)

    def __init__(
        self, internet: Internet, events: list[Endpoint], dice: Dice, version: int
    ) -> None:
        super().__init__(internet, events, PortSpace(dice, True))
        self.version = version

    def send(
        self,
        end: DatagramEnd,
        path: Path,
        message: bytes,
        hop_limit: int,
        traffic_class: int,
        now: int,
    ) -> int:
        """Send an echo request; PROTOCOL_ERROR for any other message.

        `hop_limit` and `traffic_class` are for this message alone, -1 for the end's own.
        """
        request = icmpv4.ECHO_REQUEST if self.version == 4 else icmpv6.ECHO_REQUEST
        if len(message) < HEADER_LENGTH or message[0] != request or message[1] != 0:
            return PROTOCOL_ERROR
        result = path.result
        if result != SENT:
            return result
        kind = path.kind
        if kind == BROADCAST and not end.broadcast:
            return PROHIBITED
        if kind == MULTICAST:
            path.loop = end.multicast_loop
        if hop_limit < 0:
            hop_limit = self.hops_for(end, path)
        sequence = message[6] << 8 | message[7]
        if traffic_class < 0:
            traffic_class = end.traffic_class
        upper = Icmp(request, 0, end.local_port << 16 | sequence)
        data = message[HEADER_LENGTH:]
        protocol = ICMP if self.version == 4 else ICMPV6
        self.sent += 1
        if end.pmtu > PMTU_WANT:
            return self.send_carefully(
                end, path, upper, data, protocol, hop_limit, traffic_class, now
            )
        may_fragment = self.may_fragment(end, path, len(message))
        return self.internet.send(
            path, upper, data, protocol, hop_limit, traffic_class, not may_fragment, now
        )

    def receive(self, nic: Nic, packet: Packet, now: int) -> int:
        """An echo reply, for the end whose identifier it has. Nothing is said about one nobody wants."""
        upper = packet.upper
        ip = packet.ip
        assert isinstance(upper, Icmp) and ip is not None
        ends = self.ends.get(upper.rest >> 16)
        if ends is None:
            self.unknown_ports += 1
            return DONE
        for at in range(len(ends) - 1, -1, -1):
            end = ends[at]
            if end.local not in (ip.dst, ANY4, ANY6) or end.nic not in (None, nic):
                continue
            header = bytes((upper.type, upper.code, 0, 0)) + upper.rest.to_bytes(4, "big")
            self.put(end, Datagram(header + packet.payload, ip.src, 0, ip, nic.index))
            return DONE
        self.unknown_ports += 1
        return DONE
