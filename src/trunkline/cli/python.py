"""`trunkline python`: python's own command line as the main program of a simulated host."""

from __future__ import annotations

import sys
from typing import Final

import click

from trunkline.cli import words
from trunkline.system.errors import Deadlock, Spinning
from trunkline.topology.internet import Internet

HOST: Final = "here"  # the host's name


def run_python(arguments: list[str]) -> int:
    """Run it on this very thread; the exit status is the program's."""
    if not arguments:
        raise click.UsageError(
            "found nothing, expected a script, -m MODULE or -c CODE after python"
        )
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
    sys.stdout.flush()
    return 128 - code if code < 0 else code
