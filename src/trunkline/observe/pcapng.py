"""Captures: a trace sink that writes pcapng (the IETF's draft-ietf-opsawg-pcapng), read by Wireshark.

One file holds every NIC, each an interface with its name; a packet that crosses three links appears at each
of their ends. Its identity is the packet id option, and what befell it is a comment: by whom it was lost,
damaged or given up. The octets of a file depend on the run alone: no version, no machine, no real time.

Records wait a while before they are written, so that a node which gives a packet up can still have its
reason put on the packet's latest record. Left out: name resolution and statistics blocks, and decryption
secrets.
"""

from __future__ import annotations

import os
from collections import deque
from contextlib import ExitStack
from pathlib import Path
from struct import Struct
from typing import BinaryIO, Final

from trunkline.wire.frame import encode
from trunkline.wire.packet import Packet
from trunkline.wire.trace import TraceSink

EPOCH: Final = 1_893_456_000 * 10**9  # 2030-01-01T00:00:00Z, where a world's clock starts, ns
WAITING_LIMIT: Final = 1024  # records that wait for a late comment
CHUNK: Final = 1 << 16  # octets gathered before they are written
LINK_ETHERNET: Final = 1
LINK_RAW: Final = 101  # bare IPv4 and IPv6

_SECTION_HEADER: Final = 0x0A0D0D0A
_INTERFACE: Final = 1
_ENHANCED_PACKET: Final = 6
_COMMENT: Final = 1
_IF_NAME: Final = 2
_IF_MAC: Final = 6
_IF_TSRESOL: Final = 9
_EPB_FLAGS: Final = 2
_EPB_PACKETID: Final = 5
_APPLICATION: Final = 4
_BLOCK: Final = Struct("<II")
_LENGTH: Final = Struct("<I")
_OPTION: Final = Struct("<HH")
_SECTION: Final = Struct("<IHHq")
_DESCRIPTION: Final = Struct("<HHI")
_PACKET: Final = Struct("<IIIII")
_FLAGS: Final = Struct("<HHI")
_IDENTITY: Final = Struct("<HHQ")
_COMMENT_LIMIT: Final = 1000  # octets of one comment


def section_header() -> bytes:
    """The block that begins a file."""
    options = _option(_APPLICATION, b"Trunkline") + bytes(4)
    return _block(_SECTION_HEADER, _SECTION.pack(0x1A2B3C4D, 1, 0, -1) + options)


def interface_description(name: str, mac: bytes, ethernet: bool) -> bytes:
    """The block that names a NIC; times are in nanoseconds."""
    options = _option(_IF_NAME, name.encode())
    if ethernet:
        options += _option(_IF_MAC, mac)
    options += _option(_IF_TSRESOL, b"\x09") + bytes(4)
    link = LINK_ETHERNET if ethernet else LINK_RAW
    return _block(_INTERFACE, _DESCRIPTION.pack(link, 0, 0) + options)


class Record:
    """A packet at a NIC, until it is written."""

    __slots__ = ("comments", "direction", "identity", "interface", "now", "octets")

    def __init__(
        self, interface: int, direction: int, identity: int, octets: bytes, now: int
    ) -> None:
        self.interface = interface  # in the file's own numbering
        self.direction = direction
        self.identity = identity
        self.octets = octets
        self.now = now
        self.comments: list[str] = []

    def block(self) -> bytes:
        """The enhanced packet block."""
        octets = self.octets
        time = EPOCH + self.now
        head = _PACKET.pack(self.interface, time >> 32, time & 0xFFFFFFFF, len(octets), len(octets))
        options = b""
        for comment in self.comments:
            options += _option(_COMMENT, comment.encode()[:_COMMENT_LIMIT])
        options += _FLAGS.pack(_EPB_FLAGS, 4, self.direction)
        if self.identity:
            options += _IDENTITY.pack(_EPB_PACKETID, 8, self.identity)
        return _block(
            _ENHANCED_PACKET, head + octets + bytes(-len(octets) % 4) + options + bytes(4)
        )


class Output:
    """A file that is written in chunks. One of many keeps no descriptor open between them.

    Where a chunk cannot be written, the rest is not tried: `close` tells.
    """

    def __init__(self, path: str, one_of_many: bool = False) -> None:
        self._path = os.path.abspath(path)  # a program's directory may be the current one later
        self._chunks: list[bytes] = [section_header()]
        self._size = 0
        self._closed = False
        self._error: OSError | None = None
        self._file: BinaryIO | None = open(path, "wb")  # noqa: SIM115
        self._one_of_many = one_of_many
        if one_of_many:
            self._file.close()
            self._file = None

    def write(self, octets: bytes) -> None:
        """Add a block."""
        self._chunks.append(octets)
        self._size += len(octets)
        if self._size >= CHUNK:
            self.flush()

    def flush(self) -> None:
        """Put what has been gathered into the file."""
        octets = b"".join(self._chunks)
        self._chunks.clear()
        self._size = 0
        if self._error is not None:
            return
        try:
            if self._file is None:
                with open(self._path, "ab") as file:
                    file.write(octets)
            else:
                self._file.write(octets)
                self._file.flush()
        except OSError as error:  # a full disk is not the affair of whoever sent a packet
            error.filename = error.filename or self._path
            self._error = error

    def close(self) -> None:
        """Write the rest. Raises OSError where something could not be written. Further calls do nothing."""
        if self._closed:
            return
        self._closed = True
        self.flush()
        if self._file is not None:
            try:
                self._file.close()
            except OSError:
                if self._error is None:
                    raise
        if self._error is not None:
            raise self._error


