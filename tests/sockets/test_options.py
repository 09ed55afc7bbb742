"""Options against the kernel's: defaults, what setting them does, and what is refused."""

from __future__ import annotations

import struct
from typing import Any

import pytest

from tests.sockets.loopback import DGRAM, INET, INET6, STREAM, both
from tests.transport.two_hosts import ANY, B, TwoHosts

KINDS = [(INET, STREAM), (INET, DGRAM), (INET6, STREAM), (INET6, DGRAM)]
SOL_SOCKET, IP, TCP, UDP, IPV6 = 1, 0, 6, 17, 41

NUMBERS = {
    SOL_SOCKET: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 14, 15, 16, 18, 19, 29, 30, 34, 35, 36]
    + [37, 38, 39, 40, 41, 42, 43, 45, 46, 47, 48, 49, 60, 69, 99],
    IP: [1, 2, 3, 6, 7, 8, 10, 11, 12, 13, 14, 15, 18, 19, 20, 21, 23, 24, 26, 33, 34, 49, 93],
    TCP: [1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 16, 17, 18, 25, 27, 30, 34, 36, 37, 99],
    UDP: [1, 101, 102, 103, 104, 99],
    IPV6: [2, 3, 4, 5, 8, 11, 16, 17, 18, 19, 23, 24, 25, 26, 29, 30, 31, 33, 49, 51, 53, 56, 58]
    + [60, 62, 66, 67, 70, 73, 74, 75, 77, 78, 99],
}
# where ours is known to differ, with the reason
APART = {
    (SOL_SOCKET, 7): "TCP's send buffer is not tuned",
    (IP, 49): "one switch serves both families",
    (IPV6, 17): "the kernel may have any number of NICs",
    (TCP, 9): "deferring an accept is kept for show, not rounded to retransmissions",
}
# beyond these a kernel's configuration decides, or its age
KERNELS_OWN = {(SOL_SOCKET, 8): 5000, (SOL_SOCKET, 18): 5000, (SOL_SOCKET, 37): 2}


@pytest.mark.parametrize(("family", "type"), KINDS)
@pytest.mark.parametrize("level", list(NUMBERS))
def test_integers(family: int, type: int, level: int) -> None:
    values = [1, 0, 2, 255, 256, -1, -2, 200, 5000]

    def body(on: Any) -> list[Any]:
        got: list[Any] = []
        for option in NUMBERS[level]:
            if (level, option) in APART:
                continue
            sock = on.socket(family, type)
            got += [(level, option, "fresh", on.get(sock, level, option))]
            for value in values:
                if (level, option) in KERNELS_OWN and not 0 <= value <= KERNELS_OWN[level, option]:
                    continue
                if (level, option, value) == (IPV6, 16, 0):
                    continue  # a hop limit of 0 counts as the default here
                outcome = on.set(sock, level, option, struct.pack("i", value))
                got += [(level, option, value, outcome, on.get(sock, level, option))]
            for short in (b"", b"\1", b"\1\0\0", b"\1\0\0\0\0"):
                got += [(level, option, short, on.set(sock, level, option, short))]
            got += [(level, option, "short", on.get(sock, level, option, 2))]
            on.close(sock)
        return got

    both(body)


