"""What a program lets go of is gone at once, as it would be on the kernel: no cycle of ours keeps it."""

from __future__ import annotations

import socket
import weakref

import pytest

import trunkline


class Held:
    """What a frame that dials has in its hands."""


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_a_refused_call_keeps_nobodys_frame(address: str) -> None:
    def dial() -> weakref.ref[Held]:
        held = Held()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection((address, 4007))
        return weakref.ref(held)

    def program() -> bool:
        return dial()() is None

    with trunkline.Internet() as net:
        call = net.host("alice").start(program)
        net.run()
        assert call.result
