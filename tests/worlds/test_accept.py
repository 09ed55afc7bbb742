"""Answering: listening sockets, their queues, and the connections they give."""

from __future__ import annotations

import socket

import pytest

from tests.worlds.stage import (
    Place,
    arrives,
    becomes,
    errno_name,
    exactly,
    linger,
    outcome,
    ready,
    settle,
    two_worlds,
)


@two_worlds("ipv4", "ipv6")
def test_nobody_calls(place: Place) -> object:
    listener = place.listener()
    listener.setblocking(False)
    first = outcome(listener.accept)
    listener.settimeout(0.02)
    return first, outcome(listener.accept), ready(listener)


@two_worlds("ipv4", "ipv6")
def test_not_listening(place: Place) -> object:
    near, _ = place.pair()
    return [
        outcome(place.stream().accept),
        outcome(place.bound("tcp").accept),
        outcome(near.accept),
        outcome(place.datagram().accept),
    ]


@two_worlds("ipv4", "ipv6")
def test_not_for_listening(place: Place) -> object:
    near, _ = place.pair()
    return outcome(place.datagram().listen), outcome(near.listen)


@two_worlds("ipv4", "ipv6")
def test_listening_without_a_name_finds_a_port(place: Place) -> object:
    sock = place.stream()
    sock.listen()
    return sock.getsockname()[0], sock.getsockname()[1] > 0


@two_worlds("ipv4", "ipv6")
@pytest.mark.parametrize("backlog", [-1, 0, 1, 5, 100000])
def test_backlogs(place: Place, backlog: int) -> object:
    sock = place.bound("tcp")
    sock.listen(backlog)
    again = outcome(sock.listen, 3)
    place.stream().connect(sock.getsockname())
    return again, sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)


@two_worlds("ipv4", "ipv6")
def test_default_backlog(place: Place) -> object:
    sock = place.bound("tcp")
    sock.listen()
    for _ in range(20):
        place.stream().connect(sock.getsockname())
    return ready(sock)


@two_worlds("ipv4", "ipv6")
@pytest.mark.parametrize("backlog", ["x", None, 1.5, 1 << 40])
def test_backlog_types(place: Place, backlog: object) -> object:
    return outcome(place.bound("tcp").listen, backlog)


@two_worlds("ipv4", "ipv6")
@pytest.mark.parametrize("backlog", [0, 1, 3])
def test_queue_has_room_for_one_more_than_its_backlog(place: Place, backlog: int) -> object:
    listener = place.listener(backlog)
    answers = []
    for _ in range(backlog + 3):
        sock = place.stream()
        sock.setblocking(False)
        sock.connect_ex(listener.getsockname())
        settle()
        answers.append(ready(sock))
    return answers


@two_worlds("ipv4", "ipv6")
def test_connections_come_in_order(place: Place) -> object:
    listener = place.listener()
    callers = [place.stream() for _ in range(5)]
    for sock in callers:
        sock.connect(listener.getsockname())
    seen = []
    for _ in callers:
        far, address = listener.accept()
        place.keep(far)
        seen.append(address)
    return seen == [sock.getsockname() for sock in callers]


@two_worlds("ipv4", "ipv6")
def test_ready_until_the_queue_is_empty(place: Place) -> object:
    listener = place.listener()
    for _ in range(2):
        place.stream().connect(listener.getsockname())
    arrives(listener)
    seen = [ready(listener)]
    for _ in range(2):
        place.keep(listener.accept()[0])
        seen.append(ready(listener))
    return seen


@two_worlds("ipv4", "ipv6")
@pytest.mark.parametrize("timeout", [None, 0.0, 2.5])
def test_accepted_socket_blocks_whatever_the_listener_does(
    place: Place, timeout: float | None
) -> object:
    listener = place.listener()
    place.stream().connect(listener.getsockname())
    arrives(listener)
    listener.settimeout(timeout)
    far, _ = listener.accept()
    place.keep(far)
    return far.gettimeout(), far.getblocking(), far.get_inheritable(), type(far).__name__


