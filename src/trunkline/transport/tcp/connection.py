"""A connection's doors: what the socket floor calls. RFC 9293 §3.9.1 (the user interface).

Nothing here waits, sends or raises. Numbers of octets come back, or result codes in `error`.
"""

from __future__ import annotations

from typing import final

from trunkline.base.timers import NEVER
from trunkline.transport.tcp import closing
from trunkline.transport.tcp.alarms import arm_keepalive, expired
from trunkline.transport.tcp.block import (
    ACK_NOW,
    CLOSE_WAIT,
    CLOSED,
    ESTABLISHED,
    FIN_WAIT_1,
    FIN_WAIT_2,
    STATE_NAMES,
    SYN_RECEIVED,
    SYN_SENT,
    Block,
    touch,
)
from trunkline.transport.tcp.cubic import congestion_named
from trunkline.transport.tcp.policy import WINDOW_FIELD
from trunkline.transport.tcp.sending import update_mss
from trunkline.transport.tcp.sequence import HALF, MASK


@final
class Connection(Block):
    """One end of a connection. `state`, `local`, `local_port`, `remote`, `remote_port` and `settings` are
    for reading; `endpoint` is set by whoever accepts."""

    __slots__ = ()

    def send(self, data: bytes, now: int, more: bool = False) -> int:
        """Queue octets for sending; how many were taken, 0 where the buffer is full.

        `data` is kept by reference. `more` is MSG_MORE: a partial segment may wait for what follows.
        """
        # RFC 9293 §3.9.1.2: SEND in SYN-SENT and SYN-RECEIVED queues too
        if self.fin_pending or self.state in (CLOSED, FIN_WAIT_1, FIN_WAIT_2):
            return 0
        space = self.send_buffer - self.unsent.octets - ((self.snd_nxt - self.snd_una) & MASK)
        count = len(data)
        if count > space:
            self.write_blocked = True
            if space <= 0:
                return 0
            data = data[:space]
            count = space
        self.unsent.append(data)
        self.more = more
        if not self.dirty:
            touch(self)
        return count

    def send_urgent(self, data: bytes, now: int) -> int:
        """Queue octets of which the last is urgent. RFC 9293 §3.8.5 MUST-30."""
        count = self.send(data, now)
        if count:
            self.snd_up = (self.snd_nxt + self.unsent.octets) & MASK
            self.urgent_sending = True
            self.push_now = True
        return count

    def receive(self, limit: int, now: int) -> bytes:
        """Up to `limit` octets in order, `b""` where there are none (see `eof`).

        Reading stops at the urgent octet, which is left out unless `oob_inline` is set.
        """
        if self.urgent_at >= 0:
            limit = self._before_mark(limit)
        queue = self.unread
        data = queue.take(limit)
        # A window that was less than half open is told when it has doubled, as Linux has it
        offered = (self.rcv_adv - self.rcv_nxt) & MASK
        if offered * 2 <= self.receive_buffer or offered >= HALF:
            if offered >= HALF:
                offered = 0
            free = min(self.receive_buffer - queue.octets, WINDOW_FIELD << self.rcv_scale)
            if (
                free >= 2 * offered
                and free - offered >= self.window_step
                and not self.fin_received
                and self.state != CLOSED
            ):
                self.ack_wanted = ACK_NOW
                touch(self)
        return data

    def peek(self, limit: int) -> bytes:
        """As `receive`, but the octets stay."""
        if self.urgent_at >= 0:
            ahead = self.to_mark()
            if ahead > 0:
                limit = min(limit, ahead)
        return self.unread.peek(limit)

    def available(self) -> int:
        """Octets that `receive` could give."""
        return self.unread.octets

    def send_space(self) -> int:
        """Octets that `send` would take."""
        if self.fin_pending or self.state == CLOSED:
            return 0
        return max(
            0, self.send_buffer - self.unsent.octets - ((self.snd_nxt - self.snd_una) & MASK)
        )

    def unsent_or_unacked(self) -> int:
        """SIOCOUTQ: octets that the peer has not acknowledged."""
        return self.unsent.octets + self._under_way()

    def unsent_octets(self) -> int:
        """SIOCOUTQNSD: octets that were not sent yet."""
        return self.unsent.octets

    def connected(self) -> bool:
        """Whether the handshake is done (and the connection is not over)."""
        return self.state >= ESTABLISHED

    def connecting(self) -> bool:
        """Whether the handshake is under way."""
        return self.state in (SYN_SENT, SYN_RECEIVED)

    def readable(self) -> bool:
        """Whether `receive` would not block: data, an end, or an error."""
        return (
            self.unread.octets > 0
            or self.fin_received
            or self.rcv_shut
            or self.error != 0
            or self.state == CLOSED
        )

    def writable(self) -> bool:
        """Whether `send` would take a fair amount, or fail at once."""
        state = self.state
        if state == CLOSED or self.fin_pending:
            return True
        if state < ESTABLISHED:
            return False
        free = self.send_buffer - self.unsent.octets - ((self.snd_nxt - self.snd_una) & MASK)
        if free * 3 >= self.send_buffer:
            return True
        self.write_blocked = True  # whoever asks wants to be told
        return False

    def eof(self) -> bool:
        """Whether everything that will ever come has been read."""
        if self.unread.octets:
            return False
        return self.fin_received or self.rcv_shut or self.state == CLOSED

    def peer_closed(self) -> bool:
        """RDHUP: the peer's FIN was received, or this side shut its reading."""
        return self.fin_received or self.rcv_shut or self.state == CLOSED

    def hung_up(self) -> bool:
        """HUP: both directions are over."""
        return self.state == CLOSED or (self.fin_pending and (self.fin_received or self.rcv_shut))

    def send_shut(self) -> bool:
        """Whether this side has ended its sending."""
        return self.fin_pending or self.fin_sent or self.state == CLOSED

    def troubled(self) -> bool:
        """Whether more than R1 timeouts have passed without an answer. RFC 9293 §3.8.3 SHLD-9."""
        return self.backoff > self.common.policy.retries1

    def take_error(self) -> int:
        """SO_ERROR: the result code pending, which is cleared; soft errors too."""
        # RFC 9293 §3.9.1.8 MUST-47
        error = self.error or self.soft_error
        self.error = 0
        self.soft_error = 0
        return error

    def shutdown_send(self, now: int) -> None:
        """No more will be sent: FIN after what is queued."""
        closing.shutdown_send(self, now)

    def shutdown_receive(self, now: int) -> None:
        """No more will be read."""
        closing.shutdown_receive(self, now)

    def close(self, now: int) -> None:
        """Let go. Queued data is still delivered; data that nobody read makes it a reset."""
        closing.close(self, now)

    def abort(self, now: int) -> None:
        """Throw everything away, with a reset."""
        self.orphan = True
        self.endpoint = None
        closing.abort(self, now)

    def settings_changed(self, now: int) -> None:
        """`settings` was changed: what follows from that follows now."""
        settings = self.settings
        self.send_buffer = settings.send_buffer
        self.receive_buffer = settings.receive_buffer
        before = self.congestion
        if settings.congestion != before.name():
            after = congestion_named(
                settings.congestion, before.mss, before.cwnd, before.slow_start_limit
            )
            after.ssthresh = before.ssthresh
            self.congestion = after
        if self.adv_mss:
            self.window_step = max(1, min(self.receive_buffer >> 1, self.adv_mss))
        if self.state >= ESTABLISHED:
            update_mss(self)
            if self.unsent.octets:
                touch(self)  # Nagle or a cork may have been lifted
            timer = self.life_timer
            if settings.keepalive:
                if timer is not None and self.state in (ESTABLISHED, CLOSE_WAIT):
                    timer.deadline = NEVER
                arm_keepalive(self, now)
            if settings.quickack and self.ack_wanted:
                self.ack_wanted = ACK_NOW
                touch(self)

    # Urgent data. RFC 9293 §3.8.5

    def to_mark(self) -> int:
        """Octets before the urgent one, 0 at the mark, -1: no urgent data is ahead. MUST-33."""
        if self.urgent_at < 0:
            return -1
        read = (self.rcv_nxt - self.unread.octets) & MASK
        if self.fin_received:
            read = (read - 1) & MASK
        ahead = (self.urgent_at - read) & MASK
        return ahead if ahead < HALF else -1

    def urgent(self) -> bool:
        """Whether urgent data was announced that was not taken. MUST-32."""
        return self.urgent_pending

    def receive_urgent(self) -> int:
        """The urgent octet, out of the stream's order; -1 where it has not come (or was taken)."""
        if not self.urgent_pending:
            return -1
        ahead = self.to_mark()
        if ahead < 0 or ahead >= self.unread.octets:
            return -1
        self.urgent_pending = False
        return self.unread.peek(ahead + 1)[ahead]

    def statistics(self) -> dict[str, int]:
        """As TCP_INFO: the numbers that tell how it goes; times in nanoseconds."""
        board = self.scoreboard
        return {
            "state": self.state,
            "mss": self.mss,
            "cwnd": self.congestion.cwnd,
            "ssthresh": self.congestion.ssthresh,
            "srtt": self.srtt,
            "rttvar": self.rttvar,
            "rto": self.rto,
            "backoff": self.backoff,
            "snd_wnd": self.snd_wnd,
            "under_way": self._under_way(),
            "unsent": self.unsent.octets,
            "sacked": board.sacked,
            "lost": board.lost,
            "resent": self.resent_total,
            "unread": self.unread.octets,
            "out_of_order": 0 if self.assembly is None else self.assembly.octets(),
        }

    def state_name(self) -> str:
        """As RFC 9293 §3.3.2 names it."""
        return STATE_NAMES[self.state]

    def on_timer(self, kind: int, now: int) -> None:
        """One of its timers is due."""
        expired(self, kind, now)

    def _under_way(self) -> int:
        count = (self.snd_nxt - self.snd_una) & MASK
        if self.fin_sent and count:
            count -= 1
        return count

    def _before_mark(self, limit: int) -> int:
        """How far a read may go: not across the urgent octet, which is skipped where it is next."""
        ahead = self.to_mark()
        if ahead < 0:
            self.urgent_at = -1
            self.urgent_pending = False
            return limit
        if ahead > 0:
            return min(limit, ahead)
        if self.unread.octets == 0:
            return limit
        if not self.settings.oob_inline:
            octet = self.unread.take(1)
            self.urgent_octet = octet[0]
        self.urgent_at = -1
        self.urgent_pending = False
        return limit
