"""`trunkline python`: python's own command line as the main program of a simulated host."""

from __future__ import annotations

import os
import re
import sys
from typing import Final

import click

from trunkline.cli import words
from trunkline.system.errors import Deadlock, Spinning
from trunkline.topology.internet import Internet

HOST: Final = "here"  # the host's name

# Options of the interpreter itself, which is started anew with them. Those that hide the environment
# (-E, -I, -s, -S) are left to the simulation, which hides its own part of it.
_FLAGS: Final = re.compile(r"-[bBdOquvx]+$")
_WITH_VALUE: Final = re.compile(r"-([WX])(.*)$")


def run_python(arguments: list[str]) -> int:
    """Run it on this very thread; the exit status is the program's."""
    if arguments[:1] in (["-V"], ["--version"], ["-VV"]):
        click.echo(f"Python {sys.version if arguments[0] == '-VV' else sys.version.split()[0]}")
        return 0
    if arguments[:1] in ([], ["-"]):
        arguments = ["-c", _standard_input(), *arguments[1:]]
    script = arguments[0]
    if not script.startswith("-") and not os.path.exists(script):
        raise click.UsageError(f"can't open file '{script}': No such file or directory")
    with Internet() as net:
        host = net.host(HOST)
        try:
            program = net.world.run_here(host.system, ["python", *arguments])
        except ValueError as error:
            raise click.UsageError(str(error)) from None
        except (Deadlock, Spinning) as error:
            words.complain(str(error))
            return 1
    code = program.exit_code or 0
    words.flush()
    return 128 - code if code < 0 else code


def interpreter_options(arguments: list[str]) -> tuple[list[str], list[str]]:
    """The options that are the interpreter's own, and the rest."""
    at = 0
    while at < len(arguments):
        valued = _WITH_VALUE.match(arguments[at])
        if valued is not None:
            at += 1 if valued[2] else 2
        elif _FLAGS.match(arguments[at]):
            at += 1
        else:
            break
    return arguments[:at], arguments[at:]


def _standard_input() -> str:
    """The program, where it comes that way. Raises UsageError for a terminal."""
    if sys.stdin is None or sys.stdin.isatty():
        raise click.UsageError(
            "found nothing, expected a script, -m MODULE or -c CODE after python"
        )
    return sys.stdin.read()
