"""Names of machines: what they may be, and the hosts table that tells everybody's addresses.

RFC 1123 §2.1 (what a host name is); RFC 952.
"""

from __future__ import annotations

import re
from typing import Final

NAME_LIMIT: Final = 63  # octets of a label, RFC 1035 §2.3.4
FULL_NAME_LIMIT: Final = 253

_LABEL: Final = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?")


def name_mistake(name: str) -> str:
    """What is wrong with a machine's name, "" if nothing is."""
    labels = name.split(".")
    if name.lower() == "localhost":
        return 'found "localhost", which every machine calls itself; expected another name'
    if any(len(label) > NAME_LIMIT for label in labels):
        return (
            f'found the name "{name[:20]}…", expected at most {NAME_LIMIT} characters between dots'
        )
    if not all(_LABEL.fullmatch(label) for label in labels):
        return f'found the name "{name}", expected letters, digits and hyphens, such as "alice" or "www.example"'
    if len(name) > FULL_NAME_LIMIT or labels[-1].isdigit():
        return f'found the name "{name}", expected one that cannot be taken for an address'
    return ""


def link_name_mistake(name: str) -> str:
    """What is wrong with a link's name, "" if nothing is: it stands in ladders, captures and summaries."""
    if name.isprintable() and name.strip() == name and len(name) <= NAME_LIMIT:
        return ""
    shown = name if len(name) <= NAME_LIMIT else name[:20] + "…"
    return f"found the name {shown!r}, expected one line of at most {NAME_LIMIT} characters"


def free_name(near: str, far: str, taken: dict[str, int]) -> str:
    """The name of a link that was given none: `alice-r1`, then `alice-r1-2`."""
    name = f"{near}-{far}"
    count = 1
    while name in taken:
        count += 1
        name = f"{near}-{far}-{count}"
    return name
