"""The http service, asked from another host; and the registry that says what a service lacks."""

from __future__ import annotations

from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from trunkline.services.registry import SERVICES, missing_line, service_mistake
from trunkline.topology import commands
from trunkline.topology.internet import Internet


def ask(url: str) -> list[object]:
    answers: list[object] = []
    with urlopen(url) as reply:
        answers.append(reply.read())
    with urlopen(url + "octets/100000") as reply:
        answers.append(reply.read())
    with urlopen(Request(url + "echo", b"hello", {"Content-Type": "text/x"})) as reply:
        answers.append((reply.read(), reply.headers.get_content_type()))
    with urlopen(Request(url + "octets/7", method="HEAD")) as reply:
        answers.append((reply.read(), reply.headers["Content-Length"]))
    try:
        urlopen(url + "octets/many")
    except HTTPError as error:
        answers.append(error.code)
        error.close()
    return answers


@pytest.mark.parametrize("family", [4, 6])
def test_http(family: int) -> None:
    with Internet() as net:
        alice, bob = net.host("alice"), net.host("bob")
        net.link(alice, bob, delay="1ms")
        bob.start(commands.service_command("http"), service=True)
        host, me = (
            (bob.address, alice.address) if family == 4 else (f"[{bob.address6}]", alice.address6)
        )
        answers = alice.start(ask, f"http://{host}/")
        net.run()
        page, octets, echo, head, missing = answers.result
        assert page == f"This is bob. You are {me}.\n".encode()
        assert octets == (bytes(range(256)) * 400)[:100_000]
        assert echo == (b"hello", "text/x")
        assert head == (b"", "7")
        assert missing == 404


@pytest.mark.once
def test_labs_and_the_registry_know_the_same_services() -> None:
    assert {name: service.module for name, service in SERVICES.items()} == commands.SERVICES


@pytest.mark.once
def test_a_missing_library_is_one_line_that_names_the_extra() -> None:
    assert service_mistake("http") == ""
    assert missing_line("the service x", ("no_such_library",), "services") == (
        "the service x needs no_such_library: pip install 'trunkline[services]'"
    )
