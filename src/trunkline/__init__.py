"""Trunkline: an internet in a Python process.

    import trunkline

    net = trunkline.Internet(seed=7)

Importing this imports nothing but itself; the names below are fetched when they are first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from trunkline.system.errors import Deadlock, Spinning, WorldError
    from trunkline.topology.internet import Internet
    from trunkline.topology.links import Link
    from trunkline.topology.machine import HostMachine, Machine
    from trunkline.topology.mistakes import LabError, TopologyError

__version__ = "0.1.0.dev0"

__all__ = [
    "Deadlock",
    "HostMachine",
    "Internet",
    "LabError",
    "Link",
    "Machine",
    "Spinning",
    "TopologyError",
    "WorldError",
    "__version__",
]

_HOMES = {
    "Deadlock": "trunkline.system.errors",
    "HostMachine": "trunkline.topology.machine",
    "Internet": "trunkline.topology.internet",
    "LabError": "trunkline.topology.mistakes",
    "Link": "trunkline.topology.links",
    "Machine": "trunkline.topology.machine",
    "Spinning": "trunkline.system.errors",
    "TopologyError": "trunkline.topology.mistakes",
    "WorldError": "trunkline.system.errors",
}


def __getattr__(name: str) -> object:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'trunkline' has no attribute {name!r}")
    found: object = getattr(importlib.import_module(home), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*__all__, *globals()})
