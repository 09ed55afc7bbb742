"""How a connection opens: active, passive, both at once; options, initial sequence numbers, first windows.

RFC 9293 §3.5, §3.10.7.2 (SYN to a listener), §3.10.7.3 (SYN-SENT), RFC 6528 (ISN), RFC 7323 §2 and §3,
RFC 2018 §2, RFC 6191 (a SYN in TIME-WAIT). Left out: SYN cookies, TFO.
"""

from __future__ import annotations

from typing import Final

from trunkline.base.dice import keyed_hash
from trunkline.base.results import PORT_REFUSED, RESET
from trunkline.base.units import MILLISECOND
from trunkline.link.nic import Nic
from trunkline.transport.tcp.block import (
    ACK_NOW,
    ESTABLISHED,
    FIN_WAIT_1,
    OPEN,
    SYN_RECEIVED,
    SYN_SENT,
    Block,
    disarm_sent,
    enter,
    tell,
    touch,
)
from trunkline.transport.tcp.closing import finish
from trunkline.transport.tcp.congestion import initial_window
from trunkline.transport.tcp.policy import (
    DEFAULT_MSS4,
    DEFAULT_MSS6,
    MAXIMUM_SHIFT,
    MINIMUM_MSS,
    WINDOW_FIELD,
)
from trunkline.transport.tcp.receiving import receive_segment, receive_text
from trunkline.transport.tcp.replies import challenge, refuse
from trunkline.transport.tcp.rtt import take_sample
from trunkline.transport.tcp.scoreboard import EVER_RESENT
from trunkline.transport.tcp.sending import update_mss
from trunkline.transport.tcp.sequence import HALF, MASK
from trunkline.wire.header import IpHeader
from trunkline.wire.tcp import ABSENT, ACK, FIN, RST, SYN, Tcp

_ISN_TICK: Final = (
    4000  # nanoseconds. RFC 9293 §3.4.1 MUST-8: the clock of initial sequence numbers
)


