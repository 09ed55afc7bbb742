"""The commands and their options. A user's mistake is one line on standard error, and status 2."""

from __future__ import annotations

import difflib
import os
import sys
from collections.abc import Sequence
from typing import Any, Final, NoReturn

import click

import trunkline
from trunkline.cli import INTERRUPTED, words
from trunkline.topology.mistakes import LabError, TopologyError

# Commands that DESIGN has and this version has not: named, so that nobody looks for a typing error.
_LATER: Final = ("script", "exec", "view")

_PLAIN: Final = {"ignore_unknown_options": True, "allow_interspersed_args": False}


class Group(click.Group):
    """A group that says what it knows when it is asked for something else."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """In the order of what a newcomer needs."""
        return list(self.commands)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Raises UsageError with what is there."""
        name = args[0]
        if name in _LATER:
            raise click.UsageError(f'"{name}" is not in this version')
        if name not in self.commands and not name.startswith("-"):
            near = difflib.get_close_matches(name, self.commands, 1)
            hint = f'did you mean "{near[0]}"?' if near else "there are " + ", ".join(self.commands)
            if name.endswith(".toml"):
                hint = f'did you mean "trunkline run {name}"?'
            elif name.endswith(".py"):
                hint = f'did you mean "trunkline python {name}"?'
            raise click.UsageError(f'there is no command "{name}"; {hint}')
        return super().resolve_command(ctx, args)


@click.group(
    cls=Group, context_settings={"help_option_names": ["-h", "--help"]}, invoke_without_command=True
)
@click.version_option(trunkline.__version__, prog_name="trunkline", message="%(prog)s %(version)s")
@click.pass_context
def app(context: click.Context) -> None:
    """An internet in a Python process: ordinary programs on simulated hosts, in virtual time.

    Begin with `trunkline demo`.
    """
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


class Whole(click.IntRange):
    """A whole number, refused in our words."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Raises UsageError that says what was found and expected."""
        text = str(value)
        if not (text.isascii() and text.isdigit() and int(text) >= (self.min or 0)):
            expected = f"expected a whole number from {self.min} up"
            self.fail(f"found {text!r}, {expected}", param, ctx)
        return int(text)


_SEEING: Final = (
    click.option(
        "--pcap",
        metavar="FILE",
        help="Write every packet to a pcapng file; DIR/ for a file for each NIC.",
    ),
    click.option("--pcap-at", metavar="NODE[:NIC]", help="Capture at this machine or NIC only."),
    click.option(
        "--ladder",
        metavar="[WHICH]",
        help="Draw a conversation as a ladder diagram: the first call, or number 3, alice:bob,"
        " alice:bob:8080, :53; `list` lists them.",
    ),
    click.option(
        "--packet",
        type=Whole(1),
        metavar="N",
        help="Show the journey of packet N through the layers; ladders and Wireshark number them.",
    ),
)


