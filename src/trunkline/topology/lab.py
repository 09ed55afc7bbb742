"""The lab file: a world as TOML, read into a Description, every mistake told in one line with its place.

`read_lab("lab.toml")` raises LabError with all mistakes of the file at once. What it does not know it
refuses: a key that is misspelt would otherwise be a link without its loss.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable
from pathlib import Path as FilePath
from typing import Final

from trunkline.base import units
from trunkline.topology import addressing
from trunkline.topology.commands import (
    SERVICES,
    command_mistake,
    folder_mistake,
    service_command,
    split_command,
)
from trunkline.topology.description import (
    DOWN,
    HOST,
    IMPAIRMENTS,
    LARGEST_MTU,
    NIC_NAME_LIMIT,
    ROUTER,
    SET,
    SMALLEST_MTU,
    SWITCH,
    TCP_CONGESTION,
    TCP_PRESETS,
    TCP_SETTINGS,
    UP,
    Address,
    Description,
    End,
    Event,
    Link,
    Machine,
    Program,
)
from trunkline.topology.mistakes import (
    LabError,
    Mistakes,
    TopologyError,
    suggestion,
)
from trunkline.topology.names import free_name, link_name_mistake, name_mistake
from trunkline.topology.places import Path, lines_of
from trunkline.topology.table import Table

KINDS: Final = {"hosts": HOST, "routers": ROUTER, "switches": SWITCH}
_LATER: Final = ("rip", "ospf")  # routing that this version does not have
_SYNTAX: Final = {  # of tomllib's messages, those that a newcomer would not understand
    r"Cannot overwrite a value": "this key or table is there already",
    r"Cannot declare \('(\w+)', '([^']+)'\) twice": r"[\1.\2] is there already",
    r"Illegal character '\\n'": "found the end of the line, expected a quote before it",
    r"Invalid value": "expected a value: text in quotes, a number, true, false, a [list] or a {table}",
    r"Invalid statement": "expected [table], [[table]] or key = value",
}
_NIC_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")


def read_lab(path: str) -> Description:
    """The description that a lab file gives. Raises LabError; its text is what to show."""
    octets = b""
    try:
        octets = FilePath(path).read_bytes()
        text = octets.decode("utf-8-sig")  # with the mark that some editors put first
    except OSError as error:
        raise LabError([f"{path}: cannot be read: {error.strerror}"]) from None
    except ValueError as error:
        if not isinstance(error, UnicodeDecodeError):
            raise LabError([f"{path!r}: cannot be read: {error}"]) from None
        line = octets.count(b"\n", 0, error.start) + 1
        found = f"found the octet {octets[error.start]:#04x}, which is not UTF-8"
        raise LabError([f"{path}:{line}: {found}, expected TOML, which is"]) from None
    return parse_lab(text, path, str(FilePath(path).resolve().parent))


def parse_lab(text: str, file: str = "lab", folder: str = "") -> Description:
    """The description in the text of a lab. `folder` is where programs' paths start from, "" to not look."""
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise LabError([_syntax(file, str(error))]) from None
    mistakes = Mistakes(file, lines_of(text))
    lab = _Lab(mistakes, folder)
    description = lab.read(Table(mistakes, (), values))
    mistakes.raise_any()
    try:
        addressing.give_out(description)
    except TopologyError as error:
        mistakes.add(lab.place_of(error), str(error))
        mistakes.raise_any()
    return description


def _syntax(file: str, message: str) -> str:
    """tomllib's message with its line where an editor looks for it."""
    found = re.fullmatch(
        r"(.*) \(at (?:line (\d+), column (\d+)|end of document)\)", message, re.DOTALL
    )
    if found is None:
        return f"{file}: not TOML: {message}"
    text, line, column = found.groups()
    for theirs, ours in _SYNTAX.items():
        text = re.sub(theirs, ours, text)
    place = f"{file}:{line}:{column}" if line else f"{file}: at its end"
    return f"{place}: not TOML: {text[:1].lower() + text[1:]}"


