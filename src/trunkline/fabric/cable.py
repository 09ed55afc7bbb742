"""Cables, with everything that can befall a packet on one; and the loopback, a cable with one end.

Each direction of a cable has its own delay, jitter, rate, queue, loss, duplication, reordering and
corruption, named and meant as tc-netem has them, and its own stream of dice for each, so that changing one
knob moves no other's draws. Jitter keeps order; only `reorder` reorders: such a packet skips the delay.
Corruption flips one bit. A queue is a FIFO with a limit in packets; one timer serves a whole direction.

Left out: correlation, loss bursts, active queue management (a later floor plan has them).
"""

from __future__ import annotations

from typing import Final, final

from trunkline.base.dice import Dice
from trunkline.base.timers import NEVER, Timer
from trunkline.base.units import SECOND
from trunkline.fabric.loop import Loop
from trunkline.link.nic import Nic, Port
from trunkline.wire.damage import NAMES as DAMAGE_NAMES
from trunkline.wire.frame import decode, encode, strict_copy
from trunkline.wire.packet import Packet
from trunkline.wire.trace import RECEIVED, SENT

QUEUE_LIMIT: Final = 1000  # packets a direction holds before it drops the newest; netem's default
DELIVER: Final = 0  # timer kinds
EXPRESS: Final = 1


@final
class Impairments:
    """What one direction does to packets. Times ns, rate bit/s (0: no limit), chances parts of 2^32."""

    __slots__ = ("corrupt", "delay", "duplicate", "jitter", "loss", "queue", "rate", "reorder")

    def __init__(
        self,
        delay: int = 0,
        jitter: int = 0,
        rate: int = 0,
        queue: int = QUEUE_LIMIT,
        loss: int = 0,
        duplicate: int = 0,
        reorder: int = 0,
        corrupt: int = 0,
    ) -> None:
        self.delay = delay
        self.jitter = jitter
        self.rate = rate
        self.queue = queue
        self.loss = loss
        self.duplicate = duplicate
        self.reorder = reorder
        self.corrupt = corrupt


@final
class _Dice:
    """A stream of dice for each knob of one direction."""

    __slots__ = ("corrupt", "duplicate", "jitter", "loss", "reorder")

    def __init__(self, seed: int, name: str) -> None:
        self.loss = Dice(seed, "loss " + name)
        self.duplicate = Dice(seed, "duplicate " + name)
        self.reorder = Dice(seed, "reorder " + name)
        self.corrupt = Dice(seed, "corrupt " + name)
        self.jitter = Dice(seed, "jitter " + name)


