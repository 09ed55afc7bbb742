"""Who talked with whom: what a recorder saw, sorted into exchanges between two hosts.

A packet's identity ties its sightings together, from the NIC it left by first to the one where it ended;
its number is that of the first of them in a capture.
TCP connections and UDP exchanges are told apart by addresses and ports, pings by addresses and identifier;
an ICMP error belongs to the exchange whose packet it quotes.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from trunkline.observe.dissect import is_error
from trunkline.observe.recorder import Call, Drop, Fault, Recorder, Sighting
from trunkline.wire import icmpv4, icmpv6
from trunkline.wire.header import TCP, UDP
from trunkline.wire.icmp import Icmp, echo_identifier, parse_quote
from trunkline.wire.packet import Packet
from trunkline.wire.tcp import ACK, SYN, Tcp
from trunkline.wire.trace import RECEIVED, SENT
from trunkline.wire.udp import Udp

NEVER: Final = -1
CONVERSATIONS_LIMIT: Final = 10_000
_LOOPBACK: Final = "lo"
_ECHOES: Final = (
    icmpv4.ECHO_REQUEST,
    icmpv4.ECHO_REPLY,
    icmpv6.ECHO_REQUEST,
    icmpv6.ECHO_REPLY,
)


Ends = tuple[int, tuple[bytes, int], tuple[bytes, int]]  # protocol, source, destination


class Key(NamedTuple):
    """What tells one exchange from another: the protocol, and both ends in a fixed order."""

    protocol: int
    low: tuple[bytes, int]
    high: tuple[bytes, int]


class Message:
    """One packet of an exchange: when it was sent, when it arrived, or how it ended."""

    __slots__ = (
        "arrivals",
        "damaged",
        "end",
        "identity",
        "number",
        "packet",
        "reporter",
        "sent",
        "src",
    )

    def __init__(self, packet: Packet, src: tuple[bytes, int], sent: int) -> None:
        self.packet = packet  # as it was sent
        self.identity = packet.identity
        self.number = 0  # in the capture, where it was seen first; 0 if it is not in there
        self.src = src
        self.sent = sent
        self.arrivals: list[int] = []  # at its destination; more than one if it was duplicated
        self.end: Drop | None = None  # where it was lost or given up
        self.damaged = False  # what arrived is not what was sent
        self.reporter = ""  # the node that sends it, if it is an ICMP error about the exchange

    @property
    def arrived(self) -> int:
        """When it first arrived, or NEVER."""
        return self.arrivals[0] if self.arrivals else NEVER


class Conversation:
    """The exchange between two ends, in order of sending. `left` is the end that began it."""

    def __init__(self, key: Key, left: tuple[bytes, int], right: tuple[bytes, int]) -> None:
        self.key = key
        self.left = left
        self.right = right
        self.left_node = ""
        self.right_node = ""
        self.messages: list[Message] = []
        self.first_seq: dict[bool, int] = {}  # by whether it is the left end's: its SYN's number
        self.nics: set[int] = set()  # that its packets were seen at
        self.calls: list[Call] = []  # of the programs at its ends, in order
        self.faults: list[Fault] = []  # of the cables on its way, while it lasted

    def from_left(self, message: Message) -> bool:
        """Whether the end that began the exchange sent it."""
        return message.src == self.left

    @property
    def begun(self) -> int:
        """When its first packet was sent."""
        return self.messages[0].sent

    @property
    def ended(self) -> int:
        """When its last packet was sent or arrived."""
        return max(max([message.sent, *message.arrivals]) for message in self.messages)

    def called(self, left: bool, *verbs: str) -> Call | None:
        """What the program at an end first called of these, if it did."""
        end = self.left if left else self.right
        found = [call for call in self.calls if call.local == end and call.verb in verbs]
        return found[0] if found else None

    def answered(self) -> bool:
        """Whether a TCP call was taken: both ends said SYN. Of other exchanges: whether both ends spoke."""
        if self.key.protocol != TCP:
            return any(not self.from_left(message) for message in self.messages)
        return len(self.first_seq) == 2


def conversations(recorder: Recorder) -> list[Conversation]:
    """Every exchange, in the order in which they began."""
    return _Sorter(recorder).sort()


class _Sorter:
    """Goes through a recorder once."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._found: list[Conversation] = []
        self._latest: dict[Key, Conversation] = {}
        self._messages: dict[int, tuple[Conversation, Message]] = {}
        self._received: dict[int, list[Sighting]] = {}
        self._cut: dict[tuple[bytes, bytes, int, int], Ends] = {}  # of datagrams in fragments

    def sort(self) -> list[Conversation]:
        for sighting in self._recorder.sightings:
            if sighting.direction == RECEIVED:
                self._received.setdefault(sighting.packet.identity, []).append(sighting)
            elif sighting.direction == SENT and sighting.packet.identity not in self._messages:
                self._begin(sighting)
            self._note(sighting)
        for drop in self._recorder.drops:
            known = self._messages.get(drop.packet.identity) if drop.packet is not None else None
            if known is not None:
                known[1].end = drop
        for conversation in self._found:
            self._find_right(conversation)
        for conversation, message in self._messages.values():
            self._arrive(conversation, message)
        self._add_calls()
        for conversation in self._found:
            first, last = conversation.begun, conversation.ended
            for fault in self._recorder.faults:
                if first <= fault.now <= last and not conversation.nics.isdisjoint(fault.nics):
                    conversation.faults.append(fault)
        return self._found

    def _begin(self, sighting: Sighting) -> None:
        """A packet leaves its origin."""
        packet = sighting.packet
        ends = self._fragment_ends(packet) if _is_fragment(packet) else _ends(packet)
        if ends is None:
            return
        protocol, src, dst = ends
        low, high = min(src, dst), max(src, dst)
        key = Key(protocol, low, high)
        conversation = self._latest.get(key)
        tcp = packet.upper
        if (
            conversation is not None
            and isinstance(tcp, Tcp)
            and _dials_anew(conversation, src, tcp)
        ):
            conversation = None
        if conversation is None:
            if len(self._found) >= CONVERSATIONS_LIMIT or _is_error(packet):
                return
            conversation = Conversation(key, src, dst)
            self._latest[key] = conversation
            self._found.append(conversation)
        message = Message(packet, src, sighting.now)
        if _is_error(packet):
            message.reporter = sighting.interface.node  # perhaps a router on the way
        elif conversation.from_left(message):
            conversation.left_node = conversation.left_node or sighting.interface.node
        else:
            conversation.right_node = conversation.right_node or sighting.interface.node
        if isinstance(tcp, Tcp) and tcp.flags & SYN:
            conversation.first_seq.setdefault(conversation.from_left(message), tcp.seq)
        if sighting.interface.nic == _LOOPBACK:
            message.arrivals.append(sighting.now)  # sent and received in one
        conversation.messages.append(message)
        self._messages[packet.identity] = (conversation, message)

    def _note(self, sighting: Sighting) -> None:
        """A packet that is known was seen again."""
        known = self._messages.get(sighting.packet.identity)
        if known is not None:
            conversation, message = known
            conversation.nics.add(sighting.interface.number)
            message.number = message.number or sighting.number

    def _add_calls(self) -> None:
        """Each call to the exchange that was going on between its two ends, the latest begun."""
        same: dict[Key, list[Conversation]] = {}
        for conversation in self._found:
            same.setdefault(conversation.key, []).append(conversation)
        for call in self._recorder.calls:
            ends = sorted([call.local, call.remote])
            for conversation in reversed(same.get(Key(TCP, ends[0], ends[1]), [])):
                if conversation.begun <= call.now:
                    conversation.calls.append(call)
                    break

    def _fragment_ends(self, packet: Packet) -> Ends | None:
        """Those of the datagram that was cut: its first fragment has the ports."""
        ip = packet.ip
        assert ip is not None
        if ip.protocol not in (TCP, UDP):
            return None
        key = (ip.src, ip.dst, ip.protocol, ip.identification)
        ports = packet.payload
        if ip.fragment_offset == 0 and len(ports) >= 4:
            src_port = int.from_bytes(ports[0:2], "big")
            dst_port = int.from_bytes(ports[2:4], "big")
            self._cut[key] = (ip.protocol, (ip.src, src_port), (ip.dst, dst_port))
        return self._cut.get(key)

    def _find_right(self, conversation: Conversation) -> None:
        """The node at the other end, if it never spoke: the last that a packet was addressed to."""
        for message in conversation.messages:
            if conversation.right_node:
                return
            for sighting in self._received.get(message.identity, []):
                if _addressed(sighting):
                    conversation.right_node = sighting.interface.node
            if _looped_back(message):
                conversation.right_node = conversation.left_node

    def _arrive(self, conversation: Conversation, message: Message) -> None:
        """When a packet was seen at its destination."""
        there = conversation.right_node
        if not conversation.from_left(message):
            there = conversation.left_node
        for sighting in self._received.get(message.identity, []):
            if sighting.interface.node == there:
                message.arrivals.append(sighting.now)
                message.damaged = message.damaged or _differs(message.packet, sighting.packet)


