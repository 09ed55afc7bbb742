"""Runs suites of CPython's own tests, natively and as the program of a simulated host, and compares.

A run that dies or says nothing for PATIENCE seconds is taken up behind the test it was in, which counts as
failed. Whatever passes natively must pass inside, but for what `exceptions.toml` names with a reason.
"""

from __future__ import annotations

import fnmatch
import json
import os
import subprocess
import sys
import time
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).resolve().parent
RECORD = HERE / "record.py"
EXCEPTIONS = HERE / "exceptions.toml"
PATIENCE = 90.0  # real seconds without a test that begins or ends
DEATHS = 40  # runs of one suite that may end early

NATIVE = [sys.executable]
INSIDE = [sys.executable, "-m", "trunkline", "python"]


@dataclass
class Outcomes:
    """What became of every test, and what was said of it."""

    of: dict[str, str] = field(default_factory=dict)
    details: dict[str, str] = field(default_factory=dict)
    noise: str = ""  # the end of what the last run printed

    def passed(self) -> set[str]:
        return {test for test, outcome in self.of.items() if outcome == "passed"}


@dataclass(frozen=True)
class Allowed:
    """One entry of the list of exceptions: a pattern over test ids, and why."""

    test: str
    reason: str
    module: str

    def covers(self, test: str) -> bool:
        return fnmatch.fnmatchcase(test, self.test)


def exceptions(module: str) -> list[Allowed]:
    """The entries for one module that hold on this Python."""
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    listed = tomllib.loads(EXCEPTIONS.read_text(encoding="utf-8"))
    return [
        Allowed(f"{name}.{test['test']}", test["reason"], name)
        for name, tests in listed.items()
        for test in tests
        if name == module and version in test.get("python", [version])
    ]


def run(command: list[str], module: str, folder: Path, apart: Sequence[str] = ()) -> Outcomes:
    """Run every test of a module to some end; those with patterns in `apart` in a process of their own.

    What a test that is known to fail leaves behind must not touch the others.
    """
    outcomes = _run(command, module, folder, ["without", *apart])
    if apart:
        others = _run(command, module, folder, ["only", *apart])
        outcomes.of.update(others.of)
        outcomes.details.update(others.details)
    return outcomes


def _run(command: list[str], module: str, folder: Path, choice: list[str]) -> Outcomes:
    record = folder / "record"
    record.write_text("", encoding="utf-8")
    outcomes = Outcomes()
    for _ in range(DEATHS):
        finished, outcomes.noise = _once(
            [*command, str(RECORD), str(record), module, *choice], record
        )
        running = _read(record, outcomes)
        if finished and running is None:  # unittest says the same of a run that was broken off
            break
        if running is None:
            raise RuntimeError(f"{module}: died outside any test\n{outcomes.noise}")
        outcomes.of[running] = "died"
        outcomes.details[running] = outcomes.noise.strip().rpartition("\n")[2]
    return outcomes


def _once(command: list[str], record: Path) -> tuple[bool, str]:
    """One process; whether it came to its end, and the last of what it printed."""
    folder = record.parent
    environment = dict(os.environ, TMPDIR=str(folder), PYTHONHASHSEED="0")
    with open(folder / "output", "w+b") as output:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd=folder,
            env=environment,
        )
        size, since = 0, time.monotonic()
        while process.poll() is None:
            time.sleep(0.05)
            now = record.stat().st_size
            if now != size:
                size, since = now, time.monotonic()
            elif time.monotonic() - since > PATIENCE:
                process.kill()
        output.seek(0, os.SEEK_END)
        output.seek(max(0, output.tell() - 3000))
        noise = output.read().decode(errors="replace")
    # unittest's own end: 0 all passed, 1 some failed (and "Ran …" said), 5 nothing was run.
    return process.returncode in {0, 1, 5} and "\nRan " in noise, noise


def _read(record: Path, outcomes: Outcomes) -> str | None:
    """Take the record in; the test that has begun and not ended."""
    running = None
    for line in record.read_text(encoding="utf-8").splitlines():
        test, outcome, detail = json.loads(line)
        if outcome == "begun":
            running = test
            continue
        running = None
        before = outcomes.of.get(test)
        if before != "failed":  # a test that passed and whose clean-up failed has failed
            outcomes.of[test] = outcome
            outcomes.details[test] = detail
    return running if outcomes.of.get(running or "") != "died" else None


def judge(native: Outcomes, inside: Outcomes, allowed: list[Allowed]) -> list[str]:
    """What is wrong, one line each; nothing if all is well.

    An entry for a test that this machine skips natively may be needed on others.
    """
    wrong = []
    skipped = [test for test, outcome in native.of.items() if outcome == "skipped"]
    needed = {entry for entry in allowed if any(map(entry.covers, skipped))}
    for test in sorted(native.passed()):
        if inside.of.get(test) == "passed":
            continue
        excuses = [entry for entry in allowed if entry.covers(test)]
        needed.update(excuses)
        if not excuses:
            told = inside.details.get(test, "").strip().splitlines()
            wrong.append(
                f"{test}: {inside.of.get(test, 'not run')} inside: {told[-1] if told else ''}"
            )
    for entry in allowed:
        if entry not in needed:
            wrong.append(
                f"{entry.test}: passes inside now, or not natively either;"
                " strike it off tests/acceptance/exceptions.toml"
            )
    return wrong
