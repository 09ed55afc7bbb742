"""Which class a call of `socket.socket` makes, its unbound methods, and the socket module's functions.

Every reference to the class obeys, however early it was taken: `__new__` decides, by the descriptor where
one is given, else by whether the caller is on a host.
"""

from __future__ import annotations

import _socket
import socket
from collections.abc import Callable
from typing import Any, Final

from trunkline.intercept.arguments import is_ours
from trunkline.intercept.socket import Simulated, SimulatedSocket, descriptors, replaced
from trunkline.sockets.errors import failure
from trunkline.system.strands import current_system
from trunkline.system.system import System

real_new: Final = _socket.socket.__new__
_O_TYPE_FLAGS: Final = 0o2004000  # SOCK_NONBLOCK | SOCK_CLOEXEC

_classes: dict[type, type] = {socket.socket: SimulatedSocket}


def simulated_class(cls: type) -> type:
    """The simulated form of a subclass of `socket.socket`; made once."""
    if issubclass(cls, Simulated):
        return cls
    found = _classes.get(cls)
    if found is None:
        about = {"__module__": cls.__module__}
        try:
            found = type(cls.__name__, (cls, SimulatedSocket), about)
        except TypeError:  # it has slots of its own, and two such bases do not go together
            found = type(cls.__name__, (cls, Simulated), about)
        found.__qualname__ = cls.__qualname__
        _classes[cls] = found
    return found


def new_socket(cls: type, *arguments: Any, **named: Any) -> Any:
    """`socket.socket.__new__`: which kind of socket this call makes."""
    fileno = named.get("fileno")
    if fileno is None and len(arguments) > 3:
        fileno = arguments[3]
    if fileno is None:
        simulated = current_system() is not None
    else:
        simulated = is_ours(fileno)
    if simulated or issubclass(cls, Simulated):
        return real_new(simulated_class(cls))
    return real_new(cls)


# Methods that programs take from the class when they are imported, and call on whatever they get.
METHODS: Final = [
    "send",
    "sendall",
    "sendto",
    "sendmsg",
    "recv",
    "recv_into",
    "recvfrom",
    "recvfrom_into",
    "recvmsg",
    "recvmsg_into",
    "bind",
    "listen",
    "connect",
    "connect_ex",
    "getsockname",
    "getpeername",
    "getsockopt",
    "setsockopt",
    "shutdown",
    "settimeout",
    "gettimeout",
    "setblocking",
    "getblocking",
    "fileno",
]


def make_method(name: str) -> Callable[..., Any]:
    """An unbound method of `socket.socket` that works on both kinds."""
    real_method = getattr(_socket.socket, name)
    simulated_method = getattr(SimulatedSocket, name)

    def method(self: Any, *arguments: Any, **named: Any) -> Any:
        if isinstance(self, Simulated):
            return simulated_method(self, *arguments, **named)
        return real_method(self, *arguments, **named)

    method.__name__ = name
    method.__qualname__ = f"socket.{name}"
    method.__doc__ = real_method.__doc__
    return method


# ------------------------------------------------------------ functions


def socketpair(real: Any, *arguments: Any, **named: Any) -> Any:
    """socket.socketpair."""
    system = current_system()
    if system is None:
        return real(*arguments, **named)
    return _socketpair(system, *arguments, **named)


def _socketpair(
    system: System, family: int | None = None, type: int = socket.SOCK_STREAM, proto: int = 0
) -> Any:
    from trunkline.system.pipes import open_socketpair

    if family is not None and int(family) != int(socket.AF_UNIX):
        raise failure("EOPNOTSUPP")
    world = system.world
    pair = open_socketpair(world.loop, world.descriptors, int(type) & ~_O_TYPE_FLAGS)
    ends = tuple(socket.socket(socket.AF_UNIX, type, proto, fileno=fd) for fd in pair)
    if int(type) & socket.SOCK_NONBLOCK:
        for end in ends:
            end.setblocking(False)
    return ends


def dup(real: Any, descriptor: Any) -> Any:
    """_socket.dup."""
    if is_ours(descriptor):
        return descriptors().dup(descriptor)
    return real(descriptor)


def close(real: Any, descriptor: Any) -> Any:
    """socket.close."""
    if is_ours(descriptor):
        table = descriptors()
        table.close(descriptor)
        return replaced(table, descriptor)
    return real(descriptor)
