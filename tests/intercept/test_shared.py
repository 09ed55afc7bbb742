"""One event loop for all machines, in the test's own thread."""

from __future__ import annotations

import asyncio
import os
import random
import socket
import threading
import time
from typing import Any

import pytest

from tests.intercept.machines import Machines
from trunkline.intercept.shared import run
from trunkline.system.errors import Deadlock


def test_tasks_of_two_machines_talk(machines: Machines) -> None:
    async def echo(end: socket.socket) -> None:
        reader, writer = await asyncio.open_connection(sock=end)
        while data := await reader.read(100):
            writer.write(data.upper())
        writer.close()

    async def main() -> Any:
        with machines.alice.here():
            one, other = socket.socketpair()
            name = socket.gethostname()
            task = asyncio.create_task(echo(other))
        with machines.bob.here():
            reader, writer = await asyncio.open_connection(sock=one)
            writer.write(b"hello")
            answer = await reader.read(100)
            writer.close()
            await writer.wait_closed()
            await task
            return name, socket.gethostname(), answer

    assert run(machines.world, main()) == ("alice", "bob", b"HELLO")
    assert socket.gethostname() not in {"alice", "bob"}


def test_time_passes_at_no_cost(machines: Machines) -> None:
    async def main() -> Any:
        loop = asyncio.get_running_loop()
        started = loop.time()
        await asyncio.sleep(3600)
        return started, loop.time(), time.monotonic()

    began = time.monotonic()
    assert run(machines.world, main()) == (1000, 4600, 4600)
    assert time.monotonic() - began < 60  # of 3,600


def test_threads_run_beside_the_loop_on_their_callers_machine(machines: Machines) -> None:
    def work(seconds: float) -> Any:
        time.sleep(seconds)
        return socket.gethostname(), time.monotonic()

    async def main() -> Any:
        loop = asyncio.get_running_loop()
        with machines.alice.here():
            first = loop.run_in_executor(None, work, 2)
            second = asyncio.create_task(asyncio.to_thread(work, 1))
        with machines.bob.here():
            third = loop.run_in_executor(None, work, 3)
            await asyncio.sleep(0.5)
        return await asyncio.gather(first, second, third)

    assert run(machines.world, main()) == [("alice", 1002), ("alice", 1001), ("bob", 1003)]


def test_programs_run_beside_the_loop(machines: Machines) -> None:
    log: list[Any] = []

    def service() -> None:
        while True:
            time.sleep(1)
            log.append(time.monotonic())

    machines.world.start(machines.bob, service, service=True)

    async def main() -> None:
        await asyncio.sleep(2.5)
        log.append("main")
        for _ in range(50):
            await asyncio.sleep(0)
        await asyncio.sleep(1)

    run(machines.world, main())
    assert log[:4] == [1001, 1002, "main", 1003]


def test_a_busy_loop_starves_nobody(machines: Machines) -> None:
    async def main() -> int:
        done = asyncio.ensure_future(asyncio.to_thread(lambda: "done"))
        turns = 0
        while not done.done():
            turns += 1
            await asyncio.sleep(0)
        return turns

    assert run(machines.world, main()) < 100


def test_a_deadlock_names_the_task(machines: Machines) -> None:
    async def wait_for_nothing() -> None:
        await asyncio.get_running_loop().create_future()

    with pytest.raises(Deadlock, match="in wait_for_nothing") as caught:
        run(machines.world, wait_for_nothing())
    assert "in test_a_deadlock_names_the_task" not in str(caught.value)  # who called the simulator
    assert threading.current_thread() is threading.main_thread()


def test_a_real_socket_is_refused_by_the_loop(machines: Machines) -> None:
    outside = socket.socket()
    outside.setblocking(False)

    async def main() -> None:
        loop = asyncio.get_running_loop()
        with pytest.raises(ValueError, match="is real: it cannot be waited for"):
            loop.add_reader(outside.fileno(), print)

    run(machines.world, main())
    outside.close()


def test_two_runs_are_alike() -> None:
    async def main(machines: Machines) -> Any:
        seen = []

        async def walker(name: str) -> None:
            for _ in range(20):
                await asyncio.sleep(random.random())
                seen.append((name, asyncio.get_running_loop().time()))

        tasks = []
        for system in (machines.alice, machines.bob):
            with system.here():
                tasks.append(asyncio.create_task(walker(system.name)))
        await asyncio.gather(*tasks)
        with machines.alice.here():
            return seen, os.urandom(8)

    def once() -> Any:
        with Machines() as machines:
            return run(machines.world, main(machines))

    from trunkline.intercept import install, uninstall

    install()
    try:
        assert once() == once()
    finally:
        uninstall()


def test_all_tasks_are_told_in_order_of_creation(machines: Machines) -> None:
    async def main() -> Any:
        tasks = [asyncio.create_task(asyncio.sleep(1), name=f"t{n}") for n in range(50)]
        names = [task.get_name() for task in asyncio.all_tasks() if task in tasks]
        await asyncio.gather(*tasks)
        return names

    assert run(machines.world, main()) == [f"t{n}" for n in range(50)]


def test_a_call_into_another_machines_loop_stays_there(machines: Machines) -> None:
    shared: dict[str, Any] = {}

    async def owner() -> None:
        shared["loop"] = asyncio.get_running_loop()
        shared["done"] = asyncio.Event()
        await shared["done"].wait()

    def callback() -> None:
        shared["name"] = socket.gethostname()
        shared["done"].set()

    program = machines.world.start(machines.bob, owner)

    async def main() -> None:
        await asyncio.sleep(1)
        with machines.alice.here():
            shared["loop"].call_soon_threadsafe(callback)
        await asyncio.sleep(1)

    run(machines.world, main())
    assert program.done and shared["name"] == "bob"
