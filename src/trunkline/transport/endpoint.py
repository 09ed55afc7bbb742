"""The owner of a transport end, and how it is told that something changed.

Transport calls nobody upwards: it notes the endpoint in the world's list, once, and whoever drives the
world asks each noted endpoint to look, after the packet or timer has been dealt with.
"""

from __future__ import annotations

from trunkline.base.native import mypyc_attr


@mypyc_attr(allow_interpreted_subclasses=True)
class Endpoint:
    """Owns a connection, a listener or a datagram end. `noted` is true while it is in the list."""

    def __init__(self) -> None:
        self.noted = False

    def on_events(self) -> None:
        """Something may have become readable, writable or broken since the last look."""


def note(events: list[Endpoint], endpoint: Endpoint | None) -> None:
    """Put an endpoint in the list, once."""
    if endpoint is not None and not endpoint.noted:
        endpoint.noted = True
        events.append(endpoint)
