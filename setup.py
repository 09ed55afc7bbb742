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
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

ROOT = Path(__file__).resolve().parent
sys.path.insert(0, str(ROOT))

from tools import compiled  # noqa: E402

MYPY = "mypy>=2.4,<2.5"
UNIT = "trunkline"
UNIX_FLAGS = [
    "-fvisibility=hidden",  # calls between the unit's files go straight: measured, 8 % of a packet
    "-Wno-error",  # a newer compiler's new warning is no reason to refuse a user's build
]
KEPT = ROOT / "build" / "compiled"


class BuildCompiled(build_ext):
    """Puts the compiled unit into the wheel: made now, or kept from the same sources before."""

    def run(self) -> None:
        if self.inplace:
            raise SystemExit("trunkline is never compiled in place: build a wheel")
        key = compiled.key()
        kept = KEPT / key
        if not kept.is_dir():
            made = Path(self.build_temp) / "unit"
            shutil.rmtree(made, ignore_errors=True)
            self.compile_into(made)
            if compiled.key() != key:
                raise SystemExit("a source changed while it was being compiled: build again")
            KEPT.mkdir(parents=True, exist_ok=True)
            made.rename(kept)
            for old in sorted(KEPT.iterdir(), key=lambda path: path.stat().st_mtime)[:-4]:
                shutil.rmtree(old)
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
        if sys.platform != "win32":
            for extension in extensions:
                extension.extra_compile_args += UNIX_FLAGS
        self.distribution.ext_modules = extensions
        command = CompileUnit(self.distribution)
        command.build_lib, command.build_temp = str(folder), self.build_temp
        command.parallel = os.cpu_count()
        command.ensure_finalized()
        command.run()


class CompileUnit(build_ext):
    """Runs the C compiler on every core, for the files that changed.

    The unit is one extension of many C files. setuptools would compile them one by one, and all of
    them each time; mypyc rewrites only the C files that an edit really changes.
    """

    def build_extensions(self) -> None:
        compile_in_a_row = self.compiler.compile

        def compile_each(sources: list[str], **settings: Any) -> list[str]:
            headers = [h for d in settings["include_dirs"] for h in Path(d).glob("*.h")]
            newest = max(path.stat().st_mtime for path in [*headers, ROOT / "setup.py"])

            def compile_one(source: str) -> list[str]:
                (name,) = self.compiler.object_filenames([source], output_dir=self.build_temp)
                made = Path(name)
                if made.exists() and made.stat().st_mtime > max(
                    newest, Path(source).stat().st_mtime
                ):
                    return [name]
                return compile_in_a_row([source], **settings)

            with ThreadPoolExecutor(os.cpu_count()) as pool:
                return [name for names in pool.map(compile_one, sources) for name in names]

        self.compiler.compile = compile_each
        super().build_extensions()


if os.environ.get("TRUNKLINE_COMPILE") == "1":
    setup(
        # Not empty, so that the wheel is a platform wheel; BuildCompiled says what is really built.
        ext_modules=[Extension(f"{UNIT}__mypyc", sources=[])],
        cmdclass={"build_ext": BuildCompiled},
        setup_requires=[MYPY],
    )
else:
    setup()
