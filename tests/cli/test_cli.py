"""The command line as a person meets it: what it says, where, and with which exit status."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import trunkline

Done = subprocess.CompletedProcess[str]


def trunk(*arguments: str, cwd: Path | None = None, **environment: str) -> Done:
    """Run `trunkline …`."""
    return subprocess.run(
        [sys.executable, "-m", "trunkline", *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        cwd=cwd,
        env={**os.environ, "PYTHONHASHSEED": "0", **environment},
    )


def lab(folder: Path, hosts: str = "", **programs: str) -> str:
    """A lab with alice and bob on a cable; each program is a file for the one it is named after."""
    text = ""
    for name, code in programs.items():
        (folder / f"{name}.py").write_text(code)
        text += f'[hosts.{name}]\nprograms = ["python {name}.py"]\n'
    for name in ("alice", "bob"):
        if name not in programs:
            text += f"[hosts.{name}]\n"
    text += hosts + '[[links]]\nbetween = ["alice", "bob"]\ndelay = "10ms"\n'
    (folder / "lab.toml").write_text(text)
    return "lab.toml"


# ---------------------------------------------------------------- planted mistakes


@pytest.mark.once
@pytest.mark.parametrize(
    ("change", "line"),
    [
        (('delay = "10ms"', 'dealy = "10ms"'), 'lab.toml:5: [[links]] dealy: unknown key "dealy"; did you mean "delay"?'),
        (('"bob"]', '"bbo"]'), 'lab.toml:4: [[links]] between: no host, router or switch is named "bbo"; did you mean "bob"?'),
        (('"10ms"', '"10 miles"'), 'lab.toml:5: [[links]] delay: found "10 miles", expected a duration such as 20ms, 1.5s or 2min'),
    ],
)  # fmt: skip
def test_mistakes_in_a_lab(tmp_path: Path, change: tuple[str, str], line: str) -> None:
    name = lab(tmp_path)
    path = tmp_path / name
    path.write_text(path.read_text().replace(*change))
    done = trunk("run", name, cwd=tmp_path)
    assert (done.stdout, done.stderr, done.returncode) == ("", line + "\n", 2)


@pytest.mark.once
def test_a_program_that_raises(tmp_path: Path) -> None:
    name = lab(tmp_path, alice="def dial():\n    raise ValueError('the line is dead')\ndial()\n")
    done = trunk("run", name, cwd=tmp_path)
    lines = done.stderr.splitlines()
    assert lines[0] == "Traceback (most recent call last):"
    assert lines[1].endswith('alice.py", line 3, in <module>')
    assert "ValueError: the line is dead" in lines
    assert lines[-1] == "trunkline: alice: python alice.py: raised ValueError: the line is dead"
    assert done.returncode == 1


@pytest.mark.once
def test_a_program_that_has_no_input(tmp_path: Path) -> None:
    name = lab(tmp_path, alice="input()\n")
    done = trunk("run", name, "--packet", "1", cwd=tmp_path)
    hint = 'give it stdin = "…" in the lab, or run with --stdin alice'
    assert done.stderr.splitlines()[-2:] == [
        f"trunkline: alice: python alice.py: raised EOFError: EOF when reading a line; {hint}",
        "trunkline: --packet 1: this run has no packets",
    ]


@pytest.mark.once
def test_the_status_is_that_of_the_first_program_to_fail(tmp_path: Path) -> None:
    late = "import sys, time\ntime.sleep(2)\nsys.exit(4)\n"
    name = lab(tmp_path, alice=late, bob="import sys\nsys.exit(3)\n")
    done = trunk("run", name, cwd=tmp_path)
    assert done.returncode == 3
    assert done.stderr.splitlines()[-2:] == [
        "trunkline: bob: python bob.py: ended with status 3",
        "trunkline: alice: python alice.py: ended with status 4",
    ]


def test_a_program_that_spins(tmp_path: Path) -> None:
    name = lab(tmp_path, alice="while True:\n    pass\n")
    done = trunk("run", name, cwd=tmp_path, TRUNKLINE_WATCHDOG="1")
    spoken = [line for line in done.stderr.splitlines() if line.startswith("trunkline: ")]
    assert len(spoken) == 1
    assert spoken[0].startswith("trunkline: alice: python alice.py has kept the processor for 1 s")
    assert 'alice.py", line 1' in done.stderr or 'alice.py", line 2' in done.stderr
    assert done.returncode == 1


def test_a_program_that_waits_for_ever(tmp_path: Path) -> None:
    wait = "import socket\nsocket.create_server(('', 7)).accept()\n"
    name = lab(tmp_path, alice=wait)
    done = trunk("run", name, cwd=tmp_path)
    spoken = [line for line in done.stderr.splitlines() if line.startswith("trunkline: ")]
    assert len(spoken) == 1
    assert spoken[0].startswith("trunkline: deadlock at 0.000000 s: nothing is left to happen")
    assert "alice: python alice.py" in spoken[0]
    assert 'alice.py", line 2' in done.stderr
    assert done.returncode == 1


@pytest.mark.once
@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["rum"], 'there is no command "rum"; did you mean "run"? (trunkline --help)'),
        (["x.toml"], 'there is no command "x.toml"; did you mean "trunkline run x.toml"? (trunkline --help)'),
        (["x.py"], 'there is no command "x.py"; did you mean "trunkline python x.py"? (trunkline --help)'),
        (["exec", "curl"], '"exec" is not in this version (trunkline --help)'),
        (["run"], "run: Missing argument 'LAB.toml' (trunkline run --help)"),
        (["run", "lab.toml", "--until", "30"], "run: Invalid value for --until: '30' is not a duration such as 20ms, 1.5s or 2min (trunkline run --help)"),
        (["run", "lab.toml", "--report", "x.html"], "run: --report is not in this version; there are --ladder and --packet (trunkline run --help)"),
        (["run", "lab.toml", "--seed", "-1"], "run: Invalid value for '--seed': found '-1', expected a whole number from 0 up (trunkline run --help)"),
        (["run", ""], "run: found an empty name, expected that of a lab file (trunkline run --help)"),
        (["run", "lab.toml", "--realtime"], "run: --realtime is not in this version; time here is virtual (trunkline run --help)"),
        (["run", "lab.toml", "--pcap", "x.pcapng", "--pcap-at", "eve"], 'no machine "eve" here; known here: alice, bob'),
        (["run", "lab.toml", "--pcap-at", "bob"], "run: --pcap-at says where to capture; --pcap FILE is missing (trunkline run --help)"),
        (["run", "lab.toml", "--pcap", "no/x.pcapng"], "no/x.pcapng: cannot be written: No such file or directory"),
        (["python", "no.py"], "python: can't open file 'no.py': No such file or directory (trunkline python --help)"),
        (["python", "--wat", "no.py"], "python: unknown option --wat in 'python --wat no.py' (trunkline python --help)"),
    ],
)  # fmt: skip
def test_mistakes_on_the_command_line(tmp_path: Path, arguments: list[str], line: str) -> None:
    lab(tmp_path)
    done = trunk(*arguments, cwd=tmp_path)
    assert (done.stderr, done.returncode) == (f"trunkline: {line}\n", 2)


@pytest.mark.once
def test_no_such_lab(tmp_path: Path) -> None:
    done = trunk("run", "nowhere.toml", cwd=tmp_path)
    assert done.stderr == "nowhere.toml: cannot be read: No such file or directory\n"
    assert done.returncode == 2


# ---------------------------------------------------------------- what works


@pytest.mark.once
def test_version_and_help() -> None:
    assert trunk("--version").stdout == f"trunkline {trunkline.__version__}\n"
    usage = trunk("bench", "--help").stdout.splitlines()[0]
    assert usage == "Usage: trunkline bench [--quick] [FIGURE]…"
    text = trunk("--help").stdout
    assert trunk().stdout == text
    assert "..." not in text.partition("Commands:")[2], "each command has one whole line"
    for command in ("demo", "run", "python", "bench", "doctor"):
        assert f"  {command} " in text
        assert trunk(command, "--help").returncode == 0


def test_a_run(tmp_path: Path) -> None:
    dial = """
