"""What a packet says in the life of a call, in words: dial, ring, pick up, talk, hang up.

A socket is a telephone. This reads an exchange from beginning to end, remembers what each side has said and
heard, and gives each packet a label (flags, numbers relative to the start of each side's talk, octets) and
a phrase. It knows no more than the packets show.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from typing import Final

from trunkline.base.units import MILLISECOND, SECOND
from trunkline.observe.conversations import Conversation, Message
from trunkline.observe.tables import clipped
from trunkline.wire import icmpv4, icmpv6
from trunkline.wire.icmp import ABSENT, Icmp, echo_sequence
from trunkline.wire.tcp import ACK, FIN, RST, SYN, Tcp
from trunkline.wire.text import flags_text, icmp_text
from trunkline.wire.udp import Udp

SILENCE: Final = 200 * MILLISECOND  # after as long, what is said again is a timer's doing
DUPLICATES_SHOWN: Final = 3  # acknowledgements in a row that say the same
PICK_UP: Final = "pick up: accept() returns"
PREVIEW: Final = 28  # characters of what is said
_PRINTABLE: Final = frozenset(range(32, 127))
_HALF: Final = 1 << 31


class Rung:
    """A packet of a ladder: what stands on its arrow and beside it."""

    __slots__ = (
        "again",
        "fresh",
        "label",
        "lost",
        "message",
        "ordinary",
        "overtakes",
        "retry",
        "words",
    )

    def __init__(self, message: Message) -> None:
        self.message = message
        self.label = ""
        self.words = ""
        self.lost = message.end is not None and not message.arrivals
        self.again = False  # said before
        self.retry = False  # said again after a silence
        self.overtakes = False  # it arrives before some that were sent earlier
        self.fresh = 0  # octets that had not been said before
        self.ordinary = False  # one of many like it: may be left out


class Side:
    """What one end has said and heard so far, in numbers relative to its first."""

    __slots__ = ("closed", "first", "heard", "name", "said", "spoke", "windows")

    def __init__(self, name: str, first: int) -> None:
        self.name = name
        self.first = first
        self.said = 0  # behind the last number used, 0 before the SYN
        self.heard = 0  # the highest acknowledgement it sent
        self.windows = ABSENT  # the last window it offered, unscaled
        self.closed = 0  # behind its FIN, 0 while it may still talk
        self.spoke = 0  # when it last sent something


class Phrases:
    """Goes through one exchange."""

    def __init__(self, conversation: Conversation) -> None:
        self._conversation = conversation
        left = conversation.left_node or "the caller"
        right = conversation.right_node or "the other end"
        if left == right:
            left, right = "the caller", "the one called"
        self._left = Side(left, conversation.first_seq.get(True, ABSENT))
        self._right = Side(right, conversation.first_seq.get(False, ABSENT))
        self._established = False
        self._finished = False
        self._repeats = 0  # acknowledgements in a row that hear nothing new
        self._speaker: Side | None = None  # who said something last

    def rungs(self) -> list[Rung]:
        """A rung for each packet, in order of sending."""
        found = [self._rung(message) for message in self._conversation.messages]
        self._mark_overtaking(found)
        return found

    def _rung(self, message: Message) -> Rung:
        rung = Rung(message)
        upper = message.packet.upper
        mine, other = self._left, self._right
        if not self._conversation.from_left(message):
            mine, other = other, mine
        if isinstance(upper, Tcp):
            self._tcp(rung, upper, mine, other)
        elif isinstance(upper, Udp):
            size = len(message.packet.payload)
            rung.fresh = size
            rung.label = f"datagram, {_octets(size)}"
            rung.words = preview(message.packet.payload)
        elif isinstance(upper, Icmp):
            self._icmp(rung, upper, message)
        elif message.packet.ip is not None:
            offset, size = message.packet.ip.fragment_offset, len(message.packet.payload)
            rung.fresh = size - (8 if offset == 0 else 0)
            rung.label = f"fragment, octets {offset}-{offset + size - 1}"
            rung.words = "a piece of a datagram too big for one packet"
        self._fate(rung)
        return rung

    def _icmp(self, rung: Rung, icmp: Icmp, message: Message) -> None:
        ip = message.packet.ip
        version = 4 if ip is None else ip.version
        if message.reporter:
            text = icmp_text(icmp, version, b"")
            rung.label = f"ICMP {text}"
            rung.words = f"{message.reporter} writes back: {text}"
            return
        asks = icmp.type in (icmpv4.ECHO_REQUEST, icmpv6.ECHO_REQUEST)
        rung.label = f"echo {'request' if asks else 'reply'} {echo_sequence(icmp)}"
        rung.words = "are you there?" if asks else "yes, here"

    def _fate(self, rung: Rung) -> None:
        """What befell the packet comes first."""
        message = rung.message
        end = message.end
        if rung.lost and end is not None:
            how = "LOST" if end.reason == "lost" else f"LOST ({reason_text(end.reason)})"
            rung.words = f"{how} {place_text(end.place)}: {rung.words}"
        elif message.damaged and end is not None:
            rung.lost = True
            why = reason_text(end.reason)
            rung.words = f"DAMAGED, {end.place} drops it ({why}): {rung.words}"
        elif end is not None and len(message.arrivals) < 2:
            rung.words = f"{rung.words} ({end.place} drops it: {reason_text(end.reason)})"
        elif not message.arrivals:
            rung.words = f"{rung.words} (still on the way)"
        if len(message.arrivals) > 1:
            rung.words = f"{rung.words} (arrives {len(message.arrivals)} times)"
        rung.words = rung.words.removesuffix(": ").lstrip()
        if rung.lost or len(message.arrivals) != 1 or end is not None:
            rung.ordinary = False

    def _mark_overtaking(self, rungs: list[Rung]) -> None:
        """Say so where a packet arrives before some that were sent earlier."""
        times: dict[bool, list[int]] = {True: [], False: []}  # of arrival so far, sorted
        for rung in rungs:
            message = rung.message
            if not message.arrivals:
                continue
            earlier = times[self._conversation.from_left(message)]
            passed = len(earlier) - bisect_right(earlier, message.arrived)
            if passed:
                rung.overtakes = True
                rung.words = f"OVERTAKES {passed}: {rung.words}".removesuffix(": ")
                rung.ordinary = False
            insort(earlier, message.arrived)

    # ------------------------------------------------------------ TCP

    def _tcp(self, rung: Rung, tcp: Tcp, mine: Side, other: Side) -> None:
        size = len(rung.message.packet.payload)
        if mine.first == ABSENT:
            mine.first = tcp.seq - 1 & 0xFFFFFFFF  # its SYN was not seen
        seq = _relative(tcp.seq, mine.first)
        ack = _relative(tcp.ack, other.first) if tcp.flags & ACK and other.first != ABSENT else 0
        rung.label = _label(tcp, seq, ack, size)
        behind = seq + size + (1 if tcp.flags & SYN else 0) + (1 if tcp.flags & FIN else 0)
        rung.again = behind > seq and seq < mine.said and behind <= mine.said
        silence = rung.message.sent - mine.spoke
        rung.retry = rung.again and silence >= SILENCE
        mine.spoke = rung.message.sent
        rung.fresh = max(0, min(size, behind - (1 if tcp.flags & FIN else 0) - max(seq, mine.said)))
        if tcp.flags & RST:
            rung.words = self._reset(mine)
        elif tcp.flags & SYN:
            rung.words = self._open(rung, tcp, mine, other)
        elif tcp.flags & FIN:
            rung.words = self._hang_up(rung, mine, other, size)
            mine.closed = max(mine.closed, behind)
        elif size:
            rung.words = self._talk(rung, tcp, mine, seq, size)
        else:
            rung.words = self._hear(rung, tcp, mine, other, seq, ack)
        if rung.retry:
            head, colon, said = rung.words.partition(": ")
            head = "try again" if head == "said again" else head
            rung.words = f"{head} after {silence / SECOND:.2f} s{colon}{said}"
        if ack > mine.heard:
            self._repeats = 0
        mine.said = max(mine.said, behind)
        mine.heard = max(mine.heard, ack)
        mine.windows = tcp.window

    def _reset(self, mine: Side) -> str:
        self._finished = True
        if not self._established:
            return (
                f"refused: nobody answers at {mine.name}" if mine is self._right else "never mind"
            )
        return f"cut off: {mine.name} resets the line"

    def _open(self, rung: Rung, tcp: Tcp, mine: Side, other: Side) -> str:
        if tcp.flags & ACK:
            return "ring again" if rung.again else f"ring: it rings at {mine.name}"
        if mine is self._right:
            return f"dial: {mine.name} calls at the same time"
        return (
            "dial again: no answer yet" if rung.again else f"dial: {mine.name} calls {other.name}"
        )

    def _talk(self, rung: Rung, tcp: Tcp, mine: Side, seq: int, size: int) -> str:
        self._pick_up(tcp)
        if rung.again:
            return f"said again: {_range(seq, size)}"
        if size == 1 and seq + 1 == mine.said:
            return "still there?"
        goes_on = self._speaker is mine
        self._speaker = mine
        rung.ordinary = goes_on
        text = "" if goes_on else preview(rung.message.packet.payload)
        return f"talk: {text or _range(seq, size)}"

    def _hang_up(self, rung: Rung, mine: Side, other: Side, size: int) -> str:
        if rung.again and mine.closed:
            return "hang up, said again"
        words = (
            f"hang up: {mine.name}, too" if other.closed else f"hang up: {mine.name} has said all"
        )
        return f"{words} (with the last {_octets(size)})" if size else words

    def _hear(self, rung: Rung, tcp: Tcp, mine: Side, other: Side, seq: int, ack: int) -> str:
        """An acknowledgement and nothing else."""
        if self._pick_up(tcp):
            return self._line_stands(rung, mine, other)
        if tcp.window == 0 and mine.windows != 0:
            return "wait: no room for more"
        if seq + 1 == mine.said and not mine.closed:
            return "still there?"
        if other.closed and ack >= other.closed > mine.heard:
            if mine.closed and not self._finished:
                self._finished = True
                return "heard: the line is free again"
            return f"heard that {other.name} hangs up"
        had, islands = _blocks(tcp, other, ack)
        if ack > mine.heard:
            rung.ordinary = True
            return f"heard up to {ack - 1:,}{islands}"
        if mine.windows == 0 and tcp.window:
            return "room again: go on"
        if islands:
            self._repeats += 1
            rung.ordinary = self._repeats > DUPLICATES_SHOWN
            return f"say again from {ack:,}{islands}"
        if had:
            return had
        if mine.windows != tcp.window:
            return "more room"
        return f"still waits for {ack:,}" if not self._finished else "heard"

    def _line_stands(self, rung: Rung, mine: Side, other: Side) -> str:
        """The acknowledgement that ends the opening: whether accept() returns with it is known or likely."""
        conversation = self._conversation
        if mine is not self._left:
            return "the line stands"
        accepted = conversation.called(False, "accept")
        if conversation.calls and (accepted is None or accepted.now != rung.message.arrived):
            return f"the line stands; {other.name} has not picked up yet"
        return f"{PICK_UP}, the line stands"

    def _pick_up(self, tcp: Tcp) -> bool:
        """Whether this is the acknowledgement that makes the line stand."""
        if self._established or not tcp.flags & ACK:
            return False
        if not self._left.said or not self._right.said:
            return False
        self._established = True
        return True


def preview(octets: bytes) -> str:
    """The first line of what is said, if it is text."""
    line = octets.split(b"\n", 1)[0].rstrip(b"\r")
    if not line or not _PRINTABLE.issuperset(line):
        return ""
    return clipped(line.decode("ascii"), PREVIEW)


def _label(tcp: Tcp, seq: int, ack: int, size: int) -> str:
    """`PSH,ACK seq=1 ack=1 len=517`."""
    text = f"{flags_text(tcp.flags).replace(', ', ',')} seq={seq}"
    if tcp.flags & ACK:
        text += f" ack={ack}"
    if size:
        text += f" len={size}"
    options = tcp.options
    if options is not None and options.mss != ABSENT:
        text += f" mss={options.mss}"
    return text


def _blocks(tcp: Tcp, other: Side, ack: int) -> tuple[str, str]:
    """What a selective acknowledgement tells: what came twice (RFC 2883), and what was heard beyond a gap."""
    if tcp.options is None or not tcp.options.sack:
        return "", ""
    had, islands = "", []
    for left, right in tcp.options.sack:
        first, last = _relative(left, other.first), _relative(right, other.first) - 1
        if last < ack:
            had = f"had {first:,}-{last:,} already"
        else:
            islands.append(f"{first:,}-{last:,}")
    if not islands:
        return had, ""
    more = f" and {len(islands) - 1} more" if len(islands) > 1 else ""
    return had, f"; has {islands[0]}{more}"


def place_text(place: str) -> str:
    """`on r1-r2` of a cable, `at r1` of a node."""
    cable = place.partition(" (")[0]
    return f"on {cable}" if cable != place else f"at {place}"


def reason_text(reason: str) -> str:
    """A counter's name without the floor that it belongs to."""
    return reason.rpartition(": ")[2]


def _relative(number: int, first: int) -> int:
    """A sequence number counted from the first one; small negative where it lies before."""
    distance = (number - first) & 0xFFFFFFFF
    return distance if distance < _HALF else distance - (1 << 32)


def _range(seq: int, size: int) -> str:
    return f"octets {seq:,}-{seq + size - 1:,}" if size > 1 else f"octet {seq:,}"


def _octets(size: int) -> str:
    return f"{size:,} octet" + ("" if size == 1 else "s")
