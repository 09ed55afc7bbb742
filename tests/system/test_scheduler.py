"""Strands, the baton and the run: who runs when, what ends a run, and what is left behind."""

from __future__ import annotations

import sys
import threading
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.system.worlds import make, me, sleep
from trunkline.intercept import uninstall
from trunkline.system import locks
from trunkline.system.errors import Deadlock, Spinning, StrandExit, WorldError
from trunkline.system.strands import Wait, current_strand, current_system


def test_programs_take_turns_in_order_of_time() -> None:
    world, (alice, bob) = make("alice", "bob")
    log: list[tuple[str, int]] = []

    def nap(name: str, span: int) -> str:
        for _ in range(3):
            sleep(span)
            log.append((name, world.loop.now))
        return name

    with world:
        first = world.start(alice, nap, ("a", 100))
        second = world.start(bob, nap, ("b", 150))
        world.run()
    assert log == [("a", 100), ("b", 150), ("a", 200), ("b", 300), ("a", 300), ("b", 450)]
    assert (first.result, second.result) == ("a", "b")
    assert first.exit_code == 0 and first.done and first.exception is None


def test_outside_there_is_no_strand() -> None:
    world, (alice,) = make("alice")
    seen = []
    with world:
        world.start(alice, lambda: seen.append(current_system()))
        world.run()
    assert seen == [alice]
    assert current_strand() is None and current_system() is None


def test_a_lone_program_keeps_its_thread_and_two_have_their_own() -> None:
    world, (alice,) = make("alice")
    idents: list[set[int]] = [set(), set()]

    def nap(which: int) -> None:
        for _ in range(5):
            idents[which].add(threading.get_ident())
            sleep(10)

    with world:
        for which in range(2):
            world.start(alice, nap, (which,))
        world.run()
    assert [len(found) for found in idents] == [1, 1]
    assert idents[0] != idents[1]


def test_start_at_a_time() -> None:
    world, (alice,) = make("alice")
    with world:
        late = world.start(alice, lambda: world.loop.now, at=5_000)
        assert not late.done
        world.run()
        assert late.result == 5_000


def test_until_stops_the_clock_and_the_run_goes_on_later() -> None:
    world, (alice,) = make("alice")
    with world:
        nap = world.start(alice, sleep, (1_000,))
        world.run(until=400)
        assert world.loop.now == 400 and not nap.done
        with pytest.raises(RuntimeError, match="has not ended yet"):
            _ = nap.result
        world.run()
        assert world.loop.now == 1_000 and nap.done


def test_a_service_keeps_no_run_alive() -> None:
    world, (alice, bob) = make("alice", "bob")
    ticks = []

    def tick() -> None:
        while True:
            sleep(10)
            ticks.append(world.loop.now)

    with world:
        world.start(bob, tick, service=True)
        world.start(alice, sleep, (35,))
        world.run()
        assert ticks == [10, 20, 30]
        assert world.loop.now == 35


def test_an_exception_comes_out_of_the_run_or_is_kept() -> None:
    world, (alice, bob) = make("alice", "bob")

    def fail() -> None:
        sleep(5)
        raise ValueError("no such number")

    with world:
        other = world.start(bob, sleep, (100,))
        failing = world.start(alice, fail)
        with pytest.raises(ValueError, match="no such number"):
            world.run()
        assert world.loop.now == 5 and not other.done
        assert isinstance(failing.exception, ValueError) and failing.exit_code == 1
        again = world.start(alice, fail)
        world.run(raising=False)
        assert other.done and isinstance(again.exception, ValueError)


def test_exit_codes() -> None:
    world, (alice,) = make("alice")
    with world:
        programs = [world.start(alice, sys.exit, args) for args in ((), (0,), (3,))]
        world.run()
    assert [program.exit_code for program in programs] == [0, 0, 3]


