"""What a run shows of itself: captures, the ladder of the first conversation, one packet's journey."""

from __future__ import annotations

import os
from typing import Any

import click

from trunkline.cli import words
from trunkline.observe.recorder import Recorder
from trunkline.topology.internet import Internet


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

    def show(self) -> None:
        """After the run: what was asked for, on standard output."""
        if self.conversation is not None:
            from trunkline.observe.ladder import first_ladder

            click.echo(first_ladder(self.conversation))
        if self.journey is not None:
            from trunkline.observe.layers import journey

            assert self.packet is not None
            if self.journey.sightings:
                click.echo(journey(self.journey, self.packet))
            else:
                words.complain(f"there was no packet {self.packet} in this run")

    def tell(self) -> None:
        """Where the captures lie."""
        if self.pcap is not None:
            words.tell(f"capture: {os.path.abspath(self.pcap)}")
