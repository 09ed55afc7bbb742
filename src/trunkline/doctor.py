"""What works on this machine, and the exact remedy for what does not.

`examine()` gives one Finding for each thing looked at; nothing here needs more than the standard library.
"""

from __future__ import annotations

import importlib.metadata
import json
import platform
import re
import shutil
import socket
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit
from urllib.request import url2pathname

from trunkline.base.timers import COMPILED

WORKS: Final = "works"
MISSING: Final = "missing"  # something optional
BROKEN: Final = "broken"

OLDEST: Final = (3, 11)
NEWEST: Final = (3, 13)
_NAME: Final = re.compile(r"[A-Za-z0-9._-]+")
EXTRAS: Final = ("demo", "services", "bench", "test")


@dataclass(frozen=True)
class Finding:
    """One thing looked at: how it is, and what to do about it ("" if nothing)."""

    what: str
    state: str
    detail: str
    remedy: str = ""


def examine() -> Iterator[Finding]:
    """Everything, in the order of importance."""
    yield _python()
    yield _platform()
    yield _world()
    yield _build()
    for extra in EXTRAS:
        finding = _extra(extra)
        if finding is not None:
            yield finding
    yield _wireshark()


def _python() -> Finding:
    version = platform.python_version()
    here = sys.version_info[:2]
    name = f"{platform.python_implementation()} {version}"
    if here < OLDEST:
        oldest = ".".join(map(str, OLDEST))
        return Finding("Python", BROKEN, name, f"use Python {oldest} or newer")
    if here > NEWEST or platform.python_implementation() != "CPython":
        tested = f"{'.'.join(map(str, OLDEST))} to {'.'.join(map(str, NEWEST))}"
        return Finding("Python", MISSING, f"{name}, which is not tested", f"use CPython {tested}")
    return Finding("Python", WORKS, name)


def _platform() -> Finding:
    system = platform.system()
    if system == "Linux":
        return Finding("System", WORKS, "Linux")
    detail = f"{system}: the tested platform is Linux; the world should run here, interpreted"
    return Finding("System", MISSING, detail)


def _world() -> Finding:
    """Two hosts, a cable, a call over each family: the whole thing, small."""
    from trunkline.topology.internet import Internet

    def answer() -> None:
        with socket.create_server(
            ("", 7), family=socket.AF_INET6, dualstack_ipv6=True
        ) as welcoming:
            while True:
                connection, _caller = welcoming.accept()
                with connection:
                    connection.sendall(connection.recv(100))

    def call(address: str) -> bytes:
        with socket.create_connection((address, 7)) as line:
            line.sendall(b"hello")
            return line.recv(100)

    try:
        with Internet(seed=1) as net:
            alice, bob = net.host("alice"), net.host("bob")
            net.link(alice, bob, delay="10ms")
            bob.start(answer, service=True)
            calls = [alice.start(call, address) for address in bob.addresses]
            net.run()
            answers = [call.result for call in calls]
    except Exception as error:
        detail = f"{type(error).__name__}: {error}".partition("\n")[0]
        return Finding(
            "A call between two hosts", BROKEN, detail, "this is a bug: please report it"
        )
    if answers != [b"hello", b"hello"]:
        return Finding("A call between two hosts", BROKEN, f"heard {answers}", "please report it")
    return Finding("A call between two hosts", WORKS, "over IPv4 and over IPv6")


def _build() -> Finding:
    if COMPILED:
        return Finding("Stack", WORKS, "compiled")
    detail = "interpreted, which is several times slower than compiled"
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        remedy = "install a C compiler (Debian: apt install gcc python3-dev), then `make compiled`"
    else:
        remedy = "`make compiled` in a checkout, or TRUNKLINE_COMPILE=1 pip install . for a wheel"
    return Finding("Stack", MISSING, detail, remedy)


def _extra(extra: str) -> Finding | None:
    """The libraries of an extra, as the package's own metadata lists them."""
    try:
        required = importlib.metadata.requires("trunkline") or []
    except importlib.metadata.PackageNotFoundError:
        return None
    found, absent = [], []
    for line in required:
        requirement, _, marker = line.partition(";")
        if f'extra == "{extra}"' not in marker.replace("'", '"'):
            continue
        found_name = _NAME.match(requirement.strip())
        name = found_name.group() if found_name else ""
        if name == "trunkline":
            continue
        try:
            found.append(f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            absent.append(name)
    if not found and not absent:
        return None
    if absent:
        detail = "not installed: " + ", ".join(absent)
        return Finding(f"Extra [{extra}]", MISSING, detail, _remedy(extra))
    return Finding(f"Extra [{extra}]", WORKS, ", ".join(found))


def _remedy(extra: str) -> str:
    """How an extra is installed beside this very trunkline, which pip lets alone where it is no checkout."""
    try:
        origin = json.loads(
            importlib.metadata.distribution("trunkline").read_text("direct_url.json") or "{}"
        )
    except (importlib.metadata.PackageNotFoundError, ValueError):
        origin = {}
    # A compiled one stays what it is: -e would put the interpreted sources in its place.
    if origin.get("dir_info", {}).get("editable") and not COMPILED:
        folder = url2pathname(urlsplit(origin["url"]).path)
        return f"pip install -e '.[{extra}]' in {folder}"
    return f"pip install 'trunkline[{extra}]'"


def _wireshark() -> Finding:
    for program in ("tshark", "wireshark"):
        if shutil.which(program):
            return Finding("Wireshark", WORKS, f"{program} is there to read captures with")
    detail = "not found: captures can be made, but not be looked at here"
    return Finding("Wireshark", MISSING, detail, "Debian: apt install tshark")
