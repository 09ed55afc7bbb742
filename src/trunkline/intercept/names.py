"""The resolver's entry points: `_socket.getaddrinfo` and its relatives, answered by the machine's Names."""

from __future__ import annotations

import os
import platform
import socket
from collections.abc import Callable
from typing import Any

from trunkline.base.addresses import address_text
from trunkline.intercept.arguments import timeout_of
from trunkline.system.strands import current_strand, current_system

Real = Callable[..., Any]


def getaddrinfo(
    real: Real,
    host: Any,
    port: Any,
    family: int = 0,
    type: int = 0,
    proto: int = 0,
    flags: int = 0,
) -> Any:
    """_socket.getaddrinfo."""
    system = current_system()
    if system is None:
        return real(host, port, family, type, proto, flags)
    if host is not None and not isinstance(host, (str, bytes)):
        raise TypeError("getaddrinfo() argument 1 must be string or None")
    if isinstance(port, bytes):
        port = port.decode()
    elif port is not None and not isinstance(port, (str, int)):
        raise OSError("Int or String expected")
    return system.names.getaddrinfo(
        host_text(host), port, int(family), int(type), int(proto), int(flags)
    )


def host_text(host: str | bytes | None) -> str | None:
    """The name that goes to the resolver: international ones in their ASCII form."""
    if host is None:
        return None
    octets = host.encode("idna") if isinstance(host, str) else host
    return octets.decode("latin-1").partition("\0")[0]  # as far as C reads


def getnameinfo(real: Real, address: Any, flags: Any) -> Any:
    """socket.getnameinfo."""
    system = current_system()
    if system is None:
        return real(address, flags)
    if not isinstance(address, tuple):
        raise TypeError("getnameinfo() argument 1 must be a tuple")
    if not 2 <= len(address) <= 4 or not isinstance(address[0], str):
        raise TypeError("getnameinfo(): illegal sockaddr argument")
    host, port, *rest = address
    for number in (port, *rest, flags):
        if not isinstance(number, int):
            kind = type(number).__name__
            raise TypeError(f"'{kind}' object cannot be interpreted as an integer")
    if rest and not 0 <= rest[0] <= 0xFFFFF:
        raise OverflowError("getnameinfo(): flowinfo must be 0-1048575.")
    names = system.names
    found = names.getaddrinfo(host, port, 0, 2, 0, socket.AI_NUMERICHOST)
    text, number = found[0][4][:2]
    if found[0][0] == socket.AF_INET and rest:
        raise OSError("IPv4 sockaddr must be 2 tuple")
    scope = found[0][4][3] if len(found[0][4]) == 4 else 0
    if len(rest) == 2:
        scope = rest[1]
    octets = socket.inet_pton(found[0][0], text)
    return names.getnameinfo(octets, number, scope, int(flags))


def gethostbyname(real: Real, host: Any) -> Any:
    """socket.gethostbyname."""
    system = current_system()
    if system is None:
        return real(host)
    return special(host) or address_text(
        system.names.lookup(_name(host, "gethostbyname"), socket.AF_INET)[0]
    )


def special(host: Any) -> str:
    """The two names that Python itself knows: "" is any address, <broadcast> is all ones."""
    if host in {"", b""}:
        return "0.0.0.0"
    return "255.255.255.255" if host == "<broadcast>" else ""


def gethostbyname_ex(real: Real, host: Any) -> Any:
    """socket.gethostbyname_ex."""
    system = current_system()
    if system is None:
        return real(host)
    name = _name(host, "gethostbyname_ex")
    found = system.names.lookup(name, socket.AF_INET)
    return name, [], [address_text(address) for address in found]


def gethostbyaddr(real: Real, host: Any) -> Any:
    """socket.gethostbyaddr."""
    system = current_system()
    if system is None:
        return real(host)
    address = system.names.lookup(_name(host, "gethostbyaddr"))[0]
    name = system.names.name_of(address)
    if not name:
        raise socket.herror(1, "Unknown host")
    return name, [], [address_text(address)]


def gethostname(real: Real) -> Any:
    """socket.gethostname."""
    system = current_system()
    return real() if system is None else system.names.own_name


def sethostname(real: Real, name: Any) -> Any:
    """socket.sethostname: of the machine."""
    system = current_system()
    if system is None:
        return real(name)
    system.names.own_name = name.decode() if isinstance(name, bytes) else str(name)
    return None


def os_uname(real: Real) -> Any:
    """os.uname: the real machine's, under the host's name."""
    system = current_system()
    found = real()
    if system is None:
        return found
    return type(found)((found[0], system.names.own_name, *found[2:]))


def platform_uname(real: Real) -> Any:
    """platform.uname, which platform.node reads. In a host its cache is neither read nor filled."""
    system = current_system()
    if system is None:
        return real()
    return platform.uname_result(*os.uname())


def if_nameindex(real: Real) -> Any:
    """socket.if_nameindex."""
    system = current_system()
    return real() if system is None else system.names.nics()


def if_nametoindex(real: Real, name: Any) -> Any:
    """socket.if_nametoindex."""
    system = current_system()
    if system is None or not isinstance(name, (str, bytes)):
        return real(name)  # whose complaints those are
    index = system.names.nic_index(name.decode() if isinstance(name, bytes) else name)
    if not index:
        raise OSError("no interface with this name")
    return index


def if_indextoname(real: Real, index: Any) -> Any:
    """socket.if_indextoname."""
    system = current_system()
    if system is None or not isinstance(index, int) or not 0 <= index <= 0x7FFFFFFF:
        return real(index)  # whose complaints those are
    name = system.names.nic_name(index)
    if not name:
        raise OSError(6, "No such device or address")
    return name


def getdefaulttimeout(real: Real) -> Any:
    """socket.getdefaulttimeout: of the program."""
    strand = current_strand()
    if strand is None or strand.program is None:
        return real()
    return strand.program.default_timeout


def setdefaulttimeout(real: Real, timeout: Any) -> Any:
    """socket.setdefaulttimeout: of the program."""
    strand = current_strand()
    if strand is None or strand.program is None:
        return real(timeout)
    strand.program.default_timeout = timeout_of(timeout)
    return None


def _name(host: Any, caller: str) -> str:
    if isinstance(host, bytearray):
        host = bytes(host)
    if not isinstance(host, (str, bytes)):
        raise TypeError(
            f"{caller}() argument 1 must be str, bytes or bytearray, not {type(host).__name__}"
        )
    text = host_text(host)
    assert text is not None
    return text
