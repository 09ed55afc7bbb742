"""What a run shows: the ladder of one's choice, a packet's journey, and numbers that agree with the capture."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.test_cli import trunk
from tests.observe.reader import read

LADDERS = Path(__file__).parents[2] / "examples" / "ports" / "lab.toml"


@pytest.mark.once
def test_the_ladder_and_a_packet() -> None:
    telephone = str(Path(__file__).parents[2] / "examples" / "telephone" / "lab.toml")
    done = trunk("run", telephone, "--ladder", "--packet", "9")
    assert done.returncode == 0, done.stderr
    assert "client socket " in done.stdout
    assert "hang up: client, too" in done.stdout
    for layer in ("transport", "network", "data link"):
        assert layer in done.stdout.lower()
    absent = trunk("run", telephone, "--packet", "1000")
    line = absent.stderr.splitlines()[-1]
    assert line == "trunkline: --packet 1000: this run has the packets 1 to 48"
    assert absent.returncode == 2


@pytest.mark.once
@pytest.mark.parametrize(
    ("which", "drawn"),
    [
        (["--ladder", "list"], "3  desk:46644 calls office:7003  TCP, IPv6"),
        (["--ladder"], "desk calls office, port 7001, over TCP"),
        (["--ladder", "2"], "desk calls office, port 7002, over TCP"),
        (["--ladder=4"], "client socket      10.0.1.1:"),
        (["--ladder", "office:desk:7003"], "refused: nobody answers at office"),
    ],
)
def test_a_ladder_of_ones_choice(which: list[str], drawn: str) -> None:
    for arguments in (["run", *which, str(LADDERS)], ["run", str(LADDERS), *which]):
        done = trunk(*arguments)
        assert done.returncode == 0, done.stderr
        assert drawn in done.stdout


@pytest.mark.once
def test_no_such_ladder() -> None:
    done = trunk("run", str(LADDERS), "--ladder", "7003")
    assert done.stderr.splitlines()[-1] == (
        "trunkline: --ladder: there is no conversation 7003: they are numbered 1 to 4;"
        " a port is written :7003; --ladder list shows them"
    )
    assert done.returncode == 2
    odd = trunk("run", str(LADDERS), "--ladder=desk")
    assert odd.stderr == (
        "trunkline: run: Invalid value for --ladder: found 'desk', expected a number, alice:bob,"
        " alice:bob:8080 or :8080, or list (trunkline run --help)\n"
    )
    assert odd.returncode == 2


@pytest.mark.once
@pytest.mark.parametrize("at", ["", "office", "office:eth0", "desk"])
def test_numbers_agree_with_the_capture_of_the_same_run(tmp_path: Path, at: str) -> None:
    """What a ladder calls N is record N of the file, and --packet N."""
    file = tmp_path / "run.pcapng"
    where = ["--pcap", str(file), *(["--pcap-at", at] if at else [])]
    done = trunk("run", str(LADDERS), "--ladder", "2", *where)
    rungs = [line.split() for line in done.stdout.splitlines() if "│" in line]
    numbers = [int(rung[0]) for rung in rungs if rung[0].isdecimal()]
    assert len(numbers) == 8
    assert ("taken at " + at if at else "run.pcapng, which holds every NIC") in done.stdout
    frames = read(file.read_bytes()).frames
    flags = [frames[number - 1].octets[14 + 40 + 13] for number in numbers]
    assert flags == [0x02, 0x12, 0x10, 0x18, 0x11, 0x10, 0x11, 0x10]
    shown = trunk("run", str(LADDERS), "--packet", str(numbers[1]), *where).stdout
    assert f"Packet {numbers[1]}: [2001:db8:0:1::2]:7002 > " in shown
    assert "[SYN, ACK]" in shown
    last = trunk("run", str(LADDERS), "--packet", str(len(frames)), *where)
    assert last.returncode == 0
    absent = trunk("run", str(LADDERS), "--packet", str(len(frames) + 1), *where)
    assert absent.stderr.splitlines()[-1].endswith(f" has the packets 1 to {len(frames)}")
    assert absent.returncode == 2


@pytest.mark.once
def test_a_terminal_without_box_characters_gets_plain_ones() -> None:
    done = trunk("run", str(LADDERS), "--ladder", "--packet", "9", PYTHONIOENCODING="ascii")
    assert done.returncode == 0, done.stderr
    assert (done.stdout + done.stderr).isascii()
    assert "|-- SYN seq=0 mss=1440 ---" in done.stdout
    assert "    4 transport     transport    | " in done.stdout
    assert "\x1b" not in done.stdout + done.stderr


FULL = Path("/dev/full")
needs_a_full_disk = pytest.mark.skipif(not FULL.exists(), reason="needs Linux's /dev/full")


@pytest.mark.once
@needs_a_full_disk
@pytest.mark.parametrize("example", ["telephone", "cable-cut"])  # less than a chunk, and more
def test_a_capture_that_does_not_fit_harms_no_program(example: str) -> None:
    name = str(Path(__file__).parents[2] / "examples" / example / "lab.toml")
    done = trunk("run", name, "--pcap", str(FULL))
    assert done.stdout == trunk("run", name).stdout
    last = done.stderr.splitlines()[-1]
    assert last == "trunkline: /dev/full: cannot be written: No space left on device"
    assert done.returncode == 2


@pytest.mark.once
@needs_a_full_disk
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_output_that_cannot_be_written(tmp_path: Path, unbuffered: str) -> None:
    name = tmp_path / "lab.toml"
    name.write_text('[hosts.alice]\nprograms = ["python -c pass"]\n')
    with FULL.open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "trunkline", "run", str(name), "--ladder"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            env={**os.environ, "PYTHONHASHSEED": "0", "PYTHONUNBUFFERED": unbuffered},
        )
    line = "trunkline: standard output cannot be written: No space left on device"
    assert done.stderr.splitlines()[-1] == line
    assert "Traceback" not in done.stderr
    assert done.returncode == 2


@pytest.mark.once
def test_nobody_to_draw(tmp_path: Path) -> None:
    name = tmp_path / "lab.toml"
    name.write_text("[hosts.alice]\n")
    for which in ("--ladder", "--ladder=list"):
        done = trunk("run", str(name), which)
        assert (done.stdout, done.returncode) == ("\nNobody talked with anybody.\n", 0)
    done = trunk("run", str(name), "--ladder=1")
    assert done.stderr.splitlines()[-1] == "trunkline: --ladder: nobody talked with anybody"
    assert done.returncode == 2
