"""`trunkline doctor`: the findings, one a line, with the remedy below where there is one."""

from __future__ import annotations

import platform
from typing import Final

import trunkline
from trunkline import doctor
from trunkline.cli import words

_SIGNS: Final = {
    doctor.WORKS: ("✓", "green"),
    doctor.MISSING: ("–", "yellow"),
    doctor.BROKEN: ("✗", "red"),
}


def checkup() -> int:
    """Print every finding with its remedy; status 1 if something does not work."""
    words.show(f"trunkline {trunkline.__version__} on {platform.system()} {platform.machine()}")
    findings = []
    for finding in doctor.examine():
        findings.append(finding)
        sign, colour = _SIGNS[finding.state]
        words.show(f"{words.style(sign, fg=colour)} {finding.what + ':':26} {finding.detail}")
        if finding.remedy:
            words.show(words.style(f"{'':29}→ {finding.remedy}", bold=True))
    broken = [finding for finding in findings if finding.state == doctor.BROKEN]
    words.show("Something does not work." if broken else "All that is needed works.")
    return 1 if broken else 0
