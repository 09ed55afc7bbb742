"""What the command line itself says, on standard error: programs' own output is standard output's."""

from __future__ import annotations

import sys

import click


def complain(text: str) -> None:
    """A mistake or a verdict: `trunkline: …`, a line for each line; a file and place stand for themselves."""
    sys.stdout.flush()
    for number, line in enumerate(text.splitlines() or [""]):
        prefix = click.style("trunkline: ", fg="red", bold=True) if number == 0 else ""
        click.echo(prefix + line, err=True)


def tell(text: str) -> None:
    """Something worth knowing."""
    click.echo(text, err=True)
