"""select, poll and epoll: what is ready, when it is told, and how often."""

from __future__ import annotations

import os
import select
import socket
import threading
import time

import pytest

from tests.worlds.stage import (
    PATIENCE,
    Place,
    arrives,
    becomes,
    linger,
    mask_names,
    outcome,
    ready,
    settle,
    two_worlds,
)

ET, ONESHOT = select.EPOLLET, select.EPOLLONESHOT
IN, OUT, RDHUP = select.EPOLLIN, select.EPOLLOUT, select.EPOLLRDHUP
EVERYTHING = IN | OUT | RDHUP | select.EPOLLPRI


def epoll_of(place: Place, sock: socket.socket, events: int = EVERYTHING) -> select.epoll:
    """An epoll with one socket in it."""
    epoll = place.keep(select.epoll())
    epoll.register(sock, events)
    return epoll


def now(epoll: select.epoll) -> str:
    """What an epoll with one socket tells at once."""
    return " and ".join(mask_names(mask) for _, mask in epoll.poll(0))


def by_epoll(place: Place, sock: socket.socket) -> str:
    """What a new epoll says of a socket."""
    with select.epoll() as epoll:
        epoll.register(sock, EVERYTHING)
        return now(epoll)


def by_select(sock: socket.socket) -> str:
    """In which of select's three sets a socket is."""
    sets = select.select([sock], [sock], [sock], 0)
    return "".join(letter for letter, found in zip("rwx", sets, strict=True) if found)


def states(place: Place, sock: socket.socket) -> tuple[str, str, str]:
    """What poll, epoll and select say."""
    return ready(sock), by_epoll(place, sock), by_select(sock)


@two_worlds("ipv4", "ipv6")
@pytest.mark.parametrize("kind", ["tcp", "udp"])
def test_fresh(place: Place, kind: str) -> object:
    return states(place, place.either(kind)), states(place, place.bound(kind))


@two_worlds("ipv4", "ipv6")
def test_listener(place: Place) -> object:
    listener = place.listener()
    before = states(place, listener)
    place.stream().connect(listener.getsockname())
    arrives(listener)
    return before, states(place, listener)


@two_worlds("ipv4", "ipv6")
def test_connection(place: Place) -> object:
    near, far = place.pair()
    before = states(place, near)
    far.send(b"x")
    arrives(near)
    return before, states(place, near)


@two_worlds("ipv4", "ipv6")
def test_other_side_has_finished(place: Place) -> object:
    near, far = place.pair()
    far.shutdown(socket.SHUT_WR)
    arrives(near)
    seen = states(place, near)
    near.shutdown(socket.SHUT_WR)
    becomes(near, "HUP")
    return seen, states(place, near)


@two_worlds("ipv4", "ipv6")
def test_this_side_has_finished(place: Place) -> object:
    near, _ = place.pair()
    near.shutdown(socket.SHUT_WR)
    settle()
    return states(place, near)


@two_worlds("ipv4", "ipv6")
def test_reset(place: Place) -> object:
    near, far = place.pair()
    far.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger(0))
    far.close()
    becomes(near, "ERR")
    return states(place, near)


@two_worlds("ipv4", "ipv6")
def test_refused(place: Place) -> object:
    sock = place.stream()
    sock.setblocking(False)
    sock.connect_ex(place.at(place.free_port()))
    becomes(sock, "ERR")
    return states(place, sock)


@two_worlds("ipv4", "ipv6")
def test_full(place: Place) -> object:
    near, _ = place.pair()
    place.drained(near)
    return states(place, near)


@two_worlds("ipv4", "ipv6")
def test_datagram_waiting(place: Place) -> object:
    here, there = place.datagrams()
    here.sendto(b"", there.getsockname())
    arrives(there)
    return states(place, there)


@two_worlds("ipv4", "ipv6")
def test_refused_datagram(place: Place) -> object:
    sock = place.datagram()
    sock.connect(place.at(place.free_port("udp")))
    sock.send(b"x")
    becomes(sock, "ERR")
    return states(place, sock)


# ---------------------------------------------------------------- epoll


@two_worlds("ipv4", "ipv6")
def test_level_triggered(place: Place) -> object:
    near, far = place.pair()
    epoll = epoll_of(place, far, IN)
    seen = [now(epoll)]
    near.send(b"ab")
    arrives(far)
    seen += [now(epoll), now(epoll)]
    far.recv(1)
    seen.append(now(epoll))
    far.recv(1)
    return [*seen, now(epoll)]


