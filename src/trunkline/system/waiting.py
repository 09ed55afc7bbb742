"""What a program that has not ended is doing, in one line: where it waits, and until when.

Read off its stack: the innermost line that is no library's, and the call made there. A program on asyncio
waits in its tasks; of those the first is shown.
"""

from __future__ import annotations

import linecache
import os
import sysconfig
from types import FrameType
from typing import TYPE_CHECKING, Any, Final

from trunkline.base.timers import NEVER
from trunkline.base.units import clock_text
from trunkline.system import real, report

if TYPE_CHECKING:
    from trunkline.system.program import Program
    from trunkline.system.strands import Strand
    from trunkline.system.world import World

SHOWN: Final = 20  # programs
_CODE_SHOWN: Final = 60  # characters of a line of a program
_LIBRARIES: Final = (
    *(sysconfig.get_path(name) + os.sep for name in ("stdlib", "purelib", "platlib")),
    report.OURS,
    "<frozen ",
)


def unfinished(world: World) -> list[str]:
    """A line for each foreground program that has not ended."""
    programs = [p for p in world.programs if not p.done and not p.service]
    lines = [f"{program.name} {doing(program)}" for program in programs[:SHOWN]]
    if len(programs) > SHOWN:
        lines.append(f"and {len(programs) - SHOWN} programs more")
    return lines


def doing(program: Program) -> str:
    """`waits in accept (call.py, line 2: server.accept())`."""
    strand = program.strand
    if strand is None:
        return f"begins at {clock_text(program.timer.deadline)} s"
    if strand.ident == 0:
        return "has not begun"
    more = 0
    places = _places(real.frame_of(strand.ident))
    tasks = [
        task
        for task in report.tasks()
        if not task.done() and getattr(task.get_loop(), "_thread_id", None) == strand.ident
    ]
    if tasks and strand.wait is not None:
        tasks.sort(key=lambda task: _number(task.get_name()))
        places = [_place(frame) for frame in report.awaited(tasks[0])]
        more = len(tasks) - 1
    elif not any(map(_is_own, places)):  # it has returned, and other threads of its have not
        for other in program.system.world.scheduler.strands.values():
            if (
                other.program is program
                and other is not strand
                and not other.daemon
                and other.ident
            ):
                what = _told(other, _places(real.frame_of(other.ident)))
                return f"waits for its thread {other.name}, which {what}"
    return _told(strand, places, more)


_Place = tuple[str, int, str]  # file, line, function


def _told(strand: Strand, places: list[_Place], more: int = 0) -> str:
    verb = "computes" if strand.wait is None else "waits"
    theirs = [at for at, place in enumerate(places) if _is_own(place)]
    if not theirs:
        theirs = [at for at, place in enumerate(places) if not place[0].startswith(report.OURS)]
    text = verb
    if theirs:
        at = theirs[-1]
        file, number, _function = places[at]
        call = places[at + 1][2] if at + 1 < len(places) and strand.wait is not None else ""
        if call and not call.startswith("_"):
            text += f" in {call}"
        code = linecache.getline(file, number).strip()
        if len(code) > _CODE_SHOWN:
            code = code[: _CODE_SHOWN - 1] + "…"
        text += f" ({_shown(file)}, line {number}" + (f": {code})" if code else ")")
    deadline = strand.timer.deadline
    if more:
        text += f", and {more} more of its tasks" if more > 1 else ", and another of its tasks"
    elif strand.wait is not None and deadline != NEVER:
        text += f" until {clock_text(deadline)} s"
    return text


def _places(frame: FrameType | None) -> list[_Place]:
    """The stack from the outside in."""
    places: list[_Place] = []
    while frame is not None:
        places.append(_place(frame))
        frame = frame.f_back
    places.reverse()
    for at, (file, _line, function) in enumerate(places):
        if file == report.START and function == "_main":  # what is above called the simulator
            return places[at + 1 :]
    return places


def _place(frame: FrameType) -> _Place:
    return frame.f_code.co_filename, frame.f_lineno, frame.f_code.co_name


def _is_own(place: _Place) -> bool:
    return not place[0].startswith(_LIBRARIES)


def _shown(file: str) -> str:
    """Relative to where we are, if it is below that."""
    here = real.getcwd() + os.sep
    return file.removeprefix(here)


def _number(name: str) -> Any:
    """Task-10 comes after Task-9."""
    digits = name.rpartition("-")[2]
    return (0, int(digits)) if digits.isdigit() else (1, 0)
