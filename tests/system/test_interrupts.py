"""Ctrl-C during a run: it ends, everything is as before, and programs get their SIGINT."""

from __future__ import annotations

import pathlib
import subprocess
import sys

import pytest

import trunkline

START = """
import _thread, signal, sys, threading, time
signal.signal(signal.SIGINT, signal.default_int_handler)  # whoever started us may ignore it
real_sleep = time.sleep
def press(times):
    def presser():
        for _ in range(times):
            real_sleep(0.2)
            _kill(_main, signal.SIGINT)
    _start(presser, ())
_main, _kill, _start = threading.get_ident(), signal.pthread_kill, _thread.start_new_thread
from trunkline.fabric.loop import Loop
from trunkline.intercept import install
from trunkline.system.system import System
from trunkline.system.world import World
install()
world = World(Loop(), 1)
alice, bob = System(world, None, "alice"), System(world, None, "bob")
def walk():
    while True:
        time.sleep(1)
def spin():
    while True:
        pass
"""


def result(code: str, tmp_path: pathlib.Path) -> tuple[int, str]:
    (tmp_path / "code.py").write_text(START + code)
    done = subprocess.run(
        [sys.executable, "code.py"],
        cwd=tmp_path,
        env={"PYTHONPATH": str(pathlib.Path(trunkline.__file__).parent.parent)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode, done.stdout


def test_a_run_ends(tmp_path: pathlib.Path) -> None:
    code = """
world.start(alice, walk)
world.start(bob, walk)
press(1)
try:
    world.run()
except KeyboardInterrupt as error:
    for who in str(error).partition(" s: ")[2].split("; "):
        print(who.partition(" until")[0])
    print("ended", world.loop.now > 0, signal.getsignal(signal.SIGINT) is signal.default_int_handler)
now = world.loop.now
world.run(until=now + 5 * 10**9)
print("goes on", world.loop.now - now)
world.close()
"""
    assert result(code, tmp_path) == (
        0,
        """\
alice: walk waits in sleep (code.py, line 21: time.sleep(1))
bob: walk waits in sleep (code.py, line 21: time.sleep(1))
ended True True
goes on 5000000000
""",
    )


def test_a_strand_that_spins_is_broken_off(tmp_path: pathlib.Path) -> None:
    code = """
spinner = world.start(alice, spin)
press(1)
try:
    world.run()
except KeyboardInterrupt:
    print("ended")
world.close()
print(spinner.done)
"""
    assert result(code, tmp_path) == (0, "ended\nTrue\n")


@pytest.mark.parametrize("busy", ["walk()", "spin()"])
def test_a_program_on_the_main_thread_gets_its_exception(tmp_path: pathlib.Path, busy: str) -> None:
    code = f"""
def main():
    try:
        {busy}
    except KeyboardInterrupt:
        print("caught")
        return "result"
world.start(bob, walk, service=True)
press(1)
print(world.run_here(alice, main).result)
world.close()
"""
    assert result(code, tmp_path) == (0, "caught\nresult\n")


def test_asyncio_on_the_main_thread_cancels(tmp_path: pathlib.Path) -> None:
    code = """
import asyncio
async def main():
    try:
        while True:
            await asyncio.sleep(1)
    except asyncio.CancelledError:
        print("cancelled")
        raise
press(1)
program = world.run_here(alice, main)
print(repr(program.exception))
world.close()
"""
    assert result(code, tmp_path) == (0, "cancelled\nKeyboardInterrupt()\n")


def test_a_strand_that_will_not_be_broken_off_is_left_behind(tmp_path: pathlib.Path) -> None:
    code = """
def stubborn():
    while True:
        try:
            spin()
        except BaseException:
            pass
world.start(alice, stubborn)
press(1)
try:
    world.run()
except KeyboardInterrupt:
    print("ended", flush=True)
import os
os._exit(0)
"""
    assert result(code, tmp_path) == (0, "ended\n")


def test_the_second_breaks_off_a_thread_that_spins_beside_the_program(
    tmp_path: pathlib.Path,
) -> None:
    code = """
def main():
    thread = threading.Thread(target=spin)
    try:
        thread.start()
    except KeyboardInterrupt:
        print("caught")
        thread.join()
        return "joined"
press(2)
print(world.run_here(alice, main).result)
world.close()
"""
    assert result(code, tmp_path) == (0, "caught\njoined\n")


def test_a_handler_of_ones_own_is_left_alone(tmp_path: pathlib.Path) -> None:
    code = """
seen = []
def handler(number, frame):
    seen.append(number)
signal.signal(signal.SIGINT, handler)
world.start(alice, time.sleep, (10**6,))
press(1)
real_sleep(0.5)
world.run()
print(seen == [signal.SIGINT], signal.getsignal(signal.SIGINT) is handler)
"""
    assert result(code, tmp_path) == (0, "True True\n")


def test_a_program_on_the_main_thread_that_is_stuck_in_c_is_told(tmp_path: pathlib.Path) -> None:
    """Nobody can unwind it; but it is not silent."""
    code = """
import ctypes, os
os.environ["TRUNKLINE_WATCHDOG"] = "0.3"
stuck = World(Loop(), 1)
alice = System(stuck, None, "alice")
def main():
    ctypes.CDLL(None).usleep(900000)
    print("over", flush=True)
try:
    stuck.run_here(alice, main)
except Exception as error:
    print(type(error).__name__)
"""
    status, said = result(code, tmp_path)
    assert said.startswith("trunkline: alice: main has kept the processor for 0.3 s")
    assert "CDLL(None).usleep" in said
    assert status == 0 and said.splitlines()[-1] == "Spinning"