@two_worlds("ipv4", "ipv6")
def test_options_are_inherited(place: Place) -> object:
    listener = place.stream()
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger(3))
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 20000)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_OOBINLINE, 1)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 77)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 7)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 4000)
    listener.bind(place.at(0))
    listener.listen()
    place.stream().connect(listener.getsockname())
    far, _ = listener.accept()
    place.keep(far)
    return {
        "nodelay": far.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY),
        "keepalive": far.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE),
        "reuseaddr": far.getsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR),
        "linger": far.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER, 8),
        "rcvbuf": far.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF),
        "oobinline": far.getsockopt(socket.SOL_SOCKET, socket.SO_OOBINLINE),
        "keepidle": far.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE),
        "keepintvl": far.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL),
        "keepcnt": far.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT),
        "user timeout": far.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT),
        "acceptconn": far.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN),
    }


@two_worlds("ipv4", "ipv6")
def test_caller_has_spoken_and_gone(place: Place) -> object:
    listener = place.listener()
    near = place.stream()
    near.connect(listener.getsockname())
    near.sendall(b"bye")
    name = near.getsockname()
    near.close()
    settle()
    far, address = listener.accept()
    place.keep(far)
    return address == name, exactly(far, 3), far.recv(1)


@two_worlds("ipv4", "ipv6")
def test_caller_has_reset(place: Place) -> object:
    """Linux still gives the connection out; the first call on it tells."""
    listener = place.listener()
    near = place.stream()
    near.connect(listener.getsockname())
    name = near.getsockname()
    near.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger(0))
    near.close()
    settle()
    shown = ready(listener)
    far, address = listener.accept()
    place.keep(far)
    return shown, address == name, outcome(far.getpeername), outcome(far.recv, 1), far.recv(1)


@two_worlds("ipv4", "ipv6")
def test_close_refuses_those_who_wait(place: Place) -> object:
    listener = place.listener()
    near = place.stream()
    name = listener.getsockname()
    near.connect(name)
    settle()
    listener.close()
    shown = becomes(near, "ERR")
    return shown, outcome(near.recv, 1), outcome(place.stream().connect, name)


@two_worlds("ipv4", "ipv6")
def test_closed_listener_refuses_and_its_connections_live(place: Place) -> object:
    listener = place.listener()
    name = listener.getsockname()
    near = place.stream()
    near.connect(name)
    far, _ = listener.accept()
    place.keep(far)
    listener.close()
    far.sendall(b"still here")
    return outcome(place.stream().connect, name), exactly(near, 10)


@two_worlds("ipv4", "ipv6")
@pytest.mark.parametrize("how", [socket.SHUT_RD, socket.SHUT_WR, socket.SHUT_RDWR])
def test_shutdown_of_a_listener(place: Place, how: int) -> object:
    listener = place.bound("tcp", place.free_port())
    listener.listen()
    name = listener.getsockname()
    listener.setblocking(False)
    done = outcome(listener.shutdown, how)
    return {
        "done": done,
        "ready": ready(listener),
        "accept": outcome(listener.accept),
        "acceptconn": listener.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN),
        "call": errno_name(place.stream().connect_ex(name)),
        "name": listener.getsockname() == name,
        "again": outcome(listener.listen),
        "call again": errno_name(place.stream().connect_ex(name)),
    }


@two_worlds("ipv4", "ipv6")
def test_accepted_sockets_have_the_listeners_name(place: Place) -> object:
    listener = place.bound("tcp", host=place.wildcard)
    listener.listen()
    near = place.stream()
    near.connect(place.at(listener.getsockname()[1]))
    far, _ = listener.accept()
    place.keep(far)
    return listener.getsockname()[0], far.getsockname()[0], far.family, far.type, far.proto


@two_worlds("ipv4", "ipv6")
def test_data_waits_in_the_queue(place: Place) -> object:
    """A connection takes data before the server has answered it."""
    listener = place.listener()
    near = place.stream()
    near.connect(listener.getsockname())
    near.sendall(b"before you answered")
    settle()
    far, _ = listener.accept()
    place.keep(far)
    return far.recv(100)


@two_worlds("ipv4", "ipv6")
def test_accept_through_a_duplicate(place: Place) -> object:
    listener = place.listener()
    copy = place.keep(listener.dup())
    listener.close()
    place.stream().connect(copy.getsockname())
    far, _ = copy.accept()
    place.keep(far)
    return far.getsockname() == copy.getsockname()
