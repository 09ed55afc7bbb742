"""One packet's journey: at each device the seven OSI layers beside the four of TCP/IP, in 100 columns.

On its way down at the sender the data is wrapped: a header for each layer. On its way up at the receiver it
is unwrapped. In between, a switch opens it to layer 2 and a router to layer 3. Each header's fields are
listed once in full, and further on where they have changed.
"""

from __future__ import annotations

import textwrap
from typing import Final

from trunkline.base.addresses import address_text, mac_text
from trunkline.base.units import clock_text, duration_text
from trunkline.observe.dissect import DATA, QUOTE, Field, Part, dissect, hexed, is_error
from trunkline.observe.phrases import place_text, reason_text
from trunkline.observe.recorder import Drop, Follower, Recorder, Sighting
from trunkline.wire import damage
from trunkline.wire.arp import Arp
from trunkline.wire.frame import encode
from trunkline.wire.icmp import Icmp
from trunkline.wire.packet import Packet
from trunkline.wire.tcp import ACK, SYN, Tcp
from trunkline.wire.text import describe, protocol_text
from trunkline.wire.trace import SENT
from trunkline.wire.udp import Udp

WIDTH: Final = 100
VISITS_LIMIT: Final = 64  # devices shown; a flood in a large network passes more
NUMBERS_SHOWN: Final = 16
DATA_SHOWN: Final = 64  # octets of the data that are shown
CHANGES_SHOWN: Final = 8  # octets of a damaged packet that are listed
_OSI: Final = (
    "",
    "physical",
    "data link",
    "network",
    "transport",
    "session",
    "presentation",
    "application",
)
_TCP_IP: Final = ("", "", "link", "internet", "transport", "", "", "application")
_NAME: Final = 21
_VALUE: Final = 22
_OCTETS: Final = 23  # eight octets
_MEANING: Final = WIDTH - 4 - _NAME - _VALUE - _OCTETS - 3
_LOOPBACK: Final = "lo"
_LAYER_OF_FLOOR: Final = {  # where a packet ends, by how its drop's reason begins
    "link": 2,
    "switch": 2,
    "arp": 2,
    "tcp": 4,
    "udp": 4,
    "transport": 4,
    "echo": 4,
}

Rows = dict[int, list[str]]  # what is done at each layer


class Visit:
    """A packet's stay at a device: how it came in, and how it went out again."""

    def __init__(self, node: str, received: Sighting | None) -> None:
        self.node = node
        self.received = received
        self.sent: list[Sighting] = []
        self.drop: Drop | None = None

    @property
    def first(self) -> Sighting:
        """The packet as it first was here."""
        return self.received if self.received is not None else self.sent[0]


def journey(recorder: Recorder, number: int = 0) -> str:
    """The journey of the packet with this number in the capture, from what a recorder saw.

    A `Follower` knows which packet it follows. The number may be any that the packet has on its way.
    """
    if isinstance(recorder, Follower):
        number = recorder.number
    identity = next((one.packet.identity for one in recorder.sightings if one.number == number), 0)
    if not identity:
        return f"There was no packet {number}."
    sightings = [one for one in recorder.sightings if one.packet.identity == identity]
    drops = [d for d in recorder.drops if d.packet is not None and d.packet.identity == identity]
    visits = _visits(sightings, drops)
    lost = [drop for drop in drops if all(visit.drop is not drop for visit in visits)]
    first = visits[0].first
    lines = [f"Packet {number}: {describe(first.packet)}"]
    lines.extend([*_overview(visits, lost), *_numbers(sightings)])
    before: Packet | None = None
    for visit in visits[:VISITS_LIMIT]:
        lines.extend(["", *_show(visit, before)])
        if visit.sent:
            before = visit.sent[-1].packet
    if len(visits) > VISITS_LIMIT:
        lines.extend(["", f"… and {len(visits) - VISITS_LIMIT} devices more"])
    for drop in lost:
        lines.extend(["", *_lost(drop)])
    wrapped: list[str] = []
    for line in lines:
        if len(line) > WIDTH:
            wrapped.extend(textwrap.wrap(line, WIDTH, subsequent_indent="    "))
        else:
            wrapped.append(line)
    return "\n".join(wrapped)


