"""Programs that ask again and again instead of waiting: told when it is for nothing, else let be."""

from __future__ import annotations

import asyncio
import select
import socket
import time
from types import FunctionType

import pytest

from tests.intercept.machines import Machines
from trunkline.system.errors import Spinning


@pytest.fixture(autouse=True)
def _impatient(machines: Machines) -> None:
    machines.world.watchdog.limit = 0.3


async def yield_for_ever() -> None:
    while True:
        await asyncio.sleep(0)


def sleep_for_ever() -> None:
    while True:
        time.sleep(0)


def select_for_ever() -> None:
    one, other = socket.socketpair()
    with one, other:
        while True:
            select.select([one], [], [], 0)


def receive_for_ever() -> None:
    one, other = socket.socketpair()
    with one, other:
        one.setblocking(False)
        while True:
            try:
                one.recv(1)
            except BlockingIOError:
                continue


@pytest.mark.parametrize(
    "program", [yield_for_ever, sleep_for_ever, select_for_ever, receive_for_ever]
)
@pytest.mark.parametrize("here", [False, True], ids=["strand", "calling thread"])
def test_polling_for_nothing_is_told(machines: Machines, program: FunctionType, here: bool) -> None:
    world = machines.world
    with pytest.raises(Spinning, match=rf"alice: {program.__name__} has polled for 0\.3 s") as told:
        if here:
            world.run_here(machines.alice, program)
        else:
            machines.run(program)
    assert "test_polling.py" in str(told.value)


def test_polling_until_somebody_else_acts_is_let_be(machines: Machines) -> None:
    ends: list[socket.socket] = []

    def poller() -> bytes:
        one, other = socket.socketpair()
        ends.append(other)
        with one:
            while not select.select([one], [], [], 0)[0]:
                pass
            return one.recv(10)

    def speaker() -> None:
        time.sleep(30)  # far longer than the poller's patience in calls
        with ends[0]:
            ends[0].sendall(b"at last")

    assert machines.together(poller, speaker)[0] == b"at last"


def test_giving_way_until_somebody_else_acts_is_let_be(machines: Machines) -> None:
    flags: list[str] = []

    def waits() -> float:
        while not flags:
            time.sleep(0)
        return time.monotonic()

    def sets() -> None:
        time.sleep(1)
        flags.append("set")

    assert machines.together(waits, sets)[0] == pytest.approx(1001, abs=0.01)


def test_waiting_for_a_time_by_looking_at_the_clock_ends(machines: Machines) -> None:
    def program() -> float:
        end = time.monotonic() + 2
        while time.monotonic() < end:
            pass
        return time.monotonic() - end

    assert 0 <= machines.run(program) < 0.1
