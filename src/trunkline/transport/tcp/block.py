"""The transmission control block: a connection's variables under their RFC names, and what a host's share.

RFC 9293 §3.3.1 (variables), §3.3.2 (states). Plain data, and the few acts that every machine needs:
entering a state, asking to be polled, arming a timer. The machines are functions in the files beside it;
`Connection` adds the doors. Unusual things are made on first use.
"""

from __future__ import annotations

from typing import Final

from trunkline.base.dice import Dice
from trunkline.base.results import Counters
from trunkline.base.timers import NEVER, Timer, TimerOwner, TimerQueue
from trunkline.internet.layer import Internet
from trunkline.internet.paths import Path
from trunkline.link.nic import Node
from trunkline.transport.endpoint import Endpoint
from trunkline.transport.ports import Claim
from trunkline.transport.tcp.assembly import Assembly
from trunkline.transport.tcp.bytequeue import ByteQueue
from trunkline.transport.tcp.congestion import Congestion
from trunkline.transport.tcp.policy import TcpPolicy, TcpSettings
from trunkline.transport.tcp.scoreboard import Scoreboard
from trunkline.transport.tcp.sequence import MASK
from trunkline.wire.tcp import Tcp

CLOSED: Final = 0
LISTEN: Final = 1
SYN_SENT: Final = 2
SYN_RECEIVED: Final = 3
ESTABLISHED: Final = 4
FIN_WAIT_1: Final = 5
FIN_WAIT_2: Final = 6
CLOSE_WAIT: Final = 7
CLOSING: Final = 8
LAST_ACK: Final = 9
TIME_WAIT: Final = 10

STATE_NAMES: Final = (
    "CLOSED",
    "LISTEN",
    "SYN-SENT",
    "SYN-RECEIVED",
    "ESTABLISHED",
    "FIN-WAIT-1",
    "FIN-WAIT-2",
    "CLOSE-WAIT",
    "CLOSING",
    "LAST-ACK",
    "TIME-WAIT",
)

# Kinds of timers. What RETRANSMIT means depends on whether something is under way; LIFE on the state.
RETRANSMIT: Final = 1
DELAYED_ACK: Final = 2
LIFE: Final = 3

# How much an acknowledgement is wanted.
ACK_NONE: Final = 0
ACK_LATER: Final = 1
ACK_NOW: Final = 2
ACK_PROBE: Final = 3  # ask the peer for one: a segment that does not fit

# Recovery.
OPEN: Final = 0
RECOVERY: Final = 1
LOSS: Final = 2


class Reply:
    """A segment about no connection of ours, on its way out: a reset, or an answer for one in TIME-WAIT."""

    __slots__ = ("header", "path")

    def __init__(self, path: Path, header: Tcp) -> None:
        self.path = path
        self.header = header


class ListenBlock(TimerOwner):
    """A listener's variables: the SYN queue is counted, the accept queue kept."""

    __slots__ = ("accept_queue", "backlog", "claim", "closed", "endpoint", "half_open", "settings")

    def __init__(
        self, endpoint: Endpoint | None, claim: Claim | None, backlog: int, settings: TcpSettings
    ) -> None:
        self.endpoint = endpoint
        self.claim = claim
        self.backlog = backlog
        self.settings = settings
        self.half_open: list[Block] = []  # in SYN-RECEIVED, oldest first
        self.accept_queue: list[Block] = []  # established, not yet accepted
        self.closed = False


class Common:
    """What the connections of one host share."""

    __slots__ = (
        "challenge_count",
        "challenge_second",
        "connections",
        "counters",
        "dice",
        "dirty",
        "events",
        "internet",
        "last",
        "listeners",
        "node",
        "policy",
        "replies",
        "secret",
        "time_waits",
        "timers",
    )

    def __init__(
        self,
        internet: Internet,
        timers: TimerQueue,
        events: list[Endpoint],
        node: Node,
        dice: Dice,
        policy: TcpPolicy,
    ) -> None:
        self.internet = internet
        self.timers = timers
        self.events = events
        self.node = node
        self.dice = dice
        self.policy = policy
        self.counters = Counters()
        self.secret = dice.word()  # RFC 9293 §3.4.1 MUST-9: of the ISN hash
        self.connections: dict[tuple[bytes, int, bytes, int], Block] = {}
        self.listeners: dict[tuple[bytes, int], list[ListenBlock]] = {}
        self.last: Block | None = None  # the connection that the last segment was for
        self.dirty: list[Block] = []
        self.replies: list[Reply] = []
        self.time_waits = 0
        self.challenge_second = -1
        self.challenge_count = 0


