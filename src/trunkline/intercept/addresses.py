"""Socket addresses as Python writes them, to and from the floor below, with CPython's own complaints.

AF_INET is (host, port), AF_INET6 (host, port[, flow label[, scope]]), AF_UNIX a path or b"\\0name".
"""

from __future__ import annotations

import socket
import sys
from typing import Any, Final

from trunkline.base.addresses import address_text, parse_address
from trunkline.intercept.arguments import octets_of
from trunkline.intercept.names import host_text
from trunkline.sockets.errors import failure
from trunkline.system.descriptors import Address
from trunkline.system.strands import current_system
from trunkline.system.system import System

AF_INET: Final = int(socket.AF_INET)
AF_INET6: Final = int(socket.AF_INET6)
AF_UNIX: Final = 1
UNIX_NAME_LIMIT: Final = 108

_texts: dict[bytes, str] = {}
TEXTS_LIMIT: Final = 4096


def text_of(address: bytes) -> str:
    """The text of an address, the same object each time."""
    text = _texts.get(address)
    if text is None:
        if len(_texts) >= TEXTS_LIMIT:
            _texts.clear()
        text = _texts[address] = sys.intern(address_text(address))
    return text


def to_python(family: int, address: Address) -> Any:
    """What `getsockname`, `accept` and `recvfrom` give."""
    if family == AF_INET:
        return (text_of(address[0]), address[1])
    if family == AF_INET6:
        return (text_of(address[0]), address[1], address[2], address[3])
    name = address[0]
    if not name or name[0] == 0:
        return bytes(name) or ""
    return name.decode(sys.getfilesystemencoding(), "surrogateescape")


def from_python(family: int, address: Any, caller: str, system: System | None) -> Address:
    """What `bind`, `connect` and `sendto` are given. Raises as CPython does."""
    if family == AF_INET:
        if not isinstance(address, tuple):
            raise TypeError(
                f"{caller}(): AF_INET address must be tuple, not {type(address).__name__}"
            )
        if len(address) != 2:
            raise TypeError("AF_INET address must be a pair (host, port)")
        host = _host(address[0])
        port = _number(address[1])
        found = _resolve(host, AF_INET, system)
        if not 0 <= port <= 0xFFFF:
            raise OverflowError(f"{caller}(): port must be 0-65535.")
        return (found[0], port, 0, 0)
    if family == AF_INET6:
        return _inet6(address, caller, system)
    if family == AF_UNIX:
        return (_unix(address), 0, 0, 0)
    raise OSError(f"{caller}(): unknown address family")


def _inet6(address: Any, caller: str, system: System | None) -> Address:
    if not isinstance(address, tuple):
        raise TypeError(f"{caller}(): AF_INET6 address must be tuple, not {type(address).__name__}")
    if not 2 <= len(address) <= 4:
        raise TypeError("AF_INET6 address must be a tuple (host, port[, flowinfo[, scopeid]])")
    host = _host(address[0])
    port = _number(address[1])
    flow = _number(address[2]) if len(address) > 2 else 0
    scope = _number(address[3]) if len(address) > 3 else 0
    found, its_scope = _resolve(host, AF_INET6, system)
    if not 0 <= port <= 0xFFFF:
        raise OverflowError(f"{caller}(): port must be 0-65535.")
    if not 0 <= flow <= 0xFFFFF:
        raise OverflowError(f"{caller}(): flowinfo must be 0-1048575.")
    return (found, port, flow, scope or its_scope)


def _unix(address: Any) -> bytes:
    if isinstance(address, str):
        name = address.encode(sys.getfilesystemencoding(), "surrogateescape")
    else:
        name = octets_of(address)
    if len(name) > UNIX_NAME_LIMIT or (len(name) == UNIX_NAME_LIMIT and name[:1] != b"\0"):
        raise OSError("AF_UNIX path too long")
    return name


def _host(host: Any) -> str:
    if isinstance(host, bytearray):
        host = bytes(host)
    if not isinstance(host, (str, bytes)):
        raise TypeError(f"str, bytes or bytearray expected, not {type(host).__name__}")
    if (b"\0" if isinstance(host, bytes) else "\0") in host:  # type: ignore[operator]
        raise TypeError("host name must not contain null character")
    text = host if host in {"", "<broadcast>"} else host_text(host)
    assert isinstance(text, str)
    return text


def _number(number: Any) -> int:
    if isinstance(number, int):
        return int(number)
    if isinstance(number, float) or not hasattr(number, "__index__"):
        raise TypeError(f"'{type(number).__name__}' object cannot be interpreted as an integer")
    value: int = number.__index__()
    return value


def _resolve(host: str, family: int, system: System | None) -> tuple[bytes, int]:
    if not host:
        return (bytes(4) if family == AF_INET else bytes(16)), 0
    if host in {"<broadcast>", "255.255.255.255"}:
        if family != AF_INET:
            raise OSError("address family mismatched")
        return b"\xff\xff\xff\xff", 0
    try:
        octets = parse_address(host)
        if len(octets) == (4 if family == AF_INET else 16):
            return octets, 0
    except ValueError:
        pass
    system = system or current_system()
    if system is None:
        raise failure("EADDRNOTAVAIL")
    where = system.names.getaddrinfo(host, None, family, socket.SOCK_STREAM)[0][4]
    scope = where[3] if len(where) == 4 else 0
    return socket.inet_pton(family, where[0]), scope
