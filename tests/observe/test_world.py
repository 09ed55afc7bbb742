"""Captures and drawings of a real run: a call between programs across a switch, a router and lossy cables."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from pathlib import Path

import pytest

import trunkline
from tests.observe.reader import read
from trunkline.observe.ladder import WIDTH, ladder
from trunkline.observe.layers import journey
from trunkline.observe.recorder import Recorder
from trunkline.wire import damage
from trunkline.wire.frame import decode

TSHARK = shutil.which("tshark")
ANSWER = b"It rings and rings. " * 1000


def run(folder: Path, family: socket.AddressFamily, *, strict: bool, lossy: bool) -> Recorder:
    """A call from alice to bob; captures of all NICs, and of alice's alone."""

    def serve() -> None:
        with socket.create_server(("", 8080), family=family) as welcoming:
            connection, _address = welcoming.accept()
            with connection:
                assert connection.recv(100) == b"hello"
                connection.sendall(ANSWER)

    def dial() -> None:
        [(*_kind, address)] = socket.getaddrinfo("bob", 8080, family, socket.SOCK_STREAM)
        with socket.socket(family) as client:
            client.connect(address)
            client.sendall(b"hello")
            heard = b""
            while more := client.recv(65536):
                heard += more
        assert heard == ANSWER

    chance = "3%" if lossy else "0"
    with trunkline.Internet(seed=11, strict=strict) as net:
        alice, bob = net.host("alice"), net.host("bob")
        switch, router = net.switch("s1"), net.router("r1")
        net.link(alice, switch, delay="1ms")
        net.link(switch, router, delay="5ms", loss=chance, duplicate=chance, corrupt=chance)
        net.link(router, bob, delay="10ms", rate="10Mbit", reorder=chance)
        recorder = Recorder()
        net.watch(recorder)
        net.capture(str(folder / "all.pcapng"))
        net.capture(str(folder / "alice.pcapng"), "alice:eth0")
        bob.start(serve)
        alice.start(dial)
        net.run(until="5min")
    return recorder


FAMILIES = [socket.AF_INET, socket.AF_INET6]


@pytest.mark.parametrize("family", FAMILIES)
def test_strict_octets_change_nothing_in_a_capture(
    tmp_path: Path, family: socket.AddressFamily
) -> None:
    contents = []
    for name, strict in (("loose", False), ("strict", True), ("again", False)):
        folder = tmp_path / name
        folder.mkdir()
        run(folder, family, strict=strict, lossy=True)
        contents.append((folder / "all.pcapng").read_bytes())
    assert contents[0] == contents[1] == contents[2]
    capture = read(contents[0])
    assert len(capture.frames) > 100
    # Exactly the frames that say so are damaged, and each lost or damaged one says by what.
    for frame in capture.frames:
        whole = decode(frame.octets, frame.nic.link_type == 1).damage == damage.WHOLE
        assert whole or any("corrupted by s1-r1" in comment for comment in frame.comments)
    comments = [comment for frame in capture.frames for comment in frame.comments]
    for fate in ("dropped by s1-r1", "corrupted by s1-r1", "duplicated by", "reordered by r1-bob"):
        assert any(fate in comment for comment in comments), fate


@pytest.mark.skipif(TSHARK is None, reason="tshark is not installed")
@pytest.mark.parametrize("family", FAMILIES)
def test_tshark_finds_no_fault_at_one_nic(tmp_path: Path, family: socket.AddressFamily) -> None:
    assert TSHARK is not None
    run(tmp_path, family, strict=False, lossy=False)
    command = [TSHARK, "-n", "-r", str(tmp_path / "alice.pcapng")]
    for layer in ("ip", "tcp", "udp"):
        command += ["-o", f"{layer}.check_checksum:TRUE"]
    bad = (
        "_ws.malformed || _ws.expert.severity == error || ip.checksum.status == Bad"
        " || tcp.checksum.status == Bad || icmpv6.checksum.status == Bad"
    )
    told = subprocess.run([*command, "-Y", bad], capture_output=True, text=True, check=True)
    assert not told.stdout
    told = subprocess.run(command, capture_output=True, text=True, check=True)
    assert len(told.stdout.splitlines()) > 20


@pytest.mark.parametrize("family", FAMILIES)
def test_the_drawings_of_a_lossy_call(tmp_path: Path, family: socket.AddressFamily) -> None:
    recorder = run(tmp_path, family, strict=False, lossy=True)
    drawn = ladder(recorder)
    for words in (
        "alice calls bob, port 8080",
        "dial: ",
        "ring: ",
        "pick up",
        "talk: hello",
        "hang up",
    ):
        assert words in drawn
    assert f"alice said 5 octets, bob {len(ANSWER):,}" in drawn
    lines = drawn.split("\n")
    for number in range(1, recorder.count + 1):
        lines.extend(journey(recorder, number).split("\n"))
    assert max(len(line) for line in lines) <= WIDTH


def test_what_programs_and_cables_do_is_told(tmp_path: Path) -> None:
    """connect, accept, shutdown and close; a cable that is cut, mended and made worse."""

    def serve() -> None:
        with socket.create_server(("", 8080)) as welcoming:
            time.sleep(2)
            connection, _address = welcoming.accept()
            with connection:
                assert connection.recv(100) == b"hello"
                connection.shutdown(socket.SHUT_WR)

    def dial() -> None:
        with socket.create_connection(("10.0.1.2", 8080)) as client:
            client.sendall(b"hello")
            assert client.recv(100) == b""

    with trunkline.Internet() as net:
        alice, bob = net.host("alice"), net.host("bob")
        cable = net.link(alice, bob, delay="10ms", name="sea")
        recorder = Recorder()
        net.watch(recorder)
        bob.start(serve)
        alice.start(dial)
        net.at("1s", cable.down)
        net.at("1.5s", cable.up)
        net.at("1.6s", lambda: cable.set(loss="0.5%", rate="10Mbit", delay="20ms", queue=50))
        net.at("1.7s", lambda: cable.set(loss="0", to=bob))
        net.run()
    said = [(call.node, call.verb, call.now // 10**9) for call in recorder.calls]
    assert said == [
        ("alice", "connect", 0),
        ("bob", "accept", 2),
        ("bob", "shutdown", 2),
        ("bob", "close", 2),
        ("alice", "close", 2),
    ]
    local, remote = recorder.calls[0].local, recorder.calls[0].remote
    assert (recorder.calls[1].local, recorder.calls[1].remote) == (remote, local)
    assert remote == (bytes((10, 0, 1, 2)), 8080)
    assert [(fault.cable, fault.what, fault.now // 10**8) for fault in recorder.faults] == [
        ("sea", "cut", 10),
        ("sea", "mended", 15),
        ("sea", "now has loss 0.5%, rate 10Mbit, delay 20ms, queue 50", 16),
        ("sea", "now has loss 0% to bob", 17),
    ]
    drawn = ladder(recorder)
    for words in (
        "the line stands; bob has not",
        "● 2.000000  pick up: accept() returns",
        "sea is cut",
    ):
        assert words in drawn
