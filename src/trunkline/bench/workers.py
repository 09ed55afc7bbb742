"""The scenarios, each run by `python -m trunkline.bench.workers NAME …`: one JSON line with the figure."""

from __future__ import annotations

import asyncio
import functools
import gc
import json
import os
import shutil
import subprocess
import sys
import tempfile
import zlib
from collections.abc import Callable
from pathlib import Path

from trunkline.base.timers import COMPILED
from trunkline.system import real

Answer = dict[str, float | str]

ECHO_PORT = 7777
HTTP_PORT = 8080
FLOWS = 3  # of a dumbbell, one after another; the least counts: what disturbs only ever adds


def main(arguments: list[str]) -> int:
    """Run one scenario and print its figure: `{"value": …}`, or `{"absent": "why"}`."""
    name, *rest = arguments
    print(json.dumps(SCENARIOS[name](*rest)))
    return 0


# ---------------------------------------------------------------- the dumbbell


def dumbbell(window: str) -> Answer:
    """Microseconds for one packet crossing one link: host, router, host; 1 Gbit/s, 2.5 ms each link."""
    from trunkline.bench.dumbbell import run

    octets = 40_000_000 if COMPILED else 6_000_000
    best = float("inf")
    for _ in range(FLOWS):
        seconds, packets = run(int(window), octets)
        best = min(best, seconds / packets * 1e6)
    return {"value": best}