import socket
with socket.create_connection(("bob", 80)) as line:
    line.sendall(b"GET / HTTP/1.0\\r\\n\\r\\n")
    print(line.makefile().read().splitlines()[-1])
"""
    name = lab(tmp_path, alice=dial)
    path = tmp_path / name
    path.write_text(path.read_text().replace("[hosts.bob]", '[hosts.bob]\nservices = ["http"]'))
    done = trunk("run", name, "--seed", "5", cwd=tmp_path)
    assert done.stdout == "This is bob. You are 2001:db8:0:1::1.\n"
    first, second = done.stderr.splitlines()
    assert first.startswith("0.") and first.endswith("(seed 5)")
    assert second.endswith(" packets, 0 TCP retransmissions, 0 packets dropped")
    assert done.returncode == 0


@pytest.mark.once
def test_until(tmp_path: Path) -> None:
    name = lab(tmp_path, alice="import time\ntime.sleep(100)\n")
    done = trunk("run", name, "--until", "30s", cwd=tmp_path)
    assert done.returncode == 0
    assert done.stderr.splitlines()[-1] == (
        "unfinished at 30.000000 s: alice: python alice.py waits in sleep"
        " (alice.py, line 2: time.sleep(100)) until 100.000000 s"
    )


@pytest.mark.once
def test_losses_are_counted_by_reason(tmp_path: Path) -> None:
    send = "import socket, time\ns = socket.socket(type=socket.SOCK_DGRAM)\nfor n in range(100):\n    s.sendto(b'x', ('10.0.1.2', 9))\ntime.sleep(1)\n"
    name = lab(tmp_path, alice=send)
    path = tmp_path / name
    path.write_text(path.read_text() + 'to.bob = { loss = "50%" }\n')
    done = trunk("run", name, cwd=tmp_path)
    assert " × lost, alice-bob (alice.eth0 to bob.eth0)" in done.stderr
    assert done.returncode == 0


# ---------------------------------------------------------------- python


def test_python_is_a_program_on_a_host(tmp_path: Path) -> None:
    code = "import sys, socket, time; print(socket.gethostname(), sys.argv[1:], round(time.monotonic())); sys.exit(5)"
    done = trunk("python", "-c", code, "-m", "--help", cwd=tmp_path)
    assert done.stdout == "here ['-m', '--help'] 1000\n"
    assert done.returncode == 5


@pytest.mark.once
def test_python_runs_modules_and_scripts(tmp_path: Path) -> None:
    (tmp_path / "hello.py").write_text(
        "import sys, threading\n"
        "if __name__ == '__main__':\n"
        "    print(sys.argv, __file__, threading.current_thread() is threading.main_thread())\n"
    )
    script = trunk("python", "hello.py", "x", cwd=tmp_path)
    assert script.stdout == "['hello.py', 'x'] hello.py True\n"
    module = trunk("python", "-m", "hello", "x", cwd=tmp_path)
    assert module.stdout.endswith("True\n")
    assert (script.returncode, module.returncode) == (0, 0)


@pytest.mark.once
def test_python_takes_options_and_standard_input(tmp_path: Path) -> None:
    code = "import sys; print(sys.warnoptions, sys.dont_write_bytecode, sys.argv[1:])"
    done = trunk("python", "-B", "-W", "error", "-c", code, "-u", cwd=tmp_path)
    assert done.stdout == "['error'] True ['-u']\n"
    piped = subprocess.run(
        [sys.executable, "-m", "trunkline", "python"],
        input="import socket; print(socket.gethostname())",
        capture_output=True,
        text=True,
        check=True,
    )
    assert piped.stdout == "here\n"


@pytest.mark.once
def test_python_tells_of_an_exception_as_python_does(tmp_path: Path) -> None:
    done = trunk("python", "-c", "1/0", cwd=tmp_path)
    assert done.stderr.splitlines()[-1] == "ZeroDivisionError: division by zero"
    assert done.returncode == 1


def test_python_has_loopback_and_nothing_else(tmp_path: Path) -> None:
    code = """
