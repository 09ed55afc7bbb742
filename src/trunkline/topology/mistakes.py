"""A user's mistakes: each one line that says where it is, what was found and what was expected."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable
from typing import Final

from trunkline.topology.places import Path

# What other tools call it, where no spelling is near enough.
_ELSEWHERE: Final = {
    "bandwidth": "rate",
    "bw": "rate",
    "speed": "rate",
    "latency": "delay",
    "ping": "delay",
    "packet_loss": "loss",
    "drop": "loss",
    "corruption": "corrupt",
    "duplication": "duplicate",
    "reordering": "reorder",
    "limit": "queue",
    "buffer": "queue",
    "endpoints": "between",
    "nodes": "hosts",
    "command": "run",
    "cmd": "run",
    "exec": "run",
    "time": "at",
    "when": "at",
    "delay_start": "start",
    "ip": "addresses",
    "ipv4": "addresses",
    "ipv6": "addresses",
    "duration": "until",
    "stop": "until",
}


class TopologyError(ValueError):
    """A network that cannot be built as asked. The text is one line for the person who asked."""

    def __init__(self, text: str, link: int = -1, machine: str = "") -> None:
        super().__init__(text)
        self.link = link  # which link it is about, from 0 in order, or -1
        self.machine = machine  # which machine, or ""


class LabError(ValueError):
    """A lab file with mistakes; the text has one line for each: file, line, place, found, expected."""

    def __init__(self, mistakes: list[str]) -> None:
        super().__init__("\n".join(mistakes))
        self.mistakes = mistakes


class Mistakes:
    """Collects what is wrong with one file."""

    def __init__(self, file: str, lines: dict[Path, int]) -> None:
        self._file = file
        self._lines = lines
        self._found: list[tuple[int, str]] = []

    def add(self, path: Path, text: str) -> None:
        """Something is wrong at a path such as `("links", 0, "delay")`."""
        line = 0
        for length in range(len(path), 0, -1):
            if path[:length] in self._lines:
                line = self._lines[path[:length]]
                break
        place = place_text(path)
        where = f"{self._file}:{line}: " if line else f"{self._file}: "
        self._found.append((line, f"{where}{place}: {text}" if place else where + text))

    def __len__(self) -> int:
        return len(self._found)

    def raise_any(self) -> None:
        """Raise LabError if anything was added, in the order of the file."""
        if self._found:
            found = sorted(self._found, key=lambda mistake: mistake[0])
            raise LabError(list(dict.fromkeys(text for _line, text in found)))


def place_text(path: Path) -> str:
    """A path as the file has it: `[hosts.alice] programs`, `[[links]] to.r1.delay`."""
    if not path:
        return ""
    if path[0] in {"links", "events"}:
        table, rest = f"[[{path[0]}]]", path[1:]
    elif path[0] in {"hosts", "routers", "switches"}:
        table, rest = "[" + ".".join(str(part) for part in path[:2]) + "]", path[2:]
    else:
        table, rest = f"[{path[0]}]", path[1:]
    keys = ".".join(part for part in rest if isinstance(part, str))
    return f"{table} {keys}" if keys else table


def found_text(value: object) -> str:
    """A value as TOML writes it, cut short."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return "a table"
    if isinstance(value, list):
        return "[" + ", ".join(found_text(item) for item in value[:4]) + "]"
    if isinstance(value, int | float):
        return str(value)
    text = json.dumps(str(value), ensure_ascii=False)
    return text if len(text) <= 60 else text[:56] + '…"'


def suggestion(word: str, known: Iterable[str]) -> str:
    """`; did you mean "hosts"?`, or what is known where nothing is near."""
    names = list(known)
    folded = {name.lower(): name for name in reversed(names)}
    elsewhere = _ELSEWHERE.get(word.lower())
    near = difflib.get_close_matches(word.lower(), folded, 1, 0.6)
    if elsewhere in names:
        return f'; did you mean "{elsewhere}"?'
    if near:
        return f'; did you mean "{folded[near[0]]}"?'
    if not names:
        return ""
    few = ", ".join(names[:10]) + (", …" if len(names) > 10 else "")
    return f"; known here: {few}"
