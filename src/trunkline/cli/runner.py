"""Runs a lab: builds its world, lets it go, shows what was asked for, and says how it ended."""

from __future__ import annotations

from time import monotonic
from typing import Any, Final

import click

from trunkline.base import units
from trunkline.base.timers import NEVER
from trunkline.base.units import clock_text
from trunkline.cli import INTERRUPTED, seeing, streams, words
from trunkline.cli.progress import Progress
from trunkline.cli.summary import summary
from trunkline.services.registry import SERVICES, service_mistake
from trunkline.system import waiting
from trunkline.system.errors import Deadlock, Interrupted, Spinning
from trunkline.system.program import Program
from trunkline.topology.description import Description
from trunkline.topology.internet import Internet
from trunkline.topology.lab import read_lab
from trunkline.topology.watch import Drops

KILLED: Final = -9  # what a program that was ended from outside exits with
_NO_INPUT: Final = "EOF when reading a line"  # what input() raises
WORLD_STOPPED: Final = 1  # exit status of a run that could not go on


def run_lab(path: str, options: dict[str, Any]) -> int:
    """`trunkline run`. Raises LabError, TopologyError and ClickException for what the user got wrong."""
    description = read_lab(path)
    until = description.until
    if options.get("until") is not None:
        try:
            until = units.duration(options["until"])
        except ValueError as error:
            raise click.BadParameter(str(error), param_hint="--until") from None
    return run_description(description, until, options)


def run_description(description: Description, until: int | None, options: dict[str, Any]) -> int:
    """Run a world to its end; the exit status."""
    check_services(description)
    description = streams.furnished(description, options)
    views = seeing.Views(options)
    began = monotonic()
    drops = Drops()
    with Progress(until, streams.typed(options)) as progress:
        net = Internet.from_description(description, options.get("seed"), options.get("strict"))
        net.watch(drops)
        try:
            views.open(net)
            progress.net = net
            verdict, status, unfinished = _go(net, until)
            wall = monotonic() - began
            failed = net.world.failed.copy()
            if verdict:  # it says who was ended, and why
                failed = [program for program in failed if program.exit_code != KILLED]
            views.close(net)
        except BaseException:
            net.close()
            raise
        if status != INTERRUPTED:  # whoever interrupts does not wait for programs to unwind
            net.close()
    views.show()
    words.flush()
    for line in summary(net, drops, wall):
        words.tell(line)
    views.tell()
    for line in unfinished:
        words.tell(f"unfinished at {clock_text(net.loop.now)} s: {line}")
    for program in failed:
        words.complain(_failure(program))
    if verdict:
        words.complain(verdict)
    wrong = views.mistake()
    if wrong:
        words.complain(wrong)
        status = status or 2
    if failed and not status:
        code = failed[0].exit_code or 1
        status = 128 - code if code < 0 else code
    return status


def check_services(description: Description) -> None:
    """Raises ClickException with one line where a service lacks a library."""
    modules = {service.module: service.name for service in SERVICES.values()}
    for machine in description.machines:
        for program in machine.programs:
            if len(program.command) > 2 and program.command[2] in modules:
                wrong = service_mistake(modules[program.command[2]])
                if wrong:
                    raise click.ClickException(wrong)


def _go(net: Internet, until: int | None) -> tuple[str, int, list[str]]:
    """Let the world run: what stopped it before its end, if anything did, the status for that, and a line
    for each program that has not ended.
    """
    try:
        net.settle()
        net.world.run(NEVER if until is None else until, raising=False)
    except (Deadlock, Spinning) as error:
        return str(error), WORLD_STOPPED, []  # the verdict says who waits
    except KeyboardInterrupt as error:
        unfinished = error.unfinished if isinstance(error, Interrupted) else []
        when = clock_text(net.loop.now)
        return f"interrupted at {when} s of the world", INTERRUPTED, unfinished
    return "", 0, waiting.unfinished(net.world)


def _failure(program: Program) -> str:
    """One line about a program that failed; its traceback has been printed."""
    error = program.exception
    if error is None:
        return f"{program.name}: ended with status {program.exit_code}"
    text = str(error).partition("\n")[0]
    line = f"{program.name}: raised {type(error).__name__}" + (f": {text}" if text else "")
    given = program.surroundings is not None and program.surroundings.stdin
    if type(error) is EOFError and text == _NO_INPUT and not given:
        line += f'; give it stdin = "…" in the lab, or run with --stdin {program.system.name}'
    return line
