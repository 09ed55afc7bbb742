"""The neighbour table of a NIC: which hardware address stands behind an IP address, and is it still there.

RFC 4861 §7 for both families: ARP (RFC 826, RFC 1122 §2.3.2) fills the same table, and IPv4 neighbours are
probed for reachability as Linux does. An entry ages without a timer: whether it is still fresh is asked
when it is used, and progress that TCP sees is one store. Timers run only while an answer is awaited; those
of resolution keep a run alive, those that doubt an old entry are housekeeping.

Left out on purpose: proxy entries, and garbage collection by time (the table has a limit instead).
"""

from __future__ import annotations

from typing import Final, final

from trunkline.base.addresses import MAC_NONE
from trunkline.base.dice import Dice
from trunkline.base.native import i64
from trunkline.base.results import NO_BUFFER, SENT, Counters
from trunkline.base.timers import NEVER, Timer, TimerOwner, TimerQueue
from trunkline.base.units import SECOND
from trunkline.link.nic import Nic, Node
from trunkline.wire.ethernet import Ethernet
from trunkline.wire.header import ETHERTYPE_IPV4, ETHERTYPE_IPV6
from trunkline.wire.packet import Packet

INCOMPLETE: Final = 0
REACHABLE: Final = 1
STALE: Final = 2
DELAY: Final = 3
PROBE: Final = 4
PERMANENT: Final = 5
GONE: Final = 6  # no longer in a table
STATE_NAMES: Final = (
    "INCOMPLETE",
    "REACHABLE",
    "STALE",
    "DELAY",
    "PROBE",
    "PERMANENT",
    "GONE",
)

# RFC 4861 §10 NDP-039: the defaults, which ARP shares.
REACHABLE_TIME: Final = 30 * SECOND  # times 0.5 to 1.5, drawn anew for each confirmation
RETRANSMIT_TIME: Final = SECOND
DELAY_TIME: Final = 5 * SECOND
MULTICAST_PROBES: Final = 3
UNICAST_PROBES: Final = 3
TABLE_LIMIT: Final = 1024  # entries of one NIC, both families
QUEUE_LIMIT: Final = 101  # packets that wait for one neighbour, as in Linux
QUEUES_LIMIT: Final = 2048  # packets that wait in one table; beyond it, one for each neighbour
UNANSWERED_LIMIT: Final = 8192  # packets given up that nobody has fetched

RESOLVING: Final = 1  # timer kinds
DOUBTING: Final = 2

LONG_AGO: Final = -(1 << 61)
FOR_EVER: Final = 1 << 61

OVERFLOWED: Final = "neighbours: queue full, oldest dropped"
EVICTED: Final = "neighbours: table full, stalest evicted"
TABLE_FULL: Final = "neighbours: table full"
UNRESOLVED: Final = "neighbours: no answer"
LOST: Final = "neighbours: stopped answering"
GIVEN_UP: Final = "neighbours: packets given up"
FLUSHED: Final = "neighbours: flushed"
UNFETCHED: Final = "neighbours: given up and not fetched"


class Solicitor:
    """Asks for a neighbour's hardware address; each family has its own way to."""

    __slots__ = ()

    def solicit(self, nic: Nic, neighbour: Neighbour, unicast: bool, now: int) -> None:
        """Send one question: to the neighbour's known hardware address if `unicast`, else to all."""


@final
class NeighbourPolicy:
    """How patient a host is with its neighbours; times in nanoseconds. May be changed at any time."""

    # RFC 1122 §2.3.2.1 ARP-010: the times can be set.
    __slots__ = (
        "delay_time",
        "multicast_probes",
        "queue_limit",
        "reachable_time",
        "retransmit_time",
        "table_limit",
        "unicast_probes",
    )

    def __init__(self) -> None:
        self.reachable_time = REACHABLE_TIME
        self.retransmit_time = RETRANSMIT_TIME
        self.delay_time = DELAY_TIME
        self.multicast_probes = MULTICAST_PROBES
        self.unicast_probes = UNICAST_PROBES
        self.table_limit = TABLE_LIMIT
        self.queue_limit = QUEUE_LIMIT


