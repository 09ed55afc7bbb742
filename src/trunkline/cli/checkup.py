"""`trunkline doctor`: the findings as a table."""

from __future__ import annotations

import platform
from typing import Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

import trunkline
from trunkline import doctor

_SIGNS: Final = {
    doctor.WORKS: ("✓", "green"),
    doctor.MISSING: ("–", "yellow"),
    doctor.BROKEN: ("✗", "red"),
}


def checkup() -> int:
    """Print every finding with its remedy; status 1 if something does not work."""
    console = Console(highlight=False)
    console.print(f"trunkline {trunkline.__version__} on {platform.system()} {platform.machine()}")
    table = Table(box=None, padding=(0, 2, 0, 0), show_header=False)
    findings = list(doctor.examine())
    for finding in findings:
        sign, colour = _SIGNS[finding.state]
        what = Text(finding.detail)
        if finding.remedy:
            what.append(f"\n→ {finding.remedy}", style="bold")
        table.add_row(Text(sign, style=colour), finding.what, what)
    console.print(table)
    return 1 if any(finding.state == doctor.BROKEN for finding in findings) else 0
