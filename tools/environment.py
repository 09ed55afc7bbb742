"""What this machine has for `make`: a C compiler that can build extensions, and other Pythons.

    python tools/environment.py compiler       prints the compiler; exit 1, and why, if there is none
    python tools/environment.py python 3.12    prints that interpreter's path; exit 1 if there is none
    python tools/environment.py venv FOLDER    makes a virtual environment, or says what is missing

The standard library only, on any Python 3: it runs before anything is set up.
"""

import glob
import os
import shlex
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

OLDEST = (3, 11)


def compiler() -> "tuple[str, str]":
    """The C compiler's name, and a reason if it (or Python's headers) cannot build an extension."""
    command = shlex.split(os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc")
    if not shutil.which(command[0]):
        return "", f"no C compiler ({command[0]} not found)"
    include = sysconfig.get_path("include")
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "probe.c"
        source.write_text("#include <Python.h>\nint probe(void) { return PY_VERSION_HEX; }\n")
        build = [*command, f"-I{include}", "-c", str(source), "-o", str(source.with_suffix(".o"))]
        if subprocess.run(build, capture_output=True, check=False).returncode:
            return "", f"{command[0]} finds no working Python.h in {include} (python3-dev?)"
    return command[0], ""


def python(version: str) -> str:
    """An interpreter of this version that really starts (a version manager's shim may not)."""
    managed = Path.home() / ".pyenv" / "versions"
    candidates = [
        shutil.which(f"python{version}") or "",
        *sorted(glob.glob(f"{managed}/{version}*/bin/python"), reverse=True),
    ]
    question = "import sys, venv, ensurepip; print('%d.%d' % sys.version_info[:2])"
    for candidate in filter(None, candidates):
        try:
            answer = subprocess.run(
                [candidate, "-c", question], capture_output=True, text=True, timeout=20, check=False
            )
        except (OSError, subprocess.TimeoutExpired):
            continue
        if answer.stdout.strip() == version:
            return candidate
    return ""


def make_venv(folder: str) -> str:
    """Makes the environment; the answer is what went wrong, or nothing."""
    if sys.version_info < OLDEST:
        return f"Python 3.11 or newer is needed, this is {sys.version.split()[0]}: make PYTHON=…"
    made = subprocess.run(
        [sys.executable, "-m", "venv", "--clear", folder],
        capture_output=True,
        text=True,
        check=False,
    )
    if made.returncode:
        shutil.rmtree(folder, ignore_errors=True)
        return (
            f"{sys.executable} cannot make a virtual environment (on Debian and Ubuntu: "
            f"apt-get install python3-venv)\n{made.stdout}{made.stderr}"
        )
    return ""


def main(arguments: "list[str]") -> int:
    if arguments == ["compiler"]:
        found, why = compiler()
    elif len(arguments) == 2 and arguments[0] == "python":
        found = python(arguments[1])
        why = f"no python{arguments[1]}"
    elif len(arguments) == 2 and arguments[0] == "venv":
        why = make_venv(arguments[1])
        found = "" if why else arguments[1]
    else:
        found, why = "", __doc__ or ""
    print(found or why, file=sys.stdout if found else sys.stderr)
    return 0 if found else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
