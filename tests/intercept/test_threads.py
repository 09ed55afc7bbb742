"""Threads, locks and queues of unmodified programs: strands, in order and in virtual time."""

from __future__ import annotations

import _thread
import asyncio
import atexit
import concurrent.futures
import contextvars
import logging
import queue
import sys
import threading
import time
from typing import Any

import pytest

from tests.intercept.machines import Machines


def test_threads_run_and_are_joined(machines: Machines) -> None:
    def program() -> Any:
        log: list[tuple[int, float]] = []

        def work(number: int) -> None:
            time.sleep(number)
            log.append((number, time.monotonic()))

        threads = [threading.Thread(target=work, args=(number,)) for number in (3, 1, 2)]
        for thread in threads:
            thread.start()
        alive = [thread.is_alive() for thread in threads]
        threads[0].join(timeout=0.5)
        still = threads[0].is_alive()
        for thread in threads:
            thread.join()
        return log, alive, still, [thread.is_alive() for thread in threads], time.monotonic()

    assert machines.run(program) == (
        [(1, 1001), (2, 1002), (3, 1003)],
        [True] * 3,
        True,
        [False] * 3,
        1003,
    )


def test_the_first_strand_is_the_main_thread(machines: Machines) -> None:
    def program() -> Any:
        seen: list[Any] = []

        def other() -> None:
            seen.append(threading.current_thread() is threading.main_thread())
            seen.append(threading.main_thread().name)
            seen.append([thread.name for thread in threading.enumerate()])
            seen.append(threading.current_thread().daemon)

        thread = threading.Thread(target=other, name="other")
        thread.start()
        thread.join()
        main = threading.main_thread()
        return (
            threading.current_thread() is main,
            main.is_alive(),
            main.ident == threading.get_ident(),
            threading.active_count(),
            seen,
        )

    real_main = threading.main_thread()
    expected = (True, True, True, 1, [False, "MainThread", ["MainThread", "other"], False])
    assert machines.together(program, program) == [expected, expected]
    assert threading.main_thread() is real_main and real_main.is_alive()
    assert threading.current_thread() is real_main


def test_condition_event_semaphore_barrier_and_timer(machines: Machines) -> None:
    def program() -> Any:
        log: list[Any] = []
        event, condition = threading.Event(), threading.Condition()
        barrier, semaphore = threading.Barrier(3), threading.BoundedSemaphore(2)

        def guarded(number: int) -> None:
            with semaphore:
                time.sleep(1)
            barrier.wait()
            with condition:
                log.append((number, time.monotonic()))
                condition.notify_all()

        threading.Timer(5, event.set).start()
        for number in range(3):
            threading.Thread(target=guarded, args=(number,)).start()
        with condition:
            waited = condition.wait_for(lambda: len(log) == 3, timeout=60)
        return waited, sorted(log), event.wait(2), event.wait(60), time.monotonic()

    log = [(0, 1002), (1, 1002), (2, 1002)]
    assert machines.run(program) == (True, log, False, True, 1005)


def test_queues_and_their_timeouts(machines: Machines) -> None:
    def program() -> Any:
        numbers: queue.Queue[int] = queue.Queue(maxsize=1)
        simple: queue.SimpleQueue[int] = queue.SimpleQueue()

        def produce() -> None:
            for number in range(4):
                numbers.put(number)
                time.sleep(1)
            simple.put(99)

        threading.Thread(target=produce).start()
        got = [numbers.get() for _ in range(4)]
        got.append(simple.get(timeout=60))
        for wait in (numbers.get, simple.get):
            with pytest.raises(queue.Empty):
                wait(timeout=60)
        return got, time.monotonic()

    assert machines.run(program) == ([0, 1, 2, 3, 99], 1124)


def test_pools_of_two_machines_do_not_meet(machines: Machines) -> None:
    def program() -> Any:
        started = time.monotonic()
        with concurrent.futures.ThreadPoolExecutor(3) as pool:
            list(pool.map(time.sleep, [5, 5, 5]))
            future = pool.submit(lambda: 1 / 0)
            assert isinstance(future.exception(), ZeroDivisionError)
        return time.monotonic() - started

    assert machines.together(program, program, program) == [5, 5, 5]


def test_a_pool_that_is_not_shut_down_ends_with_its_program(machines: Machines) -> None:
    def program() -> str:
        pool = concurrent.futures.ThreadPoolExecutor(2)
        machines.world.kept = pool  # type: ignore[attr-defined]
        return pool.submit(lambda: "done").result()

    assert machines.run(program) == "done"
    assert not machines.world.scheduler.strands


