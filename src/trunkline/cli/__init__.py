"""The command line: `trunkline demo`, `run`, `python`, `bench`, `doctor`.

`main` is the entry point. It needs click and rich; `import trunkline` needs neither.
"""

from __future__ import annotations

import os
import sys
from typing import Final

INTERRUPTED: Final = 130  # exit status after Ctrl-C, as shells have it


def main() -> None:
    """The command `trunkline`."""
    try:
        from trunkline.cli.app import command
    except ModuleNotFoundError as error:
        if error.name not in {"click", "rich"}:
            raise
        sys.exit(f"trunkline: the command line needs {error.name}: pip install click rich")
    status = command(sys.argv[1:])
    if status == INTERRUPTED:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)  # a program that spins would keep us waiting
    sys.exit(status)
