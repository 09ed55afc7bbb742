"""epoll, poll and select against the kernel's, over pipes and socket pairs."""

from __future__ import annotations

import itertools
import select
import socket
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.system.kernel_and_ours import both
from trunkline.fabric.loop import Loop
from trunkline.system.descriptors import Description, DescriptorTable, Waiter
from trunkline.system.pipes import open_pipe, open_socketpair
from trunkline.system.readiness import Epoll, Poll, select_once, watch_all

IN, OUT, HUP, ERR = select.EPOLLIN, select.EPOLLOUT, select.EPOLLHUP, select.EPOLLERR
ET, ONESHOT, RDHUP = select.EPOLLET, select.EPOLLONESHOT, select.EPOLLRDHUP
EXCLUSIVE = 1 << 28
STREAM = socket.SOCK_STREAM


class Heard(Waiter):
    def __init__(self) -> None:
        self.masks: list[int] = []

    def on_ready(self, description: Description, mask: int) -> None:
        self.masks.append(mask)


def test_level_triggered_says_it_until_it_is_dealt_with() -> None:
    def body(on: Any) -> Any:
        reader, writer = on.pipe()
        epoll = on.epoll()
        return [
            on.control(epoll, "register", reader, IN),
            on.wait(epoll),
            on.write(writer, b"ab"),
            on.wait(epoll),
            on.read(reader, 1),
            on.wait(epoll),
            on.read(reader, 1),
            on.wait(epoll),
            on.control(epoll, "register", reader, IN),
            on.control(epoll, "modify", writer, OUT),
            on.control(epoll, "unregister", writer),
            on.control(epoll, "register", writer, OUT),
            on.wait(epoll),
            on.control(epoll, "modify", writer, 0),
            on.wait(epoll),
            on.close(reader),
            on.wait(epoll),
        ]

    both(body)


def test_edge_triggered_says_each_arrival_once() -> None:
    def body(on: Any) -> Any:
        one, other = on.socketpair(STREAM)
        epoll = on.epoll()
        return [
            on.control(epoll, "register", one, IN | OUT | ET),
            on.wait(epoll),
            on.wait(epoll),
            on.send(other, b"ab"),
            on.wait(epoll),
            on.wait(epoll),
            on.send(other, b"cd"),
            on.wait(epoll),
            on.recv(one, 1),
            on.wait(epoll),
            on.control(epoll, "modify", one, IN | ET),
            on.wait(epoll),
            on.wait(epoll),
        ]

    both(body)


def test_one_shot_speaks_once_until_armed_again() -> None:
    def body(on: Any) -> Any:
        one, other = on.socketpair(STREAM)
        epoll = on.epoll()
        return [
            on.control(epoll, "register", one, IN | ONESHOT),
            on.send(other, b"a"),
            on.wait(epoll),
            on.wait(epoll),
            on.send(other, b"b"),
            on.close(other),
            on.wait(epoll),
            on.control(epoll, "modify", one, IN | RDHUP | ONESHOT),
            on.wait(epoll),
            on.wait(epoll),
        ]

    both(body)


def test_hang_up_and_error_need_not_be_asked_for() -> None:
    def body(on: Any) -> Any:
        reader, writer = on.pipe()
        one, other = on.socketpair(STREAM)
        reader2, writer2 = on.pipe()
        epoll = on.epoll()
        return [
            [on.control(epoll, "register", end, 0) for end in (writer, one, reader2)],
            on.wait(epoll),
            on.close(reader),
            on.wait(epoll),
            on.close(other),
            on.close(writer2),
            on.wait(epoll),
            on.poll(writer, one, reader2, events=0),
        ]

    both(body)


