"""Timeouts and blocking modes, and that time passes as it should while a program waits."""

from __future__ import annotations

import os
import threading
import time

import pytest

from tests.worlds.stage import Place, arrives, outcome, settle, two_worlds


@two_worlds("ipv4", "ipv6")
@pytest.mark.parametrize("kind", ["tcp", "udp"])
def test_modes(place: Place, kind: str) -> object:
    sock = place.either(kind)
    seen = []

    def look() -> None:
        seen.append((sock.gettimeout(), sock.getblocking(), os.get_blocking(sock.fileno())))

    look()
    for timeout in (0, 0.0, 5, 2.5, None):
        sock.settimeout(timeout)
        look()
    for blocking in (False, True, 0, 1):
        sock.setblocking(blocking)
        look()
    return seen


@two_worlds()
@pytest.mark.parametrize("value", [-1, "x", 1j, float("nan"), float("inf"), 1e30, True, b"1"])
def test_senseless_timeouts(place: Place, value: object) -> object:
    sock = place.stream()
    return outcome(sock.settimeout, value), sock.gettimeout()


@two_worlds("ipv4", "ipv6")
@pytest.mark.parametrize("verb", ["accept", "recv", "recvfrom", "recv_into", "recvmsg"])
def test_wait_takes_as_long_as_it_says(place: Place, verb: str) -> object:
    sock = place.listener() if verb == "accept" else place.pair()[0]
    arguments = {"accept": (), "recv_into": (bytearray(1),)}.get(verb, (1,))
    sock.settimeout(0.03)
    begun = time.monotonic()
    error = outcome(getattr(sock, verb), *arguments)
    return error, 0.029 <= time.monotonic() - begun < 1


@two_worlds("ipv4", "ipv6")
def test_timeout_is_for_each_call(place: Place) -> object:
    """Data that comes in time begins a new wait."""
    near, far = place.pair()
    far.settimeout(0.2)  # a loaded machine may be late

    def speak() -> None:
        for _ in range(5):
            time.sleep(0.05)
            near.send(b"x")

    speaker = threading.Thread(target=speak)
    speaker.start()
    seen = [far.recv(1) for _ in range(5)]
    speaker.join()
    return seen


@two_worlds("ipv4", "ipv6")
def test_timeout_of_sendall_is_for_all_of_it(place: Place) -> object:
    near, far = place.pair()
    near.settimeout(0.04)
    stop = threading.Event()

    def read() -> None:
        far.settimeout(0.2)
        while not stop.wait(0.01):
            outcome(far.recv, 1000)

    reader = threading.Thread(target=read)
    reader.start()
    begun = time.monotonic()
    error = outcome(near.sendall, bytes(50_000_000))
    took = time.monotonic() - begun
    stop.set()
    reader.join()
    return error, 0.035 <= took < 2


@two_worlds("ipv4", "ipv6")
def test_zero_timeout_is_non_blocking(place: Place) -> object:
    near, _ = place.pair()
    near.settimeout(0)
    caller = place.stream()
    caller.settimeout(0)
    return outcome(near.recv, 1), outcome(caller.connect, place.at(place.free_port()))


@two_worlds("ipv4", "ipv6")
def test_timeout_then_blocking(place: Place) -> object:
    near, far = place.pair()
    near.settimeout(0.01)
    outcome(near.recv, 1)
    near.settimeout(None)

    def speak() -> None:
        settle()
        far.send(b"x")

    speaker = threading.Thread(target=speak)
    speaker.start()
    got = near.recv(1)
    speaker.join()
    return got


@two_worlds("ipv4", "ipv6")
def test_data_that_is_there_is_given_whatever_the_timeout(place: Place) -> object:
    near, far = place.pair()
    far.send(b"abc")
    arrives(near)
    seen = []
    for timeout in (0, 1e-9, None):
        near.settimeout(timeout)
        seen.append(near.recv(1))
    return seen


@two_worlds("ipv4", "ipv6")
def test_mode_is_shared_by_descriptors_and_timeout_is_not(place: Place) -> object:
    """O_NONBLOCK belongs to what is open, the timeout to the Python object."""
    near, _ = place.pair()
    copy = place.keep(near.dup())
    near.settimeout(3)
    seen = [copy.gettimeout(), os.get_blocking(copy.fileno())]
    near.setblocking(True)
    return seen, os.get_blocking(copy.fileno())


@two_worlds()
def test_sleep_and_clocks(place: Place) -> object:
    clocks = (time.monotonic, time.time, time.perf_counter)
    before = [clock() for clock in clocks]
    time.sleep(0.02)
    return [0.019 <= clock() - begun < 1 for clock, begun in zip(clocks, before, strict=True)]


@two_worlds()
def test_clock_errors(place: Place) -> object:
    return [
        outcome(time.sleep, -1),
        outcome(time.sleep, "x"),
        outcome(time.sleep, float("nan")),
        outcome(time.sleep, 0),
        outcome(time.sleep, 1e300),
    ]


@two_worlds()
def test_clocks_do_not_go_back(place: Place) -> object:
    seen = [time.monotonic_ns() for _ in range(100)]
    return seen == sorted(seen)
