"""Calling: what connect answers in every state, and what the two ends are then called."""

from __future__ import annotations

import errno
import select
import socket

import pytest

from tests.worlds.stage import (
    PATIENCE,
    Place,
    arrives,
    becomes,
    errno_name,
    exactly,
    outcome,
    pending_error,
    ready,
    settle,
    two_worlds,
    writable,
)


def full_listener(place: Place) -> socket.socket:
    """A listener whose queue is full: who calls it gets no answer for a while."""
    listener = place.listener(0)
    place.stream().connect(listener.getsockname())
    return listener


@two_worlds("ipv4", "ipv6")
def test_nobody_listens(place: Place) -> object:
    sock = place.stream()
    error = outcome(sock.connect, place.at(place.free_port()))
    return error, pending_error(sock)


@two_worlds("ipv4", "ipv6")
def test_nobody_listens_on_a_bound_port(place: Place) -> object:
    return outcome(place.stream().connect, place.bound("tcp").getsockname())


@two_worlds("ipv4", "ipv6")
def test_connect_ex(place: Place) -> object:
    listener = place.listener()
    return (
        errno_name(place.stream().connect_ex(place.at(place.free_port()))),
        place.stream().connect_ex(listener.getsockname()),
    )


@two_worlds("ipv4", "ipv6")
def test_after_a_refusal_the_socket_is_good_for_another_call(place: Place) -> object:
    sock = place.stream()
    refused = outcome(sock.connect, place.at(place.free_port()))
    listener = place.listener()
    sock.connect(listener.getsockname())
    return refused, sock.getpeername() == listener.getsockname()


@two_worlds("ipv4", "ipv6")
def test_names_of_both_ends(place: Place) -> object:
    listener = place.listener()
    near = place.stream()
    near.connect(listener.getsockname())
    far, address = listener.accept()
    place.keep(far)
    assert near.getsockname() == far.getpeername() == address
    assert near.getpeername() == far.getsockname() == listener.getsockname()
    return near.getsockname()[0], near.getsockname()[2:], far.getpeername()[2:]


@two_worlds("ipv4", "ipv6")
@pytest.mark.parametrize("kind", ["tcp", "udp"])
def test_no_peer(place: Place, kind: str) -> object:
    return outcome(place.either(kind).getpeername), outcome(place.bound(kind).getpeername)


@two_worlds("ipv4", "ipv6")
def test_listener_has_no_peer(place: Place) -> object:
    return outcome(place.listener().getpeername)


@two_worlds("ipv4", "ipv6")
def test_from_a_bound_port(place: Place) -> object:
    listener = place.listener()
    near = place.bound("tcp")
    name = near.getsockname()
    near.connect(listener.getsockname())
    far, address = listener.accept()
    place.keep(far)
    return near.getsockname() == name, address == name


@two_worlds("ipv4", "ipv6")
def test_bound_to_the_wildcard(place: Place) -> object:
    listener = place.listener()
    near = place.bound("tcp", host=place.wildcard)
    port = near.getsockname()[1]
    near.connect(listener.getsockname())
    return near.getsockname()[0], near.getsockname()[1] == port


@two_worlds("ipv4", "ipv6")
def test_wildcard_means_this_host(place: Place) -> object:
    listener = place.listener()
    near = place.stream()
    near.connect(place.at(listener.getsockname()[1], place.wildcard))
    return near.getpeername()[0], near.getsockname()[0]


@two_worlds("ipv4")
def test_other_loopback_address(place: Place) -> object:
    listener = place.bound("tcp", host="127.0.0.2")
    listener.listen()
    near = place.stream()
    near.connect(listener.getsockname())
    return near.getsockname()[0], near.getpeername()[0]


@two_worlds("ipv4", "ipv6")
def test_connected_already(place: Place) -> object:
    near, far = place.pair()
    return [
        outcome(near.connect, near.getpeername()),
        outcome(near.connect, place.at(9)),
        outcome(far.connect, place.at(9)),
    ]


@two_worlds("ipv4", "ipv6")
def test_connect_on_a_listener(place: Place) -> object:
    return outcome(place.listener().connect, place.at(9))


@two_worlds("ipv4", "ipv6")
def test_non_blocking(place: Place) -> object:
    listener = place.listener()
    sock = place.stream()
    sock.setblocking(False)
    first = outcome(sock.connect, listener.getsockname())
    writable(sock)
    error = pending_error(sock)
    again = [errno_name(sock.connect_ex(listener.getsockname())) for _ in range(2)]
    return first, error, again, sock.getpeername() == listener.getsockname()


@two_worlds("ipv4", "ipv6")
def test_non_blocking_refused(place: Place) -> object:
    sock = place.stream()
    sock.setblocking(False)
    first = outcome(sock.connect, place.at(place.free_port()))
    shown = becomes(sock, "ERR")
    errors = [pending_error(sock), pending_error(sock)]
    return first, shown, errors, ready(sock)