def test_executors_of_asyncio(machines: Machines) -> None:
    async def program() -> Any:
        started = time.monotonic()
        await asyncio.gather(*[asyncio.to_thread(time.sleep, 5) for _ in range(3)])
        return time.monotonic() - started, await asyncio.to_thread(threading.get_ident)

    (first, one), (second, other) = machines.together(program, program)
    assert first == second == 5 and one != other


def test_after_main_come_the_other_threads_and_then_atexit(machines: Machines) -> None:
    log: list[Any] = []

    def program() -> None:
        def late(daemon: bool) -> None:
            time.sleep(3)
            log.append(("thread", daemon, time.monotonic()))

        atexit.register(log.append, "first registered")
        atexit.register(log.append, "last registered")
        never = atexit.register(lambda: log.append("never"))
        atexit.unregister(never)
        threading.Thread(target=late, args=(False,)).start()
        threading.Thread(target=late, args=(True,), daemon=True).start()
        log.append("main")

    machines.run(program)
    assert log[0] == "main"
    assert ("thread", False, 1003) in log
    assert log[-2:] == ["last registered", "first registered"]


def test_an_exception_in_a_thread_is_told_on_standard_error(
    machines: Machines, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(threading, "excepthook", threading.__excepthook__)

    def program() -> str:
        def fail() -> None:
            raise ValueError("in a thread")

        thread = threading.Thread(target=fail, name="worker")
        thread.start()
        thread.join()
        return "unhurt"

    assert machines.run(program) == "unhurt"


def test_a_thread_that_is_killed_says_nothing(
    machines: Machines, capsys: pytest.CaptureFixture[str]
) -> None:
    hooked: list[Any] = []

    def program() -> None:
        threading.Thread(target=time.sleep, args=(10,)).start()
        time.sleep(5)

    def killer(victim: Any) -> None:
        time.sleep(1)
        victim.kill()

    usual, threading.excepthook = threading.excepthook, hooked.append
    try:
        victim = machines.world.start(machines.alice, program)
        machines.world.start(machines.bob, killer, (victim,))
        machines.world.run()
    finally:
        threading.excepthook = usual
    assert victim.done and machines.world.loop.now == 10**9
    assert hooked == []
    assert capsys.readouterr().err == ""


def test_bare_threads(machines: Machines) -> None:
    def program() -> Any:
        log: list[Any] = []
        done = _thread.allocate_lock()
        done.acquire()

        def work(*args: Any, **named: Any) -> None:
            log.append((args, named, _thread.get_ident()))
            done.release()

        ident = _thread.start_new_thread(work, (1,), {"two": 2})
        assert done.acquire(timeout=5)
        return log[0][:2], log[0][2] == ident

    assert machines.run(program) == (((1,), {"two": 2}), True)


def test_locals_are_the_threads(machines: Machines) -> None:
    local = threading.local()
    variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="none")

    def program() -> Any:
        local.name = "main"
        variable.set("main")
        seen: list[Any] = []
        thread = threading.Thread(
            target=lambda: seen.append((getattr(local, "name", "unset"), variable.get()))
        )
        thread.start()
        thread.join()
        return seen, local.name, variable.get()

    expected = ([("unset", "none")], "main", "main")
    assert machines.together(program, program) == [expected, expected]


def test_a_module_lock_held_across_a_wait_blocks_only_strands(machines: Machines) -> None:
    """`submit` holds a lock of its module while a thread starts; logging holds one while it writes."""

    def program() -> Any:
        with logging._lock:  # type: ignore[attr-defined]
            time.sleep(10)
        return time.monotonic()

    assert machines.together(program, program, program) == [1010, 1020, 1030]


def test_sentinels_of_threads_are_not_left_for_the_exit(machines: Machines) -> None:
    def program() -> None:
        for _ in range(5):
            threading.Thread(target=time.sleep, args=(1,)).start()

    def held() -> list[Any]:
        return [lock for lock in getattr(threading, "_shutdown_locks", ()) if lock.locked()]

    before = held()
    machines.run(program)
    assert held() == before
    assert threading.enumerate() == [
        t for t in threading.enumerate() if t.ident in sys._current_frames()
    ]


def test_lock_arguments_are_checked(machines: Machines) -> None:
    def program() -> None:
        for lock in (threading.Lock(), threading.RLock()):
            with pytest.raises(ValueError, match="can't specify a timeout for a non-blocking call"):
                lock.acquire(False, 1)
            with pytest.raises(ValueError, match="timeout value must be"):
                lock.acquire(True, -5)
            with pytest.raises(OverflowError):
                lock.acquire(True, 1e100)
            with pytest.raises(RuntimeError):
                lock.release()
            assert type(lock).__module__ == "_thread"

    machines.run(program)
