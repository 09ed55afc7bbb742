"""What a run shows of itself: captures, the ladder of a conversation, one packet's journey."""

from __future__ import annotations

import os
import textwrap
from typing import Any, Final

import click

from trunkline.cli import words
from trunkline.observe.choosing import EXPECTED, conversation_table, is_choice
from trunkline.observe.conversations import conversations
from trunkline.observe.ladder import WIDTH, ladder
from trunkline.observe.layers import journey
from trunkline.observe.pcapng import is_folder
from trunkline.observe.recorder import Follower, Recorder
from trunkline.topology.internet import Internet

FIRST: Final = "first"  # what --ladder chooses without a word
LIST: Final = "list"


class Views:
    """The options `--pcap`, `--pcap-at`, `--ladder` and `--packet` of one run."""

    def __init__(self, options: dict[str, Any]) -> None:
        self.pcap: str | None = options.get("pcap")
        self.pcap_at: str | None = options.get("pcap_at")
        self.ladder: str = options.get("ladder") or ""
        self.packet: int | None = options.get("packet")
        if self.pcap_at and not self.pcap:
            raise click.UsageError("--pcap-at says where to capture; --pcap FILE is missing")
        if self.ladder and not is_ladder(self.ladder):
            raise click.BadParameter(
                f"found {self.ladder!r}, expected {EXPECTED}, or {LIST}", param_hint="--ladder"
            )
        self.conversations: Recorder | None = None
        self.journey: Follower | None = None
        self.wrong = ""

    def open(self, net: Internet) -> None:
        """Begin to watch. Raises ClickException where nothing can be written."""
        if self.pcap is not None:
            try:
                net.capture(self.pcap, self.pcap_at)
            except OSError as error:
                raise click.ClickException(
                    f"{self.pcap}: cannot be written: {error.strerror}"
                ) from None
        node, _, nic = (self.pcap_at or "").partition(":")
        if self._many_files():
            node = nic = ""
        if self.ladder:
            self.conversations = Recorder(node=node, nic=nic)
            net.watch(self.conversations)
        if self.packet is not None:
            self.journey = Follower(self.packet, node, nic)
            net.watch(self.journey)

    def close(self, net: Internet) -> None:
        """End the captures."""
        try:
            net.close_captures()
        except OSError as error:
            self.wrong = f"{error.filename or self.pcap}: cannot be written: {error.strerror}"

    def show(self) -> None:
        """After the run: what was asked for, on standard output."""
        if self.conversations is not None:
            try:
                words.show("\n" + self._drawn(self.conversations))
            except ValueError as error:
                self.wrong = self.wrong or f"--ladder: {error}"
        if self.journey is not None and self.journey.sightings:
            words.show("\n" + journey(self.journey))

    def _drawn(self, recorder: Recorder) -> str:
        if not recorder.sightings and self.ladder in {FIRST, LIST}:
            return ladder(recorder)  # which says so
        if self.ladder == LIST:
            text = conversation_table(conversations(recorder))
        else:
            text = ladder(recorder, "" if self.ladder == FIRST else self.ladder)
        return f"{text}\n\n{self._numbering()}"

    def _numbering(self) -> str:
        """What the numbers of packets mean."""
        text = "No. is the packet's number for --packet, and in Wireshark for "
        several = "; a packet has a number at each on its way, and the first is shown"
        if self.pcap is None:
            text += f"a capture of every NIC (--pcap FILE){several}"
        elif self._many_files():
            text += f"one capture of every NIC (--pcap FILE){several}; each file of a folder numbers its own"
        elif self.pcap_at:
            text += f"{os.path.basename(self.pcap)}, taken at {self.pcap_at}"
        else:
            text += f"{os.path.basename(self.pcap)}, which holds every NIC{several}"
        return textwrap.fill(f"{text}.", WIDTH)

    def _many_files(self) -> bool:
        return self.pcap is not None and is_folder(self.pcap)

    def mistake(self) -> str:
        """After the run: what was asked for and is not there, "" if all is."""
        if self.wrong or self.journey is None or self.journey.sightings:
            return self.wrong
        count = self.journey.count
        where = f"the capture at {self.pcap_at}" if self.pcap_at else "this run"
        if not count:
            return f"--packet {self.packet}: {where} has no packets"
        return f"--packet {self.packet}: {where} has the packets 1 to {count}"

    def tell(self) -> None:
        """Where the captures lie."""
        if self.pcap is not None and not self.wrong:
            words.tell(f"capture: {os.path.abspath(self.pcap)}")


def is_ladder(text: str) -> bool:
    """Whether a word behind --ladder is its own; else it is the lab's, or another option."""
    return text in {FIRST, LIST} or is_choice(text)
