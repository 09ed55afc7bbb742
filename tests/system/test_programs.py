"""Programs as processes: command lines, argv, `__main__`, streams, environment, directory, exit codes."""

from __future__ import annotations

import io
import os
import pathlib
import sys
import zipfile
from typing import Any

import pytest

from tests.system.worlds import make, sleep
from trunkline.system import command
from trunkline.system.stage import Surroundings


@pytest.mark.parametrize(
    ("words", "argv"),
    [
        (["python", "x.py", "-v", "1"], ["x.py", "-v", "1"]),
        (["/usr/bin/python3.12", "-u", "x.py"], ["x.py"]),
        (["python3", "-W", "error", "-Xdev", "-m", "mod", "-c"], ["-m", "-c"]),
        (["-c", "code", "a"], ["-c", "a"]),
        (["x.py"], ["x.py"]),
        ([sys.executable, "x.pyz", "a"], ["x.pyz", "a"]),
    ],
)
def test_command_lines(words: list[str], argv: list[str]) -> None:
    assert command.arguments_of(words) == argv


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ([], "an empty command line"),
        (["curl", "http://bob"], "is not a Python command line"),
        (["python"], "names no script, module or code"),
        (["python", "-m"], "argument expected for -m"),
        (["python", "--frobnicate", "x.py"], "unknown option --frobnicate"),
    ],
)
def test_command_lines_that_are_none(words: list[str], told: str) -> None:
    world, (alice,) = make("alice")
    with world, pytest.raises(ValueError, match=told):
        world.start(alice, words)


SCRIPT = """
import helper_of_this_test, os, sys
__name__ == "__main__" or sys.exit("not main")
print(sys.argv, os.path.basename(__file__), helper_of_this_test.there, sys.modules["__main__"].__file__ == __file__)
print(os.environ["HOSTNAME"], "said", input(), file=sys.stderr)
sys.exit(int(sys.argv[1]))
"""


def test_a_script_has_all_that_a_process_has(
    tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "script.py").write_text(SCRIPT)
    (tmp_path / "helper_of_this_test.py").write_text("there = True")
    before = sys.argv, sys.modules["__main__"], list(sys.path), dict(os.environ), os.getcwd()
    world, (alice,) = make("alice")
    with world:
        program = world.start(
            alice,
            ["python", str(tmp_path / "script.py"), "3"],
            surroundings=Surroundings(stdin="a line\n"),
        )
        world.run()
    assert program.exit_code == 3 and program.exception is None
    said = capsys.readouterr()
    assert said.out == f"[{str(tmp_path / 'script.py')!r}, '3'] script.py True True\n"
    assert said.err == "alice said a line\n"
    assert before == (
        sys.argv,
        sys.modules["__main__"],
        list(sys.path),
        dict(os.environ),
        os.getcwd(),
    )
    del sys.modules["helper_of_this_test"]


def test_code_modules_and_archives(
    tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with zipfile.ZipFile(tmp_path / "app.pyz", "w") as archive:
        archive.writestr("__main__.py", "import sys; print('archive', sys.argv[1:])")
    (tmp_path / "some.json").write_text('{"a": [1, 2]}')
    world, (alice,) = make("alice")
    with world:
        for words in (
            ["python", "-c", "import sys; print(__name__, sys.argv)", "x"],
            ["-m", "json.tool", "--compact", str(tmp_path / "some.json")],
            ["python", str(tmp_path / "app.pyz"), "y"],
        ):
            world.start(alice, words)
            world.run()
    lines = capsys.readouterr().out.splitlines()
    assert lines == ["__main__ ['-c', 'x']", '{"a":[1,2]}', "archive ['y']"]


def test_an_uncaught_exception_is_printed_without_our_frames(
    capsys: pytest.CaptureFixture[str],
) -> None:
    world, (alice,) = make("alice")
    with world:
        program = world.start(alice, ["python", "-c", "def f():\n  1/0\nf()"])
        world.run(raising=False)
    said = capsys.readouterr().err
    assert program.exit_code == 1 and isinstance(program.exception, ZeroDivisionError)
    assert said.splitlines()[0] == "Traceback (most recent call last):"
    assert said.splitlines()[-1] == "ZeroDivisionError: division by zero"
    assert "trunkline" not in said


def test_two_programs_side_by_side_keep_their_own(tmp_path: pathlib.Path) -> None:
    world, (alice, bob) = make("alice", "bob")
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    here = os.getcwd()
    seen: dict[str, Any] = {}

    def program(name: str) -> None:
        sys.stdout = io.StringIO()
        os.environ["WHO"] = name
        sys.argv = [name]
        for _ in range(3):
            sleep(10)
            print(name)
        seen[name] = (
            sys.stdout.getvalue(),
            os.environ["WHO"],
            os.environ["HOSTNAME"],
            sys.argv,
            os.path.basename(os.getcwd()),
        )

    with world:
        for system, name in ((alice, "a"), (bob, "b")):
            surroundings = Surroundings({"EXTRA": name}, str(tmp_path / name))
            world.start(system, program, (name,), surroundings=surroundings)
        world.run()
    assert seen == {
        "a": ("a\na\na\n", "a", "alice", ["a"], "a"),
        "b": ("b\nb\nb\n", "b", "bob", ["b"], "b"),
    }
    assert os.getcwd() == here and "WHO" not in os.environ


def test_the_calling_thread_can_be_the_program(capsys: pytest.CaptureFixture[str]) -> None:
    world, (alice, bob) = make("alice", "bob")
    ticks: list[int] = []

    def service() -> None:
        while True:
            sleep(1_000)
            ticks.append(world.loop.now)

    with world:
        world.start(bob, service, service=True)
        program = world.run_here(alice, lambda: sleep(3_500))
        assert program.result is False and ticks == [1_000, 2_000, 3_000]
        failed = world.run_here(alice, ["python", "-c", "raise ValueError('here')"])
        assert failed.exit_code == 1 and "ValueError: here" in capsys.readouterr().err
