"""Names and services as a machine's resolver answers them: getaddrinfo and its relatives, glibc's way.

There is one source of names, the hosts table of the world, which every machine has; `localhost` and names
under it, and the machine's own name, come from the machine. Numeric addresses are parsed as inet_aton and
inet_pton do. Destinations of both families are sorted by RFC 6724 §6.

Read getaddrinfo(3), getnameinfo(3). Left out: a DNS client (programs bring their own), aliases, netgroups.
"""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Final

from trunkline.base.addresses import (
    ANY4,
    ANY6,
    LOOPBACK4,
    LOOPBACK6,
    address_text,
    is_link_local,
    is_loopback,
    is_mapped,
    is_multicast,
    mapped,
)

if TYPE_CHECKING:
    from trunkline.system.system import System

AF_UNSPEC: Final = 0
AF_INET: Final = 2
AF_INET6: Final = 10

AI_PASSIVE: Final = 0x1
AI_CANONNAME: Final = 0x2
AI_NUMERICHOST: Final = 0x4
AI_V4MAPPED: Final = 0x8
AI_ALL: Final = 0x10
AI_ADDRCONFIG: Final = 0x20
AI_NUMERICSERV: Final = 0x400
_AI_KNOWN: Final = 0x7FF  # those of Linux, the IDN ones included

NI_NUMERICHOST: Final = 1
NI_NUMERICSERV: Final = 2
NI_NOFQDN: Final = 4
NI_NAMEREQD: Final = 8
NI_DGRAM: Final = 16
_NI_KNOWN: Final = 0xFF

# (socket type, protocol, protocol name of services, whether any protocol goes with the type)
_TYPES: Final = ((1, 6, "tcp", False), (2, 17, "udp", False), (3, 0, "", True))

# What programs ask for, the same on machines without a services file.
_SERVICES: Final = {
    "echo": (7, "tcp udp"),
    "discard": (9, "tcp udp"),
    "daytime": (13, "tcp"),
    "chargen": (19, "tcp udp"),
    "ftp-data": (20, "tcp"),
    "ftp": (21, "tcp"),
    "ssh": (22, "tcp"),
    "telnet": (23, "tcp"),
    "smtp": (25, "tcp"),
    "time": (37, "tcp udp"),
    "domain": (53, "tcp udp"),
    "bootps": (67, "udp"),
    "bootpc": (68, "udp"),
    "tftp": (69, "udp"),
    "http": (80, "tcp"),
    "pop3": (110, "tcp"),
    "nntp": (119, "tcp"),
    "ntp": (123, "udp"),
    "imap2": (143, "tcp"),
    "snmp": (161, "tcp udp"),
    "https": (443, "tcp udp"),
    "submission": (587, "tcp"),
    "imaps": (993, "tcp"),
    "pop3s": (995, "tcp"),
}
_PORTS: Final = {port: (name, kinds) for name, (port, kinds) in _SERVICES.items()}

_ERRORS: Final = {
    socket.EAI_BADFLAGS: "Bad value for ai_flags",
    socket.EAI_NONAME: "Name or service not known",
    socket.EAI_NODATA: "No address associated with hostname",
    socket.EAI_FAMILY: "ai_family not supported",
    socket.EAI_SOCKTYPE: "ai_socktype not supported",
    socket.EAI_SERVICE: "Servname not supported for ai_socktype",
    socket.EAI_ADDRFAMILY: "Address family for hostname not supported",
}

SocketAddress = tuple[str, int] | tuple[str, int, int, int]
AddressInfo = tuple[int, int, int, str, SocketAddress]


def failure(code: int) -> socket.gaierror:
    """The gaierror that glibc gives."""
    return socket.gaierror(code, _ERRORS[code])