class Neighbourhood:
    """What the neighbour tables of one host have in common: a base of its link layer."""

    __slots__ = (
        "counters",
        "dice",
        "has_failed",
        "node",
        "policy",
        "solicitor4",
        "solicitor6",
        "timers",
        "unanswered",
    )

    def __init__(self, node: Node, timers: TimerQueue, dice: Dice) -> None:
        self.node = node
        self.timers = timers
        self.dice = dice
        self.counters = Counters()
        self.policy = NeighbourPolicy()
        self.solicitor4 = Solicitor()
        self.solicitor6 = Solicitor()
        self.unanswered: list[Packet] = []  # given up because nobody answered
        self.has_failed = False  # there are some

    def drop(self, packet: Packet, reason: str, now: int) -> None:
        """Count a packet and tell the trace; it ends here."""
        self.counters.count(reason)
        trace = self.node.trace
        if trace is not None:
            trace.drop(self.node.name, reason, packet, now)

    def give_up(self, packets: list[Packet], now: int) -> None:
        """Keep packets that reached nobody until the floor above fetches them."""
        if not packets:
            return
        unanswered = self.unanswered
        self.counters.count(GIVEN_UP, len(packets))
        for packet in packets:
            if len(unanswered) < UNANSWERED_LIMIT:
                unanswered.append(packet)
            else:
                self.drop(packet, UNFETCHED, now)
        self.has_failed = True
        self.node.mark()


@final
class Neighbour(TimerOwner):
    """One neighbour of a NIC.

    It is fresh, and may be sent to without a thought, while `now - confirmed < fresh_for`. The stored
    `state` is what it was when somebody last had to look; `settle` brings it up to date.
    """

    __slots__ = (
        "address",
        "asked",
        "confirmed",
        "fresh_for",
        "header",
        "is_router",
        "mac",
        "probes",
        "queue",
        "state",
        "table",
        "timer",
        "used",
    )

    def __init__(self, table: NeighbourTable, address: bytes, now: int) -> None:
        self.table = table
        self.address = address
        self.mac = MAC_NONE
        self.header: Ethernet | None = None  # of every frame to it; shared, never changed in place
        self.state = INCOMPLETE
        self.confirmed: i64 = LONG_AGO  # when forward progress was last seen, by whomever
        self.fresh_for: i64 = 0
        self.used = now  # when a packet last had to stop and think here; NEVER: none did
        self.probes = 0  # questions since the last answer
        self.asked = False  # a question is open
        self.is_router = False
        self.queue: list[Packet] = []
        self.timer: Timer | None = None

    def settle(self, now: int) -> int:
        """The state as it is now: confirmations seen since, and age, are taken into account."""
        # RFC 4861 §7.3.3 NDP-035, with the hint of §7.3.1
        state = self.state
        if now - self.confirmed < self.fresh_for:
            if STALE <= state <= PROBE:
                self.state = REACHABLE
                self.probes = 0
                self.stop()
        elif state == REACHABLE:
            self.state = STALE
        return self.state

    def state_name(self, now: int) -> str:
        """The name of the state as it is now, as RFC 4861 §7.3.2 has it."""
        return STATE_NAMES[self.settle(now)]

    def stop(self) -> None:
        """Let its timer not fire."""
        timer = self.timer
        if timer is not None:
            timer.deadline = NEVER

    def on_timer(self, kind: int, now: int) -> None:
        """An answer is overdue, or the time to wait for a hint is over."""
        self.table.overdue(self, now)