def prepare(block: Block, now: int) -> None:
    """Numbers and offers that both kinds of opening need."""
    common = block.common
    settings = block.settings
    ports = block.local_port.to_bytes(2, "big") + block.remote_port.to_bytes(2, "big")
    # RFC 9293 §3.4.1 SHLD-1 MUST-9, RFC 6528 §3: ISN = M + F(four-tuple, secret)
    secret = keyed_hash(common.secret, block.local + block.remote + ports)
    block.iss = (now // _ISN_TICK + secret) & MASK
    block.snd_una = block.snd_nxt = block.iss
    # one offset for a pair of hosts, so that RFC 6191 finds timestamps that grow
    block.ts_offset = keyed_hash(common.secret ^ 1, block.local + block.remote) & MASK
    v6 = len(block.remote) == 16
    # RFC 9293 §3.7.1 MUST-67, SHLD-6: from what the interface can take, less the fixed headers
    mss = block.path.nic.mtu - (60 if v6 else 40)
    limit = WINDOW_FIELD - (0 if v6 else 40)
    if mss > limit:
        mss = limit
    if settings.max_segment and mss > settings.max_segment:
        mss = settings.max_segment
    block.adv_mss = max(mss, MINIMUM_MSS)
    block.peer_mss = DEFAULT_MSS6 if v6 else DEFAULT_MSS4
    block.rcv_mss = min(block.adv_mss, block.peer_mss)
    block.window_step = max(1, min(block.receive_buffer >> 1, block.adv_mss))
    if common.policy.window_scaling:
        largest = max(common.policy.max_receive_buffer, block.receive_buffer)
        shift = 0
        while shift < MAXIMUM_SHIFT and largest >> shift > WINDOW_FIELD:
            shift += 1
        block.rcv_scale = shift
    block.rto = common.policy.rto_initial


def open_active(block: Block, now: int) -> None:
    """OPEN with a remote address: SYN at the next poll. RFC 9293 §3.10.1."""
    prepare(block, now)
    enter(block, SYN_SENT, now)
    block.syn_due = True
    touch(block)


def open_passive(block: Block, header: Tcp, now: int) -> None:
    """A SYN for a listener: SYN-ACK at the next poll. RFC 9293 §3.10.7.2."""
    prepare(block, now)
    block.passive = True
    _take_offer(block, header, now)
    enter(block, SYN_RECEIVED, now)
    block.syn_due = True
    touch(block)


def receive_in_syn_sent(
    block: Block, nic: Nic, ip: IpHeader, header: Tcp, payload: bytes, now: int
) -> None:
    """RFC 9293 §3.10.7.3."""
    flags = header.flags
    counters = block.common.counters
    if flags & ACK and header.ack != block.snd_nxt:
        # the SYN is all that was sent
        counters.count("tcp: ACK of another SYN")
        refuse(block.common, nic, ip, header, len(payload), now)
        return
    if block.snd_nxt == block.iss:
        counters.count("tcp: before the SYN")
        return
    if flags & RST:
        if flags & ACK:
            finish(block, PORT_REFUSED, now)
        else:
            counters.count("tcp: RST without ACK")
        return
    if not flags & SYN:
        counters.count("tcp: no SYN")
        return
    _take_offer(block, header, now)
    block.heard_at = now
    if not flags & ACK:
        # RFC 9293 §3.5 MUST-10: two SYNs crossed
        enter(block, SYN_RECEIVED, now)
        block.syn_due = True
        touch(block)
        return
    _establish(block, header, now)
    block.ack_wanted = ACK_NOW
    touch(block)
    if payload or flags & FIN:
        receive_text(block, block.rcv_nxt, payload, flags & FIN != 0, now)


def receive_in_syn_received(
    block: Block, nic: Nic, ip: IpHeader, header: Tcp, payload: bytes, now: int
) -> None:
    """RFC 9293 §3.10.7.4 for SYN-RECEIVED."""
    flags = header.flags
    counters = block.common.counters
    seq = header.seq
    if block.ts_ok and header.ts_val != ABSENT and not flags & RST:
        if (header.ts_val - block.ts_recent) & MASK >= HALF:
            counters.count("tcp: old timestamp")
            challenge(block, False, now)
            return
    if flags & SYN and not flags & RST:
        crossed = flags & ACK and not block.passive and header.ack == block.snd_nxt
        if seq == block.irs and not crossed:
            if flags & ACK:
                challenge(block, False, now)
            else:
                block.syn_due = True  # our SYN-ACK was lost, it seems
                touch(block)
            return
        if seq != block.irs:
            challenge(block, False, now)
            return
    else:
        start = (seq - block.rcv_nxt) & MASK
        if start >= max(1, (block.rcv_adv - block.rcv_nxt) & MASK):
            counters.count("tcp: outside the window")
            if not flags & RST:
                challenge(block, len(payload) > 0, now)
            return
        if flags & RST:
            if seq != block.rcv_nxt:
                challenge(block, False, now)
            else:
                # MUST-11: a passive one goes back to LISTEN, an active one was refused
                finish(block, RESET if block.passive else PORT_REFUSED, now)
            return
    if not flags & ACK:
        counters.count("tcp: no ACK")
        return
    if header.ack != block.snd_nxt or block.snd_nxt == block.iss:
        counters.count("tcp: ACK of another SYN")
        refuse(block.common, nic, ip, header, len(payload), now)
        return
    listener = block.listener
    if listener is not None:
        if len(listener.accept_queue) > listener.backlog:
            # as Linux: the peer thinks it is connected, and tries again; so do we
            counters.count("accept queue full")
            return
        listener.half_open.remove(block)
        listener.accept_queue.append(block)
        block.listener = None
        endpoint = listener.endpoint
        if endpoint is not None and not endpoint.noted:
            endpoint.noted = True
            block.common.events.append(endpoint)
    block.heard_at = now
    _establish(block, header, now)
    if flags & SYN:
        return
    if payload or flags & FIN:
        receive_segment(block, header, payload, now)


def may_reopen(block: Block, header: Tcp) -> bool:
    """Whether a SYN may take the place of a connection in TIME-WAIT. RFC 9293 §3.6.1 MAY-2, SHLD-4."""
    if header.flags & (SYN | ACK | RST) != SYN:
        return False
    if block.ts_ok and header.ts_val != ABSENT:
        # RFC 6191 §2
        newer = (header.ts_val - block.ts_recent) & MASK
        if newer:
            return newer < HALF
    ahead = (header.seq - block.rcv_nxt) & MASK
    return 0 < ahead < HALF


def _take_offer(block: Block, header: Tcp, now: int) -> None:
    """What the peer's SYN says. RFC 9293 §3.1 MUST-5: options in any order, unknown ones skipped."""
    policy = block.common.policy
    block.irs = header.seq
    block.rcv_nxt = (header.seq + 1) & MASK
    block.rcv_adv = (block.rcv_nxt + min(block.receive_buffer, WINDOW_FIELD)) & MASK
    block.last_ack_sent = block.rcv_nxt
    # CC-045: the window of a SYN is not scaled
    block.snd_wnd = block.max_snd_wnd = header.window
    block.snd_wl1 = header.seq
    block.snd_wl2 = header.ack if header.flags & ACK else block.iss
    shift = ABSENT
    options = header.options
    block.sack_ok = False
    if options is not None:
        if options.mss > 0:
            block.peer_mss = max(options.mss, MINIMUM_MSS)
        shift = options.window_scale
        block.sack_ok = policy.sack and options.sack_permitted
    # as Linux: what TCP_MAXSEG says counts here, and no more later
    limit = block.settings.max_segment
    if limit and block.peer_mss > limit:
        block.peer_mss = limit
    # RFC 7323 §2.2 CC-044: both or neither, and 14 at most
    if shift != ABSENT and policy.window_scaling:
        block.scale_ok = True
        block.snd_scale = min(shift, MAXIMUM_SHIFT)
    else:
        block.scale_ok = False
        block.rcv_scale = block.snd_scale = 0
    block.ts_ok = policy.timestamps and header.ts_val != ABSENT
    if block.ts_ok:
        block.ts_recent = header.ts_val
        block.ts_recent_at = now
    update_mss(block)


def _establish(block: Block, header: Tcp, now: int) -> None:
    """The SYN is acknowledged: ESTABLISHED, with windows and timeout to begin with."""
    board = block.scoreboard
    record = board.first()
    policy = block.common.policy
    segments = policy.initial_window
    if record is not None:
        if record.state & EVER_RESENT:
            # RFC 5681 §3.1 MUST CC-003: after a lost SYN one segment, though RFC 6928 §2 forgives the first
            if record.times > 1 + policy.syn_losses_forgiven:
                segments = 1
            # RFC 6298 §5.7 MUST CC-031
            block.rto = max(policy.rto_initial, policy.rto_after_syn_loss)
            if block.ts_ok and header.ts_ecr and policy.sample_after_syn_loss:
                elapsed = (now // MILLISECOND + block.ts_offset - header.ts_ecr) & MASK
                if elapsed < HALF:
                    take_sample(block, elapsed * MILLISECOND)
        else:
            take_sample(block, now - record.sent_at)
        board.clear()
    block.snd_una = header.ack
    block.backoff = 0
    block.recovery = OPEN
    block.force_resend = False
    block.recover = block.iss
    block.small_end = block.snd_una
    disarm_sent(block)
    window = header.window
    if not header.flags & SYN:
        window <<= block.snd_scale
    block.snd_wnd = window
    block.max_snd_wnd = max(block.max_snd_wnd, window)
    block.snd_wl1 = header.seq
    block.snd_wl2 = header.ack
    update_mss(block)
    block.congestion.on_mss(block.mss)
    block.congestion.cwnd = initial_window(block.mss, segments)
    enter(block, ESTABLISHED, now)
    if block.fin_pending:
        enter(block, FIN_WAIT_1, now)
    tell(block)
    touch(block)
