"""How a run ends when nobody can go on, though somebody is still busy looking."""

from __future__ import annotations

import socket
import subprocess
import sys
import time

import pytest

import trunkline


def poll() -> None:
    while True:
        time.sleep(0.5)


def wait_for_nobody() -> None:
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as ear:
        ear.bind(("::", 5))
        ear.recv(10)


def test_services_that_only_poll_keep_no_deadlock_from_being_told() -> None:
    with trunkline.Internet() as net:
        alice, bob = net.host("alice"), net.host("bob")
        net.link(alice, bob)
        bob.start(poll, service=True)
        alice.start(wait_for_nobody)
        with pytest.raises(trunkline.Deadlock, match="alice: wait_for_nobody still waits"):
            net.run()


def call_late() -> None:
    for _ in range(20_000):
        time.sleep(0.5)
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as mouth:
        mouth.sendto(b"hello", ("alice", 5))


@pytest.mark.parametrize("way", ["cable", "program"])
def test_what_is_still_to_come_is_waited_for(way: str) -> None:
    """A scheduled event, or a foreground program that sleeps, may yet bring what is waited for."""
    with trunkline.Internet() as net:
        alice, bob = net.host("alice"), net.host("bob")
        cable = net.link(alice, bob)
        bob.start(poll, service=True)
        alice.start(wait_for_nobody)
        if way == "program":
            bob.start(call_late)
        else:
            net.at("3h", cable.down)
            net.at("3h", lambda: bob.start(speak))
        net.at("4h", cable.up)
        net.run()


def speak() -> None:
    time.sleep(3600 + 1)
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as mouth:
        mouth.sendto(b"hello", ("alice", 5))


WAITS = [
    "import threading; threading.Event().wait()",
    "import socket; socket.create_server(('', 1)).accept()",
    "import asyncio; asyncio.run(asyncio.Event().wait())",
]


@pytest.mark.once
@pytest.mark.parametrize("code", WAITS)
def test_python_inside_a_host_that_waits_for_ever_is_told_so(code: str) -> None:
    run = "import sys; from trunkline.cli import main; sys.argv[0] = 'trunkline'; sys.exit(main())"
    done = subprocess.run(
        [sys.executable, "-c", run, "python", "-c", code],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert "deadlock at 0.000000 s: nothing is left to happen, and here:" in done.stderr
    assert "click" not in done.stderr  # the program's stack begins with the program
