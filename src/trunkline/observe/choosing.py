"""Which exchange to draw: the table of all that a recorder saw, and what a person writes to choose one.

A number of the table, `alice:bob` for the first between two machines (either may have begun it),
`alice:bob:8080` or `:8080` for a port.
"""

from __future__ import annotations

import re
from typing import Final

from trunkline.base.addresses import address_text
from trunkline.base.units import clock_text
from trunkline.observe.conversations import Conversation
from trunkline.observe.tables import clipped, table
from trunkline.wire.header import ICMP, ICMPV6, TCP, UDP
from trunkline.wire.text import protocol_text

# `alice:bob:8080`, its names or its port alone
_PARTS: Final = re.compile(r"(?:([^:]+):([^:]+))?(?::(\d+))?")
LISTED: Final = "; --ladder list shows them"
EXPECTED: Final = "a number, alice:bob, alice:bob:8080 or :8080"
WIDTH: Final = 100
NAMES_SHOWN: Final = (
    63,
    20,
    14,
    8,
)  # characters of a name, the first that leave lines short enough


def choose(found: list[Conversation], choice: str = "") -> Conversation:
    """One exchange of all. Raises ValueError with one line where there is no such one."""
    if not found:
        raise ValueError("nobody talked with anybody")
    if not choice:
        return main_conversation(found)
    if choice.isdecimal() and choice.isascii():
        number = int(choice)
        if 1 <= number <= len(found):
            return found[number - 1]
        port = f"; a port is written :{choice}" if number > len(found) else ""
        there = "there is 1" if len(found) == 1 else f"they are numbered 1 to {len(found)}"
        raise ValueError(f"there is no conversation {choice}: {there}{port}{LISTED}")
    parts = _PARTS.fullmatch(choice)
    if parts is None:
        raise ValueError(f"found {choice!r}, expected {EXPECTED}")
    near, far, port = parts.groups("")
    names = [near, far] if near else []
    for conversation in found:
        if _fits(conversation, names, port):
            return conversation
    raise ValueError(f"no conversation {choice} in this run, which had {len(found)}{LISTED}")


def is_choice(text: str) -> bool:
    """Whether a text could choose: what is not may be the name of a file."""
    if text.isdecimal() and text.isascii():
        return True
    return text != "" and _PARTS.fullmatch(text) is not None


def main_conversation(found: list[Conversation]) -> Conversation:
    """The one to show when nobody chose: the first call that was answered, else the first there is."""
    for protocol in (TCP, UDP):
        for conversation in found:
            if conversation.key.protocol == protocol and conversation.answered():
                return conversation
    for protocol in (TCP, UDP, ICMP, ICMPV6):
        for conversation in found:
            if conversation.key.protocol == protocol:
                return conversation
    return found[0]


def conversation_table(found: list[Conversation], limit: int = 0) -> str:
    """A row for each exchange, numbered as `choose` takes them; `limit` rows at most, 0 for all."""
    shown = found[:limit] if limit else found
    head = ["", "conversation", "over", "packets", "lost", "begins", "No.", ""]
    text = ""
    for room in NAMES_SHOWN:
        text = table(head, [_row(number, one, room) for number, one in enumerate(shown, 1)])
        if max(len(line) for line in text.split("\n")) <= WIDTH:
            break
    if len(shown) < len(found):
        text += f"\nand {len(found) - len(shown):,} more"
    return text


def _row(number: int, conversation: Conversation, room: int) -> list[str]:
    protocol = conversation.key.protocol
    verb = "calls" if protocol == TCP else "writes to" if protocol == UDP else "pings"
    messages = conversation.messages
    lost = sum(1 for m in messages if m.end is not None and (m.damaged or not m.arrivals))
    how = ""
    if not conversation.answered():
        refused = any(message.src == conversation.right for message in messages)
        how = "refused" if refused else "no answer"
    over = protocol_text(protocol)
    if protocol in (TCP, UDP):
        over += f", IPv{4 if len(conversation.left[0]) == 4 else 6}"
    return [
        f"{number:,}",
        f"{_end(conversation, True, room)} {verb} {_end(conversation, False, room)}",
        over,
        f"{len(messages):,}",
        f"{lost:,}" if lost else "",
        clock_text(conversation.begun),
        str(messages[0].number or ""),
        how,
    ]


def _end(conversation: Conversation, left: bool, room: int) -> str:
    """`bob:8080`, the name cut to so many characters."""
    node = conversation.left_node if left else conversation.right_node
    address, port = conversation.left if left else conversation.right
    name = clipped(node or address_text(address), room)
    return f"{name}:{port}" if conversation.key.protocol in (TCP, UDP) else name


def _fits(conversation: Conversation, names: list[str], port: str) -> bool:
    ends = (conversation.left, conversation.right)
    if port and conversation.key.protocol not in (TCP, UDP):
        return False
    if port and int(port) not in (ends[0][1], ends[1][1]):
        return False
    nodes = [conversation.left_node, conversation.right_node]
    return not names or sorted(map(str.lower, names)) == sorted(map(str.lower, nodes))
