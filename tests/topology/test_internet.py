"""The Internet as a program builds it: machines, links, programs on them, faults, and what it says of mistakes."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from trunkline.topology.internet import Internet
from trunkline.topology.lab import parse_lab
from trunkline.topology.mistakes import TopologyError


def serve() -> None:
    with socket.create_server(("", 7), family=socket.AF_INET6, dualstack_ipv6=True) as welcoming:
        while True:
            connection, _caller = welcoming.accept()
            with connection:
                while data := connection.recv(65536):
                    connection.sendall(data)


def dial(host: str, family: int = 0) -> tuple[str, bytes]:
    kind, address = socket.getaddrinfo(host, 7, family, socket.SOCK_STREAM)[0][::4]
    with socket.socket(kind) as line:
        line.connect(address)
        line.sendall(b"hello")
        return address[0], line.recv(100)


@pytest.mark.once
def test_the_package_shows_what_it_offers() -> None:
    import trunkline

    assert {*trunkline.__all__, "__version__", "__doc__"} <= {*dir(trunkline)}
    assert all(hasattr(trunkline, name) for name in trunkline.__all__)


async def nap() -> None:
    """Not to be called."""


def line_of_routers(net: Internet) -> None:
    alice, bob, r1, r2 = net.host("alice"), net.host("bob"), net.router("r1"), net.router("r2")
    net.link(alice, r1, delay="5ms")
    net.link(r1, r2, delay="20ms", rate="10Mbit")
    net.link(r2, bob, delay="5ms")


@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])
def test_a_call_across_routers(family: int) -> None:
    with Internet(seed=7) as net:
        line_of_routers(net)
        bob, alice = net.machines["bob"], net.machines["alice"]
        bob.start(serve, service=True)
        call = alice.start(dial, "bob", family)
        net.run()
        assert call.exception is None
        address, answer = call.result
        assert answer == b"hello"
        assert address == (bob.address if family == socket.AF_INET else bob.address6)
        assert 0.12 < net.now < 1


def test_a_host_with_two_cables_is_no_router() -> None:
    with Internet() as net:
        alice, middle, bob = net.host("alice"), net.host("middle"), net.host("bob")
        net.link(alice, middle)
        net.link(middle, bob)
        call = alice.start(dial, "bob", socket.AF_INET)
        with pytest.raises(OSError, match="Network is unreachable"):
            net.run()
        assert isinstance(call.exception, OSError)
        assert [net.machines[name].host.internet.forwarding for name in ("alice", "middle")] == [
            False,
            False,
        ]


def test_a_coroutine_function_is_a_program() -> None:
    import asyncio

    async def ask() -> bytes:
        reader, writer = await asyncio.open_connection("bob", 7)
        writer.write(b"hello")
        answer = await reader.read(100)
        writer.close()
        await writer.wait_closed()
        return answer

    with Internet() as net:
        line_of_routers(net)
        net.machines["bob"].start(serve, service=True)
        call = net.machines["alice"].start(ask)
        net.run()
        assert call.result == b"hello"


def test_one_loop_for_all_hosts() -> None:
    import asyncio

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write((await reader.read(100)).upper())
        writer.close()

    with Internet() as net:
        alice, bob = net.host("alice"), net.host("bob")
        net.link(alice, bob, delay="10ms")

        async def both() -> bytes:
            with bob.here():
                server = await asyncio.start_server(answer, port=7)
            with alice.here():
                reader, writer = await asyncio.open_connection("bob", 7)
                writer.write(b"hello")
                got = await reader.read(100)
                writer.close()
            server.close()
            return got

        assert net.run_async(both()) == b"HELLO"


def test_addresses_can_be_asked_for_before_the_run() -> None:
    net = Internet()
    alice, bob, hub = net.host("alice"), net.host("bob"), net.switch("hub")
    net.link(alice, hub)
    assert alice.addresses == ["10.0.1.1", "2001:db8:0:1::1"]
    net.link(bob, hub)  # the network grows: nothing that was given out changes
    carol = net.host("carol", addresses=["192.168.0.9/24"])
    net.link(bob, carol)
    assert bob.addresses == ["10.0.1.2", "192.168.0.1", "2001:db8:0:1::2", "2001:db8:0:2::1"]
    assert (carol.address, carol.address6) == ("192.168.0.9", "2001:db8:0:2::2")
    assert alice.addresses == ["10.0.1.1", "2001:db8:0:1::1"]
    net.close()


def test_a_shorter_way_takes_the_place_of_the_longer() -> None:
    with Internet() as net:
        line_of_routers(net)
        carol, r1, r2 = net.host("carol"), net.machines["r1"], net.machines["r2"]
        far = net.router("far")
        net.link(r2, far)
        net.link(far, carol)

        def way() -> list[list[str]]:
            return [row for row in r1.tables()["routes"].rows if row[0] == "10.0.5.0/24"]

        assert way() == [["10.0.5.0/24", "10.0.2.2", "eth1", "0"]]
        net.link(r1, far)
        assert way() == [["10.0.5.0/24", "10.0.6.2", "eth2", "0"]]


def test_a_cable_is_cut_and_mended() -> None:
    with Internet() as net:
        alice, bob = net.host("alice"), net.host("bob")
        cable = net.link(alice, bob, delay="10ms")
        bob.start(serve, service=True)
        net.at("1s", cable.down)
        net.at("3s", cable.up)
        call = alice.start(dial, "bob", at="2s")
        net.run()
        assert call.result[1] == b"hello"
        assert 3 < net.now < 6
        assert cable.statistics()["bob"]["cable down"] > 0


def test_a_knob_is_turned_one_way() -> None:
    net = Internet()
    alice, bob = net.host("alice"), net.host("bob")
    cable = net.link(alice, bob, delay="10ms", to={bob: {"rate": "1Mbit"}})
    assert (cable.settings(bob)["rate"], cable.settings(alice)["rate"]) == (10**6, 0)
    cable.set(loss="100%", to=bob)
    assert cable.settings(alice)["loss"] == 0
    cable.set(delay="1s")
    assert cable.settings(alice)["delay"] == cable.settings("bob")["delay"] == 10**9
    net.close()


def test_a_program_that_raises() -> None:
    def fail() -> None:
        raise ValueError("no")

    with Internet() as net:
        call = net.host("alice").start(fail)
        with pytest.raises(ValueError, match=r"^no$"):
            net.run()
        assert isinstance(call.exception, ValueError)


def test_a_run_ends_at_its_time() -> None:
    import time

    with Internet() as net:
        call = net.host("alice").start(time.sleep, 100)
        net.run(until="30s")
        assert net.now == 30
        with pytest.raises(RuntimeError, match="not ended"):
            call.result
        net.run()
        assert net.now == 100
        assert call.result is None


def test_a_run_without_programs_lasts_until_its_time() -> None:
    with Internet() as net:
        alice, bob = net.host("alice"), net.host("bob")
        cable = net.link(alice, bob)
        bob.start(serve, service=True)
        net.at("5s", cable.down)
        net.run(until="10s")
        assert net.now == 10
        assert not cable.cable.forward.up
        net.run()
        assert net.now == 10


LAB = """
[network]
seed = 3
[hosts.alice]
[hosts.bob]
services = ["http"]
[routers.r1]
[[links]]
between = ["alice", "r1:uplink"]
delay = "5ms"
[[links]]
between = ["r1", "bob"]
addresses.bob = "192.0.2.80/24"
[[events]]
at = "1s"
down = "alice-r1"
"""


def test_a_world_from_a_lab() -> None:
    from urllib.request import urlopen

    def get(url: str) -> bytes:
        with urlopen(url, timeout=5) as reply:
            return bytes(reply.read())

    with Internet.from_description(parse_lab(LAB)) as net:
        alice = net.machines["alice"]
        page = alice.start(get, "http://192.0.2.80/", at="100ms")
        late = alice.start(get, "http://bob/", at="2s")
        with pytest.raises(OSError, match="timed out"):
            net.run()
        assert page.result == b"This is bob. You are 10.0.1.1.\n"
        assert isinstance(late.exception, OSError)
        assert [nic.name for nic in net.machines["r1"].nics()] == ["uplink", "eth0"]


def test_services_start_first_whatever_the_order() -> None:
    call = "python -c 'import urllib.request as u; u.urlopen(\"http://b/\", timeout=5).read()'"
    lab = parse_lab(
        f'''
        [hosts.a]
        programs = ["""{call}"""]
        [hosts.b]
        services = ["http"]
        [[links]]
        between = ["a", "b"]
        '''
    )
    with Internet.from_description(lab) as net:
        (program,) = [program for program in net.world.programs if not program.service]
        net.run()
        assert program.exit_code == 0
        assert program not in net.world.programs


def test_events_of_a_lab_turn_knobs(tmp_path: Path) -> None:
    path = tmp_path / "lab.toml"
    path.write_text(
        "[hosts.alice]\n[hosts.bob]\n[[links]]\nbetween = ['alice', 'bob']\ndelay = '1ms'\n"
        "[[events]]\nat = '1s'\nlink = 'alice-bob'\nto = 'bob'\nset = { delay = '9ms', loss = '100%' }\n"
        "[[events]]\nat = '2s'\ndown = 'alice-bob'\n[[events]]\nat = '3s'\nup = ['bob', 'alice']\n"
    )
    with Internet.from_lab(str(path)) as net:
        link = net.links[0]
        seen = []
        for until in ("900ms", "1s", "2s", "3s"):
            net.run(until=until)
            up = link.cable.forward.up and link.cable.backward.up
            seen.append((link.settings("bob")["delay"], link.settings("alice")["delay"], up))
        assert seen == [
            (1_000_000, 1_000_000, True),
            (9_000_000, 1_000_000, True),
            (9_000_000, 1_000_000, False),
            (9_000_000, 1_000_000, True),
        ]
        assert link.settings("bob")["loss"] == 1 << 32


def test_captures_and_statistics(tmp_path: Path) -> None:
    with Internet(seed=7) as net:
        alice, bob = net.host("alice"), net.host("bob")
        net.link(alice, bob, delay="5ms")
        net.capture(str(tmp_path / "all.pcapng"))
        net.capture(str(tmp_path / "bob.pcapng"), at="bob:eth0")
        bob.start(serve, service=True)
        alice.start(dial, "bob")
        net.run()
        counted = net.statistics()
    assert counted["world"]["packets"] == sum(
        counted["link alice-bob"][name]["delivered"] for name in ("alice", "bob")
    )
    assert counted["alice"]["tcp: active opens"] == counted["bob"]["tcp: passive opens"] == 1
    whole, one = ((tmp_path / name).read_bytes() for name in ("all.pcapng", "bob.pcapng"))
    assert whole[:4] == one[:4] == bytes.fromhex("0a0d0d0a")
    assert len(one) < len(whole)


@pytest.mark.once
@pytest.mark.parametrize(
    ("deed", "line"),
    [
        (lambda net: net.host("alice"), 'a second machine "alice": names are unique'),
        (lambda net: net.host("al ice"), 'found the name "al ice", expected letters, digits and hyphens, such as "alice" or "www.example"'),
        (lambda net: net.host("carol", tcp="windows"), "carol: 'windows' is not a TCP policy: expected linux, rfc or freebsd"),
        (lambda net: net.host("carol", addresses="10.0.0.1"), 'carol: found "10.0.0.1" without a prefix, expected 10.0.0.1/24'),
        (lambda net: net.link("alice", "bbo"), 'no machine "bbo" here; did you mean "bob"?'),
        (lambda net: net.link("alice", "alice"), "a link joins two machines, and alice is one"),
        (lambda net: net.link("alice", "bob", dealy="1s"), 'link alice-bob: unknown impairment "dealy"; did you mean "delay"?'),
        (lambda net: net.link("alice", "bob", delay="20"), "link alice-bob: delay: '20' is not a duration such as 20ms, 1.5s or 2min"),
        (lambda net: net.link("alice", "bob", reorder="1%"), "link alice-bob-2: reorder needs a delay: a reordered packet overtakes by skipping it"),
        (lambda net: net.link("alice", "bob", to={"eve": {"loss": "1%"}}), 'link alice-bob: "eve" is not an end of it; known here: alice, bob'),
        (lambda net: net.link("alice", "bob", mtu=576), "link alice-bob-2: an MTU of 576, expected 1280 (which IPv6 needs) to 65535"),
        (lambda net: net.link("alice", "bob:eth0"), '"bob:eth0" has a cable already, and a NIC takes one'),
        (lambda net: net.link("s", "t"), "s and t are joined already: frames would go round in a loop of switches for ever; make one of them a router"),
        (lambda net: net.links[0].set(los="1%"), 'link alice-bob: unknown impairment "los"; did you mean "loss"?'),
        (lambda net: net.at("5", print), "'5' is not a duration such as 20ms, 1.5s or 2min"),
        (lambda net: net.at("5s", net.links[0].down()), "at '5s': found None, expected an action such as cable.down (without parentheses)"),
        (lambda net: net.run(until=30), '30 is not a duration such as 20ms, 1.5s or 2min (did you mean "30s"?)'),
        (lambda net: net.link("alice", Internet().host("bob")), '"bob" belongs to another Internet'),
        (lambda net: net.machines["bob"].start(nap()), "bob: give the function, not its call: start(nap)"),
        (lambda net: net.capture("x.pcapng", at="bbo"), 'no machine "bbo" here; did you mean "bob"?'),
        (lambda net: net.capture("x.pcapng", at="bob:eth1"), 'bob has no NIC "eth1"; did you mean "eth0"?'),
        (lambda net: net.machines["bob"].start("curl alice"), 'bob: found "curl", expected a command that begins with python, such as "python call.py": only Python programs run on a simulated host in this version'),
    ],
)  # fmt: skip
def test_mistakes_are_one_line(deed: object, line: str) -> None:
    with Internet() as net:
        net.link(net.host("alice"), net.host("bob"))
        net.link(net.switch("s"), net.switch("t"))
        with pytest.raises(TopologyError) as caught:
            deed(net)  # type: ignore[operator]
        assert str(caught.value) == line


def test_tables_of_a_host() -> None:
    with Internet() as net:
        line_of_routers(net)
        alice, bob = net.machines["alice"], net.machines["bob"]
        bob.start(serve, service=True)
        alice.start(dial, "bob", socket.AF_INET)
        net.run()
        tables = alice.tables()
        assert ["eth0", "10.0.1.1/24", "1500", "up"] in tables["addresses"].rows
        assert ["eth0", "fe80::ff:fe00:1/64", "1500", "up"] in tables["addresses"].rows
        assert ["default", "10.0.1.2", "eth0", "0"] in tables["routes"].rows
        router = next(row for row in tables["neighbours"].rows if row[0] == "10.0.1.2")
        assert router[1].startswith("02:00:")
        listening = bob.tables()["connections"].rows
        assert ["tcp", "0", "0", "[::]:7", "*", "LISTEN"] in listening
        assert all(len(row) == len(found.head) for found in tables.values() for row in found.rows)
