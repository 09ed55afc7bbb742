"""The record of every segment under way, and what is known of each: sacked, lost, sent again.

RFC 6675 §3 and §4 (scoreboard, IsLost, pipe), RFC 2018 §5. One `Sent` for each segment from the first day,
because recovery by time (RFC 8985) needs them. The records stand in a list in the order of their sequence
numbers, without gaps; those before `head` are gone, and the list is cut now and then.

The pipe is never counted again from the start: four sums follow each change of a record's state.
"""

from __future__ import annotations

from typing import Final, final

from trunkline.transport.tcp.sequence import HALF, MASK

SACKED: Final = 1
LOST: Final = 2
RESENT: Final = 4  # sent again, and that copy is thought to be under way
EVER_RESENT: Final = 8  # Karn: no round trip can be measured on it

DUPLICATES: Final = 3  # RFC 5681 §3.2: DupThresh
_CUT: Final = 64  # records given up before the list is cut


@final
class Sent:
    """A segment that was sent. `length` counts SYN and FIN; `flags` are those to send it with again."""

    __slots__ = ("flags", "length", "payload", "sent_at", "seq", "state", "times")

    def __init__(self, seq: int, length: int, payload: bytes, flags: int, sent_at: int) -> None:
        self.seq = seq
        self.length = length
        self.payload = payload
        self.flags = flags
        self.sent_at = sent_at  # when it was last sent
        self.state = 0
        self.times = 1  # how often it was sent


_GONE: Final = Sent(0, 0, b"", 0, 0)


