"""The same few socket calls on the kernel's loopback and on a simulated host's, with outcomes to compare.

Sockets are non-blocking handles; ports that the system chose are shown as letters, in order of their
appearance, so that both sides can agree on them.
"""

from __future__ import annotations

import errno
import select
import socket
import time
from collections.abc import Callable
from typing import Any

from trunkline.base.addresses import address_text, parse_address
from trunkline.base.units import MILLISECOND
from trunkline.fabric.cable import Loopback
from trunkline.fabric.loop import Loop
from trunkline.host.host import Host
from trunkline.sockets.create import create
from trunkline.system.descriptors import Address, SocketDescription
from trunkline.transport.tcp.policy import linux_policy

Outcome = Any
INET, INET6 = socket.AF_INET, socket.AF_INET6
STREAM, DGRAM = socket.SOCK_STREAM, socket.SOCK_DGRAM
BLOCKED = "EAGAIN"


class Side:
    """What both sides share: handles, and letters for ports."""

    def __init__(self) -> None:
        self.handles: list[Any] = []
        self.letters: dict[int, str] = {}

    def add(self, made: Any) -> int:
        self.handles.append(made)
        return len(self.handles) - 1

    def shown(self, name: Any) -> Any:
        """An address with its port as a letter."""
        if not isinstance(name, tuple):
            return name
        host, port = name[:2]
        if port >= 1024:
            port = self.letters.setdefault(port, f"port {len(self.letters)}")
        return (host, port, *name[2:])

    def port(self, letter: str | int) -> int:
        for port, name in self.letters.items():
            if name == letter:
                return port
        assert isinstance(letter, int), letter
        return letter

    def outcome(self, call: Callable[..., Any], *arguments: Any) -> Outcome:
        try:
            return call(*arguments)
        except OSError as error:
            name = errno.errorcode[error.errno or 0]
            return "EOPNOTSUPP" if name == "ENOTSUP" else name

    def listener(self, host: str = "127.0.0.1", backlog: int = 5) -> tuple[int, Any]:
        """A listening socket and its port's letter."""
        family = INET6 if ":" in host else INET
        handle = self.socket(family, STREAM)
        self.bind(handle, host, 0)
        self.listen(handle, backlog)
        return handle, self.name(handle)[1]

    def pair(self, host: str = "127.0.0.1") -> tuple[int, int]:
        """The two ends of a connection: who called, who was called."""
        listening, port = self.listener(host)
        near = self.socket(INET6 if ":" in host else INET, STREAM)
        self.connect(near, host, port)
        self.settle()
        far = self.accept(listening)[0]
        self.close(listening)
        return near, far

    def socket(self, family: int, type: int, protocol: int = 0) -> Any:
        raise NotImplementedError

    def bind(self, handle: int, host: str, port: Any) -> Outcome:
        raise NotImplementedError

    def listen(self, handle: int, backlog: int) -> Outcome:
        raise NotImplementedError

    def name(self, handle: int) -> Any:
        raise NotImplementedError

    def connect(self, handle: int, host: str | None, port: Any) -> Outcome:
        raise NotImplementedError

    def accept(self, handle: int) -> Any:
        raise NotImplementedError

    def close(self, handle: int) -> None:
        raise NotImplementedError

    def settle(self) -> None:
        raise NotImplementedError


class Kernel(Side):
    """The kernel's sockets."""

    def socket(self, family: int, type: int, protocol: int = 0) -> Any:
        made = self.outcome(socket.socket, family, type, protocol)
        if isinstance(made, str):
            return made
        made.setblocking(False)
        return self.add(made)

    def bind(self, handle: int, host: str, port: Any) -> Outcome:
        return self.outcome(self.handles[handle].bind, (host, self.port(port)))

    def listen(self, handle: int, backlog: int) -> Outcome:
        return self.outcome(self.handles[handle].listen, backlog)

    def name(self, handle: int) -> Any:
        return self.shown(self.outcome(self.handles[handle].getsockname))

    def peer(self, handle: int) -> Any:
        return self.shown(self.outcome(self.handles[handle].getpeername))

    def connect(self, handle: int, host: str | None, port: Any) -> Outcome:
        sock = self.handles[handle]
        if host is None:
            return self.outcome(_dissolve, sock)
        return self.outcome(sock.connect, (host, self.port(port)))

    def accept(self, handle: int) -> Any:
        made = self.outcome(self.handles[handle].accept)
        if isinstance(made, str):
            return made
        made[0].setblocking(False)
        return self.add(made[0]), self.shown(made[1])

    def send(self, handle: int, data: bytes, flags: int = 0) -> Outcome:
        return self.outcome(self.handles[handle].send, data, flags | socket.MSG_NOSIGNAL)

    def send_to(self, handle: int, data: bytes, host: str, port: Any) -> Outcome:
        return self.outcome(self.handles[handle].sendto, data, (host, self.port(port)))

    def recv(self, handle: int, limit: int, flags: int = 0) -> Outcome:
        return self.outcome(self.handles[handle].recv, limit, flags)

    def recv_from(self, handle: int, limit: int, flags: int = 0) -> Outcome:
        got = self.outcome(self.handles[handle].recvmsg, limit, 0, flags)
        return got if isinstance(got, str) else (got[0], got[2], self.shown(got[3]))

    def shutdown(self, handle: int, how: int) -> Outcome:
        return self.outcome(self.handles[handle].shutdown, how)

    def get(self, handle: int, level: int, option: int, size: int = 4) -> Outcome:
        return self.outcome(self.handles[handle].getsockopt, level, option, size)

    def set(self, handle: int, level: int, option: int, value: bytes) -> Outcome:
        return self.outcome(self.handles[handle].setsockopt, level, option, value)

    def poll(self, handle: int) -> int:
        poll = select.poll()
        poll.register(self.handles[handle].fileno(), 0x3FFF)
        got = poll.poll(0)
        return got[0][1] if got else 0

    def close(self, handle: int) -> None:
        self.handles[handle].close()

    def settle(self) -> None:
        time.sleep(0.002)

    def end(self) -> None:
        for handle in self.handles:
            handle.close()


