"""A segment arrives at its connection: header prediction, then RFC 9293 §3.10.7.4 in its order.

RFC 9293 §3.10.7.3 to §3.10.7.4, RFC 7323 §5 (PAWS), RFC 5961 §3 and §4, RFC 2883. Nothing is sent from
here: what is to be said is noted, and said when the connection is polled.
"""

from __future__ import annotations

from typing import Final

from trunkline.base.results import BROKEN, RESET
from trunkline.base.units import SECOND
from trunkline.transport.tcp.acking import advance, process_ack
from trunkline.transport.tcp.assembly import Assembly
from trunkline.transport.tcp.block import (
    ACK_LATER,
    ACK_NONE,
    ACK_NOW,
    CLOSE_WAIT,
    CLOSED,
    ESTABLISHED,
    FIN_WAIT_1,
    FIN_WAIT_2,
    OPEN,
    TIME_WAIT,
    Block,
    arm_ack,
    tell,
    touch,
)
from trunkline.transport.tcp.closing import abort, finish, receive_fin, reset_by_peer, wait_again
from trunkline.transport.tcp.replies import challenge
from trunkline.transport.tcp.sequence import HALF, MASK
from trunkline.wire.tcp import ABSENT, ACK, FIN, PSH, RST, SYN, URG, Tcp

# RFC 7323 §5.5 CC-050: a timestamp that old proves nothing
_PAWS_LIFETIME: Final = 24 * 24 * 3600 * SECOND
_PREDICTED: Final = 0xFFF & ~PSH


def receive_segment(block: Block, header: Tcp, payload: bytes, now: int) -> None:
    """A segment for a synchronised connection that is past its opening."""
    if (
        block.state == ESTABLISHED
        and header.flags & _PREDICTED == ACK
        and header.seq == block.rcv_nxt
        and header.options is None
        and header.window << block.snd_scale == block.snd_wnd
        and block.assembly is None
        and block.recovery == OPEN
        and not block.dupacks
    ):
        # Header prediction: in order, nothing unusual. It must leave what the long way would leave.
        ts_val = header.ts_val
        if ts_val != ABSENT:
            if block.ts_ok:
                newer = (ts_val - block.ts_recent) & MASK
                if newer >= HALF:
                    _receive_any(block, header, payload, now)
                    return
                if (block.last_ack_sent - header.seq) & MASK < HALF:
                    block.ts_recent = ts_val
                    block.ts_recent_at = now
        elif block.ts_ok:
            _receive_any(block, header, payload, now)
            return
        una = block.snd_una
        ack = header.ack
        acked = (ack - una) & MASK
        if acked <= (block.snd_nxt - una) & MASK and (acked or payload):
            if not payload:
                block.heard_at = now
                block.snd_wl1 = header.seq
                block.snd_wl2 = ack
                advance(block, ack, header, now)
                return
            if len(payload) <= (block.rcv_adv - block.rcv_nxt) & MASK < HALF:
                block.heard_at = now
                block.snd_wl1 = header.seq
                block.snd_wl2 = ack
                if acked:
                    advance(block, ack, header, now)
                _take_in_order(block, payload, now)
                return
    _receive_any(block, header, payload, now)


def _receive_any(block: Block, header: Tcp, payload: bytes, now: int) -> None:
    """RFC 9293 §3.10.7.4, step by step."""
    flags = header.flags
    length = len(payload)
    seq = header.seq
    span = length
    if flags & SYN:
        span += 1
    if flags & FIN:
        span += 1
    # RFC 7323 §5.3 CC-049: PAWS comes before everything, but lets a reset through
    if block.ts_ok and not flags & RST:
        if header.ts_val == ABSENT:
            # RFC 7323 §3.2 CC-046
            block.common.counters.count("tcp: timestamp missing")
            return
        if (header.ts_val - block.ts_recent) & MASK >= HALF and _paws_rejects(block, now):
            block.common.counters.count("tcp: old timestamp")
            challenge(block, span > 0 and not flags & SYN, now)
            return
    # First: is it inside the window?
    if not _acceptable(block, seq, span):
        if block.state == TIME_WAIT and flags & FIN and not flags & (RST | SYN):
            wait_again(block, now)  # RFC 9293 §3.10.7.4: the peer's FIN again
        _not_acceptable(block, header, seq, span, now)
        return
    # Second: RST
    if flags & RST:
        _receive_reset(block, seq, now)
        return
    # Fourth: SYN. RFC 5961 §4.2 MUST CC-052
    if flags & SYN:
        block.common.counters.count("tcp: SYN in a connection")
        challenge(block, False, now)
        return
    # Fifth: ACK
    if not flags & ACK:
        block.common.counters.count("tcp: no ACK")
        return
    block.heard_at = now
    if block.ts_ok and (block.last_ack_sent - seq) & MASK < HALF:
        # RFC 7323 §4.3 CC-048
        if (header.ts_val - block.ts_recent) & MASK < HALF or _paws_expired(block, now):
            block.ts_recent = header.ts_val
            block.ts_recent_at = now
    if block.state == TIME_WAIT:
        if span:
            challenge(block, True, now)
        return
    if not process_ack(block, header, length, now):
        return
    # Sixth: URG
    if flags & URG and header.urgent:
        _receive_urgent(block, header, now)
    # Seventh: text; beyond the peer's FIN there is none, and RFC 9293 §3.10.7.4 ignores it
    if block.fin_received:
        return
    fin = flags & FIN != 0
    if span:
        receive_text(block, seq, payload, fin, now)