class PcapngWriter(TraceSink):
    """Writes every packet of the NICs it is asked for: all, a node's (`node`), or one (`nic` too).

    `path` is a file; or, with `folder`, a folder that gets `NODE.NIC.pcapng` for each NIC. Raises OSError
    where nothing can be written. Close it: the last records are still waiting.
    """

    def __init__(self, path: str, node: str = "", nic: str = "", folder: bool = False) -> None:
        self.packets = 0  # records made
        self._node = node
        self._nic = nic
        self._folder = path if folder else ""
        self._outputs: list[Output] = []
        self._places: dict[int, tuple[Output, int]] = {}  # NIC number -> file, number in it
        self._waiting: deque[tuple[Output, Record]] = deque()
        self._latest: dict[int, Record] = {}  # identity -> its latest record that waits
        if folder:
            os.makedirs(path, exist_ok=True)
        else:
            self._outputs.append(Output(path))

    def interface(self, interface: int, node: str, nic: str, mac: bytes, ethernet: bool) -> None:
        """Describe a NIC, if it is one of those asked for."""
        if interface in self._places or self._node not in ("", node) or self._nic not in ("", nic):
            return
        name = f"{node}.{nic}"
        if self._folder:
            output = Output(str(Path(self._folder, f"{_file_name(name)}.pcapng")), True)
            self._outputs.append(output)
            self._places[interface] = (output, 0)
        else:
            output = self._outputs[0]
            self._places[interface] = (output, len(self._places))
        output.write(interface_description(name, mac, ethernet))

    def frame(self, interface: int, direction: int, packet: Packet, now: int) -> None:
        """Record a packet as it is at this NIC now."""
        place = self._places.get(interface)
        if place is None:
            return
        output, number = place
        identity = packet.identity
        record = Record(number, direction, identity, encode(packet), now)
        if packet.notes is not None:
            record.comments.extend(packet.notes)
        self.packets += 1
        self._waiting.append((output, record))
        self._latest[identity] = record
        if len(self._waiting) > WAITING_LIMIT:
            self._write_waiting(WAITING_LIMIT)

    def drop(self, node: str, reason: str, packet: Packet | None, now: int) -> None:
        """Put the reason on the packet's latest record, unless it says so already."""
        record = None if packet is None else self._latest.get(packet.identity)
        if packet is None or record is None:
            return
        if packet.notes is not None:
            for note in packet.notes:
                if note not in record.comments:
                    record.comments.append(note)
        comment = f"dropped by {node}: {reason}"
        if comment not in record.comments:
            record.comments.append(comment)

    def statistics(self) -> dict[str, int]:
        """Records made, records that wait, and packets whose latest record is known."""
        return {
            "packets": self.packets,
            "remembered": len(self._latest),
            "waiting": len(self._waiting),
        }

    def flush(self) -> None:
        """Write all that is known; later reasons for what is written then are lost."""
        self._write_waiting(0)
        for output in self._outputs:
            output.flush()

    def close(self) -> None:
        """Write the rest and close the files. Raises OSError for the first that is not whole.

        Further calls do nothing.
        """
        self._write_waiting(0)
        self._places.clear()
        with ExitStack() as stack:  # each is closed, whatever becomes of the others
            for output in self._outputs:
                stack.callback(output.close)

    def _write_waiting(self, rest: int) -> None:
        """Write the oldest records until only `rest` wait."""
        waiting = self._waiting
        while len(waiting) > rest:
            output, record = waiting.popleft()
            if self._latest.get(record.identity) is record:
                del self._latest[record.identity]
            output.write(record.block())


def open_capture(path: str, node: str = "", nic: str = "") -> PcapngWriter:
    """A capture in a file, or in a folder (a path that ends in a slash, or is one): a file for each NIC."""
    return PcapngWriter(path, node, nic, is_folder(path))


def is_folder(path: str) -> bool:
    """Whether a capture there has a file for each NIC."""
    return path.endswith(("/", os.sep)) or Path(path).is_dir()


def _file_name(name: str) -> str:
    return "".join([letter if letter.isalnum() or letter in "._-" else "_" for letter in name])


def _option(code: int, value: bytes) -> bytes:
    return _OPTION.pack(code, len(value)) + value + bytes(-len(value) % 4)


def _block(kind: int, body: bytes) -> bytes:
    length = len(body) + 12
    return _BLOCK.pack(kind, length) + body + _LENGTH.pack(length)