def _dissolve(sock: socket.socket) -> None:
    """connect(2) with AF_UNSPEC, which Python cannot say."""
    import ctypes

    libc = ctypes.CDLL(None, use_errno=True)
    if libc.connect(sock.fileno(), b"\0" * 16, 16):
        raise OSError(ctypes.get_errno(), "connect")


class Ours(Side):
    """A simulated host with nothing but its loopback."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = Loop()
        loop = self.loop
        self.host = Host("h", 1, loop.timers, loop.marked, loop.events, linux_policy())
        Loopback(loop, self.host.add_loopback(loop.number_nic(), 0))

    def packed(self, handle: int, host: str, port: Any) -> Address:
        octets = parse_address(host)
        if self.handles[handle].family == INET6 and len(octets) == 4:
            return (octets, self.port(port), 0, 0)
        return (octets, self.port(port), 0, 0)

    def named(self, address: Address) -> Any:
        if not address[0]:
            return None
        text = address_text(address[0])
        return (text, *address[1:]) if len(address[0]) == 16 else (text, address[1])

    def socket(self, family: int, type: int, protocol: int = 0) -> Any:
        made = self.outcome(create, self.host.transport, family, type, protocol)
        if isinstance(made, str):
            return made
        description = SocketDescription(self.loop, made)
        description.nonblocking = True
        description.references = 1
        return self.add(description)

    def bind(self, handle: int, host: str, port: Any) -> Outcome:
        return self.outcome(self.handles[handle].bind, self.packed(handle, host, port))

    def listen(self, handle: int, backlog: int) -> Outcome:
        return self.outcome(self.handles[handle].listen, backlog)

    def name(self, handle: int) -> Any:
        got = self.outcome(self.handles[handle].getsockname)
        return got if isinstance(got, str) else self.shown(self.named(got))

    def peer(self, handle: int) -> Any:
        got = self.outcome(self.handles[handle].getpeername)
        return got if isinstance(got, str) else self.shown(self.named(got))

    def connect(self, handle: int, host: str | None, port: Any) -> Outcome:
        address = None if host is None else self.packed(handle, host, port)
        got = self.outcome(self.handles[handle].connect, address)
        return "EINPROGRESS" if got is False else None if got is True else got

    def accept(self, handle: int) -> Any:
        made = self.outcome(self.handles[handle].accept)
        if made is None:
            return BLOCKED
        if isinstance(made, str):
            return made
        made.nonblocking = True
        made.references = 1
        peer = self.outcome(made.getpeername)
        return self.add(made), self.shown(self.named(peer) if peer != "ENOTCONN" else peer)

    def send(self, handle: int, data: bytes, flags: int = 0) -> Outcome:
        got = self.outcome(self.handles[handle].send, data, flags)
        return BLOCKED if got == -1 else got

    def send_to(self, handle: int, data: bytes, host: str, port: Any) -> Outcome:
        where = self.packed(handle, host, port)
        got = self.outcome(self.handles[handle].send_to, data, 0, where)
        return BLOCKED if got == -1 else got

    def recv(self, handle: int, limit: int, flags: int = 0) -> Outcome:
        got = self.outcome(self.handles[handle].recv, limit, flags)
        return BLOCKED if got is None else got

    def recv_from(self, handle: int, limit: int, flags: int = 0) -> Outcome:
        got = self.outcome(self.handles[handle].recv_message, limit, flags)
        if got is None:
            return BLOCKED
        return (
            got
            if isinstance(got, str)
            else (got.data, got.flags, self.shown(self.named(got.address)))
        )

    def shutdown(self, handle: int, how: int) -> Outcome:
        return self.outcome(self.handles[handle].shutdown, how)

    def get(self, handle: int, level: int, option: int, size: int = 4) -> Outcome:
        return self.outcome(self.handles[handle].getsockopt, level, option, size)

    def set(self, handle: int, level: int, option: int, value: bytes) -> Outcome:
        return self.outcome(self.handles[handle].setsockopt, level, option, value)

    def poll(self, handle: int) -> int:
        return self.handles[handle].readiness()

    def close(self, handle: int) -> None:
        if self.handles[handle].references:
            self.handles[handle].release()

    def settle(self) -> None:
        self.loop.run(self.loop.now + MILLISECOND)

    def end(self) -> None:
        for handle in range(len(self.handles)):
            self.close(handle)
        self.loop.run(self.loop.now + 200_000 * MILLISECOND)
        transport = self.host.transport
        assert transport.tcp_ports.claims() == []
        assert transport.udp.ports.claims() == []
        assert transport.tcp.connections() == []
        assert transport.tcp.listeners() == []


def both(body: Callable[[Any], list[Any]]) -> list[Any]:
    """Run a body on both; what it returns must agree, item by item. Returns it."""
    kernel, ours = Kernel(), Ours()
    try:
        expected = body(kernel)
    finally:
        kernel.end()
    got = body(ours)
    lines = []
    for at in range(max(len(got), len(expected))):
        mine = got[at] if at < len(got) else "nothing"
        theirs = expected[at] if at < len(expected) else "nothing"
        lines.append(f"{at}: {mine!r}" + ("" if mine == theirs else f" but the kernel: {theirs!r}"))
    if got != expected:
        raise AssertionError("ours differs from the kernel's:\n" + "\n".join(lines))
    ours.end()
    return got