def _acceptable(block: Block, seq: int, span: int) -> bool:
    """RFC 9293 §3.10.7.4, table 6, against the right edge that was offered at the farthest."""
    rcv_nxt = block.rcv_nxt
    window = (block.rcv_adv - rcv_nxt) & MASK
    if window >= HALF:
        window = 0
    start = (seq - rcv_nxt) & MASK
    if span == 0:
        return start < window or start == 0
    if window == 0:
        return False
    end = (seq + span - 1 - rcv_nxt) & MASK
    return start < window or end < window or (start >= HALF and end < HALF)


def _not_acceptable(block: Block, header: Tcp, seq: int, span: int, now: int) -> None:
    flags = header.flags
    counters = block.common.counters
    if flags & RST:
        counters.count("tcp: RST outside the window")  # RFC 5961 §3.2 MUST CC-051
        return
    counters.count("tcp: outside the window")
    if flags & SYN:
        challenge(block, False, now)
        return
    length = span - (1 if flags & FIN else 0)
    rcv_nxt = block.rcv_nxt
    end = (seq + span) & MASK
    if span and (seq - rcv_nxt) & MASK >= HALF and block.state != TIME_WAIT:
        # RFC 2883 §4 CC-039: all of it was here before
        block.dsack_left = seq
        block.dsack_right = end
    # RFC 9293 §3.10.7.4: answer with an acknowledgement; §3.4 MUST-66: a zero window still hears ACKs.
    # As Linux, so is that of a segment which comes again because our own acknowledgement was lost, and
    # of an empty one right behind a window that is full.
    if flags & ACK and block.state != TIME_WAIT:
        if (
            seq == rcv_nxt
            or (seq == block.rcv_adv and not span)
            or (span and (rcv_nxt - end) & MASK <= (rcv_nxt - block.last_ack_sent) & MASK)
        ):
            block.heard_at = now
            process_ack(block, header, length, now)
            if block.state == CLOSED:
                return
            if flags & URG and header.urgent:
                _receive_urgent(block, header, now)
    challenge(block, span > 0, now)  # a FIN too: whoever sends it again has missed the answer


def _receive_reset(block: Block, seq: int, now: int) -> None:
    """RFC 5961 §3.2 MUST CC-051: only the exact number resets."""
    if seq != block.rcv_nxt:
        block.common.counters.count("tcp: RST not exact")
        challenge(block, False, now)
        return
    if block.state == TIME_WAIT:
        if not block.common.policy.reset_protects_time_wait:  # RFC 1337 §3
            finish(block, 0, now)
        return
    # as Linux: who had been told the end already is told that the pipe is broken
    reset_by_peer(block, now, BROKEN if block.state == CLOSE_WAIT else RESET)


def _paws_rejects(block: Block, now: int) -> bool:
    return not _paws_expired(block, now)


def _paws_expired(block: Block, now: int) -> bool:
    return now - block.ts_recent_at > _PAWS_LIFETIME