class Names:
    """The resolver of one machine."""

    __slots__ = ("_system", "own_name")

    def __init__(self, system: System) -> None:
        self._system = system
        self.own_name = system.name

    def getaddrinfo(
        self,
        host: str | None,
        service: str | int | None,
        family: int = 0,
        kind: int = 0,
        protocol: int = 0,
        flags: int = 0,
    ) -> list[AddressInfo]:
        """As getaddrinfo(3). Raises gaierror."""
        if host is None and service is None:
            raise failure(socket.EAI_NONAME)
        if flags & ~_AI_KNOWN or (flags & AI_CANONNAME and host is None):
            raise failure(socket.EAI_BADFLAGS)
        if family not in {AF_UNSPEC, AF_INET, AF_INET6}:
            raise failure(socket.EAI_FAMILY)
        wanted = _types(kind, protocol)
        ports = self._ports(service, wanted, kind, flags)
        if host is None:
            any4, any6 = (ANY4, ANY6) if flags & AI_PASSIVE else (LOOPBACK4, LOOPBACK6)
            # What glibc gives: the wildcard of IPv4 first, but the loopback of IPv6.
            pair = [(any4, 0), (any6, 0)] if flags & AI_PASSIVE else [(any6, 0), (any4, 0)]
            found = [entry for entry in pair if family in {0, _family(entry[0])}]
            canonical = ""
        else:
            found, canonical = self._addresses(host, family, flags)
        answers: list[AddressInfo] = []
        for address, scope in found:
            for its_kind, its_protocol, port in ports:
                where = (address_text(address), port)
                answers.append(
                    (AF_INET, its_kind, its_protocol, "", where)
                    if len(address) == 4
                    else (AF_INET6, its_kind, its_protocol, "", (*where, 0, scope))
                )
        if flags & AI_CANONNAME and answers:
            first = answers[0]
            answers[0] = (first[0], first[1], first[2], canonical, first[4])
        return answers

    def getnameinfo(self, address: bytes, port: int, scope: int, flags: int) -> tuple[str, str]:
        """As getnameinfo(3). Raises gaierror."""
        if flags & ~_NI_KNOWN:
            raise failure(socket.EAI_BADFLAGS)
        host = "" if flags & NI_NUMERICHOST else self.name_of(address)
        if not host:
            if flags & NI_NAMEREQD:
                raise failure(socket.EAI_NONAME)
            host = address_text(address)
            if scope and _scope(address) == 2 and not is_loopback(address):
                host += f"%{self.nic_name(scope) or scope}"
            elif scope:
                host += f"%{scope}"
        service = ""
        if not flags & NI_NUMERICSERV:
            service = _service_name(port, "udp" if flags & NI_DGRAM else "tcp")
        return host, service or str(port)

    def lookup(self, name: str, family: int = 0) -> list[bytes]:
        """The addresses of a name or numeric text, sorted. Raises gaierror."""
        return [address for address, _scope in self._addresses(name, family, 0)[0]]

    def name_of(self, address: bytes) -> str:
        """The name of an address, "" if it has none."""
        if is_mapped(address):
            address = address[12:]
        if is_loopback(address):
            return "localhost"
        for name, addresses in self._system.world.hosts.items():
            if address in addresses:
                return name
        return ""

    def nics(self) -> list[tuple[int, str]]:
        """Index and name of every network interface."""
        host = self._system.host
        return [] if host is None else [(nic.index, nic.name) for nic in host.nics]

    def nic_name(self, index: int) -> str:
        """The name of the interface with an index, "" if there is none."""
        return dict(self.nics()).get(index, "")

    def nic_index(self, name: str) -> int:
        """The index of a named interface, 0 if there is none."""
        return next((index for index, its in self.nics() if its == name), 0)

    # ------------------------------------------------------------ services

    @staticmethod
    def _ports(
        service: str | int | None, wanted: list[tuple[int, int, str]], kind: int, flags: int
    ) -> list[tuple[int, int, int]]:
        if service is None:
            return [(its, protocol, 0) for its, protocol, _name in wanted]
        text = str(service)
        digits = text.strip()
        if digits.isascii() and digits.lstrip("+").isdigit():
            return [(its, protocol, int(digits) & 0xFFFF) for its, protocol, _name in wanted]
        if flags & AI_NUMERICSERV:
            raise failure(socket.EAI_NONAME)
        ports = []
        for its, protocol, name in wanted:
            port = _service_port(text, name) if name else -1
            if port >= 0:
                ports.append((its, protocol, port))
        if not ports:
            raise failure(socket.EAI_SERVICE)
        return ports

    # ------------------------------------------------------------ hosts

    def _addresses(self, host: str, family: int, flags: int) -> tuple[list[tuple[bytes, int]], str]:
        """Addresses with scopes, sorted, and the canonical name."""
        address, scope = self._numeric(host)
        if address:
            return [(self._fitting(address, family, flags), scope)], host
        if flags & AI_NUMERICHOST:
            raise failure(socket.EAI_NONAME)
        name = host.lower().removesuffix(".")
        known = self._known(name)
        if not known:
            raise failure(socket.EAI_NONAME)
        if flags & AI_ADDRCONFIG:
            known = [one for one in known if self._configured(len(one))] or known
        fitting = [one for one in known if family in {0, _family(one)}]
        if family == AF_INET6 and flags & AI_V4MAPPED and (not fitting or flags & AI_ALL):
            fitting += [mapped(one) for one in known if len(one) == 4]
        if not fitting:
            raise failure(socket.EAI_NODATA)
        return [(one, 0) for one in self._sorted(fitting)], name

    def _known(self, name: str) -> list[bytes]:
        if name == "localhost" or name.endswith((".localhost", ".localdomain")):
            return [LOOPBACK6, LOOPBACK4]
        if name in {"ip6-localhost", "ip6-loopback"}:
            return [LOOPBACK6]
        found = self._system.world.hosts.get(name)
        if found:
            return list(found)
        if name in {self.own_name.lower(), self._system.name.lower()}:
            found = self._system.world.hosts.get(self._system.name.lower())
            return list(found) if found else [LOOPBACK6, LOOPBACK4]
        return []

    def _numeric(self, text: str) -> tuple[bytes, int]:
        """(b"", 0) for a text that is no numeric address. Raises gaierror for an unknown scope."""
        if ":" not in text:
            try:
                return socket.inet_aton(text) if not text.endswith((" ", ".")) else b"", 0
            except OSError:
                return b"", 0
        text, _, zone = text.partition("%")
        try:
            address = socket.inet_pton(socket.AF_INET6, text)
        except (OSError, ValueError):
            return b"", 0
        if not zone:
            return address, 0
        scope = int(zone) if zone.isdigit() else self.nic_index(zone)
        if not scope:
            raise failure(socket.EAI_NONAME)
        return address, scope

    @staticmethod
    def _fitting(address: bytes, family: int, flags: int) -> bytes:
        if family in {0, _family(address)}:
            return address
        if family == AF_INET and is_mapped(address):
            return address[12:]
        if family == AF_INET6 and len(address) == 4 and flags & AI_V4MAPPED:
            return mapped(address)
        raise failure(socket.EAI_ADDRFAMILY)

    def _configured(self, length: int) -> bool:
        host = self._system.host
        return host is not None and any(
            len(address) == length and not is_loopback(address) and not is_link_local(address)
            for nic in host.nics
            for address in nic.addresses
        )

    def _sorted(self, addresses: list[bytes]) -> list[bytes]:
        host = self._system.host
        if host is None or len(addresses) < 2:
            return addresses
        return sort_destinations([(one, host.internet.source_for(one, None)) for one in addresses])


