"""Descriptors passed from program to program: on one host, and what becomes of them otherwise."""

from __future__ import annotations

import errno
import gc
import os
import socket
import threading
import time
from pathlib import Path

import pytest

import trunkline
from tests.intercept.machines import Machines
from trunkline.system.errors import Deadlock

NAME = "\0door"


def test_a_program_hands_its_connection_to_another() -> None:
    """As a server does that is replaced while it runs: the caller notices nothing."""

    def doorman() -> None:
        with socket.create_server(("", 80)) as listener, socket.socket(socket.AF_UNIX) as inside:
            conn, _ = listener.accept()
            inside.connect(NAME)
            with conn:
                socket.send_fds(inside, [conn.recv(99)], [conn.fileno()])

    def clerk() -> None:
        with socket.socket(socket.AF_UNIX) as door:
            door.bind(NAME)
            door.listen()
            inside, _ = door.accept()
            with inside:
                question, (number,), _, _ = socket.recv_fds(inside, 99, 1)
        with socket.socket(fileno=number) as conn:
            conn.sendall(question.upper())

    def caller() -> bytes:
        with socket.create_connection(("bob", 80)) as sock:
            sock.sendall(b"question")
            return b"".join(iter(lambda: sock.recv(99), b""))

    with trunkline.Internet(seed=1) as net:
        alice, bob = net.host("alice"), net.host("bob")
        net.link(alice, bob)
        bob.start(clerk)
        bob.start(doorman)
        call = alice.start(caller)
        net.run()
        assert call.result == b"QUESTION"


def test_a_name_is_of_one_host(machines: Machines) -> None:
    def bound() -> None:
        with socket.socket(socket.AF_UNIX) as sock:
            sock.bind(NAME)
            sock.listen()
            time.sleep(2)

    def caller() -> int:
        time.sleep(1)
        with socket.socket(socket.AF_UNIX) as sock:
            return sock.connect_ex(NAME)

    on_bob, on_alice = machines.together(bound, caller, caller)[1:]
    assert (on_bob, on_alice) == (errno.ECONNREFUSED, 0)


@pytest.mark.usefixtures("installed")
def test_real_files_under_way_are_closed_with_their_world(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"")

    def leave() -> None:
        one, other = socket.socketpair()
        with open(path, "rb") as file:
            socket.send_fds(one, [b"x"], [file.fileno()] * 3)
        one.detach()
        other.detach()

    before = os.listdir("/proc/self/fd")
    with Machines() as machines:
        machines.run(leave)
        assert len(os.listdir("/proc/self/fd")) == len(before) + 3
    del machines
    gc.collect()
    assert os.listdir("/proc/self/fd") == before


def test_a_reader_whose_socket_nobody_has_any_more_is_told_of(machines: Machines) -> None:
    """It holds what another thread closed, so it waits for ever: a deadlock with its stack."""

    def main() -> None:
        one, other = socket.socketpair()
        reader = threading.Thread(target=other.recv, args=(1,), name="reader")
        reader.start()
        other.close()
        reader.join()
        one.close()

    with pytest.raises(Deadlock, match="reader"):
        machines.run(main)
