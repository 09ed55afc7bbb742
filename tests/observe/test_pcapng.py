"""Captures: read back by a reader of our own, and by tshark where it is installed."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.observe.reader import read
from tests.observe.stage import ACK, MACS, PSH, SYN, Stage
from trunkline.observe.pcapng import EPOCH, WAITING_LIMIT, PcapngWriter, open_capture
from trunkline.wire.frame import encode
from trunkline.wire.trace import RECEIVED, SENT

TSHARK = shutil.which("tshark")
BAD = (
    "_ws.malformed || _ws.expert.severity == error || ip.checksum.status == Bad"
    " || tcp.checksum.status == Bad || udp.checksum.status == Bad"
)


def test_every_packet_at_every_nic(tmp_path: Path) -> None:
    file = tmp_path / "all.pcapng"
    writer = open_capture(str(file))
    stage = Stage(writer)
    packet = stage.segment(True, SYN, 5)
    writer.close()
    capture = read(file.read_bytes())
    assert [nic.name for nic in capture.nics] == [
        "alice.eth0", "s1.eth0", "s1.eth1", "r1.eth0", "r1.eth1", "bob.eth0", "alice.lo",
    ]  # fmt: skip
    assert [nic.link_type for nic in capture.nics] == [1] * 6 + [101]
    assert [nic.mac for nic in capture.nics] == [*MACS[:6], b""]
    assert {nic.resolution for nic in capture.nics} == {9}
    assert [(frame.nic.name, frame.direction) for frame in capture.frames] == [
        ("alice.eth0", SENT),
        ("s1.eth0", RECEIVED),
        ("s1.eth1", SENT),
        ("r1.eth0", RECEIVED),
        ("r1.eth1", SENT),
        ("bob.eth0", RECEIVED),
    ]
    times = [frame.time - EPOCH for frame in capture.frames]
    assert times == [ms * 10**6 for ms in (5, 15, 15, 25, 25, 35)]
    assert EPOCH == 1_893_456_000 * 10**9  # 2030-01-01T00:00:00Z
    assert {frame.identity for frame in capture.frames} == {1}
    assert capture.frames[-1].octets == encode(packet)
    # Recorded as it was there and then: the router lowers the hop limit, and is in no past frame.
    assert [frame.octets[22] for frame in capture.frames] == [64, 64, 64, 64, 63, 63]
    assert not any(frame.comments for frame in capture.frames)


def test_no_version_machine_or_real_time_is_in_a_header(tmp_path: Path) -> None:
    file = tmp_path / "empty.pcapng"
    open_capture(str(file)).close()
    assert read(file.read_bytes()).texts == [b"Trunkline"]


def test_a_lost_packet_says_by_what(tmp_path: Path) -> None:
    file = tmp_path / "lost.pcapng"
    writer = open_capture(str(file))
    Stage(writer).segment(True, SYN, 0, lost=1)
    writer.close()
    frames = read(file.read_bytes()).frames
    assert [frame.comments for frame in frames] == [
        [], [], ["dropped by s1-r1 (s1.eth1 to r1.eth0): lost"],
    ]  # fmt: skip


def test_a_damaged_packet_says_by_what_and_who_gave_it_up(tmp_path: Path) -> None:
    file = tmp_path / "damaged.pcapng"
    writer = open_capture(str(file))
    Stage(writer).segment(True, PSH | ACK, 0, data=b"hello", damaged=True)
    writer.close()
    frames = read(file.read_bytes()).frames
    assert frames[-1].comments == [
        "corrupted by r1-bob (r1.eth1 to bob.eth0): bit 7 of octet 58 flipped",
        "dropped by bob: internet: damaged: TCP checksum",
    ]
    assert not any(frame.comments for frame in frames[:-1])


def test_a_packet_given_up_later_still_gets_its_comment(tmp_path: Path) -> None:
    file = tmp_path / "late.pcapng"
    writer = open_capture(str(file))
    stage = Stage(writer)
    first = stage.segment(True, SYN, 0)
    for number in range(WAITING_LIMIT // 6 - 1):
        stage.segment(True, SYN, number)
    writer.drop("bob", "tcp: too late", first, 10**9)
    stage.segment(True, SYN, 1)
    stage.segment(True, SYN, 1)
    writer.drop("bob", "tcp: much too late", first, 10**9)  # written already
    writer.close()
    frames = read(file.read_bytes()).frames
    assert len(frames) == writer.packets
    assert [frame.comments for frame in frames if frame.identity == 1][-1] == [
        "dropped by bob: tcp: too late"
    ]
    assert sum(len(frame.comments) for frame in frames) == 1


def test_no_more_is_kept_than_may_wait(tmp_path: Path) -> None:
    writer = open_capture(str(tmp_path / "many.pcapng"))
    stage = Stage(writer)
    for number in range(WAITING_LIMIT):
        stage.segment(True, SYN, number)
    kept = writer.statistics()
    assert kept["packets"] == 6 * WAITING_LIMIT
    assert kept["waiting"] == WAITING_LIMIT
    assert kept["remembered"] <= WAITING_LIMIT
    writer.close()
    assert writer.statistics()["remembered"] == writer.statistics()["waiting"] == 0


def test_a_drop_of_octets_alone_is_nobody_elses(tmp_path: Path) -> None:
    file = tmp_path / "octets.pcapng"
    writer = open_capture(str(file))
    Stage(writer).segment(True, SYN, 0)
    writer.drop("bob", "nothing left", None, 0)
    writer.close()
    assert not any(frame.comments for frame in read(file.read_bytes()).frames)


@pytest.mark.parametrize(
    ("node", "nic", "names"),
    [
        ("r1", "", ["r1.eth0", "r1.eth1"]),
        ("r1", "eth1", ["r1.eth1"]),
        ("bob", "", ["bob.eth0"]),
    ],
)
def test_only_the_nics_asked_for(tmp_path: Path, node: str, nic: str, names: list[str]) -> None:
    file = tmp_path / "some.pcapng"
    writer = open_capture(str(file), node, nic)
    Stage(writer).segment(True, SYN, 0)
    writer.close()
    capture = read(file.read_bytes())
    assert [nic.name for nic in capture.nics] == names
    assert [frame.nic.name for frame in capture.frames] == names


def test_a_folder_stays_where_it_was_when_the_directory_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    writer = open_capture("captures/")
    stage = Stage(writer)
    stage.segment(True, SYN, 5)
    (tmp_path / "program").mkdir()
    monkeypatch.chdir("program")
    writer.close()
    assert read((tmp_path / "captures/bob.eth0.pcapng").read_bytes()).frames


def test_a_folder_has_a_file_for_each_nic(tmp_path: Path) -> None:
    writer = open_capture(f"{tmp_path}/captures/")
    stage = Stage(writer)
    stage.segment(True, SYN, 0)
    stage.segment(False, SYN | ACK, 40, ack=1)
    writer.close()
    files = sorted((tmp_path / "captures").iterdir())
    assert [file.name for file in files] == [
        "alice.eth0.pcapng", "alice.lo.pcapng", "bob.eth0.pcapng", "r1.eth0.pcapng",
        "r1.eth1.pcapng", "s1.eth0.pcapng", "s1.eth1.pcapng",
    ]  # fmt: skip
    for file in files:
        capture = read(file.read_bytes())
        assert [nic.name for nic in capture.nics] == [file.name.removesuffix(".pcapng")]
        assert len(capture.frames) == (0 if "lo" in file.name else 2)
    again = PcapngWriter(f"{tmp_path}/captures", folder=True)  # an existing folder is written anew
    Stage(again)
    again.close()
    assert all(not read(file.read_bytes()).frames for file in files)


def test_the_same_run_gives_the_same_octets(tmp_path: Path) -> None:
    contents = []
    for name in ("one", "two"):
        writer = open_capture(str(tmp_path / name))
        stage = Stage(writer, version=6)
        stage.call()
        stage.segment(True, PSH | ACK, 100, seq=1, ack=1, data=b"x" * 1000, lost=2)
        stage.hang_up(200, 1001)
        writer.close()
        writer.close()
        contents.append((tmp_path / name).read_bytes())
    assert contents[0] == contents[1]


def test_a_path_that_cannot_be_written_is_an_oserror(tmp_path: Path) -> None:
    with pytest.raises(OSError):
        open_capture(str(tmp_path / "missing" / "file.pcapng"))


def test_what_was_flushed_can_be_read_before_the_end(tmp_path: Path) -> None:
    file = tmp_path / "flushed.pcapng"
    writer = open_capture(str(file))
    Stage(writer).segment(True, SYN, 0)
    writer.flush()
    assert len(read(file.read_bytes()).frames) == 6
    writer.close()


@pytest.mark.skipif(TSHARK is None, reason="tshark is not installed")
@pytest.mark.parametrize("version", [4, 6])
def test_tshark_agrees(tmp_path: Path, version: int) -> None:
    assert TSHARK is not None
    file = tmp_path / "call.pcapng"
    writer = open_capture(str(file), "bob", "eth0")
    stage = Stage(writer, version=version)
    stage.call()
    stage.segment(True, PSH | ACK, 100, seq=1, ack=1, data=b"GET / HTTP/1.0\r\n\r\n")
    stage.segment(False, ACK, 140, seq=1, ack=19, sack=((20, 30),))
    stage.datagram(True, 150, bytes.fromhex("123401000001000000000000 0161 00 0001 0001"))
    stage.hang_up(200, 19)
    writer.close()
    fields = [
        "frame.time_epoch",
        "frame.packet_id",
        "frame.interface_name",
        "frame.packet_flags_direction",
    ]
    arguments = [argument for field in fields for argument in ("-e", field)]
    checks = ["-o", "ip.check_checksum:TRUE", "-o", "tcp.check_checksum:TRUE"]
    checks += ["-o", "udp.check_checksum:TRUE"]
    command = [TSHARK, "-n", *checks, "-r", str(file)]
    bad = subprocess.run([*command, "-Y", BAD], capture_output=True, text=True, check=True)
    assert not bad.stdout
    told = subprocess.run(
        [*command, "-T", "fields", *arguments], capture_output=True, text=True, check=True
    )
    rows = [line.split("\t") for line in told.stdout.splitlines()]
    frames = read(file.read_bytes()).frames
    assert len(rows) == len(frames) == 9
    for (time, identity, name, direction), frame in zip(rows, frames, strict=True):
        seconds, fraction = time.split(".")
        assert int(seconds) * 10**9 + int(fraction) == frame.time
        assert int(identity, 0) == frame.identity
        assert name == frame.nic.name
        assert int(direction, 0) == frame.direction


@pytest.mark.skipif(TSHARK is None, reason="tshark is not installed")
def test_tshark_would_see_a_bad_checksum(tmp_path: Path) -> None:
    assert TSHARK is not None
    file = tmp_path / "bad.pcapng"
    writer = open_capture(str(file), "bob", "eth0")
    Stage(writer).segment(True, PSH | ACK, 0, data=b"hello", damaged=True)
    writer.close()
    command = [TSHARK, "-n", "-o", "tcp.check_checksum:TRUE", "-r", str(file), "-Y", BAD]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout
