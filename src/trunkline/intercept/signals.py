"""Signals of a simulated program: handlers of its own, which run in its main strand.

`Program.send_signal` is the kill(2) of this world; alarms fire in its time. Outside programs, and on a loop
that hosts share, signals are the process's.
"""

from __future__ import annotations

import signal
from collections.abc import Callable
from typing import Any, Final

from trunkline.base.timers import NEVER, Timer, TimerOwner
from trunkline.sockets.errors import failure
from trunkline.system.blocking import this_strand
from trunkline.system.descriptors import FIRST_DESCRIPTOR
from trunkline.system.errors import EscapeRefused
from trunkline.system.program import Program
from trunkline.system.strands import Strand, Wait, current_strand

Real = Callable[..., Any]
_SECOND: Final = 1_000_000_000
LAST_SIGNAL: Final = 64


class Alarm(TimerOwner):
    """A program's ITIMER_REAL."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.timer = Timer(self, 0)
        self.interval = 0

    def on_timer(self, kind: int, now: int) -> None:
        """SIGALRM, and again after the interval."""
        if self.program.done:
            return
        if self.interval:
            self.program.system.world.loop.timers.arm(self.timer, now + self.interval)
        self.program.send_signal(signal.SIGALRM)

    def set(self, delay: int, interval: int) -> tuple[int, int]:
        """Set it, 0 for off; returns what was left and the old interval."""
        old = self.left()
        self.interval = interval
        if delay:
            loop = self.program.system.world.loop
            loop.timers.arm(self.timer, loop.now + delay)
        else:
            self.timer.deadline = NEVER
        return old

    def left(self) -> tuple[int, int]:
        """Nanoseconds until it fires, and its interval."""
        deadline = self.timer.deadline
        return (0 if deadline == NEVER else deadline - self.program.system.world.loop.now), (
            self.interval
        )


def _program() -> Program | None:
    strand = current_strand()
    return None if strand is None else strand.program


def _alarm(program: Program) -> Alarm:
    alarm = program.names.get("alarm")
    if alarm is None:
        alarm = program.names["alarm"] = Alarm(program)
    assert isinstance(alarm, Alarm)
    return alarm


def _check(number: Any) -> int:
    value = int(number)
    if not 1 <= value <= LAST_SIGNAL:
        raise ValueError("signal number out of range")
    return value


def _main_only(program: Program, what: str) -> None:
    if current_strand() is not program.strand:
        raise ValueError(f"{what} only works in main thread of the main interpreter")


def set_handler(real: Real, number: Any, handler: Any) -> Any:
    """signal.signal."""
    program = _program()
    if program is None:
        return real(number, handler)
    _main_only(program, "signal")
    value = _check(number)
    if not callable(handler) and handler not in {signal.SIG_IGN, signal.SIG_DFL}:
        raise TypeError(
            "signal handler must be signal.SIG_IGN, signal.SIG_DFL, or a callable object"
        )
    if value in {signal.SIGKILL, signal.SIGSTOP}:
        raise failure("EINVAL")
    old = get_handler(real, value)
    program.signals[value] = handler
    return old


def get_handler(real: Real, number: Any) -> Any:
    """signal.getsignal."""
    program = _program()
    if program is None:
        return real(number)
    value = _check(number)
    default = signal.default_int_handler if value == signal.SIGINT else signal.SIG_DFL
    return program.signals.get(value, default)


def set_wakeup_fd(real: Real, descriptor: Any, *, warn_on_full_buffer: bool = True) -> Any:
    """signal.set_wakeup_fd."""
    program = _program()
    if program is None:
        return real(descriptor, warn_on_full_buffer=warn_on_full_buffer)
    _main_only(program, "set_wakeup_fd")
    if descriptor != -1:
        if descriptor < FIRST_DESCRIPTOR:
            raise EscapeRefused(1, f"set_wakeup_fd: {descriptor} is a real descriptor")
        description = program.system.world.descriptors.get(descriptor)
        if not description.nonblocking:
            raise ValueError(f"the fd {descriptor} must be in non-blocking mode")
    old, program.wakeup = program.wakeup, descriptor
    return old


def siginterrupt(real: Real, number: Any, flag: Any) -> Any:
    """signal.siginterrupt: calls are always taken up again (PEP 475)."""
    program = _program()
    if program is None:
        return real(number, flag)
    _check(number)
    return None


def raise_signal(real: Real, number: Any) -> Any:
    """signal.raise_signal."""
    program = _program()
    return real(number) if program is None else _send(program, _check(number))


def interrupt_main(real: Real, number: Any = signal.SIGINT) -> Any:
    """_thread.interrupt_main: nothing, where no handler is set."""
    program = _program()
    if program is None:
        return real(number)
    value = _check(number)
    return _send(program, value) if callable(get_handler(real, value)) else None


def pthread_kill(real: Real, thread: Any, number: Any) -> Any:
    """signal.pthread_kill: whatever thread it is, the main one handles it."""
    program = _program()
    if program is None:
        return real(thread, number)
    return _send(program, int(number)) if number else None


def kill(real: Real, pid: Any, number: Any) -> Any:
    """os.kill: only programs of the same machine are there."""
    program = _program()
    if program is None:
        return real(pid, number)
    for other in program.system.programs:
        if other.pid == pid and not other.done:
            return _send(other, int(number)) if number else None
    raise ProcessLookupError(3, "No such process")


def killpg(real: Real, group: Any, number: Any) -> Any:
    """os.killpg: a program is a group of its own."""
    program = _program()
    if program is None:
        return real(group, number)
    if group in {0, program.pid}:
        return _send(program, int(number)) if number else None
    return kill(real, group, number)


def exit_now(real: Real, status: Any) -> Any:
    """os._exit: the program alone ends; one on the calling thread takes the process with it, as ever."""
    return _end_now(int(status) & 0xFF) if _ends_alone() else real(status)


def abort(real: Real) -> Any:
    """os.abort: the same, as the signal would."""
    return _end_now(-signal.SIGABRT) if _ends_alone() else real()


def _ends_alone() -> bool:
    """Whether the caller is a program whose main strand has a thread of its own."""
    program = _program()
    return program is not None and program.strand is not None and program.strand.body is not None


def _end_now(status: int) -> None:
    program = _program()
    assert program is not None
    program.exit_code = status
    program.kill()
    _end_if_doomed(current_strand())


def _send(program: Program, number: int) -> None:
    program.send_signal(number)
    strand = current_strand()
    if strand is not None and strand is program.strand and strand.interrupts:
        strand.interrupts = False
        program.handle_signals()
    _end_if_doomed(strand)


def _end_if_doomed(strand: Strand | None) -> None:
    if strand is not None and strand.doomed:
        strand.scheduler.park(Wait(strand))


def getpid(real: Real) -> Any:
    """os.getpid: of the program, the same in every run."""
    program = _program()
    return real() if program is None else program.pid


def getppid(real: Real) -> Any:
    """os.getppid."""
    return real() if _program() is None else 1


def setitimer(real: Real, which: Any, seconds: Any, interval: Any = 0.0) -> Any:
    """signal.setitimer: ITIMER_REAL in the world's time; the others never run out."""
    program = _program()
    if program is None:
        return real(which, seconds, interval)
    if which != signal.ITIMER_REAL:
        return 0.0, 0.0
    if seconds < 0 or interval < 0:
        raise signal.ItimerError(22, "Invalid argument")
    left, old = _alarm(program).set(int(seconds * _SECOND), int(interval * _SECOND))
    return left / _SECOND, old / _SECOND


def getitimer(real: Real, which: Any) -> Any:
    """signal.getitimer."""
    program = _program()
    if program is None:
        return real(which)
    if which != signal.ITIMER_REAL:
        return 0.0, 0.0
    left, interval = _alarm(program).left()
    return left / _SECOND, interval / _SECOND


def alarm(real: Real, seconds: Any) -> Any:
    """signal.alarm."""
    program = _program()
    if program is None:
        return real(seconds)
    left, _interval = _alarm(program).set(int(seconds) * _SECOND, 0)
    return -(-left // _SECOND)


def pause(real: Real) -> Any:
    """signal.pause."""
    program = _program()
    if program is None:
        return real()
    strand = this_strand()
    wait = Wait(strand)
    program.names.setdefault("pauses", []).append(wait)
    strand.scheduler.park(wait)
    return None