def test_a_closed_descriptor_vanishes_from_epoll_but_not_while_a_dup_lives() -> None:
    def body(on: Any) -> Any:
        reader, writer = on.pipe()
        again = on.dup(reader)
        epoll = on.epoll()
        got = [
            on.control(epoll, "register", reader, IN),
            on.control(epoll, "register", again, IN),
            on.write(writer, b"x"),
            sorted(on.wait(epoll)),
            on.close(again),
        ]
        got.append([mask for _handle, mask in on.wait(epoll)])
        got += [on.close(reader), on.wait(epoll)]
        return got

    both(body)


def test_a_number_used_again_is_another_registration() -> None:
    def body(on: Any) -> Any:
        reader, _writer = on.pipe()
        epoll = on.epoll()
        got = [on.control(epoll, "register", reader, IN), on.close(reader)]
        reader2, writer2 = on.pipe()
        return [
            *got,
            on.control(epoll, "register", reader2, IN),
            on.write(writer2, b"x"),
            on.wait(epoll),
        ]

    both(body)


def test_the_order_is_that_of_becoming_ready_and_what_stays_goes_last() -> None:
    def body(on: Any) -> Any:
        ends = [on.pipe() for _ in range(4)]
        epoll = on.epoll()
        got = [on.control(epoll, "register", reader, IN) for reader, _writer in ends]
        for at in (2, 0, 3, 1):
            got.append(on.write(ends[at][1], b"x"))
        got += [on.wait(epoll, 3), on.wait(epoll, 3), on.wait(epoll, 4), on.read(ends[3][0], 1)]
        return [*got, on.wait(epoll, 2), on.wait(epoll, 2)]

    both(body)


def test_an_epoll_in_an_epoll() -> None:
    def body(on: Any) -> Any:
        reader, writer = on.pipe()
        inner, outer = on.epoll(), on.epoll()
        return [
            on.control(inner, "register", reader, IN),
            on.control(outer, "register", inner, IN),
            on.wait(outer),
            on.poll(inner),
            on.write(writer, b"x"),
            on.wait(outer),
            on.poll(inner),
            on.read(reader, 1),
            on.wait(outer),
            on.write(writer, b"x"),
            on.close(reader),
            on.wait(outer),
        ]

    both(body)


def test_epolls_do_not_go_round_nor_too_deep() -> None:
    def body(on: Any) -> Any:
        epolls = [on.epoll() for _ in range(8)]
        got = [on.control(epolls[0], "register", epolls[0], IN)]
        for inner, outer in itertools.pairwise(epolls):
            got.append(on.control(outer, "register", inner, IN))
        got.append(on.control(epolls[0], "register", epolls[2], IN))
        return got

    both(body)


def test_exclusive_takes_few_flags_and_no_change() -> None:
    def body(on: Any) -> Any:
        reader, writer = on.pipe()
        epoll, other = on.epoll(), on.epoll()
        return [
            on.control(epoll, "register", reader, IN | EXCLUSIVE | RDHUP),
            on.control(epoll, "register", other, IN | EXCLUSIVE),
            on.control(epoll, "register", reader, IN | EXCLUSIVE),
            on.control(epoll, "modify", reader, IN | EXCLUSIVE),
            on.control(epoll, "modify", reader, IN),
            on.write(writer, b"x"),
            on.wait(epoll),
        ]

    both(body)


@pytest.mark.parametrize("verb", ["register", "modify", "unregister"])
def test_a_bad_descriptor(verb: str) -> None:
    loop, table = Loop(), DescriptorTable()
    epoll = Epoll(loop, table)
    with pytest.raises(OSError, match="Bad file descriptor"):
        if verb == "unregister":
            epoll.unregister(5)
        else:
            getattr(epoll, verb)(5, IN)


