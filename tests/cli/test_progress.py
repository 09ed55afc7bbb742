"""Progress: a line on a terminal that gives way to what programs print, plain where the terminal is."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.test_cli import lab

# Busy for so long in real time, of which a simulated program sees nothing.
BUSY = """from trunkline.system import real
end = real.monotonic() + 2.5
while real.monotonic() < end:
    pass
print('counted')
"""


def on_a_terminal(folder: Path, *arguments: str, typed: bytes = b"", **environment: str) -> bytes:
    """What `trunkline …` writes to a terminal."""
    ours, theirs = pty.openpty()
    os.write(ours, typed)
    with subprocess.Popen(
        [sys.executable, "-m", "trunkline", *arguments],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        cwd=folder,
        env={**os.environ, "PYTHONHASHSEED": "0", **environment},
    ):
        os.close(theirs)
        written = b""
        while True:
            try:
                more = os.read(ours, 65536)
            except OSError:  # the other end is closed
                break
            if not more:
                break
            written += more
    os.close(ours)
    return written


@pytest.mark.once
def test_while_somebody_types_the_terminal_is_theirs(tmp_path: Path) -> None:
    name = lab(tmp_path, alice=f"print(input('say: ').upper())\n{BUSY}")
    written = on_a_terminal(tmp_path, "run", name, "--stdin", "alice", typed=b"so\n")
    assert b"say: " in written
    assert b"SO\r\n" in written
    assert b"\r\x1b[2K" not in written
    assert b"s of the world in " in written


@pytest.mark.once
@pytest.mark.parametrize("plain", [True, False])
def test_a_long_run_shows_progress(tmp_path: Path, plain: bool) -> None:
    name = lab(tmp_path, alice=BUSY)
    terminal = {"PYTHONIOENCODING": "ascii", "NO_COLOR": "1"} if plain else {"TERM": "xterm"}
    written = on_a_terminal(tmp_path, "run", name, "--until", "9s", **terminal)
    assert b"0.0 s of the world, 0 packets" in written
    assert b"\r\x1b[2Kcounted\r\n" in written, "the line was taken away before"
    assert written.rstrip().endswith(b"0 packets dropped")
    if plain:
        assert written.isascii()
        assert b"\x1b[3" not in written, "no colour"
    else:
        assert b"\x1b[3" in written
