"""What programs wait on in `threading` and `queue` parks them, whoever made it, wherever and when."""

from __future__ import annotations

import _queue
import queue
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.intercept.machines import Machines
from trunkline.intercept import install, uninstall

Run = Callable[..., Any]


class Things:
    """Everything of the two modules that can be waited on."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.rlock = threading.RLock()
        self.conditions = (threading.Condition(), threading.Condition(threading.Lock()))
        self.event = threading.Event()
        self.semaphore = threading.Semaphore(0)
        self.barrier = threading.Barrier(2)
        self.queue: queue.Queue[int] = queue.Queue(1)
        self.simple: queue.SimpleQueue[int] = queue.SimpleQueue()
        self.take = self.lock.acquire


@pytest.fixture(params=["before", "after"])
def things(request: pytest.FixtureRequest) -> Iterator[Things]:
    """Made outside all hosts: before there was a world, or after."""
    made = Things() if request.param == "before" else None
    install()
    try:
        yield made or Things()
    finally:
        uninstall()


@pytest.mark.parametrize("kind", ["lock", "rlock", "conditions"])
def test_a_lock_is_held_across_a_wait(things: Things, kind: str) -> None:
    locks = things.conditions if kind == "conditions" else [getattr(things, kind)]
    with Machines() as machines:
        for lock in locks:

            def program(lock: Any = lock) -> float:
                with lock:
                    time.sleep(10)
                return time.monotonic() - 1000

            def other(lock: Any = lock) -> Any:
                time.sleep(1)
                taken = [lock.acquire(False), lock.acquire(timeout=2)]
                at = time.monotonic() - 1000
                lock.acquire()
                lock.release()
                return taken, at, time.monotonic() - 1000

            begun = machines.world.loop.now / 1e9
            assert machines.together(program, other) == [
                begun + 10,
                ([False, False], begun + 3, begun + 10),
            ]


def test_a_bound_method_that_was_taken_before(things: Things) -> None:
    def program() -> float:
        with things.lock:
            time.sleep(10)
        return time.monotonic()

    def other() -> float:
        time.sleep(1)
        things.conditions[0].acquire()
        things.conditions[0].release()
        things.lock.acquire()
        things.lock.release()
        return time.monotonic()

    with Machines() as machines:
        assert machines.together(program, other) == [1010, 1010]


def test_a_lock_is_released_by_another_machine(things: Things) -> None:
    """As a signal: whoever took it outside, a program may release it."""
    things.lock.acquire()

    def waits() -> float:
        things.lock.acquire()
        return time.monotonic()

    def releases() -> None:
        time.sleep(5)
        things.lock.release()

    with Machines() as machines:
        assert machines.together(waits, releases)[0] == 1005


def test_conditions_and_what_is_made_of_them(things: Things) -> None:
    def waits() -> list[float]:
        times = []
        for condition in things.conditions:
            with condition:
                condition.wait()
            times.append(time.monotonic())
        calls: list[Run] = [things.event.wait, things.semaphore.acquire, things.barrier.wait]
        for wait in calls:
            wait()
            times.append(time.monotonic())
        return times

    def wakes() -> None:
        for condition in things.conditions:
            time.sleep(1)
            with condition:
                condition.notify()
        calls: list[Run] = [things.event.set, things.semaphore.release, things.barrier.wait]
        for wake in calls:
            time.sleep(1)
            wake()

    with Machines() as machines:
        assert machines.together(waits, wakes)[0] == [1001, 1002, 1003, 1004, 1005]


@pytest.mark.parametrize("kind", ["queue", "simple"])
def test_queues(things: Things, kind: str) -> None:
    channel = getattr(things, kind)

    def waits() -> Any:
        with pytest.raises(queue.Empty):
            channel.get(timeout=1.5)
        at = time.monotonic()
        return at, channel.get(), time.monotonic(), channel.get(timeout=9)

    def puts() -> None:
        time.sleep(2)
        channel.put(1)
        channel.put(2)

    with Machines() as machines:
        assert machines.together(waits, puts)[0] == (1001.5, 1, 1002, 2)
        with pytest.raises(queue.Empty):
            channel.get(timeout=0.001)  # outside, by the real clock


def test_a_queue_that_is_filled_outside_while_a_program_waits(things: Things) -> None:
    """A real thread feeds a program that has something of its own to wait for, too."""

    def program() -> Any:
        got: list[int] = []
        reader = threading.Thread(target=lambda: got.append(things.simple.get()))
        reader.start()
        while not got:
            time.sleep(1)
        reader.join()
        return got

    feeder = threading.Timer(0.1, things.simple.put, (7,))
    feeder.start()
    with Machines() as machines:
        assert machines.run(program) == [7]
    feeder.join()


def test_a_queue_module_that_is_imported_afresh(things: Things) -> None:
    def program() -> Any:
        del sys.modules["_queue"]
        try:
            import _queue as afresh
        finally:
            sys.modules["_queue"] = original
        channel = afresh.SimpleQueue()
        threading.Timer(5, channel.put, ("x",)).start()
        with pytest.raises(afresh.Empty):
            channel.get(timeout=1)
        return channel.get(), time.monotonic(), afresh is not _queue

    original = sys.modules["_queue"]
    with Machines() as machines:
        assert machines.run(program) == ("x", 1005, True)


def test_a_thread_outside_keeps_a_lock_for_a_while(things: Things) -> None:
    held = threading.Event()

    def hold() -> None:
        with things.lock, things.rlock:
            held.set()
            time.sleep(0.1)

    def program() -> Any:
        with things.lock, things.rlock:
            return time.monotonic()

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait()
    with Machines() as machines:
        assert machines.run(program) == 1000
    thread.join()
