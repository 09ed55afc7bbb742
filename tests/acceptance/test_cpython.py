"""CPython's own test suites, unchanged, as the program of a simulated host."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

from tests.acceptance import suites

MODULES = [
    "test.test_asyncio.test_streams",
    "test.test_asyncio.test_sock_lowlevel",
    "test.test_asyncio.test_sendfile",
    "test.test_asyncio.test_sslproto",
    "test.test_smtplib",
    "test.test_httplib",
]

# The same promise, too long for every run: `make soak`.
MORE = [
    "test.test_socket",
    "test.test_select",
    "test.test_poll",
    "test.test_epoll",
    "test.test_selectors",
    "test.test_timeout",
    "test.test_socketserver",
    "test.test_httpservers",
    "test.test_urllib2_localnet",
    "test.test_xmlrpc",
    "test.test_ftplib",
    "test.test_poplib",
    "test.test_imaplib",
    "test.test_wsgiref",
    "test.test_ssl",
    "test.test_queue",
    "test.test_sched",
    "test.test_asyncio.test_server",
    "test.test_asyncio.test_buffered_proto",
    "test.test_asyncio.test_ssl",
    "test.test_asyncio.test_events",
    "test.test_asyncio.test_selector_events",
    "test.test_asyncio.test_base_events",
    "test.test_asyncio.test_tasks",
    "test.test_asyncio.test_timeouts",
    "test.test_asyncio.test_threads",
    "test.test_asyncio.test_runners",
    "test.test_asyncio.test_unix_events",
    "test.test_asyncio.test_taskgroups",
    "test.test_asyncio.test_futures",
    "test.test_asyncio.test_locks",
    "test.test_asyncio.test_queues",
    "test.test_asyncore",
    "test.test_asynchat",
    "test.test_smtpd",
    "test.test_telnetlib",
    "test.test_nntplib",
    "test.test_docxmlrpc",
    "test.test_robotparser",
    "test.test_urllib2",
    "test.test_logging",
]

MISSING = (
    "this Python is without its own test suite (`test`);"
    " on Debian it comes with the package libpython3-testsuite"
)


def is_there(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:
        return False


def check(module: str, folder: Path) -> None:
    if not is_there("test.test_asyncio"):
        pytest.skip(MISSING)
    if not is_there(module):
        pytest.skip(f"Python {sys.version.split()[0]} has no {module}")
    (folder / "native").mkdir()
    (folder / "inside").mkdir()
    native = suites.run(suites.NATIVE, module, folder / "native")
    allowed = suites.exceptions(module)
    apart = [entry.test for entry in allowed]
    inside = suites.run(suites.INSIDE, module, folder / "inside", apart)
    assert len(native.passed()) > 0, native.noise
    wrong = suites.judge(native, inside, allowed)
    count = f"{len(native.passed() & inside.passed())} of {len(native.passed())} pass inside"
    assert not wrong, "\n".join([count, *wrong])


@pytest.mark.parametrize("module", MODULES)
def test_suite(module: str, tmp_path: Path) -> None:
    check(module, tmp_path)


@pytest.mark.soak
@pytest.mark.parametrize("module", MORE)
def test_further_suite(module: str, tmp_path: Path) -> None:
    check(module, tmp_path)


@pytest.mark.once
def test_the_command_itself(tmp_path: Path) -> None:
    """`trunkline python -m unittest`, as a person types it."""
    if not is_there("test.test_asyncio"):
        pytest.skip(MISSING)
    done = subprocess.run(
        [*suites.INSIDE, "-m", "unittest", "-v", "test.test_asyncio.test_buffered_proto"],
        capture_output=True,
        text=True,
        timeout=200,
        cwd=tmp_path,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "OK" in done.stderr


@pytest.mark.once
def test_a_failure_is_seen(tmp_path: Path) -> None:
    """The comparison itself: what fails only inside is told, what is listed is not, stale entries are."""
    native, inside = suites.Outcomes(), suites.Outcomes()
    native.of = {"m.A.one": "passed", "m.A.two": "passed", "m.A.three": "failed"}
    inside.of = {"m.A.one": "passed", "m.A.two": "failed", "m.A.three": "passed"}
    inside.details = {"m.A.two": "AssertionError: 1 != 2"}
    assert suites.judge(native, inside, []) == ["m.A.two: failed inside: AssertionError: 1 != 2"]
    two = suites.Allowed("m.A.t*", "a reason", "m")
    stale = suites.Allowed("m.A.one", "a reason", "m")
    assert suites.judge(native, inside, [two]) == []
    assert len(suites.judge(native, inside, [two, stale])) == 1
    native.of["m.A.one"] = "skipped"
    assert suites.judge(native, inside, [two, stale]) == []


@pytest.mark.once
def test_exceptions_have_reasons() -> None:
    listed = [entry for module in [*MODULES, *MORE] for entry in suites.exceptions(module)]
    assert all(entry.reason.strip() for entry in listed)
    assert len({entry.test for entry in listed}) == len(listed)