class _Lab:
    """One file being read."""

    def __init__(self, mistakes: Mistakes, folder: str) -> None:
        self.mistakes = mistakes
        self.folder = folder
        self.places: dict[str, Path] = {}  # of machines
        self.kinds: dict[str, str] = {}
        self.linked: dict[str, int] = {}  # how many links a machine has
        self.nics: dict[tuple[str, str], int] = {}  # named NICs, to their link
        self.links: list[Link | None] = []
        self.names: dict[str, int] = {}  # of links

    def place_of(self, error: TopologyError) -> Path:
        """Where in the file a mistake of the whole network is best shown."""
        if error.link >= 0:
            return ("links", error.link)
        return self.places.get(error.machine, ())

    def read(self, top: Table) -> Description:
        """Everything. What is returned means something only if there are no mistakes."""
        network = top.table("network")
        title = network.text("title")
        seed = network.number("seed", 0, 0, 2**63 - 1)
        until = network.measure("until", units.duration, -1)
        strict = network.flag("strict") if "strict" in network.values else None
        mtu = network.number("mtu", 1500, SMALLEST_MTU, LARGEST_MTU)
        network.done()
        tables = [(part, part.path[-1]) for key in KINDS for part in top.table(key).tables()]
        for part, name in tables:
            self.declare(part, str(name))
        machines = [self.machine(part, str(name)) for part, name in tables]
        if not machines and not top.values.keys() - {"network"}:
            self.mistakes.add((), "found no machines, expected at least one [hosts.NAME] table")
        rows = top.rows("links")
        self.links = [self.link(row, number) for number, row in enumerate(rows)]
        events = [self.event(row) for row in top.rows("events")]
        top.done()
        for machine in machines:
            self.check_addresses(machine)
        return Description(
            tuple(machines),
            tuple(link for link in self.links if link is not None),
            tuple(event for event in events if event is not None),
            title,
            seed,
            None if until < 0 else until,
            strict,
            mtu,
            self.folder,
        )

    # ------------------------------------------------------------ machines

    def declare(self, table: Table, name: str) -> None:
        wrong = name_mistake(name)
        twin = next((known for known in self.places if known.lower() == name.lower()), None)
        if wrong:
            self.mistakes.add(table.path, wrong)
        elif twin is not None:
            other = self.places[twin][0]
            self.mistakes.add(
                table.path,
                f'found a second machine "{name}", already in [{other}]; names are unique',
            )
        self.places.setdefault(name, table.path)
        self.kinds.setdefault(name, KINDS[str(table.path[0])])

    def machine(self, table: Table, name: str) -> Machine:
        kind = KINDS[str(table.path[0])]
        if kind == SWITCH:
            table.done()
            return Machine(name, SWITCH)
        if kind == ROUTER:
            for protocol in table.texts("routing"):
                if protocol in _LATER:
                    table.wrong(
                        "routing",
                        f'"{protocol}" is not in this version; leave it out or say "static"',
                    )
                elif protocol != "static":
                    table.expected("routing", protocol, '"static"')
        programs = [self.program(part) for part in table.mixed("programs", "run")]
        for service in table.texts("services"):
            if service in SERVICES:
                programs.append(Program(service_command(service), service=True))
            else:
                table.wrong(
                    "services",
                    f'no service "{service}" in this version' + suggestion(service, SERVICES),
                )
        addresses = self.machine_addresses(table)
        settings: dict[str, int] = {}
        congestion = ""
        if isinstance(table.values.get("tcp"), dict):
            inner = table.table("tcp")
            tcp = inner.choice("policy", TCP_PRESETS)
            if "congestion" in inner.values:
                congestion = inner.choice("congestion", TCP_CONGESTION)
            settings = self.measures(inner, TCP_SETTINGS)
            inner.done()
        else:
            tcp = table.choice("tcp", TCP_PRESETS)
        table.done()
        return Machine(name, kind, tuple(programs), addresses, tcp, settings, congestion)

    def program(self, part: Table) -> Program:
        words = part.text("run")
        if "run" not in part.values:
            part.wrong("", 'found a program without "run", expected run = "python FILE.py"')
        elif wrong := folder_mistake(self.folder, part.text("cwd")):
            part.wrong("cwd", wrong)
        elif wrong := command_mistake(words, self.folder, part.text("cwd")):
            part.wrong("run", wrong)
        start = part.measure("start", units.duration, 0)
        service = part.flag("service")
        env = part.table("env").strings()
        cwd = part.text("cwd")
        stdin = part.text("stdin")
        part.done()
        return Program(split_command(words), start, service, env, cwd, stdin)

    def machine_addresses(self, table: Table) -> dict[str, tuple[Address, ...]]:
        value = table.values.get("addresses")
        if not isinstance(value, dict):
            found = self.addresses(table, "addresses")
            return {"": found} if found else {}
        inner = table.table("addresses")
        return {nic: self.addresses(inner, nic) for nic in inner.values}

    def addresses(self, table: Table, key: str) -> tuple[Address, ...]:
        found = []
        for text in table.texts(key):
            try:
                found.append(addressing.parse_interface(text))
            except ValueError as error:
                table.wrong(key, str(error))
        return tuple(found)

    def check_addresses(self, machine: Machine) -> None:
        """Addresses given in the machine's own table need a NIC to go to."""
        path = (*self.places[machine.name], "addresses")
        count = self.linked.get(machine.name, 0)
        for nic in machine.addresses:
            if nic == "" and count != 1:
                links = "no link" if count == 0 else f"{count} links"
                self.mistakes.add(
                    path,
                    f"{machine.name} has {links}, and a list of addresses needs exactly one"
                    + ('; say which: addresses = { eth0 = "10.0.1.1/24" }' if count else ""),
                )

    # ------------------------------------------------------------ links and events

    def link(self, row: Table, number: int) -> Link | None:
        ends = self.ends(row, number)
        both = self.impairments(row)
        forward, backward = dict(both), dict(both)
        given = row.table("addresses")
        towards = row.table("to")
        mtu = row.number("mtu", 0, SMALLEST_MTU, LARGEST_MTU)
        name = row.text("name")
        row.done()
        if ends is None:
            return None
        near, far = (end.machine for end in ends)
        for table in (given, towards):
            for key in table.values:
                if key not in {near, far}:
                    table.wrong(
                        key, f'"{key}" is not an end of this link' + suggestion(key, [near, far])
                    )
        for machine, knobs in ((far, forward), (near, backward)):
            if machine in towards.values:
                inner = towards.table(machine)
                knobs.update(self.impairments(inner))
                inner.done()
            if knobs.get("reorder") and not knobs.get("delay"):
                row.wrong(
                    "reorder",
                    "found no delay, expected one: a reordered packet overtakes by skipping it",
                )
        if wrong := link_name_mistake(name):
            row.wrong("name", wrong)
        if name and name in self.names:
            row.wrong("name", f'found a second link "{name}"; names of links are unique')
        name = name or free_name(near, far, self.names)
        self.names.setdefault(name, number)
        whole = [End(end.machine, end.nic, self.addresses(given, end.machine)) for end in ends]
        return Link((whole[0], whole[1]), forward, backward, name, mtu)

    def ends(self, row: Table, number: int) -> tuple[End, End] | None:
        if "between" not in row.values:
            row.wrong("", 'found no "between", expected between = ["alice", "bob"]')
            return None
        texts = row.pair("between", 'two names such as ["alice", "bob"]')
        if not texts:
            return None
        ends = [self.end(row, text, number) for text in texts]
        if ends[0] is None or ends[1] is None:
            return None
        if ends[0].machine == ends[1].machine:
            row.wrong("between", f'found "{ends[0].machine}" at both ends, expected two machines')
            return None
        return ends[0], ends[1]

    def end(self, row: Table, text: str, number: int) -> End | None:
        machine, colon, nic = text.partition(":")
        if machine not in self.kinds:
            row.wrong(
                "between",
                f'no host, router or switch is named "{machine}"' + suggestion(machine, self.kinds),
            )
            return None
        self.linked[machine] = self.linked.get(machine, 0) + 1
        if colon:
            if not _NIC_NAME.fullmatch(nic) or len(nic) > NIC_NAME_LIMIT or nic == "lo":
                row.expected("between", text, f'a NIC such as "{machine}:eth0"')
                return None
            if (machine, nic) in self.nics:
                row.wrong("between", f'"{text}" has a cable already, and a NIC takes one')
            self.nics[machine, nic] = number
        return End(machine, nic)

    def impairments(self, table: Table) -> dict[str, int]:
        return self.measures(table, IMPAIRMENTS)

    def measures(self, table: Table, readers: dict[str, Callable[[str], int]]) -> dict[str, int]:
        """The keys that are there, each read by its own reader."""
        read = {key: table.measure(key, reader, 0) for key, reader in readers.items()}
        return {key: value for key, value in read.items() if key in table.values}

    def event(self, row: Table) -> Event | None:
        at = row.measure("at", units.duration, -1)
        if "at" not in row.values:
            row.wrong("", 'found no "at", expected a time such as at = "5s"')
        asked = [action for action in (UP, DOWN, SET) if action in row.values]
        if len(asked) != 1:
            found = "none" if not asked else " and ".join(f'"{action}"' for action in asked)
            row.wrong("", f'found {found}, expected one of "up", "down" and "set"')
        changes: dict[str, int] = {}
        to = ""
        key: str = "link" if SET in asked else asked[0] if asked else ""
        if SET in asked:
            inner = row.table(SET)
            changes = self.impairments(inner)
            if not inner.values:
                row.expected(SET, {}, 'what changes, such as { loss = "5%" }')
            inner.done()
            to = row.text("to")
            if "link" not in row.values:
                row.wrong(
                    "", 'found no "link", expected link = ["alice", "bob"] or the name of a link'
                )
        links = self.which(row, key) if key in row.values else ()
        row.ask(*asked)
        row.done()
        if to and links and to not in {end.machine for end in self.ends_of(links[0])}:
            row.wrong("to", f'"{to}" is not an end of that link')
        if len(asked) != 1:
            return None
        return Event(at, asked[0], links, changes, to)

    def ends_of(self, number: int) -> tuple[End, ...]:
        link = self.links[number]
        return () if link is None else link.ends

    def which(self, row: Table, key: str) -> tuple[int, ...]:
        """The link that an event means, by name or by its ends."""
        value = row.values[key]
        if isinstance(value, str):
            row.text(key)
            if value not in self.names:
                row.wrong(key, f'no link is named "{value}"' + suggestion(value, self.names))
                return ()
            return (self.names[value],)
        ends = row.pair(key, 'the two ends of a link, such as ["alice", "bob"], or its name')
        if not ends:
            return ()
        for end in ends:
            if end not in self.kinds:
                row.wrong(
                    key, f'no host, router or switch is named "{end}"' + suggestion(end, self.kinds)
                )
                return ()
        found = [
            number
            for number in range(len(self.links))
            if {end.machine for end in self.ends_of(number)} == set(ends)
        ]
        if not found:
            row.wrong(key, f'no link joins "{ends[0]}" and "{ends[1]}"')
        elif len(found) > 1:
            row.wrong(
                key,
                f'{len(found)} links join "{ends[0]}" and "{ends[1]}"; give one a name and say that',
            )
        return tuple(found[:1])
