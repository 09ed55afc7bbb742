"""The words of a deadlock or spin report: which strand waits where, with the tasks of its event loop."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Iterator, Sequence
from types import FrameType
from typing import TYPE_CHECKING, Any, Final

from trunkline.base.units import clock_text
from trunkline.system import real

if TYPE_CHECKING:
    import asyncio

    from trunkline.system.strands import Strand
    from trunkline.system.world import World

STRANDS_SHOWN: Final = 50
TASKS_SHOWN: Final = 20  # of one event loop
DEEPEST: Final = 100  # frames of one task
OURS: Final = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
START: Final = os.path.join(OURS, "system", "program.py")
_STARTS: Final = (START, os.path.join(OURS, "intercept", "shared.py"))  # a program, a loop for all
_SWITCH: Final = "(TRUNKLINE_WATCHDOG=SECONDS, or 0 for never)"
_ADVICE: Final = (
    f" of real time without waiting for anything, so simulated time stands still {_SWITCH}"
)


def deadlock(world: World) -> str:
    """What a Deadlock says."""
    strands = list(world.scheduler.strands.values())
    waiting = [p.name for p in world.programs if not p.done and not p.service]
    main = world.scheduler.main
    if not waiting and main is not None:
        waiting = [main.name]
    who = ", ".join(waiting) or "nobody"
    verb = "waits" if len(waiting) < 2 else "wait"
    at = clock_text(world.loop.now)
    lines = [f"deadlock at {at} s: nothing is left to happen, and {who} still {verb}"]
    shown = [
        strand for strand in strands if strand is not main or strand.program or main.name != "run"
    ]
    for strand in shown[:STRANDS_SHOWN]:
        lines.extend(_strand(strand))
    if len(shown) > STRANDS_SHOWN:
        lines.append(f"  and {len(shown) - STRANDS_SHOWN} strands more")
    return "\n".join(lines)


def spinning(strand: Strand, limit: float) -> str:
    """What a Spinning says."""
    lines = [f"{strand.where()} has kept the processor for {limit:g} s{_ADVICE}"]
    lines.extend(_strand(strand))
    return "\n".join(lines)


def polling(strand: Strand, limit: float) -> str:
    """What a Spinning says of a strand that only asks whether something is ready."""
    patience = f"{limit:g} s of real time"
    lines = [f"{strand.where()} has polled for {patience}, and nothing can become ready {_SWITCH}"]
    lines.extend(_strand(strand))
    return "\n".join(lines)


def _strand(strand: Strand) -> Iterator[str]:
    service = strand.program is not None and strand.program.service
    main = strand.program is not None and strand.program.strand is strand
    kind = ("service" if service else "program") + ("" if main else ", thread")
    yield f"  {strand.where()} ({kind}), strand {strand.number}:"
    if strand.ident == 0:
        yield "    not started"
        return
    yield from stack(real.frame_of(strand.ident))
    loop_tasks = [t for t in tasks() if getattr(t.get_loop(), "_thread_id", None) == strand.ident]
    for task in loop_tasks[:TASKS_SHOWN]:
        if not task.done():
            yield f"    task {task.get_name()}:"
            yield from stack(None, awaited(task))


def stack(frame: FrameType | None, frames: Sequence[FrameType] = ()) -> Iterator[str]:
    """The lines of a stack, without the simulator's own frames at its end and beginning."""
    summary: list[traceback.FrameSummary]
    if frames:
        summary = list(traceback.StackSummary.extract((f, f.f_lineno) for f in frames))
    elif frame is not None:
        summary = list(traceback.extract_stack(frame))
    else:
        summary = []
    for at, entry in enumerate(summary):
        if entry.filename in _STARTS:  # what lies above called the simulator
            summary = summary[at + 1 :]
            break
    theirs = [entry for entry in summary if not entry.filename.startswith(OURS)]
    if not theirs:
        yield "    (no Python code)"
    for entry in theirs:
        yield f'    File "{entry.filename}", line {entry.lineno}, in {entry.name}'
        if entry.line:
            yield f"      {entry.line}"


def awaited(task: asyncio.Task[Any]) -> list[FrameType]:
    """The frames of a task that waits, from its coroutine to the innermost one that is awaited."""
    frames: list[FrameType] = []
    waiting: Any = task.get_coro()
    while waiting is not None and len(frames) < DEEPEST:
        kind = next((k for k in ("cr", "gi", "ag") if hasattr(waiting, f"{k}_frame")), None)
        if kind is None:
            break
        frame = getattr(waiting, f"{kind}_frame")
        if frame is not None:
            frames.append(frame)
        waiting = getattr(waiting, "gi_yieldfrom" if kind == "gi" else f"{kind}_await")
    return frames


def tasks() -> list[asyncio.Task[Any]]:
    """Every asyncio task of the process."""
    module: Any = sys.modules.get("asyncio.tasks")
    found: list[asyncio.Task[Any]] = []
    for name in ("_all_tasks", "_scheduled_tasks"):
        registry = getattr(module, name, None)
        if registry is not None:
            found.extend(task for task in list(registry) if task not in found)
    return found


def told(error: BaseException) -> traceback.TracebackException:
    """An exception's traceback as it would be on a real machine, where a system call has no Python frames.

    Errors of the system and of text alone are cut short so: of any other kind, our frames may be the news.
    """
    found = traceback.TracebackException.from_exception(error)
    shortened: list[tuple[traceback.TracebackException, BaseException]] = [(found, error)]
    while shortened:
        text, error = shortened.pop()
        if isinstance(error, OSError | UnicodeError):  # the latter where a program prints
            while len(text.stack) > 1 and text.stack[-1].filename.startswith(OURS):
                text.stack.pop()
        for inner, cause in (
            (text.__cause__, error.__cause__),
            (text.__context__, error.__context__),
        ):
            if inner is not None and cause is not None:
                shortened.append((inner, cause))
    return found