@two_worlds("ipv4", "ipv6")
def test_edge_triggered_reading(place: Place) -> object:
    near, far = place.pair()
    epoll = epoll_of(place, far, IN | ET)
    seen = [now(epoll)]
    near.send(b"ab")
    arrives(far)
    seen += [now(epoll), now(epoll)]
    far.recv(1)
    seen.append(now(epoll))
    near.send(b"c")
    settle()
    seen += [now(epoll), now(epoll)]
    return [*seen, far.recv(9), now(epoll)]


@two_worlds("ipv4", "ipv6")
def test_edge_triggered_writing(place: Place) -> object:
    near, far = place.pair()
    epoll = epoll_of(place, near, OUT | ET)
    seen = [now(epoll), now(epoll)]
    sent = place.drained(near)
    seen.append(now(epoll))
    while sent > 0:
        sent -= len(far.recv(1 << 20))
    events = epoll.poll(PATIENCE)
    return seen, [mask_names(mask) for _, mask in events], now(epoll)


@two_worlds("ipv4", "ipv6")
def test_edge_triggered_listener(place: Place) -> object:
    listener = place.listener()
    epoll = epoll_of(place, listener, IN | ET)
    seen = [now(epoll)]
    for _ in range(2):
        place.stream().connect(listener.getsockname())
        arrives(listener)
        seen += [now(epoll), now(epoll)]
    return seen


@two_worlds("ipv4", "ipv6")
def test_edge_triggered_datagrams(place: Place) -> object:
    here, there = place.datagrams()
    epoll = epoll_of(place, there, IN | ET)
    seen = []
    for _ in range(2):
        here.sendto(b"x", there.getsockname())
        settle()
        seen += [now(epoll), now(epoll)]
    there.recv(9)
    return [*seen, now(epoll)]


@two_worlds("ipv4", "ipv6")
def test_edge_triggered_end(place: Place) -> object:
    near, far = place.pair()
    epoll = epoll_of(place, far, IN | RDHUP | ET)
    near.close()
    arrives(far)
    seen = [now(epoll), now(epoll)]
    return seen, far.recv(9), now(epoll)


@two_worlds("ipv4", "ipv6")
def test_registering_again_shows_an_edge_again(place: Place) -> object:
    near, far = place.pair()
    near.send(b"x")
    arrives(far)
    epoll = epoll_of(place, far, IN | ET)
    seen = [now(epoll), now(epoll)]
    epoll.modify(far, IN | ET)
    return seen, now(epoll), now(epoll)


@two_worlds("ipv4", "ipv6")
def test_one_shot(place: Place) -> object:
    near, far = place.pair()
    epoll = epoll_of(place, far, IN | ONESHOT)
    near.send(b"a")
    arrives(far)
    seen = [now(epoll), now(epoll)]
    near.send(b"b")
    settle()
    seen.append(now(epoll))
    epoll.modify(far, IN | ONESHOT)
    seen += [now(epoll), now(epoll)]
    near.close()
    settle()
    return [*seen, now(epoll)]


@two_worlds("ipv4", "ipv6")
def test_hang_up_is_told_unasked(place: Place) -> object:
    near, _ = place.pair()
    epoll = epoll_of(place, near, 0)
    before = now(epoll)
    near.shutdown(socket.SHUT_RDWR)
    _ = place  # the other side lives
    settle()
    return before, now(epoll)


@two_worlds("ipv4", "ipv6")
def test_registering(place: Place) -> object:
    sock, other = place.stream(), place.stream()
    epoll = place.keep(select.epoll())
    closed = other.fileno()
    other.close()
    return {
        "register": outcome(epoll.register, sock),
        "twice": outcome(epoll.register, sock),
        "by number": outcome(epoll.register, sock.fileno(), IN),
        "modify": outcome(epoll.modify, sock, IN),
        "unregister": outcome(epoll.unregister, sock),
        "unregister twice": outcome(epoll.unregister, sock),
        "modify unknown": outcome(epoll.modify, sock, IN),
        "closed": outcome(epoll.register, closed),
        "negative": outcome(epoll.register, -1),
        "text": outcome(epoll.register, "x"),
        "itself": outcome(epoll.register, epoll),
        "closed socket": outcome(epoll.register, other),
        "unregister closed": outcome(epoll.unregister, closed),
    }


