"""Descriptors: numbers, dup, and what a description that is no socket refuses."""

from __future__ import annotations

import errno
import select

import pytest

from trunkline.base.timers import Timer, TimerOwner
from trunkline.fabric.loop import Loop
from trunkline.system.descriptors import FIRST_DESCRIPTOR, Description, DescriptorTable
from trunkline.system.pipes import open_eventfd, open_pipe
from trunkline.system.selector import IDLE_POLLS, LoopSelector, Outside

READ, WRITE = 1, 2


class At(TimerOwner):
    """Does something at a time."""

    def __init__(self, loop: Loop, table: DescriptorTable, descriptor: int, when: int) -> None:
        self.table, self.descriptor = table, descriptor
        loop.timers.arm(Timer(self, 0), when)

    def on_timer(self, kind: int, now: int) -> None:
        self.table.get(self.descriptor).write(b"x")


def test_numbers_start_high_and_the_lowest_free_one_goes_first() -> None:
    loop, table = Loop(), DescriptorTable()
    numbers = [table.open(Description(loop, "test")) for _ in range(4)]
    assert numbers == [FIRST_DESCRIPTOR + n for n in range(4)]
    for number in (numbers[2], numbers[0]):
        table.close(number)
    assert table.descriptors() == [numbers[1], numbers[3]]
    assert table.open(Description(loop, "test")) == numbers[0]
    assert table.open(Description(loop, "test")) == numbers[2]
    assert table.open(Description(loop, "test")) == FIRST_DESCRIPTOR + 4


def test_a_description_closes_with_its_last_descriptor() -> None:
    loop, table = Loop(), DescriptorTable()
    reader, writer = open_pipe(loop, table)
    again = table.dup(writer)
    event = open_eventfd(loop, table, 1)
    assert table.get(again) is table.get(writer)
    table.close(writer)
    assert table.get(reader).read(1) is None
    assert table.dup2(event, again) == again
    assert table.get(reader).read(1) == b""
    assert table.get(again).read(8) == b"\1" + bytes(7)
    assert table.dup2(event, event) == event
    for call in (table.close, table.dup, table.get, lambda number: table.dup2(number, event)):
        with pytest.raises(OSError) as caught:
            call(writer)
        assert caught.value.errno == errno.EBADF
    assert table.find(writer) is None
    with pytest.raises(OSError, match="Bad file descriptor"):
        table.dup2(event, 7)  # the kernel's
    assert table.dup2(event, writer) == writer


def test_what_is_no_socket_says_so() -> None:
    loop, table = Loop(), DescriptorTable()
    reader = table.get(open_pipe(loop, table)[0])
    nobody = (b"", 0, 0, 0)
    calls = [
        lambda: reader.recv(1, 0),
        lambda: reader.recv_message(1, 0),
        lambda: reader.send(b"", 0),
        lambda: reader.send_to(b"", 0, nobody),
        lambda: reader.bind(nobody),
        lambda: reader.connect(nobody),
        reader.finish_connect,
        lambda: reader.listen(1),
        reader.accept,
        lambda: reader.shutdown(0),
        reader.getsockname,
        reader.getpeername,
        lambda: reader.getsockopt(1, 3, 4),
        lambda: reader.setsockopt(1, 2, bytes(4)),
    ]
    for call in calls:
        with pytest.raises(OSError) as caught:
            call()
        assert caught.value.errno == errno.ENOTSOCK


def test_the_selector_lets_time_pass_until_something_is_ready() -> None:
    loop, table = Loop(), DescriptorTable()
    reader, writer = open_pipe(loop, table)
    selector = LoopSelector(loop, table, Outside())
    key = selector.register(reader, READ, "data")
    assert (key.fileobj, key.fd, key.events, key.data) == (reader, reader, READ, "data")
    At(loop, table, writer, 5_000_000)
    assert selector.select(0.002) == []
    assert loop.now == 2_000_000
    assert selector.select(None) == [(key, READ)]
    assert loop.now == 5_000_000
    assert selector.select(10) == [(key, READ)]
    table.get(reader).read(1)
    assert selector.select(0) == []
    assert loop.now == 5_000_000


def test_a_selector_with_nothing_to_come_is_a_deadlock() -> None:
    loop, table = Loop(), DescriptorTable()
    selector = LoopSelector(loop, table, Outside())
    selector.register(open_pipe(loop, table)[0], READ)
    assert selector.select(1) == []
    with pytest.raises(RuntimeError, match="deadlock"):
        selector.select()


def test_polls_cost_nothing_until_there_were_many() -> None:
    loop, table = Loop(), DescriptorTable()
    reader, writer = open_pipe(loop, table)
    selector = LoopSelector(loop, table, Outside())
    selector.register(reader, READ)
    At(loop, table, writer, 50_000)
    for _ in range(IDLE_POLLS):
        assert selector.select(0) == []
    assert loop.now == 0
    polls = 0
    while not selector.select(0):
        polls += 1
    assert 1 < polls < 10
    assert loop.now == 50_000


def test_keys_of_a_selector() -> None:
    loop, table = Loop(), DescriptorTable()
    reader, writer = open_pipe(loop, table)
    with LoopSelector(loop, table, Outside()) as selector:
        selector.register(reader, READ)
        selector.register(writer, WRITE)
        keys = selector.get_map()
        assert keys is not None
        assert list(keys) == [reader, writer]
        assert len(keys) == 2
        assert keys.get(reader) is keys[reader] is selector.get_key(reader)
        assert reader in keys
        assert keys.get(7) is None
        with pytest.raises(KeyError):
            keys[7]
        with pytest.raises(KeyError):
            selector.register(reader, READ)
        with pytest.raises(ValueError, match="Invalid events"):
            selector.modify(reader, 0)
        with pytest.raises(ValueError, match="not simulated"):
            selector.register(0, READ)
        changed = selector.modify(writer, READ | WRITE, "new")
        assert selector.select(0) == [(changed, WRITE)]
        table.close(reader)
        # as with epoll: what hung up is told to whoever waits for anything
        assert selector.select(0) == [(changed, READ | WRITE)]
        assert selector.unregister(reader).fd == reader
        table.close(writer)
        assert selector.select(0) == []
        assert selector.unregister(writer).data == "new"
    assert selector.get_map() is None
    with pytest.raises(RuntimeError, match="closed"):
        selector.get_key(reader)


def test_pollable_names_are_linux_numbers() -> None:
    loop, table = Loop(), DescriptorTable()
    reader, writer = open_pipe(loop, table)
    assert table.get(writer).readiness() == select.POLLOUT | select.POLLWRNORM
    table.close(writer)
    assert table.get(reader).readiness() == select.POLLHUP