@final
class NeighbourTable:
    """The neighbours of one NIC, of both families, by IP address.

    Entries are of three sorts, and a full table gives them up in this order: those that were only heard
    of and never used, oldest first (so a flood of senders pushes out nothing but its like); those still
    unresolved, once they are half the table, oldest first; then the one that was used longest ago, of
    those that never proved to be there if there are such.
    """

    __slots__ = ("_heard", "_unresolved", "entries", "nic", "queued", "shared")

    def __init__(self, nic: Nic, shared: Neighbourhood) -> None:
        self.nic = nic
        self.shared = shared
        self.entries: dict[bytes, Neighbour] = {}
        self.queued = 0  # packets in the queues of all entries
        self._heard: dict[bytes, Neighbour] = {}  # heard of and never sent to, oldest first
        self._unresolved: dict[bytes, Neighbour] = {}  # oldest first

    def get(self, address: bytes) -> Neighbour | None:
        """The entry of an address."""
        return self.entries.get(address)

    # ------------------------------------------------------------ sending

    def send(self, packet: Packet, address: bytes, now: int) -> int:
        """Send to a neighbour that may be unknown or in doubt: now, or when it has answered."""
        neighbour = self.entries.get(address)
        if neighbour is None:
            neighbour = self._make(address, now)
            if neighbour is None:
                self.shared.drop(packet, TABLE_FULL, now)
                return NO_BUFFER
            self._unresolved[address] = neighbour
            self._queue(neighbour, packet, now)
            self._ask(neighbour, False, now)
            return SENT
        if neighbour.used == NEVER:
            self._heard.pop(address, None)
        neighbour.used = now
        state = neighbour.settle(now)
        if state == INCOMPLETE:
            self._queue(neighbour, packet, now)
            return SENT
        if state == STALE:
            self._doubt(neighbour, now)
        self.nic.last_neighbour = neighbour
        self._emit(neighbour, packet)
        return SENT

    def _emit(self, neighbour: Neighbour, packet: Packet) -> None:
        packet.ethernet = neighbour.header
        packet.octets = None
        self.nic.emit(packet)

    def _queue(self, neighbour: Neighbour, packet: Packet, now: int) -> None:
        # RFC 4861 §7.2.2 NDP-024, RFC 1122 §2.3.2.2 ARP-011: the latest are kept until the answer
        # RFC 1122 §2.4 ARP-016, RFC 1812 §3.3.2 ARP-018: an unknown neighbour is not unreachable
        queue = neighbour.queue
        if queue and (len(queue) >= self.shared.policy.queue_limit or self.queued >= QUEUES_LIMIT):
            self.shared.drop(queue.pop(0), OVERFLOWED, now)
            self.queued -= 1
        queue.append(packet)
        self.queued += 1

    def _flush(self, neighbour: Neighbour, now: int) -> None:
        """The address is known: send what waited for it."""
        self._unresolved.pop(neighbour.address, None)
        packets = neighbour.queue
        if not packets:
            return
        neighbour.queue = []
        self.queued -= len(packets)
        if neighbour.state == STALE:
            self._doubt(neighbour, now)
        if not self.nic.up:
            self.shared.give_up(packets, now)
            return
        for packet in packets:
            self._emit(neighbour, packet)

    # ------------------------------------------------------------ hearing

    def heard(self, address: bytes, mac: bytes, create: bool, now: int) -> Neighbour | None:
        """Somebody gave its own pair of addresses while asking for something else.

        That proves that it can be heard, not that it can hear: the entry is STALE where it is new or
        different. Without `create` only a known neighbour is changed.
        """
        # RFC 4861 §7.2.3 NDP-027
        neighbour = self.entries.get(address)
        if neighbour is None:
            if not create:
                return None
            neighbour = self._make(address, now)
            if neighbour is None:
                return None
            neighbour.used = NEVER
            self._heard[address] = neighbour
            self._move(neighbour, mac)
        elif neighbour.state == INCOMPLETE:
            self._move(neighbour, mac)
            self._flush(neighbour, now)
        elif neighbour.state != PERMANENT and neighbour.mac != mac:
            self._move(neighbour, mac)
        return neighbour

    def advertised(
        self, neighbour: Neighbour, mac: bytes, solicited: bool, override: bool, now: int
    ) -> bool:
        """A neighbour told its hardware address (`b""`: it did not say). False when not believed."""
        # RFC 4861 §7.2.5, and §7.3.1 NDP-034: only a solicited answer proves reachability
        state = neighbour.settle(now)
        if state >= PERMANENT:
            return False
        if state == INCOMPLETE:
            if not mac:
                return False
            self._move(neighbour, mac)
            if solicited:
                self._reach(neighbour, now)
            self._flush(neighbour, now)
            return True
        differs = mac not in (b"", neighbour.mac)
        if differs and not override:
            # RFC 4861 §7.2.5 NDP-031: the old address is kept, and doubted
            if state == REACHABLE:
                self._move(neighbour, neighbour.mac)
            return False
        if differs:
            self._move(neighbour, mac)
        if solicited:
            self._reach(neighbour, now)
        return True

    def _move(self, neighbour: Neighbour, mac: bytes) -> None:
        """Enter a hardware address: STALE until something confirms it."""
        neighbour.stop()
        neighbour.state = STALE
        neighbour.confirmed = LONG_AGO
        neighbour.probes = 0
        if neighbour.mac != mac:
            neighbour.mac = mac
            neighbour.header = self._header(neighbour.address, mac)

    def _reach(self, neighbour: Neighbour, now: int) -> None:
        """It answered: REACHABLE for a while."""
        # RFC 4861 §7.2.5 NDP-032; §6.3.2: the time is spread, so that hosts do not fall in step
        middle = self.shared.policy.reachable_time
        neighbour.stop()
        neighbour.state = REACHABLE
        neighbour.confirmed = now
        neighbour.fresh_for = self.shared.dice.between(middle // 2, middle + middle // 2)
        neighbour.probes = 0
        neighbour.asked = False

    def _header(self, address: bytes, mac: bytes) -> Ethernet:
        ethertype = ETHERTYPE_IPV4 if len(address) == 4 else ETHERTYPE_IPV6
        return Ethernet(mac, self.nic.mac, ethertype)

    # ------------------------------------------------------------ doubting

    def _doubt(self, neighbour: Neighbour, now: int) -> None:
        """A STALE entry is used: give the floors above a while to confirm it, then ask."""
        # RFC 4861 §7.3.3 NDP-035
        neighbour.state = DELAY
        self._wait(neighbour, DOUBTING, now + self.shared.policy.delay_time)

    def overdue(self, neighbour: Neighbour, now: int) -> None:
        """A neighbour's timer fired."""
        policy = self.shared.policy
        state = neighbour.settle(now)
        if state == INCOMPLETE:
            # RFC 4861 §7.2.2 NDP-025, RFC 1122 §2.3.2.1 ARP-009: one question a second, then no more
            if neighbour.probes < policy.multicast_probes:
                self._ask(neighbour, False, now)
            else:
                self.shared.counters.count(UNRESOLVED)
                self.remove(neighbour, now)
        elif state == DELAY:
            neighbour.state = PROBE
            self._ask(neighbour, True, now)
        elif state == PROBE:
            if neighbour.probes < policy.unicast_probes:
                self._ask(neighbour, True, now)
            else:
                # RFC 1122 §2.3.2.1 ARP-008: the unicast poll throws out what does not answer
                self.shared.counters.count(LOST)
                self.remove(neighbour, now)

    def _ask(self, neighbour: Neighbour, unicast: bool, now: int) -> None:
        shared = self.shared
        neighbour.probes += 1
        neighbour.asked = True
        kind = DOUBTING if unicast else RESOLVING
        self._wait(neighbour, kind, now + shared.policy.retransmit_time)
        if self.nic.up:
            solicitor = shared.solicitor4 if len(neighbour.address) == 4 else shared.solicitor6
            solicitor.solicit(self.nic, neighbour, unicast, now)

    def _wait(self, neighbour: Neighbour, kind: int, deadline: int) -> None:
        timer = neighbour.timer
        if timer is None or timer.kind != kind:
            if timer is not None:
                timer.deadline = NEVER
            timer = Timer(neighbour, kind, kind == DOUBTING)
            neighbour.timer = timer
        self.shared.timers.arm(timer, deadline)

    # ------------------------------------------------------------ coming and going

    def set_permanent(self, address: bytes, mac: bytes, now: int) -> Neighbour | None:
        """Enter a pair by hand: never asked for, never changed from outside. None: the table is full."""
        neighbour = self.entries.get(address)
        if neighbour is None:
            neighbour = self._make(address, now)
            if neighbour is None:
                return None
        self._move(neighbour, mac)
        neighbour.state = PERMANENT
        neighbour.confirmed = now
        neighbour.fresh_for = FOR_EVER
        self._heard.pop(address, None)
        self._flush(neighbour, now)
        return neighbour

    def remove(self, neighbour: Neighbour, now: int) -> None:
        """Forget a neighbour; what waited for it is given up."""
        address = neighbour.address
        if self.entries.get(address) is not neighbour:
            return
        del self.entries[address]
        self._heard.pop(address, None)
        self._unresolved.pop(address, None)
        neighbour.stop()
        neighbour.timer = None
        neighbour.state = GONE
        if self.nic.last_neighbour is neighbour:
            self.nic.last_neighbour = None
        packets = neighbour.queue
        if packets:
            neighbour.queue = []
            self.queued -= len(packets)
            self.shared.give_up(packets, now)

    def flush(self, now: int) -> None:
        """Forget everybody but the permanent: the link went away, or somebody says that all is old."""
        # RFC 1122 §2.3.2.1 ARP-008: advice from the link layer
        for neighbour in list(self.entries.values()):
            if neighbour.state != PERMANENT:
                self.shared.counters.count(FLUSHED)
                self.remove(neighbour, now)

    def _make(self, address: bytes, now: int) -> Neighbour | None:
        """A new entry; None when the table is full of entries that must stay."""
        if len(self.entries) >= self.shared.policy.table_limit:
            victim = self._stalest()
            if victim is None:
                self.shared.counters.count(TABLE_FULL)
                return None
            self.shared.counters.count(EVICTED)
            self.remove(victim, now)
        neighbour = Neighbour(self, address, now)
        self.entries[address] = neighbour
        return neighbour

    def _stalest(self) -> Neighbour | None:
        """Who has to go when the table is full."""
        for heard in self._heard.values():
            return heard
        stalest: Neighbour | None = None
        if len(self._unresolved) * 2 < self.shared.policy.table_limit:
            least = FOR_EVER
            for neighbour in self.entries.values():
                if neighbour.state not in (PERMANENT, INCOMPLETE):
                    last: int = max(neighbour.used, neighbour.confirmed)
                    if neighbour.confirmed == LONG_AGO:
                        last -= FOR_EVER  # never proved that it is there
                    if last < least:
                        least = last
                        stalest = neighbour
        if stalest is None:
            for unresolved in self._unresolved.values():
                return unresolved
        return stalest
