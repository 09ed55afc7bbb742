"""TCP sockets against the kernel's loopback: the same calls, the same outcomes."""

from __future__ import annotations

import socket
import struct
from typing import Any

import pytest

from tests.sockets.loopback import INET, INET6, STREAM, both

hosts = pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
PEEK, OOB, MORE = socket.MSG_PEEK, socket.MSG_OOB, socket.MSG_MORE


def family_of(host: str) -> int:
    return INET6 if ":" in host else INET


@hosts
def test_a_fresh_socket(host: str) -> None:
    def body(on: Any) -> list[Any]:
        one = on.socket(family_of(host), STREAM)
        return [
            on.poll(one),
            on.name(one),
            on.peer(one),
            on.recv(one, 1),
            on.recv(one, 0),
            on.recv(one, 1, PEEK),
            on.recv(one, 1, OOB),
            on.send(one, b"x"),
            on.send(one, b""),
            on.send_to(one, b"x", host, 9),
            on.shutdown(one, 2),
            on.shutdown(one, 7),
            on.poll(one),
            on.recv(one, 1),
            on.accept(one),
            on.listen(one, 1),
            on.accept(one),
            on.poll(one),
            on.recv(one, 1),
            on.send(one, b"x"),
            on.peer(one),
            on.listen(one, 3),
            on.connect(one, host, 9),
            on.bind(one, host, 0),
        ]

    both(body)


@hosts
def test_a_call_from_dialling_to_hanging_up(host: str) -> None:
    def body(on: Any) -> list[Any]:
        listening, port = on.listener(host)
        near = on.socket(family_of(host), STREAM)
        got: list[Any] = [on.accept(listening), on.poll(listening)]
        got += [on.connect(near, host, port)]
        on.settle()
        got += [on.poll(near), on.poll(listening), on.connect(near, host, port)]
        got += [on.connect(near, host, port), on.peer(near), on.name(near)]
        far, address = on.accept(listening)
        got += [address, on.accept(listening), on.name(far), on.peer(far), on.poll(far)]
        got += [on.recv(far, 10), on.send(near, b"hello"), on.send(near, b"")]
        on.settle()
        got += [on.poll(far), on.recv(far, 2, PEEK), on.recv(far, 2), on.recv(far, 10)]
        got += [on.send(far, b"answer"), on.shutdown(near, 1)]
        on.settle()
        got += [on.poll(near), on.poll(far), on.recv(far, 10), on.send(near, b"x")]
        got += [on.send(far, b", and more"), on.shutdown(far, 1)]
        on.settle()
        got += [on.poll(near), on.poll(far), on.recv(near, 100), on.recv(near, 100)]
        got += [on.send(far, b"x"), on.recv(far, 1), on.peer(near), on.peer(far)]
        got += [on.shutdown(near, 2), on.shutdown(far, 2), on.name(near), on.name(far)]
        return got

    both(body)


@hosts
def test_nobody_listens(host: str) -> None:
    def body(on: Any) -> list[Any]:
        listening, port = on.listener(host)
        on.close(listening)
        one = on.socket(family_of(host), STREAM)
        got = [on.connect(one, host, port)]
        on.settle()
        got += [on.poll(one), on.send(one, b"x"), on.poll(one), on.recv(one, 1), on.send(one, b"x")]
        got += [on.get(one, 1, 4), on.connect(one, host, port), on.poll(one)]
        got += [on.connect(one, host, port)]
        on.settle()
        got += [on.recv(one, 1), on.recv(one, 1), on.poll(one), on.connect(one, host, port)]
        got += [on.connect(one, host, port)]
        on.settle()
        got += [on.connect(one, host, port), on.listen(one, 1)]
        return got

    both(body)


@hosts
def test_the_error_is_told_once(host: str) -> None:
    def body(on: Any) -> list[Any]:
        listening, port = on.listener(host)
        on.close(listening)
        one = on.socket(family_of(host), STREAM)
        got = [on.connect(one, host, port)]
        on.settle()
        got += [on.get(one, 1, 4), on.get(one, 1, 4), on.poll(one), on.recv(one, 1)]
        got += [on.shutdown(one, 1), on.peer(one), on.connect(one, host, port), on.poll(one)]
        return got

    both(body)


