"""The tripwire: an audit hook that stops what the table does not know from leaving the simulation.

CPython cannot take an audit hook away again; after `uninstall` this one finds no host and does nothing.
"""

from __future__ import annotations

import sys
from typing import Any, Final

from trunkline.intercept.processes import refusal
from trunkline.system.errors import EscapeRefused
from trunkline.system.real import get_ident
from trunkline.system.strands import STRANDS, current_system

CHILDREN: Final = frozenset(
    {
        "subprocess.Popen",
        "os.fork",
        "os.forkpty",
        "os.posix_spawn",
        "os.system",
        "os.exec",
        "os.spawn",
    }
)
NETWORK: Final = frozenset(
    {
        "socket.__new__",
        "socket.connect",
        "socket.bind",
        "socket.sendto",
        "socket.sendmsg",
        "socket.getaddrinfo",
        "socket.gethostbyname",
        "socket.gethostbyaddr",
        "socket.getnameinfo",
        "socket.sethostname",
    }
)

_laid = False


def lay() -> None:
    """Add the hook, once in the life of the process."""
    global _laid
    if not _laid:
        _laid = True
        sys.addaudithook(_hook)


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    if (event in NETWORK or event in CHILDREN) and get_ident() in STRANDS:
        system = current_system()
        if system is None:
            return
        if event in CHILDREN:
            raise refusal(f"{event}{arguments[:2]!r:.200}")
        raise EscapeRefused(
            1,
            f"{event} reached the real network from the simulated host {system.name}: the code that"
            " called it bypasses Python's socket module; use a library in Python",
        )
