"""Which modules are compiled by mypyc: the one list that the build and the tests both read.

    python tools/compiled.py list      the paths, one a line
    python tools/compiled.py key       a hash of everything that the compiled code depends on
    python tools/compiled.py check     is the package that *this* Python imports really compiled?

To add a module outside floors 0-7, append it to EXTRA; a new module on those floors is compiled
without being named. The standard library only: setup.py reads this before anything is installed.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.machinery
import importlib.util
import sys
import sysconfig
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "src"
PACKAGE = "trunkline"
SUFFIXES = tuple(importlib.machinery.EXTENSION_SUFFIXES)

FLOORS = ("base", "wire", "link", "internet", "transport", "sockets", "host", "fabric")

# Above floor 7, where a profile showed that it pays. Compiled when the file exists.
EXTRA = ("system/descriptors.py", "system/readiness.py", "system/selector.py")

# Stays interpreted: it is what gives interpreted code the names that mypyc compiles away.
INTERPRETED = ("base/native.py",)


def paths() -> list[Path]:
    """Every compiled module's file, sorted. An `__init__.py` is never compiled: it only re-exports."""
    package = SOURCE / PACKAGE
    left_out = {package / name for name in INTERPRETED}
    found = {path for floor in FLOORS for path in (package / floor).rglob("*.py")}
    found |= {package / name for name in EXTRA if (package / name).exists()}
    return sorted(path for path in found - left_out if path.name != "__init__.py")


def module_name(path: Path) -> str:
    return ".".join(path.relative_to(SOURCE).with_suffix("").parts)


def key() -> str:
    """A hash of the sources, the build and the toolchain: the same key, the same machine code."""
    digest = hashlib.sha256()
    stubs = (SOURCE / PACKAGE).rglob("*.pyi")
    build = [ROOT / "setup.py", Path(__file__).resolve()]
    for path in sorted({*paths(), *stubs, *build}):
        digest.update(str(path.relative_to(ROOT)).encode() + b"\0" + path.read_bytes() + b"\0")
    digest.update(f"{sys.version} {sysconfig.get_platform()} {_mypy_version()}".encode())
    return digest.hexdigest()[:20]


def _mypy_version() -> str:
    try:
        from mypy.version import __version__
    except ImportError:
        return "none"
    return __version__


def is_machine_code(path: Path) -> bool:
    """Would this Python take this module from an extension?"""
    spec = importlib.util.find_spec(module_name(path))
    return bool(spec and spec.origin and spec.origin.endswith(SUFFIXES))


def interpreted() -> list[str]:
    """The modules of the list that this Python would not import as machine code."""
    return [module_name(path) for path in paths() if not is_machine_code(path)]


def main(arguments: list[str]) -> int:
    match arguments:
        case ["list"]:
            print("\n".join(str(path.relative_to(ROOT)) for path in paths()))
        case ["key"]:
            print(key())
        case ["check"]:
            if wrong := interpreted():
                print("not compiled:", *wrong, sep="\n  ", file=sys.stderr)
                return 1
            for path in paths():
                importlib.import_module(module_name(path))
            print(f"compiled: all {len(paths())} modules, in {sys.prefix}")
        case _:
            print(__doc__, file=sys.stderr)
            return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