def test_a_deadlock_is_told_at_once_with_every_stack() -> None:
    world, (alice, bob) = make("alice", "bob")

    def wait_for_nobody() -> None:
        me().scheduler.park(Wait(me()))

    def serve() -> None:
        me().scheduler.park(Wait(me()))

    with world:
        world.start(bob, serve, service=True)
        world.start(alice, wait_for_nobody)
        with pytest.raises(Deadlock) as caught:
            world.run(until=10**12)
        assert world.loop.now == 0
    message = str(caught.value)
    assert "alice: wait_for_nobody still waits" in message
    assert "bob: serve (service)" in message
    assert message.count("me().scheduler.park(Wait(me()))") == 2


def test_a_spinning_program_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRUNKLINE_WATCHDOG", "0.2")
    world, (alice, bob) = make("alice", "bob")

    def spin() -> None:
        while True:
            pass

    with world:
        world.start(bob, sleep, (5,), service=True)
        spinner = world.start(alice, spin)
        with pytest.raises(Spinning, match=r"alice: spin has kept the processor for 0\.2 s"):
            world.run()
        world.run(raising=False)
        assert spinner.done


def test_a_program_stuck_in_c_is_left_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    uninstall()  # another test's Internet may have left the table in place, and locks would park
    monkeypatch.setenv("TRUNKLINE_WATCHDOG", "0.2")
    world, (alice,) = make("alice")
    release = threading.Lock()
    release.acquire()
    with world:
        world.start(alice, release.acquire)
        with pytest.raises(Spinning, match="alice: acquire"):
            world.run()
        release.release()
    assert current_strand() is None


def test_the_world_may_be_run_again_after_every_end() -> None:
    world, (alice,) = make("alice")
    with world:
        for _ in range(3):
            world.run()
        world.start(alice, sleep, (7,))
        world.run()
        assert world.loop.now == 7
    with pytest.raises(WorldError, match="closed"):
        world.run()


def test_closing_unwinds_every_strand_and_leaks_no_thread() -> None:
    before = set(sys._current_frames())
    world, (alice,) = make("alice")
    log = []

    def stubborn(name: str) -> None:
        for _ in range(3):
            try:
                sleep(10**9)
            except StrandExit:
                log.append(name)
        try:
            sleep(10**9)
        finally:
            log.append(f"{name} ends")

    for name in "ab":
        world.start(alice, stubborn, (name,), service=True)
    never = world.start(alice, sleep, (5,), at=10**12, service=True)
    world.run(until=5)
    world.close()
    world.close()
    assert log == ["a", "a", "a", "a ends", "b", "b", "b", "b ends"]
    assert never.done and never.exit_code is None
    assert set(sys._current_frames()) <= before


def test_a_strand_that_will_not_end_is_left_behind() -> None:
    world, (alice,) = make("alice")
    rounds = []

    def immortal() -> None:
        while True:
            try:
                sleep(10)
            except StrandExit:
                rounds.append(1)

    world.start(alice, immortal, service=True)
    world.run(until=5)
    world.close()
    assert len(rounds) == 100


def test_locks_are_handed_out_in_order_and_time_out() -> None:
    world, (alice,) = make("alice")
    lock = threading.Lock()
    log = []

    def worker(name: str) -> None:
        for _ in range(2):
            locks.acquire(lock)
            log.append(name)
            sleep(10)
            locks.release(lock)

    def impatient() -> None:
        sleep(1)
        log.append(str(locks.acquire(lock, timeout=5e-9)))
        log.append(str(world.loop.now))
        log.append(str(locks.acquire(lock, blocking=False)))

    with world:
        world.start(alice, worker, ("a",))
        world.start(alice, worker, ("b",))
        world.start(alice, impatient)
        world.run()
    assert log == ["a", "False", "6", "False", "a", "b", "b"]
    assert not lock.locked()


