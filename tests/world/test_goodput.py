"""What a bulk transfer makes of a bottleneck with a short queue: most of its rate, and little sent twice."""

from __future__ import annotations

import socket
import time

import pytest

import trunkline

SPAN = 3  # seconds of the world
RATE = 20_000_000
BUFFER = 4 << 20  # octets at each end: the network limits, not the ends
SO_SNDBUFFORCE, SO_RCVBUFFORCE = 32, 33


@pytest.mark.parametrize("control", ["reno", "cubic"])
def test_an_overflowing_queue_is_answered_once(control: str) -> None:
    """A window that a timeout halves is what was let go, not what lies beyond a hole and has arrived."""
    got = 0

    def sink() -> None:
        nonlocal got
        with socket.create_server(("", 4007)) as welcoming:
            welcoming.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, BUFFER)
            connection, _ = welcoming.accept()
        with connection:
            while octets := connection.recv(1 << 20):
                got += len(octets)

    def source() -> None:
        with socket.socket() as call:
            call.setsockopt(socket.SOL_SOCKET, SO_SNDBUFFORCE, BUFFER)
            call.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, control.encode())
            call.connect(("bob", 4007))
            end = time.monotonic() + SPAN
            while time.monotonic() < end:
                call.sendall(bytes(65536))

    with trunkline.Internet(seed=1) as net:
        alice, bob = net.host("alice"), net.host("bob")
        net.link(
            alice, bob, delay="5ms", to={bob: {"rate": f"{RATE // 1_000_000}Mbit", "queue": "50"}}
        )
        bob.start(sink, service=True)
        alice.start(source)
        net.run(until=f"{SPAN}s")
        assert got * 8 > 0.7 * RATE * SPAN
        assert net.retransmissions() < 0.05 * got / 1448
