"""Commands of a lab's programs: python's own command line, and the services that go by a name.

Only Python runs on a simulated host; a command that is something else is a mistake, told before the run.
"""

from __future__ import annotations

import difflib
import re
import shlex
from pathlib import Path
from typing import Final

# Services by name, and the module that is the program of each.
SERVICES: Final = {"http": "trunkline.services.http"}

_PYTHON: Final = re.compile(r"python(3(\.\d+)?)?")
_WITH_VALUE: Final = ("-W", "-X")  # python's options that take the next word


def split_command(command: str) -> tuple[str, ...]:
    """The words of a command, by the rules of a shell; () where quotes are open."""
    try:
        return tuple(shlex.split(command))
    except ValueError:
        return ()


def service_command(name: str) -> tuple[str, ...]:
    """The command that a service's name stands for."""
    return ("python", "-m", SERVICES[name])


def command_mistake(command: str, folder: str = "", cwd: str = "") -> str:
    """What is wrong with a command, "" if nothing is. With a folder, its script is looked for."""
    words = split_command(command)
    if not words:
        reason = "a quote that is not closed" if command.strip() else "nothing"
        return f'found {reason}, expected a command such as "python call.py"'
    if not _PYTHON.fullmatch(words[0]):
        if words[0].endswith(".py"):
            return f'found "{words[0]}", expected "python {command}"'
        return (
            f'found "{words[0]}", expected a command that begins with python, such as'
            ' "python call.py": only Python programs run on a simulated host in this version'
        )
    script = _script(words[1:])
    if script == "":
        return f'found "{command}", expected a script, -m MODULE or -c CODE after python'
    if script is None or not folder:
        return ""
    place = Path(folder, cwd)
    if Path(place, script).is_file():
        return ""
    beside = [path.name for path in sorted(place.glob("*.py"))]
    near = difflib.get_close_matches(Path(script).name, beside, 1)
    hint = f'; did you mean "{near[0]}"?' if near else ""
    return f'no file "{script}" in {place}{hint}'


def folder_mistake(folder: str, cwd: str) -> str:
    """What is wrong with a program's directory, "" if nothing is. Without a folder, nobody looks."""
    if not folder or not cwd or Path(folder, cwd).is_dir():
        return ""
    what = "a file" if Path(folder, cwd).exists() else "no such directory"
    return f'found "{cwd}" ({what} in {folder}), expected the directory that the program starts in'


def _script(words: tuple[str, ...]) -> str | None:
    """The script of python's command line; None for a module or code, "" where there is neither."""
    at = 0
    while at < len(words):
        word = words[at]
        if not word.startswith("-"):
            return word
        if word.startswith(("-m", "-c")):
            return None if len(word) > 2 or at + 1 < len(words) else ""
        at += 2 if word in _WITH_VALUE else 1
    return ""
