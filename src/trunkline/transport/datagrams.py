"""What UDP and echo ends have in common: an address, a peer, a receive queue with a limit, multicast.

RFC 768, RFC 1122 §4.1, RFC 1112 (multicast delivery). Whoever owns an end sets its plain attributes; they
hold from the next datagram on. Addresses are 4 or 16 octets, mapped ones always as 4.

Left out: IP options, source filters of multicast, the error queue (of IP_RECVERR there is only that an
end hears of every error).
"""

from __future__ import annotations

from typing import Final, final

from trunkline.base.addresses import ANY4, ANY6, is_multicast
from trunkline.base.results import NO_BUFFER, SENT, TOO_BIG
from trunkline.internet.layer import Internet
from trunkline.internet.paths import BROADCAST, MULTICAST, Path
from trunkline.internet.reports import Report
from trunkline.link.nic import Nic
from trunkline.transport.endpoint import Endpoint, note
from trunkline.transport.ports import Claim, PortSpace
from trunkline.wire.header import Header, IpHeader

DONE: Final = 0  # what receiving answers: dealt with,
NO_PORT: Final = 1  # or nobody here has that port

RECEIVE_BUFFER: Final = 212992  # octets: net.core.rmem_default
OVERHEAD: Final = 768  # what a queued datagram costs beside its octets, as in Linux's accounts
MEMBERSHIPS_LIMIT: Final = 20  # net.ipv4.igmp_max_memberships

PMTU_DONT: Final = 0  # IP_MTU_DISCOVER: never set DF,
PMTU_WANT: Final = 1  # set it where the datagram fits,
PMTU_DO: Final = 2  # or refuse what does not
PMTU_PROBE: Final = 3  # as DO, but only the link counts
PMTU_INTERFACE: Final = 4  # never set it, refuse what the link does not take
PMTU_OMIT: Final = 5  # never set it, cut for the link


@final
class Datagram:
    """A datagram that waits in a queue, with what recvmsg can tell about it."""

    __slots__ = ("data", "dst", "hop_limit", "nic", "src", "src_port", "traffic_class")

    def __init__(self, data: bytes, src: bytes, src_port: int, ip: IpHeader, nic: int) -> None:
        self.data = data
        self.src = src
        self.src_port = src_port
        self.dst = ip.dst  # RFC 1122 §4.1.3.5 MUST, UDP-011: the specific destination
        self.hop_limit = ip.hop_limit
        self.traffic_class = ip.traffic_class
        self.nic = nic  # index of the NIC it came in by


class DatagramEnd:
    """One socket's end. `remote` is empty while it is not connected; `error` is for the next call."""

    __slots__ = (
        "broadcast",
        "checksummed",
        "claim",
        "drops",
        "endpoint",
        "error",
        "every_error",
        "hop_limit",
        "local",
        "local_port",
        "memberships",
        "multicast_all",
        "multicast_hops",
        "multicast_loop",
        "multicast_nic",
        "multicast_source",
        "nic",
        "path",
        "pmtu",
        "queue",
        "queued",
        "receive_limit",
        "remote",
        "remote_port",
        "traffic_class",
        "v6only",
        "version",
    )

    def __init__(self, endpoint: Endpoint, version: int) -> None:
        self.endpoint = endpoint
        self.version = version  # 4 or 6: the family of the socket
        self.local = ANY4 if version == 4 else ANY6
        self.local_port = 0
        self.remote = b""
        self.remote_port = 0
        self.nic: Nic | None = None  # SO_BINDTODEVICE
        self.v6only = False
        self.claim: Claim | None = None
        self.path: Path | None = None  # while connected
        self.error = 0
        self.every_error = False  # IP_RECVERR: unconnected too, and soft ones
        self.queue: list[Datagram] = []
        self.queued = 0  # octets in it, overhead included
        self.receive_limit = RECEIVE_BUFFER
        self.drops = 0
        # RFC 1122 §4.1.4 MUST, UDP-016: the caller's to set
        self.hop_limit = 0  # 0: the host's default
        self.traffic_class = 0
        self.pmtu = PMTU_WANT
        self.broadcast = False
        self.checksummed = True  # RFC 1122 §4.1.3.4 MAY, UDP-007
        self.multicast_hops = 1
        self.multicast_loop = True
        self.multicast_all = True
        self.multicast_nic: Nic | None = None
        self.multicast_source = b""
        self.memberships: list[Membership] | None = None

    def enqueue(self, datagram: Datagram, events: list[Endpoint]) -> bool:
        """Put a datagram in the queue, unless that is full already."""
        if self.queued > self.receive_limit:
            self.drops += 1
            return False
        self.queue.append(datagram)
        self.queued += len(datagram.data) + OVERHEAD
        endpoint = self.endpoint
        if not endpoint.noted:
            endpoint.noted = True
            events.append(endpoint)
        return True

    def dequeue(self) -> Datagram:
        """Take the oldest datagram; there must be one."""
        datagram = self.queue.pop(0)
        self.queued -= len(datagram.data) + OVERHEAD
        return datagram

    def take_error(self) -> int:
        """The pending error, which is then gone."""
        error = self.error
        self.error = 0
        return error

    def joined(self, group: bytes, nic: Nic) -> bool:
        """Whether this socket has joined a group on a NIC."""
        memberships = self.memberships
        if memberships is not None:
            for membership in memberships:
                if membership.group == group and membership.nic is nic:
                    return True
        return False

    def takes(self, src: bytes, src_port: int, dst: bytes, nic: Nic) -> bool:
        """Whether a datagram that goes to many, to this port, is for this end as well."""
        if self.remote and (self.remote != src or self.remote_port != src_port):
            return False
        local = self.local
        if len(dst) == 4:
            if local not in (ANY4, dst) and (local != ANY6 or self.v6only):
                return False
        elif local not in (ANY6, dst):
            return False
        if self.nic is not None and self.nic is not nic:
            return False
        # RFC 1112 §7 MUST, UDP-026; IP_MULTICAST_ALL lets in what others have joined
        return self.multicast_all or not is_multicast(dst) or self.joined(dst, nic)


