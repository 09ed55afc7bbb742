"""What is commonly got wrong when programs are run in a simulation, each trap with its cure."""

from __future__ import annotations

import asyncio
import importlib
import pathlib
import queue
import socket
import subprocess
import sys
import threading
import time
from typing import Any

import pytest

from tests.intercept.machines import Machines
from trunkline.intercept import install, uninstall

KEEPER = """
import queue, threading, time
lock, rlock = threading.Lock(), threading.RLock()
condition, event = threading.Condition(), threading.Event()
numbers, simple = queue.Queue(), queue.SimpleQueue()
clock = time.monotonic
"""


def test_a_module_first_imported_inside_works_outside_and_after(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a_keeper.py").write_text(KEEPER)
    monkeypatch.syspath_prepend(str(tmp_path))
    install()
    with Machines() as machines:
        machines.run(importlib.import_module, "a_keeper")
        keeper: Any = sys.modules["a_keeper"]
        use_with_real_threads(keeper)
    uninstall()
    use_with_real_threads(keeper)
    assert keeper.clock() == pytest.approx(time.monotonic(), abs=5)
    del sys.modules["a_keeper"]


def use_with_real_threads(keeper: Any) -> None:
    done: list[str] = []

    def work() -> None:
        with keeper.lock, keeper.rlock:
            done.append("locked")
        with keeper.condition:
            keeper.condition.notify()
        keeper.event.wait(5)
        keeper.numbers.put(1)
        keeper.simple.put(2)

    thread = threading.Thread(target=work)
    with keeper.lock:
        with keeper.condition:
            thread.start()
            keeper.condition.wait(0.001)
        assert not done
    keeper.event.set()
    assert (keeper.numbers.get(timeout=5), keeper.simple.get(timeout=5)) == (1, 2)
    thread.join()
    keeper.event.clear()
    assert done == ["locked"]
    with pytest.raises(queue.Empty):
        keeper.numbers.get(timeout=0.001)


def test_a_callback_from_another_machine_runs_on_the_loops_own(machines: Machines) -> None:
    shared: dict[str, Any] = {}

    async def owner() -> str:
        shared["loop"] = asyncio.get_running_loop()
        shared["name"] = asyncio.get_running_loop().create_future()
        return await shared["name"]

    def visitor() -> None:
        time.sleep(1)

        def callback() -> None:
            shared["name"].set_result(socket.gethostname())

        shared["loop"].call_soon_threadsafe(callback)

    assert machines.together(owner, visitor)[0] == "alice"


def test_a_lock_wakes_each_waiter_once(machines: Machines) -> None:
    """Generic wake-ups are lost: two waits of one strand, ended at the same time, are two."""

    def program() -> Any:
        first, second = threading.Event(), threading.Event()
        got: list[Any] = []

        def waiter() -> None:
            got.append((first.wait(5), time.monotonic()))
            got.append((second.wait(5), time.monotonic()))

        thread = threading.Thread(target=waiter)
        thread.start()
        time.sleep(5)  # the very moment at which the first wait ends by itself
        first.set()
        second.set()
        thread.join()
        return got

    first, second = machines.run(program)
    assert first[1] == 1005 and second == (True, 1005)


ABANDONED = """
import asyncio, concurrent.futures, socket, threading, time
from trunkline.fabric.loop import Loop
from trunkline.intercept import install
from trunkline.system.system import System
from trunkline.system.world import World
install()
world = World(Loop(), 1)
alice = System(world, None, "alice")
pool = []
def blocking():
    threading.Thread(target=time.sleep, args=(10**6,)).start()
    pool.append(concurrent.futures.ThreadPoolExecutor())
    pool[0].submit(time.sleep, 10**6)
    one, other = socket.socketpair()
    try:
        one.recv(1)
    finally:
        print("unwound")
async def loop():
    async def task():
        try:
            await asyncio.sleep(10**6)
        except asyncio.CancelledError:
            await asyncio.sleep(1)
    asyncio.create_task(task())
    await asyncio.to_thread(time.sleep, 10**6)
world.start(alice, blocking, service=True)
world.start(alice, loop, service=True)
world.start(alice, time.sleep, (5,))
world.run()
print("run")
"""


def test_a_world_left_open_hangs_nothing_and_says_nothing(tmp_path: pathlib.Path) -> None:
    import trunkline

    (tmp_path / "abandoned.py").write_text(ABANDONED)
    source = str(pathlib.Path(trunkline.__file__).parent.parent)
    done = subprocess.run(
        [sys.executable, "-X", "dev", "abandoned.py"],
        cwd=tmp_path,
        env={"PYTHONPATH": source},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "run\nunwound\n", "")


def test_a_deadlock_of_two_threads_is_told_with_both_stacks(machines: Machines) -> None:
    from trunkline.system.errors import Deadlock

    def program() -> None:
        one, other = threading.Lock(), threading.Lock()

        def embrace(mine: Any, yours: Any) -> None:
            with mine:
                time.sleep(1)
                with yours:
                    pass

        thread = threading.Thread(target=embrace, args=(one, other), name="the other")
        thread.start()
        embrace(other, one)

    with pytest.raises(Deadlock) as caught:
        machines.run(program)
    message = str(caught.value)
    assert "1.000000 s" in message and "alice: program" in message
    assert message.count("with yours:") == 2 and "the other" in message
