"""Wrong arguments of the Python interface: one line that says where, what was found and what was expected."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

import pytest

import trunkline
from trunkline.topology.internet import Internet
from trunkline.topology.links import Link
from trunkline.topology.mistakes import TopologyError


def link(net: Internet, *arguments: Any, **named: Any) -> Link:
    net.host("alice")
    net.host("bob")
    return net.link(*(arguments or ("alice", "bob")), **named)


def start(net: Internet, *arguments: Any, **named: Any) -> Any:
    return net.host("a").start(*arguments, **named)


FUNCTION = 'a function, or a command such as "python call.py"'
MISTAKES: dict[str, tuple[Callable[[Internet], object], str]] = {
    "a name": (lambda net: net.host(5), 'found 5, expected a name such as "alice"'),  # type: ignore[arg-type]
    "an address": (
        lambda net: net.host("a", 5),  # type: ignore[arg-type]
        "a: found 5, expected an address such as 10.0.1.1/24, or a list of them",
    ),
    "an address without a prefix": (
        lambda net: net.host("a", "10.0.0.1"),
        'a: found "10.0.0.1" without a prefix, expected 10.0.0.1/24',
    ),
    "a policy": (
        lambda net: net.host("a", tcp=5),  # type: ignore[arg-type]
        "a: tcp: found 5, expected linux, rfc, freebsd or a TcpPolicy",
    ),
    "an end": (lambda net: link(net, "alice", 5), "found 5, expected a machine or its name"),
    "a delay": (
        lambda net: link(net, delay=20),
        'link alice-bob: delay: 20 is not a duration such as 20ms, 1.5s or 2min (did you mean "20ms"?)',
    ),
    "a loss": (
        lambda net: link(net, loss=0.1),
        'link alice-bob: loss: 0.1 is not a percentage such as 1% or 0.1% (did you mean "0.1%" or "10%"?)',
    ),
    "a delay that is none": (
        lambda net: link(net, delay=None),
        "link alice-bob: delay: None is not a duration such as 20ms, 1.5s or 2min",
    ),
    "a link's name": (
        lambda net: link(net, name="x" * 64),
        f"link: found the name '{'x' * 20}…', expected one line of at most 63 characters",
    ),
    "an MTU": (
        lambda net: link(net, mtu="1500"),
        "link alice-bob: an MTU of '1500', expected 1280 (which IPv6 needs) to 65535",
    ),
    "what differs one way": (
        lambda net: link(net, to="bob"),
        """link alice-bob: to: found 'bob', expected {bob: {"loss": "5%"}}""",
    ),
    "what differs one way, within": (
        lambda net: link(net, to={"bob": "5%"}),
        """link alice-bob: to: found '5%', expected {"loss": "5%"}""",
    ),
    "addresses of a link": (
        lambda net: link(net, addresses=["10.0.0.1/24"]),
        """link alice-bob: addresses: found ['10.0.0.1/24'], expected {bob: "10.0.1.2/24"}""",
    ),
    "towards whom": (
        lambda net: link(net).set(loss="5%", to=5),  # type: ignore[arg-type]
        "link alice-bob: found 5, expected a machine or its name",
    ),
    "a program": (lambda net: start(net, None), f"a: found None, expected {FUNCTION}"),
    "words of a command": (lambda net: start(net, [1, 2]), f"a: found [1, 2], expected {FUNCTION}"),
    "no words": (lambda net: start(net, []), "a: an empty command line"),
    "a coroutine": (
        lambda net: start(net, asyncio.sleep(1)),
        "a: give the function, not its call: start(sleep)",
    ),
    "variables": (
        lambda net: start(net, time.sleep, 1, env={"A": 5}),
        "a: env: found {'A': 5}, expected names and texts",
    ),
    "input": (
        lambda net: start(net, input, stdin=5),
        "a: stdin: found 5, expected the text that it reads",
    ),
    "an address that is not there": (
        lambda net: net.host("a").address,
        "a has no IPv4 address: no link of it gives it one",
    ),
    "a watcher": (
        lambda net: net.watch(None),  # type: ignore[arg-type]
        "watch: found None, expected a TraceSink",
    ),
    "a seed": (
        lambda net: trunkline.Internet(seed="7"),  # type: ignore[arg-type]
        "seed: found '7', expected a whole number",
    ),
}


@pytest.mark.once
@pytest.mark.parametrize("name", MISTAKES)
def test_wrong_argument(name: str) -> None:
    deed, expected = MISTAKES[name]
    with trunkline.Internet() as net, pytest.raises(TopologyError) as caught:
        deed(net)
    assert str(caught.value) == expected


@pytest.mark.once
def test_programs_and_directories_that_are_not_there(monkeypatch: Any, tmp_path: Any) -> None:
    monkeypatch.chdir(tmp_path)
    with trunkline.Internet() as net:
        host = net.host("a")
        with pytest.raises(TopologyError, match=r'^a: no file "no\.py" in '):
            host.start("python no.py")
        with pytest.raises(TopologyError, match=r'^a: cwd: found "no" \(no such directory in '):
            host.start("python -m this", cwd="no")
        host.start("python later.py", at="1s")  # it may be written by then
        (tmp_path / "later.py").write_text("")
        net.run()
