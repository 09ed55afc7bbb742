"""Hanging up: shutdown, close, reset, and what the other side is told."""

from __future__ import annotations

import socket
import threading
import time

import pytest

from tests.worlds.stage import (
    Place,
    arrives,
    becomes,
    exactly,
    linger,
    outcome,
    pending_error,
    ready,
    settle,
    to_the_end,
    two_worlds,
)

BY_HOW = pytest.mark.parametrize("how", [socket.SHUT_RD, socket.SHUT_WR, socket.SHUT_RDWR])


def reset(sock: socket.socket) -> None:
    """Hang up with a reset."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger(0))
    sock.close()


@two_worlds("ipv4", "ipv6")
def test_half_close(place: Place) -> object:
    near, far = place.pair()
    near.sendall(b"question")
    near.shutdown(socket.SHUT_WR)
    question = to_the_end(far)
    far.sendall(b"answer")
    far.close()
    return question, to_the_end(near), outcome(near.send, b"more")


@two_worlds("ipv4", "ipv6")
@BY_HOW
def test_shutdown_as_both_ends_see_it(place: Place, how: int) -> object:
    near, far = place.pair()
    done = near.shutdown(how)
    settle()
    near.setblocking(False)
    far.setblocking(False)
    return {
        "done": done,
        "near ready": ready(near),
        "far ready": ready(far),
        "near recv": outcome(near.recv, 9),
        "near send": outcome(near.send, b"x"),
        "far recv": outcome(far.recv, 9),
        "far send": outcome(far.send, b"y"),
        "peer": isinstance(outcome(near.getpeername), tuple),
        "again": outcome(near.shutdown, how),
    }


@two_worlds("ipv4", "ipv6")
def test_shutdown_for_reading_keeps_what_is_there(place: Place) -> object:
    near, far = place.pair()
    far.sendall(b"before")
    settle()
    near.shutdown(socket.SHUT_RD)
    seen = [near.recv(3), near.recv(9), near.recv(9)]
    far.sendall(b"after")
    settle()
    return seen, near.recv(9), ready(near)


@two_worlds("ipv4", "ipv6")
@pytest.mark.parametrize("how", [-1, 3, 99, "x", None])
def test_shutdown_in_a_senseless_way(place: Place, how: object) -> object:
    near, far = place.pair()
    error = outcome(near.shutdown, how)
    near.sendall(b"alive")
    return error, exactly(far, 5)


@two_worlds("ipv4", "ipv6")
@BY_HOW
def test_shutdown_without_connection(place: Place, how: int) -> object:
    return outcome(place.stream().shutdown, how), outcome(place.bound("tcp").shutdown, how)


@two_worlds("ipv4", "ipv6")
@BY_HOW
def test_shutdown_of_datagram_sockets(place: Place, how: int) -> object:
    here, there = place.datagrams()
    error = outcome(there.shutdown, how)
    here.connect(there.getsockname())
    done = outcome(here.shutdown, how)
    here.setblocking(False)
    return error, done, ready(here), outcome(here.send, b"x"), outcome(here.recv, 9)


@two_worlds("ipv4", "ipv6")
def test_shutdown_in_two_steps(place: Place) -> object:
    near, far = place.pair()
    near.shutdown(socket.SHUT_WR)
    far.shutdown(socket.SHUT_WR)
    becomes(near, "HUP")
    return ready(near), near.recv(9), far.recv(9), outcome(near.getpeername)


@two_worlds("ipv4", "ipv6")
def test_shutdown_after_both_have_closed(place: Place) -> object:
    near, far = place.pair()
    far.close()
    near.shutdown(socket.SHUT_WR)
    becomes(near, "HUP")
    settle()
    return outcome(near.shutdown, socket.SHUT_RDWR), outcome(near.getpeername), near.recv(9)


@two_worlds("ipv4", "ipv6")
def test_close_while_the_other_has_unread_data(place: Place) -> object:
    """Data and end arrive, whoever has gone."""
    near, far = place.pair()
    near.sendall(b"x" * 100_000)
    near.close()
    return len(to_the_end(far))


@two_worlds("ipv4", "ipv6")
def test_close_with_unread_data_resets(place: Place) -> object:
    """RFC 2525 §2.17: who throws data away says so."""
    near, far = place.pair()
    near.sendall(b"never read")
    arrives(far)
    far.close()
    shown = becomes(near, "ERR")
    return shown, outcome(near.recv, 9), near.recv(9), outcome(near.send, b"x")


@two_worlds("ipv4", "ipv6")
def test_data_before_a_reset_can_still_be_read(place: Place) -> object:
    near, far = place.pair()
    near.sendall(b"never read")
    far.sendall(b"last words")
    arrives(near, far)
    far.close()
    settle()
    return outcome(near.recv, 4), outcome(near.recv, 99), outcome(near.recv, 99)


@two_worlds("ipv4", "ipv6")
def test_linger_zero_resets(place: Place) -> object:
    near, far = place.pair()
    reset(near)
    shown = becomes(far, "ERR")
    return shown, outcome(far.recv, 9), far.recv(9), ready(far)


@two_worlds("ipv4", "ipv6")
def test_reset_as_the_pending_error(place: Place) -> object:
    near, far = place.pair()
    reset(near)
    becomes(far, "ERR")
    return pending_error(far), pending_error(far), far.recv(9), ready(far)


@two_worlds("ipv4", "ipv6")
def test_reset_seen_by_send(place: Place) -> object:
    near, far = place.pair()
    reset(near)
    becomes(far, "ERR")
    return [outcome(far.send, b"x") for _ in range(2)], far.recv(9)


@two_worlds("ipv4", "ipv6")
def test_reset_and_names(place: Place) -> object:
    near, far = place.pair()
    name = far.getsockname()
    reset(near)
    becomes(far, "ERR")
    return outcome(far.getpeername), far.getsockname() == name, outcome(far.shutdown, 1)


@two_worlds("ipv4", "ipv6")
def test_writing_to_one_who_has_gone(place: Place) -> object:
    """The first write is answered by a reset, the second breaks the pipe."""
    near, far = place.pair()
    far.close()
    arrives(near)
    first = near.send(b"anybody there?")
    becomes(near, "ERR|HUP")
    return first, outcome(near.send, b"hello?"), outcome(near.send, b"hello?"), near.recv(9)


@two_worlds("ipv4", "ipv6")
def test_reading_after_writing_to_one_who_has_gone(place: Place) -> object:
    near, far = place.pair()
    far.close()
    arrives(near)
    near.send(b"anybody there?")
    becomes(near, "ERR|HUP")
    return outcome(near.recv, 9), near.recv(9), outcome(near.send, b"x")


@two_worlds("ipv4", "ipv6")
def test_writing_to_one_who_has_stopped_reading(place: Place) -> object:
    """shutdown(SHUT_RD) sends nothing: the other side may write on, and is heard by nobody."""
    near, far = place.pair()
    far.shutdown(socket.SHUT_RD)
    settle()
    return [near.send(b"x"), near.send(b"y")], pending_error(near), ready(near)


@two_worlds("ipv4", "ipv6")
def test_both_close_at_once(place: Place) -> object:
    near, far = place.pair()
    near.shutdown(socket.SHUT_WR)
    far.shutdown(socket.SHUT_WR)
    return near.recv(9), far.recv(9), outcome(near.send, b"x"), outcome(far.send, b"x")


@two_worlds("ipv4", "ipv6")
def test_linger_waits_until_data_is_taken(place: Place) -> object:
    near, far = place.pair()
    sent = place.drained(near)
    near.setblocking(True)
    near.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger(5))
    got = []
    reader = threading.Thread(target=lambda: got.append(len(to_the_end(far))))
    reader.start()
    near.close()
    reader.join()
    return got == [sent]


@two_worlds("ipv4", "ipv6")
def test_linger_with_nothing_to_wait_for(place: Place) -> object:
    near, far = place.pair()
    near.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger(5))
    begun = time.monotonic()
    near.close()
    return far.recv(9), time.monotonic() - begun < 1


@two_worlds("ipv4", "ipv6")
def test_close_by_one_of_two_duplicates(place: Place) -> object:
    near, far = place.pair()
    copy = place.keep(near.dup())
    near.close()
    settle()
    silent = ready(far)
    copy.sendall(b"still")
    got = exactly(far, 5)
    copy.close()
    return silent, got, far.recv(9)


@two_worlds("ipv4", "ipv6")
def test_shutdown_reaches_all_duplicates(place: Place) -> object:
    near, far = place.pair()
    copy = place.keep(near.dup())
    near.shutdown(socket.SHUT_WR)
    return far.recv(9), outcome(copy.send, b"x")


@two_worlds("ipv4", "ipv6")
def test_forgotten_connection_hangs_up(place: Place) -> object:
    """A socket that nobody holds any more is closed, with a warning."""
    near, far = place.pair()
    orphan = near.dup()
    near.close()
    with pytest.warns(ResourceWarning, match="unclosed <socket"):
        del orphan
    return far.recv(9)


@two_worlds("ipv4", "ipv6")
def test_connection_in_both_directions_ends_in_order(place: Place) -> object:
    """The one that closes last can call the same port at once: it is not the one in TIME-WAIT."""
    listener = place.listener()
    seen = []
    for _ in range(3):
        near = place.stream()
        near.connect(listener.getsockname())
        far, _ = listener.accept()
        far.close()
        seen.append(near.recv(1))
        near.close()
    return seen


@two_worlds("ipv4", "ipv6")
def test_close_takes_the_readers_timeout_along(place: Place) -> object:
    near, far = place.pair()
    near.settimeout(0.01)
    far.close()
    settle()
    return near.recv(9), outcome(near.close), near.gettimeout()


@two_worlds("ipv4", "ipv6")
def test_module_close(place: Place) -> object:
    near, far = place.pair()
    number = near.detach()
    socket.close(number)
    return far.recv(9), outcome(socket.close, number)
