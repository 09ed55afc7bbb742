"""The lab file: what it says becomes a description; every mistake is one line with its place."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunkline.base.dice import CERTAIN
from trunkline.base.units import MILLISECOND, SECOND
from trunkline.topology.description import End, Event, Program
from trunkline.topology.lab import parse_lab, read_lab
from trunkline.topology.mistakes import LabError

WHOLE = """\
[network]
title = "a lab"
seed = 7
until = "30s"
mtu = 1400
[hosts.alice]
programs = ["python call.py --twice", { run = "python -m http.server", start = "2s", service = true, env = { LANG = "C" }, cwd = "sub", stdin = "hello" }]
[hosts.bob]
services = ["http"]
tcp = { policy = "rfc", rto_min = "1s", sack = false, congestion = "reno" }
addresses = ["192.168.7.9/24"]
[routers.r1]
routing = ["static"]
[switches.s1]
[[links]]
between = ["alice", "r1:eth3"]
delay = "20ms"
jitter = "2ms"
rate = "10Mbit"
queue = "50"
loss = "1%"
to.alice = { rate = "1Mbit", loss = 0 }
[[links]]
name = "uplink"
between = ["r1", "s1"]
addresses.r1 = "fd00::1/64"
[[links]]
between = ["s1", "bob"]
mtu = 1280
[[events]]
at = "5s"
down = ["alice", "r1"]
[[events]]
at = "6s"
up = "alice-r1"
[[events]]
at = "7s"
link = "uplink"
to = "r1"
set = { loss = "5%" }
"""


def test_a_whole_lab() -> None:
    lab = parse_lab(WHOLE)
    assert (lab.title, lab.seed, lab.until, lab.mtu) == ("a lab", 7, 30 * SECOND, 1400)
    alice, bob, r1, s1 = lab.machines
    assert alice.programs == (
        Program(("python", "call.py", "--twice")),
        Program(("python", "-m", "http.server"), 2 * SECOND, True, {"LANG": "C"}, "sub", "hello"),
    )
    assert bob.programs == (Program(("python", "-m", "trunkline.services.http"), service=True),)
    assert bob.tcp == "rfc" and alice.tcp == "linux"
    assert bob.tcp_settings == {"rto_min": SECOND, "sack": 0}
    assert (bob.congestion, alice.congestion) == ("reno", "")
    assert bob.addresses == {"": ((bytes((192, 168, 7, 9)), 24),)}
    assert (r1.kind, s1.kind) == ("router", "switch")
    first, second, third = lab.links
    assert first.ends == (End("alice"), End("r1", "eth3"))
    assert first.forward == {
        "delay": 20 * MILLISECOND,
        "jitter": 2 * MILLISECOND,
        "rate": 10**7,
        "queue": 50,
        "loss": CERTAIN // 100,
    }
    assert first.backward == {**first.forward, "rate": 10**6, "loss": 0}
    assert (first.name, second.name, third.name) == ("alice-r1", "uplink", "s1-bob")
    assert third.mtu == 1280
    assert lab.events == (
        Event(5 * SECOND, "down", (0,)),
        Event(6 * SECOND, "up", (0,)),
        Event(7 * SECOND, "set", (1,), {"loss": CERTAIN // 20}, "r1"),
    )


def test_a_description_can_be_pickled() -> None:
    lab = parse_lab(WHOLE)
    assert pickle.loads(pickle.dumps(lab)) == lab


TWO = '[hosts.alice]\n[hosts.bob]\n[[links]]\nbetween = ["alice", "bob"]\n'

MISTAKES = {
    "wrong key": (
        '[hosts.alice]\nprogam = ["python a.py"]',
        'L:2: [hosts.alice] progam: unknown key "progam"; did you mean "programs"?',
    ),
    "wrong table": (
        "[host.alice]",
        'L:1: [host]: unknown key "host"; did you mean "hosts"?',
    ),
    "another tool's word": (
        TWO + 'bandwidth = "10Mbit"',
        'L:5: [[links]] bandwidth: unknown key "bandwidth"; did you mean "rate"?',
    ),
    "link to nobody": (
        '[hosts.alice]\n[hosts.bob]\n[[links]]\nbetween = ["alice", "bbo"]',
        'L:4: [[links]] between: no host, router or switch is named "bbo"; did you mean "bob"?',
    ),
    "link to itself": (
        '[hosts.alice]\n[[links]]\nbetween = ["alice", "alice"]',
        'L:3: [[links]] between: found "alice" at both ends, expected two machines',
    ),
    "three ends": (
        '[hosts.alice]\n[hosts.bob]\n[[links]]\nbetween = ["alice", "bob", "eve"]',
        (
            'L:4: [[links]] between: found ["alice", "bob", "eve"], expected two names such as'
            ' ["alice", "bob"]'
        ),
    ),
    "no ends": (
        '[hosts.alice]\n[[links]]\ndelay = "1s"',
        'L:2: [[links]]: found no "between", expected between = ["alice", "bob"]',
    ),
    "no unit": (
        TWO + "delay = 20",
        "L:5: [[links]] delay: found 20, expected a duration such as 20ms, 1.5s or 2min",
    ),
    "wrong unit": (
        TWO + 'rate = "10Mb"',
        'L:5: [[links]] rate: found "10Mb", expected a rate such as 10Mbit, 64kbit or 1Gbit',
    ),
    "not a percentage": (
        TWO + "loss = 0.01",
        "L:5: [[links]] loss: found 0.01, expected a percentage such as 1% or 0.1%",
    ),
    "too much": (
        TWO + 'loss = "101%"',
        'L:5: [[links]] loss: found "101%", expected a percentage up to 100%',
    ),
    "too long": (
        TWO + 'delay = "999999999h"',
        'L:5: [[links]] delay: found "999999999h", expected a duration of at most 100 years',
    ),
    "ends that are no names": (
        TWO.replace('["alice", "bob"]', "[1, 2]"),
        'L:4: [[links]] between: found [1, 2], expected two names such as ["alice", "bob"]',
    ),
    "one end": (
        TWO.replace('["alice", "bob"]', '"alice"'),
        'L:4: [[links]] between: found "alice", expected two names such as ["alice", "bob"]',
    ),
    "an event that asks for two things": (
        TWO + '[[events]]\nat = "5s"\nup = ["alice", "bob"]\ndown = ["alice", "bob"]',
        'L:5: [[events]]: found "up" and "down", expected one of "up", "down" and "set"',
    ),
    "an event of a number": (
        TWO + '[[events]]\nat = "5s"\ndown = 5',
        (
            'L:7: [[events]] down: found 5, expected the two ends of a link, such as ["alice", "bob"],'
            " or its name"
        ),
    ),
    "the same address on two links": (
        TWO
        + 'addresses = { alice = "10.1.1.1/24" }\n[[links]]\nbetween = ["alice", "bob"]\n'
        + 'addresses = { bob = "10.1.1.1/24" }',
        "L:6: [[links]]: bob has 10.1.1.1, which alice has already",
    ),
    "the same network on two links": (
        TWO
        + 'addresses = { alice = "10.1.1.1/24" }\n[[links]]\nbetween = ["alice", "bob"]\n'
        + 'addresses = { bob = "10.1.1.2/24" }',
        "L:6: [[links]]: the network 10.1.1.0/24 is another link's",
    ),
    "a table written twice": (
        TWO.replace("[[links]]", "[links]") + '[[links]]\nbetween = ["alice", "bob"]',
        "L:5:8: not TOML: this key or table is there already",
    ),
    "a link's name of two lines": (
        TWO + 'name = "under\\nsea"',
        (
            "L:5: [[links]] name: found the name 'under\\nsea', expected one line of at most 63"
            " characters"
        ),
    ),
    "a line that ends too soon": (
        '[network]\ntitle = "abc\n',
        "L:2:13: not TOML: found the end of the line, expected a quote before it",
    ),
    "no value": (
        "[network]\nseed =\n",
        (
            "L:2:7: not TOML: expected a value: text in quotes, a number, true, false, a [list] or a"
            " {table}"
        ),
    ),
    "no statement": ("?", "L:1:1: not TOML: expected [table], [[table]] or key = value"),
    "one way, no unit": (
        TWO + 'to.bob = { jitter = "2" }',
        'L:5: [[links]] to.bob.jitter: found "2", expected a duration such as 20ms, 1.5s or 2min',
    ),
    "one way, to nobody": (
        TWO + 'to.bobb = { loss = "2%" }',
        'L:5: [[links]] to.bobb: "bobb" is not an end of this link; did you mean "bob"?',
    ),
    "queue": (
        TWO + 'queue = "64KiB"',
        'L:5: [[links]] queue: found "64KiB", expected a number of packets such as 1000',
    ),
    "reorder without delay": (
        TWO + 'reorder = "1%"',
        (
            "L:5: [[links]] reorder: found no delay, expected one: a reordered packet overtakes by"
            " skipping it"
        ),
    ),
    "twice the same name": (
        "[hosts.alice]\n[routers.alice]",
        'L:2: [routers.alice]: found a second machine "alice", already in [hosts]; names are unique',
    ),
    "twice the same table": (
        "[hosts.alice]\n[hosts.alice]",
        "L:2:13: not TOML: [hosts.alice] is there already",
    ),
    "twice the same link name": (
        TWO + 'name = "x"\n[[links]]\nbetween = ["alice", "bob"]\nname = "x"',
        'L:8: [[links]] name: found a second link "x"; names of links are unique',
    ),
    "a bad name": (
        "[hosts.al_ice]",
        (
            'L:1: [hosts.al_ice]: found the name "al_ice", expected letters, digits and hyphens, such as'
            ' "alice" or "www.example"'
        ),
    ),
    "an address for a name": (
        '[hosts."10.0.0.1"]',
        (
            'L:1: [hosts.10.0.0.1]: found the name "10.0.0.1", expected one that cannot be taken for an'
            " address"
        ),
    ),
    "bad address": (
        TWO + 'addresses.bob = "10.0.1.300/24"',
        (
            'L:5: [[links]] addresses.bob: found "10.0.1.300/24", expected an address with its prefix,'
            " such as 10.0.1.1/24 or 2001:db8::1/64"
        ),
    ),
    "no prefix": (
        TWO + 'addresses.bob = "10.0.1.3"',
        'L:5: [[links]] addresses.bob: found "10.0.1.3" without a prefix, expected 10.0.1.3/24',
    ),
    "impossible prefix": (
        TWO + 'addresses.bob = "10.0.1.3/33"',
        (
            'L:5: [[links]] addresses.bob: found the prefix "/33" on 10.0.1.3, expected a length from 1'
            " to 31"
        ),
    ),
    "prefix of one": (
        TWO + 'addresses.bob = "fd00::1/128"',
        (
            "L:5: [[links]] addresses.bob: found the prefix /128 on fd00::1, which leaves no room for"
            " the link's two ends; expected a length from 1 to 127"
        ),
    ),
    "a group": (
        TWO + 'addresses.bob = "ff02::1/64"',
        "L:5: [[links]] addresses.bob: found ff02::1, expected a unicast address that a NIC can have",
    ),
    "the network itself": (
        TWO + 'addresses.bob = "10.0.1.0/24"',
        (
            "L:5: [[links]] addresses.bob: found 10.0.1.0/24, which is the network itself or its"
            " broadcast address"
        ),
    ),
    "two networks on a link": (
        TWO + 'addresses = { alice = "10.1.1.1/24", bob = "10.1.2.1/24" }',
        (
            "L:3: [[links]]: bob has 10.1.2.1/24, which is not in the network 10.1.1.0/24 that alice is"
            " in on the same link"
        ),
    ),
    "the same address twice": (
        TWO + 'addresses = { alice = "10.1.1.1/24", bob = "10.1.1.1/24" }',
        "L:3: [[links]]: bob has 10.1.1.1, which alice has already",
    ),
    "networks that overlap": (
        TWO
        + 'addresses = { alice = "10.1.1.1/24" }\n[[links]]\nbetween = ["alice", "bob"]\n'
        + 'addresses = { alice = "10.1.1.129/25" }',
        "L:6: [[links]]: the network 10.1.1.128/25 overlaps 10.1.1.0/24, which is another link's",
    ),
    "addresses and no link": (
        '[hosts.alice]\naddresses = ["10.1.1.1/24"]',
        "L:2: [hosts.alice] addresses: alice has no link, and a list of addresses needs exactly one",
    ),
    "addresses of no NIC": (
        '[hosts.alice]\naddresses.eth1 = ["10.1.1.1/24"]\n' + TWO.partition("\n")[2],
        (
            'L:1: [hosts.alice]: alice has addresses for a NIC "eth1" that it does not have; did you'
            ' mean "eth0"?'
        ),
    ),
    "a NIC with two cables": (
        TWO.replace('"bob"', '"bob:eth0"') * 1 + '[[links]]\nbetween = ["alice", "bob:eth0"]',
        'L:6: [[links]] between: "bob:eth0" has a cable already, and a NIC takes one',
    ),
    "not a NIC": (
        TWO.replace('"bob"', '"bob:"'),
        'L:4: [[links]] between: found "bob:", expected a NIC such as "bob:eth0"',
    ),
    "a loop of switches": (
        '[switches.s]\n[switches.t]\n[[links]]\nbetween = ["s", "t"]\n[[links]]\nbetween = ["s", "t"]',
        (
            "L:5: [[links]]: s and t are joined already: frames would go round in a loop of switches"
            " for ever; make one of them a router"
        ),
    ),
    "an event on no link": (
        "[hosts.carol]\n" + TWO + '[[events]]\nat = "5s"\ndown = ["alice", "carol"]',
        'L:8: [[events]] down: no link joins "alice" and "carol"',
    ),
    "an event on nobody": (
        TWO + '[[events]]\nat = "5s"\ndown = ["alice", "bobb"]',
        'L:7: [[events]] down: no host, router or switch is named "bobb"; did you mean "bob"?',
    ),
    "an event on a link without that name": (
        TWO + '[[events]]\nat = "5s"\nup = "alice-bbo"',
        'L:7: [[events]] up: no link is named "alice-bbo"; did you mean "alice-bob"?',
    ),
    "an event on one of two links": (
        TWO + '[[links]]\nbetween = ["bob", "alice"]\n[[events]]\nat = "5s"\nup = ["alice", "bob"]',
        'L:9: [[events]] up: 2 links join "alice" and "bob"; give one a name and say that',
    ),
    "an event without a time": (
        TWO + '[[events]]\ndown = ["alice", "bob"]',
        'L:5: [[events]]: found no "at", expected a time such as at = "5s"',
    ),
    "an event without a deed": (
        TWO + '[[events]]\nat = "5s"',
        'L:5: [[events]]: found none, expected one of "up", "down" and "set"',
    ),
    "a change of nothing": (
        TWO + '[[events]]\nat = "5s"\nlink = "alice-bob"\nset = { los = "5%" }',
        'L:8: [[events]] set.los: unknown key "los"; did you mean "loss"?',
    ),
    "a change towards nobody": (
        TWO + '[[events]]\nat = "5s"\nlink = "alice-bob"\nto = "eve"\nset = { loss = "5%" }',
        'L:8: [[events]] to: "eve" is not an end of that link',
    ),
    "a long name": (
        f"[hosts.{'a' * 64}]",
        (
            f'L:1: [hosts.{"a" * 64}]: found the name "{"a" * 20}…", expected at most 63 characters'
            " between dots"
        ),
    ),
    "a change of no link": (
        TWO + '[[events]]\nat = "5s"\nset = { loss = "5%" }',
        'L:5: [[events]]: found no "link", expected link = ["alice", "bob"] or the name of a link',
    ),
    "a program without run": (
        '[hosts.alice]\nprograms = [\n  { start = "2s" },\n]',
        (
            'L:3: [hosts.alice] programs: found a program without "run", expected'
            ' run = "python FILE.py"'
        ),
    ),
    "a program that is not Python": (
        '[hosts.alice]\nprograms = ["curl bob"]',
        (
            'L:2: [hosts.alice] programs: found "curl", expected a command that begins with python,'
            ' such as "python call.py": only Python programs run on a simulated host in this version'
        ),
    ),
    "a script without python": (
        '[hosts.alice]\nprograms = ["call.py --now"]',
        'L:2: [hosts.alice] programs: found "call.py", expected "python call.py --now"',
    ),
    "python without a script": (
        '[hosts.alice]\nprograms = ["python -u"]',
        (
            'L:2: [hosts.alice] programs: found "python -u", expected a script, -m MODULE or -c CODE'
            " after python"
        ),
    ),
    "an open quote": (
        '[hosts.alice]\nprograms = ["python -c \'x"]',
        (
            "L:2: [hosts.alice] programs: found a quote that is not closed, expected a command such"
            ' as "python call.py"'
        ),
    ),
    "a service that is not there": (
        '[hosts.alice]\nservices = ["gopher"]',
        'L:2: [hosts.alice] services: no service "gopher" in this version; known here: http',
    ),
    "routing of a later version": (
        '[routers.r1]\nrouting = ["ospf"]',
        'L:2: [routers.r1] routing: "ospf" is not in this version; leave it out or say "static"',
    ),
    "an unknown preset": (
        '[hosts.alice]\ntcp = "windows"',
        'L:2: [hosts.alice] tcp: found "windows", expected one of "linux", "rfc", "freebsd"',
    ),
    "a TCP setting": (
        '[hosts.alice]\ntcp = { policy = "rfc", sack = "no", rto_mim = "1s", send_buffer = true }',
        (
            "L:2: [hosts.alice] tcp.send_buffer: found true, expected a size such as 1500, 64KiB or"
            ' 1MB\nL:2: [hosts.alice] tcp.sack: found "no", expected true or false\n'
            'L:2: [hosts.alice] tcp.rto_mim: unknown key "rto_mim"; did you mean "rto_min"?'
        ),
    ),
    "text for a number": (
        '[network]\nseed = "7"\n[hosts.a]',
        'L:2: [network] seed: found "7", expected a whole number from 0 to 9223372036854775807',
    ),
    "a small MTU": (
        TWO + "mtu = 576",
        "L:5: [[links]] mtu: found 576, expected a whole number from 1280 to 65535",
    ),
    "single brackets": (
        '[hosts.alice]\n[links]\nbetween = ["alice", "bob"]',
        "L:2: [[links]]: found a table, expected [[links]] tables: double brackets, one for each",
    ),
    "nothing": ("", "L: found no machines, expected at least one [hosts.NAME] table"),
    "not TOML": (
        "[hosts.alice\n",
        "L:1:13: not TOML: expected ']' at the end of a table declaration",
    ),
}


@pytest.mark.once
@pytest.mark.parametrize("name", MISTAKES)
def test_mistake(name: str) -> None:
    text, expected = MISTAKES[name]
    with pytest.raises(LabError) as caught:
        parse_lab(text, "L")
    assert str(caught.value) == expected


def test_all_mistakes_at_once_in_order() -> None:
    with pytest.raises(LabError) as caught:
        parse_lab(TWO + 'delay = 20\nlos = "1%"\n[hosts.carol]\nprogram = "x"', "L")
    assert [line.split()[0] for line in caught.value.mistakes] == ["L:5:", "L:6:", "L:8:"]


def test_files(tmp_path: Path) -> None:
    lab = tmp_path / "lab.toml"
    with pytest.raises(LabError, match=r"lab\.toml: cannot be read: No such file or directory$"):
        read_lab(str(lab))
    lab.write_bytes(b"[hosts.alice]\n# \xff")
    with pytest.raises(
        LabError, match=r"lab\.toml:2: found the octet 0xff, which is not UTF-8, exp"
    ):
        read_lab(str(lab))
    lab.write_text('[hosts.alice]\nprograms = ["python cal.py"]')
    (tmp_path / "call.py").write_text("")
    with pytest.raises(LabError, match=r'no file "cal\.py" in .*; did you mean "call\.py"\?$'):
        read_lab(str(lab))
    (tmp_path / "cal.py").write_text("")
    lab.write_text('[hosts.alice]\nprograms = [{ run = "python -m x", cwd = "cal.py" }]')
    with pytest.raises(
        LabError, match=r'programs\.cwd: found "cal\.py" \(a file in .*\), expected the'
    ):
        read_lab(str(lab))
    lab.write_text('[hosts.alice]\nprograms = [{ run = "python cal.py", cwd = "no" }]')
    with pytest.raises(
        LabError, match=r'programs\.cwd: found "no" \(no such directory in .*\), exp'
    ):
        read_lab(str(lab))
    lab.write_bytes(b'\xef\xbb\xbf[hosts.alice]\r\nprograms = ["python cal.py"]\r\n')
    assert read_lab(str(lab)).folder == str(tmp_path)


VALUES = st.sampled_from(
    ["1", "-1", "1.5", "true", '"x"', '""', "[]", "[1]", '["x"]', "{}", '{ x = 1 }', "[[]]", '"alice"']
    + ['"20ms"', '"1%"', '["alice", "bob"]', '{ bob = "10.0.0.1/8" }', "1979-05-27", "nan", '"\\u0000"']
)  # fmt: skip
LINES = [line for line in WHOLE.splitlines() if line]


@given(st.data())
def test_no_lab_is_too_strange(data: st.DataObject) -> None:
    """Lines left out, and given other values: a description or a LabError, no third thing."""
    gone = data.draw(st.sets(st.integers(0, len(LINES) - 1), max_size=12))
    lines = [line for at, line in enumerate(LINES) if at not in gone]
    for at in data.draw(st.lists(st.integers(0, len(lines) - 1), max_size=4)):
        if "=" in lines[at]:
            lines[at] = lines[at].split("=")[0] + "= " + data.draw(VALUES)
    mistakes = []
    try:
        parse_lab("\n".join(lines), "L")
    except LabError as error:
        mistakes = error.mistakes
    assert all(line.startswith("L:") and "\n" not in line for line in mistakes)