@pytest.mark.parametrize(("family", "type"), KINDS)
def test_structures(family: int, type: int) -> None:
    def body(on: Any) -> list[Any]:
        sock = on.socket(family, type)
        got = [on.get(sock, SOL_SOCKET, 13, 8), on.get(sock, SOL_SOCKET, 20, 16)]
        for value in ((1, 5), (0, 7), (1, 0), (7, 3)):
            got += [on.set(sock, SOL_SOCKET, 13, struct.pack("ii", *value))]
            got += [on.get(sock, SOL_SOCKET, 13, 8)]
        got += [on.set(sock, SOL_SOCKET, 13, struct.pack("i", 1))]
        for option in (20, 21):
            for timeval in ((1, 500_000), (0, 0), (0, 1_000_000), (-1, 0), (2, -1)):
                got += [on.set(sock, SOL_SOCKET, option, struct.pack("qq", *timeval))]
                if timeval[0] >= 0:
                    got += [on.get(sock, SOL_SOCKET, option, 16)]
            got += [on.set(sock, SOL_SOCKET, option, bytes(8))]
        got += [on.get(sock, SOL_SOCKET, 25, 16), on.set(sock, SOL_SOCKET, 25, b"nowhere\0")]
        got += [on.set(sock, SOL_SOCKET, 25, b"lo"), on.get(sock, SOL_SOCKET, 25, 16)]
        got += [on.set(sock, SOL_SOCKET, 25, b""), on.get(sock, SOL_SOCKET, 25, 16)]
        got += [
            on.get(sock, SOL_SOCKET, 17, 12),
            on.get(sock, 132, 1),
            on.set(sock, 132, 1, b"1234"),
        ]
        return got

    both(body)


@pytest.mark.parametrize("family", [INET, INET6])
def test_congestion_control(family: int) -> None:
    def body(on: Any) -> list[Any]:
        sock = on.socket(family, STREAM)
        got = [on.set(sock, TCP, 13, b"reno"), on.get(sock, TCP, 13, 16)]
        got += [on.set(sock, TCP, 13, b"cubic"), on.get(sock, TCP, 13, 16)]
        got += [on.set(sock, TCP, 13, b"nonsense"), on.set(sock, TCP, 13, b"")]
        return got

    both(body)


def test_what_tcp_tells_of_itself() -> None:
    def body(on: Any) -> list[Any]:
        near, _far = on.pair()
        info = on.get(near, TCP, 11, 104)
        listening, _port = on.listener()
        fresh = on.socket(INET, STREAM)
        states = [on.get(sock, TCP, 11, 1) for sock in (near, listening, fresh)]
        return [len(info), info[5] & 7, *states, on.get(near, IP, 14), on.get(near, SOL_SOCKET, 30)]

    both(body)


def test_tcp_info_counts() -> None:
    from tests.sockets.loopback import Ours

    on = Ours()
    near, far = on.pair()
    on.send(near, b"x" * 1000)
    on.settle()
    words = struct.unpack_from("24I", on.get(near, TCP, 11, 104), 8)
    assert words[0] >= 200_000  # rto, microseconds
    assert words[2] > 30_000  # mss on a loopback
    assert words[4] == 0  # unacked
    assert words[18] >= 2  # cwnd
    assert len(on.get(far, TCP, 11, 8)) == 8


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_states_that_tcp_info_tells(host: str) -> None:
    """Linux's socket is closed once its connection is in TIME-WAIT."""

    def body(on: Any) -> list[Any]:
        caller, callee = on.pair(host)
        got = [on.get(caller, TCP, 11, 1)]
        on.shutdown(caller, 1)
        on.settle()
        got += [on.get(callee, TCP, 11, 1)]
        on.shutdown(callee, 1)
        on.settle()
        got += [on.get(caller, TCP, 11, 1), on.get(callee, TCP, 11, 1)]
        return got

    both(body)


def test_quick_acknowledgements_switched_off() -> None:
    """TCP_QUICKACK of 0 acts on a connection that stands: what comes is acknowledged later."""
    for off in (False, True):
        both_ends = TwoHosts()
        listening = both_ends.socket(both_ends.b, 4, 1)
        listening.bind((ANY[4], 80, 0, 0))
        listening.listen(1)
        caller = both_ends.socket(both_ends.a, 4, 1)
        caller.connect((B[4], 80, 0, 0))
        both_ends.run()
        callee = listening.accept()
        assert callee is not None
        if off:
            callee.setsockopt(TCP, 12, bytes(4))
        both_ends.frames.sent.clear()
        caller.send(b"x", 0)
        both_ends.run(20)
        assert len(both_ends.frames.sent) == (1 if off else 2)
        both_ends.run(40)
        assert len(both_ends.frames.sent) == 2