class Block(TimerOwner):
    """One connection's variables. `snd_` and `rcv_` names are RFC 9293's; times are nanoseconds."""

    __slots__ = (
        "accepted",
        "ack_timer",
        "ack_wanted",
        "adv_mss",
        "assembly",
        "backoff",
        "challenged_at",
        "claim",
        "common",
        "congestion",
        "cwnd_limited",
        "dirty",
        "dsack_left",
        "dsack_right",
        "dupacks",
        "endpoint",
        "error",
        "failed_since",
        "fin_pending",
        "fin_received",
        "fin_sent",
        "force_resend",
        "heard_at",
        "irs",
        "iss",
        "keep_probes",
        "last_ack_sent",
        "last_sent_at",
        "life_timer",
        "listener",
        "local",
        "local_port",
        "max_snd_wnd",
        "more",
        "mss",
        "orphan",
        "passive",
        "path",
        "path_mtu",
        "peer_mss",
        "pingpong",
        "probed_at",
        "push_now",
        "quick",
        "rcv_adv",
        "rcv_mss",
        "rcv_nxt",
        "rcv_scale",
        "rcv_shut",
        "receive_buffer",
        "received_at",
        "recover",
        "recovery",
        "remote",
        "remote_port",
        "resent_total",
        "reset_due",
        "rto",
        "rttvar",
        "sack_ok",
        "scale_ok",
        "scoreboard",
        "send_buffer",
        "sent_timer",
        "settings",
        "small_end",
        "snd_nxt",
        "snd_scale",
        "snd_una",
        "snd_up",
        "snd_wl1",
        "snd_wl2",
        "snd_wnd",
        "soft_error",
        "srtt",
        "state",
        "syn_due",
        "syn_retries",
        "ts_offset",
        "ts_ok",
        "ts_recent",
        "ts_recent_at",
        "unread",
        "unsent",
        "urgent_at",
        "urgent_octet",
        "urgent_pending",
        "urgent_sending",
        "window_step",
        "write_blocked",
    )

    def __init__(
        self,
        common: Common,
        settings: TcpSettings,
        path: Path,
        local: bytes,
        local_port: int,
        remote: bytes,
        remote_port: int,
        congestion: Congestion,
    ) -> None:
        self.common = common
        self.settings = settings
        self.path = path
        self.local = local
        self.local_port = local_port
        self.remote = remote
        self.remote_port = remote_port
        self.congestion = congestion
        self.endpoint: Endpoint | None = None
        self.claim: Claim | None = None
        self.listener: ListenBlock | None = None  # while in its queues
        self.state = CLOSED
        self.passive = False  # RFC 9293 §3.5 MUST-11: how SYN-RECEIVED was reached
        self.accepted = True  # False while in a listener's queues
        self.orphan = False  # closed by its program
        self.error = 0  # why it ended, for the next call
        self.soft_error = 0  # what an ICMP message said of the way
        self.dirty = False
        # sending
        self.iss = 0
        self.snd_una = 0
        self.snd_nxt = 0
        self.snd_wnd = 0
        self.snd_wl1 = 0
        self.snd_wl2 = 0
        self.snd_up = 0  # after the urgent octet, while urgent_sending
        self.urgent_sending = False
        self.snd_scale = 0
        self.max_snd_wnd = 0
        self.mss = 536  # payload of a full segment: options taken off
        self.peer_mss = 536
        self.path_mtu = 0
        self.send_buffer = settings.send_buffer
        self.unsent = ByteQueue()
        self.scoreboard = Scoreboard()
        self.small_end = 0  # right edge of the last small segment: Minshall's Nagle
        self.more = False  # the last send said that more will follow
        self.push_now = False  # the override timer: send what there is
        self.write_blocked = False  # send found no room; tell when there is
        self.fin_pending = False  # the program has sent its last octet
        self.fin_sent = False
        self.last_sent_at = 0  # data
        self.syn_due = False  # a SYN or SYN-ACK is to go out
        self.reset_due = False
        # receiving
        self.irs = 0
        self.rcv_nxt = 0
        self.rcv_adv = 0  # right edge of the window offered
        self.rcv_scale = 0
        self.adv_mss = 0  # the MSS we said
        self.rcv_mss = 536  # the largest segment seen
        self.window_step = 0  # the least by which the offered window grows: silly windows
        self.receive_buffer = settings.receive_buffer
        self.unread = ByteQueue()
        self.assembly: Assembly | None = None  # while there are holes
        self.fin_received = False
        self.rcv_shut = False  # by the program
        self.last_ack_sent = 0
        self.ack_wanted = ACK_NONE
        self.quick = 0  # acknowledgements to give at once
        self.pingpong = False  # answers carry acknowledgements
        self.received_at = 0  # data
        self.heard_at = 0  # anything
        self.dsack_left = -1
        self.dsack_right = 0
        self.urgent_at = -1  # sequence number of the urgent octet, -1: none outstanding
        self.urgent_octet = -1
        self.urgent_pending = False
        # options
        self.ts_ok = False
        self.ts_offset = 0
        self.ts_recent = 0
        self.ts_recent_at = 0
        self.sack_ok = False
        self.scale_ok = False
        # round trip and recovery
        self.srtt = 0
        self.rttvar = 0
        self.rto = common.policy.rto_initial
        self.backoff = 0  # expirations since the last progress, or probes
        self.failed_since = NEVER  # when the first unanswered resend went out
        self.dupacks = 0
        self.recovery = OPEN
        self.recover = 0
        self.force_resend = False
        self.cwnd_limited = False
        self.resent_total = 0
        self.syn_retries = 0
        self.keep_probes = 0
        self.probed_at = 0
        self.challenged_at = NEVER
        # timers, made on first use
        self.sent_timer: Timer | None = None
        self.ack_timer: Timer | None = None
        self.life_timer: Timer | None = None