@two_worlds("ipv4", "ipv6")
def test_non_blocking_refused_asked_by_connect(place: Place) -> object:
    sock = place.stream()
    sock.setblocking(False)
    at = place.at(place.free_port())
    first = errno_name(sock.connect_ex(at))
    becomes(sock, "ERR")
    return first, errno_name(sock.connect_ex(at)), pending_error(sock)


@two_worlds("ipv4", "ipv6")
@pytest.mark.parametrize("verb", ["send", "recv"])
def test_non_blocking_refused_asked_by_io(place: Place, verb: str) -> object:
    sock = place.stream()
    sock.setblocking(False)
    sock.connect_ex(place.at(place.free_port()))
    becomes(sock, "ERR")
    call, argument = (sock.send, b"x") if verb == "send" else (sock.recv, 1)
    return [outcome(call, argument) for _ in range(2)]


@two_worlds("ipv4", "ipv6")
def test_still_calling(place: Place) -> object:
    """EALREADY, and what else a socket says that has no answer yet."""
    listener = full_listener(place)
    sock = place.stream()
    sock.setblocking(False)
    at = listener.getsockname()
    return {
        "first": errno_name(sock.connect_ex(at)),
        "second": errno_name(sock.connect_ex(at)),
        "elsewhere": errno_name(sock.connect_ex(place.at(9))),
        "ready": ready(sock),
        "send": outcome(sock.send, b"x"),
        "recv": outcome(sock.recv, 1),
        "peer": outcome(sock.getpeername),
        "name": sock.getsockname()[0],
        "listen": outcome(sock.listen),
        "bind": outcome(sock.bind, place.at(0)),
        "error": pending_error(sock),
    }


@two_worlds("ipv4", "ipv6")
def test_call_that_is_not_answered_in_time(place: Place) -> object:
    listener = full_listener(place)
    sock = place.stream()
    sock.settimeout(0.02)
    timed_out = outcome(sock.connect, listener.getsockname())
    return timed_out, errno_name(sock.connect_ex(listener.getsockname()))


@two_worlds("ipv4", "ipv6")
def test_shutdown_gives_up_a_call(place: Place) -> object:
    listener = full_listener(place)
    sock = place.stream()
    sock.setblocking(False)
    sock.connect_ex(listener.getsockname())
    return outcome(sock.shutdown, socket.SHUT_RDWR), ready(sock), outcome(sock.recv, 1)


@two_worlds("ipv4", "ipv6")
@pytest.mark.parametrize("timeout", [None, 1.0])
def test_refused_with_and_without_timeout(place: Place, timeout: float | None) -> object:
    sock = place.stream()
    sock.settimeout(timeout)
    return outcome(sock.connect, place.at(place.free_port())), sock.gettimeout()


@two_worlds("ipv4", "ipv6")
def test_before_any_connection(place: Place) -> object:
    sock = place.stream()
    return {
        "send": outcome(sock.send, b"x"),
        "sendall": outcome(sock.sendall, b"x"),
        "sendto": outcome(sock.sendto, b"x", place.at(9)),
        "sendmsg": outcome(sock.sendmsg, [b"x"], [], 0, place.at(9)),
        "recv": outcome(sock.recv, 1),
        "recv nothing": outcome(sock.recv, 0),
        "recvfrom": outcome(sock.recvfrom, 1),
        "peek": outcome(sock.recv, 1, socket.MSG_PEEK),
        "shutdown": outcome(sock.shutdown, socket.SHUT_RDWR),
        "ready": ready(sock),
        "accept": outcome(sock.accept),
    }


@two_worlds("ipv4", "ipv6")
@pytest.mark.parametrize("verb", ["send", "recv"])
def test_listener_carries_no_data(place: Place, verb: str) -> object:
    listener = place.listener()
    return outcome(listener.send, b"x") if verb == "send" else outcome(listener.recv, 1)


@two_worlds("ipv4", "ipv6")
def test_calling_oneself(place: Place) -> object:
    """A socket that calls its own name meets itself (simultaneous open), and hears what it says."""
    sock = place.bound("tcp")
    sock.connect(sock.getsockname())
    same = sock.getsockname() == sock.getpeername()
    sock.sendall(b"echo")
    heard = exactly(sock, 4)
    sock.shutdown(socket.SHUT_WR)
    return same, heard, sock.recv(1), outcome(sock.getpeername)


@two_worlds("ipv4", "ipv6")
def test_one_port_calls_two_listeners(place: Place) -> object:
    """A local port serves any number of connections to different peers."""
    listeners = [place.listener(), place.listener()]
    callers = []
    port = 0
    for listener in listeners:
        sock = place.stream()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(place.at(port))
        port = sock.getsockname()[1]
        sock.connect(listener.getsockname())
        callers.append(sock)
    return len({sock.getsockname() for sock in callers})


@two_worlds("ipv4", "ipv6")
def test_four_tuple_in_use(place: Place) -> object:
    listener = place.listener()
    port = 0
    seen = []
    for _ in range(2):
        sock = place.stream()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(place.at(port))
        port = sock.getsockname()[1]
        seen.append(outcome(sock.connect, listener.getsockname()))
    return seen