def sort_destinations(pairs: list[tuple[bytes, bytes | None]]) -> list[bytes]:
    """Destinations with the source each would get (None: unreachable), the best first."""
    # RFC 6724 §6: rules 1, 2, 5, 6, 8, 9 and 10; the others ask for what hosts here do not have.
    keyed = []
    for place, (destination, source) in enumerate(pairs):
        if source is None:
            keyed.append(((1, 0, 0, 0, 0, 0, place), destination))
            continue
        scope, precedence, label = _scope(destination), *_policy(destination)
        key = (
            0,
            0 if scope == _scope(source) else 1,
            0 if label == _policy(source)[1] else 1,
            -precedence,
            scope,
            -_common(source, destination) if len(destination) == 16 else 0,
            place,
        )
        keyed.append((key, destination))
    return [destination for _key, destination in sorted(keyed)]


def _family(address: bytes) -> int:
    return AF_INET if len(address) == 4 else AF_INET6


def _types(kind: int, protocol: int) -> list[tuple[int, int, str]]:
    """Types, protocols and services' protocol names that were asked for. Raises gaierror."""
    found = [
        (its, protocol if any_protocol else its_protocol, name)
        for its, its_protocol, name, any_protocol in _TYPES
        if kind in {0, its} and (protocol in {0, its_protocol} or (any_protocol and kind == its))
    ]
    if not found:
        raise failure(socket.EAI_SOCKTYPE if kind else socket.EAI_SERVICE)
    return found


def _service_port(name: str, protocol: str) -> int:
    port, kinds = _SERVICES.get(name, (0, ""))
    if port:
        return port if protocol in kinds.split() else -1
    try:
        return socket.getservbyname(name, protocol)
    except OSError:
        return -1


def _service_name(port: int, protocol: str) -> str:
    name, kinds = _PORTS.get(port, ("", ""))
    if name and protocol in kinds.split():
        return name
    try:
        return socket.getservbyport(port, protocol)
    except (OSError, OverflowError):
        return ""


def _scope(address: bytes) -> int:
    """RFC 6724 §3.1: the scope of an address as a number, small is near."""
    if len(address) == 16 and is_mapped(address):
        address = address[12:]
    if is_multicast(address) and len(address) == 16:
        return address[1] & 15
    if is_loopback(address) or is_link_local(address):
        return 2
    return 14


def _policy(address: bytes) -> tuple[int, int]:
    """RFC 6724 §2.1: precedence and label of the default policy table."""
    if len(address) == 4 or is_mapped(address):
        return 35, 4
    if address == LOOPBACK6:
        return 50, 0
    if address[:2] == b"\x20\x02":
        return 30, 2
    if address[:4] == b"\x20\x01\0\0":
        return 5, 5
    if address[0] & 0xFE == 0xFC:
        return 3, 13
    if not any(address[:12]):
        return 1, 3
    if address[0] == 0xFE and address[1] & 0xC0 == 0xC0:
        return 1, 11
    if address[:2] == b"\x3f\xfe":
        return 1, 12
    return 40, 1


def _common(one: bytes, other: bytes) -> int:
    """The length of the prefix that two addresses share, at most 64: beyond that is the host."""
    if len(one) != len(other):
        return 0
    differing = int.from_bytes(one, "big") ^ int.from_bytes(other, "big")
    return min(64, len(one) * 8 - differing.bit_length())
