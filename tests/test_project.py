"""The project keeps its own rules: no dependency below the command line, one list of what is
compiled, files that say what they are and stay short."""

from __future__ import annotations

import ast
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import trunkline
from tools import compiled

SOURCE = compiled.SOURCE / compiled.PACKAGE
MODULES = sorted(SOURCE.rglob("*.py"))
LONGEST = 600  # of a module; CONTRIBUTING asks for about 500: past this it is two things

IMPORT_ALONE = """
import sys
sys.path.insert(0, sys.argv[1])

class NothingInstalled:
    # Behaves as if no package but trunkline were installed.
    def find_spec(self, name, path=None, target=None):
        top = name.partition(".")[0]
        if top not in sys.stdlib_module_names and not top.startswith("trunkline"):
            raise ImportError(f"{name} is not in the standard library")

sys.meta_path.insert(0, NothingInstalled())
import trunkline
print(trunkline.__version__)
"""


def relative(path: Path) -> str:
    return str(path.relative_to(compiled.ROOT))


def test_import_needs_no_package() -> None:
    place = Path(trunkline.__file__).parent.parent
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-W", "error", "-c", IMPORT_ALONE, str(place)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""
    assert done.stdout.strip() == trunkline.__version__


def test_the_package_is_all_compiled_or_all_interpreted() -> None:
    """A mixture is a stale extension beside a newer source, or a module missing from the list."""
    interpreted = compiled.interpreted()
    assert len(interpreted) in {0, len(compiled.paths())}, interpreted


@pytest.mark.once
def test_no_machine_code_lies_in_the_sources() -> None:
    assert [relative(path) for path in SOURCE.rglob("*.so")] == []


@pytest.mark.once
def test_the_compiled_list_is_complete() -> None:
    listed = {path.relative_to(SOURCE).as_posix() for path in compiled.paths()}
    on_the_floors = {
        path.relative_to(SOURCE).as_posix()
        for path in MODULES
        if path.relative_to(SOURCE).parts[0] in compiled.FLOORS and path.name != "__init__.py"
    }
    assert on_the_floors - listed == set(compiled.INTERPRETED)
    assert listed - on_the_floors <= set(compiled.EXTRA)


@pytest.mark.once
def test_the_compiled_floors_are_those_of_the_import_contract() -> None:
    settings = tomllib.loads((compiled.ROOT / "pyproject.toml").read_text())
    contracts = {row["id"]: row for row in settings["tool"]["importlinter"]["contracts"]}
    floors = [f"trunkline.{floor}" for floor in compiled.FLOORS]
    assert contracts["sans-io"]["source_modules"] == floors
    lowest = [name.strip("()") for name in reversed(contracts["floors"]["layers"])]
    assert lowest[: len(floors)] == list(compiled.FLOORS)


@pytest.mark.once
def test_every_folder_is_a_package() -> None:
    folders = {path.parent for path in MODULES}
    assert [relative(f) for f in sorted(folders) if not (f / "__init__.py").exists()] == []


@pytest.mark.once
def test_every_module_says_what_it_is() -> None:
    silent = [path for path in MODULES if not ast.get_docstring(ast.parse(path.read_bytes()))]
    assert [relative(path) for path in silent] == []


@pytest.mark.once
def test_no_file_is_too_long() -> None:
    lengths = {relative(path): path.read_bytes().count(b"\n") for path in MODULES}
    assert {name: lines for name, lines in lengths.items() if lines > LONGEST} == {}