@two_worlds("ipv6")
@pytest.mark.parametrize("listening", ["0.0.0.0", "127.0.0.1"])
def test_ipv4_listener_called_by_a_mapped_address(place: Place, listening: str) -> object:
    listener = place.keep(socket.create_server((listening, 0)))
    sock = place.stream()
    sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    sock.connect(("::ffff:127.0.0.1", listener.getsockname()[1]))
    far, address = listener.accept()
    place.keep(far)
    assert sock.getsockname()[1] == address[1]
    return sock.getsockname()[0], sock.getpeername()[0], sock.getpeername()[2:], address[0]


@two_worlds("ipv6")
def test_dual_stack_listener(place: Place) -> object:
    listener = place.keep(
        socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True)
    )
    seen = []
    for host, family in (("127.0.0.1", socket.AF_INET), ("::1", socket.AF_INET6)):
        sock = place.keep(socket.socket(family))
        sock.connect((host, listener.getsockname()[1]))
        far, address = listener.accept()
        place.keep(far)
        sock.sendall(b"hello")
        seen.append((address[0], address[2:], far.getsockname()[0], exactly(far, 5)))
    return seen


@two_worlds("ipv6")
def test_ipv6_only_listener_is_deaf_to_ipv4(place: Place) -> object:
    listener = place.stream()
    listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    listener.bind(("::", 0))
    listener.listen()
    sock = place.keep(socket.socket(socket.AF_INET))
    return outcome(sock.connect, ("127.0.0.1", listener.getsockname()[1]))


@two_worlds("ipv6")
@pytest.mark.parametrize("kind", ["tcp", "udp"])
def test_ipv6_only_caller_knows_no_mapped_address(place: Place, kind: str) -> object:
    sock = place.either(kind)
    sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    return outcome(sock.connect, ("::ffff:127.0.0.1", 9))


@two_worlds("ipv6")
@pytest.mark.parametrize("kind", ["tcp", "udp"])
def test_bound_to_ipv6_calls_a_mapped_address(place: Place, kind: str) -> object:
    return outcome(place.bound(kind).connect, ("::ffff:127.0.0.1", 9))


@two_worlds("ipv4", "ipv6")
def test_address_of_the_other_family(place: Place) -> object:
    return outcome(place.stream().connect, ("127.0.0.1" if place.v6 else "::1", 9))


@two_worlds("ipv4", "ipv6")
@pytest.mark.parametrize(
    "address",
    [("", 9), ("127.0.0.1", 70000), ("::1", -1), None, "x", ("127.0.0.1", 1, 2, 3, 4), ()],
)
def test_address_forms(place: Place, address: object) -> object:
    return outcome(place.stream().connect, address)


@two_worlds("ipv4", "ipv6")
@pytest.mark.parametrize("kind", ["tcp", "udp"])
def test_port_zero(place: Place, kind: str) -> object:
    return outcome(place.either(kind).connect, place.at(0))


@two_worlds("ipv4")
def test_broadcast_address(place: Place) -> object:
    return outcome(place.stream().connect, ("127.255.255.255", 9))


@two_worlds("ipv4", "ipv6")
def test_many_connections_to_one_listener(place: Place) -> object:
    listener = place.listener(64)
    callers = [place.stream() for _ in range(30)]
    for sock in callers:
        sock.connect(listener.getsockname())
    ends = [listener.accept() for _ in callers]
    for end, _ in ends:
        place.keep(end)
    for number, sock in enumerate(callers):
        sock.sendall(bytes([number]))
    order = [sock.getsockname() for sock in callers] == [address for _, address in ends]
    return order, [end.recv(9) for end, _ in ends]


@two_worlds("ipv4", "ipv6")
def test_wait_for_a_call_with_select(place: Place) -> object:
    listener = place.listener()
    sock = place.stream()
    sock.setblocking(False)
    before = sock.connect_ex(listener.getsockname()) in {0, errno.EINPROGRESS}
    _, able, wrong = select.select([], [sock], [sock], PATIENCE)
    return before, able == [sock], wrong


@two_worlds("ipv4", "ipv6")
def test_data_sent_right_after_a_non_blocking_call(place: Place) -> object:
    listener = place.listener()
    sock = place.stream()
    sock.setblocking(False)
    sock.connect_ex(listener.getsockname())
    writable(sock)
    sock.send(b"early")
    far, _ = listener.accept()
    place.keep(far)
    return exactly(far, 5)


@two_worlds("ipv4", "ipv6")
def test_close_gives_up_a_call(place: Place) -> object:
    """Nobody is left in the queue who hung up before the call was answered; the queue is free again."""
    listener = full_listener(place)
    sock = place.stream()
    sock.setblocking(False)
    sock.connect_ex(listener.getsockname())
    sock.close()
    far, _ = listener.accept()
    place.keep(far)
    other = place.stream()
    other.settimeout(PATIENCE)
    other.connect(listener.getsockname())
    arrives(listener)
    end, address = listener.accept()
    place.keep(end)
    settle()
    return address == other.getsockname()