def ns3(window: str) -> Answer:
    """The same dumbbell in ns-3, where its library is installed."""
    source = Path(__file__).with_name("ns3_dumbbell.cc")
    version = zlib.crc32(source.read_bytes())
    program = Path(tempfile.gettempdir()) / f"trunkline-ns3-{os.getuid()}-{version:08x}"
    if not program.exists():
        if not Path("/usr/include/ns3").exists() and not list(Path("/usr/include").glob("ns3*")):
            return {"absent": "ns-3 is not installed (Debian: libns3-dev g++)"}
        compiler = shutil.which("g++")
        if compiler is None:
            return {"absent": "no g++ to build the ns-3 scenario with"}
        parts = "point-to-point applications internet network core traffic-control bridge stats"
        libraries = [f"-lns3-{part}" for part in parts.split()]
        fresh = f"{program}.{os.getpid()}"
        command = [compiler, "-O3", "-DNDEBUG", "-std=c++17", "-o", fresh, str(source)]
        built = subprocess.run([*command, *libraries], capture_output=True, text=True, check=False)
        if built.returncode != 0:
            return {"absent": "ns-3 is there, but its scenario does not build"}
        os.replace(fresh, program)
    best = float("inf")
    for _ in range(FLOWS):
        done = subprocess.run(
            [str(program), "20000000", window], capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            return {"absent": "ns-3's scenario failed"}
        best = min(best, float(done.stdout.split()[0]) / 1000)
    return {"value": best}


# ---------------------------------------------------------------- echo


class EchoServer(asyncio.Protocol):
    """Answers what it hears."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.transport.write(data)


class EchoClient(asyncio.Protocol):
    """Says the same again each time it is answered, `count` times."""

    def __init__(self, count: int, done: asyncio.Future[None]) -> None:
        self.count = count
        self.done = done

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        transport.write(b"x" * 64)

    def data_received(self, data: bytes) -> None:
        self.count -= 1
        if self.count:
            self.transport.write(data)
        else:
            self.transport.close()
            self.done.set_result(None)


async def serve_echo() -> asyncio.Server:
    """The echo server, listening."""
    return await asyncio.get_running_loop().create_server(EchoServer, None, ECHO_PORT)


async def serve_echo_for_ever() -> None:
    """The same as a program of its own."""
    await (await serve_echo()).serve_forever()


async def call_echo(host: str, count: int) -> float:
    """Round trips a second of `count` echoes, in real time, after some to warm up."""
    loop = asyncio.get_running_loop()
    started = 0.0
    for turns in (count // 10, count):
        done: asyncio.Future[None] = loop.create_future()
        started = real.monotonic()
        await loop.create_connection(functools.partial(EchoClient, turns, done), host, ECHO_PORT)
        await done
    return count / (real.monotonic() - started)


def echo(mode: str) -> Answer:
    """64-octet round trips a second: kernel loopback, a loop shared by two hosts, or strands."""
    count = 20_000 if COMPILED or mode == "kernel" else 8_000

    async def both_native() -> float:
        async with await serve_echo():
            return await call_echo("127.0.0.1", count)

    if mode == "kernel":
        return {"value": asyncio.run(both_native())}
    from trunkline.topology.internet import Internet

    with Internet(seed=1) as net:
        alice, bob = net.host("alice"), net.host("bob")
        net.link(alice, bob, delay="10us", rate="10Gbit")
        if mode == "strands":
            bob.start(serve_echo_for_ever, service=True)
            call = alice.start(call_echo, "bob", count, at="1ms")
            net.run()
            return {"value": call.result}

        async def both() -> float:
            with bob.here():
                server = await serve_echo()
            with alice.here():
                figure = await call_echo("bob", count)
            server.close()
            return figure

        return {"value": net.run_async(both())}


# ---------------------------------------------------------------- aiohttp


def http(mode: str) -> Answer:
    """GETs a second of 5 octets over one kept-alive connection."""
    try:
        from aiohttp import ClientSession, web
    except ImportError:
        return {"absent": "aiohttp is not installed (trunkline[bench])"}
    count = 2_000

    async def hello(_request: web.Request) -> web.Response:
        return web.Response(text="hello")

    async def serve() -> web.AppRunner:
        app = web.Application()
        app.router.add_get("/", hello)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, port=HTTP_PORT).start()
        return runner

    async def get(host: str) -> float:
        async with ClientSession() as session:
            started = 0.0
            for turns in (count // 10, count):
                started = real.monotonic()
                for _ in range(turns):
                    async with session.get(f"http://{host}:{HTTP_PORT}/") as answer:
                        await answer.read()
            return count / (real.monotonic() - started)

    async def both_native() -> float:
        runner = await serve()
        figure = await get("127.0.0.1")
        await runner.cleanup()
        return figure

    if mode == "kernel":
        return {"value": asyncio.run(both_native())}
    from trunkline.topology.internet import Internet

    with Internet(seed=1) as net:
        alice, bob = net.host("alice"), net.host("bob")
        net.link(alice, bob, delay="10us", rate="10Gbit")

        async def both() -> float:
            with bob.here():
                runner = await serve()
            with alice.here():
                figure = await get("bob")
            with bob.here():
                await runner.cleanup()
            return figure

        return {"value": net.run_async(both())}


# ---------------------------------------------------------------- idle and memory


def idle() -> Answer:
    """Seconds that an hour of 100 hosts takes, on one switch, after each has spoken with the next."""
    from trunkline.topology.internet import Internet

    with Internet(seed=1) as net:
        hub = net.switch("hub")
        hosts = [net.host(f"h{number}") for number in range(100)]
        for host in hosts:
            net.link(host, hub, delay="1ms")
        for number, host in enumerate(hosts):
            host.start(serve_echo_for_ever, service=True)
            if number:
                host.start(call_echo, f"h{number - 1}", 10, at="1s")
        net.run(until="10s")
        started = real.monotonic()
        net.run(until="3610s")
        return {"value": real.monotonic() - started}


def resident() -> int:
    """Octets of memory this process holds."""
    gc.collect()
    fields = Path("/proc/self/statm").read_text(encoding="ascii").split()
    return int(fields[1]) * 4096


def memory(what: str) -> Answer:
    """KiB of an idle host (of 1,000), or of one end of an established connection (of 2,000)."""
    from trunkline.bench.memory import connections, hosts

    if not Path("/proc/self/statm").exists():
        return {"absent": "this system does not say what memory a process holds"}
    measure: Callable[[Callable[[], int]], float] = hosts if what == "hosts" else connections
    return {"value": measure(resident) / 1024}


SCENARIOS: dict[str, Callable[..., Answer]] = {
    "dumbbell": dumbbell,
    "ns3": ns3,
    "echo": echo,
    "aiohttp": http,
    "idle": idle,
    "memory": memory,
}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
