"""What a run that was cut tells of the programs that have not ended."""

from __future__ import annotations

import asyncio
import os
import queue
import select
import threading
import time
from typing import Any

import pytest

from tests.intercept.machines import Machines
from trunkline.system import waiting

HERE = __file__.removeprefix(os.getcwd() + os.sep)


def blocked() -> None:
    queue.Queue[int]().get()


def polling() -> None:
    while True:
        select.select([], [], [], 0.5)


def threaded() -> None:
    threading.Thread(target=blocked, name="worker").start()


async def awaiting() -> None:
    await asyncio.gather(asyncio.Event().wait(), asyncio.sleep(9))


async def one() -> None:
    await asyncio.sleep(9)


@pytest.mark.once
@pytest.mark.parametrize(
    ("target", "told"),
    [
        (blocked, "waits in get (FILE, line 22: queue.Queue[int]().get())"),
        (polling, "waits in select (FILE, line 27: select.select([], [], [], 0.5)) until 5.500000 s"),
        (threaded, "waits for its thread worker, which waits in get (FILE, line 22: queue.Queue[int]().get())"),
        (awaiting, "waits (FILE, line 35: await asyncio.gather(asyncio.Event().wait(), asyncio.sleep(…), and 2 more of its tasks"),
        (one, "waits in sleep (FILE, line 39: await asyncio.sleep(9)) until 9.000000 s"),
    ],
)  # fmt: skip
def test_who_waits_for_what(machines: Machines, target: Any, told: str) -> None:
    told = told.replace("FILE", HERE)
    program = machines.world.start(machines.alice, target)
    machines.world.start(machines.bob, polling)  # or it would be a deadlock
    machines.world.run(until=5 * 10**9)
    name = f"alice: {target.__name__}"
    with pytest.raises(RuntimeError) as caught:
        _ = program.result
    assert str(caught.value) == f"{name} has not ended yet: at 5.000000 s it {told}"
    assert waiting.unfinished(machines.world)[0] == f"{name} {told}"


@pytest.mark.once
def test_a_program_that_has_not_begun(machines: Machines) -> None:
    program = machines.world.start(machines.alice, time.sleep, (1,), at=9 * 10**9)
    machines.world.run(until=5 * 10**9)
    assert waiting.doing(program) == "begins at 9.000000 s"


def test_no_result_of_a_program_that_was_ended(machines: Machines) -> None:
    program = machines.world.start(machines.alice, polling)
    machines.world.run(until=5 * 10**9)
    machines.world.close()
    with pytest.raises(RuntimeError, match="alice: polling was ended before it returned"):
        _ = program.result
