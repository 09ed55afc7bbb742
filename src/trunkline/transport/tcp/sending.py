"""What a connection says when it is polled: segments, windows, acknowledgements.

RFC 9293 §3.8 (data communication), §3.7.4 (Nagle), §3.8.6 (windows, both silly-window rules), RFC 6675 §4
NextSeg, RFC 7323 §3, RFC 5681. The order of a poll: a reset, a SYN, what was lost, new data and FIN, and an
acknowledgement if one is wanted still. Every state with something under way leaves here with a timer armed.

Left out: TSO-sized segments, pacing, ECN.
"""

from __future__ import annotations

from typing import Final

from trunkline.base.results import SENT, TOO_BIG
from trunkline.base.timers import NEVER
from trunkline.base.units import MILLISECOND
from trunkline.transport.tcp.block import (
    ACK_NONE,
    ACK_NOW,
    ACK_PROBE,
    ESTABLISHED,
    RECOVERY,
    SYN_RECEIVED,
    SYN_SENT,
    Block,
    arm_sent,
    touch,
)
from trunkline.transport.tcp.congestion import initial_window
from trunkline.transport.tcp.policy import MINIMUM_MSS, WINDOW_FIELD
from trunkline.transport.tcp.scoreboard import RESENT, SACKED, Sent
from trunkline.transport.tcp.sequence import HALF, MASK
from trunkline.wire.header import TCP
from trunkline.wire.tcp import ABSENT, ACK, FIN, PSH, RST, SYN, URG, Tcp, TcpOptions

WINDOW_SLACK: Final = 4096  # octets by which rounding the window up may overstep the buffer
BURST: Final = 65536  # segments one poll may send; never reached but by a mistake of ours


def transmit(block: Block, now: int) -> None:
    """A poll: say everything that may be said now."""
    state = block.state
    if state >= ESTABLISHED:
        if block.recovery or block.force_resend or block.scoreboard.waiting:
            _resend(block, now)
        if (block.unsent.octets or block.fin_pending) and not block.fin_sent:
            _send_new(block, now)
            if block.snd_nxt == block.snd_una:
                _keep_going(block, now)
        if block.ack_wanted == ACK_NOW:
            emit(block, block.snd_nxt, ACK, b"", now)
        elif block.ack_wanted == ACK_PROBE:
            # RFC 9293 §3.8.4 SHLD-12: an old sequence number and no data
            emit(block, (block.snd_una - 1) & MASK, ACK, b"", now)
    elif block.syn_due:
        if state == SYN_SENT:
            send_syn(block, SYN, now)
        elif state == SYN_RECEIVED:
            send_syn(block, SYN | ACK, now)
    elif state == SYN_RECEIVED and block.ack_wanted == ACK_NOW:
        emit(block, block.snd_nxt, ACK, b"", now)
    if block.reset_due:
        block.reset_due = False
        send_reset(block, now)


