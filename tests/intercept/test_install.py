"""Installing changes nothing outside hosts, and uninstalling leaves nothing behind."""

from __future__ import annotations

import _socket
import _thread
import asyncio
import builtins
import datetime
import os
import queue
import random
import select
import selectors
import signal
import socket
import ssl
import sys
import threading
import time
import types
from typing import Any

import pytest

from tests.intercept.machines import Machines
from trunkline.intercept import install, installed, uninstall

WATCHED = (
    _socket,
    _thread,
    asyncio,
    asyncio.tasks,
    builtins,
    datetime.datetime,
    os,
    queue,
    random,
    random.Random,
    select,
    selectors,
    selectors.EpollSelector,
    selectors.SelectSelector,
    signal,
    socket,
    socket.socket,
    ssl,
    ssl.SSLContext,
    sys.meta_path,
    threading,
    time,
)


def snapshot() -> dict[tuple[int, str], Any]:
    seen: dict[tuple[int, str], Any] = {}
    for owner in WATCHED:
        if isinstance(owner, list):
            seen[id(owner), ""] = list(owner)
            continue
        for name, value in vars(owner).items():
            seen[id(owner), name] = value
    seen[0, "class"] = type(socket)
    return seen


def test_uninstalling_leaves_no_difference() -> None:
    before = snapshot()
    install()
    assert installed()
    assert snapshot() != before
    uninstall()
    assert not installed()
    after = snapshot()
    assert {key[1] for key in before if before[key] is not after.get(key) != before[key]} == set()
    assert before.keys() == after.keys()


def test_twice_is_once() -> None:
    before = snapshot()
    install()
    first = time.monotonic
    install()
    assert time.monotonic is first
    uninstall()
    uninstall()
    assert snapshot().keys() == before.keys()


def test_uninstalling_keeps_what_somebody_else_has_patched_since() -> None:
    install()
    ours, theirs = time.time, lambda: 5.0
    time.time = theirs
    try:
        uninstall()
        assert time.time is theirs
    finally:
        time.time = ours.__self__  # type: ignore[attr-defined]


def early_module() -> types.ModuleType:
    code = """
from time import monotonic, sleep as nap
from socket import socket, gethostname
import threading, time, select
lock = threading.Lock()
rlock = threading.RLock()
def wrapped(method):
    def call(self, *args): return method(self, *args)
    return call
send = wrapped(socket.send)
def clock(read=time.monotonic, *, also=time.time): return read(), also()
class Holder:
    recv = wrapped(socket.recv)
    clock = time.monotonic
    select = select.select
    lock = threading.Lock()
    def read(self, clock=time.time): return self.clock(), clock()
"""
    module = types.ModuleType("an_early_module")
    exec(code, module.__dict__)
    sys.modules[module.__name__] = module
    return module


def test_names_bound_early_obey_and_are_given_back() -> None:
    module: Any = early_module()
    before = dict(vars(module))
    try:
        install()
        with Machines() as machines:

            def program() -> Any:
                module.nap(5)
                with module.lock, module.rlock, module.Holder.lock:
                    pass
                one, other = socket.socketpair()
                with one, other:
                    assert module.send(one, b"through a closure") == 17
                    assert module.Holder.recv(other, 99) == b"through a closure"
                return (
                    module.monotonic(),
                    module.clock(),
                    module.Holder().read(),
                    module.gethostname(),
                )

            wall = 1893456005.0
            expected = (1005.0, (1005.0, wall), (1005.0, wall), "alice")
            assert machines.run(program) == expected
            assert module.monotonic() != 1005.0
        assert module.clock()[0] == pytest.approx(module.monotonic(), abs=5)
    finally:
        uninstall()
        del sys.modules[module.__name__]
    assert {name: value for name, value in vars(module).items() if before[name] is not value} == {}
    assert type(module.Holder.lock).__module__ == "_thread"
    assert module.send.__closure__[0].cell_contents is _socket.socket.send
    assert module.clock.__defaults__[0] is time.monotonic


def test_a_class_made_after_installing_can_hold_a_function(installed: None) -> None:
    class Holder:
        clock = time.monotonic
        read = os.read
        now = datetime.datetime.now

    assert Holder().clock() == pytest.approx(time.monotonic(), abs=5)
    assert abs(Holder().now() - datetime.datetime.now()) < datetime.timedelta(seconds=5)


def test_outside_hosts_everything_is_real(installed: None) -> None:
    one, other = socket.socketpair()
    with one, other:
        assert one.fileno() < 1 << 20 and type(one) is socket.socket
        one.sendall(b"real")
        assert other.recv(10) == b"real"
        assert select.select([other], [one], [], 0) == ([], [one], [])
    with socket.create_server(("127.0.0.1", 0)) as server:
        with socket.create_connection(server.getsockname()) as call:
            accepted, _ = server.accept()
            with accepted:
                call.send(b"x")
                assert accepted.recv(1) == b"x"
    assert abs(time.time() - datetime.datetime.now().timestamp()) < 5
    assert time.time() < 1893456000 or time.gmtime().tm_year > 2029
    lock = threading.Lock()
    assert type(lock).__module__ == "_thread" and not hasattr(lock, "_real")
    thread = threading.Thread(target=lambda: None)
    thread.start()
    thread.join()
    assert threading.main_thread() in threading.enumerate()
    assert len(os.urandom(8)) == 8 and os.getpid() > 0
    numbers: queue.SimpleQueue[int] = queue.SimpleQueue()
    numbers.put(1)
    assert numbers.get() == 1
    read, write = os.pipe()
    os.write(write, b"p")
    assert os.read(read, 1) == b"p" and read < 1 << 20
    os.close(read)
    os.close(write)

    async def main() -> str:
        return await asyncio.to_thread(lambda: "ran")

    assert asyncio.run(main()) == "ran"


def test_a_real_server_runs_in_a_real_thread_during_a_simulation(machines: Machines) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            call, _ = server.accept()
            with call:
                call.sendall(call.recv(100).upper())

        thread = threading.Thread(target=serve)
        thread.start()

        def program() -> float:
            time.sleep(1000)
            return time.monotonic()

        assert machines.run(program) == 2000.0
        with socket.create_connection(server.getsockname()) as call:
            call.sendall(b"still here")
            assert call.recv(100) == b"STILL HERE"
        thread.join()


def test_isinstance_holds_on_both_sides(machines: Machines) -> None:
    outside = (threading.Lock(), threading.RLock(), queue.SimpleQueue(), select.epoll())

    def program() -> list[bool]:
        inside = (threading.Lock(), threading.RLock(), queue.SimpleQueue(), select.epoll())
        kinds = (type(outside[0]), type(outside[1]), queue.SimpleQueue, select.epoll)
        one, other = socket.socketpair()
        with one, other, inside[3]:
            return [
                isinstance(inside[2], kinds[2]),
                isinstance(inside[3], kinds[3]),
                isinstance(outside[2], kinds[2]),
                isinstance(outside[3], kinds[3]),
                isinstance(one, socket.socket),
                type(one) is socket.socket,
            ]

    assert machines.run(program) == [True] * 6
    outside[3].close()
