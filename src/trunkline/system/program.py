"""A program: what a process is on a real machine, as far as Python programs can tell.

Its target is a coroutine function (it gets an event loop of its own), a function, or a command line
(`["python", "serve.py", "--port", "80"]`, `["-m", "http.server"]`, `["-c", "..."]`). Its first strand is the main
thread in its own eyes. After the target returns, its other threads that are no daemons end, then what it
registered with `atexit` runs, then it is done.

Left out on purpose: modules of one's own. Programs share every module but `__main__`, as threads do.
"""

from __future__ import annotations

import inspect
import signal
import sys
import threading
import traceback
import types
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final

from trunkline.base.timers import Timer, TimerOwner
from trunkline.base.units import clock_text
from trunkline.system import real, report, waiting
from trunkline.system.errors import StrandExit, WorldError
from trunkline.system.mainthread import MainThread
from trunkline.system.stage import Stage, Surroundings
from trunkline.system.strands import Strand, Wait

if TYPE_CHECKING:
    from trunkline.system.system import System

_HARMLESS: Final = frozenset(
    getattr(signal, name) for name in ("SIGCHLD", "SIGCONT", "SIGURG", "SIGWINCH")
)

Target = Callable[..., Any] | Sequence[str]


class Program(TimerOwner):
    """A program on a simulated machine: the handle that `start` gives back."""

    def __init__(
        self, system: System, target: Target, arguments: Sequence[Any], service: bool, number: int
    ) -> None:
        self.system = system
        self.target = target
        self.arguments = tuple(arguments)
        self.service = service
        self.pid = number
        self.timer = Timer(self, 0)
        self.strand: Strand | None = None
        self.stage: Stage | None = None
        self.done = False
        self.exit_code: int | None = None
        self.started = False
        self.exits: list[tuple[Callable[..., object], tuple[Any, ...], dict[str, Any]]] = []
        self.signals: dict[int, Any] = {}  # number -> handler
        self.pending: list[int] = []  # signals that wait for the main strand
        self.wakeup: int = -1  # descriptor of signal.set_wakeup_fd
        self.surroundings: Surroundings | None = None
        self.default_timeout: float | None = None  # socket.setdefaulttimeout
        self.main_thread: MainThread | None = None
        self.names: dict[str, Any] = {}  # what else is the program's own, by owner's name
        self._result: Any = None
        self._exception: BaseException | None = None

    # ------------------------------------------------------------ the handle

    @property
    def result(self) -> Any:
        """What the target returned. Raises its exception, or RuntimeError if it did not come to its end."""
        if self._exception is not None:
            raise self._exception
        if not self.done:
            now = clock_text(self.system.world.loop.now)
            raise RuntimeError(
                f"{self.name} has not ended yet: at {now} s it {waiting.doing(self)}"
            )
        if self.exit_code is None or self.exit_code < 0:
            raise RuntimeError(f"{self.name} was ended before it returned")
        return self._result

    @property
    def exception(self) -> BaseException | None:
        """What the target raised, None if nothing."""
        return self._exception

    @property
    def name(self) -> str:
        """`alice: dial`."""
        return f"{self.system.name}: {self.title}"

    @property
    def title(self) -> str:
        """The target in one word or line."""
        if callable(self.target):
            target = self.target
            return str(getattr(target, "__name__", None) or type(target).__name__)
        return " ".join(self.target)

    def __repr__(self) -> str:
        state = "ended" if self.done else "running" if self.started else "waiting to start"
        return f"<Program {self.name}, {state}>"

    # ------------------------------------------------------------ its life

    def on_timer(self, kind: int, now: int) -> None:
        """The time to start."""
        self.begin()

    def begin(self) -> None:
        """Make its main strand runnable."""
        scheduler = self.system.world.scheduler
        self.started = True
        self.strand = scheduler.new(self.system, self, self.title, self._main)
        self.strand.daemon = False
        self.stage = self._stage(scheduler.base)
        scheduler.ready(self.strand)

    def kill(self) -> None:
        """End every strand of the program as SIGKILL would: nothing of it runs on."""
        self.system.world.unwind([self])

    def run_here(self) -> None:
        """Run the program on the calling thread, which has been adopted as its main strand."""
        scheduler = self.system.world.scheduler
        self.started = True
        self.stage = self._stage(scheduler.base)
        scheduler.show(self.stage)
        self._main()

    def _main(self) -> None:
        """The main strand, from the first line to the exit code."""
        strand = self.strand
        assert strand is not None
        thread = MainThread(self.system.name)
        if real.get_ident() != threading._main_thread.ident:  # type: ignore[attr-defined]
            self.main_thread = thread
            thread.begin()
        try:
            try:
                self._result = self._call()
                self.exit_code = 0
            except SystemExit as error:
                self.exit_code = self._code(error)
            except StrandExit:
                self.exit_code = -9 if self.exit_code is None else self.exit_code
                raise
            except (
                WorldError
            ) as error:  # a verdict on the world, raised where the main thread parks
                self.exit_code = 1
                self._exception = error
            except BaseException as error:
                self.exit_code = 1
                self._exception = error
                if not callable(self.target):
                    self._print(error)
            self._end_threads(strand)
            self._run_exits()
        except StrandExit:
            pass
        finally:
            if self.main_thread is not None:
                thread.end()
            self.finish()

    def finish(self) -> None:
        """The program is over."""
        if not self.done:
            self.done = True
            self.system.world.ended(self)

    def _call(self) -> Any:
        target = self.target
        if not callable(target):
            return self._command()
        if inspect.iscoroutinefunction(target):
            import asyncio

            return asyncio.run(target(*self.arguments))
        outcome = target(*self.arguments)
        if inspect.iscoroutine(outcome):
            import asyncio

            return asyncio.run(outcome)
        return outcome

    def _code(self, error: SystemExit) -> int:
        if error.code is None:
            return 0
        if isinstance(error.code, int):
            return error.code
        sys.stderr.write(f"{error.code}\n")
        return 1

    def _print(self, error: BaseException) -> None:
        trace = error.__traceback__
        while trace is not None and trace.tb_frame.f_globals.get("__name__") in {
            __name__,
            "runpy",
            "trunkline.system.command",
        }:
            trace = trace.tb_next
        told = report.told(error.with_traceback(trace))
        sys.stderr.write("".join(told.format()))

    # ------------------------------------------------------------ signals

    def send_signal(self, number: int) -> None:
        """As kill(2): the handler runs in the main strand, or the default action happens."""
        handler = self.signals.get(number, signal.SIG_DFL)
        if number == signal.SIGINT and number not in self.signals:
            handler = signal.default_int_handler
        if handler is signal.SIG_IGN or (handler is signal.SIG_DFL and number in _HARMLESS):
            return
        strand = self.strand
        if strand is None or self.done:
            return
        if handler is signal.SIG_DFL or number == signal.SIGKILL:
            self.exit_code = -number
            self.kill()
            return
        self.pending.append(number)
        if self.wakeup >= 0:
            self.system.world.wake_descriptor(self.wakeup, number)
        strand.interrupts = True
        if strand.wait is not None:
            strand.scheduler.ready(strand)

    def handle_signals(self) -> None:
        """In the main strand: run the handlers of signals that have come."""
        while self.pending:
            number = self.pending.pop(0)
            handler = self.signals.get(number, signal.default_int_handler)
            if callable(handler):
                handler(number, sys._getframe(1))

    # ------------------------------------------------------------ after main returns

    def _end_threads(self, strand: Strand) -> None:
        """Wait for the threads that are no daemons; a pool's are told that no work will come."""
        import concurrent.futures.thread as pools

        scheduler = self.system.world.scheduler
        while True:
            others = [
                other
                for other in scheduler.strands.values()
                if other.program is self and other is not strand and not other.daemon
            ]
            if not others:
                return
            idents = {other.ident for other in others}
            for thread, queue in list(pools._threads_queues.items()):
                if thread.ident in idents:
                    arguments: Any = getattr(thread, "_args", None) or (None,)
                    executor = arguments[0]() if callable(arguments[0]) else None
                    if executor is not None:
                        executor.shutdown(wait=False)
                    else:
                        queue.put(None)
            wait = Wait(strand)
            others[0].handlers.append(wait.wake)
            scheduler.park(wait)

    def _run_exits(self) -> None:
        while self.exits:
            function, arguments, named = self.exits.pop()
            try:
                function(*arguments, **named)
            except SystemExit as error:
                self.exit_code = self._code(error)
            except Exception as error:
                sys.stderr.write(f"Exception ignored in atexit callback {function!r}:\n")
                traceback.print_exception(error)
        for stream in (sys.stdout, sys.stderr):
            try:
                stream.flush()
            except (OSError, ValueError):
                pass

    # ------------------------------------------------------------ command lines

    def _stage(self, base: Stage) -> Stage:
        from trunkline.system import command

        if self.system.world.scheduler.stage is base:
            base.keep()  # streams and directory may have changed since the world was made
        stage = base.copy()
        stage.environ = self.system.environment
        if not callable(self.target):
            stage.argv = command.arguments_of(list(self.target))
            stage.main = types.ModuleType("__main__")
            stage.open_outlets()
        if self.surroundings is not None:
            stage.furnish(self.surroundings)
        return stage

    def _command(self) -> Any:
        from trunkline.system import command

        assert not callable(self.target)
        return command.run(list(self.target))