@two_worlds()
def test_a_file_is_not_for_epoll(place: Place) -> object:
    with open(__file__, "rb") as file, select.epoll() as epoll:
        return outcome(epoll.register, file)


@two_worlds("ipv4", "ipv6")
def test_default_events(place: Place) -> object:
    near, far = place.pair()
    far.send(b"x")
    arrives(near)
    epoll = place.keep(select.epoll())
    epoll.register(near)
    return now(epoll)


@two_worlds("ipv4", "ipv6")
def test_closed_socket_leaves_the_epoll(place: Place) -> object:
    near, _far = place.pair()
    epoll = epoll_of(place, near)
    seen = [now(epoll)]
    near.close()
    return [*seen, now(epoll)]


@two_worlds("ipv4", "ipv6")
def test_duplicate_keeps_a_closed_socket_in_the_epoll(place: Place) -> object:
    near, _ = place.pair()
    number = near.fileno()
    epoll = epoll_of(place, near)
    copy = place.keep(near.dup())
    near.close()
    seen = [(fd == number, mask_names(mask)) for fd, mask in epoll.poll(0)]
    copy.close()
    return seen, now(epoll)


@two_worlds("ipv4", "ipv6")
def test_both_duplicates_may_register(place: Place) -> object:
    near, _ = place.pair()
    copy = place.keep(near.dup())
    epoll = epoll_of(place, near, OUT)
    epoll.register(copy, OUT)
    return [fd == near.fileno() for fd, _ in epoll.poll(0)]


@two_worlds("ipv4", "ipv6")
def test_order_is_that_of_events(place: Place) -> object:
    pairs = [place.pair() for _ in range(4)]
    epoll = place.keep(select.epoll())
    numbers = {}
    for number, (_, far) in enumerate(pairs):
        epoll.register(far, IN)
        numbers[far.fileno()] = number
    for number in (2, 0, 3, 1):
        pairs[number][0].send(b"x")
        arrives(pairs[number][1])
    return [numbers[fd] for fd, _ in epoll.poll(0)], [numbers[fd] for fd, _ in epoll.poll(0, 2)]


@two_worlds("ipv4", "ipv6")
def test_some_at_a_time_go_round(place: Place) -> object:
    """With fewer places than ready sockets nobody starves."""
    pairs = [place.pair() for _ in range(4)]
    epoll = place.keep(select.epoll())
    numbers = {}
    for number, (near, far) in enumerate(pairs):
        epoll.register(far, IN)
        numbers[far.fileno()] = number
        near.send(b"x")
        arrives(far)
    return [[numbers[fd] for fd, _ in epoll.poll(0, 3)] for _ in range(4)]


@two_worlds()
def test_arguments_of_poll(place: Place) -> object:
    epoll = place.keep(select.epoll())
    return [
        outcome(epoll.poll, 0),
        outcome(epoll.poll, 0.01),
        outcome(epoll.poll, timeout=0, maxevents=1),
        outcome(epoll.poll, 0, 0),
        outcome(epoll.poll, 0, -1),
        outcome(epoll.poll, 0, -2),
        outcome(epoll.poll, "x"),
        outcome(epoll.poll, 1 << 62).partition(":")[0],
        outcome(select.epoll, -2),
        outcome(select.epoll, 0),
    ]


@two_worlds()
def test_closed_epoll(place: Place) -> object:
    epoll = select.epoll()
    seen: list[object] = [epoll.closed, epoll.fileno() >= 0, epoll.close(), epoll.close()]
    return [
        *seen,
        epoll.closed,
        outcome(epoll.fileno),
        outcome(epoll.poll, 0),
        outcome(epoll.register, 0),
        outcome(epoll.unregister, 0),
        outcome(epoll.modify, 0, 0),
        outcome(epoll.__enter__),
    ]


@two_worlds("ipv4", "ipv6")
def test_epoll_in_an_epoll(place: Place) -> object:
    near, far = place.pair()
    inner = epoll_of(place, far, IN)
    outer = place.keep(select.epoll())
    outer.register(inner, IN)
    seen = [now(outer)]
    near.send(b"x")
    arrives(far)
    seen += [now(outer), now(outer)]
    loop = outcome(inner.register, outer)
    far.recv(9)
    return seen, now(outer), loop


