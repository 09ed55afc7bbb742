"""Lines of a TOML file: every table, key and element is found where it stands."""

from __future__ import annotations

import tomllib

from hypothesis import given
from hypothesis import strategies as st

from trunkline.topology.places import lines_of

TEXT = '''# a lab
[network]
seed = 7 # "quoted"
title = """two
lines"""

[hosts.alice]
programs = [
    "python a.py",   # [not] a = table
    { run = "python b.py", env = { A = 'x', "B C" = "y" } },
]
tcp.policy = "rfc"

[hosts."www.example"]
[[links]]
between = ["alice", "r1"]
to.r1 = { loss = "1%" }
[[links]]
between = ["r1",
  "bob"]
[links.extra]
x = 1979-05-27 07:32:00
'''


def test_lines() -> None:
    tomllib.loads(TEXT)
    lines = lines_of(TEXT)
    assert lines["network",] == 2
    assert lines["network", "seed"] == 3
    assert lines["network", "title"] == 4
    assert lines["hosts", "alice"] == 7
    assert lines["hosts", "alice", "programs"] == 8
    assert lines["hosts", "alice", "programs", 0] == 9
    assert lines["hosts", "alice", "programs", 1, "run"] == 10
    assert lines["hosts", "alice", "programs", 1, "env", "B C"] == 10
    assert lines["hosts", "alice", "tcp", "policy"] == 12
    assert lines["hosts", "www.example"] == 14
    assert lines["links", 0] == 15
    assert lines["links", 0, "to", "r1", "loss"] == 17
    assert lines["links", 1] == 18
    assert lines["links", 1, "between", 1] == 20
    assert lines["links", 1, "extra", "x"] == 22


def _paths(value: object, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    found = [path] if path else []
    if isinstance(value, dict):
        for key, inner in value.items():
            found += _paths(inner, (*path, key))
    elif isinstance(value, list):
        for at, inner in enumerate(value):
            found += _paths(inner, (*path, at))
    return found


KEY = st.sampled_from(["a", "b-c", '"d e"', "'f.g'", '"h\\u0041\\""', "i . j"])
LEAF = st.sampled_from(
    [
        "1",
        "-2.5e3",
        "true",
        '"x # y"',
        "'it''"[:-1] + "'",
        '"""a\n"b""c"""',
        "'''d\n'e'''",
        "07:32:00",
    ]
)
VALUE = st.recursive(
    LEAF,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda items: "[\n " + ", # no\n ".join(items) + "\n]"),
        st.lists(inner, max_size=2).map(
            lambda items: "{ " + ", ".join(f"k{n} = {item}" for n, item in enumerate(items)) + " }"
        ),
    ),
    max_leaves=6,
)
TABLE = st.lists(st.tuples(KEY, VALUE), max_size=3).map(
    lambda pairs: "".join(f"n{n}.{key} = {value}\n" for n, (key, value) in enumerate(pairs))
)


@given(st.lists(st.tuples(st.booleans(), TABLE), max_size=4))
def test_whatever_tomllib_reads_has_a_line(tables: list[tuple[bool, str]]) -> None:
    text = ""
    for number, (many, body) in enumerate(tables):
        text += (f"[[rows]]\n{body}[rows.inner]\n" if many else f"[t{number}.u]\n") + body + "\n"
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return
    lines = lines_of(text)
    for path in _paths(values):
        assert 1 <= lines[path] <= text.count("\n") + 1, path