def test_poll_tells_what_is_not_open_and_keeps_its_order() -> None:
    loop, table = Loop(), DescriptorTable()
    reader, writer = open_pipe(loop, table)
    poll = Poll(table)
    for descriptor in (writer, reader, 99):
        poll.register(descriptor)
    assert poll.poll() == [(writer, OUT), (99, select.POLLNVAL)]
    table.close(reader)
    assert poll.poll() == [(writer, OUT | ERR), (reader, select.POLLNVAL), (99, select.POLLNVAL)]
    poll.modify(writer, IN)
    poll.unregister(99)
    assert poll.poll() == [(writer, ERR), (reader, select.POLLNVAL)]
    with pytest.raises(KeyError):
        poll.unregister(99)
    with pytest.raises(FileNotFoundError):
        poll.modify(99, IN)


def test_select_takes_three_lists() -> None:
    loop, table = Loop(), DescriptorTable()
    one, other = open_socketpair(loop, table, STREAM)
    assert select_once(table, [other, one], [one, other], [one]) == ([], [one, other], [])
    table.get(one).send(b"x", 0)
    assert select_once(table, [other, one], [], []) == ([other], [], [])
    table.close(one)
    assert select_once(table, [other], [other], []) == ([other], [other], [])
    with pytest.raises(OSError, match="Bad file descriptor"):
        select_once(table, [one], [], [])


def test_waiters_hear_of_a_change() -> None:
    loop, table = Loop(), DescriptorTable()
    reader, writer = open_pipe(loop, table)
    heard, more = Heard(), Heard()
    watched = watch_all(table, [reader, reader, writer], heard)
    assert len(watched) == 2
    poll = Poll(table)
    poll.register(reader)
    poll.watch(more)
    table.get(writer).write(b"x")
    assert heard.masks == [IN | 0x40]
    assert more.masks == [IN | 0x40]
    for description in watched:
        description.unwatch(heard)
    poll.unwatch(more)
    table.get(writer).write(b"x")
    assert len(heard.masks) == len(more.masks) == 1


def test_a_waiter_on_an_epoll_hears_what_is_in_it() -> None:
    loop, table = Loop(), DescriptorTable()
    reader, writer = open_pipe(loop, table)
    epoll = Epoll(loop, table)
    epoll.register(reader, IN)
    heard = Heard()
    epoll.watch(heard)
    assert epoll.poll(1) == []
    table.get(writer).write(b"x")
    assert heard.masks == [IN | 0x40]
    assert epoll.poll(1) == [(reader, IN)]


_masks = st.sampled_from([IN, OUT, IN | OUT, IN | RDHUP, 0])
_flags = st.sampled_from([0, 0, 0, ONESHOT])
_steps = st.lists(
    st.tuples(
        st.sampled_from(
            ["add", "modify", "remove", "wait", "send", "send", "recv", "recv", "shutdown", "close"]
        ),
        st.integers(0, 3),
        st.integers(1, 60),
        _masks,
        _flags,
    ),
    max_size=30,
)


@given(_steps)
@settings(max_examples=200)
def test_any_use_of_epoll_goes_as_on_the_kernel(
    steps: list[tuple[str, int, int, int, int]],
) -> None:
    def body(on: Any) -> Any:
        ends = [*on.socketpair(STREAM), *on.socketpair(socket.SOCK_DGRAM)]
        epoll = on.epoll()
        closed = set()
        got: list[Any] = []
        for verb, at, number, mask, flags in steps:
            handle = ends[at]
            if at in closed:
                continue
            if verb == "add":
                got.append(on.control(epoll, "register", handle, mask | flags))
            elif verb == "modify":
                got.append(on.control(epoll, "modify", handle, mask | flags))
            elif verb == "remove":
                got.append(on.control(epoll, "unregister", handle))
            elif verb == "wait":
                got.append(on.wait(epoll, 1 + number % 4))
            elif verb == "send":
                got.append(on.send(handle, bytes(number)))
            elif verb == "recv":
                got.append(on.recv(handle, number))
            elif verb == "shutdown":
                got.append(on.shutdown(handle, number % 3))
            else:
                closed.add(at)
                got.append(on.close(handle))
            got.append(sorted(on.wait(epoll)) if number % 5 == 0 else None)
        return got

    both(body)
