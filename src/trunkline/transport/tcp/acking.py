"""What an acknowledgement does: the send window, the round trip, the records under way, the recovery.

RFC 9293 §3.10.7.4 fifth step, RFC 5961 §5, RFC 6298, RFC 5681. Header prediction has its own short way at
the top; everything unusual goes through `process_ack`.
"""

from __future__ import annotations

from typing import Final

from trunkline.base.timers import NEVER
from trunkline.base.units import MILLISECOND
from trunkline.transport.tcp.block import (
    CLOSING,
    FIN_WAIT_1,
    FIN_WAIT_2,
    LAST_ACK,
    OPEN,
    RECOVERY,
    Block,
    arm_sent,
    enter,
    tell,
    touch,
)
from trunkline.transport.tcp.closing import enter_time_wait, finish, orphan_waits
from trunkline.transport.tcp.recovery import after_sack, on_duplicate, on_progress
from trunkline.transport.tcp.replies import challenge
from trunkline.transport.tcp.rtt import take_sample
from trunkline.transport.tcp.scoreboard import EVER_RESENT, SACKED
from trunkline.transport.tcp.sequence import HALF, MASK
from trunkline.wire.tcp import ABSENT, FIN, SYN, Tcp

_WRITABLE_PART: Final = 3  # tell the program when so large a part of the buffer is free, as Linux


