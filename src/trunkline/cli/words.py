"""What the command line itself says: drawings on standard output, all else on standard error.

A terminal that has no box characters gets plain ones. Colour is click's affair: none into a pipe, and none
where NO_COLOR is set.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, TextIO

import click

_PLAIN: Final = str.maketrans(
    {
        "─": "-", "│": "|", "┬": "+", "┊": ":", "═": "=", "╪": "+", "●": "o", "┐": "+", "┘": "+",
        "┌": "+", "└": "+", "…": "~", "×": "x", "µ": "u", "✓": "+", "✗": "x", "–": "-", "→": ">",
    }
)  # fmt: skip


def complain(text: str) -> None:
    """A mistake or a verdict: `trunkline: …`, a line for each line; a file and place stand for themselves."""
    try:
        sys.stdout.flush()
    except OSError:
        give_up_output()
    for number, line in enumerate(text.splitlines() or [""]):
        prefix = style("trunkline: ", fg="red", bold=True) if number == 0 else ""
        click.echo(prefix + plain(line, sys.stderr), err=True)


def tell(text: str) -> None:
    """Something worth knowing."""
    click.echo(plain(text, sys.stderr), err=True)


def show(text: str) -> None:
    """What was asked for. Raises ClickException where it cannot be written."""
    with _writing():
        click.echo(plain(text, sys.stdout))


def flush() -> None:
    """Write out what programs have said. Raises ClickException where that cannot be."""
    with _writing():
        sys.stdout.flush()


def give_up_output() -> None:
    """Nobody reads standard output, or it takes no more: what it still holds goes nowhere."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def style(text: str, fg: str = "", bold: bool = False) -> str:
    """With colour, unless the person wants none."""
    return text if os.environ.get("NO_COLOR") else click.style(text, fg=fg or None, bold=bold)


def plain(text: str, stream: TextIO) -> str:
    """The text as a stream can write it: with ASCII's signs where it has no others."""
    encoding = getattr(stream, "encoding", None) or "ascii"
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return text.translate(_PLAIN).encode(encoding, "replace").decode(encoding)
    return text


@contextmanager
def _writing() -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:  # whoever read it has seen enough
        raise
    except OSError as error:
        give_up_output()
        wrong = f"standard output cannot be written: {error.strerror}"
        raise click.ClickException(wrong) from None