@final
class Scoreboard:
    """The segments under way. The sums are octets of sequence space."""

    __slots__ = (
        "head",
        "high_sacked",
        "hole_from",
        "known",
        "lost",
        "lost_mark",
        "records",
        "resend_from",
        "resent",
        "sacked",
        "waiting",
    )

    def __init__(self) -> None:
        self.records: list[Sent] = []
        self.head = 0
        self.sacked = 0  # octets sacked; without SACK, one segment for each duplicate ACK
        self.lost = 0  # marked lost (and not sacked)
        self.resent = 0  # lost, and sent again since
        self.waiting = 0  # lost, and not sent again yet
        self.resend_from = 0  # no record before this sequence number is waiting
        self.high_sacked = -1  # right edge of what is sacked, -1: nothing is
        self.known: tuple[tuple[int, int], ...] = ()  # the blocks of the last SACK option
        self.hole_from = -1  # no record before it is a hole to be filled early, -1: not known
        self.lost_mark = -1  # every unsacked record before it was marked lost, -1: none

    def clear(self) -> None:
        """Nothing is under way."""
        self.records = []
        self.head = 0
        self.sacked = self.lost = self.resent = self.waiting = 0
        self.high_sacked = self.lost_mark = self.hole_from = -1
        self.known = ()

    def first(self) -> Sent | None:
        """The oldest record, or None."""
        if self.head < len(self.records):
            return self.records[self.head]
        return None

    def drop_first(self) -> None:
        """The oldest record was acknowledged."""
        records = self.records
        head = self.head
        record = records[head]
        if record.state:
            self._leave(record)
        if head + 1 == len(records):
            if head == 0:
                records.pop()
            else:
                records.clear()
                self.head = 0
            return
        records[head] = _GONE
        head += 1
        if head >= _CUT and head * 2 >= len(records):
            del records[:head]
            head = 0
        self.head = head

    def split(self, at: int, size: int) -> None:
        """Cut the record at an index so that it carries `size` octets; the rest follows as its own."""
        record = self.records[at]
        rest = Sent(
            (record.seq + size) & MASK,
            record.length - size,
            record.payload[size:],
            record.flags,
            record.sent_at,
        )
        rest.state = record.state
        rest.times = record.times
        record.payload = record.payload[:size]
        record.length = size
        record.flags &= ~(0x01 | 0x08)  # FIN and PSH stay with the last octet
        self.records.insert(at + 1, rest)

    def index_of(self, seq: int) -> int:
        """The index of the record that holds `seq`, or of the first one after it."""
        records = self.records
        low = self.head
        high = len(records)
        while low < high:
            middle = (low + high) >> 1
            record = records[middle]
            if (seq - record.seq - record.length) & MASK < HALF:
                low = middle + 1
            else:
                high = middle
        return low

    def mark_sacked(self, left: int, right: int) -> int:
        """A SACK block; how many octets it sacked that were not sacked before. Whole records only."""
        records = self.records
        at = self.index_of(left)
        if at < len(records) and records[at].seq != left:
            at += 1  # only its end is covered
        # A block repeats what an earlier option said, and adds to its edges: pass over the repetition
        known_left = known_right = -1
        for old_left, old_right in self.known:
            if (old_left - left) & MASK < HALF and (right - old_right) & MASK < HALF:
                known_left = old_left
                known_right = old_right
                break
        gained = 0
        while at < len(records):
            record = records[at]
            if known_left >= 0 and (record.seq - known_left) & MASK < HALF:
                known_left = -1
                at = max(at, self.index_of((known_right - 1) & MASK))
                continue
            if (right - record.seq - record.length) & MASK >= HALF:
                break
            if not record.state & SACKED:
                if record.state & (LOST | RESENT):
                    self._unmark(record)
                record.state |= SACKED
                self.sacked += record.length
                gained += record.length
                end = (record.seq + record.length) & MASK
                if self.high_sacked < 0 or (end - self.high_sacked) & MASK < HALF:
                    self.high_sacked = end
            at += 1
        return gained

    def mark_lost(self, record: Sent) -> None:
        """This one will not arrive; its retransmission, if there was one, is forgotten."""
        state = record.state
        if state & SACKED:
            return
        length = record.length
        if not state & LOST:
            self.lost += length
            self.waiting += length
        elif state & RESENT:
            self.waiting += length
        else:
            return
        if state & RESENT:
            self.resent -= length
        record.state = (state | LOST) & ~RESENT
        if self.waiting == length or (self.resend_from - record.seq) & MASK < HALF:
            self.resend_from = record.seq

    def mark_all_lost(self) -> None:
        """The timer expired: whatever was not sacked is taken for lost."""
        for at in range(self.head, len(self.records)):
            self.mark_lost(self.records[at])
        self.lost_mark = -1

    def forget_sacks(self) -> None:
        """The receiver may have changed its mind. RFC 2018 §5.1 MUST CC-037."""
        for at in range(self.head, len(self.records)):
            self.records[at].state &= ~SACKED
        self.sacked = 0
        self.high_sacked = self.lost_mark = self.hole_from = -1
        self.known = ()

    def mark_resent(self, record: Sent, now: int) -> None:
        """A record goes out again."""
        state = record.state
        if state & LOST and not state & RESENT:
            self.waiting -= record.length
        if not state & RESENT:
            self.resent += record.length
        record.state = state | RESENT | EVER_RESENT
        record.sent_at = now
        record.times += 1

    def find_lost(self, mss: int) -> bool:
        """Mark what RFC 6675 §4 calls lost; whether anything was. CC-040."""
        # A record is lost when above it DupThresh runs are sacked, or more than DupThresh-1 segments.
        records = self.records
        if self.high_sacked < 0:
            return False
        at = self.index_of((self.high_sacked - 1) & MASK)
        runs = 0
        octets = 0
        before_was_sacked = False
        while at >= self.head:
            record = records[at]
            if record.state & SACKED:
                if not before_was_sacked:
                    runs += 1
                octets += record.length
                if runs >= DUPLICATES or octets > (DUPLICATES - 1) * mss:
                    break
                before_was_sacked = True
            else:
                before_was_sacked = False
            at -= 1
        if at < self.head:
            return False
        boundary = records[at].seq
        start = self.head
        if self.lost_mark >= 0:
            if (self.lost_mark - boundary) & MASK < HALF:
                return False
            start = self.index_of(self.lost_mark)
        found = False
        for place in range(start, at):
            record = records[place]
            state = record.state
            if state & (SACKED | LOST):
                continue
            if state & RESENT:  # early, as a hole: that copy is under way
                record.state = state | LOST
                self.lost += record.length
            else:
                self.mark_lost(record)
            found = True
        self.lost_mark = boundary
        return found

    def next_waiting(self) -> int:
        """The index of the first record that is lost and was not sent again, or -1."""
        if self.waiting == 0:
            return -1
        records = self.records
        for at in range(self.index_of(self.resend_from), len(records)):
            record = records[at]
            if record.state & LOST and not record.state & RESENT:
                self.resend_from = record.seq
                return at
        return -1

    def next_hole(self) -> int:
        """RFC 6675 §4 NextSeg (3): the first record below what is sacked that was not sent again, or -1."""
        if self.high_sacked < 0:
            return -1
        records = self.records
        start = self.head
        if self.hole_from >= 0:
            start = self.index_of(self.hole_from)
        for at in range(start, len(records)):
            record = records[at]
            if (record.seq - self.high_sacked) & MASK < HALF:
                break
            if not record.state & (SACKED | RESENT):
                self.hole_from = record.seq
                return at
        return -1

    def _leave(self, record: Sent) -> None:
        if record.state & SACKED:
            self.sacked -= record.length
            if self.sacked == 0:
                self.high_sacked = self.lost_mark = self.hole_from = -1
                self.known = ()
        if record.state & (LOST | RESENT):
            self._unmark(record)

    def _unmark(self, record: Sent) -> None:
        state = record.state
        if state & RESENT:
            self.resent -= record.length
        elif state & LOST:
            self.waiting -= record.length
        if state & LOST:
            self.lost -= record.length
        record.state = state & ~(LOST | RESENT)
