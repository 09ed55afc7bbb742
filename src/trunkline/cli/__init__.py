"""The command line: `trunkline demo`, `run`, `python`, `bench`, `doctor`.

`main` is the entry point. It needs click and rich; `import trunkline` needs neither.
"""

from __future__ import annotations

import sys


def main() -> None:
    """The command `trunkline`."""
    try:
        from trunkline.cli.app import command
    except ModuleNotFoundError as error:
        if error.name not in {"click", "rich"}:
            raise
        sys.exit(f"trunkline: the command line needs {error.name}: pip install click rich")
    sys.exit(command(sys.argv[1:]))
