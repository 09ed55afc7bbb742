"""What the rows of `trunkline bench` are: scenarios, peers, targets; run in turn and judged."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from trunkline.base.timers import COMPILED
from trunkline.observe.tables import clipped, table

TIMEOUT = 300  # seconds a scenario may take
WIDTH = 100  # columns of a report


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
        "processor time of a link packet on the dumbbell: 1 flow, 64 KiB window",
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
        "processor time of a link packet on the dumbbell: 1 flow, 256 KiB window",
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
        "64-octet asyncio echo, round trips a second, one loop shared by both hosts",
        "rt/s",
        ("echo", "shared"),
        ("echo", "kernel"),
        "kernel",
        target_interpreted=0.3,
        target_compiled=1.3,
        rounds=7,
    ),
    Row(
        "echo-strands",
        "64-octet asyncio echo, round trips a second, a strand for each host",
        "rt/s",
        ("echo", "strands"),
        ("echo", "kernel"),
        "kernel",
        rounds=3,
    ),
    Row(
        "aiohttp",
        "aiohttp GETs a second of 5 octets, one kept-alive connection",
        "GETs/s",
        ("aiohttp", "shared"),
        ("aiohttp", "kernel"),
        "kernel",
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
        "memory of an idle host on a switch, its cable and names included",
        "KiB",
        ("memory", "hosts"),
        lower=True,
        target_compiled=20.0,
        rounds=3,
    ),
    Row(
        "connection-memory",
        "memory of an end of an established connection, socket and descriptor included",
        "KiB",
        ("memory", "connections"),
        lower=True,
        target_compiled=6.0,
        rounds=3,
    ),
)


@dataclass(frozen=True)
class Figure:
    """What a row came to. `ratio` is None without a peer; `absent` says why a figure is missing.

    `failed`: our own scenario did not come through, which is worse than a target that was missed.
    """

    row: Row
    value: float = 0.0
    low: float = 0.0
    high: float = 0.0
    peer: float | None = None
    ratio: float | None = None
    absent: str = ""
    peer_absent: str = ""
    failed: bool = False

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
    """Run a row's scenario and its peer in turn, `rounds` times. A peer that is missing is left out."""
    ours: list[float] = []
    theirs: list[float] = []
    ratios: list[float] = []
    peer_absent = ""
    for number in range(rounds):
        progress(f"{row.name} {number + 1}/{rounds}")
        value, absent, failed = _run(row.scenario)
        if value is None:
            return Figure(row, absent=absent, failed=failed)
        ours.append(value)
        if row.peer is not None and not peer_absent:
            progress(f"{row.name} {number + 1}/{rounds}, {row.peer_title}")
            other, peer_absent, _ = _run(row.peer)
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


def _run(scenario: Sequence[str]) -> tuple[float | None, str, bool]:
    """A scenario's figure, or None, why there is none, and whether that is a failure."""
    command = [sys.executable, "-m", "trunkline.bench.workers", *scenario]
    # This very package, from a directory that shadows none of its modules.
    package = str(Path(__file__).resolve().parents[2])
    known = os.environ.get("PYTHONPATH")
    paths = {"PYTHONPATH": package + os.pathsep + known if known else package}
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=TIMEOUT,
            check=False,
            cwd=tempfile.gettempdir(),
            env={**os.environ, **paths},
        )
    except subprocess.TimeoutExpired:
        return None, f"no answer in {TIMEOUT} s", True
    lines = done.stdout.strip().splitlines()
    if done.returncode != 0 or not lines:
        return None, (done.stderr.strip().splitlines() or ["no output"])[-1], True
    answer = json.loads(lines[-1])
    return answer.get("value"), answer.get("absent", ""), False


def render(figures: Sequence[Figure]) -> str:
    """The figures as a table, a row each, and below it what each figure is; at most WIDTH columns."""
    rows = []
    notes = []
    for figure in figures:
        row = figure.row
        notes.append(f"{row.name}: {row.title}")
        if figure.absent:
            notes.append(f"    {'FAILED' if figure.failed else 'not measured'}: {figure.absent}")
            rows.append([row.name, "FAILED" if figure.failed else "-"])
            continue
        beside = ratio = ""
        if figure.peer is not None and figure.ratio is not None:
            beside = f"{row.peer_title} {_number(figure.peer)}"
            ratio = f"{figure.ratio:.3g}"
        elif figure.peer_absent:
            notes.append(f"    nothing beside it: {figure.peer_absent}")
        target = ""
        if row.target is not None:
            target = f"at most {row.target:g}" if row.lower else f"at least {row.target:g} x"
        verdict = {True: "met", False: "MISSED", None: ""}[figure.met]
        spread = f"{_number(figure.low)} to {_number(figure.high)}"
        value = f"{_number(figure.value)} {row.unit}"
        rows.append([row.name, value, spread, beside, ratio, target, verdict])
    head = ["figure", "median", "range", "beside it", "ratio", "target", ""]
    build = "compiled" if COMPILED else "interpreted"
    title = (
        f"Trunkline {build}, Python {sys.version.split()[0]}; ratio: the median of ratios in turn"
    )
    return "\n".join([title, "", table(head, rows), "", *[clipped(note, WIDTH) for note in notes]])


def _number(value: float) -> str:
    if value >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}"
