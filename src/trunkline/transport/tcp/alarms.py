"""What a connection does when one of its timers expires.

RFC 6298 §5 (retransmission), RFC 9293 §3.8.3 (R1 and R2), §3.8.6.1 (probing), §3.8.4 (keep-alive), §3.6.1.
One timer serves retransmission and probing (never both at once), one the delayed ACK, one the rest.
"""

from __future__ import annotations

from trunkline.base.results import TIMED_OUT
from trunkline.base.timers import NEVER
from trunkline.transport.tcp.block import (
    ACK_LATER,
    ACK_NOW,
    ACK_PROBE,
    CLOSE_WAIT,
    CLOSED,
    DELAYED_ACK,
    ESTABLISHED,
    FIN_WAIT_2,
    LIFE,
    SYN_RECEIVED,
    SYN_SENT,
    TIME_WAIT,
    Block,
    arm_life,
    arm_sent,
    tell,
    touch,
)
from trunkline.transport.tcp.closing import abort, finish
from trunkline.transport.tcp.recovery import on_timeout


def expired(block: Block, kind: int, now: int) -> None:
    """A timer of this connection is due."""
    state = block.state
    if state == CLOSED:
        return
    if kind == DELAYED_ACK:
        if block.ack_wanted == ACK_LATER:
            block.ack_wanted = ACK_NOW
            block.pingpong = False  # no answer came in time to carry it
            touch(block)
    elif kind == LIFE:
        _life(block, state, now)
    elif state in (SYN_SENT, SYN_RECEIVED):
        _syn(block, state, now)
    elif block.snd_una != block.snd_nxt:
        _retransmit(block, now)
    elif block.unsent.octets or block.fin_pending:
        _probe(block, now)


def arm_keepalive(block: Block, now: int) -> None:
    """Start watching a silent peer, where the program asked for it. RFC 9293 §3.8.4 MUST-24."""
    if block.settings.keepalive and block.state in (ESTABLISHED, CLOSE_WAIT, FIN_WAIT_2):
        timer = block.life_timer
        if timer is None or timer.deadline == NEVER:
            arm_life(block, now + block.settings.keep_idle)


def _syn(block: Block, state: int, now: int) -> None:
    """No answer to a SYN or a SYN-ACK. RFC 9293 §3.8.3 MUST-22."""
    policy = block.common.policy
    settings = block.settings
    if state == SYN_RECEIVED and block.passive:
        linear = 0
        most = policy.syn_ack_retries
    else:
        linear = policy.syn_linear_timeouts
        most = (settings.syn_retries or policy.syn_retries) + linear
    first = block.scoreboard.first()
    if block.failed_since == NEVER:
        block.failed_since = first.sent_at if first is not None else now
    waited = now - block.failed_since
    limit = settings.user_timeout
    if settings.syn_retries and not limit and linear:
        # as Linux: linear waits or not, no longer than so many doublings would take
        limit = ((2 << settings.syn_retries) - 1) * policy.rto_initial
    if block.syn_retries >= most or (limit and waited >= limit):
        finish(block, block.soft_error or TIMED_OUT, now)
        return
    block.syn_retries += 1
    if block.syn_retries > linear:
        block.rto = min(block.rto * 2, policy.rto_max)
    block.syn_due = True
    touch(block)


def _retransmit(block: Block, now: int) -> None:
    """RFC 6298 §5.4 to §5.6."""
    common = block.common
    policy = common.policy
    first = block.scoreboard.first()
    assert first is not None
    if block.failed_since == NEVER:
        block.failed_since = first.sent_at
    if block.snd_wnd == 0 and now - block.heard_at <= 2 * policy.rto_max:
        # The peer closed or took back its window: these resends are probes. RFC 9293 §3.8.6.1 MUST-37,
        # SHLD-17: it may keep it closed for ever
        if _user_gave_up(block, block.failed_since, now):
            return
        block.backoff += 1
        block.scoreboard.mark_lost(first)
        block.force_resend = True
        touch(block)
        arm_sent(block, now + min(block.rto << min(block.backoff, 30), policy.rto_max))
        return
    if _gave_up(block, now):
        return
    # R1: RFC 9293 §3.8.3 MUST-20
    if block.backoff == policy.retries1:
        _another_route(block)
        tell(block)  # SHLD-9: `Connection.troubled` says so
    on_timeout(block, now)
    # RFC 6298 §5.5 MUST CC-030
    block.backoff += 1
    block.rto = min(block.rto * 2, policy.rto_max)
    arm_sent(block, now + block.rto)


