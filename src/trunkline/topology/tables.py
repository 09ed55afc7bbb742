"""What a host's tables hold, as rows of text: addresses, routes, neighbours, connections, like `ip` and `ss`."""

from __future__ import annotations

from dataclasses import dataclass

from trunkline.base.addresses import address_text, is_unspecified, mac_text
from trunkline.host.host import Host
from trunkline.link.neighbours import STATE_NAMES


@dataclass(frozen=True)
class Rows:
    """A table: the names of its columns, and its rows."""

    head: list[str]
    rows: list[list[str]]


def tables(host: Host) -> dict[str, Rows]:
    """The tables of a host, by name."""
    return {
        "addresses": _addresses(host),
        "routes": _routes(host),
        "neighbours": _neighbours(host),
        "connections": _connections(host),
    }


def _addresses(host: Host) -> Rows:
    rows = []
    for nic in host.nics:
        state = "up" if nic.up else "down"
        for address, length in nic.addresses.items():
            rows.append([nic.name, f"{address_text(address)}/{length}", str(nic.mtu), state])
    return Rows(["NIC", "address", "MTU", "state"], rows)


def _routes(host: Host) -> Rows:
    rows = []
    for route in host.internet.routes.routes():
        via = address_text(route.next_hop) if route.next_hop else "on the link"
        nic = "" if route.nic is None else route.nic.name
        prefix = "default" if route.prefix.length == 0 else str(route.prefix)
        rows.append([prefix, via, nic, str(route.metric)])
    return Rows(["destination", "via", "NIC", "metric"], rows)


def _neighbours(host: Host) -> Rows:
    rows = []
    for nic in host.nics:
        if nic.neighbours is not None:
            for address, neighbour in nic.neighbours.entries.items():
                state = STATE_NAMES[neighbour.state]
                rows.append([address_text(address), mac_text(neighbour.mac), nic.name, state])
    return Rows(["address", "Ethernet address", "NIC", "state"], rows)


def _connections(host: Host) -> Rows:
    rows = []
    transport = host.transport
    for listener in transport.tcp.listeners():
        for local in listener.locals:
            queued = str(listener.ready())
            rows.append(["tcp", queued, "0", _end(local, listener.port), "*", "LISTEN"])
    for connection in transport.tcp.connections():
        rows.append(
            [
                "tcp",
                str(connection.available()),
                str(connection.unsent_or_unacked()),
                _end(connection.local, connection.local_port),
                _end(connection.remote, connection.remote_port),
                connection.state_name(),
            ]
        )
    for port in sorted(transport.udp.ends):
        for end in transport.udp.ends[port]:
            remote = _end(end.remote, end.remote_port) if end.remote else "*"
            rows.append(["udp", str(end.queued), "0", _end(end.local, port), remote, ""])
    return Rows(["protocol", "received", "to send", "local", "remote", "state"], rows)


def _end(address: bytes, port: int) -> str:
    """`10.0.1.1:80`, `[2001:db8::1]:80`, `*:80`."""
    if is_unspecified(address):
        return f"*:{port}" if len(address) == 4 else f"[::]:{port}"
    text = address_text(address)
    return f"[{text}]:{port}" if len(address) == 16 else f"{text}:{port}"
