"""Plain aligned tables of text, for summaries and for views like netstat's."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from typing import Final

GAP: Final = "  "
_NUMBER_SIGNS: Final = frozenset("0123456789.,+-%")


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A head and rows as lines, columns aligned: numbers to the right, all else to the left.

    Rows may be shorter than the head. The text ends without a line break.
    """
    count = max([len(head), *[len(row) for row in rows]])
    lines = [[*row, *[""] * (count - len(row))] for row in [head, *rows]]
    widths = [max(text_width(line[column]) for line in lines) for column in range(count)]
    right = [_all_numbers([line[column] for line in lines[1:]]) for column in range(count)]
    text = []
    for line in lines:
        cells = [
            _padded(cell, width, to_the_right)
            for cell, width, to_the_right in zip(line, widths, right)
        ]
        text.append(GAP.join(cells).rstrip())
    text.insert(1, GAP.join("-" * width for width in widths).rstrip())
    return "\n".join(text)


def clipped(text: str, room: int) -> str:
    """The text, its end cut off where it needs more columns."""
    return text if len(text) <= room else text[: room - 1] + "…"


def text_width(text: str) -> int:
    """Columns that a text takes on a terminal: two for wide characters, none for combining ones."""
    if text.isascii():
        return len(text)
    width = 0
    for character in text:
        if unicodedata.combining(character) == 0:
            width += 2 if unicodedata.east_asian_width(character) in "WF" else 1
    return width


def _padded(cell: str, width: int, to_the_right: bool) -> str:
    space = " " * (width - text_width(cell))
    return space + cell if to_the_right else cell + space


def _all_numbers(cells: list[str]) -> bool:
    """Whether a column holds nothing but numbers (a unit after a space is no number)."""
    filled = [cell for cell in cells if cell]
    return bool(filled) and all(
        cell[-1].isdigit() | (cell[-1] == "%") and not set(cell) - _NUMBER_SIGNS for cell in filled
    )