def _take_in_order(block: Block, payload: bytes, now: int) -> None:
    """Text that is next, and inside the window."""
    length = len(payload)
    block.rcv_nxt = (block.rcv_nxt + length) & MASK
    block.unread.append(payload)
    if length > block.rcv_mss:
        block.rcv_mss = length
    if block.received_at == 0:
        block.quick = block.common.policy.quick_acks
    block.received_at = now
    # RFC 9293 §3.8.6.3 SHLD-18, SHLD-19: later, but for more than one full segment at once
    if (
        (block.rcv_nxt - block.last_ack_sent) & MASK > block.rcv_mss
        or (block.quick and not block.pingpong)
        or block.settings.quickack
    ):
        if block.ack_wanted != ACK_NOW:
            block.ack_wanted = ACK_NOW
            if not block.dirty:
                touch(block)
    elif block.ack_wanted == ACK_NONE:
        block.ack_wanted = ACK_LATER
        deadline = now + block.common.policy.delayed_ack
        timer = block.ack_timer
        if timer is not None and timer.place >= 0 and deadline >= timer.at:
            timer.deadline = deadline
        else:
            arm_ack(block, deadline)
    endpoint = block.endpoint
    if endpoint is not None and not endpoint.noted:
        endpoint.noted = True
        block.common.events.append(endpoint)


def receive_text(block: Block, seq: int, payload: bytes, fin: bool, now: int) -> None:
    """The seventh and eighth step: text and FIN, in order or not."""
    rcv_nxt = block.rcv_nxt
    behind = (rcv_nxt - seq) & MASK
    if 0 < behind < HALF:
        # what was here before is cut off; RFC 2883: say so
        again = min(behind, len(payload))
        if again:
            block.dsack_left = seq
            block.dsack_right = (seq + again) & MASK
            block.ack_wanted = ACK_NOW
            touch(block)
        payload = payload[behind:]
        seq = rcv_nxt
    if payload and (block.orphan or block.rcv_shut) and block.state in (FIN_WAIT_1, FIN_WAIT_2):
        # RFC 9293 §3.6.1 SHLD-3: nobody will ever read it
        block.common.counters.count("data for nobody")
        abort(block, now)
        if not block.orphan:
            block.error = RESET  # as Linux: who only shut both ways is told
        return
    room = (block.rcv_adv - seq) & MASK
    if room >= HALF:
        room = 0
    if len(payload) > room:
        payload = payload[:room]  # beyond the window; the FIN with it
        fin = False
    if seq != rcv_nxt:
        _keep(block, seq, payload, fin, now)
        return
    assembly = block.assembly
    if payload:
        if assembly is None:
            _take_in_order(block, payload, now)
        else:
            block.unread.append(payload)
            block.rcv_nxt = (rcv_nxt + len(payload)) & MASK
            block.received_at = now
            # RFC 5681 §4.2 CC-018: what fills a hole is acknowledged at once
            block.ack_wanted = ACK_NOW
            touch(block)
            tell(block)
            run = assembly.take(block.rcv_nxt)
            while run is not None:
                for piece in run.pieces:
                    block.unread.append(piece)
                block.rcv_nxt = run.right
                run = assembly.take(block.rcv_nxt)
            if assembly.fin == block.rcv_nxt:
                fin = True
            elif assembly.fin < 0 and not assembly.runs:
                block.assembly = None
    if fin and block.state in (ESTABLISHED, FIN_WAIT_1, FIN_WAIT_2):
        receive_fin(block, now)


def _keep(block: Block, seq: int, payload: bytes, fin: bool, now: int) -> None:
    """Out of order: kept, and acknowledged at once. RFC 9293 §3.10.7.4 SHLD-31 MAY-13, CC-018."""
    block.common.counters.count("out of order")
    assembly = block.assembly
    if assembly is None:
        assembly = block.assembly = Assembly()
    right = (seq + len(payload)) & MASK
    if payload:
        again = assembly.repeats(seq, right)
        if again[0] >= 0:
            block.dsack_left, block.dsack_right = again
        if again != (seq, right) and not assembly.add(seq, payload):
            block.common.counters.count("out of order, no room")
            fin = False
    if fin:
        assembly.end(right)
    if not assembly.runs and assembly.fin < 0:
        block.assembly = None
    block.ack_wanted = ACK_NOW
    touch(block)


def _receive_urgent(block: Block, header: Tcp, now: int) -> None:
    """RFC 9293 §3.8.5 MUST-30 to MUST-33, §3.10.7.4 sixth step: RCV.UP moves forward only."""
    octet = (header.seq + header.urgent - 1) & MASK
    if (octet - block.rcv_nxt) & MASK >= HALF:
        return  # read already
    if block.urgent_at >= 0 and (octet - block.urgent_at) & MASK >= HALF:
        return
    if block.urgent_at == octet:
        return
    block.urgent_at = octet
    block.urgent_pending = True
    tell(block)
