"""Two worlds, one test: a body runs on the kernel's loopback and on a simulated host, and must agree.

    @two_worlds("ipv4", "ipv6")
    def test_nobody_listens(place: Place) -> object:
        return outcome(place.stream().connect, place.at(place.free_port()))

A body is an ordinary program: it uses `socket`, `select`, `threading`, `asyncio` as anybody would, and may
assert. What it returns is what it observed; the two worlds' observations must be equal, but for what
`differences.py` lists with a reason. A dict is compared key by key. Port numbers that the system chose are
no observation: bodies compare them with each other, and leave them out.

The kernel needs real time: a body waits with `arrives` for what must come and with `settle` (10 ms) for what
must not; never longer than 50 ms.
"""

from __future__ import annotations

import contextlib
import errno
import functools
import inspect
import select
import socket
import struct
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import pytest

import trunkline
from tests.worlds.differences import DIFFERENCES

Kept = TypeVar("Kept")

FAMILIES = {"ipv4": socket.AF_INET, "ipv6": socket.AF_INET6}
PATIENCE = 5.0  # seconds, for what must come: a loaded machine is no failure
SETTLE = 0.01
VIRTUAL_PATIENCE = "5min"  # for a whole body: one that waits for ever is told, not waited for


class Place:
    """Where a body stands: a family with its addresses, and what is to be closed when the body ends."""

    def __init__(self, name: str, world: str) -> None:
        self.name = name
        self.world = world  # for names of things both worlds share, such as files
        self.family = FAMILIES[name]
        self.v6 = name == "ipv6"
        self.loopback = "::1" if self.v6 else "127.0.0.1"
        self.wildcard = "::" if self.v6 else "0.0.0.0"
        # Documentation addresses, which no machine has.
        self.foreign = "2001:db8::dead" if self.v6 else "203.0.113.77"
        self.exits = contextlib.ExitStack()

    def keep(self, thing: Kept) -> Kept:
        """Close it at the end of the body, however that comes."""
        self.exits.callback(thing.close)  # type: ignore[attr-defined]
        return thing

    def at(self, port: int, host: str | None = None) -> tuple[str, int]:
        """The address of a port of the loopback, or of another host."""
        return (self.loopback if host is None else host, port)

    def stream(self) -> socket.socket:
        """A fresh TCP socket."""
        return self.keep(socket.socket(self.family, socket.SOCK_STREAM))

    def datagram(self) -> socket.socket:
        """A fresh UDP socket."""
        return self.keep(socket.socket(self.family, socket.SOCK_DGRAM))

    def either(self, kind: str) -> socket.socket:
        """A fresh socket, "tcp" or "udp"."""
        return self.stream() if kind == "tcp" else self.datagram()

    def bound(self, kind: str = "udp", port: int = 0, host: str | None = None) -> socket.socket:
        """A socket bound to the loopback."""
        sock = self.either(kind)
        sock.bind(self.at(port, host))
        return sock

    def listener(self, backlog: int = 8) -> socket.socket:
        """A listening socket on the loopback, on a port of its own."""
        sock = self.bound("tcp")
        sock.listen(backlog)
        return sock

    def pair(self) -> tuple[socket.socket, socket.socket]:
        """The two ends of a TCP connection: the caller's, and the one that was accepted."""
        listener = self.listener(1)
        near = self.stream()
        near.connect(listener.getsockname())
        far, _ = listener.accept()
        self.keep(far)
        listener.close()
        return near, far

    def datagrams(self) -> tuple[socket.socket, socket.socket]:
        """Two bound UDP sockets."""
        return self.bound(), self.bound()

    def free_port(self, kind: str = "tcp") -> int:
        """A port that nobody has."""
        sock = self.bound(kind)
        port: int = sock.getsockname()[1]
        sock.close()
        return port

    def drained(self, near: socket.socket) -> int:
        """Fill a socket until it would block; how many octets it took."""
        near.setblocking(False)
        sent = 0
        with contextlib.suppress(BlockingIOError):
            while True:
                sent += near.send(bytes(65536))
        return sent


class Running(threading.Thread):
    """A thread that has begun, and whose outcome can be had."""

    def __init__(self, call: object, *arguments: object) -> None:
        super().__init__()
        self.call = call
        self.arguments = arguments
        self.seen: object = "nothing"
        self.start()

    def run(self) -> None:
        self.seen = outcome(self.call, *self.arguments)  # type: ignore[arg-type]

    def result(self) -> object:
        self.join(PATIENCE)
        assert not self.is_alive()
        return self.seen


def outcome(call: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
    """What a call returns, or the error it raises as text: class, errno's name, message."""
    try:
        return call(*arguments, **named)
    except Exception as error:
        return told(error)


def told(error: BaseException) -> str:
    """An error as text: class, errno's name if it has one, message."""
    name = type(error).__name__
    if isinstance(error, socket.gaierror):
        return f"{name} {error.errno}: {error.strerror}"
    if isinstance(error, OSError) and error.errno is not None:
        return f"{name} {errno_name(error.errno)}: {error.strerror}"
    return f"{name}: {error}"


def errno_name(number: int) -> str:
    """The name of an errno; "0" is success."""
    return errno.errorcode.get(number, str(number))


def pending_error(sock: socket.socket) -> str:
    """What SO_ERROR tells, and forgets."""
    return errno_name(sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR))


