"""How a run ends when nobody can go on, though somebody is still busy looking."""

from __future__ import annotations

import socket
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
