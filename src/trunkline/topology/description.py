"""The description of a world: plain data that a lab file says, that can be pickled, and that a world is built of.

Times are nanoseconds, rates bits a second, chances parts of 2^32, addresses octets. The classes check
nothing: `lab` checks what it reads, and `Internet` what it builds.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from trunkline.base import units
from trunkline.fabric.cable import QUEUE_LIMIT

HOST: Final = "host"
ROUTER: Final = "router"
SWITCH: Final = "switch"

UP: Final = "up"
DOWN: Final = "down"
SET: Final = "set"

NIC_NAME_LIMIT: Final = 15  # octets, as Linux has it
SMALLEST_MTU: Final = 1280  # what IPv6 asks of every link, RFC 8200 §5
LARGEST_MTU: Final = 65535  # what the length field of IPv4 holds

Address = tuple[bytes, int]  # an address and the length of its prefix


@dataclass(frozen=True)
class Program:
    """A program of a machine: what it runs and when. `command` is python's own command line, split."""

    command: tuple[str, ...]
    start: int = 0
    service: bool = False  # runs for as long as the others do
    env: dict[str, str] = field(default_factory=dict)
    cwd: str = ""  # "" is the folder of the lab file
    stdin: str | bytes | None = ""  # what it reads; None for the real standard input
    prefix: str = ""  # what each line that it prints begins with


@dataclass(frozen=True)
class Machine:
    """A host, a router or a switch. `addresses` by NIC name; "" is the only NIC it has."""

    name: str
    kind: str = HOST
    programs: tuple[Program, ...] = ()
    addresses: dict[str, tuple[Address, ...]] = field(default_factory=dict)
    tcp: str = "linux"  # a preset of TcpPolicy
    tcp_settings: dict[str, int] = field(default_factory=dict)  # what differs from the preset
    congestion: str = ""  # "" for the preset's


@dataclass(frozen=True)
class End:
    """One end of a link: a machine, its NIC ("" for the next free one) and addresses, if any are given."""

    machine: str
    nic: str = ""
    addresses: tuple[Address, ...] = ()


@dataclass(frozen=True)
class Link:
    """A cable between two ends. What it does to packets, by name, each way; what is not named does nothing."""

    ends: tuple[End, End]
    forward: dict[str, int] = field(default_factory=dict)  # from ends[0] to ends[1]
    backward: dict[str, int] = field(default_factory=dict)
    name: str = ""  # "" for `alice-r1`
    mtu: int = 0  # 0 for that of the network


@dataclass(frozen=True)
class Event:
    """Something that befalls links at a time. `links` counts from 0, in the order of the description."""

    at: int
    action: str
    links: tuple[int, ...]
    changes: dict[str, int] = field(default_factory=dict)  # of SET
    to: str = ""  # of SET: the machine towards which, "" for both ways


@dataclass(frozen=True)
class Description:
    """A whole world."""

    machines: tuple[Machine, ...] = ()
    links: tuple[Link, ...] = ()
    events: tuple[Event, ...] = ()
    title: str = ""
    seed: int = 0
    until: int | None = None
    strict: bool | None = None
    mtu: int = 1500
    folder: str = ""  # where the lab file lies: what its programs' paths start from


def count(text: str) -> int:
    """A whole number: `10`. Raises ValueError."""
    if not (text.isascii() and text.isdigit() and int(text) <= 10**6):
        raise ValueError(f"{text!r} is not a whole number such as 10")
    return int(text)


def switch(text: str) -> int:
    """1 for `True`, 0 for `False`. Raises ValueError."""
    if text not in {"True", "False"}:
        raise ValueError(f"{text!r} is not true or false")
    return int(text == "True")


def packets(text: str) -> int:
    """How many packets a queue holds: `50`. Raises ValueError."""
    if not (text.isascii() and text.isdigit() and 0 < int(text) <= 10**6):
        raise ValueError(f"{text!r} is not a number of packets such as {QUEUE_LIMIT}")
    return int(text)


# What a link can do to packets, named and meant as tc-netem has it, and how each is read.
IMPAIRMENTS: Final[dict[str, Callable[[str], int]]] = {
    "delay": units.duration,
    "jitter": units.duration,
    "rate": units.rate,
    "queue": packets,
    "loss": units.chance,
    "duplicate": units.chance,
    "reorder": units.chance,
    "corrupt": units.chance,
}

# What a machine's TCP can be told beside its preset: names of TcpPolicy, and how each is read.
TCP_PRESETS: Final = ("linux", "rfc", "freebsd")
TCP_CONGESTION: Final = ("cubic", "reno")
TCP_SETTINGS: Final[dict[str, Callable[[str], int]]] = {
    "send_buffer": units.size,
    "receive_buffer": units.size,
    "max_receive_buffer": units.size,
    "initial_window": count,
    "quick_acks": count,
    "syn_retries": count,
    "keep_count": count,
    "rto_initial": units.duration,
    "rto_min": units.duration,
    "rto_max": units.duration,
    "delayed_ack": units.duration,
    "time_wait": units.duration,
    "keep_idle": units.duration,
    "keep_interval": units.duration,
    "sack": switch,
    "timestamps": switch,
    "window_scaling": switch,
}