@hosts
def test_a_reset_after_unread_data(host: str) -> None:
    def body(on: Any) -> list[Any]:
        near, far = on.pair(host)
        got = [on.send(near, b"never read"), on.send(far, b"kept")]
        on.settle()
        on.close(far)
        on.settle()
        got += [on.poll(near), on.recv(near, 100), on.recv(near, 100), on.recv(near, 100)]
        got += [on.send(near, b"x"), on.poll(near), on.peer(near), on.get(near, 1, 4)]
        return got

    both(body)


@hosts
def test_a_reset_is_told_to_the_sender_once(host: str) -> None:
    def body(on: Any) -> list[Any]:
        near, far = on.pair(host)
        got = [on.set(far, 1, 13, struct.pack("ii", 1, 0))]
        on.close(far)
        on.settle()
        got += [on.poll(near), on.send(near, b"x"), on.send(near, b"x"), on.recv(near, 1)]
        return got

    both(body)


@hosts
def test_writing_to_who_has_hung_up(host: str) -> None:
    def body(on: Any) -> list[Any]:
        near, far = on.pair(host)
        on.close(far)
        on.settle()
        got = [on.poll(near), on.recv(near, 1), on.send(near, b"first")]
        on.settle()
        got += [on.poll(near), on.send(near, b"x"), on.recv(near, 1), on.send(near, b"x")]
        return got

    both(body)


@hosts
@pytest.mark.parametrize("how", [0, 1, 2])
def test_shutdown_of_a_connection(host: str, how: int) -> None:
    def body(on: Any) -> list[Any]:
        near, far = on.pair(host)
        got = [on.send(far, b"before")]
        on.settle()
        got += [on.shutdown(near, how)]
        on.settle()
        got += [on.poll(near), on.poll(far), on.send(near, b"x"), on.recv(near, 3)]
        got += [on.recv(near, 100), on.recv(near, 100), on.send(far, b"after")]
        on.settle()
        got += [on.recv(near, 100), on.recv(far, 100), on.recv(far, 100), on.poll(near)]
        got += [on.shutdown(near, how), on.poll(far)]
        return got

    both(body)


@hosts
@pytest.mark.parametrize("how", [0, 1, 2])
def test_shutdown_of_a_listener(host: str, how: int) -> None:
    def body(on: Any) -> list[Any]:
        listening, port = on.listener(host)
        got = [on.shutdown(listening, how), on.poll(listening), on.accept(listening)]
        got += [on.name(listening), on.listen(listening, 1), on.poll(listening)]
        one = on.socket(family_of(host), STREAM)
        got += [on.connect(one, host, port)]
        on.settle()
        got += [on.poll(one), on.connect(listening, host, port)]
        return got

    both(body)


@hosts
def test_who_waits_at_a_listener_that_closes_is_reset(host: str) -> None:
    def body(on: Any) -> list[Any]:
        listening, port = on.listener(host)
        one = on.socket(family_of(host), STREAM)
        got = [on.connect(one, host, port)]
        on.settle()
        got += [on.connect(one, host, port)]
        on.close(listening)
        on.settle()
        got += [on.poll(one), on.recv(one, 1), on.recv(one, 1), on.peer(one)]
        return got

    both(body)


@hosts
def test_dissolving_a_connection(host: str) -> None:
    def body(on: Any) -> list[Any]:
        near, far = on.pair(host)
        got = [on.connect(near, None, 0), on.poll(near), on.peer(near), on.recv(near, 1)]
        on.settle()
        got += [on.poll(far), on.recv(far, 1), on.get(near, 1, 4), on.connect(near, None, 0)]
        listening, port = on.listener(host)
        got += [on.connect(near, host, port)]
        on.settle()
        got += [on.connect(near, host, port), on.connect(near, host, port)]
        got += [on.connect(listening, None, 0), on.accept(listening), on.poll(listening)]
        return got

    both(body)


@hosts
def test_urgent_data(host: str) -> None:
    def body(on: Any) -> list[Any]:
        near, far = on.pair(host)
        got = [on.recv(far, 1, OOB), on.send(near, b"ab"), on.send(near, b"cdX", OOB)]
        on.settle()
        got += [on.poll(far), on.recv(far, 1, OOB), on.poll(far), on.recv(far, 1, OOB)]
        got += [on.send(near, b"ef")]
        on.settle()
        got += [on.recv(far, 100), on.recv(far, 100), on.recv(far, 1), on.recv(far, 1, OOB)]
        return got

    both(body)