@two_worlds("ipv4", "ipv6")
def test_epoll_in_poll_and_select(place: Place) -> object:
    near, far = place.pair()
    epoll = epoll_of(place, far, IN)
    before = (ready(epoll), select.select([epoll], [], [], 0)[0] == [epoll])
    near.send(b"x")
    arrives(far)
    return before, ready(epoll), select.select([epoll], [], [], 0)[0] == [epoll]


@two_worlds("ipv4", "ipv6")
def test_epoll_of_a_descriptor(place: Place) -> object:
    near, far = place.pair()
    epoll = epoll_of(place, far, IN)
    near.send(b"x")
    arrives(far)
    again = place.keep(select.epoll.fromfd(os.dup(epoll.fileno())))
    return now(again), now(epoll), again.fileno() != epoll.fileno()


@two_worlds()
def test_closing_an_epoll_never_fails(place: Place) -> object:
    """Not even when another object, or os.close, closed its descriptor before."""
    epoll = select.epoll()
    again = select.epoll.fromfd(epoll.fileno())
    seen = [epoll.close(), outcome(again.poll, 0), outcome(again.poll, 0.01)]
    seen += [again.close(), again.closed, epoll.close()]
    third = select.epoll()
    os.close(third.fileno())
    return [*seen, third.close(), third.closed, outcome(third.fileno)]


@two_worlds("ipv4", "ipv6")
def test_waiting_is_woken(place: Place) -> object:
    near, far = place.pair()
    epoll = epoll_of(place, far, IN)

    def speak() -> None:
        settle()
        near.send(b"x")

    speaker = threading.Thread(target=speak)
    speaker.start()
    events = epoll.poll(PATIENCE)
    speaker.join()
    return [mask_names(mask) for _, mask in events]


@two_worlds("ipv4", "ipv6")
def test_registering_wakes_a_waiting_thread(place: Place) -> object:
    near, far = place.pair()
    near.send(b"x")
    arrives(far)
    epoll = place.keep(select.epoll())
    seen: list[str] = []
    waiter = threading.Thread(
        target=lambda: seen.extend(mask_names(mask) for _, mask in epoll.poll(PATIENCE))
    )
    waiter.start()
    settle()
    epoll.register(far, IN)
    waiter.join()
    return seen


@two_worlds("ipv4", "ipv6")
def test_exclusive(place: Place) -> object:
    listener = place.listener()
    epolls = [epoll_of(place, listener, IN | select.EPOLLEXCLUSIVE) for _ in range(2)]
    place.stream().connect(listener.getsockname())
    arrives(listener)
    seen = [bool(now(epoll)) for epoll in epolls]
    return any(seen), outcome(epolls[0].modify, listener, IN | select.EPOLLEXCLUSIVE)


# ---------------------------------------------------------------- poll


@two_worlds("ipv4", "ipv6")
def test_poll_of_a_closed_socket(place: Place) -> object:
    sock = place.stream()
    poller = select.poll()
    poller.register(sock, select.POLLIN)
    sock.close()
    return [mask_names(mask) for _, mask in poller.poll(0)]


@two_worlds("ipv4", "ipv6")
def test_poll_registering(place: Place) -> object:
    sock = place.stream()
    poller = select.poll()
    return {
        "register": outcome(poller.register, sock),
        "twice": outcome(poller.register, sock, select.POLLOUT),
        "modify": outcome(poller.modify, sock, select.POLLIN),
        "unregister": outcome(poller.unregister, sock),
        "unregister twice": outcome(poller.unregister, sock).split(":")[0],
        "modify unknown": outcome(poller.modify, sock, select.POLLIN),
        "negative": outcome(poller.register, -1),
        "text": outcome(poller.register, "x"),
        "too many bits": outcome(poller.register, sock, 1 << 20),
        "nothing": poller.poll(0),
        "text timeout": outcome(poller.poll, "x"),
    }


@two_worlds("ipv4", "ipv6")
def test_poll_order_is_that_of_registering(place: Place) -> object:
    pairs = [place.pair() for _ in range(3)]
    poller = select.poll()
    numbers = {far.fileno(): number for number, (_, far) in enumerate(pairs)}
    for _, far in pairs:
        poller.register(far, select.POLLIN)
    for near, far in reversed(pairs):
        near.send(b"x")
        arrives(far)
    return [numbers[fd] for fd, _ in poller.poll(0)]


