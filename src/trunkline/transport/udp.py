"""UDP: datagrams between ports.

RFC 768, RFC 1122 §4.1, RFC 8200 §8.1 (checksums, which `wire` makes and checks), RFC 8085 for those who use
it. Which end gets a datagram is Linux's rule: connected before bound to the address before wildcard, among
equals the newest, or by a hash within a SO_REUSEPORT group.

Left out: UDP-Lite, encapsulation, corking, IP options.
"""

from __future__ import annotations

from typing import Final, final

from trunkline.base.addresses import ANY4, ANY6, is_multicast
from trunkline.base.dice import Dice, keyed_hash
from trunkline.base.results import PROHIBITED, SENT
from trunkline.internet.layer import Internet
from trunkline.internet.paths import BROADCAST, MULTICAST, Path
from trunkline.link.nic import Nic
from trunkline.transport.datagrams import (
    DONE,
    NO_PORT,
    PMTU_WANT,
    Datagram,
    DatagramEnd,
    DatagramLayer,
)
from trunkline.transport.endpoint import Endpoint
from trunkline.transport.ports import PortSpace
from trunkline.wire.header import UDP
from trunkline.wire.packet import Packet
from trunkline.wire.udp import Udp

HEADER_LENGTH: Final = 8


@final
class UdpLayer(DatagramLayer):
    """UDP on one host."""

    __slots__ = ("_secret",)

    def __init__(self, internet: Internet, events: list[Endpoint], dice: Dice) -> None:
        super().__init__(internet, events, PortSpace(dice, True))
        self._secret = dice.word()  # of the choice within SO_REUSEPORT groups

    def send(
        self,
        end: DatagramEnd,
        path: Path,
        dst_port: int,
        data: bytes,
        hop_limit: int,
        traffic_class: int,
        now: int,
    ) -> int:
        """Send a datagram from a bound end by a path of `path_for`; a result code.

        `hop_limit` and `traffic_class` are for this datagram alone, -1 for the end's own.
        """
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
        if traffic_class < 0:
            traffic_class = end.traffic_class
        upper = Udp(end.local_port, dst_port, end.checksummed or len(path.dst) == 16)
        self.sent += 1
        if end.pmtu > PMTU_WANT:
            return self.send_carefully(end, path, upper, data, UDP, hop_limit, traffic_class, now)
        may_fragment = self.may_fragment(end, path, HEADER_LENGTH + len(data))
        return self.internet.send(
            path, upper, data, UDP, hop_limit, traffic_class, not may_fragment, now
        )

    def receive(self, nic: Nic, packet: Packet, now: int) -> int:
        """A whole datagram for this host: DONE, or NO_PORT, which deserves a Port Unreachable."""
        upper = packet.upper
        ip = packet.ip
        assert isinstance(upper, Udp) and ip is not None
        port = upper.dst_port
        dst = ip.dst
        if is_multicast(dst) or self.internet.is_broadcast(dst):
            # RFC 1122 §4.1.3.1 SHOULD, UDP-008: nothing is said about one that went to many
            nic = self.internet.delivered_nic
            return self.deliver_to_many(port, upper.src_port, packet.payload, ip, nic)
        ends = self.ends.get(port)
        end: DatagramEnd | None = None
        if ends is not None:
            end = self._best(ends, ip.src, upper.src_port, dst, nic)
        if end is None:
            self.unknown_ports += 1
            return NO_PORT
        datagram = Datagram(packet.payload, ip.src, upper.src_port, ip, nic.index)
        if end.enqueue(datagram, self.events):
            self.received += 1
        else:
            self.full += 1
        return DONE

    def _best(
        self, ends: list[DatagramEnd], src: bytes, src_port: int, dst: bytes, nic: Nic
    ) -> DatagramEnd | None:
        """The end that fits best, the newest among equals."""
        best: DatagramEnd | None = None
        most = 0
        for at in range(len(ends) - 1, -1, -1):
            end = ends[at]
            score = _score(end, src, src_port, dst, nic)
            if score > most:
                most = score
                best = end
        if best is not None and len(ends) > 1 and not best.remote:
            claim = best.claim
            if claim is not None and claim.reuse_port:
                return self._of_group(ends, most, src, src_port, dst, nic)
        return best

    def _of_group(
        self, ends: list[DatagramEnd], most: int, src: bytes, src_port: int, dst: bytes, nic: Nic
    ) -> DatagramEnd:
        """SO_REUSEPORT: one of the equals, always the same for the same flow."""
        group: list[DatagramEnd] = []
        for end in ends:
            claim = end.claim
            if claim is not None and claim.reuse_port:
                if _score(end, src, src_port, dst, nic) == most:
                    group.append(end)
        number = keyed_hash(self._secret, src + src_port.to_bytes(2, "big") + dst)
        return group[number % len(group)]


def _score(end: DatagramEnd, src: bytes, src_port: int, dst: bytes, nic: Nic) -> int:
    """How well an end on the right port fits a datagram; 0: not at all."""
    local = end.local
    if local == dst:
        score = 17
    elif local == ANY6:
        if len(dst) == 4 and end.v6only:
            return 0
        score = 1
    elif local == ANY4 and len(dst) == 4:
        score = 1
    else:
        return 0
    if end.version == 4:
        score += 1
    if end.remote:
        # POSIX connect, UDP-023: only from its peer
        if end.remote != src or end.remote_port != src_port:
            return 0
        score += 8
    if end.nic is not None:
        if end.nic is not nic:
            return 0
        score += 4
    return score
