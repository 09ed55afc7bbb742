"""What would leave the simulation is refused, and the refusal says what to do instead."""

from __future__ import annotations

import asyncio
import atexit
import os
import resource
import signal
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Callable

import pytest

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


def abort() -> None:
    os.abort()


def kill_own_group() -> None:
    os.killpg(0, signal.SIGKILL)


@pytest.mark.parametrize("deed", [abort, kill_own_group])
def test_a_program_that_kills_itself_kills_nobody_else(
    machines: Machines, deed: Callable[[], object]
) -> None:
    world = machines.world
    one = world.start(machines.alice, deed)
    other = world.start(machines.bob, time.sleep, (3,))
    world.run()
    assert one.exit_code in {-signal.SIGABRT, -signal.SIGKILL}
    assert other.exit_code == 0


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
