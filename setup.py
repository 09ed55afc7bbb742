"""The optional compiled build. Everything else about the package is in pyproject.toml.

Without TRUNKLINE_COMPILE: a pure wheel. With TRUNKLINE_COMPILE=1: a platform wheel in which the
modules that tools/compiled.py lists are machine code, compiled by mypyc as one unit. The result is
kept under build/compiled/ by a hash of what it was made from, so that an edit elsewhere costs no
compile. Never in place: a stale extension beside the sources would hide edits.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

ROOT = Path(__file__).resolve().parent
sys.path.insert(0, str(ROOT))

from tools import compiled  # noqa: E402

MYPY = "mypy>=2.4,<2.5"
UNIT = "trunkline"
KEPT = ROOT / "build" / "compiled"


class BuildCompiled(build_ext):
    """Puts the compiled unit into the wheel: made now, or kept from the same sources before."""

    def run(self) -> None:
        if self.inplace:
            raise SystemExit("trunkline is never compiled in place: build a wheel")
        kept = KEPT / compiled.key()
        if not kept.is_dir():
            unfinished = kept.with_suffix(f".{os.getpid()}")
            self.compile_into(unfinished)
            unfinished.rename(kept)
        shutil.copytree(kept, self.build_lib, dirs_exist_ok=True)

    def compile_into(self, folder: Path) -> None:
        from mypyc.build import mypycify

        extensions = mypycify(
            [str(path.relative_to(ROOT)) for path in compiled.paths()],
            opt_level="3",
            debug_level="0",
            multi_file=True,
            group_name=UNIT,
            target_dir=str(Path(self.build_temp) / "c"),
        )
        for extension in extensions:
            # A newer compiler's new warning is no reason to refuse a user's build.
            extension.extra_compile_args.append("-Wno-error")
        self.distribution.ext_modules = extensions
        command = CompileUnit(self.distribution)
        command.build_lib, command.build_temp = str(folder), self.build_temp
        command.parallel = os.cpu_count()
        command.ensure_finalized()
        command.run()


class CompileUnit(build_ext):
    """Runs the C compiler on every core."""

    def build_extensions(self) -> None:
        self.compiler.compile = on_every_core(self.compiler.compile)
        super().build_extensions()


def on_every_core(compile_sources: Callable[..., list[str]]) -> Callable[..., list[str]]:
    """The unit is one extension of many C files, which setuptools would compile one by one."""

    def compile_each(sources: list[str], *args: object, **settings: object) -> list[str]:
        def compile_one(source: str) -> list[str]:
            return compile_sources([source], *args, **settings)

        with ThreadPoolExecutor(os.cpu_count()) as pool:
            return [name for names in pool.map(compile_one, sources) for name in names]

    return compile_each


if os.environ.get("TRUNKLINE_COMPILE") == "1":
    setup(
        # Not empty, so that the wheel is a platform wheel; BuildCompiled says what is really built.
        ext_modules=[Extension(f"{UNIT}__mypyc", sources=[])],
        cmdclass={"build_ext": BuildCompiled},
        setup_requires=[MYPY],
    )
else:
    setup()