def _looped_back(message: Message) -> bool:
    """Whether a message went by the loopback: it arrived when it was sent."""
    return message.arrivals == [message.sent]


def _is_fragment(packet: Packet) -> bool:
    ip = packet.ip
    return ip is not None and (ip.fragment_offset != 0 or ip.more_fragments)


def _ends(packet: Packet) -> Ends | None:
    """Protocol, source and destination of what belongs to an exchange; None for all else."""
    ip = packet.ip
    upper = packet.upper
    if ip is None:
        return None
    if isinstance(upper, Tcp | Udp):
        protocol = TCP if isinstance(upper, Tcp) else UDP
        return protocol, (ip.src, upper.src_port), (ip.dst, upper.dst_port)
    if not isinstance(upper, Icmp):
        return None
    if _is_error(packet):
        quote = parse_quote(packet.payload)
        if quote is None or quote.src_port < 0:
            return None
        own, other = quote.src_port, quote.dst_port
        if quote.protocol not in (TCP, UDP):
            other = own
        # The error is sent by the other end, or on its behalf, to the one that is quoted.
        return quote.protocol, (quote.ip.dst, other), (quote.ip.src, own)
    if upper.type in _ECHOES:
        identifier = echo_identifier(upper)
        return ip.protocol, (ip.src, identifier), (ip.dst, identifier)
    return None


def _is_error(packet: Packet) -> bool:
    ip, upper = packet.ip, packet.upper
    return ip is not None and isinstance(upper, Icmp) and is_error(upper, ip.version)


def _dials_anew(conversation: Conversation, src: tuple[bytes, int], tcp: Tcp) -> bool:
    """Whether a SYN begins another connection between the same two ports."""
    if tcp.flags & (SYN | ACK) != SYN:
        return False
    first = conversation.first_seq.get(src == conversation.left)
    return first is not None and first != tcp.seq


def _addressed(sighting: Sighting) -> bool:
    ethernet = sighting.packet.ethernet
    return ethernet is None or ethernet.dst == sighting.interface.mac


def _differs(sent: Packet, arrived: Packet) -> bool:
    return arrived.damage != sent.damage or any("corrupted" in note for note in arrived.notes or [])