def emit(block: Block, seq: int, flags: int, payload: bytes, now: int) -> int:
    """Send one segment that carries an acknowledgement: the one place that fills in such a header."""
    common = block.common
    # The window, RFC 9293 §3.8.6.2.2 MUST-39: its right edge moves by no less than a step, and never back.
    rcv_nxt = block.rcv_nxt
    scale = block.rcv_scale
    offered = (block.rcv_adv - rcv_nxt) & MASK
    if offered >= HALF:
        offered = 0
    free = block.receive_buffer - block.unread.octets
    if free - offered >= block.window_step:
        window = free >> scale
    else:
        # RFC 7323 §2.4: rounded up, so that rounding does not move the edge back. SHLD-14
        window = (offered + (1 << scale) - 1) >> scale
        if window << scale > free + WINDOW_SLACK:
            window = offered >> scale
    if window > WINDOW_FIELD:
        window = WINDOW_FIELD
    edge = (rcv_nxt + (window << scale)) & MASK
    if (edge - block.rcv_adv) & MASK < HALF:
        block.rcv_adv = edge
    # RFC 7323 §3.2 MUST CC-046: a timestamp on everything but RST; CC-047
    ts_val = ABSENT
    if block.ts_ok:
        ts_val = (now // MILLISECOND + block.ts_offset) & MASK
    options: TcpOptions | None = None
    if block.assembly is not None or block.dsack_left >= 0:
        options = _sack_option(block)
    header = Tcp(
        block.local_port,
        block.remote_port,
        seq,
        rcv_nxt,
        flags,
        window,
        ts_val,
        block.ts_recent,
        options,
    )
    if block.urgent_sending:
        _point_urgent(block, header)
    # RFC 9293 §3.10.7.4 MUST-58: one acknowledgement for all that came
    if block.ack_wanted:
        block.ack_wanted = ACK_NONE
        timer = block.ack_timer
        if timer is not None:
            timer.deadline = NEVER
        if block.quick:
            block.quick -= 1
    block.last_ack_sent = rcv_nxt
    settings = block.settings
    return common.internet.send(
        block.path,
        header,
        payload,
        TCP,
        settings.hop_limit,
        settings.traffic_class,
        True,
        now,
    )


def send_syn(block: Block, flags: int, now: int) -> None:
    """SYN or SYN-ACK, with every option that is offered."""
    block.syn_due = False
    common = block.common
    policy = common.policy
    answer = flags & ACK != 0
    ts_val = ABSENT
    if block.ts_ok if answer else policy.timestamps:
        ts_val = (now // MILLISECOND + block.ts_offset) & MASK
    # RFC 7323 §2.2 CC-044, CC-045: the shift goes out on SYNs only, the window in them is not scaled
    shift = ABSENT
    if block.scale_ok if answer else policy.window_scaling:
        shift = block.rcv_scale
    options = TcpOptions(block.adv_mss, shift, block.sack_ok if answer else policy.sack)
    window = min(block.receive_buffer, WINDOW_FIELD)
    header = Tcp(
        block.local_port,
        block.remote_port,
        block.iss,
        block.rcv_nxt if answer else 0,
        flags,
        window,
        ts_val,
        block.ts_recent if answer else 0,
        options,
    )
    if answer:
        block.rcv_adv = (block.rcv_nxt + window) & MASK
        block.last_ack_sent = block.rcv_nxt
        block.ack_wanted = ACK_NONE
    record = block.scoreboard.first()
    if record is None:
        block.scoreboard.records.append(Sent(block.iss, 1, b"", flags, now))
        block.snd_nxt = (block.iss + 1) & MASK
    else:
        block.scoreboard.mark_resent(record, now)
        block.resent_total += 1
        common.counters.count("segments resent")
    settings = block.settings
    common.internet.send(
        block.path, header, b"", TCP, settings.hop_limit, settings.traffic_class, True, now
    )
    arm_sent(block, now + block.rto)


def send_reset(block: Block, now: int) -> None:
    """Abort: RFC 9293 §3.10.5, <SEQ=SND.NXT><CTL=RST,ACK>."""
    header = Tcp(block.local_port, block.remote_port, block.snd_nxt, block.rcv_nxt, RST | ACK, 0)
    block.common.counters.count("resets sent")
    settings = block.settings
    block.common.internet.send(
        block.path, header, b"", TCP, settings.hop_limit, settings.traffic_class, True, now
    )


def update_mss(block: Block) -> None:
    """The size of a full segment, from the peer's MSS, the path's MTU and the options in use."""
    # RFC 9293 §3.7.1 MUST-16: Eff.snd.MSS = min(SendMSS + 20, MMS_S) - TCP header - options
    mtu = block.path.mtu
    block.path_mtu = mtu
    mss = mtu - (60 if len(block.remote) == 16 else 40)
    if mss > block.peer_mss:
        mss = block.peer_mss
    if mss < MINIMUM_MSS:
        mss = MINIMUM_MSS
    if block.ts_ok:
        mss -= 12
    if mss != block.mss:
        block.mss = mss
        block.congestion.on_mss(mss)


def full_size(block: Block) -> int:
    """Octets of data in a full segment just now: SACK blocks that ride along take their part."""
    # RFC 9293 §3.7.1 MUST-16; RFC 6691 §4: options that vary are taken off segment by segment
    assembly = block.assembly
    if (assembly is None and block.dsack_left < 0) or not block.sack_ok:
        return block.mss
    count = 0 if assembly is None else len(assembly.recent)
    if block.dsack_left >= 0:
        count += 1
    limit = 3 if block.ts_ok else 4
    if count > limit:
        count = limit
    return block.mss - 4 - 8 * count if count else block.mss


def path_narrowed(block: Block) -> None:
    """The path's MTU fell: what was too big goes out again in smaller pieces, and nobody is blamed."""
    before = block.mss
    update_mss(block)
    if block.mss >= before:
        return
    board = block.scoreboard
    for at in range(board.head, len(board.records)):
        record = board.records[at]
        if len(record.payload) > block.mss:
            board.mark_lost(record)
    if board.waiting:
        touch(block)


def _resend(block: Block, now: int) -> None:
    """What was lost, as far as the window of the congestion control reaches. RFC 6675 §5."""
    board = block.scoreboard
    for _ in range(BURST):
        at = board.next_waiting()
        if at < 0:
            break
        record = board.records[at]
        if not block.force_resend and not _room(block, len(record.payload)):
            block.cwnd_limited = True
            return
        if not resend_record(block, at, now):
            return
        block.force_resend = False
    block.force_resend = False
    if block.recovery != RECOVERY or not block.sack_ok:
        return
    # RFC 6675 §4 NextSeg (2): new data comes before holes that are not lost yet. CC-042
    if block.unsent.octets and not block.fin_sent:
        _send_new(block, now)
        if block.unsent.octets:
            return
    for _ in range(BURST):
        if not _room(block, block.mss):
            return
        at = board.next_hole()
        if at < 0:
            at = _rescue(block)
            if at < 0:
                return
        if not resend_record(block, at, now):
            return


def _rescue(block: Block) -> int:
    """NextSeg (4): once in a recovery the last segment of all, so that the end's loss is noticed. CC-042"""
    board = block.scoreboard
    at = len(board.records) - 1
    if at < board.head or board.records[at].state & (SACKED | RESENT):
        return -1
    if (block.recover - board.records[at].seq - board.records[at].length) & MASK >= HALF:
        return -1  # new data went out in this recovery and will tell
    return at


def resend_record(block: Block, at: int, now: int) -> bool:
    """Send a record again, cut to the present segment size; False where the peer's window forbids it."""
    board = block.scoreboard
    record = board.records[at]
    size = len(record.payload)
    if block.path.mtu != block.path_mtu:
        update_mss(block)
    # RFC 9293 §3.8.6 SHLD-16: old data inside a window that shrank; the first record goes out regardless
    window = (block.snd_una + block.snd_wnd - record.seq) & MASK
    if window >= HALF:
        window = 0
    limit = full_size(block)
    if window < size and at != board.head:
        return False
    if size > limit:
        board.split(at, limit)
    seq = record.seq
    board.mark_resent(record, now)
    block.resent_total += 1
    block.common.counters.count("segments resent")
    result = emit(block, seq, record.flags, record.payload, now)
    if at == board.head or not _armed(block):
        # RFC 6298 §5.1, CC-028: never again sooner than one RTO from now
        wait = block.rto
        if block.snd_wnd == 0:
            wait = min(wait << min(block.backoff, 30), block.common.policy.rto_max)  # a probe
        arm_sent(block, now + wait)
    if result == TOO_BIG and len(record.payload) > MINIMUM_MSS:
        path_narrowed(block)
        return True
    return True


def _send_new(block: Block, now: int) -> None:
    """New data and FIN, as far as both windows, Nagle and the silly-window rule let it."""
    if block.path.mtu != block.path_mtu:
        update_mss(block)
    queue = block.unsent
    board = block.scoreboard
    congestion = block.congestion
    mss = block.mss
    if block.assembly is not None or block.dsack_left >= 0:
        mss = full_size(block)
    under_way = (block.snd_nxt - block.snd_una) & MASK
    if under_way == 0 and now - block.last_sent_at > block.rto and block.last_sent_at:
        _after_idle(block, now)
    block.cwnd_limited = False
    window = block.snd_wnd - under_way
    room = congestion.cwnd - (under_way - board.sacked - board.lost + board.resent)
    while True:
        left = queue.octets
        size = left if left < mss else mss
        if left == 0:
            # RFC 9293 §3.10.4: the FIN waits until all data has gone, and for a window
            if block.fin_pending and not block.fin_sent and window > 0:
                _send_segment(block, 0, now)
            return
        if room < size and room < congestion.cwnd:
            block.cwnd_limited = True  # RFC 5681 §3.1: within cwnd
            return
        if window < size:
            # RFC 9293 §3.8.6.2.1 MUST-38: not a silly piece of what is waiting, unless it is half of
            # the largest window ever seen; SHLD-15: nothing beyond a window that shrank
            if not block.push_now:
                if window <= 0 or 2 * window < block.max_snd_wnd:
                    return
            elif window <= 0:
                if under_way or not block.common.policy.probe_with_data:
                    block.push_now = False
                    return
                window = 1  # RFC 9293 §3.8.6.1 MUST-36: the probe is one octet of new data
            size = window
        elif size < mss and not _may_send_small(block, size):
            return
        if not _send_segment(block, size, now):
            mss = full_size(block)
            if queue.octets == left:
                return
        under_way += size
        window -= size
        room -= size
        block.push_now = False


def _may_send_small(block: Block, size: int) -> bool:
    """Nagle and TCP_CORK: whether the last, partial segment of the queue may go."""
    if block.fin_pending or block.push_now or block.urgent_sending:
        return True
    settings = block.settings
    if settings.cork or block.more:
        return False
    # RFC 9293 §3.7.4 SHLD-7: a small segment waits while something is unacknowledged; as Minshall has
    # it, while something small is
    if settings.nodelay or block.snd_una == block.snd_nxt:
        return True
    if block.common.policy.minshall:
        return (block.snd_una - block.small_end) & MASK < HALF
    return False


def _send_segment(block: Block, size: int, now: int) -> bool:
    """Cut a segment from the queue, record it and send it; False when it was too big for the path."""
    queue = block.unsent
    payload = queue.take(size) if size else b""
    seq = block.snd_nxt
    flags = ACK
    length = size
    if queue.octets == 0:
        # RFC 9293 §3.9.1.2 MUST-61: the last segment of what was queued is pushed
        if size:
            flags = ACK | PSH
        if block.fin_pending:
            flags |= FIN
            length += 1
            block.fin_sent = True
    if size < block.mss and size < full_size(block):
        block.small_end = (seq + length) & MASK
    block.scoreboard.records.append(Sent(seq, length, payload, flags, now))
    block.snd_nxt = (seq + length) & MASK
    block.last_sent_at = now
    if block.received_at and now - block.received_at < block.common.policy.delayed_ack:
        block.pingpong = True  # an answer: from now on acknowledgements may wait for one
    timer = block.sent_timer
    if timer is None:
        arm_sent(block, now + block.rto)
    elif timer.deadline == NEVER:
        # RFC 6298 §5.1
        deadline = now + block.rto
        if timer.place >= 0 and deadline >= timer.at:
            timer.deadline = deadline
        else:
            arm_sent(block, deadline)
    elif block.snd_una == seq:
        block.backoff = 0
        arm_sent(block, now + block.rto)  # it ran as persist timer
    result = emit(block, seq, flags, payload, now)
    if result != SENT:
        if result == TOO_BIG and size > MINIMUM_MSS:
            path_narrowed(block)
            return False
        block.common.counters.count("segments not taken below")
    return True


def _keep_going(block: Block, now: int) -> None:
    """Data waits and nothing is under way: see that the persist timer runs. RFC 9293 §3.8.6.1 MUST-36."""
    if not _armed(block):
        # SHLD-29: the first probe after one retransmission timeout; also ends a cork, MUST-60
        arm_sent(block, now + block.rto)


def _after_idle(block: Block, now: int) -> None:
    """The window is stale after an idle time longer than RTO. RFC 5681 §4.1 CC-016."""
    policy = block.common.policy
    periods = (now - block.last_sent_at) // block.rto if policy.idle_decay else 0
    block.congestion.on_idle(initial_window(block.mss, policy.initial_window), periods, now)


def _room(block: Block, size: int) -> bool:
    board = block.scoreboard
    under_way = ((block.snd_nxt - block.snd_una) & MASK) - board.sacked - board.lost + board.resent
    return under_way <= 0 or block.congestion.cwnd - under_way >= size


def _armed(block: Block) -> bool:
    timer = block.sent_timer
    return timer is not None and timer.deadline != NEVER


def _sack_option(block: Block) -> TcpOptions | None:
    """SACK blocks: RFC 2018 §3, §4; RFC 2883 §4 CC-039, the duplicate first and once."""
    if not block.sack_ok:
        block.dsack_left = -1
        return None
    limit = 3 if block.ts_ok else 4
    edges: list[tuple[int, int]] = []
    if block.dsack_left >= 0:
        edges.append((block.dsack_left, block.dsack_right))
        block.dsack_left = -1
        limit -= 1
    assembly = block.assembly
    if assembly is not None:
        edges.extend(assembly.blocks(limit))
    if not edges:
        return None
    return TcpOptions(sack=tuple(edges))


def _point_urgent(block: Block, header: Tcp) -> None:
    """RFC 9293 §3.8.5 MUST-62: the pointer is the octet after the urgent one."""
    ahead = (block.snd_up - header.seq) & MASK
    if 0 < ahead <= WINDOW_FIELD:
        header.flags |= URG
        header.urgent = ahead
    elif WINDOW_FIELD < ahead < HALF:
        header.flags |= URG  # too far to say: MUST-31, the pointer moves with the sequence number
        header.urgent = WINDOW_FIELD
