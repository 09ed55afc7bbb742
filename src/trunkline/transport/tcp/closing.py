"""Ends of connections: half close, close, abort, TIME-WAIT, and giving everything back.

RFC 9293 §3.6, §3.10.4 (CLOSE), §3.10.5 (ABORT), §3.10.8 (timeouts); RFC 1337; RFC 6191 (reuse of TIME-WAIT).
"""

from __future__ import annotations

from trunkline.base.results import RESET
from trunkline.base.timers import Timer
from trunkline.transport.tcp.block import (
    ACK_NONE,
    ACK_NOW,
    CLOSE_WAIT,
    CLOSED,
    CLOSING,
    ESTABLISHED,
    FIN_WAIT_1,
    FIN_WAIT_2,
    LAST_ACK,
    LIFE,
    OPEN,
    SYN_RECEIVED,
    SYN_SENT,
    TIME_WAIT,
    Block,
    arm_life,
    disarm_all,
    enter,
    tell,
    touch,
)


def shutdown_send(block: Block, now: int) -> None:
    """The program has said its last word: FIN after everything queued. RFC 9293 §3.10.4."""
    if block.fin_pending:
        return
    state = block.state
    if state == ESTABLISHED:
        enter(block, FIN_WAIT_1, now)
    elif state == CLOSE_WAIT:
        enter(block, LAST_ACK, now)
    elif state != SYN_RECEIVED:
        return
    block.fin_pending = True
    block.more = False
    touch(block)


def shutdown_receive(block: Block, now: int) -> None:
    """The program will read no more; as Linux, what still comes is taken and kept unread."""
    block.rcv_shut = True
    tell(block)


def close(block: Block, now: int) -> None:
    """The program has let go. What it sent is still delivered, unless data came that nobody read."""
    block.orphan = True
    block.endpoint = None
    state = block.state
    if state == CLOSED:
        return
    if state == SYN_SENT:
        finish(block, 0, now)
        return
    if state == TIME_WAIT:
        block.unread.clear()
        return
    # RFC 9293 §3.6.1 SHLD-3, RFC 2525 §2.17: unread data is lost, and the peer is told so by a reset
    if block.unread.octets or block.settings.linger == 0:
        abort(block, now)
        return
    if state in (ESTABLISHED, CLOSE_WAIT, SYN_RECEIVED):
        shutdown_send(block, now)
    elif state == FIN_WAIT_2:
        orphan_waits(block, now)


def abort(block: Block, now: int) -> None:
    """Throw the connection away and tell the peer by a reset. RFC 9293 §3.10.5."""
    state = block.state
    if state in (CLOSED, SYN_SENT):
        finish(block, 0, now)
        return
    if state not in (CLOSING, LAST_ACK, TIME_WAIT) or block.unsent.octets or block.unread.octets:
        block.reset_due = True
    block.unread.clear()
    finish(block, 0, now)
    if block.reset_due:
        touch(block)


def reset_by_peer(block: Block, now: int, code: int = RESET) -> None:
    """A reset was accepted. RFC 9293 §3.6 MUST-12: the program can tell it from an end."""
    block.common.counters.count("connections reset")
    finish(block, code, now)


def finish(block: Block, error: int, now: int) -> None:
    """CLOSED: out of every table, every timer off. What came in order may still be read."""
    if block.state == CLOSED:
        return
    common = block.common
    if block.state == TIME_WAIT:
        common.time_waits -= 1
    key = (block.remote, block.remote_port, block.local, block.local_port)
    if common.connections.get(key) is block:
        del common.connections[key]
    if common.last is block:
        common.last = None
    disarm_all(block)
    listener = block.listener
    if listener is not None:
        block.listener = None
        if block in listener.half_open:
            listener.half_open.remove(block)
    block.error = error
    block.ack_wanted = ACK_NONE
    block.syn_due = False
    _forget_sending(block)
    block.assembly = None
    enter(block, CLOSED, now)
    claim = block.claim
    if claim is not None:
        block.claim = None
        claim.release()
    tell(block)


def enter_time_wait(block: Block, now: int) -> None:
    """Both directions are closed, and the peer may not know: wait. RFC 9293 §3.6.1 MUST-13."""
    common = block.common
    if common.time_waits >= common.policy.time_wait_limit:
        common.counters.count("TIME-WAITs cut short")
        finish(block, 0, now)
        return
    enter(block, TIME_WAIT, now)
    common.time_waits += 1
    disarm_all(block)
    _forget_sending(block)
    block.assembly = None
    block.sent_timer = block.ack_timer = None
    block.congestion.hystart = None
    # Its end can wake nobody: it keeps no run alive
    block.life_timer = Timer(block, LIFE, True)
    wait_again(block, now)
    tell(block)


def wait_again(block: Block, now: int) -> None:
    """(Re)start the 2 MSL."""
    arm_life(block, now + block.common.policy.time_wait)


def orphan_waits(block: Block, now: int) -> None:
    """FIN-WAIT-2 of a connection whose program has gone does not last for ever, as in Linux."""
    if block.orphan and block.state == FIN_WAIT_2:
        wait = block.settings.fin_wait_2
        if wait < 0:
            abort(block, now)
        else:
            arm_life(block, now + wait)


def receive_fin(block: Block, now: int) -> None:
    """The peer's FIN is next in order. RFC 9293 §3.10.7.4, eighth step."""
    block.rcv_nxt = (block.rcv_nxt + 1) & 0xFFFFFFFF
    block.fin_received = True
    block.assembly = None
    block.ack_wanted = ACK_NOW
    touch(block)
    state = block.state
    if state == ESTABLISHED:
        enter(block, CLOSE_WAIT, now)
    elif state == FIN_WAIT_1:
        # our FIN is not acknowledged yet, or FIN-WAIT-2 would have been entered
        enter(block, CLOSING, now)
    elif state == FIN_WAIT_2:
        enter_time_wait(block, now)
    tell(block)


def _forget_sending(block: Block) -> None:
    block.unsent.clear()
    block.scoreboard.clear()
    block.fin_pending = block.force_resend = False
    block.recovery = OPEN
    block.write_blocked = False
