"""`trunkline demo`: the lab in `trunkline.cli.demo`, its first call as a ladder, and a capture to look at."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any, Final

import click

from trunkline.cli import words
from trunkline.cli.runner import run_description
from trunkline.cli.seeing import FIRST
from trunkline.services.registry import missing_line
from trunkline.topology.lab import read_lab

LAB: Final = Path(__file__).with_name("demo") / "lab.toml"
NEEDS: Final = ("aiohttp", "requests", "httpx")
CAPTURE: Final = "trunkline-demo.pcapng"


def demonstrate(options: dict[str, Any]) -> int:
    """Run it. Raises ClickException with one line where a library is missing."""
    wrong = missing_line("the demo", NEEDS, "demo")
    if wrong:
        raise click.ClickException(wrong)
    description = read_lab(str(LAB))
    words.tell(_picture())
    options = dict(options, ladder=options.get("ladder") or FIRST)
    options["pcap"] = options.get("pcap") or _writable(CAPTURE)
    status = run_description(description, description.until, options)
    words.tell(
        f"the lab and its programs: {LAB.parent}\n"
        "next: trunkline demo --seed 8 (other packets get lost), --packet 43 (packet No. 43 through its"
        " layers),\n      trunkline run LAB.toml (your own), wireshark on the capture"
    )
    return status


def _picture() -> str:
    """The comment that the lab file begins with."""
    lines = LAB.read_text(encoding="utf-8").splitlines()
    end = next(number for number, line in enumerate(lines) if not line.startswith("#"))
    return "\n".join(line.removeprefix("#").removeprefix(" ") for line in lines[:end]) + "\n"


def _writable(name: str) -> str:
    """Here, or where temporary files go if nothing can be written here."""
    here = Path.cwd()
    return name if os.access(here, os.W_OK) else str(Path(tempfile.gettempdir(), name))
