"""The timer queue: order, laziness and the two bodies, which must not be told apart."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunkline.base.timers import NEVER, Timer, TimerOwner, TimerQueue


class Bell(TimerOwner):
    """Writes down what rang."""

    def __init__(self) -> None:
        self.rung: list[tuple[int, int]] = []

    def on_timer(self, kind: int, now: int) -> None:
        self.rung.append((kind, now))


def ring_all(queue: TimerQueue, limit: int) -> None:
    while (timer := queue.pop(limit)) is not None:
        timer.owner.on_timer(timer.kind, timer.at)


@pytest.fixture(params=[True, False], ids=["own heap", "heapq"])
def queue(request: pytest.FixtureRequest) -> TimerQueue:
    return TimerQueue(own_heap=request.param)


def test_equal_deadlines_ring_in_order_of_arming(queue: TimerQueue) -> None:
    bell = Bell()
    timers = [Timer(bell, kind) for kind in range(5)]
    for timer in (timers[3], timers[0], timers[4], timers[1], timers[2]):
        queue.arm(timer, 7)
    queue.arm(timers[0], 7)  # armed again: now the last
    ring_all(queue, 7)
    assert bell.rung == [(3, 7), (4, 7), (1, 7), (2, 7), (0, 7)]


def test_a_timer_moves_later_and_earlier(queue: TimerQueue) -> None:
    bell = Bell()
    timer, other = Timer(bell, 1), Timer(bell, 2)
    queue.arm(timer, 10)
    queue.arm(other, 20)
    queue.arm(timer, 30)
    assert queue.next_time() == 20
    queue.arm(timer, 5)
    assert queue.next_time() == 5
    ring_all(queue, 100)
    assert bell.rung == [(1, 5), (2, 20)]


def test_a_disarmed_timer_never_rings(queue: TimerQueue) -> None:
    bell = Bell()
    timer = Timer(bell, 1)
    queue.arm(timer, 10)
    timer.deadline = NEVER
    assert queue.next_time() == NEVER
    assert queue.pop(100) is None
    queue.arm(timer, 40)
    ring_all(queue, 100)
    assert bell.rung == [(1, 40)]


def test_pop_respects_the_limit(queue: TimerQueue) -> None:
    timer = Timer(Bell(), 1)
    queue.arm(timer, 10)
    assert queue.pop(9) is None
    assert queue.pop(10) is timer


def test_only_housekeeping_is_idle(queue: TimerQueue) -> None:
    bell = Bell()
    queue.arm(Timer(bell, 1, housekeeping=True), 10)
    assert queue.idle()
    work = Timer(bell, 2)
    queue.arm(work, 20)
    assert not queue.idle()
    work.deadline = NEVER
    assert queue.idle()
    queue.arm(work, 15)
    assert not queue.idle()
    ring_all(queue, 100)
    assert queue.idle()


steps = st.lists(
    st.tuples(
        st.sampled_from(["arm", "arm", "arm", "disarm", "pop", "idle"]),
        st.integers(0, 11),
        st.integers(0, 40),
    ),
    max_size=120,
)


@given(steps)
def test_both_bodies_do_what_a_sorted_list_does(steps: list[tuple[str, int, int]]) -> None:
    """The law: a queue is a set of (deadline, order of arming), taken out smallest first."""
    logs = []
    for own_heap in (True, False):
        queue = TimerQueue(own_heap=own_heap)
        timers = [Timer(Bell(), kind, housekeeping=kind % 3 == 0) for kind in range(12)]
        model: dict[int, tuple[int, int]] = {}
        now = order = 0
        log: list[object] = []
        for verb, which, span in steps:
            if verb == "arm":
                order += 1
                queue.arm(timers[which], now + span)
                model[which] = (now + span, order)
            elif verb == "disarm":
                timers[which].deadline = NEVER
                model.pop(which, None)
            elif verb == "pop":
                timer = queue.pop(now + span)
                first = min(model, key=lambda kind: model[kind], default=None)
                if first is not None and model[first][0] <= now + span:
                    assert timer is timers[first]
                    now = model.pop(first)[0]
                    assert timer.at == now
                else:
                    assert timer is None
                log.append(None if timer is None else timer.kind)
            else:
                assert queue.idle() == all(kind % 3 == 0 for kind in model)
                log.append(queue.next_time())
        logs.append(log)
    assert logs[0] == logs[1]