def _gave_up(block: Block, now: int) -> bool:
    """R2, RFC 9293 §3.8.3 MUST-20, MUST-21."""
    policy = block.common.policy
    limit = block.settings.user_timeout or policy.give_up_after
    if now - block.failed_since >= limit or (
        block.orphan and block.backoff >= policy.orphan_retries
    ):
        finish(block, block.soft_error or TIMED_OUT, now)
        return True
    return False


def _user_gave_up(block: Block, since: int, now: int) -> bool:
    limit = block.settings.user_timeout
    if block.orphan and block.backoff >= block.common.policy.orphan_retries:
        abort(block, now)
        block.error = TIMED_OUT
        return True
    if limit and now - since >= limit:
        finish(block, TIMED_OUT, now)
        return True
    return False


def _another_route(block: Block) -> None:
    """Unconfirmed, the next hop is looked after by the link floor; a dead gateway is then passed over."""
    block.common.internet.refresh(block.path)


def _probe(block: Block, now: int) -> None:
    """Something waits and nothing is under way: RFC 9293 §3.8.6.1 MUST-36, and the override of Nagle."""
    policy = block.common.policy
    if block.snd_wnd > 0:
        # A silly piece, or a cork: it has waited long enough. §3.8.6.2.1, MUST-60
        block.push_now = True
        touch(block)
        return
    if block.failed_since == NEVER:
        block.failed_since = now
    # MUST-37: open as long as probes are answered; a user timeout ends even that, as in Linux
    silence = now - max(block.heard_at, block.failed_since)
    if _user_gave_up(block, block.failed_since, now):
        return
    if silence >= policy.give_up_after:
        finish(block, block.soft_error or TIMED_OUT, now)
        return
    # SHLD-30: the interval grows exponentially
    block.backoff += 1
    arm_sent(block, now + min(block.rto << min(block.backoff, 30), policy.rto_max))
    if policy.probe_with_data and block.unsent.octets:
        block.push_now = True  # one octet beyond the window
    else:
        block.ack_wanted = ACK_PROBE
    touch(block)


def _life(block: Block, state: int, now: int) -> None:
    if state == TIME_WAIT:
        finish(block, 0, now)
        return
    if state == FIN_WAIT_2 and block.orphan:
        finish(block, 0, now)
        return
    settings = block.settings
    if not settings.keepalive or state not in (ESTABLISHED, CLOSE_WAIT, FIN_WAIT_2):
        return
    # RFC 9293 §3.8.4 MUST-26: only after silence
    silence = now - block.heard_at
    if block.snd_una != block.snd_nxt or block.unsent.octets:
        arm_life(block, now + settings.keep_idle)  # the retransmission timer watches
        return
    if silence < settings.keep_idle:
        block.keep_probes = 0
        arm_life(block, block.heard_at + settings.keep_idle)
        return
    if block.keep_probes and block.heard_at >= block.probed_at:
        block.keep_probes = 0
    # MUST-29: one lost answer proves nothing
    if block.keep_probes >= settings.keep_count or (
        settings.user_timeout and block.keep_probes and silence >= settings.user_timeout
    ):
        abort(block, now)
        block.error = block.soft_error or TIMED_OUT
        return
    block.keep_probes += 1
    block.probed_at = now
    block.ack_wanted = ACK_PROBE
    arm_life(block, now + settings.keep_interval)
    touch(block)
