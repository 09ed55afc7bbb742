"""Streams between two hosts: whole whatever the cable does, and nothing left behind."""

from __future__ import annotations

import pytest

from tests.transport.tcp.harness import MS, TWO4, TWO6, S, Watcher, Weather, World
from trunkline.transport.tcp.policy import policy_named


@pytest.mark.parametrize("v6", [False, True])
@pytest.mark.parametrize("name", ["linux", "rfc", "freebsd"])
def test_a_download_over_a_bad_cable_arrives_whole(v6: bool, name: str) -> None:
    """MUST-10, MUST-13, SHLD-31: open, transfer, close, TIME-WAIT; loss, reordering, duplicates, damage."""
    world = World(5, Weather(20 * MS, loss=50, duplicate=10, reorder=10, corrupt=1), strict=True)
    one, two = world.pair(policy_named(name))
    listener = two.listen(v6=v6)
    caller = one.connect(TWO6 if v6 else TWO4)
    data = b"".join(number.to_bytes(4, "big") for number in range(50_000))
    sent = 0
    got: list[bytes] = []
    callee = None
    closed = False
    while world.step(world.now + 10_000 * S):
        if caller.connected() and sent < len(data):
            sent += caller.send(data[sent : sent + 65536], world.now)
            if sent == len(data):
                caller.close(world.now)
        if callee is None:
            callee = listener.accept()
            if callee is None:
                continue
            callee.endpoint = Watcher()
        got.append(callee.receive(1 << 20, world.now))
        if callee.eof() and not closed:
            closed = True
            callee.close(world.now)
    assert b"".join(got) == data
    assert caller.error == 0
    assert callee is not None
    assert callee.error == 0
    assert one.tcp.connections() == two.tcp.connections() == []
    assert world.settled()
