"""The `selectors` module over all its kinds."""

from __future__ import annotations

import selectors
import socket

import pytest

from tests.worlds.stage import PATIENCE, Place, arrives, outcome, settle, two_worlds

KINDS = pytest.mark.parametrize(
    "kind", ["DefaultSelector", "EpollSelector", "PollSelector", "SelectSelector"]
)
READ, WRITE = selectors.EVENT_READ, selectors.EVENT_WRITE


def made(place: Place, kind: str) -> selectors.BaseSelector:
    selector: selectors.BaseSelector = place.keep(getattr(selectors, kind)())
    return selector


@two_worlds("ipv4", "ipv6")
@KINDS
def test_events(place: Place, kind: str) -> object:
    near, far = place.pair()
    selector = made(place, kind)
    selector.register(near, READ | WRITE, "near")
    selector.register(far, READ, "far")
    seen = [[(key.data, mask) for key, mask in selector.select(0)]]
    near.send(b"x")
    arrives(far)
    seen.append(sorted((key.data, mask) for key, mask in selector.select(0)))
    selector.modify(near, READ, "changed")
    seen.append([(key.data, mask) for key, mask in selector.select(0)])
    far.recv(9)
    near.shutdown(socket.SHUT_WR)
    settle()
    return seen, [(key.data, mask) for key, mask in selector.select(0)]


@two_worlds("ipv4", "ipv6")
@KINDS
def test_keys(place: Place, kind: str) -> object:
    sock = place.stream()
    selector = made(place, kind)
    key = selector.register(sock, READ, 5)
    return {
        "key": (key.fileobj is sock, key.fd == sock.fileno(), key.events, key.data),
        "map": len(selector.get_map()),
        "in map": sock in selector.get_map(),
        "get": selector.get_key(sock) == key,
        "twice": outcome(selector.register, sock, READ).split(":")[0],
        "no events": outcome(selector.register, place.stream(), 0),
        "unknown events": outcome(selector.register, place.stream(), 9),
        "unregister": selector.unregister(sock) == key,
        "unregister twice": outcome(selector.unregister, sock).split(":")[0],
        "get unknown": outcome(selector.get_key, sock).split(":")[0],
    }


@two_worlds("ipv4", "ipv6")
@KINDS
def test_closed_socket(place: Place, kind: str) -> object:
    near, _ = place.pair()
    selector = made(place, kind)
    selector.register(near, WRITE)
    near.close()
    seen = None
    if kind != "SelectSelector":  # which raises, as select does
        seen = [mask for _, mask in selector.select(0)]
    selector.unregister(near)
    return seen, selector.select(0)


@two_worlds()
@KINDS
def test_timeouts(place: Place, kind: str) -> object:
    sock = place.bound()
    selector = made(place, kind)
    selector.register(sock, READ)
    return [selector.select(limit) for limit in (0, 0.01, -1)]


@two_worlds()
@KINDS
def test_refused(place: Place, kind: str) -> object:
    sock = place.stream()
    sock.setblocking(False)
    selector = made(place, kind)
    selector.register(sock, WRITE)
    sock.connect_ex(place.at(place.free_port()))
    return [mask for _, mask in selector.select(PATIENCE)]


@two_worlds()
def test_default_is_epoll(place: Place) -> object:
    return selectors.DefaultSelector is selectors.EpollSelector


@two_worlds()
@KINDS
def test_closed_selector(place: Place, kind: str) -> object:
    selector = getattr(selectors, kind)()
    selector.register(place.stream(), READ)
    selector.close()
    return selector.get_map()


@two_worlds("ipv4", "ipv6")
@KINDS
def test_echo_server_in_one_thread(place: Place, kind: str) -> object:
    """The example of the selectors documentation, with three callers."""
    selector = made(place, kind)
    listener = place.listener()
    listener.setblocking(False)
    selector.register(listener, READ, "listener")
    callers = []
    for number in range(3):
        sock = place.stream()
        sock.connect(listener.getsockname())
        sock.sendall(b"caller %d" % number)
        sock.shutdown(socket.SHUT_WR)
        callers.append(sock)
    finished = 0
    while finished < 3:
        for key, _ in selector.select(PATIENCE):
            if key.data == "listener":
                conn, _ = listener.accept()
                conn.setblocking(False)
                selector.register(conn, READ, "connection")
                continue
            conn = key.fileobj  # type: ignore[assignment]
            data = conn.recv(100)
            if data:
                conn.send(data.upper())
            else:
                selector.unregister(conn)
                conn.close()
                finished += 1
    return [sock.recv(100) for sock in callers]
