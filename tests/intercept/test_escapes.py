"""What would leave the simulation is stopped with a clear error; what only looks so is answered."""

from __future__ import annotations

import _socket
import asyncio
import importlib
import multiprocessing
import os
import pathlib
import select
import socket
import subprocess
import sys
from typing import Any

import pytest

from tests.intercept.machines import Machines
from trunkline.intercept import install, uninstall


@pytest.mark.parametrize(
    "call",
    [
        lambda: subprocess.run(["ls"], check=False),
        lambda: subprocess.Popen("ls", shell=True),
        lambda: os.system("ls"),
        os.fork,
        lambda: os.posix_spawn("/bin/ls", ["ls"], {}),
        lambda: os.execv("/bin/ls", ["ls"]),
        lambda: os.spawnv(os.P_WAIT, "/bin/ls", ["ls"]),
        lambda: multiprocessing.get_context("spawn").Process(target=print).start(),
        lambda: asyncio.run(asyncio.create_subprocess_exec("ls")),
    ],
)
def test_child_processes_are_refused(machines: Machines, call: Any) -> None:
    def program() -> str:
        with pytest.raises(PermissionError) as caught:
            call()
        return str(caught.value)

    message = machines.run(program)
    assert "would start a real process" in message
    assert "alice" in message


def test_outside_hosts_they_are_not(machines: Machines) -> None:
    done = subprocess.run([sys.executable, "-c", "print(5)"], capture_output=True, check=True)
    assert done.stdout == b"5\n"


def test_the_tripwire_stops_what_bypasses_the_socket_module(machines: Machines) -> None:
    def program() -> None:
        with pytest.raises(PermissionError, match=r"reached the real network from .* alice"):
            _socket.socket(_socket.AF_INET, _socket.SOCK_STREAM)

    machines.run(program)
    outside = _socket.socket(_socket.AF_INET, _socket.SOCK_STREAM)
    outside.close()


@pytest.fixture
def site(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> pathlib.Path:
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


def test_libraries_with_sockets_of_their_own_cannot_be_imported(
    machines: Machines, site: pathlib.Path
) -> None:
    (site / "pycares.py").write_text("there = True")

    def program() -> None:
        with pytest.raises(ImportError, match="pycares is not importable on a simulated host"):
            importlib.import_module("pycares")

    machines.run(program)
    assert importlib.import_module("pycares").there
    del sys.modules["pycares"]


UVLOOP = """
class Loop: pass
class EventLoopPolicy: pass
def new_event_loop(): return Loop()
def install(): raise RuntimeError("installed")
def run(main): raise RuntimeError("ran")
"""


@pytest.mark.parametrize("early", [True, False])
def test_uvloop_is_answered_with_the_standard_loop(site: pathlib.Path, early: bool) -> None:
    (site / "uvloop.py").write_text(UVLOOP)
    if early:
        importlib.import_module("uvloop")
    install()
    try:
        with Machines() as machines:

            def program() -> Any:
                uvloop = importlib.import_module("uvloop")

                async def main() -> str:
                    return type(asyncio.get_running_loop()).__module__

                uvloop.install()
                loop = uvloop.new_event_loop()
                loop.close()
                return uvloop.run(main()), isinstance(loop, asyncio.SelectorEventLoop)

            assert machines.run(program) == ("asyncio.unix_events", True)
        outside = importlib.import_module("uvloop")
        assert type(outside.new_event_loop()).__name__ == "Loop"
    finally:
        uninstall()
    assert isinstance(outside.Loop, type)
    del sys.modules["uvloop"]


def test_a_module_imported_afresh_obeys(machines: Machines) -> None:
    def program() -> Any:
        del sys.modules["select"]
        try:
            afresh: Any = importlib.import_module("select")
            with afresh.epoll() as epoll:
                return epoll.fileno() >= 1 << 20
        finally:
            sys.modules["select"] = original

    original = sys.modules["select"]
    assert machines.run(program) is True


def test_the_real_users_settings_are_hidden(
    machines: Machines, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert machines.run(lambda: os.environ["HOSTNAME"]) == "alice"
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy")
    monkeypatch.setenv("KEPT", "yes")
    seen = machines.run(lambda: (os.environ.get("HTTPS_PROXY"), os.environ.get("KEPT")))
    assert seen == (None, "yes")
    assert os.environ["HTTPS_PROXY"] == "http://proxy"


def test_what_is_refused_names_only_what_there_is(machines: Machines) -> None:
    def program() -> None:
        with real_socket:
            select.epoll().register(real_socket)

    real_socket = socket.socket()
    with pytest.raises(PermissionError) as caught:
        machines.run(program)
    assert str(caught.value).endswith(
        "a C library that opens its own cannot be simulated: use a library in Python"
    )
