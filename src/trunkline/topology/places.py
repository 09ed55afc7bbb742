"""Where things stand in a TOML file: the line of every table, key and array element.

`tomllib` reads the values but tells no lines, and a mistake that names no line is half a message. This
walks the same text again; it relies on tomllib having accepted it, so that it need not check anything.
TOML 1.0.0.
"""

from __future__ import annotations

import re
from typing import Final

Path = tuple[str | int, ...]

_BARE: Final = re.compile(r"[A-Za-z0-9_-]+")
_NOISE: Final = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_BLANK: Final = re.compile(r"[ \t]*")
_BASIC: Final = re.compile(r'"(?:[^"\\\n]|\\.)*"')
_LITERAL: Final = re.compile(r"'[^'\n]*'")
_LONG: Final = re.compile(r'"""(?:[^\\]|\\.)*?"{3,5}(?!")|\'\'\'.*?\'{3,5}(?!\')', re.DOTALL)
_PLAIN: Final = re.compile(r"[^,\]}#\n]+")
_ESCAPE: Final = re.compile(r'\\(?:u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|([btnfr"\\]))')
_SHORT: Final = {"b": "\b", "t": "\t", "n": "\n", "f": "\f", "r": "\r", '"': '"', "\\": "\\"}


def lines_of(text: str) -> dict[Path, int]:
    """The line, from 1, of each path such as `("hosts", "alice", "programs", 0)` in accepted TOML."""
    return _Walk(text.replace("\r\n", "\n")).document()


class _Walk:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.lines: dict[Path, int] = {}
        self.counts: dict[Path, int] = {}  # elements of arrays of tables so far

    def document(self) -> dict[Path, int]:
        table: Path = ()
        self.skip(_NOISE)
        while self.at < len(self.text):
            if self.text.startswith("[", self.at):
                table = self.header()
            else:
                self.pair(table)
            self.skip(_NOISE)
        return self.lines

    def header(self) -> Path:
        """`[a.b]` or `[[a.b]]`: the path of the table that begins here."""
        start = self.at
        many = self.text.startswith("[[", start)
        self.at += 2 if many else 1
        keys = self.key()
        self.at += 2 if many else 1
        path: Path = ()
        for key in keys[:-1]:
            path += (key,)
            if path in self.counts:
                path += (self.counts[path] - 1,)
        path += (keys[-1],)
        if many:
            self.place(path, start)
            self.counts[path] = self.counts.get(path, 0) + 1
            path += (self.counts[path] - 1,)
        elif path in self.counts:
            path += (self.counts[path] - 1,)
        self.lines[path] = self.line(start)
        for length in range(1, len(path)):
            self.place(path[:length], start)
        return path

    def pair(self, table: Path) -> None:
        """`key = value`."""
        start = self.at
        path = table
        for key in self.key():
            path += (key,)
            self.place(path, start)
        self.at += 1  # =
        self.skip(_BLANK)
        self.value(path)

    def key(self) -> list[str]:
        """A key, dotted or not; stands behind it, and behind blanks."""
        keys = []
        while True:
            self.skip(_BLANK)
            if self.text[self.at] in "\"'":
                keys.append(self.quoted())
            else:
                keys.append(self.take(_BARE))
            self.skip(_BLANK)
            if not self.text.startswith(".", self.at):
                return keys
            self.at += 1

    def quoted(self) -> str:
        if self.text[self.at] == "'":
            return self.take(_LITERAL)[1:-1]
        return _ESCAPE.sub(
            lambda m: _SHORT[m[3]] if m[3] else chr(int(m[1] or m[2], 16)),
            self.take(_BASIC)[1:-1],
        )

    def value(self, path: Path) -> None:
        text = self.text
        if text.startswith(('"""', "'''"), self.at):
            self.take(_LONG)
        elif text[self.at] == '"':
            self.take(_BASIC)
        elif text[self.at] == "'":
            self.take(_LITERAL)
        elif text[self.at] == "[":
            self.array(path)
        elif text[self.at] == "{":
            self.inline(path)
        else:
            self.take(_PLAIN)

    def array(self, path: Path) -> None:
        self.at += 1
        count = 0
        self.skip(_NOISE)
        while self.text[self.at] != "]":
            self.place((*path, count), self.at)
            self.value((*path, count))
            count += 1
            self.skip(_NOISE)
            if self.text[self.at] == ",":
                self.at += 1
                self.skip(_NOISE)
        self.at += 1

    def inline(self, path: Path) -> None:
        self.at += 1
        self.skip(_NOISE)
        while self.text[self.at] != "}":
            self.pair(path)
            self.skip(_NOISE)
            if self.text[self.at] == ",":
                self.at += 1
                self.skip(_NOISE)
        self.at += 1

    def skip(self, what: re.Pattern[str]) -> None:
        found = what.match(self.text, self.at)
        assert found is not None
        self.at = found.end()

    def take(self, what: re.Pattern[str]) -> str:
        found = what.match(self.text, self.at)
        assert found is not None, f"line {self.line(self.at)}: tomllib read this, and we cannot"
        self.at = found.end()
        return found.group()

    def place(self, path: Path, at: int) -> None:
        self.lines.setdefault(path, self.line(at))

    def line(self, at: int) -> int:
        return self.text.count("\n", 0, at) + 1
