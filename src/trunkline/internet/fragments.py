"""Fragments of both families: cutting datagrams up, and putting them together again within limits.

RFC 791 §3.2, RFC 815, RFC 1122 §3.3.2, RFC 8200 §4.5, RFC 5722 (overlaps), RFC 3168 §5.3 (ECN). An overlap
gives the whole datagram up, in both families as Linux does, unless it brings nothing new; what comes for it
later is refused until its time is over. When the store is full the oldest datagram goes.

Left out on purpose: keeping completed identifications, so a datagram duplicated whole arrives twice.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from typing import Final, final

from trunkline.base.results import Counters
from trunkline.base.timers import NEVER, Timer, TimerOwner, TimerQueue
from trunkline.base.units import SECOND
from trunkline.link.nic import Node
from trunkline.wire.frame import decode_upper
from trunkline.wire.header import IpHeader
from trunkline.wire.ipv4 import IPv4
from trunkline.wire.ipv6 import FRAGMENT, IPv6, build_fragment_header
from trunkline.wire.packet import Packet, copy_ip

# RFC 1122 §3.3.2 SHOULD, IP4-014, RFC 8200 §4.5, IP6-011: fixed, 60 s.
REASSEMBLY_TIMEOUT: Final = 60 * SECOND
OCTETS_LIMIT: Final = 4 << 20  # of all fragments held, each with an overhead
OVERHEAD: Final = 256  # octets that a fragment is counted as, beyond its payload
DATAGRAMS_LIMIT: Final = 1024  # under reassembly at once
PIECES_LIMIT: Final = 2048  # fragments of one datagram; 65,535 octets over an MTU of 68 are 1,366
LARGEST: Final = 65535

_NOT_ECT: Final = 1  # bits of the ECN codepoints seen: 1 << codepoint
_CE: Final = 8


@final
class _Datagram:
    """A datagram under reassembly. `pieces` are sorted by `starts`; `refused` once it was given up."""

    __slots__ = (
        "charge",
        "deadline",
        "ecn",
        "end",
        "first",
        "octets",
        "pieces",
        "refused",
        "starts",
    )

    def __init__(self, deadline: int) -> None:
        self.deadline = deadline
        self.starts: list[int] = []
        self.pieces: list[bytes] = []
        self.octets = 0
        self.end = -1  # where the last fragment ends, or -1 until it came
        self.first: Packet | None = None  # the fragment at offset 0, as received
        self.ecn = 0
        self.charge = 0
        self.refused = False


@final
class Reassembler:
    """The datagrams of one host that are not whole yet, the oldest first."""

    __slots__ = ("_counters", "_held", "_node", "_timer", "_timers", "octets")

    def __init__(
        self, node: Node, owner: TimerOwner, kind: int, timers: TimerQueue, counters: Counters
    ) -> None:
        self._node = node
        self.octets = 0  # what is held, overhead included
        self._counters = counters
        self._held: dict[tuple[bytes, bytes, int, int], _Datagram] = {}
        self._timer = Timer(owner, kind)
        self._timers = timers

    def __len__(self) -> int:
        return len(self._held)

    def add(self, packet: Packet, ip: IpHeader, now: int) -> Packet | None:
        """Take a fragment; the whole datagram, read afresh, once it is there."""
        start = ip.fragment_offset
        size = len(packet.payload)
        end = start + size
        if size == 0 or (ip.more_fragments and size & 7) or end + ip.header_length > LARGEST + 48:
            # RFC 791 §2.3, IP4-018: all but the last are multiples of 8 octets
            self._lose(packet, "fragments: malformed", now)
            return None
        if ip.version == 4 and end + ip.header_length > LARGEST:
            self._lose(packet, "fragments: too long in all", now)
            return None
        # RFC 791 §3.2, IP4-017; RFC 8200 §4.5, IP6-010: what belongs together.
        key = (ip.src, ip.dst, ip.protocol if ip.version == 4 else -1, ip.identification)
        datagram = self._held.get(key)
        if datagram is None:
            datagram = self._begin(key, now)
        elif datagram.refused:
            self._lose(packet, "fragments: of a refused datagram", now)
            return None
        reason = self._insert(datagram, packet, ip, start, end)
        if reason:
            self._lose(packet, reason, now)
            return None
        if datagram.octets != datagram.end or datagram.first is None:
            self._make_room(datagram, now)
            return None
        self._drop(key, datagram)
        return self._whole(datagram, now)

    def expire(self, now: int) -> list[Packet]:
        """Give up what is too old: the first fragments of those datagrams that had one."""
        firsts: list[Packet] = []
        old: list[tuple[bytes, bytes, int, int]] = []
        for key, datagram in self._held.items():
            if datagram.deadline > now:
                break
            old.append(key)
        for key in old:
            datagram = self._held[key]
            self._drop(key, datagram)
            if not datagram.refused:
                self._counters.count("fragments: timed out")
                if datagram.first is not None:
                    firsts.append(datagram.first)
        for datagram in self._held.values():
            self._timers.arm(self._timer, datagram.deadline)
            break
        return firsts

    def _begin(self, key: tuple[bytes, bytes, int, int], now: int) -> _Datagram:
        if len(self._held) >= DATAGRAMS_LIMIT:
            oldest = next(iter(self._held))
            self._lose(self._held[oldest].first, "fragments: too many datagrams", now)
            self._drop(oldest, self._held[oldest])
        datagram = _Datagram(now + REASSEMBLY_TIMEOUT)
        self._held[key] = datagram
        if self._timer.deadline == NEVER:
            self._timers.arm(self._timer, datagram.deadline)
        return datagram

    def _insert(
        self, datagram: _Datagram, packet: Packet, ip: IpHeader, start: int, end: int
    ) -> str:
        """Put a fragment in its place; why it is not used, empty if it is."""
        starts = datagram.starts
        pieces = datagram.pieces
        place = bisect_left(starts, start)
        if place < len(starts):
            if starts[place] == start and pieces[place] == packet.payload:
                # RFC 8200 §4.5, IP4-015: exact duplicates are ignored
                return "fragments: duplicate"
        if (place < len(starts) and starts[place] < end) or (
            place > 0 and starts[place - 1] + len(pieces[place - 1]) > start
        ):
            # As Linux, for IPv4 alone: the same data cut in another way, perhaps by another router
            if ip.version == 4 and (ip.more_fragments or end == datagram.end):
                if _is_covered(datagram, start, end):
                    return "fragments: duplicate"
            # RFC 5722 §4 MUST, IP6-015, IP4-016: any overlap gives the whole datagram up
            return self._refuse(datagram, "fragments: overlap")
        if ip.more_fragments:
            beyond = datagram.end >= 0 and end >= datagram.end
        else:
            beyond = place < len(starts) or (datagram.end >= 0 and datagram.end != end)
        if beyond:
            return self._refuse(datagram, "fragments: beyond the end")
        if len(starts) >= PIECES_LIMIT:
            return self._refuse(datagram, "fragments: too many of one datagram")
        if not ip.more_fragments:
            datagram.end = end
        starts.insert(place, start)
        pieces.insert(place, packet.payload)
        datagram.octets += end - start
        charge = end - start + OVERHEAD
        datagram.charge += charge
        self.octets += charge
        datagram.ecn |= 1 << (ip.traffic_class & 3)
        if start == 0:
            datagram.first = packet
        return ""

    def _whole(self, datagram: _Datagram, now: int) -> Packet | None:
        """One packet made of all the pieces, its upper header read."""
        first = datagram.first
        assert first is not None and first.ip is not None
        header = first.ip.header_length - (0 if first.ip.version == 4 else 48)
        if header + datagram.octets > LARGEST:
            self._lose(first, "fragments: too long in all", now)
            return None
        ecn = datagram.ecn
        if ecn & _NOT_ECT and ecn != _NOT_ECT:
            # RFC 3168 §5.3: ECN-capable and not cannot be one datagram
            self._lose(first, "fragments: ECN codepoints differ", now)
            return None
        ip = copy_ip(first.ip)
        ip.fragment_offset = 0
        ip.more_fragments = False
        if isinstance(ip, IPv6):
            kept = ip.extensions[:-1]  # all but the Fragment header, which comes last
            ip.extensions = kept
            ip.header_length -= 8
        if ecn & _CE:
            ip.traffic_class |= 3
        upper, payload, damage = decode_upper(ip, b"".join(datagram.pieces))
        packet = Packet(ip, upper, payload)
        packet.damage = damage
        packet.ethernet = first.ethernet
        packet.identity = first.identity
        packet.notes = first.notes
        if ip.fragment_offset or ip.more_fragments:
            self._lose(first, "fragments: within fragments", now)
            return None
        self._counters.count("fragments: reassembled")
        return packet

    def _lose(self, packet: Packet | None, reason: str, now: int) -> None:
        """Count what is lost, and tell the trace of the packet that shows it."""
        self._counters.count(reason)
        trace = self._node.trace
        if trace is not None and packet is not None:
            trace.drop(self._node.name, reason, packet, now)

    def _refuse(self, datagram: _Datagram, reason: str) -> str:
        """Give a datagram up, and whatever else comes for it, until its time is over; the reason."""
        datagram.refused = True
        self.octets -= datagram.charge
        datagram.charge = 0
        datagram.starts.clear()
        datagram.pieces.clear()
        datagram.first = None
        return reason

    def _drop(self, key: tuple[bytes, bytes, int, int], datagram: _Datagram) -> None:
        del self._held[key]
        self.octets -= datagram.charge
        datagram.charge = 0

    def _make_room(self, newest: _Datagram, now: int) -> None:
        """Give up the oldest datagrams until the store is within its limit; `newest` last of all."""
        while self.octets > OCTETS_LIMIT:
            key = next(iter(self._held))
            datagram = self._held[key]
            self._lose(datagram.first, "fragments: too many octets", now)
            self._drop(key, datagram)
            if datagram is newest:
                return


def _is_covered(datagram: _Datagram, start: int, end: int) -> bool:
    """Whether the pieces held leave no gap from `start` to `end`."""
    starts = datagram.starts
    place = bisect_right(starts, start) - 1
    if place < 0:
        return False
    reached = start
    while place < len(starts) and starts[place] <= reached < end:
        reached = starts[place] + len(datagram.pieces[place])
        place += 1
    return reached >= end


def cut_ipv4(packet: Packet, ip: IPv4, body: bytes, mtu: int) -> list[Packet]:
    """The fragments of a datagram whose octets behind the header are `body`; empty if no cut fits.

    A fragment may be cut again. The pieces keep the identity and the notes of the whole.
    """
    options = ip.options
    room = (mtu - 20 - len(options)) & ~7
    if room < 8:
        return []
    later_options = _copied_options(options) if options else b""
    pieces: list[Packet] = []
    at = 0
    while at < len(body):
        chunk = body[at : at + room]
        header = IPv4(ip.src, ip.dst, ip.protocol, ip.hop_limit, ip.traffic_class, False, options)
        header.identification = ip.identification
        header.fragment_offset = ip.fragment_offset + at
        at += len(chunk)
        header.more_fragments = ip.more_fragments or at < len(body)
        piece = Packet(header, None, chunk)
        piece.identity = packet.identity
        if packet.notes is not None:
            piece.notes = list(packet.notes)
        pieces.append(piece)
        options = later_options
        room = (mtu - 20 - len(options)) & ~7
    return pieces


def cut_ipv6(ip: IPv6, body: bytes, mtu: int, identification: int) -> list[Packet]:
    """The fragments of a packet of this host; empty if no cut fits."""
    # RFC 8200 §4.5, IP6-009: only the source fragments
    room = (mtu - ip.header_length - 8) & ~7
    if room < 8:
        return []
    pieces: list[Packet] = []
    at = 0
    while at < len(body):
        chunk = body[at : at + room]
        more = at + len(chunk) < len(body)
        fragment = build_fragment_header(at, more, identification)
        header = IPv6(
            ip.src,
            ip.dst,
            ip.protocol,
            ip.hop_limit,
            ip.traffic_class,
            ip.flow_label,
            ip.extensions + ((FRAGMENT, fragment),),
        )
        header.identification = identification
        header.fragment_offset = at
        header.more_fragments = more
        pieces.append(Packet(header, None, chunk))
        at += len(chunk)
    return pieces


def _copied_options(options: bytes) -> bytes:
    """The options that go into every fragment (RFC 791 §3.1: those with the copied flag), padded."""
    # IP4-028: a length of 0 or 1 or past the header ends the walk
    kept = b""
    at = 0
    while at < len(options) and options[at] != 0:
        if options[at] == 1:
            at += 1
            continue
        if at + 1 >= len(options):
            break
        length = options[at + 1]
        if length < 2 or at + length > len(options):
            break
        if options[at] & 0x80:
            kept += options[at : at + length]
        at += length
    return kept + bytes(-len(kept) % 4)