import socket, threading
server = socket.create_server(("localhost", 0))
threading.Thread(target=lambda: server.accept()[0].send(b"me")).start()
print(socket.create_connection(server.getsockname()).recv(9))
try:
    socket.create_connection(("192.0.2.1", 80))
except OSError as error:
    print(error.strerror)
"""
    done = trunk("python", "-c", code, cwd=tmp_path)
    assert done.stdout == "b'me'\nNetwork is unreachable\n"


# ---------------------------------------------------------------- demo, doctor


@pytest.mark.once
def test_doctor() -> None:
    done = trunk("doctor")
    assert done.returncode == 0, done.stdout
    assert "A call between two hosts" in done.stdout
    assert "over IPv4 and over IPv6" in done.stdout


@pytest.mark.once
@pytest.mark.parametrize("checkout", [True, False])
def test_doctor_says_how_to_get_an_extra(tmp_path: Path, checkout: bool) -> None:
    about = tmp_path / "trunkline-1.dist-info"
    about.mkdir()
    (about / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: trunkline\nVersion: 1\nProvides-Extra: services\n"
        'Requires-Dist: no-such-library; extra == "services"\n'
    )
    if checkout:
        origin = '{"dir_info": {"editable": true}, "url": "file:///my%20work/trunkline"}'
        (about / "direct_url.json").write_text(origin)
    path = os.pathsep.join([str(tmp_path), *filter(None, [os.environ.get("PYTHONPATH")])])
    said = " ".join(trunk("doctor", cwd=tmp_path, PYTHONPATH=path).stdout.split())
    if checkout:
        assert "pip install -e '.[services]' in /my work/trunkline" in said
    else:
        assert "pip install 'trunkline[services]'" in said


@pytest.mark.once
def test_a_library_that_the_demo_lacks(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(
        "import importlib.util as u\nfind = u.find_spec\n"
        "u.find_spec = lambda name, *more: None if name == 'httpx' else find(name, *more)\n"
    )
    path = os.pathsep.join([str(tmp_path), *filter(None, [os.environ.get("PYTHONPATH")])])
    done = trunk("demo", cwd=tmp_path, PYTHONPATH=path)
    assert done.stderr == "trunkline: the demo needs httpx: pip install 'trunkline[demo]'\n"
    assert done.returncode == 2


def test_the_demo(tmp_path: Path) -> None:
    for library in ("aiohttp", "requests", "httpx"):
        pytest.importorskip(library)
    done = trunk("demo", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    said = done.stdout.splitlines()
    for family in ("IPv4", "IPv6"):
        assert any(f"65536 octets over {family}" in line and "whole" in line for line in said)
    assert any("page 3 from dave, 1000 lines" in line for line in said)
    ladder = said[said.index("") :]
    assert ladder[1].startswith("alice calls bob, port 8080, over TCP")
    assert any("dial: alice calls bob" in line for line in ladder)
    assert max(len(line) for line in ladder) <= 100
    assert " TCP retransmissions, " in done.stderr
    assert f"capture: {tmp_path}/trunkline-demo.pcapng" in done.stderr
    assert (tmp_path / "trunkline-demo.pcapng").stat().st_size > 100_000


# ---------------------------------------------------------------- the same again


BUSY = """
import socket
for size in (10, 100_000):
    with socket.create_connection(("bob", 80)) as line:
        line.sendall(b"GET /octets/%d HTTP/1.0\\r\\n\\r\\n" % size)
        while line.recv(65536):
            pass
