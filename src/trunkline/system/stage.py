"""What is a program's own in `sys` and `os`: argv, standard streams, `__main__`, environment, directory.

These are one to a process, so they are put up and taken down as the baton passes between programs.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Mapping
from typing import Any, TextIO, cast

from trunkline.system import real
from trunkline.system.outlet import Outlet, Prefixed

# The process's own directory, from when the first program got another one; until then nobody looks.
_home = ""


class Surroundings:
    """What a program is given beside its arguments: variables on top of its machine's, a directory, input."""

    __slots__ = ("directory", "environment", "prefix", "stdin")

    def __init__(
        self,
        environment: Mapping[str, str] | None = None,
        directory: str = "",
        stdin: str | bytes | None = None,
        prefix: str = "",
    ) -> None:
        self.environment = dict(environment or {})
        self.directory = directory  # "" for where the real process is
        self.stdin = stdin  # what it reads; None for the real standard input
        self.prefix = prefix  # what each line that it prints begins with


class Stage:
    """What `sys` and `os` show while a program's strands run; put up and taken down at a switch."""

    __slots__ = ("argv", "cwd", "environ", "main", "stderr", "stdin", "stdout")

    def __init__(self) -> None:
        self.cwd = ""  # "" while all programs are where the process is
        self.keep()

    def keep(self) -> None:
        """Take down: remember what is shown now."""
        environ: Any = os.environ
        self.argv = sys.argv
        self.main = sys.modules["__main__"]
        self.environ: dict[bytes, bytes] = environ._data
        self.stdin, self.stdout, self.stderr = sys.stdin, sys.stdout, sys.stderr
        if _home:
            self.cwd = real.getcwd()

    def show(self) -> None:
        """Put up."""
        environ: Any = os.environ
        sys.argv = self.argv
        sys.modules["__main__"] = self.main
        if environ._data is not self.environ:
            environ._data = self.environ
            environb: Any = getattr(os, "environb", None)
            if environb is not None:
                environb._data = self.environ
        sys.stdin, sys.stdout, sys.stderr = self.stdin, self.stdout, self.stderr
        if _home:
            wanted = self.cwd or _home
            if wanted != real.getcwd():
                real.chdir(wanted)

    def furnish(self, surroundings: Surroundings) -> None:
        """Give a program what is its own. Before it is shown."""
        global _home
        for name, text in surroundings.environment.items():
            self.environ[os.fsencode(name)] = os.fsencode(text)
        if surroundings.stdin is not None:
            given = surroundings.stdin
            octets = io.BytesIO(given.encode() if isinstance(given, str) else given)
            self.stdin = io.TextIOWrapper(octets, encoding="utf-8")
        if surroundings.prefix:
            self.stdout = cast(TextIO, Prefixed(self.stdout, surroundings.prefix))
            self.stderr = cast(TextIO, Prefixed(self.stderr, surroundings.prefix))
        if surroundings.directory:
            _home = _home or real.getcwd()
            self.cwd = os.path.abspath(surroundings.directory)

    def open_outlets(self) -> None:
        """Standard streams that the program may close."""
        self.stdout = cast(TextIO, Outlet(self.stdout))
        self.stderr = cast(TextIO, Outlet(self.stderr))

    @staticmethod
    def leaves() -> None:
        """A program is about to change its directory: from now on everybody's is looked after."""
        global _home
        _home = _home or real.getcwd()

    def copy(self) -> Stage:
        """The same, for another program."""
        stage = object.__new__(Stage)
        stage.argv, stage.main, stage.environ = list(self.argv), self.main, self.environ
        stage.stdin, stage.stdout, stage.stderr = self.stdin, self.stdout, self.stderr
        stage.cwd = self.cwd
        return stage
