"""What is a program's own in `sys` and `os`: argv, standard streams, `__main__`, environment, directory.

These are one to a process, so they are put up and taken down as the baton passes between programs.
"""

from __future__ import annotations

import os
import sys
from typing import Any

from trunkline.system import real


class Stage:
    """What `sys` and `os` show while a program's strands run; put up and taken down at a switch."""

    __slots__ = ("argv", "cwd", "environ", "main", "stderr", "stdin", "stdout")

    def __init__(self) -> None:
        self.cwd = ""  # "" until there are stages with directories of their own
        self.keep()

    def keep(self) -> None:
        """Take down: remember what is shown now."""
        environ: Any = os.environ
        self.argv = sys.argv
        self.main = sys.modules["__main__"]
        self.environ: dict[bytes, bytes] = environ._data
        self.stdin, self.stdout, self.stderr = sys.stdin, sys.stdout, sys.stderr
        if self.cwd:
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
        if self.cwd and self.cwd != real.getcwd():
            real.chdir(self.cwd)

    def copy(self) -> Stage:
        """The same, for another program."""
        stage = object.__new__(Stage)
        stage.argv, stage.main, stage.environ = list(self.argv), self.main, self.environ
        stage.stdin, stage.stdout, stage.stderr = self.stdin, self.stdout, self.stderr
        stage.cwd = self.cwd
        return stage