def touch(block: Block) -> None:
    """Ask that the connection be polled."""
    if not block.dirty:
        block.dirty = True
        common = block.common
        common.dirty.append(block)
        node = common.node
        if not node.pending:
            node.mark()


def tell(block: Block) -> None:
    """Something changed that the program may wait for."""
    endpoint = block.endpoint
    if endpoint is not None and not endpoint.noted:
        endpoint.noted = True
        block.common.events.append(endpoint)


def enter(block: Block, state: int, now: int) -> None:
    """Enter a state, and say so to whoever watches."""
    block.state = state
    node = block.common.node
    if node.trace is not None:
        node.trace.state(
            node.name,
            (block.local, block.local_port),
            (block.remote, block.remote_port),
            STATE_NAMES[state],
            now,
        )


def arm_sent(block: Block, deadline: int) -> None:
    """Set the retransmission or persist timer."""
    timer = block.sent_timer
    if timer is None:
        timer = block.sent_timer = Timer(block, RETRANSMIT)
    if timer.place >= 0 and deadline >= timer.at:
        timer.deadline = deadline  # its place in the queue comes up no later than that
    else:
        block.common.timers.arm(timer, deadline)


def arm_ack(block: Block, deadline: int) -> None:
    """Set the delayed-ACK timer."""
    timer = block.ack_timer
    if timer is None:
        timer = block.ack_timer = Timer(block, DELAYED_ACK)
    if timer.place >= 0 and deadline >= timer.at:
        timer.deadline = deadline
    else:
        block.common.timers.arm(timer, deadline)


def arm_life(block: Block, deadline: int) -> None:
    """Set the timer of keep-alive and FIN-WAIT-2."""
    timer = block.life_timer
    if timer is None:
        timer = block.life_timer = Timer(block, LIFE)
    block.common.timers.arm(timer, deadline)


def sent_armed(block: Block) -> bool:
    """Whether the retransmission or persist timer runs."""
    timer = block.sent_timer
    return timer is not None and timer.deadline != NEVER


def disarm_sent(block: Block) -> None:
    """Stop the retransmission or persist timer."""
    timer = block.sent_timer
    if timer is not None:
        timer.deadline = NEVER


def disarm_all(block: Block) -> None:
    """Stop every timer."""
    for timer in (block.sent_timer, block.ack_timer, block.life_timer):
        if timer is not None:
            timer.deadline = NEVER


def flight(block: Block) -> int:
    """Octets of sequence space under way."""
    return (block.snd_nxt - block.snd_una) & MASK


def pipe(block: Block) -> int:
    """RFC 6675 §4: octets thought to be in the network."""
    board = block.scoreboard
    return ((block.snd_nxt - block.snd_una) & MASK) - board.sacked - board.lost + board.resent
