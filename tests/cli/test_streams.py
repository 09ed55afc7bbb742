"""Standard streams of a lab's programs: the command's own input, and whose line is whose."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.test_cli import Done, lab, trunk

READ = "import sys\nprint(repr(sys.stdin.read()), repr(sys.stdin.buffer.read()))\n"


def piped(folder: Path, given: bytes, *arguments: str) -> Done:
    done = subprocess.run(
        [sys.executable, "-m", "trunkline", *arguments],
        input=given,
        capture_output=True,
        check=False,
        timeout=60,
        cwd=folder,
        env={**os.environ, "PYTHONHASHSEED": "0"},
    )
    return Done(done.args, done.returncode, done.stdout.decode(), done.stderr.decode())


def test_the_commands_input_is_given_to_one_program(tmp_path: Path) -> None:
    name = lab(tmp_path, alice=READ, bob=READ)
    done = piped(tmp_path, "zwölf\n".encode(), "run", name, "--stdin", "bob")
    assert done.returncode == 0, done.stderr
    assert done.stdout == "'' b''\n'zwölf\\n' b''\n"


@pytest.mark.once
def test_octets_that_are_no_text_pass(tmp_path: Path) -> None:
    name = lab(tmp_path, alice="import sys\nprint(sys.stdin.buffer.read())\n")
    done = piped(tmp_path, b"\xff\x00\r\n", "run", name, "--stdin", "alice")
    assert done.stdout == "b'\\xff\\x00\\r\\n'\n"


@pytest.mark.once
def test_input_for_nobody(tmp_path: Path) -> None:
    name = lab(tmp_path, alice=READ)
    done = trunk("run", name, "--stdin", "bob", cwd=tmp_path)
    assert (done.stdout, done.returncode) == ("", 2)
    assert done.stderr == (
        'trunkline: run: Invalid value for --stdin: no machine "bob" runs a program;'
        " known here: alice (trunkline run --help)\n"
    )


def test_each_line_says_whose_it_is(tmp_path: Path) -> None:
    """Programs that stop in the middle of a line, write several at once, or raise."""
    alice = (
        "import sys, time\nprint('one\\ntwo', end='')\ntime.sleep(2)\nprint(' and more')\n"
        "sys.stdout.write('')\nprint('x\\x0cy', file=sys.stderr)\n"
    )
    bob = "import time\ntime.sleep(1)\nprint('hello')\nprint()\nraise SystemExit('done')\n"
    name = lab(tmp_path, alice=alice, bob=bob)
    path = tmp_path / name
    two = 'programs = ["python bob.py", { run = "python bob.py", start = "3s" }]'
    path.write_text(path.read_text().replace('programs = ["python bob.py"]', two))
    done = trunk("run", name, "--prefix", cwd=tmp_path)
    assert done.stdout.splitlines() == [
        "alice: one", "alice: two", "bob 1: hello", "bob 1: ", "alice:  and more",
        "bob 2: hello", "bob 2: ",
    ]  # fmt: skip
    assert done.stderr.split("\n")[:3] == ["bob 1: done", "alice: x\x0cy", "bob 2: done"]
    assert done.returncode == 1
    plain = trunk("run", name, cwd=tmp_path)
    assert plain.stdout == "one\ntwohello\n\n and more\nhello\n\n"


@pytest.mark.once
def test_a_sign_that_the_terminal_has_not_is_the_programs_own_mistake(tmp_path: Path) -> None:
    name = lab(tmp_path, alice="print('\\u2192')\n")
    for options in ([], ["--prefix"]):
        done = trunk("run", name, *options, cwd=tmp_path, PYTHONIOENCODING="ascii")
        assert "alice.py" in done.stderr
        assert "/trunkline/" not in done.stderr
        last = "trunkline: alice: python alice.py: raised UnicodeEncodeError: 'ascii' codec can't encode"
        assert done.stderr.splitlines()[-1].startswith(last)
