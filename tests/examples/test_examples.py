"""Every folder of examples/ is a lab that runs, and shows what its README says."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"


def run(example: str, *options: str) -> str:
    """What an example's programs print."""
    lab = EXAMPLES / example / "lab.toml"
    done = subprocess.run(
        [sys.executable, "-m", "trunkline", "run", str(lab), *options],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        env={**os.environ, "PYTHONHASHSEED": "0"},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_telephone() -> None:
    assert run("telephone").splitlines() == [
        "Say something in small letters: ",
        "The server says: A SOCKET IS A TELEPHONE",
    ]


def text_of_the_library(lines: list[str]) -> None:
    source = (EXAMPLES / "datagrams" / "library.py").read_text(encoding="utf-8")
    text = source.partition('"""\\\n')[2].partition('"""')[0].splitlines()
    assert len(text) > 10
    assert lines[lines.index("") + 1 :] == text


def test_datagrams() -> None:
    lines = run("datagrams").splitlines()
    arrivals = [line.split()[1:] for line in lines if line.startswith("arrived:")]
    assert len(arrivals) > 1, "something was lost, and asked for again"
    numbers = [int(number) for number in arrivals[0]]
    assert numbers != sorted(numbers), "some overtook others"
    text_of_the_library(lines)


@pytest.mark.once
@pytest.mark.parametrize("seed", ["3", "4"])
def test_datagrams_with_other_losses(seed: str) -> None:
    text_of_the_library(run("datagrams", "--seed", seed).splitlines())


def test_ports() -> None:
    assert run("ports").splitlines() == [
        "2001:db8:0:1::2 port 7001: This is the first floor, port 7001.",
        "2001:db8:0:1::2 port 7002: This is the second floor, port 7002.",
        "port 7003: connection refused",
    ]


def test_loopback() -> None:
    assert run("loopback").splitlines() == [
        "I called 127.0.0.1, which is 127.0.0.1, and heard: you are 127.0.0.1",
        "I called ::1, which is ::1, and heard: you are ::1",
        "I called localhost, which is ::1, and heard: you are ::1",
    ]


def test_cable_cut() -> None:
    waited, whole = run("cable-cut").splitlines()
    assert re.fullmatch(r"after \d+ octets: waited [34]\.\d s", waited)
    assert whole.startswith("2000000 octets in ")


@pytest.mark.once
def test_every_example_is_tested_and_listed() -> None:
    folders = sorted(path.parent.name for path in EXAMPLES.glob("*/lab.toml"))
    index = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    for folder in folders:
        assert f"test_{folder.replace('-', '_')}" in globals(), folder
        assert f"[{folder}]({folder}/)" in index
        assert (EXAMPLES / folder / "README.md").exists()


@pytest.mark.once
def test_examples_know_nothing_of_us_and_are_short() -> None:
    for program in EXAMPLES.glob("*/*.py"):
        text = program.read_text(encoding="utf-8")
        assert "trunkline" not in text.lower(), program
        assert text.count("\n") <= 40, program
