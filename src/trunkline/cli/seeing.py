"""What a run shows of itself: captures, the ladder of the first conversation, one packet's journey."""

from __future__ import annotations

import os
from typing import Any

import click

from trunkline.cli import words
from trunkline.observe.ladder import ladder
from trunkline.observe.layers import journey
from trunkline.observe.recorder import Recorder
from trunkline.topology.internet import Internet
from trunkline.wire.packet import Packet
from trunkline.wire.trace import TraceSink


class Views:
    """The options `--pcap`, `--pcap-at`, `--ladder` and `--packet` of one run."""

    def __init__(self, options: dict[str, Any]) -> None:
        self.pcap: str | None = options.get("pcap")
        self.pcap_at: str | None = options.get("pcap_at")
        self.ladder: bool = options.get("ladder") or False
        self.packet: int | None = options.get("packet")
        if self.pcap_at and not self.pcap:
            raise click.UsageError("--pcap-at says where to capture; --pcap FILE is missing")
        self.conversation: Recorder | None = None
        self.journey: Recorder | None = None
        self.numbers = _Numbers()

    def open(self, net: Internet) -> None:
        """Begin to watch. Raises ClickException where nothing can be written."""
        if self.pcap is not None:
            try:
                net.capture(self.pcap, self.pcap_at)
            except OSError as error:
                raise click.ClickException(
                    f"{self.pcap}: cannot be written: {error.strerror}"
                ) from None
        if self.ladder:
            self.conversation = Recorder()
            net.watch(self.conversation)
        if self.packet is not None:
            self.journey = Recorder(self.packet)
            net.watch(self.journey)
            net.watch(self.numbers)

    def show(self) -> None:
        """After the run: what was asked for, on standard output."""
        if self.conversation is not None:
            click.echo("\n" + ladder(self.conversation))
        if self.journey is not None and self.packet is not None and self.journey.sightings:
            click.echo("\n" + journey(self.journey, self.packet))

    def mistake(self) -> str:
        """After the run: what was asked for and is not there, "" if all is."""
        if self.journey is None or self.journey.sightings:
            return ""
        if not self.numbers.last:
            return f"--packet {self.packet}: this run has no packets"
        return (
            f"--packet {self.packet}: this run's packets have the numbers 1 to {self.numbers.last}"
        )

    def tell(self) -> None:
        """Where the captures lie."""
        if self.pcap is not None:
            words.tell(f"capture: {os.path.abspath(self.pcap)}")


class _Numbers(TraceSink):
    """How far the packets of a run have been numbered."""

    def __init__(self) -> None:
        self.last = 0

    def frame(self, interface: int, direction: int, packet: Packet, now: int) -> None:
        """A packet leaves or arrives."""
        self.last = max(self.last, packet.identity)
