"""Raw octets: options at any place and of any length, checksums; through the same door as a cable's."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.transport.tcp.harness import ACK, SYN, Bench, Seg
from trunkline.transport.tcp.connection import Connection
from trunkline.wire.frame import decode, encode
from trunkline.wire.header import TCP
from trunkline.wire.ipv4 import IPv4
from trunkline.wire.packet import Packet
from trunkline.wire.tcp import ABSENT, Tcp


def inject_raw(bench: Bench, flags: int, seq: int, ack: int, raw: bytes, data: bytes = b"") -> None:
    """A segment whose options are these octets, checksums right."""
    header = Tcp(
        bench.peer_port,
        bench.host_port,
        (bench.iss + seq) & 0xFFFFFFFF,
        (max(bench.host_iss, 0) + ack) & 0xFFFFFFFF if flags & ACK else 0,
        flags,
        65535,
    )
    header.raw_options = raw
    header.header_length = 20 + len(raw)
    octets = encode(Packet(IPv4(bench.there, bench.here, TCP), header, data))
    bench.host.receive(bench.wire, decode(octets, False), bench.world.now)
    bench.collect()


def opened_with(raw: bytes) -> tuple[Bench, Connection]:
    bench = Bench()
    listener = bench.listen()
    inject_raw(bench, SYN, 0, 0, raw)
    bench.one()
    bench.inject(Seg(ACK, 1, 1))
    connection = listener.accept()
    assert connection is not None
    return bench, connection


@pytest.mark.parametrize(
    ("raw", "mss"),
    [
        (b"\x02\x04\x03\xe8", 1000),
        (b"\x01\x01\x01\x02\x04\x03\xe8\x00", 1000),  # MUST-64: at any alignment
        (b"\xfd\x04\x00\x00\x02\x04\x03\xe8", 1000),  # MUST-6, MUST-68: unknown ones are skipped
        (b"\x00\x02\x04\x03\xe8\x00\x00\x00", 536),  # MUST-4: nothing after the end of the list
        (b"\x02\x03\x03\x00", 536),  # MUST-7: illegal lengths
        (b"\x02\x00\x03\xe8", 536),
        (b"\x02\x28\x03\xe8", 536),
        (b"\xfd\x00\x02\x04\x03\xe8\x00\x00", 536),
        (b"\xfd\x01\x02\x04\x03\xe8\x00\x00", 536),
        (b"\x01\x01\x01\xfd", 536),
        (b"", 536),
    ],
)
def test_options_of_a_syn(raw: bytes, mss: int) -> None:
    """MUST-4, MUST-6, MUST-7, MUST-64, MUST-68, MUST-15."""
    _, connection = opened_with(raw)
    assert connection.statistics()["mss"] == mss


def test_options_on_any_segment() -> None:
    """MUST-5: an option is accepted in any segment; an MSS on a later one changes nothing."""
    bench, connection = opened_with(b"\x02\x04\x03\xe8")
    inject_raw(bench, ACK, 1, 1, b"\x02\x04\x01\x00\xfd\x04\x00\x00", b"x")
    assert connection.receive(9, bench.world.now) == b"x"
    assert connection.statistics()["mss"] == 1000
    inject_raw(bench, ACK, 2, 1, b"\x03\x03\x0e\x01\x04\x02\x01\x01", b"y")
    assert connection.receive(9, bench.world.now) == b"y"
    assert connection.statistics()["snd_wnd"] == 65535


@given(raw=st.binary(max_size=40), data=st.binary(max_size=20))
def test_any_options(raw: bytes, data: bytes) -> None:
    """MUST-7: no octets in place of options do harm."""
    raw += bytes(-len(raw) % 4)
    bench, connection = opened_with(b"\x02\x04\x03\xe8\x01\x01\x04\x02")
    inject_raw(bench, ACK, 1, 1, raw, data)
    inject_raw(bench, SYN | ACK, 0, 1, raw, data)
    assert connection.state_name() == "ESTABLISHED"
    assert connection.receive(99, bench.world.now) == data


def test_checksums() -> None:
    """MUST-2, MUST-3: always made, always checked; a bad segment is dropped and counted."""
    bench, connection = opened_with(b"")
    connection.send(b"x", bench.world.now)
    out = bench.one()  # read back with its checksum verified
    assert not out.packet.damage
    assert out.header.ts_val == ABSENT
    header = Tcp(40000, 80, (bench.iss + 1) & 0xFFFFFFFF, bench.host_iss + 1, ACK, 65535)
    octets = bytearray(encode(Packet(IPv4(bench.there, bench.here, TCP), header, b"forged")))
    octets[-1] ^= 1
    bench.host.receive(bench.wire, decode(bytes(octets), False), bench.world.now)
    assert connection.available() == 0
    assert bench.host.internet.statistics()["internet: damaged: TCP checksum"] == 1