def _visits(sightings: list[Sighting], drops: list[Drop]) -> list[Visit]:
    """The devices in the order in which the packet came to them."""
    visits: list[Visit] = []
    latest: dict[str, Visit] = {}
    for sighting in sightings:
        node = sighting.interface.node
        visit = latest.get(node)
        if sighting.direction != SENT or visit is None:
            visit = Visit(node, None if sighting.direction == SENT else sighting)
            visits.append(visit)
            latest[node] = visit
        if sighting.direction == SENT:
            visit.sent.append(sighting)
    for drop in drops:  # each copy has its own end
        for visit in visits:
            if visit.node == drop.place and visit.drop is None and visit.first.now <= drop.now:
                visit.drop = drop
                break
    return visits


def _overview(visits: list[Visit], lost: list[Drop]) -> list[str]:
    """`alice > s1 > r1 > bob, 66.18ms`."""
    stays: list[tuple[str, int]] = []  # a node, and how many copies came to it
    for visit in visits:
        if stays and stays[-1][0] == visit.node:
            stays[-1] = (visit.node, stays[-1][1] + 1)
        else:
            stays.append((visit.node, 1))
    names = [f"{node} ({copies} times)" if copies > 1 else node for node, copies in stays]
    stations = " > ".join(names[:12]) + (" > …" if len(names) > 12 else "")
    if lost:
        return [f"{stations} > x   ({reason_text(lost[-1].reason)} {place_text(lost[-1].place)})"]
    span = visits[-1].first.now - visits[0].first.now
    return [f"{stations}   ({duration_text(span)})"]


def _numbers(sightings: list[Sighting]) -> list[str]:
    """The numbers that the packet has in the capture, where there are several."""
    texts = [f"{one.number} at {one.interface.name}" for one in sightings if one.number]
    if len(texts) < 2:
        return []
    more = f" and {len(texts) - NUMBERS_SHOWN} more" if len(texts) > NUMBERS_SHOWN else ""
    return [f"in the capture: No. {', '.join(texts[:NUMBERS_SHOWN])}{more}"]


def _lost(drop: Drop) -> list[str]:
    reason = reason_text(drop.reason)
    how = "it is lost" if reason == "lost" else f"it ends: {reason}"
    return [f"{clock_text(drop.now)}  {how} {place_text(drop.place)}"]


# ---------------------------------------------------------------- one device


def _show(visit: Visit, before: Packet | None) -> list[str]:
    """A device: the table of layers, then the headers."""
    if visit.received is None:
        return _show_origin(visit)
    if not visit.sent:
        return _show_end(visit, before)
    return _show_between(visit, before)


def _show_origin(visit: Visit) -> list[str]:
    sighting = visit.sent[0]
    packet = sighting.packet
    nic = sighting.interface.nic
    parts = dissect(packet)
    rows: Rows = {}
    inside = len(packet.payload)
    for part in reversed(parts):
        if part.name in (DATA, QUOTE):
            rows.setdefault(part.layer, []).append(_data_text(packet))
            continue
        inside += part.length
        text = f"+ {part.name} header, {part.length} = {_unit(part)} of {inside} octets"
        rows.setdefault(part.layer, []).append(f"{text}: {_addresses(part.name, packet)}")
    if 7 not in rows:
        rows[7] = [_silence(packet)]
    if _is_fragment(packet):
        rows[4] = ["the datagram came down whole, and was cut at layer 3"]
    rows[1] = [f"{inside} octets leave by {nic}"]
    if nic == _LOOPBACK:
        rows[1] = [f"no cable: {inside} octets come back up at once, on the same machine"]
    title = f"{visit.node} sends it by {nic}: down through the layers, a wrapper at each"
    lines = [f"{clock_text(sighting.now)}  {title}", *_layers(rows, range(7, 0, -1))]
    for part in parts:
        lines.extend(_part(part, packet, part.fields))
    if nic == _LOOPBACK:
        lines.extend(["", *_show_arrival(sighting, visit.drop, None)])
    return lines