def test_rlock_is_the_owners() -> None:
    world, (alice,) = make("alice")
    lock: Any = threading.RLock()
    log = []

    def outer() -> None:
        locks.acquire_rlock(lock)
        locks.acquire_rlock(lock)
        log.append("outer")
        sleep(10)
        saved = locks.release_save(lock)
        sleep(10)
        locks.acquire_restore(lock, saved)
        log.append("again")
        locks.release_rlock(lock)
        sleep(10)
        locks.release_rlock(lock)

    def inner(after: int) -> None:
        sleep(after)
        locks.acquire_rlock(lock)
        log.append(f"inner {world.loop.now}")
        locks.release_rlock(lock)

    with world:
        world.start(alice, outer)
        world.start(alice, inner, (1,))
        world.start(alice, inner, (25,))
        world.run()
    assert log == ["outer", "inner 10", "again", "inner 30"]


def test_a_lock_that_a_thread_outside_holds_is_waited_for_really() -> None:
    world, (alice,) = make("alice")
    lock = threading.Lock()
    held = threading.Event()

    def hold() -> None:
        locks.acquire(lock)
        held.set()
        time.sleep(0.1)
        locks.release(lock)

    with world:
        thread = threading.Thread(target=hold)
        thread.start()
        held.wait()
        assert not locks.acquire(lock, False)
        program = world.start(alice, locks.acquire, (lock,))
        world.run()
        assert program.result is True and world.loop.now == 0
        thread.join()


def test_polling_in_circles_costs_time_after_a_thousand_calls() -> None:
    world, (alice,) = make("alice")

    def spin() -> float:
        started = alice.clock.monotonic()
        for _ in range(900):
            alice.clock.monotonic()
        assert alice.clock.monotonic() == started
        while alice.clock.monotonic() < started + 60:
            pass
        return alice.clock.monotonic()

    with world:
        real = time.monotonic()
        spinner = world.start(alice, spin)
        world.run()
        assert spinner.result >= 1060
        assert time.monotonic() - real < 20


def test_spinning_lets_others_run() -> None:
    world, (alice, bob) = make("alice", "bob")
    flag: list[int] = []

    def spin() -> None:
        while not flag:
            alice.clock.time()

    def set_flag() -> None:
        sleep(3_000_000)
        flag.append(world.loop.now)

    with world:
        world.start(alice, spin)
        world.start(bob, set_flag)
        world.run()
    assert flag == [3_000_000]


def test_a_deadline_and_a_wake_up_at_the_same_time_are_one() -> None:
    world, (alice,) = make("alice")
    waits: list[Wait] = []
    log: list[tuple[bool, int]] = []

    def waker() -> None:
        sleep(10)
        me().scheduler.settle()  # the waiter's deadline passes: it could run
        waits[0].wake()

    def waiter() -> None:
        for deadline in (10, 1_000):
            waits.append(Wait(me()))
            log.append((me().scheduler.park(waits[-1], deadline), world.loop.now))

    with world:
        world.start(alice, waker)
        world.start(alice, waiter)
        world.run()
    assert log == [(True, 10), (False, 1_000)]


def test_the_limit_on_strands_has_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trunkline.system.scheduler.STRAND_LIMIT", 2)
    world, (alice,) = make("alice")
    with world:
        world.start(alice, sleep, (1,))
        world.start(alice, sleep, (1,))
        with pytest.raises(RuntimeError, match=r"can't start new thread.*STRAND_LIMIT"):
            world.start(alice, sleep, (1,))


@given(st.lists(st.lists(st.integers(0, 50), max_size=8), min_size=1, max_size=6))
def test_a_run_repeats_exactly(plans: list[list[int]]) -> None:
    def run() -> list[tuple[int, int]]:
        world, (alice,) = make("alice")
        lock = threading.Lock()
        log: list[tuple[int, int]] = []

        def program(which: int, plan: list[int]) -> None:
            for span in plan:
                sleep(span)
                log.append((which, world.loop.now))
                if span % 3 == 0:
                    locks.acquire(lock)
                    sleep(span)
                    log.append((-which, world.loop.now))
                    locks.release(lock)

        with world:
            for which, plan in enumerate(plans):
                world.start(alice, program, (which, plan))
            world.run()
        return log

    first = run()
    assert first == run()
    assert [at for _, at in first] == sorted(at for _, at in first)
