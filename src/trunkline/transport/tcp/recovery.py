"""Noticing loss and recovering from it: duplicates, SACK, partial acknowledgements, the timer.

RFC 5681 §3.2, RFC 6582 (NewReno), RFC 6675 (with SACK), RFC 3042 (limited transmit), RFC 6298 §5. One shape
for both kinds: without SACK each duplicate ACK counts as one segment sacked, which inflates and deflates the
window as RFC 5681 has it, and sends one new segment for each duplicate, as RFC 3042 has it.

Left out: RACK, TLP, PRR, F-RTO and undoing; the records they need are kept.
"""

from __future__ import annotations

from trunkline.transport.tcp.block import LOSS, OPEN, RECOVERY, Block, flight, touch
from trunkline.transport.tcp.scoreboard import DUPLICATES, SACKED
from trunkline.transport.tcp.sequence import HALF, MASK


def on_duplicate(block: Block, now: int) -> None:
    """A duplicate acknowledgement without news of its own from SACK. RFC 5681 §3.2 CC-012."""
    block.dupacks += 1
    board = block.scoreboard
    if not block.sack_ok:
        # the segment that caused it has left the network; never more than what may be sacked at all
        most = flight(block) - board.lost - block.mss
        if board.sacked + block.mss <= most:
            board.sacked += block.mss
    if block.recovery == OPEN and block.dupacks >= DUPLICATES:
        # RFC 6582 §3.2 step 1, CC-015: not for duplicates of what an earlier recovery resent
        if not block.sack_ok and block.snd_una == block.recover:
            return
        enter_recovery(block, now)
    touch(block)


def after_sack(block: Block, now: int) -> None:
    """The scoreboard changed: is something lost now?"""
    found = block.scoreboard.find_lost(block.mss)
    if block.recovery == OPEN and found:
        enter_recovery(block, now)
    touch(block)


def enter_recovery(block: Block, now: int) -> None:
    """Fast retransmit, RFC 6675 §5 step 4, RFC 5681 §3.2 step 2."""
    board = block.scoreboard
    block.recovery = RECOVERY
    block.recover = block.snd_nxt
    board.hole_from = -1
    block.congestion.hystart = None  # RFC 9406 §4.2: for the first slow start only
    block.congestion.on_loss(flight(block), now)
    first = board.first()
    if first is not None:
        board.mark_lost(first)
    block.force_resend = True  # RFC 6675 §5 (4.3): the first one goes at once, whatever the pipe
    block.common.counters.count("fast recoveries")


def on_progress(block: Block, acked: int, now: int) -> None:
    """`acked` octets were acknowledged for the first time; `snd_una` has moved already."""
    board = block.scoreboard
    block.dupacks = 0
    recovery = block.recovery
    if recovery == OPEN:
        if not block.sack_ok:
            board.sacked = 0
        return
    if (block.snd_una - block.recover) & MASK < HALF:
        # a full acknowledgement: RFC 6582 §3.2 step 3, RFC 6675 §5
        block.recovery = OPEN
        if not block.sack_ok:
            board.sacked = 0
        if recovery == RECOVERY:
            block.congestion.on_recovered(flight(block))
        return
    if block.sack_ok:
        return
    if recovery == RECOVERY:
        # RFC 6582 §3.2 step 3 CC-014: a partial one names the next hole, which goes at once; deflate by
        # what was acknowledged, less one segment
        board.sacked = max(0, board.sacked - max(0, acked - block.mss))
        first = board.first()
        if first is not None:
            board.mark_lost(first)
            block.force_resend = True
    else:
        board.sacked = 0
    board.sacked = min(board.sacked, max(0, flight(block) - board.lost))


def on_timeout(block: Block, now: int) -> None:
    """The retransmission timer expired with data under way. RFC 6298 §5.4-5.6, RFC 5681 §3.1."""
    board = block.scoreboard
    oldest = board.first()
    policy = block.common.policy
    reneged = oldest is not None and oldest.state & SACKED != 0
    if policy.forget_sacks or reneged:
        # RFC 2018 §5.1 MUST CC-037, RFC 6675 §5.1 CC-043. Linux keeps the news until it proves wrong
        board.forget_sacks()
        if reneged:
            block.common.counters.count("peer took back a SACK")
    if not block.sack_ok:
        board.sacked = 0
    block.congestion.hystart = None
    # a timeout within a fast recovery ends it, but its loss has been answered by the window already
    first = block.backoff == 0 and block.recovery != RECOVERY
    block.congestion.on_timeout(flight(block), first, now)
    board.mark_all_lost()
    block.recovery = LOSS
    block.recover = block.snd_nxt
    block.dupacks = 0
    block.force_resend = True
    block.common.counters.count("timeouts")
    touch(block)