def _silence(packet: Packet) -> str:
    """Why no program says anything in a packet."""
    if _is_fragment(packet):
        return "the program's data is in pieces: this is one of them"
    if isinstance(packet.upper, Tcp):
        return "no data: TCP itself has something to say"
    if isinstance(packet.upper, Udp):
        return "an empty datagram"
    return "no program: the lower layers talk among themselves"


def _show_end(visit: Visit, before: Packet | None) -> list[str]:
    assert visit.received is not None
    return _show_arrival(visit.received, visit.drop, before)


def _show_arrival(sighting: Sighting, drop: Drop | None, before: Packet | None) -> list[str]:
    """Up through the layers, as far as it goes."""
    packet = sighting.packet
    node, nic = sighting.interface.node, sighting.interface.nic
    ethernet = packet.ethernet
    rows: Rows = {1: [f"{packet.length()} octets arrive"]}
    top = 7
    title = f"{node} gets it by {nic}: up through the layers, unwrapped at each"
    if ethernet is not None:
        rows[2] = [f"- Ethernet header: to {mac_text(ethernet.dst)}, this card"]
        if ethernet.dst[0] & 1:
            rows[2] = [f"- Ethernet header: to {mac_text(ethernet.dst)}, a group"]
        elif ethernet.dst != sighting.interface.mac:
            rows[2] = [f"to {mac_text(ethernet.dst)}, which is not this card"]
            title = f"{node} hears it at {nic}, and lets it go"
            top = 2
    if drop is not None:
        top = min(top, _layer_of(drop))
    top = min(top, _unwrap(packet, rows, drop))
    if drop is not None:
        rows.setdefault(top, []).append(f"DROPPED: {reason_text(drop.reason)}")
    lines = [f"{clock_text(sighting.now)}  {title}", *_layers(rows, range(1, top + 1))]
    return [*lines, *_notes(packet), *_changes(before, packet)]


def _layer_of(drop: Drop) -> int:
    """The layer that gave a packet up."""
    if drop.packet is not None and drop.packet.damage >= damage.TCP_SHORT:
        return 4
    return _LAYER_OF_FLOOR.get(drop.reason.partition(":")[0], 3)


def _unwrap(packet: Packet, rows: Rows, drop: Drop | None) -> int:
    """The rows of a receiver from layer 3 on; how far up it goes."""
    ip, upper = packet.ip, packet.upper
    if isinstance(upper, Arp):
        rows[3] = ["ARP is read here, and goes no further"]
        return 3
    if ip is None:
        return 2
    inside = protocol_text(ip.protocol)
    rows[3] = [f"- IPv{ip.version} header: to {address_text(ip.dst)}, inside is {inside}"]
    if _is_fragment(packet):
        rows[3].append("a fragment: it waits here for the others, and they go up as one")
        return 3
    if isinstance(upper, Icmp):
        rows[3].append(f"{inside} is read here")
        if is_error(upper, ip.version):
            rows[3][-1] += ", and told to the socket that sent what it quotes"
        return 3
    if isinstance(upper, Tcp):
        which = ", the connection's socket"
        if upper.flags & (SYN | ACK) == SYN:
            which = ", the listening socket"
        rows[4] = [f"- TCP header: port {upper.dst_port}{'' if drop is not None else which}"]
    elif isinstance(upper, Udp):
        rows[4] = [f"- UDP header: port {upper.dst_port}"]
    else:
        return 4 if packet.damage >= damage.TCP_SHORT else 3
    rows[7] = [_data_text(packet) if packet.payload else "nothing in it for the program"]
    return 7


