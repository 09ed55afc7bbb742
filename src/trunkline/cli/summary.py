"""The summary at the end of a run: times, packets, retransmissions, and what was dropped and why."""

from __future__ import annotations

from typing import Final

from trunkline.base.units import clock_text
from trunkline.topology.internet import Internet
from trunkline.topology.watch import Drops

REASONS_SHOWN: Final = 12


def summary(net: Internet, drops: Drops, wall: float) -> list[str]:
    """Lines such as `12.345678 s of the world in 0.8 s; 1,234 packets`."""
    loop = net.loop
    when = f"{clock_text(loop.now)} s of the world in {wall:.1f} s of real time"
    packets = _count(loop.packet_count, "packet")
    again = _count(net.retransmissions(), "TCP retransmission")
    dropped = _count(sum(drops.reasons.values()), "packet")
    lines = [f"{when} (seed {net.seed})", f"{packets}, {again}, {dropped} dropped"]
    found = sorted(drops.places.items(), key=lambda item: (-item[1], item[0]))
    for (place, reason), count in found[:REASONS_SHOWN]:
        lines.append(f"  {count:,} × {reason}, {place}")
    if len(found) > REASONS_SHOWN:
        lines.append(f"  and {len(found) - REASONS_SHOWN} reasons more")
    return lines


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}" + ("" if number == 1 else "s")
