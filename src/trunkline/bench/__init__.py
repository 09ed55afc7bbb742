"""Floor 15, bench: the figures of the README, measured beside their peers in the same run.

Every scenario runs in a process of its own and prints one JSON line. A figure and its peer run in turn,
A B A B, and what is quoted is the median of the ratios pair by pair: these are whole machines, shared and
noisy, where an absolute time says little. A row says whether its target is met; nothing here is a test.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence


def main(arguments: Sequence[str] = ()) -> int:
    """Measure the figures named (all, if none is) and print the table; `--quick` is one round each.

    Returns 1 when a target is missed or a scenario fails, 2 for a name that is not known.
    """
    from trunkline.bench import report

    quick = "--quick" in arguments
    names = [name for name in arguments if name != "--quick"]

    known = {row.name: row for row in report.ROWS}
    for name in names:
        if name not in known:
            print(f'no figure "{name}": there are {", ".join(known)}', file=sys.stderr)
            return 2
    rows = [row for row in report.ROWS if not names or row.name in names]

    def progress(text: str) -> None:
        if sys.stderr.isatty():
            print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)

    figures = [report.measure(row, 1 if quick else row.rounds, progress) for row in rows]
    progress("")
    print(report.render(figures))
    return 1 if any(figure.met is False or figure.failed for figure in figures) else 0