@hosts
def test_urgent_data_in_line(host: str) -> None:
    def body(on: Any) -> list[Any]:
        near, far = on.pair(host)
        got = [on.set(far, 1, 10, struct.pack("i", 1)), on.send(near, b"abX", OOB)]
        on.settle()
        got += [on.send(near, b"cd"), on.recv(far, 1, OOB), on.recv(far, 100)]
        on.settle()
        return [*got, on.recv(far, 100), on.recv(far, 100)]

    both(body)


@hosts
def test_the_backlog(host: str) -> None:
    def body(on: Any) -> list[Any]:
        listening, port = on.listener(host, 1)
        callers = [on.socket(family_of(host), STREAM) for _ in range(2)]
        got = [on.connect(caller, host, port) for caller in callers]
        on.settle()
        got += [on.poll(caller) for caller in callers]
        got += [on.poll(listening), on.accept(listening)[1][0], on.accept(listening)[1][0]]
        return [*got, on.accept(listening)]

    both(body)


def test_a_v6_listener_answers_v4_calls() -> None:
    def body(on: Any) -> list[Any]:
        listening, port = on.listener("::")
        one = on.socket(INET, STREAM)
        got = [on.name(listening), on.connect(one, "127.0.0.1", port)]
        on.settle()
        far, address = on.accept(listening)
        got += [address, on.name(far), on.peer(far), on.peer(one), on.send(far, b"hello")]
        on.settle()
        got += [on.recv(one, 10)]
        six = on.socket(INET6, STREAM)
        got += [on.connect(six, "::ffff:127.0.0.1", port)]
        on.settle()
        got += [on.peer(six), on.name(six), on.accept(listening)[1]]
        only = on.socket(INET6, STREAM)
        got += [on.set(only, 41, 26, struct.pack("i", 1))]
        got += [on.connect(only, "::ffff:127.0.0.1", port), on.bind(only, "::ffff:127.0.0.1", 0)]
        got += [on.bind(only, "::", 0), on.set(only, 41, 26, struct.pack("i", 0))]
        got += [on.get(only, 41, 26)]
        return got

    both(body)


@pytest.mark.parametrize("any_host", ["0.0.0.0", "::"])
def test_the_unspecified_address_is_this_host(any_host: str) -> None:
    def body(on: Any) -> list[Any]:
        listening, port = on.listener(any_host)
        one = on.socket(family_of(any_host), STREAM)
        got = [on.connect(one, any_host, port)]
        on.settle()
        got += [on.peer(one), on.name(one)[0], on.accept(listening)[1][0]]
        return got

    both(body)


@hosts
def test_names_that_cannot_be_bound(host: str) -> None:
    def body(on: Any) -> list[Any]:
        one = on.socket(family_of(host), STREAM)
        foreign = "2001:db8::1" if ":" in host else "192.0.2.1"
        got = [on.bind(one, foreign, 0), on.bind(one, host, 0), on.bind(one, host, 0)]
        port = on.name(one)[1]
        two = on.socket(family_of(host), STREAM)
        got += [on.bind(two, host, port), on.name(two), on.listen(one, 1)]
        got += [on.set(two, 1, 2, struct.pack("i", 1)), on.bind(two, host, port)]
        got += [on.bind(two, "::" if ":" in host else "0.0.0.0", port)]
        return got

    both(body)


@hosts
def test_reuse_address_lets_two_bind_and_one_listen(host: str) -> None:
    def body(on: Any) -> list[Any]:
        one, two = (on.socket(family_of(host), STREAM) for _ in range(2))
        for sock in (one, two):
            on.set(sock, 1, 2, struct.pack("i", 1))
        got = [on.bind(one, host, 0)]
        port = on.name(one)[1]
        got += [on.bind(two, host, port), on.listen(one, 1), on.listen(two, 1), on.poll(two)]
        on.close(one)
        return [*got, on.listen(two, 1)]

    both(body)


@hosts
def test_reuse_port_lets_two_listen(host: str) -> None:
    def body(on: Any) -> list[Any]:
        one, two, three = (on.socket(family_of(host), STREAM) for _ in range(3))
        for sock in (one, two):
            on.set(sock, 1, 15, struct.pack("i", 1))
        got = [on.bind(one, host, 0)]
        port = on.name(one)[1]
        got += [on.bind(two, host, port), on.bind(three, host, port)]
        got += [on.listen(one, 30), on.listen(two, 30)]
        callers = [on.socket(family_of(host), STREAM) for _ in range(20)]
        for caller in callers:
            on.connect(caller, host, port)
        on.settle()
        return [*got, [on.poll(caller) for caller in callers]]

    both(body)


