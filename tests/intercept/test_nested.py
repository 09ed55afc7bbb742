"""A world that is made and run by a program of another: a test of simulated programs, itself simulated."""

from __future__ import annotations

import asyncio
import os
import pathlib
import subprocess
import sys
import threading
import time
from typing import Any

import pytest

import trunkline
from tests.intercept.machines import Machines
from trunkline.system import real


def call(host: str) -> tuple[bytes, float]:
    import socket

    time.sleep(1)
    with socket.create_connection((host, 7)) as line:
        return line.recv(9), round(time.monotonic())


def inner() -> Any:
    def answer() -> None:
        import socket

        with socket.create_server(("", 7)) as server:
            for _ in range(2):
                line, _who = server.accept()
                with line:
                    line.sendall(b"hello")

    async def read() -> bytes:
        with near.here():
            reader, writer = await asyncio.open_connection("far", 7)
            octets = await reader.read()
            writer.close()
            return octets

    with trunkline.Internet(seed=3) as net:
        near, far = net.host("near"), net.host("far")
        net.link(near, far, delay="10ms")
        far.start(answer, service=True)
        caller = near.start(call, "far")
        time.sleep(100)  # of the outer world
        net.run()
        return *caller.result, net.run_async(read())


def test_a_world_in_a_world(machines: Machines) -> None:
    def program() -> Any:
        before = time.monotonic()
        threading.Thread(target=lambda: beside.append(time.sleep(200))).start()
        return inner(), time.monotonic() - before

    beside: list[Any] = []
    assert machines.run(program) == ((b"hello", 1001, b"hello"), 100)
    assert beside == [None] and machines.world.loop.now == 200 * 10**9


def test_its_troubles_are_its_own(machines: Machines) -> None:
    def stuck() -> None:
        threading.Event().wait()

    def program() -> str:
        with trunkline.Internet() as net:
            net.host("alone").start(stuck)
            try:
                net.run()
            except trunkline.Deadlock as error:
                return str(error).splitlines()[0]
        return ""

    told = "deadlock at 0.000000 s: nothing is left to happen, and alone: stuck still waits"
    assert machines.together(program, program) == [told, told]


def test_only_its_own_watchdog_watches_it(
    machines: Machines, monkeypatch: pytest.MonkeyPatch
) -> None:
    def program() -> str:
        with trunkline.Internet() as net:
            turns = net.host("alone").start(work)
            net.run()
            return str(turns.result)

    def work() -> str:
        for _ in range(12):
            until = real.monotonic() + 0.1
            while real.monotonic() < until:
                pass
            time.sleep(1)
        return "worked"

    monkeypatch.setenv("TRUNKLINE_WATCHDOG", "0.6")
    outer = Machines()
    with outer:
        assert outer.run(program) == "worked"


def test_in_trunkline_python(tmp_path: pathlib.Path) -> None:
    source = pathlib.Path(__file__)
    (tmp_path / "nested.py").write_text(
        f"import sys\nsys.path.insert(0, {str(source.parents[2])!r})\n"
        "from tests.intercept.test_nested import inner\nprint(inner())\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "trunkline", "python", "nested.py"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(pathlib.Path(trunkline.__file__).parents[1])},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("(b'hello', 1001, b'hello')\n", "")


@pytest.mark.once
def test_a_world_is_not_run_or_closed_from_within(machines: Machines) -> None:
    def program() -> list[str]:
        told = []
        for deed in (machines.world.run, machines.world.close):
            with pytest.raises(trunkline.WorldError) as caught:
                deed()
            told.append(str(caught.value))
        time.sleep(1)  # it goes on
        return told

    assert machines.run(program) == [
        "this world is being run already, and alice: program has its turn",
        "this world is being run, and cannot be closed by alice: program",
    ]