@two_worlds("ipv4", "ipv6")
def test_poll_timeouts(place: Place) -> object:
    sock = place.bound()
    poller = select.poll()
    poller.register(sock, select.POLLIN)
    begun = time.monotonic()
    seen = [poller.poll(0), poller.poll(10), poller.poll(10.5)]
    return seen, 0.018 <= time.monotonic() - begun


@two_worlds("ipv4", "ipv6")
def test_poll_without_time_limit(place: Place) -> object:
    near, far = place.pair()
    poller = select.poll()
    poller.register(far, select.POLLIN)

    def speak() -> None:
        settle()
        near.send(b"x")

    seen = []
    for limit in (None, -1):
        speaker = threading.Thread(target=speak)
        speaker.start()
        seen.append([mask_names(mask) for _, mask in poller.poll(limit)])
        speaker.join()
        far.recv(9)
    return seen


# ---------------------------------------------------------------- select


@two_worlds("ipv4", "ipv6")
def test_select_returns_what_was_given(place: Place) -> object:
    near, far = place.pair()
    near.send(b"x")
    arrives(far)
    number = far.fileno()
    reads, writes, excepts = select.select([near, far, number], (number, near), [far], 0)
    return [reads == [far, number], writes == [number, near], excepts]


@two_worlds("ipv4", "ipv6")
def test_select_arguments(place: Place) -> object:
    sock = place.stream()
    closed = place.stream()
    number = closed.fileno()
    closed.close()
    return {
        "nothing": select.select([], [], [], 0),
        "waits": select.select([], [], [], 0.01),
        "closed": outcome(select.select, [closed], [], [], 0),
        "closed number": outcome(select.select, [number], [], [], 0),
        "negative": outcome(select.select, [-1], [], [], 0),
        "text": outcome(select.select, ["x"], [], [], 0),
        "no list": outcome(select.select, sock, [], [], 0),
        "negative time": outcome(select.select, [], [], [], -1),
        "text time": outcome(select.select, [], [], [], "x"),
        "iterator": len(select.select([], iter([place.bound()]), [], 0)[1]),
    }


@two_worlds("ipv4", "ipv6")
def test_select_waits_and_is_woken(place: Place) -> object:
    near, far = place.pair()

    def speak() -> None:
        settle()
        near.send(b"x")

    speaker = threading.Thread(target=speak)
    begun = time.monotonic()
    speaker.start()
    reads, writes, _ = select.select([far], [], [], PATIENCE)
    speaker.join()
    return reads == [far], writes, time.monotonic() - begun < 1


@two_worlds("ipv4", "ipv6")
def test_select_times_out(place: Place) -> object:
    sock = place.bound()
    begun = time.monotonic()
    seen = select.select([sock], [], [], 0.02)
    return seen, 0.019 <= time.monotonic() - begun < 1


# ---------------------------------------------------------------- pipes


@two_worlds()
def test_pipe_readiness(place: Place) -> object:
    reading, writing = os.pipe()
    seen = [ready(reading), ready(writing)]
    os.write(writing, b"x")
    seen += [ready(reading), ready(writing)]
    os.close(writing)
    seen.append(ready(reading))
    os.read(reading, 9)
    seen.append(ready(reading))
    os.close(reading)
    return seen


@two_worlds()
def test_pipe_nobody_reads(place: Place) -> object:
    reading, writing = os.pipe()
    os.close(reading)
    seen = ready(writing)
    os.close(writing)
    return seen


@two_worlds()
def test_full_pipe(place: Place) -> object:
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    wrote = 0
    while not isinstance(count := outcome(os.write, writing, bytes(4096)), str):
        wrote += count
    seen = [wrote, count, ready(writing)]
    os.read(reading, 4096)
    seen += [ready(writing)]
    os.close(reading)
    os.close(writing)
    return seen


@two_worlds()
def test_socketpair_readiness(place: Place) -> object:
    one, two = socket.socketpair()
    place.keep(one)
    place.keep(two)
    seen = [ready(one)]
    two.send(b"x")
    seen.append(ready(one))
    two.shutdown(socket.SHUT_WR)
    seen += [ready(one), ready(two)]
    two.close()
    seen.append(ready(one))
    one.recv(9)
    return [*seen, ready(one)]
