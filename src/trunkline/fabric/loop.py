"""The loop: one heap of timers ordered by (time, sequence), and what moves packets between hosts.

On the virtual clock time jumps to the next timer. One event is one timer of one owner: a cable that
delivers, a retransmission, a program's sleep. After each event the marked nodes are polled and what they
sent is put on its cables; then every noted endpoint is asked to look. Only what changed is visited.
"""

from __future__ import annotations

from typing import Final, final

from trunkline.base.timers import TimerQueue
from trunkline.link.nic import Node
from trunkline.transport.endpoint import Endpoint
from trunkline.wire.trace import TraceSink

FOREVER: Final = 1 << 62  # a limit that no timer reaches
EVENTS_A_TURN: Final = (
    1024  # run hands back to its caller at least this often: Ctrl-C, real threads
)


@final
class Loop:
    """The clock, the timers and the lists of what is to be looked at. `now` is nanoseconds since the start.

    `interrupt` asks `run` to return after the event under way: somebody can run. `strict` makes every
    cable turn each packet into octets and parse it afresh.
    """

    __slots__ = (
        "_identities",
        "_numbers",
        "event_count",
        "events",
        "interrupt",
        "marked",
        "now",
        "packet_count",
        "packets_in_flight",
        "strict",
        "timers",
        "trace",
    )

    def __init__(self, strict: bool = False) -> None:
        self.now = 0
        self.timers = TimerQueue()
        self.marked: list[Node] = []
        self.events: list[Endpoint] = []
        self.interrupt = False
        self.strict = strict
        self.trace: TraceSink | None = None
        self.packets_in_flight = 0  # packets that cables and loopbacks hold
        self.packet_count = 0  # packets that NICs gave to cables, the lost ones included
        self.event_count = 0
        self._identities = 0
        self._numbers = 0

    def run(self, limit: int) -> bool:
        """Handle events due up to `limit`, nanoseconds, in order.

        True when it stopped because of `interrupt` or after EVENTS_A_TURN events; False when nothing due is
        left, and the clock then stands at `limit` (or where it was, for FOREVER).
        """
        timers = self.timers
        if self.marked or self.events:
            self.flush()
        turn = EVENTS_A_TURN
        while turn > 0:
            if self.interrupt:
                self.interrupt = False
                return True
            timer = timers.pop(limit)
            if timer is None:
                if self.now < limit < FOREVER:
                    self.now = limit
                return False
            now: int = timer.at
            self.now = now
            self.event_count += 1
            timer.owner.on_timer(timer.kind, now)
            if self.marked or self.events:
                self.flush()
            turn -= 1
        return True

    def flush(self) -> None:
        """Poll the marked nodes, carry what they sent, and let noted endpoints look, until all is quiet."""
        marked = self.marked
        events = self.events
        now = self.now
        while marked or events:
            for node in marked:  # a node may be marked again, behind, while this goes on
                node.pending = False
                node.polled = True
                node.poll_transmit(now)
                node.polled = False
                outgoing = node.outgoing
                if not outgoing:
                    continue
                for nic in outgoing:
                    outbox = nic.outbox
                    port = nic.port
                    nic.sent_packets += len(outbox)
                    self.packet_count += len(outbox)
                    for packet in outbox:
                        if packet.identity == 0:
                            self._identities += 1
                            packet.identity = self._identities
                        if port is None:
                            nic.unplugged += 1
                        else:
                            port.carry(nic, packet, now)
                    outbox.clear()
                outgoing.clear()
            marked.clear()
            for endpoint in events:  # so may an endpoint be noted
                endpoint.noted = False
                endpoint.on_events()
            events.clear()

    def identify(self) -> int:
        """The next packet identity, from 1."""
        self._identities += 1
        return self._identities

    def number_nic(self) -> int:
        """The next world-wide NIC number, from 0."""
        number = self._numbers
        self._numbers += 1
        return number
