"""Signals between programs of one machine: handlers, default actions, alarms, asyncio's way."""

from __future__ import annotations

import _thread
import asyncio
import os
import signal
import threading
import time
from typing import Any

import pytest

from tests.intercept.machines import Machines
from trunkline.system.system import System


def pair(machines: Machines, target: Any, killer: Any) -> Any:
    program = machines.world.start(machines.alice, target)
    machines.world.start(machines.alice, killer, (program,))
    machines.world.run()
    return program


def test_a_handler_runs_in_the_main_strand_and_the_wait_goes_on(machines: Machines) -> None:
    log: list[Any] = []

    def target() -> float:
        def handler(number: int, frame: Any) -> None:
            log.append((number, time.monotonic(), threading.current_thread().name))

        assert signal.signal(signal.SIGTERM, handler) is signal.SIG_DFL
        assert signal.getsignal(signal.SIGTERM) is handler
        time.sleep(10)
        return time.monotonic()

    def killer(program: Any) -> None:
        time.sleep(3)
        os.kill(program.pid, signal.SIGTERM)

    program = pair(machines, target, killer)
    assert log == [(signal.SIGTERM, 1003, "MainThread")]
    assert program.result == 1010
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_an_exception_from_a_handler_ends_the_wait(machines: Machines) -> None:
    def target() -> float:
        with pytest.raises(KeyboardInterrupt):
            time.sleep(10)
        return time.monotonic()

    program = pair(machines, target, lambda program: program.send_signal(signal.SIGINT))
    assert program.result == 1000


def test_the_default_action_ends_the_program(machines: Machines) -> None:
    log: list[str] = []

    def target() -> None:
        try:
            time.sleep(10)
        finally:
            log.append("unwound")

    program = pair(machines, target, lambda program: os.kill(program.pid, signal.SIGTERM))
    assert program.done and program.exit_code == -signal.SIGTERM
    assert log == ["unwound"]
    assert machines.world.loop.now < 10**10


def test_ignored_and_harmless_signals(machines: Machines) -> None:
    def target() -> str:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        time.sleep(5)
        return "alive"

    def killer(program: Any) -> None:
        for number in (signal.SIGTERM, signal.SIGCHLD, signal.SIGWINCH):
            os.kill(program.pid, number)
        os.kill(program.pid, 0)
        with pytest.raises(ProcessLookupError):
            os.kill(1 << 20, signal.SIGTERM)

    assert pair(machines, target, killer).result == "alive"


def test_raised_at_oneself(machines: Machines) -> None:
    def program() -> Any:
        seen: list[int] = []
        signal.signal(signal.SIGUSR1, lambda number, _frame: seen.append(number))
        signal.raise_signal(signal.SIGUSR1)
        os.kill(os.getpid(), signal.SIGUSR1)
        signal.pthread_kill(threading.get_ident(), signal.SIGUSR1)
        return len(seen)

    assert machines.run(program) == 3


def test_only_the_main_thread_sets_handlers(machines: Machines) -> None:
    def program() -> Any:
        seen: list[str] = []

        def work() -> None:
            try:
                signal.signal(signal.SIGTERM, signal.SIG_IGN)
            except ValueError as error:
                seen.append(str(error))

        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
        return seen

    assert machines.run(program) == ["signal only works in main thread of the main interpreter"]


def test_alarms_in_virtual_time(machines: Machines) -> None:
    def program() -> Any:
        seen: list[float] = []
        signal.signal(signal.SIGALRM, lambda *_: seen.append(time.monotonic()))
        signal.setitimer(signal.ITIMER_REAL, 1.5, 2)
        time.sleep(5)
        left, interval = signal.setitimer(signal.ITIMER_REAL, 0)
        signal.alarm(3)
        time.sleep(1)
        rest = signal.alarm(0)
        time.sleep(60)
        return seen, left, interval, rest

    assert machines.run(program) == ([1001.5, 1003.5], 0.5, 2, 2)


def test_asyncio_handles_signals(machines: Machines) -> None:
    async def target() -> float:
        stop = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
        await asyncio.wait_for(stop.wait(), 60)
        return time.monotonic()

    def killer(program: Any) -> None:
        time.sleep(7)
        os.kill(program.pid, signal.SIGTERM)

    assert pair(machines, target, killer).result == 1007


def test_every_program_has_a_number_of_its_own(machines: Machines) -> None:
    numbers = machines.together(os.getpid, os.getpid, os.getppid)
    assert numbers[0] != numbers[1] and numbers[2] == 1
    with Machines() as others:
        assert others.together(os.getpid, os.getpid, os.getppid) == numbers
    assert isinstance(machines.alice, System)


def test_a_wait_that_was_broken_off_takes_no_wake_up_from_others(machines: Machines) -> None:
    def target() -> Any:
        lock = threading.Lock()
        got: list[float] = []

        def holder() -> None:
            with lock:
                time.sleep(5)

        def waiter() -> None:
            with lock:
                got.append(time.monotonic())

        threads = [threading.Thread(target=work) for work in (holder, waiter)]
        threads[0].start()
        with pytest.raises(KeyboardInterrupt):
            threading.Timer(2, threads[1].start).start()
            lock.acquire()
        for thread in threads:
            thread.join()
        return got

    def killer(program: Any) -> None:
        time.sleep(3)
        program.send_signal(signal.SIGINT)

    assert pair(machines, target, killer).result == [1005]


def test_a_thread_interrupts_the_main_one(machines: Machines) -> None:
    """_thread.interrupt_main: whatever handler is set; without one it does nothing."""
    log: list[Any] = []

    def interrupt() -> None:
        time.sleep(1)
        _thread.interrupt_main(signal.SIGTERM)  # nobody handles it
        time.sleep(1)
        _thread.interrupt_main(signal.SIGUSR1)
        time.sleep(1)
        _thread.interrupt_main()

    def target() -> float:
        signal.signal(signal.SIGUSR1, lambda number, frame: log.append(number))
        threading.Thread(target=interrupt).start()
        with pytest.raises(KeyboardInterrupt):
            time.sleep(10)
        return time.monotonic()

    assert machines.run(target) == 1003
    assert log == [signal.SIGUSR1]


def test_a_program_interrupts_itself(machines: Machines) -> None:
    """Whichever way it sends SIGINT, it is there at once, and asyncio.run cancels its main task."""

    async def main() -> None:
        asyncio.get_running_loop().call_later(1, signal.raise_signal, signal.SIGINT)
        await asyncio.sleep(10)

    def target() -> float:
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            asyncio.run(main())
        return time.monotonic()

    assert machines.run(target) == 1001


def test_a_signal_is_not_lost_on_who_is_woken_at_the_same_moment(machines: Machines) -> None:
    def target() -> str:
        def other() -> None:
            event.set()
            os.kill(os.getpid(), signal.SIGINT)

        event = threading.Event()
        try:
            threading.Thread(target=other).start()
            event.wait()
        except KeyboardInterrupt:
            return "interrupted"
        return "lost"

    assert machines.run(target) == "interrupted"
