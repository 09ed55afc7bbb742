"""What a machine is called, by whichever call it is asked."""

from __future__ import annotations

import os
import platform
import socket

import pytest

from tests.intercept.machines import Machines


def names() -> set[str]:
    return {socket.gethostname(), platform.node(), platform.uname().node, os.uname().nodename}


def test_a_host_has_its_own_name_everywhere(
    machines: Machines, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(platform, "_uname_cache", None)
    assert machines.together(names, names) == [{"alice"}, {"bob"}]
    assert {platform.node(), os.uname().nodename}.isdisjoint({"alice", "bob"})
    assert machines.together(names, names) == [{"alice"}, {"bob"}]


def test_the_rest_of_uname_is_the_real_one(machines: Machines) -> None:
    def rest() -> tuple[object, ...]:
        found, own = os.uname(), platform.uname()
        return type(found), found.sysname, found.machine, type(own), own.system, own.machine

    assert machines.run(rest) == rest()
