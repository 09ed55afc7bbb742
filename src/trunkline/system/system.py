"""One machine's little operating system: what its programs see beside their descriptors.

Left out on purpose: users, permissions and files. Files are the real ones.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from trunkline.sockets.constants import AF_UNIX
from trunkline.sockets.create import create
from trunkline.sockets.errors import failure
from trunkline.system.descriptors import SocketDescription
from trunkline.system.names import Names
from trunkline.system.randomness import Randomness
from trunkline.system.strands import HOST, current_strand
from trunkline.system.unix import UnixNames, UnixSocket

if TYPE_CHECKING:
    from trunkline.host.host import Host
    from trunkline.system.program import Program
    from trunkline.system.world import World

_HIDDEN: Final = (b"_proxy", b"_PROXY", b"NETRC")


class System:
    """A simulated machine as its programs see it."""

    def __init__(self, world: World, host: Host | None, name: str) -> None:
        self.world = world
        self.host = host  # the stack; None: a machine without a network
        self.name = name
        self.clock = world.scheduler.clock
        self.randomness = Randomness(world.seed, name)
        self.names = Names(self)
        self.unix_names = UnixNames()
        self.programs: list[Program] = []
        world.add(self)

    @property
    def environment(self) -> dict[bytes, bytes]:
        """The variables that a program starts with: the process's own, with the machine's name, and without
        the real user's network settings (no proxies, no netrc).
        """
        real = self.world.scheduler.base.environ
        kept = {name: text for name, text in real.items() if not name.endswith(_HIDDEN)}
        kept[b"HOSTNAME"] = os.fsencode(self.name)
        kept[b"NETRC"] = os.fsencode(os.devnull)
        return kept

    def open_socket(self, family: int, kind: int, protocol: int) -> int:
        """A new socket's descriptor. Raises OSError as socket(2)."""
        if family == AF_UNIX:
            if protocol not in {0, AF_UNIX}:
                raise failure("EPROTONOSUPPORT")
            strand = current_strand()
            program = strand.program if strand is not None else None
            owner = (program.pid if program is not None else 0, os.getuid(), os.getgid())
            local = UnixSocket(self.world.loop, self.unix_names, kind, owner)
            return self.world.descriptors.open(local)
        if self.host is None:
            raise failure("EAFNOSUPPORT")
        socket = create(self.host.transport, family, kind, protocol)
        return self.world.descriptors.open(SocketDescription(self.world.loop, socket))

    @contextmanager
    def here(self) -> Iterator[System]:
        """Inside, on a loop that several hosts share, everything happens on this machine."""
        token = HOST.set(self)
        try:
            yield self
        finally:
            HOST.reset(token)

    def __repr__(self) -> str:
        return f"<System {self.name}>"