def _show_between(visit: Visit, before: Packet | None) -> list[str]:
    assert visit.received is not None
    came, went = visit.received, visit.sent[0]
    ports = ", ".join([sighting.interface.nic for sighting in visit.sent])
    old, new = came.packet, went.packet
    ethernet, next_ethernet = old.ethernet, new.ethernet
    rows = {1: [f"{old.length()} octets in by {came.interface.nic}, {new.length()} out by {ports}"]}
    if old.ip is None or new.ip is None or new.ip.hop_limit >= old.ip.hop_limit:
        title = f"{visit.node}, a switch, opens it to layer 2 and passes it on"
        if ethernet is not None:
            rows[2] = [
                f"to {mac_text(ethernet.dst)}: out by {ports}",
                f"from {mac_text(ethernet.src)}: so that card is at {came.interface.nic}",
            ]
        lines = [f"{clock_text(came.now)}  {title}", *_layers(rows, range(1, 3))]
        return [*lines, *_harm(before, old), *_notes(new), "    nothing in it is changed"]
    title = f"{visit.node}, a router, opens it to layer 3 and wraps it anew"
    if ethernet is not None and next_ethernet is not None:
        rows[2] = [f"old wrapper off, new one on: to {mac_text(next_ethernet.dst)}, the next hop"]
    limit = "time to live" if old.ip.version == 4 else "hop limit"
    rows[3] = [
        f"to {address_text(old.ip.dst)}: the way is {went.interface.nic}",
        f"{limit} {old.ip.hop_limit} becomes {new.ip.hop_limit}",
    ]
    if len(visit.sent) > 1:
        rows[3].append(f"too big for the next link: cut into {len(visit.sent)} fragments")
    lines = [f"{clock_text(came.now)}  {title}", *_layers(rows, range(1, 4))]
    if went.now != came.now:
        waits = duration_text(went.now - came.now)
        lines.append(f"    it waits {waits} here, until the next hop's card is known")
    return lines + _harm(before, old) + _notes(new) + _changes(old, new)


def _harm(before: Packet | None, arrived: Packet) -> list[str]:
    """What a cable did to it on the way to a device that sends it on."""
    if before is None or encode(before) == encode(arrived):
        return []
    return ["  on the way here:", *_octets_changed(encode(before), encode(arrived))]


# ---------------------------------------------------------------- pieces


def _layers(rows: Rows, order: range) -> list[str]:
    """The table: OSI's layers, those of TCP/IP beside them, what is done at each."""
    lines = [f"    {'OSI':16}TCP/IP"]
    for layer in order:
        texts = rows.get(layer, [""])
        if layer == 5 and 7 in rows and 4 in rows:
            texts = ["(the program's own affair, with layer 6)"]
        head = f"    {f'{layer} {_OSI[layer]}':16}{_TCP_IP[layer]:13}│ "
        for text in texts:
            for line in textwrap.wrap(text, WIDTH - 36, subsequent_indent="  ") or [""]:
                lines.append((head + line).rstrip())
                head = f"    {'':29}│ "
    return lines


def _part(part: Part, packet: Packet, fields: list[Field]) -> list[str]:
    """A header's fields, or the start of the data."""
    if part.name in (DATA, QUOTE):
        shown = packet.payload[:DATA_SHOWN]
        more = f", the first {DATA_SHOWN}" if len(shown) < part.length else ""
        what = "data" if part.name == DATA else "the start of the packet that it is about"
        lines = [f"  {what}, {part.length} octets{more}"]
        for at in range(0, len(shown), 16):
            row = shown[at : at + 16]
            text = "".join([chr(octet) if 32 <= octet < 127 else "." for octet in row])
            lines.append(f"    {at:04x}  {hexed(row):47}  {text}")
        return lines
    lines = [f"  {part.name} header, {part.length} octets (layer {part.layer})"]
    for field in fields:
        lines.extend(_field(field))
    return lines


