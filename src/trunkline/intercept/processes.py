"""What would leave the simulation is refused by name: child processes, and C libraries with own sockets.

A refusal is a PermissionError, as in a sandbox, so that code which only probes falls back; its text says
what to do instead. uvloop is answered with the event loop of the standard library.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any, Final

from trunkline.system.errors import EscapeRefused
from trunkline.system.strands import current_system

Real = Callable[..., Any]

CHILDREN: Final = [
    "fork",
    "forkpty",
    "posix_spawn",
    "posix_spawnp",
    "system",
    "execv",
    "execve",
    "spawnv",
    "spawnve",
    "spawnvp",
    "spawnvpe",
]

# What would change this process, and so every simulated host in it.
SHARED: Final = [
    "chroot",
    "initgroups",
    "login_tty",
    "sched_setaffinity",
    "sched_setparam",
    "sched_setscheduler",
    "setegid",
    "seteuid",
    "setgid",
    "setgroups",
    "setns",
    "setpgid",
    "setpgrp",
    "setpriority",
    "setregid",
    "setresgid",
    "setresuid",
    "setreuid",
    "setsid",
    "setuid",
    "unshare",
]

# Libraries whose C code opens sockets of its own, and what to use instead on a simulated host.
NATIVE: Final = {
    "pycares": "the standard resolver (aiohttp uses it when aiodns cannot be imported)",
    "aiodns": "the standard resolver (aiohttp uses it when aiodns cannot be imported)",
    "pycurl": "requests, httpx or aiohttp",
    "grpc": "grpclib, which is Python",
    "confluent_kafka": "aiokafka or kafka-python",
    "zmq": "plain sockets",
    "MySQLdb": "PyMySQL or aiomysql",
    "psycopg": "asyncpg or pg8000",
    "psycopg2": "asyncpg or pg8000",
    "gevent": "threads, which are cheap here",
    "eventlet": "threads, which are cheap here",
    "_winapi": "nothing",
}


def refusal(what: str) -> EscapeRefused:
    """The error for a child process."""
    system = current_system()
    where = "this host"
    if system is not None:
        where = f"the simulated host {system.name}"
        system.world.scheduler.refused = True
    return EscapeRefused(
        1,
        f"{what} would start a real process, which cannot be on {where}: start a Python program on a"
        " host instead (host.start(...), or `programs` in a lab), or call it outside hosts",
    )


def make_refuse(what: str) -> Callable[..., Any]:
    """A call that is refused in a host."""

    def refuse(real: Real, *arguments: Any, **named: Any) -> Any:
        if current_system() is None:
            return real(*arguments, **named)
        raise refusal(what)

    refuse.__name__ = what.rpartition(".")[2]
    return refuse


def make_leave(what: str) -> Callable[..., Any]:
    """A call that is refused in a host because it is about the whole process."""

    def leave(real: Real, *arguments: Any, **named: Any) -> Any:
        system = current_system()
        if system is None:
            return real(*arguments, **named)
        raise EscapeRefused(
            1,
            f"{what} would change the real process, which the simulated host {system.name} shares with"
            " every other: call it outside hosts, before the run",
        )

    leave.__name__ = what.rpartition(".")[2]
    return leave


def nice(real: Real, increment: Any) -> Any:
    """os.nice: how nice the process is, which no host makes nicer."""
    return real(increment if current_system() is None else 0)


def setrlimit(real: Real, resource: Any, limits: Any) -> Any:
    """resource.setrlimit: taken and not heeded, since the limits of a simulated host are its own."""
    return real(resource, limits) if current_system() is None else None


def prlimit(real: Real, pid: Any, resource: Any, *limits: Any) -> Any:
    """resource.prlimit: the same."""
    return real(pid, resource, *limits) if current_system() is None else real(pid, resource)


def fork_exec(real: Real, arguments: Any, *rest: Any) -> Any:
    """_posixsubprocess.fork_exec, which subprocess and multiprocessing use."""
    if current_system() is None:
        return real(arguments, *rest)
    words = [
        word.decode(errors="replace") if isinstance(word, bytes) else str(word)
        for word in arguments
    ]
    raise refusal(f"subprocess ({' '.join(words)[:200]})")


# ------------------------------------------------------------ imports


class Guard(MetaPathFinder):
    """Asked first about every import: refuses C libraries in a host, and takes uvloop in hand."""

    def __init__(self, again: frozenset[str], loaded: Callable[[ModuleType], None]) -> None:
        self.again = again  # modules of the table: one that is imported afresh needs it again
        self.loaded = loaded

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """None for all that others should find."""
        if name == "uvloop" or (name in self.again and name not in sys.modules):
            return self._watched_spec(name)
        instead = NATIVE.get(name)
        if instead is not None and current_system() is not None:
            raise ModuleNotFoundError(
                f"{name} is not importable on a simulated host: its C code opens sockets of its own,"
                f" which would escape the simulation; use {instead}",
                name=name,
            )
        return None

    def _watched_spec(self, name: str) -> ModuleSpec | None:
        sys.meta_path.remove(self)
        try:
            spec = importlib.util.find_spec(name)
        except (ImportError, ValueError):
            spec = None
        finally:
            sys.meta_path.insert(0, self)
        if spec is not None and spec.loader is not None:
            spec.loader = WatchedLoader(spec.loader, self.loaded)
        return spec


class WatchedLoader(Loader):
    """Loads as the real loader does, and says so."""

    def __init__(self, loader: Loader, loaded: Callable[[ModuleType], None]) -> None:
        self.loader = loader
        self.loaded = loaded

    def __getattr__(self, name: str) -> Any:
        return getattr(self.loader, name)

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        """The real loader's."""
        return self.loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        """The real loader's, then ours."""
        self.loader.exec_module(module)
        self.loaded(module)


def tame_uvloop(module: Any) -> dict[str, Any]:
    """Give uvloop's entrances a standard loop in hosts; returns what they were."""
    import asyncio

    def dispatch(original: Any, standard: Callable[..., Any]) -> Any:
        def entrance(*arguments: Any, **named: Any) -> Any:
            chosen = original if current_system() is None else standard
            return chosen(*arguments, **named)

        return entrance

    kept: dict[str, Any] = {}
    standards: dict[str, Callable[..., Any]] = {
        "new_event_loop": asyncio.SelectorEventLoop,
        "Loop": asyncio.SelectorEventLoop,
        "EventLoopPolicy": asyncio.DefaultEventLoopPolicy,
        "install": lambda: None,
        "run": asyncio.run,
    }
    for name, standard in standards.items():
        original = getattr(module, name, None)
        if original is not None:
            kept[name] = original
            setattr(module, name, dispatch(original, standard))
    return kept