@hosts
def test_a_port_in_time_wait_needs_reuse_address(host: str) -> None:
    def body(on: Any) -> list[Any]:
        got: list[Any] = []
        for reuse in (False, True):
            listening = on.socket(family_of(host), STREAM)
            if reuse:
                on.set(listening, 1, 2, struct.pack("i", 1))
            on.bind(listening, host, 0)
            on.listen(listening, 5)
            port = on.name(listening)[1]
            near = on.socket(family_of(host), STREAM)
            on.connect(near, host, port)
            on.settle()
            far = on.accept(listening)[0]
            on.close(far)  # who hangs up first waits
            on.settle()
            on.close(near)
            on.close(listening)
            on.settle()
            again = on.socket(family_of(host), STREAM)
            got += [on.bind(again, host, port)]
            on.set(again, 1, 2, struct.pack("i", 1))
            got += [on.bind(again, host, port)]
        return got

    assert both(body) == ["EADDRINUSE", "EADDRINUSE", "EADDRINUSE", None]


@hosts
def test_two_connections_from_one_bound_port(host: str) -> None:
    def body(on: Any) -> list[Any]:
        places = [on.listener(host) for _ in range(2)]
        one, two, three = (on.socket(family_of(host), STREAM) for _ in range(3))
        got: list[Any] = []
        for sock in (one, two, three):
            on.set(sock, 1, 2, struct.pack("i", 1))
        got += [on.bind(one, host, 0)]
        port = on.name(one)[1]
        got += [on.bind(two, host, port), on.bind(three, host, port)]
        got += [on.connect(one, host, places[0][1]), on.connect(two, host, places[1][1])]
        got += [on.connect(three, host, places[0][1])]
        on.settle()
        return [*got, on.poll(one), on.poll(two), on.name(three)]

    both(body)


@hosts
def test_a_listener_can_be_reached_again_after_closing(host: str) -> None:
    def body(on: Any) -> list[Any]:
        listening, port = on.listener(host)
        on.close(listening)
        again = on.socket(family_of(host), STREAM)
        return [on.bind(again, host, port), on.listen(again, 1), on.name(again)]

    both(body)


@hosts
def test_destinations_that_no_stream_has(host: str) -> None:
    def body(on: Any) -> list[Any]:
        got: list[Any] = []
        for where in ("224.0.0.5", "255.255.255.255") if "." in host else ("ff02::5", "ff0e::5"):
            one = on.socket(family_of(host), STREAM)
            got += [on.connect(one, where, 80), on.name(one), on.poll(one)]
        return got

    both(body) if "." in host else None


@hosts
def test_accepted_sockets_inherit(host: str) -> None:
    def body(on: Any) -> list[Any]:
        one = struct.pack("i", 1)
        listening, port = on.listener(host)
        for level, option, value in (
            (1, 2, one),
            (1, 9, one),
            (6, 1, one),
            (6, 4, struct.pack("i", 77)),
            (1, 13, struct.pack("ii", 1, 5)),
            (1, 8, struct.pack("i", 9000)),
            (1, 20, struct.pack("qq", 3, 500000)),
        ):
            on.set(listening, level, option, value)
        near = on.socket(family_of(host), STREAM)
        on.connect(near, host, port)
        on.settle()
        far = on.accept(listening)[0]
        got = [on.get(far, level, option) for level, option in ((1, 2), (1, 9), (6, 1), (6, 4))]
        got += [on.get(far, 1, 13, 8), on.get(far, 1, 8), on.get(far, 1, 20, 16)]
        got += [on.get(listening, 1, 30), on.get(far, 1, 30)]
        return got

    both(body)


def test_what_cannot_be_made() -> None:
    def body(on: Any) -> list[Any]:
        got: list[Any] = []
        for family, type, protocol in (
            (INET, STREAM, 17),
            (INET, 2, 6),
            (INET, 2, 58),
            (INET6, 2, 1),
            (INET, STREAM, 1),
            (INET, 5, 0),
            (INET, 4, 0),
            (INET, 3, 0),
            (INET, 77, 0),
            (INET, 2, 300),
            (99, 1, 0),
        ):
            got.append(on.socket(family, type, protocol))
        return got

    both(body)