"""


def test_the_same_seed_gives_the_same_octets(tmp_path: Path) -> None:
    """Whatever the hash seed that was asked for, with strict octets or without; another seed does not."""
    path = tmp_path / lab(tmp_path, alice=BUSY)
    text = path.read_text().replace("[hosts.bob]", '[hosts.bob]\nservices = ["http"]')
    path.write_text(text + 'jitter = "1ms"\nloss = "2%"\nduplicate = "1%"\nreorder = "1%"\n')
    runs = [("7", "--strict", "1"), ("7", "--no-strict", "2"), ("8", "--no-strict", "1")]
    files = []
    for number, (seed, strict, hashes) in enumerate(runs):
        file = tmp_path / f"{number}.pcapng"
        done = trunk(
            "run", "lab.toml", "--seed", seed, strict, "--pcap", str(file),
            cwd=tmp_path, PYTHONHASHSEED=hashes,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        files.append(file.read_bytes())
    assert files[0] == files[1]
    assert files[1] != files[2]


@pytest.mark.once
def test_captures_at_one_place(tmp_path: Path) -> None:
    path = tmp_path / lab(tmp_path, alice=BUSY)
    path.write_text(path.read_text().replace("[hosts.bob]", '[hosts.bob]\nservices = ["http"]'))
    done = trunk("run", "lab.toml", "--pcap", "all/", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    names = sorted(file.name for file in (tmp_path / "all").iterdir())
    assert names == ["alice.eth0.pcapng", "alice.lo.pcapng", "bob.eth0.pcapng", "bob.lo.pcapng"]
    trunk("run", "lab.toml", "--pcap", "one.pcapng", "--pcap-at", "bob:eth0", cwd=tmp_path)
    assert (tmp_path / "one.pcapng").read_bytes() == (tmp_path / "all" / names[2]).read_bytes()


@contextlib.contextmanager
def heeding_interrupts() -> Iterator[None]:
    """A shell starts what runs in its background with SIGINT ignored, and children inherit that."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@pytest.mark.once