POLL_NAMES = {
    select.POLLIN: "IN",
    select.POLLPRI: "PRI",
    select.POLLOUT: "OUT",
    select.POLLERR: "ERR",
    select.POLLHUP: "HUP",
    select.POLLNVAL: "NVAL",
    select.POLLRDHUP: "RDHUP",
}
ALL_EVENTS = select.POLLIN | select.POLLPRI | select.POLLOUT | select.POLLRDHUP


def mask_names(mask: int) -> str:
    """A mask of poll or epoll, in words."""
    names = [name for bit, name in POLL_NAMES.items() if mask & bit]
    rest = mask & ~sum(POLL_NAMES)
    return "|".join(names + ([hex(rest)] if rest else []))


def ready(sock: Any) -> str:
    """What poll says of a socket or descriptor now, in words."""
    poller = select.poll()
    poller.register(sock, ALL_EVENTS)
    return "".join(mask_names(mask) for _, mask in poller.poll(0))


def arrives(*socks: Any) -> None:
    """Wait until each of them is readable."""
    for sock in socks:
        assert select.select([sock], [], [], PATIENCE)[0], f"nothing came to {sock}"


def writable(*socks: Any) -> None:
    """Wait until each of them is writable."""
    for sock in socks:
        assert select.select([], [sock], [], PATIENCE)[1], f"{sock} did not become writable"


def becomes(sock: Any, wanted: str) -> str:
    """Wait until poll says all the wanted things; what it then says."""
    deadline = time.monotonic() + PATIENCE
    names = set(wanted.split("|"))
    while not names <= set((now := ready(sock)).split("|")):
        assert time.monotonic() < deadline, f"{sock}: {wanted} wanted, {now} seen"
        time.sleep(0.001)
    return now


def settle() -> None:
    """Let whatever is on its way arrive."""
    time.sleep(SETTLE)


def exactly(sock: socket.socket, count: int) -> bytes:
    """Read so many octets from a blocking socket."""
    parts = []
    while count:
        part = sock.recv(count)
        assert part, f"the stream ended {count} octets early"
        parts.append(part)
        count -= len(part)
    return b"".join(parts)


def to_the_end(sock: socket.socket) -> bytes:
    """Read a blocking socket until the other side has finished."""
    return b"".join(iter(lambda: sock.recv(65536), b""))


def linger(seconds: int) -> bytes:
    """The value of SO_LINGER that switches it on."""
    return struct.pack("ii", 1, seconds)


# ---------------------------------------------------------------- the worlds


def on_the_kernel(body: Callable[[Place], object], family: str) -> object:
    """Run a body right here."""
    place = Place(family, "kernel")
    with place.exits:
        return body(place)


def on_a_simulated_host(body: Callable[[Place], object], family: str) -> object:
    """Run a body as the program of a host that is alone in its world."""

    def program() -> object:
        place = Place(family, "simulated")
        with place.exits:
            return body(place)

    with trunkline.Internet(seed=1) as net:
        handle = net.host("h").start(program)
        net.run(until=VIRTUAL_PATIENCE)
        return handle.result


def two_worlds(*families: str) -> Callable[[Callable[..., object]], Callable[..., None]]:
    """A test from a body: run in both worlds, once for each family, and compare what it returns.

    Without a family it runs once, for bodies to which the family is nothing; their place has IPv4.
    """
    for family in families:
        assert family in FAMILIES, family

    def decorate(body: Callable[..., object]) -> Callable[..., None]:
        name = f"{body.__module__.rpartition('.')[2]}::{body.__name__}"
        takes = [p for p in inspect.signature(body).parameters.values() if p.name != "place"]

        @functools.wraps(body)
        def test(**chosen: Any) -> None:
            family = chosen.pop("family", "ipv4")
            act = functools.partial(body, **chosen)
            with _named("on the kernel"):
                kernel = on_the_kernel(act, family)
            with _named("on the simulated host"):
                simulated = on_a_simulated_host(act, family)
            compare(name, family if families else "", kernel, simulated)

        keyword = inspect.Parameter.KEYWORD_ONLY
        extra = [inspect.Parameter("family", keyword)] if families else []
        test.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
            extra + [p.replace(kind=keyword) for p in takes]
        )
        return pytest.mark.parametrize("family", families)(test) if families else test

    return decorate


@contextlib.contextmanager
def _named(world: str) -> Iterator[None]:
    try:
        yield
    except BaseException as error:
        error.add_note(f"This happened {world}.")
        raise


def compare(name: str, family: str, kernel: object, simulated: object) -> None:
    """Both observations, key by key. A listed difference must differ, or it is to be struck off."""
    ours = simulated if isinstance(simulated, dict) else {"": simulated}
    theirs = kernel if isinstance(kernel, dict) else {"": kernel}
    listed = DIFFERENCES.get(name, {})
    faults = []
    for key in {**theirs, **ours}:
        same = theirs.get(key, "nothing") == ours.get(key, "nothing")
        allowed = listed.get(f"{key} {family}".strip(), listed.get(key))
        if not same and allowed is None:
            faults.append(
                f"{key or 'observed'}:\n    kernel    {theirs.get(key, 'nothing')!r}"
                f"\n    simulated {ours.get(key, 'nothing')!r}"
            )
        elif same and allowed is not None:
            faults.append(f"{key or 'observed'}: agrees now; strike it off differences.py")
    if faults:
        pytest.fail("The two worlds disagree.\n" + "\n".join(faults), pytrace=False)


if not sys.platform.startswith("linux"):
    pytest.skip("what is compared with is Linux's loopback", allow_module_level=True)
if not socket.has_ipv6:
    pytest.skip("this Python has no IPv6", allow_module_level=True)
