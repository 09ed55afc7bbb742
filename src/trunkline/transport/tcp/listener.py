"""A listener: the "welcoming" end, its SYN queue and its accept queue. RFC 9293 §3.9.1.1, §3.10.7.2."""

from __future__ import annotations

from typing import Final, final

from trunkline.transport.endpoint import Endpoint
from trunkline.transport.ports import Claim
from trunkline.transport.tcp.block import Common, ListenBlock
from trunkline.transport.tcp.closing import abort
from trunkline.transport.tcp.connection import Connection
from trunkline.transport.tcp.policy import TcpSettings

SYN_QUEUE: Final = 16  # connections that may be half open, at least


@final
class Listener(ListenBlock):
    """Waits for calls on one port. `backlog` may be changed at any time."""

    __slots__ = ("common", "locals", "port")

    def __init__(
        self,
        common: Common,
        endpoint: Endpoint | None,
        claim: Claim | None,
        locals_: list[bytes],
        port: int,
        backlog: int,
        settings: TcpSettings,
    ) -> None:
        super().__init__(endpoint, claim, backlog, settings)
        self.common = common
        self.locals = locals_
        self.port = port

    def accept(self) -> Connection | None:
        """The connection that has waited longest, or None. Its `endpoint` is the caller's to set."""
        if not self.accept_queue:
            return None
        block = self.accept_queue.pop(0)
        assert isinstance(block, Connection)
        block.accepted = True
        return block

    def ready(self) -> int:
        """Connections to accept."""
        return len(self.accept_queue)

    def full(self) -> bool:
        """Whether a SYN is turned away: as in Linux, an accept queue holds one more than `backlog`."""
        return len(self.accept_queue) > self.backlog or len(self.half_open) >= max(
            self.backlog + 1, SYN_QUEUE
        )

    def close(self, now: int) -> None:
        """Stop listening: whoever has not been accepted is reset."""
        if self.closed:
            return
        self.closed = True
        common = self.common
        for local in self.locals:
            self._leave(common, local)
        for block in list(self.half_open):
            abort(block, now)
        for block in self.accept_queue:
            block.orphan = True
            abort(block, now)
        self.half_open = []
        self.accept_queue = []
        self.endpoint = None
        claim = self.claim
        if claim is not None:
            self.claim = None
            claim.release()

    def _leave(self, common: Common, local: bytes) -> None:
        key = (local, self.port)
        others = common.listeners.get(key)
        if others is not None and self in others:
            others.remove(self)
            if not others:
                del common.listeners[key]
