"""Standard streams of a lab's programs: whose input the command's own is, and whose lines are whose."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import click

from trunkline.topology.description import Description, Machine, Program
from trunkline.topology.mistakes import suggestion


def furnished(description: Description, options: dict[str, Any]) -> Description:
    """The description with what `--stdin` and `--prefix` ask for. Raises UsageError."""
    if options.get("stdin"):
        description = _with_input(description, options["stdin"])
    if options.get("prefix"):
        machines = [_with_prefixes(machine) for machine in description.machines]
        description = replace(description, machines=tuple(machines))
    return description


def typed(options: dict[str, Any]) -> bool:
    """Whether a program reads what somebody types."""
    return bool(options.get("stdin")) and _terminal()


def _terminal() -> bool:
    return sys.stdin is not None and sys.stdin.isatty()


def _with_input(description: Description, name: str) -> Description:
    """The first program of a machine that is no service gets this command's standard input."""
    runs = {
        machine.name: machine
        for machine in description.machines
        if any(not program.service for program in machine.programs)
    }
    if name not in runs:
        raise click.BadParameter(
            f'no machine "{name}" runs a program{suggestion(name, runs)}', param_hint="--stdin"
        )
    given: bytes | None = None
    if _terminal():
        # Somebody types: the world stands still meanwhile, and nobody is to be blamed for it.
        os.environ.setdefault("TRUNKLINE_WATCHDOG", "0")
    else:
        given = b"" if sys.stdin is None else sys.stdin.buffer.read()
    first = next(program for program in runs[name].programs if not program.service)

    def change(program: Program) -> Program:
        return replace(program, stdin=given) if program is first else program

    machines = [_changed(machine, change) for machine in description.machines]
    return replace(description, machines=tuple(machines))


def _with_prefixes(machine: Machine) -> Machine:
    """Each program's lines begin with the machine's name, numbered where it runs several."""
    prefixes = iter(
        [f"{machine.name}: "]
        if len(machine.programs) == 1
        else [f"{machine.name} {number}: " for number in range(1, len(machine.programs) + 1)]
    )
    return _changed(machine, lambda program: replace(program, prefix=next(prefixes)))


def _changed(machine: Machine, change: Callable[[Program], Program]) -> Machine:
    return replace(machine, programs=tuple([change(program) for program in machine.programs]))
