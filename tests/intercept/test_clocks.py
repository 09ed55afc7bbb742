"""Time on a simulated machine: every clock that Python has, and sleeping."""

from __future__ import annotations

import asyncio
import datetime
import errno
import sched
import time
import types
from typing import Any

import pytest

from tests.intercept.machines import Machines

WALL = 1893456000


def test_every_clock_starts_where_it_should(machines: Machines) -> None:
    def program() -> dict[str, Any]:
        return {
            "time": time.time(),
            "time_ns": time.time_ns(),
            "monotonic": time.monotonic(),
            "monotonic_ns": time.monotonic_ns(),
            "perf_counter": time.perf_counter(),
            "perf_counter_ns": time.perf_counter_ns(),
            "process_time": time.process_time(),
            "thread_time_ns": time.thread_time_ns(),
            "realtime": time.clock_gettime(time.CLOCK_REALTIME),
            "realtime_ns": time.clock_gettime_ns(time.CLOCK_REALTIME),
            "clock": time.clock_gettime(time.CLOCK_MONOTONIC),
            "gmtime": time.gmtime()[:6],
            "gmtime of": time.gmtime(0)[:6],
            "strftime": time.strftime("%Y-%m-%d", time.gmtime()),
            "year": time.strftime("%Y"),
            "ctime": time.ctime()[-4:],
            "asctime": time.asctime()[-4:],
            "localtime": time.localtime().tm_year in {2029, 2030},
            "now": datetime.datetime.now(datetime.UTC).isoformat(),
            "naive": datetime.datetime.now().timestamp(),
            "utcnow": datetime.datetime.utcnow.__name__,
            "today": datetime.date.today().year in {2029, 2030},
        }

    year = "2030" if time.localtime(WALL).tm_year == 2030 else "2029"
    assert machines.run(program) == {
        "time": WALL,
        "time_ns": WALL * 10**9,
        "monotonic": 1000,
        "monotonic_ns": 1000 * 10**9,
        "perf_counter": 1000,
        "perf_counter_ns": 1000 * 10**9,
        "process_time": 0,
        "thread_time_ns": 0,
        "realtime": WALL,
        "realtime_ns": WALL * 10**9,
        "clock": 1000,
        "gmtime": (2030, 1, 1, 0, 0, 0),
        "gmtime of": (1970, 1, 1, 0, 0, 0),
        "strftime": "2030-01-01",
        "year": year,
        "ctime": year,
        "asctime": year,
        "localtime": True,
        "now": "2030-01-01T00:00:00+00:00",
        "naive": WALL,
        "utcnow": "utcnow",
        "today": True,
    }


def test_a_subclass_of_datetime_keeps_its_class(machines: Machines) -> None:
    class Moment(datetime.datetime):
        pass

    def program() -> tuple[type, str]:
        time.sleep(1.25)
        moment = Moment.now(datetime.UTC)
        return type(moment), moment.isoformat()

    assert machines.run(program) == (Moment, "2030-01-01T00:00:01.250000+00:00")


def test_sleeps_overlap_and_cost_nothing_real(machines: Machines) -> None:
    def nap(seconds: float) -> Any:
        def program() -> float:
            time.sleep(seconds)
            return time.monotonic()

        return program

    started = time.monotonic()
    assert machines.together(nap(3600), nap(7200)) == [4600, 8200]
    assert time.monotonic() - started < 5


def test_sleep_complains_as_the_real_one(machines: Machines) -> None:
    def program() -> None:
        with pytest.raises(ValueError, match="sleep length must be non-negative"):
            time.sleep(-1)
        with pytest.raises(TypeError):
            time.sleep("1")  # type: ignore[arg-type]
        with pytest.raises(ValueError, match="NaN"):
            time.sleep(float("nan"))
        time.sleep(0)

    machines.run(program)


def test_the_smallest_sleep_passes_its_time(machines: Machines) -> None:
    def program() -> int:
        time.sleep(1e-9)
        time.sleep(0.1)
        return time.monotonic_ns()

    assert machines.run(program) == 1_000_100_000_001


def test_a_scheduler_from_before_installing(machines: Machines) -> None:
    def program() -> list[float]:
        fired: list[float] = []
        scheduler = sched.scheduler()  # whose defaults are time's functions, taken at its import
        for delay in (30, 10, 20):
            scheduler.enter(delay, 1, lambda: fired.append(time.monotonic()))
        scheduler.run()
        return fired

    assert machines.run(program) == [1010, 1020, 1030]


def test_asyncio_waits_in_virtual_time(machines: Machines) -> None:
    async def program() -> tuple[float, float]:
        started = asyncio.get_running_loop().time()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(60):
                await asyncio.Event().wait()
        await asyncio.sleep(3600)
        return started, asyncio.get_running_loop().time()

    assert machines.run(program) == (1000, 4660)


def test_a_loop_that_spins_is_brought_on(machines: Machines) -> None:
    async def program() -> float:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + 0.05
        while loop.time() < deadline:
            await asyncio.sleep(0)
        return loop.time()

    assert 1000.05 <= machines.run(program) < 1000.2


def test_nobody_sets_a_clock(machines: Machines) -> None:
    """Nor the real one, which a program with root's rights could: CPython's own tests try."""

    def program() -> list[int | None]:
        numbers = []
        for function in (time.clock_settime, time.clock_settime_ns):
            assert not isinstance(function, types.BuiltinFunctionType), "it would be the real one"
            for clock in (time.CLOCK_REALTIME, time.CLOCK_MONOTONIC):
                with pytest.raises(OSError) as caught:
                    function(clock, 5)
                numbers.append(caught.value.errno)
        return numbers

    assert machines.run(program) == [errno.EPERM, errno.EINVAL] * 2