def _field(field: Field) -> list[str]:
    """One field; long values and many octets take more lines."""
    octets = textwrap.wrap(field.octets, _OCTETS) or [""]
    meaning = textwrap.wrap(field.meaning, _MEANING) or [""]
    value = textwrap.wrap(field.value, _VALUE) or [""]
    name = textwrap.wrap(field.name, _NAME) or [""]
    lines = []
    for at in range(max(len(octets), len(meaning), len(value), len(name))):
        cells = [
            column[at] if at < len(column) else "" for column in (name, value, octets, meaning)
        ]
        line = f"    {cells[0]:{_NAME}} {cells[1]:{_VALUE}} {cells[2]:{_OCTETS}} {cells[3]}"
        lines.append(line.rstrip())
    return lines


def _changes(before: Packet | None, now: Packet) -> list[str]:
    """The fields that differ from how they last were."""
    if before is None:
        return []
    old = {(part.name, field.name): field for part in dissect(before) for field in part.fields}
    lines: list[str] = []
    for part in dissect(now):
        changed = [
            Field(
                f"{part.name}: {field.name}",
                field.value,
                _was(old.get((part.name, field.name))),
                field.octets,
            )
            for field in part.fields
            if old.get((part.name, field.name)) != field
        ]
        for field in changed:
            lines.extend(_field(field))
    if now.damage != damage.WHOLE or (not lines and encode(before) != encode(now)):
        lines.extend(_octets_changed(encode(before), encode(now)))
    if not lines:
        return ["    every field is as it was"]
    return ["  changed:", *lines]


def _octets_changed(before: bytes, now: bytes) -> list[str]:
    """Where a frame is not what it was, octet by octet."""
    if len(before) != len(now):
        return [f"    {len(before)} octets were sent, {len(now)} arrived"]
    places = [at for at in range(len(now)) if before[at] != now[at]]
    lines = [
        f"    octet {at}: {before[at]:02x} became {now[at]:02x}" for at in places[:CHANGES_SHOWN]
    ]
    if len(places) > CHANGES_SHOWN:
        lines.append(f"    and {len(places) - CHANGES_SHOWN} octets more")
    return lines


def _was(field: Field | None) -> str:
    return "" if field is None else f"was {field.value}"


def _notes(packet: Packet) -> list[str]:
    return [f"    note: {note}" for note in packet.notes or []]


def _unit(part: Part) -> str:
    """What a header and all inside it is called."""
    return {
        "TCP": "segment",
        "UDP": "datagram",
        "IPv4": "datagram",
        "IPv6": "packet",
        "Ethernet": "frame",
    }.get(part.name, "message")


def _addresses(name: str, packet: Packet) -> str:
    """From whom to whom, in a layer's own addresses."""
    upper, ip, ethernet = packet.upper, packet.ip, packet.ethernet
    if name in ("TCP", "UDP") and isinstance(upper, Tcp | Udp):
        return f"port {upper.src_port} to {upper.dst_port}"
    if name in ("IPv4", "IPv6") and ip is not None:
        return f"{address_text(ip.src)} to {address_text(ip.dst)}"
    if name == "Ethernet" and ethernet is not None:
        return f"{mac_text(ethernet.src)} to {mac_text(ethernet.dst)}"
    return describe(packet).partition(f" {name} ")[2] or describe(packet)


def _is_fragment(packet: Packet) -> bool:
    ip = packet.ip
    return ip is not None and (ip.fragment_offset != 0 or ip.more_fragments)


def _data_text(packet: Packet) -> str:
    """`23 octets: GET /hello HTTP/1.0`."""
    size = len(packet.payload)
    ip = packet.ip
    if ip is not None and _is_fragment(packet):
        at, protocol = ip.fragment_offset, protocol_text(ip.protocol)
        return f"octets {at}-{at + size - 1} of a {protocol} datagram that was too big"
    if ip is not None and isinstance(packet.upper, Icmp) and is_error(packet.upper, ip.version):
        return f"{size} octets of the packet that it is about"
    line = packet.payload.split(b"\n", 1)[0].rstrip(b"\r")
    text = f"data, {size} octet" + ("" if size == 1 else "s")
    if packet.upper is not None and line and all(32 <= octet < 127 for octet in line):
        text += f": {line[:40].decode('ascii')}" + ("…" if len(line) > 40 or size > 40 else "")
    return text