def advance(block: Block, ack: int, header: Tcp, now: int) -> None:
    """`ack` is new: `snd_una` moves, the records before it leave, timers and windows follow."""
    una = block.snd_una
    acked = (ack - una) & MASK
    board = block.scoreboard
    under_way = (block.snd_nxt - una) & MASK
    block.snd_una = ack
    sample = -1
    resent = False
    records = board.records
    while board.head < len(records):
        record = records[board.head]
        beyond = (record.seq + record.length - ack) & MASK
        if 0 < beyond < HALF:
            if (ack - record.seq) & MASK < HALF and ack != record.seq:
                board.split(board.head, (ack - record.seq) & MASK)
                continue
            break
        state = record.state
        if state & EVER_RESENT:
            resent = True
        elif sample < 0 and not state & SACKED:
            sample = now - record.sent_at
        if state == 0 and len(records) == 1:
            records.pop()  # all there was
            break
        board.drop_first()
    # RFC 6298 §3 CC-026 MUST-18: Karn; timestamps can tell. RFC 7323 §4.1: only on new data
    if resent:
        sample = -1
        if block.ts_ok and header.ts_val != ABSENT and header.ts_ecr:
            elapsed = (now // MILLISECOND + block.ts_offset - header.ts_ecr) & MASK
            if elapsed < HALF:
                sample = elapsed * MILLISECOND
    if sample >= 0:
        take_sample(block, sample)
    block.backoff = 0
    block.failed_since = NEVER
    # RFC 4861 §7.3.1: forward progress; one store where the path's next hop was sent to last
    path = block.path
    neighbour = path.nic.last_neighbour
    if neighbour is not None and neighbour.address == path.next_hop:
        neighbour.confirmed = now
    # RFC 5681: growth only for a flow that filled its window, RFC 9438 §5.8
    recovery = block.recovery
    if recovery or block.dupacks or board.sacked:
        on_progress(block, acked, now)
    if recovery != RECOVERY:
        congestion = block.congestion
        if block.cwnd_limited or (
            congestion.cwnd < congestion.ssthresh and congestion.cwnd < 2 * under_way
        ):
            if congestion.hystart is not None and sample >= 0:
                congestion.on_sample(sample, ack, block.snd_nxt)
            congestion.on_ack(acked, block.srtt, now)
    # RFC 6298 §5.2, §5.3 CC-029
    timer = block.sent_timer
    if block.snd_nxt == ack:
        if timer is not None:
            timer.deadline = NEVER
    else:
        deadline = now + block.rto
        if timer is not None and timer.place >= 0 and deadline >= timer.at:
            timer.deadline = deadline
        else:
            arm_sent(block, deadline)
    if block.write_blocked:
        free = block.send_buffer - block.unsent.octets - ((block.snd_nxt - ack) & MASK)
        if free * _WRITABLE_PART >= block.send_buffer:
            block.write_blocked = False
            tell(block)
    if block.urgent_sending and (ack - block.snd_up) & MASK < HALF:
        block.urgent_sending = False
    if block.unsent.octets or board.waiting or (block.fin_pending and not block.fin_sent):
        touch(block)


def process_ack(block: Block, header: Tcp, length: int, now: int) -> bool:
    """The fifth step for a synchronised connection; False where the segment is to be dropped."""
    ack = header.ack
    una = block.snd_una
    acked = (ack - una) & MASK
    under_way = (block.snd_nxt - una) & MASK
    if acked > under_way:
        if acked < HALF:
            # RFC 9293 §3.10.7.4: it acknowledges what was not sent yet; RFC 5961 §5
            challenge(block, length > 0, now)
            return False
        if (una - ack) & MASK > block.max_snd_wnd:
            # RFC 5961 §5.2 MUST CC-053 MAY-12: too old
            challenge(block, length > 0, now)
            return False
        # An old duplicate: its data may be of use still, and so may its SACK blocks
        _take_sack(block, header, now)
        return True
    before_window = block.snd_wnd
    _update_window(block, header, now)
    news = _take_sack(block, header, now)
    if acked:
        advance(block, ack, header, now)
        if block.fin_sent and block.snd_nxt == ack:
            return _fin_acknowledged(block, now)
        if block.sack_ok and block.scoreboard.sacked:
            after_sack(block, now)
        if block.recovery != OPEN:
            touch(block)
        return True
    if block.sack_ok:
        # RFC 6675 §2: with SACK, a duplicate is one that tells of new octets, whatever else it carries
        if news:
            on_duplicate(block, now)
    # RFC 5681 §2 CC-012: the same number, no data, the window unchanged, something under way
    elif (
        under_way
        and length == 0
        and block.snd_wnd == before_window
        and not header.flags & (SYN | FIN)
        and block.snd_wnd
    ):
        on_duplicate(block, now)
    return True


def _update_window(block: Block, header: Tcp, now: int) -> None:
    """SND.WND, with SND.WL1 and SND.WL2 against old segments. RFC 9293 §3.10.7.4, §3.8.6 MUST-34."""
    seq = header.seq
    ack = header.ack
    newer = (seq - block.snd_wl1) & MASK
    if newer == 0:
        if (ack - block.snd_wl2) & MASK >= HALF:
            return
    elif newer >= HALF:
        return
    window = header.window << block.snd_scale
    block.snd_wl1 = seq
    block.snd_wl2 = ack
    before = block.snd_wnd
    if window == before:
        return
    block.snd_wnd = window
    if window > block.max_snd_wnd:
        block.max_snd_wnd = window
    if before == 0:
        block.backoff = 0
        block.failed_since = NEVER
        if block.snd_una != block.snd_nxt and ack == block.snd_una:
            # what went into a closed window was refused: again now, not at the next timeout
            first = block.scoreboard.first()
            if first is not None and not first.state & SACKED:
                block.scoreboard.mark_lost(first)
            touch(block)
    if block.unsent.octets or block.fin_pending:
        touch(block)


def _take_sack(block: Block, header: Tcp, now: int) -> bool:
    """Note SACK blocks; whether they told of octets not sacked before. RFC 6675 §5 step (A)."""
    options = header.options
    if options is None or not options.sack or not block.sack_ok:
        return False
    una = block.snd_una
    ack = header.ack
    span = (block.snd_nxt - una) & MASK
    gained = 0
    for left, right in options.sack:
        # inside what is under way, the right way round, and above the acknowledgement (else: DSACK)
        start = (left - una) & MASK
        end = (right - una) & MASK
        if start < end <= span and (left - ack) & MASK < HALF:
            gained += block.scoreboard.mark_sacked(left, right)
    if gained == 0:
        return False
    block.scoreboard.known = options.sack
    if ack == una:
        after_sack(block, now)
    return True


def _fin_acknowledged(block: Block, now: int) -> bool:
    """Everything sent, the FIN too, has been acknowledged."""
    state = block.state
    if state == FIN_WAIT_1:
        enter(block, FIN_WAIT_2, now)
        tell(block)
        orphan_waits(block, now)
        return block.state == FIN_WAIT_2
    elif state == CLOSING:
        enter_time_wait(block, now)
        return False
    elif state == LAST_ACK:
        finish(block, 0, now)
        return False
    return True