@final
class Direction(Port):
    """One way along a cable: from the NIC that is plugged into it to the NIC at its far end."""

    __slots__ = (
        "_busy_until",
        "_departed",
        "_departures",
        "_dice",
        "_express_first",
        "_express_last",
        "_express_timer",
        "_first",
        "_last",
        "_seed",
        "_timer",
        "corrupted",
        "delivered",
        "duplicated",
        "far",
        "impairments",
        "loop",
        "lost",
        "name",
        "overflowed",
        "reordered",
        "unplugged",
        "up",
    )

    def __init__(
        self, loop: Loop, name: str, far: Nic, impairments: Impairments, seed: int
    ) -> None:
        self.loop = loop
        self.name = name
        self.far = far
        self.impairments = impairments
        self.up = True
        self.delivered = 0
        self.lost = 0
        self.overflowed = 0
        self.duplicated = 0
        self.reordered = 0
        self.corrupted = 0
        self.unplugged = 0  # packets lost because the cable was down
        self._seed = seed
        self._dice: _Dice | None = None  # made for the first knob that rolls
        self._busy_until = 0  # when the transmitter has sent all it holds
        self._departures: list[int] = []  # of the packets in the queue, in order
        self._departed = 0  # how many of them, from the front, have left it
        self._first: Packet | None = None
        self._last: Packet | None = None
        self._timer = Timer(self, DELIVER)
        self._express_first: Packet | None = None
        self._express_last: Packet | None = None
        self._express_timer: Timer | None = None

    def carry(self, nic: Nic, packet: Packet, now: int) -> None:
        """Take a packet from the near NIC: lose it, or hold it until it is due at the far one."""
        loop = self.loop
        knobs = self.impairments
        if loop.strict:
            packet = strict_copy(packet, packet.ethernet is not None)
        if not self.up:
            self.unplugged += 1
            self._refuse(nic, packet, "cable down", now)
            return
        if knobs.loss and self._rolled().loss.chance(knobs.loss):
            self.lost += 1
            self._refuse(nic, packet, "lost", now)
            return
        departure = now
        if knobs.rate:
            departures = self._departures
            if (
                len(departures) - self._departed >= knobs.queue
                and self._waiting(now) >= knobs.queue
            ):
                self.overflowed += 1
                self._refuse(nic, packet, "queue full", now)
                return
            start = self._busy_until
            if start < now:
                start = now
                if departures:
                    departures.clear()
                    self._departed = 0
            # As netem: the octets of the frame, its Ethernet header among them, nothing around it
            bits = packet.length() * 8
            departure = start + (bits * SECOND + knobs.rate - 1) // knobs.rate
            self._busy_until = departure
            departures.append(departure)
        trace = loop.trace
        if trace is not None:
            trace.frame(nic.number, SENT, packet, now)
        if knobs.duplicate and self._rolled().duplicate.chance(knobs.duplicate):
            self.duplicated += 1
            twin = packet.copy()
            if trace is not None:
                twin.note(f"duplicated by {self.name}")
            self._launch(packet, departure)
            packet = twin
            if knobs.rate:  # as netem has it, the line carries it as well
                bits = packet.length() * 8
                departure += (bits * SECOND + knobs.rate - 1) // knobs.rate
                self._busy_until = departure
                self._departures.append(departure)
        self._launch(packet, departure)

    def cut(self, now: int) -> None:
        """Take the cable down: what is on it is lost."""
        self.up = False
        self._spill(self._first, now)
        self._first = None
        self._last = None
        self._timer.deadline = NEVER
        express = self._express_timer
        if express is not None:
            self._spill(self._express_first, now)
            self._express_first = None
            self._express_last = None
            express.deadline = NEVER
        self._busy_until = now
        self._departures.clear()
        self._departed = 0

    def on_timer(self, kind: int, now: int) -> None:
        """Deliver all that is due; they are all received before anything is answered."""
        if kind == EXPRESS:
            self._deliver_express(now)
            return
        loop = self.loop
        far = self.far
        node = far.node
        packet = self._first
        while packet is not None and packet.due <= now:
            self._first = packet.next
            packet.next = None
            loop.packets_in_flight -= 1
            self.delivered += 1
            far.received_packets += 1
            if loop.trace is not None:
                loop.trace.frame(far.number, RECEIVED, packet, now)
            node.receive(far, packet, now)
            packet = self._first
        if packet is None:
            self._last = None
        else:
            loop.timers.arm(self._timer, packet.due)

    def _deliver_express(self, now: int) -> None:
        """As above, for those that were reordered."""
        express = self._express_timer
        assert express is not None
        far = self.far
        packet = self._express_first
        while packet is not None and packet.due <= now:
            self._express_first = packet.next
            packet.next = None
            self.loop.packets_in_flight -= 1
            self.delivered += 1
            far.received_packets += 1
            if self.loop.trace is not None:
                self.loop.trace.frame(far.number, RECEIVED, packet, now)
            far.node.receive(far, packet, now)
            packet = self._express_first
        if packet is None:
            self._express_last = None
        else:
            self.loop.timers.arm(express, packet.due)

    def statistics(self) -> dict[str, int]:
        """What became of the packets of this direction."""
        return {
            "delivered": self.delivered,
            "lost": self.lost,
            "queue full": self.overflowed,
            "duplicated": self.duplicated,
            "reordered": self.reordered,
            "corrupted": self.corrupted,
            "cable down": self.unplugged,
        }

    def _rolled(self) -> _Dice:
        """The dice of this direction."""
        dice = self._dice
        if dice is None:
            dice = self._dice = _Dice(self._seed, self.name)
        return dice

    def _waiting(self, now: int) -> int:
        """How many packets the transmitter's queue holds."""
        departures = self._departures
        departed = self._departed
        while departed < len(departures) and departures[departed] <= now:
            departed += 1
        if departed == len(departures) or departed > 512:
            del departures[:departed]
            departed = 0
        self._departed = departed
        return len(departures) - departed

    def _launch(self, packet: Packet, departure: int) -> None:
        """Put a packet on the wire: it is due at the far end after the delay."""
        knobs = self.impairments
        if knobs.corrupt and self._rolled().corrupt.chance(knobs.corrupt):
            packet = self._corrupt(packet)
        self.loop.packets_in_flight += 1
        packet.next = None
        if knobs.reorder and knobs.delay and self._rolled().reorder.chance(knobs.reorder):
            self._overtake(packet, departure)
            return
        due = departure + knobs.delay
        if knobs.jitter:
            due += self._rolled().jitter.between(-knobs.jitter, knobs.jitter)
            if due < departure:
                due = departure
        last = self._last
        if last is None:
            packet.due = due
            self._first = packet
            self._last = packet
            self.loop.timers.arm(self._timer, due)
            return
        packet.due = due if due > last.due else last.due
        last.next = packet
        self._last = packet

    def _overtake(self, packet: Packet, departure: int) -> None:
        """Send a packet past those that wait out the delay."""
        self.reordered += 1
        if self.loop.trace is not None:
            packet.note(f"reordered by {self.name}")
        timer = self._express_timer
        if timer is None:
            timer = self._express_timer = Timer(self, EXPRESS)
        last = self._express_last
        packet.due = departure
        if last is None:
            self._express_first = packet
            self.loop.timers.arm(timer, departure)
        else:
            if last.due > departure:
                packet.due = last.due
            last.next = packet
        self._express_last = packet

    def _corrupt(self, packet: Packet) -> Packet:
        """The packet with one bit flipped, as its octets now read."""
        self.corrupted += 1
        octets = bytearray(encode(packet))
        bit = self._rolled().corrupt.below(len(octets) * 8)
        octets[bit >> 3] ^= 0x80 >> (bit & 7)
        damaged = decode(bytes(octets), packet.ethernet is not None)
        damaged.identity = packet.identity
        damaged.notes = packet.notes
        damaged.note(f"corrupted by {self.name}: bit {bit & 7} of octet {bit >> 3} flipped")
        if damaged.damage:
            damaged.note(DAMAGE_NAMES[damaged.damage])
        return damaged

    def _refuse(self, nic: Nic, packet: Packet, reason: str, now: int) -> None:
        """The packet ends here: write down why, where a capture will show it."""
        trace = self.loop.trace
        if trace is not None:
            packet.note(f"dropped by {self.name}: {reason}")
            trace.frame(nic.number, SENT, packet, now)
            trace.drop(self.name, reason, packet, now)

    def _spill(self, packet: Packet | None, now: int) -> None:
        """Lose a chain of packets that were on their way."""
        trace = self.loop.trace
        while packet is not None:
            self.loop.packets_in_flight -= 1
            self.unplugged += 1
            if trace is not None:
                trace.drop(self.name, "cable down", packet, now)
            packet = packet.next


