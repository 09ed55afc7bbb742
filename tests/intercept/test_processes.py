"""What would leave the simulation is refused, and the refusal says what to do instead."""

from __future__ import annotations

import asyncio
import atexit
import os
import pathlib
import resource
import signal
import subprocess
import sys
import threading
import time
import weakref

import pytest

import trunkline
from tests.intercept.machines import Machines


@pytest.mark.once
def test_a_refusal_says_what_to_do_instead(machines: Machines) -> None:
    def program() -> list[str]:
        said = []
        for attempt in (lambda: subprocess.run(["ls"], check=False), lambda: os.system("ls")):
            with pytest.raises(PermissionError) as caught:
                attempt()
            said.append(str(caught.value))
        sys.modules.pop("grpc", None)
        with pytest.raises(ModuleNotFoundError) as missing:
            __import__("grpc")
        return [*said, str(missing.value)]

    said = machines.run(program)
    for text in said[:2]:
        assert "the simulated host alice" in text and "host.start(...)" in text
    assert "use grpclib" in said[2]
    assert not any("trunkline exec" in text or "world.start" in text for text in said)


def test_what_is_about_the_whole_process_is_left_alone(machines: Machines) -> None:
    before = (os.nice(0), resource.getrlimit(resource.RLIMIT_NOFILE), os.getpgrp(), os.umask(0o22))
    os.umask(before[3])

    def program() -> tuple[int, object]:
        for attempt in (lambda: os.setuid(os.getuid()), os.setsid, lambda: os.chroot("/")):
            with pytest.raises(PermissionError, match="the simulated host alice shares"):
                attempt()
        resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
        limits = resource.prlimit(0, resource.RLIMIT_NOFILE, (64, 64))
        return os.nice(5), limits

    assert machines.run(program) == before[:2]
    assert (os.nice(0), resource.getrlimit(resource.RLIMIT_NOFILE), os.getpgrp()) == before[:3]


SUICIDE = """
import os, signal, time
from trunkline.fabric.loop import Loop
from trunkline.intercept import install
from trunkline.system.system import System
from trunkline.system.world import World
install()
world = World(Loop(), 1)
def deed():
    {deed}
one = world.start(System(world, None, "alice"), deed)
other = world.start(System(world, None, "bob"), time.sleep, (3,))
world.run()
print(one.exit_code, other.exit_code)
"""


@pytest.mark.parametrize(
    ("deed", "number"),
    [("os.abort()", signal.SIGABRT), ("os.killpg(0, signal.SIGKILL)", signal.SIGKILL)],
)
def test_a_program_that_kills_itself_kills_nobody_else(deed: str, number: int) -> None:
    """In a process and a group of its own: a failure would otherwise take the tests with it."""
    done = subprocess.run(
        [sys.executable, "-c", SUICIDE.format(deed=deed)],
        env={**os.environ, "PYTHONPATH": str(pathlib.Path(trunkline.__file__).parent.parent)},
        start_new_session=True,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, f"{-number} 0\n")


@pytest.mark.parametrize("in_thread", [False, True])
def test_an_exit_at_once_ends_the_program_alone(machines: Machines, in_thread: bool) -> None:
    exits: list[str] = []

    def hasty() -> None:
        atexit.register(exits.append, "never")
        if in_thread:
            threading.Thread(target=os._exit, args=(7,)).start()
            time.sleep(100)
        os._exit(7)

    def patient() -> str:
        time.sleep(5)
        return "goes on"

    world = machines.world
    one = world.start(machines.alice, hasty)
    other = world.start(machines.bob, patient)
    world.run()
    assert (one.exit_code, other.result, exits) == (7, "goes on", [])
    assert world.loop.now == 5 * 10**9


def test_what_a_refusal_left_is_gone_before_the_next_loop(machines: Machines) -> None:
    class Half:
        """Made for a child that never came, and in a cycle with itself."""

        def __init__(self) -> None:
            self.itself = self

    def attempt() -> weakref.ref[Half]:
        half = Half()
        with pytest.raises(PermissionError):
            subprocess.run(["ls"], check=False)
        return weakref.ref(half)

    def program() -> tuple[bool, bool]:
        half = attempt()
        before = half() is not None
        asyncio.new_event_loop().close()
        return before, half() is not None

    assert machines.run(program) == (True, False)