@final
class Membership:
    """A group that a socket has joined on a NIC."""

    __slots__ = ("group", "nic")

    def __init__(self, group: bytes, nic: Nic) -> None:
        self.group = group
        self.nic = nic


class DatagramLayer:
    """The ends of one protocol on one host, by port. `ports` is its port space."""

    __slots__ = ("ends", "events", "full", "internet", "ports", "received", "sent", "unknown_ports")

    def __init__(self, internet: Internet, events: list[Endpoint], ports: PortSpace) -> None:
        self.internet = internet
        self.events = events
        self.ports = ports
        self.ends: dict[int, list[DatagramEnd]] = {}
        self.received = 0
        self.sent = 0
        self.unknown_ports = 0
        self.full = 0  # datagrams dropped because a queue was full

    def bind(self, end: DatagramEnd, claim: Claim) -> int:
        """Give an end an address and port (0: any): SENT or ADDRESS_IN_USE."""
        result = self.ports.bind(claim)
        if result != SENT:
            return result
        end.claim = claim
        end.local = claim.address
        end.local_port = claim.port
        ends = self.ends.get(claim.port)
        if ends is None:
            self.ends[claim.port] = [end]
        else:
            ends.append(end)
        return SENT

    def unbind(self, end: DatagramEnd) -> None:
        """Take the port from an end."""
        claim = end.claim
        if claim is None:
            return
        ends = self.ends[end.local_port]
        ends.remove(end)
        if not ends:
            del self.ends[end.local_port]
        end.claim = None
        end.local_port = 0
        claim.release()

    def close(self, end: DatagramEnd, now: int) -> None:
        """The end of an end: its port, its groups, what nobody will read."""
        self.unbind(end)
        memberships = end.memberships
        if memberships is not None:
            end.memberships = None
            for membership in memberships:
                self.internet.leave(membership.nic, membership.group, now)
        end.queue.clear()
        end.queued = 0

    def join(self, end: DatagramEnd, group: bytes, nic: Nic, now: int) -> int:
        """Join a group on a NIC for an end: SENT or NO_BUFFER. The caller knows it has not joined."""
        memberships = end.memberships
        if memberships is None:
            memberships = end.memberships = []
        if len(memberships) >= MEMBERSHIPS_LIMIT or not self.internet.join(nic, group, now):
            return NO_BUFFER
        memberships.append(Membership(group, nic))
        return SENT

    def leave(self, end: DatagramEnd, group: bytes, nic: Nic, now: int) -> bool:
        """Leave a group; False when it was not joined."""
        memberships = end.memberships
        if memberships is not None:
            for at in range(len(memberships)):
                membership = memberships[at]
                if membership.group == group and membership.nic is nic:
                    del memberships[at]
                    self.internet.leave(nic, group, now)
                    return True
        return False

    def path_for(self, end: DatagramEnd, dst: bytes, nic: Nic | None, src: bytes, now: int) -> Path:
        """The way to a destination for an end: its device, its address, its choice for multicast.

        `nic` and `src` are for this datagram (a scope, a packet info), None and empty for the end's own.
        """
        out = nic
        if out is None:
            out = end.nic
        if not src:
            src = end.local
            if src in (ANY4, ANY6) or is_multicast(src) or len(src) != len(dst):
                src = b""
        if is_multicast(dst):
            if out is None:
                out = end.multicast_nic
            if not src and end.multicast_source and len(end.multicast_source) == len(dst):
                src = end.multicast_source
            if end.multicast_hops == 0 and self.internet.loopback is not None:
                out = self.internet.loopback  # it stays in this host
        return self.internet.path_to(dst, src, out, now)

    def may_fragment(self, end: DatagramEnd, path: Path, length: int) -> bool:
        """Whether a datagram of `length` octets, IP header not counted, goes without DF."""
        if len(path.dst) == 16:
            return end.pmtu < PMTU_DO or end.pmtu == PMTU_OMIT
        if end.pmtu == PMTU_WANT:
            if path.generation != self.internet.routes.generation:
                self.internet.refresh(path)
            return length + 20 > path.mtu
        return end.pmtu == PMTU_DONT or end.pmtu >= PMTU_INTERFACE

    def send_carefully(
        self,
        end: DatagramEnd,
        path: Path,
        upper: Header,
        data: bytes,
        protocol: int,
        hop_limit: int,
        traffic_class: int,
        now: int,
    ) -> int:
        """Send for an end whose `pmtu` is none of the two usual ones; a result code. As ip_append_data."""
        internet = self.internet
        length = upper.header_length + len(data)
        cut = self.may_fragment(end, path, length)
        if end.pmtu < PMTU_PROBE:
            if path.locked and length + 20 > path.mtu:
                return TOO_BIG  # it would be cut, for the path is narrower than any estimate
        else:
            if end.pmtu == PMTU_INTERFACE and cut and length + 20 > path.nic.mtu:
                return TOO_BIG
            internet.widen(path)
        result = internet.send(path, upper, data, protocol, hop_limit, traffic_class, not cut, now)
        if end.pmtu >= PMTU_PROBE:
            internet.refresh(path)  # others may use it too
        return result

    def hops_for(self, end: DatagramEnd, path: Path) -> int:
        """The hop limit of a datagram by a path; 0 is the host's default."""
        if path.kind == MULTICAST:
            return end.multicast_hops if end.multicast_hops > 0 else 1
        return end.hop_limit

    def deliver_to_many(self, port: int, src_port: int, data: bytes, ip: IpHeader, nic: Nic) -> int:
        """A datagram to a group or a broadcast: a copy for each end that takes it."""
        ends = self.ends.get(port)
        if ends is not None:
            for end in ends:
                if end.takes(ip.src, src_port, ip.dst, nic):
                    self.put(end, Datagram(data, ip.src, src_port, ip, nic.index))
        return DONE

    def put(self, end: DatagramEnd, datagram: Datagram) -> None:
        """Queue a datagram for an end, or count it as dropped."""
        if end.enqueue(datagram, self.events):
            self.received += 1
        else:
            self.full += 1

    def on_report(self, report: Report, now: int) -> None:
        """An ICMP error: for the connected end it is about, if it is a hard one."""
        ends = self.ends.get(report.local_port)
        if ends is None:
            return
        believed = report.code != TOO_BIG
        for end in ends:
            if end.local not in (report.local, ANY4, ANY6):
                continue
            if not believed and self._may_have_sent(end, report):
                # RFC 5927 §4: as Linux, where some socket may have sent it
                believed = True
                self.internet.narrowed(report, now)
            if end.every_error and not end.remote:
                end.error = report.code
                note(self.events, end.endpoint)
                continue
            if end.remote != report.remote or end.remote_port != report.remote_port:
                continue
            # RFC 1122 §4.1.3.3 MUST, UDP-010: the error on the next call; as Linux, hard ones only
            too_big = report.code == TOO_BIG and end.pmtu != PMTU_DONT
            if end.pmtu >= PMTU_INTERFACE and len(report.remote) == 16:
                too_big = False  # as Linux: only what goes by the path's MTU in IPv6
            if report.hard or too_big or end.every_error:
                end.error = report.code
                note(self.events, end.endpoint)

    def _may_have_sent(self, end: DatagramEnd, report: Report) -> bool:
        """Whether the datagram that an error is about may be an end's."""
        if not end.remote:
            return True
        return end.remote == report.remote and end.remote_port == report.remote_port

    def statistics(self) -> dict[str, int]:
        """Counts of this protocol, and how many ends it has."""
        bound = 0
        for ends in self.ends.values():
            bound += len(ends)
        return {
            "bound": bound,
            "full queues": self.full,
            "received": self.received,
            "sent": self.sent,
            "unknown ports": self.unknown_ports,
        }


def goes_to_many(path: Path) -> bool:
    """Whether a path leads to a group or a broadcast."""
    return path.kind in (MULTICAST, BROADCAST)
