"""Descriptors where files are expected: pipes, `open` of a number, fcntl, sendfile; real files stay real."""

from __future__ import annotations

import array
import asyncio
import errno
import fcntl
import io
import os
import pathlib
import select
import socket
import stat
import termios
import threading
import time
from typing import Any

import pytest

from tests.intercept.machines import Machines


def test_a_pipe_between_threads(machines: Machines) -> None:
    def program() -> Any:
        read, write = os.pipe()

        def work() -> None:
            time.sleep(2)
            with open(write, "w", encoding="ascii") as file:
                file.write("one line\nanother\n")

        threading.Thread(target=work).start()
        with open(read, encoding="ascii") as file:
            lines = list(file)
        return lines, time.monotonic(), read >= 1 << 20

    assert machines.run(program) == (["one line\n", "another\n"], 1002, True)


def test_kinds_of_file_objects(machines: Machines) -> None:
    def program() -> Any:
        read, write = os.pipe()
        with open(write, "wb", buffering=0) as raw, open(read, "rb") as buffered:
            assert isinstance(buffered, io.BufferedReader) and raw.fileno() == write
            assert (raw.readable(), raw.writable(), raw.seekable()) == (False, True, False)
            raw.write(b"abcdef")
            got = buffered.read(4), buffered.peek()[:2]
            assert os.fdopen(os.dup(read), "rb").close() is None
            with pytest.raises(ValueError, match="unbuffered text"):
                open(os.dup(read), buffering=0)
        with pytest.raises(OSError) as caught:
            os.read(read, 1)
        return got, caught.value.errno == errno.EBADF

    assert machines.run(program) == ((b"abcd", b"ef"), True)


def test_what_os_says_of_descriptors(machines: Machines) -> None:
    def program() -> Any:
        read, write = os.pipe2(os.O_NONBLOCK)
        one, other = socket.socketpair()
        seen = [
            os.get_blocking(read),
            stat.S_ISFIFO(os.fstat(read).st_mode),
            stat.S_ISSOCK(os.fstat(one.fileno()).st_mode),
            os.isatty(read),
            os.writev(write, [b"ab", b"cd"]),
            fcntl.fcntl(read, fcntl.F_GETFL) & os.O_NONBLOCK > 0,
        ]
        buffers = [bytearray(3), bytearray(3)]
        seen += [os.readv(read, buffers), bytes(buffers[0] + buffers[1])]
        with pytest.raises(BlockingIOError):
            os.read(read, 1)
        one.send(b"12345")
        waiting = array.array("i", [0])
        fcntl.ioctl(other, termios.FIONREAD, waiting)
        copy = os.dup(other.fileno())
        seen += [waiting[0], os.read(copy, 2), os.read(other.fileno(), 9)]
        for descriptor in (read, write, copy):
            os.close(descriptor)
        one.close()
        other.close()
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.close(read)
        return seen

    expected = [False, True, True, False, 4, True, 4, b"abcd\0\0", 5, b"12", b"345"]
    assert machines.run(program) == expected


def test_event_counters(machines: Machines) -> None:
    def program() -> Any:
        counter = os.eventfd(3)
        os.eventfd_write(counter, 4)
        got = os.eventfd_read(counter)
        os.set_blocking(counter, False)
        with pytest.raises(BlockingIOError):
            os.eventfd_read(counter)
        os.close(counter)
        return got

    assert machines.run(program) == 7


def test_real_files_are_real(machines: Machines, tmp_path: pathlib.Path) -> None:
    path = tmp_path / "file"

    def program() -> Any:
        path.write_text("real\n")
        descriptor = os.open(path, os.O_RDONLY)
        small = descriptor < 1 << 20
        got = os.read(descriptor, 99)
        assert select.select([descriptor], [], [], 5) == ([descriptor], [], [])
        poll = select.poll()
        poll.register(descriptor, select.POLLIN)
        assert poll.poll(5000) == [(descriptor, select.POLLIN)]
        with select.epoll() as epoll, pytest.raises(PermissionError):
            epoll.register(descriptor)
        os.close(descriptor)
        return small, got

    assert machines.run(program) == (True, b"real\n")


def test_sendfile(machines: Machines, tmp_path: pathlib.Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(bytes(range(256)) * 1000)

    async def program() -> Any:
        one, other = socket.socketpair()
        loop = asyncio.get_running_loop()
        one.setblocking(False)
        other.setblocking(False)

        async def drain() -> bytes:
            got = b""
            while len(got) < 256000:
                got += await loop.sock_recv(other, 1 << 16)
            return got

        task = asyncio.create_task(drain())
        with open(path, "rb") as file:
            sent = await loop.sock_sendfile(one, file)
        got = await task
        one.close()
        other.close()
        return sent, got == path.read_bytes()

    assert machines.run(program) == (256000, True)


def test_pipes_in_asyncio(machines: Machines) -> None:
    async def program() -> bytes:
        read, write = os.pipe()
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader()
        transport, _ = await loop.connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), open(read, "rb", 0)
        )
        writer, _ = await loop.connect_write_pipe(asyncio.Protocol, open(write, "wb", 0))
        writer.write(b"through the pipe")
        writer.close()
        got = await reader.read()
        transport.close()
        return got

    assert machines.run(program) == b"through the pipe"


def test_a_real_descriptor_cannot_be_waited_for(machines: Machines) -> None:
    read, write = os.pipe()

    def program() -> None:
        with pytest.raises(PermissionError, match=r"is a real descriptor.*simulated time"):
            select.select([read], [], [], 1)
        with pytest.raises(PermissionError, match="real descriptor"):
            select.poll().register(write)
        with select.epoll() as epoll, pytest.raises(PermissionError, match="real descriptor"):
            epoll.register(read)
        with pytest.raises(OSError, match=r"not a socket|non-socket"):
            socket.socket(fileno=read)

    machines.run(program)
    os.close(read)
    os.close(write)


def test_closing_by_number_reaches_the_socket(machines: Machines) -> None:
    def program() -> Any:
        one, other = socket.socketpair()
        third, fourth = socket.socketpair()
        os.dup2(third.fileno(), one.fileno())
        fourth.send(b"for the third")
        got = one.recv(99)
        os.close(other.fileno())
        with pytest.raises(OSError, match="Bad file descriptor"):
            other.recv(1)
        other.detach()
        for end in (one, third, fourth):
            end.close()
        return got

    assert machines.run(program) == b"for the third"


def test_a_directory_is_the_programs(machines: Machines, tmp_path: pathlib.Path) -> None:
    here = pathlib.Path.cwd()

    def mover() -> pathlib.Path:
        os.chdir(tmp_path)
        time.sleep(2)
        return pathlib.Path.cwd()

    def stayer() -> pathlib.Path:
        time.sleep(1)
        return pathlib.Path.cwd()

    assert machines.together(mover, stayer) == [tmp_path, here]
    assert pathlib.Path.cwd() == here


def test_a_descriptor_that_is_closed_after_its_world(machines: Machines) -> None:
    """By the finalizer of an object that a traceback kept alive, say: it is no news that it is closed."""

    def program() -> tuple[int, int]:
        return os.pipe()

    kept = machines.run(program)
    machines.world.close()
    for descriptor in kept:
        os.close(descriptor)
    with Machines() as others:

        def wrong() -> None:
            with pytest.raises(OSError, match="Bad file descriptor"):
                os.close(kept[1] + 999)

        others.run(wrong)