class SeeingCommand(click.Command):
    """A command with `--ladder`, whose word may be missing: the next one is its only if it could be."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """As click, with the missing word put in."""
        from trunkline.cli.seeing import FIRST, is_ladder

        for at, word in enumerate(args):
            if word == "--":
                break
            if word == "--ladder" and not (at + 1 < len(args) and is_ladder(args[at + 1])):
                args[at] = f"--ladder={FIRST}"
        return super().parse_args(ctx, args)


def _seeing(function: Any) -> Any:
    """The options that say what is shown of a run."""
    for option in reversed(_SEEING):
        function = option(function)
    return function


@app.command(cls=SeeingCommand, short_help="Ordinary programs talk across a lossy internet.")
@click.option("--seed", type=Whole(0), metavar="N", help="Another run: other packets get lost.")
@_seeing
def demo(**options: Any) -> int:
    """Ordinary web servers and clients talk across a lossy internet in this process."""
    from trunkline.cli.demonstration import demonstrate

    _repeatable()
    return demonstrate(options)


@app.command(cls=SeeingCommand, short_help="Run a lab: a TOML file of machines and programs.")
@click.argument("lab", metavar="LAB.toml")
@click.option("--seed", type=Whole(0), metavar="N", help="In place of the lab's seed.")
@click.option("--until", metavar="TIME", help="End at this time of the world, such as 30s.")
@_seeing
@click.option(
    "--stdin",
    metavar="HOST",
    help="Give the standard input of this command to the first program of HOST.",
)
@click.option(
    "--prefix",
    is_flag=True,
    help="Begin each line that a program prints with its host's name.",
)
@click.option(
    "--strict/--no-strict",
    default=None,
    help="Cables turn every packet into octets and parse it afresh.",
)
@click.option("--realtime", is_flag=True, hidden=True)
@click.option("--report", hidden=True)
def run(lab: str, realtime: bool, report: str | None, **options: Any) -> int:
    """Run a lab: the machines, links, events and programs of a TOML file.

    The exit status is that of the first program that fails.
    """
    from trunkline.cli.runner import run_lab

    if not lab:
        raise click.UsageError("found an empty name, expected that of a lab file")
    if realtime:
        raise click.UsageError("--realtime is not in this version; time here is virtual")
    if report is not None:
        raise click.UsageError("--report is not in this version; there are --ladder and --packet")
    _repeatable()
    return run_lab(lab, options)


@app.command(
    "python",
    short_help="Python's own command line, on a simulated host.",
    context_settings={**_PLAIN, "help_option_names": ["--help"]},
)
@click.argument(
    "arguments", nargs=-1, type=click.UNPROCESSED, metavar="[SCRIPT | -m MODULE | -c CODE] …"
)
def python_(arguments: tuple[str, ...]) -> int:
    """Python's own command line, as the main program of a simulated host.

    The host has a name and loopback, and nothing else; its time is virtual.
    """
    from trunkline.cli.python import interpreter_options, run_python

    flags, rest = interpreter_options(list(arguments))
    if flags:
        _again([sys.executable, *flags, "-m", "trunkline", "python", *rest])
    _repeatable()
    return run_python(rest)


@app.command(
    short_help="Measure this machine, beside its kernel's loopback.",
    context_settings=_PLAIN,
    options_metavar="",
)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED, metavar="[--quick] [FIGURE]…")
def bench(arguments: tuple[str, ...]) -> int:
    """Measure this machine: packets, round trips, memory; beside its kernel's loopback."""
    from trunkline.bench import main

    _repeatable()
    return int(main(list(arguments)) or 0)


@app.command()
def doctor() -> int:
    """What works here, and the exact remedy for what does not."""
    from trunkline.cli.checkup import checkup

    return checkup()


def command(arguments: Sequence[str]) -> int:
    """Run a command line; the exit status."""
    try:
        status = app.main(list(arguments), prog_name="trunkline", standalone_mode=False)
    except click.ClickException as error:
        words.complain(_one_line(error))
        return 2
    except LabError as error:
        words.tell(str(error))
        return 2
    except TopologyError as error:
        words.complain(str(error))
        return 2
    except (click.Abort, KeyboardInterrupt):
        words.complain("interrupted")
        return INTERRUPTED
    except BrokenPipeError:  # whoever read our output has seen enough
        words.give_up_output()
        return 141
    return status if isinstance(status, int) else 0


def _one_line(error: click.ClickException) -> str:
    """What click has to say, with where help is."""
    text = error.format_message().rstrip(".").replace("\n", " ")
    if not isinstance(error, click.UsageError):
        return text
    context = error.ctx
    if context is not None and context.info_name != "trunkline":
        return f"{context.info_name}: {text} (trunkline {context.info_name} --help)"
    return f"{text} (trunkline --help)"


def _repeatable() -> None:
    """Start again with hashes that do not differ from run to run, if they would."""
    if sys.flags.hash_randomization and not sys.flags.ignore_environment:
        _again(sys.orig_argv)


def _again(arguments: list[str]) -> NoReturn:
    """Become another interpreter, with hashes that are the same every time."""
    sys.stdout.flush()
    sys.stderr.flush()
    os.execve(sys.executable, arguments, {**os.environ, "PYTHONHASHSEED": "0"})
