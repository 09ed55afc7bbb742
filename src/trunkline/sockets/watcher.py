"""Who is told that a socket may have become ready: whatever the floors above hang on it."""

from __future__ import annotations

from trunkline.base.native import mypyc_attr


@mypyc_attr(allow_interpreted_subclasses=True)
class Watcher:
    """Hears of a socket's changes. It looks at `readiness` itself; the call says only "look"."""

    __slots__ = ()

    def on_ready(self) -> None:
        """Something may have become readable, writable or broken."""