@final
class Cable:
    """Two NICs joined, each way with impairments of its own."""

    __slots__ = ("backward", "forward", "name")

    def __init__(
        self,
        loop: Loop,
        name: str,
        near: Nic,
        far: Nic,
        forward: Impairments,
        backward: Impairments,
        seed: int,
    ) -> None:
        self.name = name
        near_name = f"{near.node.name}.{near.name}"
        far_name = f"{far.node.name}.{far.name}"
        self.forward = Direction(loop, f"{name} ({near_name} to {far_name})", far, forward, seed)
        self.backward = Direction(loop, f"{name} ({far_name} to {near_name})", near, backward, seed)
        near.port = self.forward
        far.port = self.backward

    def down(self, now: int) -> None:
        """Cut both ways; what is on the cable is lost, and so is all that is sent until it is up."""
        self.forward.cut(now)
        self.backward.cut(now)

    def up(self) -> None:
        """Mend both ways."""
        self.forward.up = True
        self.backward.up = True


@final
class Loopback(Port):
    """What a loopback NIC is plugged into: itself, at the same instant, through a queue like any cable."""

    __slots__ = ("_first", "_last", "_timer", "loop", "nic")

    def __init__(self, loop: Loop, nic: Nic) -> None:
        self.loop = loop
        self.nic = nic
        self._first: Packet | None = None
        self._last: Packet | None = None
        self._timer = Timer(self, DELIVER)
        nic.port = self

    def carry(self, nic: Nic, packet: Packet, now: int) -> None:
        """Take a packet; it comes back when the event under way is over."""
        loop = self.loop
        if loop.strict:
            packet = strict_copy(packet, packet.ethernet is not None)
        trace = loop.trace
        if trace is not None:  # once: what loops back is sent and received in one
            trace.frame(nic.number, SENT, packet, now)
        loop.packets_in_flight += 1
        packet.next = None
        last = self._last
        if last is None:
            self._first = packet
            loop.timers.arm(self._timer, now)
        else:
            last.next = packet
        self._last = packet

    def on_timer(self, kind: int, now: int) -> None:
        """Deliver what was sent before this turn; what that makes be sent comes in the next one."""
        packet = self._first
        self._first = None
        self._last = None
        nic = self.nic
        while packet is not None:
            following = packet.next
            packet.next = None
            self.loop.packets_in_flight -= 1
            nic.received_packets += 1
            nic.node.receive(nic, packet, now)
            packet = following
