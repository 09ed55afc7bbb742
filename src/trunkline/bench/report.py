"""What the rows of `trunkline bench` are: scenarios, peers, targets; run in turn and judged."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from trunkline.base.timers import COMPILED
from trunkline.observe.tables import table

TIMEOUT = 300  # seconds a scenario may take


@dataclass(frozen=True)
class Row:
    """One figure: a scenario of `workers`, and what it is held against.

    `target` is for the figure itself, or for its ratio to `peer` where there is one: `at most` when
    `lower` is better, else `at least`. Targets differ interpreted and compiled.
    """

    name: str
    title: str
    unit: str
    scenario: Sequence[str]
    peer: Sequence[str] | None = None
    peer_title: str = ""
    lower: bool = False
    target_interpreted: float | None = None
    target_compiled: float | None = None
    rounds: int = 5

    @property
    def target(self) -> float | None:
        return self.target_compiled if COMPILED else self.target_interpreted


KIB = 1024.0

ROWS: tuple[Row, ...] = (
    Row(
        "dumbbell-64k",
        "a link packet on the dumbbell, 1 flow, 64 KiB window",
        "µs",
        ("dumbbell", "65536"),
        ("ns3", "65536"),
        "ns-3",
        lower=True,
        target_interpreted=12.0,
        target_compiled=1.5,
    ),
    Row(
        "dumbbell-256k",
        "a link packet on the dumbbell, 1 flow, 256 KiB window",
        "µs",
        ("dumbbell", "262144"),
        ("ns3", "262144"),
        "ns-3",
        lower=True,
        target_interpreted=12.0,
        target_compiled=1.5,
    ),
    Row(
        "echo",
        "64-octet asyncio echo, one loop shared by both hosts",
        "round trips/s",
        ("echo", "shared"),
        ("echo", "kernel"),
        "kernel loopback",
        target_interpreted=0.3,
        target_compiled=1.3,
        rounds=7,
    ),
    Row(
        "echo-strands",
        "64-octet asyncio echo, a strand for each host",
        "round trips/s",
        ("echo", "strands"),
        ("echo", "kernel"),
        "kernel loopback",
        rounds=3,
    ),
    Row(
        "aiohttp",
        "aiohttp GET, 5 octets, one kept-alive connection",
        "GETs/s",
        ("aiohttp", "shared"),
        ("aiohttp", "kernel"),
        "kernel loopback",
        target_compiled=1.0,
    ),
    Row(
        "idle",
        "an idle virtual hour of 100 hosts",
        "s",
        ("idle",),
        lower=True,
        target_interpreted=1.0,
        target_compiled=1.0,
        rounds=3,
    ),
    Row(
        "host-memory",
        "memory of an idle host",
        "KiB",
        ("memory", "hosts"),
        lower=True,
        target_compiled=20.0,
        rounds=3,
    ),
    Row(
        "connection-memory",
        "memory of an established connection, an end",
        "KiB",
        ("memory", "connections"),
        lower=True,
        target_compiled=6.0,
        rounds=3,
    ),
)


@dataclass(frozen=True)
class Figure:
    """What a row came to. `ratio` is None without a peer; `absent` says why a figure is missing."""

    row: Row
    value: float = 0.0
    low: float = 0.0
    high: float = 0.0
    peer: float | None = None
    ratio: float | None = None
    absent: str = ""
    peer_absent: str = ""

    @property
    def met(self) -> bool | None:
        """Whether the target is met; None where there is none, or nothing was measured."""
        target = self.row.target
        if target is None or self.absent:
            return None
        held = self.value if self.row.lower else self.ratio
        if held is None:
            return None
        return held <= target if self.row.lower else held >= target


def measure(row: Row, rounds: int, progress: Callable[[str], None]) -> Figure:
    """Run a row's scenario and its peer in turn, `rounds` times."""
    ours: list[float] = []
    theirs: list[float] = []
    ratios: list[float] = []
    peer_absent = ""
    for number in range(rounds):
        progress(f"{row.name} {number + 1}/{rounds}")
        value, absent = _run(row.scenario)
        if value is None:
            return Figure(row, absent=absent)
        ours.append(value)
        if row.peer is not None and not peer_absent:
            other, peer_absent = _run(row.peer)
            if other is not None:
                theirs.append(other)
                ratios.append(value / other)
    return Figure(
        row,
        statistics.median(ours),
        min(ours),
        max(ours),
        statistics.median(theirs) if theirs else None,
        statistics.median(ratios) if ratios else None,
        peer_absent=peer_absent,
    )


def _run(scenario: Sequence[str]) -> tuple[float | None, str]:
    """A scenario's figure, or None and why there is none."""
    command = [sys.executable, "-m", "trunkline.bench.workers", *scenario]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=TIMEOUT, check=False, cwd=Path.home()
        )
    except subprocess.TimeoutExpired:
        return None, f"no answer in {TIMEOUT} s"
    lines = done.stdout.strip().splitlines()
    if done.returncode != 0 or not lines:
        why = (done.stderr.strip().splitlines() or ["no output"])[-1]
        return None, why
    answer = json.loads(lines[-1])
    return answer.get("value"), answer.get("absent", "")


def render(figures: Sequence[Figure]) -> str:
    """The figures as a table, a row each, with what a reader needs to believe them."""
    rows = []
    for figure in figures:
        row = figure.row
        if figure.absent:
            rows.append([row.name, row.title, "-", "", "", figure.absent])
            continue
        peer = ""
        if figure.peer is not None and figure.ratio is not None:
            peer = f"{row.peer_title} {_number(figure.peer)}: {figure.ratio:.2f}"
        elif figure.peer_absent:
            peer = figure.peer_absent
        verdict = {True: "met", False: "MISSED", None: ""}[figure.met]
        target = ""
        if row.target is not None:
            target = f"{'at most' if row.lower else 'at least'} {row.target:g}"
        spread = f"{_number(figure.low)}-{_number(figure.high)}"
        rows.append(
            [row.name, row.title, f"{_number(figure.value)} {row.unit}", spread, peer]
            + [f"{target} {verdict}".strip()]
        )
    head = ["figure", "what", "median", "range", "peer: median of ratios", "target"]
    build = "compiled" if COMPILED else "interpreted"
    return f"Trunkline {build}, Python {sys.version.split()[0]}\n\n" + table(head, rows)


def _number(value: float) -> str:
    if value >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}"