def test_interrupting_a_program_that_spins(tmp_path: Path) -> None:
    name = lab(tmp_path, alice="print('spinning', flush=True)\nwhile True:\n    pass\n")
    with heeding_interrupts():
        process = subprocess.Popen(
            [sys.executable, "-m", "trunkline", "run", name],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=tmp_path,
            env={**os.environ, "PYTHONHASHSEED": "0"},
        )
    with process:
        assert process.stdout is not None
        process.stdout.readline()
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    *_, who, verdict = said.splitlines()
    assert who.startswith(
        "unfinished at 0.000000 s: alice: python alice.py computes (alice.py, line "
    )
    assert verdict == "trunkline: interrupted at 0.000000 s of the world"


@pytest.mark.once
def test_a_traceback_ends_where_the_program_calls_the_system(tmp_path: Path) -> None:
    name = lab(tmp_path, alice="import socket\nsocket.create_connection(('bob', 80))\n")
    done = trunk("run", name, cwd=tmp_path)
    assert "ConnectionRefusedError: [Errno 111] Connection refused" in done.stderr.splitlines()
    assert "/trunkline/" not in done.stderr.partition("ConnectionRefusedError")[0]
    assert done.returncode == 1


@pytest.mark.once
def test_what_a_program_is_given(tmp_path: Path) -> None:
    """Variables, a directory, input and a start, each its own."""
    tell = "import os, sys, time; print(os.environ.get('WHO'), os.path.basename(os.getcwd()), sys.stdin.read(), time.monotonic())"
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "tell.py").write_text(tell)
    (tmp_path / "lab.toml").write_text(
        "[hosts.alice]\nprograms = [\n"
        '{ run = "python tell.py", cwd = "inner", env = { WHO = "a" }, stdin = "x", start = "2s" },\n'
        '{ run = "python inner/tell.py", stdin = "y" },\n]\n'
    )
    done = trunk("run", "lab.toml", cwd=tmp_path, WHO="nobody")
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"nobody {tmp_path.name} y 1000.0\na inner x 1002.0\n"
