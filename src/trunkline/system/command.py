"""Command lines: what `python` itself makes of a script, a module, code or a directory.

`__main__` is a module of the program's own, put up by its stage. Interpreter options that make no
difference inside a process are accepted and ignored.

Left out on purpose: anything that is not Python.
"""

from __future__ import annotations

import importlib.util
import os
import re
import runpy
import sys
from typing import Any, Final

_PYTHON: Final = re.compile(r"(?:.*/)?(?:python|pypy)[0-9.]*(?:\.exe)?$")
_FLAGS: Final = re.compile(r"-[bBdEhiIOqPsSuvx]+$")
_WITH_VALUE: Final = ("-W", "-X", "--check-hash-based-pycs")


def arguments_of(words: list[str]) -> list[str]:
    """`sys.argv` of a command line. Raises ValueError for one that is not Python."""
    kind, name, arguments = parse(words)
    return ["-c" if kind == "-c" else "-m" if kind == "-m" else name, *arguments]


def parse(words: list[str]) -> tuple[str, str, list[str]]:
    """(`-c`, `-m` or `""` for a script; code, module or path; arguments). Raises ValueError."""
    if not words:
        raise ValueError("an empty command line")
    rest = list(words)
    if _PYTHON.match(rest[0]) or rest[0] == sys.executable:
        rest.pop(0)
    elif not rest[0].startswith("-") and not rest[0].endswith((".py", ".pyz")):
        if not os.path.exists(rest[0]) or (os.access(rest[0], os.X_OK) and not _is_script(rest[0])):
            raise ValueError(
                f"{' '.join(words)!r} is not a Python command line"
                ' (expected ["python", "x.py", ...], ["-m", "module", ...] or ["-c", "code"]);'
                " only Python programs run on a simulated host in this version"
            )
    while rest and rest[0].startswith("-"):
        word = rest.pop(0)
        if word in {"-c", "-m"}:
            if not rest:
                raise ValueError(f"argument expected for {word} in {' '.join(words)!r}")
            return word, rest[0], rest[1:]
        if word in _WITH_VALUE and rest:
            rest.pop(0)
        elif not _FLAGS.match(word) and not word.startswith(_WITH_VALUE):
            raise ValueError(f"unknown option {word} in {' '.join(words)!r}")
    if not rest:
        raise ValueError(f"{' '.join(words)!r} names no script, module or code")
    return "", rest[0], rest[1:]


def run(words: list[str]) -> Any:
    """Run it in the `__main__` that is in place."""
    kind, name, _arguments = parse(words)
    main = sys.modules["__main__"]
    if kind == "-c":
        main.__dict__.update({"__name__": "__main__", "__builtins__": __builtins__})
        with _first_path(""):
            exec(compile(name + "\n", "<string>", "exec"), main.__dict__)
        return None
    run_module: Any = runpy
    if kind == "-m":
        with _first_path(os.getcwd()):
            return run_module._run_module_as_main(name, True)
    if os.path.isdir(name) or name.endswith((".pyz", ".zip")):
        with _first_path(name):
            sys.argv[0] = name
            return run_module._run_module_as_main("__main__", False)
    with open(name, "rb") as file:
        code = compile(file.read(), name, "exec")
    main.__dict__.update(
        {
            "__name__": "__main__",
            "__file__": name,
            "__builtins__": __builtins__,
            "__loader__": importlib.util.spec_from_file_location("__main__", name).loader,  # type: ignore[union-attr]
        }
    )
    with _first_path(os.path.dirname(os.path.abspath(name))):
        exec(code, main.__dict__)
    return None


class _first_path:
    """`sys.path` with a directory first, for as long as the program runs."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __enter__(self) -> None:
        sys.path.insert(0, self.path)

    def __exit__(self, *_raised: object) -> None:
        try:
            sys.path.remove(self.path)
        except ValueError:
            pass


def _is_script(path: str) -> bool:
    with open(path, "rb") as file:
        line = file.readline(200)
    return not line.startswith(b"#!") or b"python" in line
