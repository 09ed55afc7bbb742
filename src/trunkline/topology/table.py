"""One table of a lab file while it is read: values come out with the type asked for, or a mistake is noted."""

from __future__ import annotations

from collections.abc import Callable

from trunkline.topology.mistakes import Mistakes, found_text, suggestion
from trunkline.topology.places import Path


class Table:
    """Keys are asked for one by one; `done()` then refuses those that nobody asked for."""

    def __init__(
        self, mistakes: Mistakes, path: Path, values: dict[str, object], only: str = ""
    ) -> None:
        self.mistakes = mistakes
        self.path = path
        self.values = values
        self.only = only  # the key that the file leaves out, its value standing for the table
        self.known: list[str] = []

    def wrong(self, key: str, text: str) -> None:
        """Note a mistake at a key, or "" for the table."""
        self.mistakes.add((*self.path, key) if key != self.only and key else self.path, text)

    def expected(self, key: str, found: object, expected: str) -> None:
        """Note that something else was expected."""
        self.wrong(key, f"found {found_text(found)}, expected {expected}")

    def text(self, key: str) -> str:
        """A string, "" where there is none."""
        value = self._take(key)
        if value is None or isinstance(value, str):
            return value or ""
        self.expected(key, value, "text in quotes")
        return ""

    def texts(self, key: str) -> list[str]:
        """A list of strings; one string is a list of one."""
        value = self._take(key)
        if isinstance(value, str):
            return [value]
        if isinstance(value, list) and all(isinstance(item, str) for item in value):
            return list(value)
        if value is not None:
            self.expected(key, value, 'a list of texts such as ["one", "two"]')
        return []

    def pair(self, key: str, expected: str) -> list[str]:
        """A list of two strings, [] where it is none."""
        value = self._take(key)
        if isinstance(value, list) and [type(item) for item in value] == [str, str]:
            return list(value)
        self.expected(key, value, expected)
        return []

    def number(self, key: str, default: int, low: int, high: int) -> int:
        """A whole number within bounds."""
        value = self._take(key)
        if value is None:
            return default
        if isinstance(value, int) and not isinstance(value, bool) and low <= value <= high:
            return value
        self.expected(key, value, f"a whole number from {low} to {high}")
        return default

    def flag(self, key: str) -> bool:
        """true or false, which it is where nothing is said."""
        value = self._take(key)
        if value is None or isinstance(value, bool):
            return bool(value)
        self.expected(key, value, "true or false")
        return False

    def choice(self, key: str, choices: tuple[str, ...]) -> str:
        """One of some words; the first where nothing is said."""
        value = self._take(key)
        if value is None:
            return choices[0]
        if isinstance(value, str) and value in choices:
            return value
        self.expected(key, value, "one of " + ", ".join(f'"{choice}"' for choice in choices))
        return choices[0]

    def measure(self, key: str, read: Callable[[str], int], default: int) -> int:
        """A number with its unit, such as "20ms": `read` raises ValueError for what it cannot read."""
        value = self._take(key)
        if value is None:
            return default
        if not isinstance(value, str | int | float):
            value = found_text(value)
        try:
            return read(str(value))
        except ValueError as error:
            found, separator, expected = str(error).partition(" is not ")
            if separator and found == repr(str(value)):
                self.expected(key, self.values[key], expected)
            else:
                self.wrong(key, str(error))
        return default

    def table(self, key: str) -> Table:
        """A table within, empty where there is none."""
        value = self._take(key)
        if value is not None and not isinstance(value, dict):
            self.expected(key, value, "a table")
            value = None
        return Table(self.mistakes, (*self.path, key), value or {})

    def tables(self) -> list[Table]:
        """Every key as a table."""
        return [self.table(key) for key in self.values]

    def strings(self) -> dict[str, str]:
        """Every key as a string."""
        return {key: self.text(key) for key in self.values}

    def rows(self, key: str) -> list[Table]:
        """The tables of `[[key]]`."""
        value = self._take(key)
        if value is None:
            return []
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            self.expected(key, value, f"[[{key}]] tables: double brackets, one for each")
            return []
        return [Table(self.mistakes, (*self.path, key, at), row) for at, row in enumerate(value)]

    def mixed(self, key: str, inner: str) -> list[Table]:
        """A list of tables, where a text stands for a table with that text under `inner`."""
        value = self._take(key)
        if value is None:
            return []
        rows = []
        for at, item in enumerate(value if isinstance(value, list) else [value]):
            if isinstance(item, str):
                rows.append(Table(self.mistakes, (*self.path, key, at), {inner: item}, inner))
            elif isinstance(item, dict):
                rows.append(Table(self.mistakes, (*self.path, key, at), item))
            else:
                self.expected(key, item, f'text, or a table such as {{ {inner} = "…" }}')
        return rows

    def ask(self, *keys: str) -> None:
        """Know some keys, whatever is there."""
        for key in keys:
            self._take(key)

    def done(self) -> None:
        """Refuse the keys that nobody asked for."""
        for key in self.values:
            if key not in self.known:
                self.wrong(key, f'unknown key "{key}"' + suggestion(key, self.known))

    def _take(self, key: str) -> object:
        if key not in self.known:
            self.known.append(key)
        return self.values.get(key)
