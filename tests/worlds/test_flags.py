"""The MSG_ flags, and messages of several parts."""

from __future__ import annotations

import fcntl
import select
import socket
import struct

import pytest

from tests.worlds.stage import (
    PATIENCE,
    Place,
    arrives,
    becomes,
    exactly,
    outcome,
    ready,
    settle,
    two_worlds,
)

SIOCATMARK = 0x8905


@two_worlds("ipv4", "ipv6")
def test_peek(place: Place) -> object:
    near, far = place.pair()
    near.sendall(b"abcdef")
    settle()
    return [
        far.recv(3, socket.MSG_PEEK),
        far.recv(9, socket.MSG_PEEK),
        far.recv(2),
        far.recv(9, socket.MSG_PEEK),
        far.recv(9),
        outcome(far.recv, 9, socket.MSG_PEEK | socket.MSG_DONTWAIT),
    ]


@two_worlds("ipv4", "ipv6")
def test_peek_at_the_end(place: Place) -> object:
    near, far = place.pair()
    near.close()
    settle()
    return far.recv(9, socket.MSG_PEEK), far.recv(9)


@two_worlds("ipv4", "ipv6")
def test_peek_at_a_datagram(place: Place) -> object:
    here, there = place.datagrams()
    here.sendto(b"one", there.getsockname())
    here.sendto(b"two", there.getsockname())
    arrives(there)
    seen = [there.recvfrom(2, socket.MSG_PEEK), there.recvfrom(9, socket.MSG_PEEK)]
    return [data for data, _ in seen], there.recv(9), there.recv(9)


@two_worlds("ipv4", "ipv6")
def test_peek_waits(place: Place) -> object:
    near, far = place.pair()
    far.settimeout(0.01)
    late = outcome(far.recv, 9, socket.MSG_PEEK)
    near.sendall(b"x")
    return late, far.recv(9, socket.MSG_PEEK)


@two_worlds("ipv4", "ipv6")
def test_waitall_gathers(place: Place) -> object:
    import threading

    near, far = place.pair()

    def speak() -> None:
        for part in (b"abc", b"def", b"gh"):
            near.sendall(part)
            settle()

    speaker = threading.Thread(target=speak)
    speaker.start()
    got = far.recv(8, socket.MSG_WAITALL)
    speaker.join()
    return got


@two_worlds("ipv4", "ipv6")
def test_waitall_ends_with_the_stream(place: Place) -> object:
    near, far = place.pair()
    near.sendall(b"short")
    near.close()
    return far.recv(100, socket.MSG_WAITALL), far.recv(100, socket.MSG_WAITALL)


@two_worlds("ipv4", "ipv6")
def test_waitall_without_waiting(place: Place) -> object:
    near, far = place.pair()
    near.sendall(b"part")
    settle()
    return far.recv(100, socket.MSG_WAITALL | socket.MSG_DONTWAIT)


@two_worlds("ipv4", "ipv6")
def test_waitall_on_datagrams(place: Place) -> object:
    here, there = place.datagrams()
    here.sendto(b"one", there.getsockname())
    here.sendto(b"two", there.getsockname())
    arrives(there)
    return there.recv(100, socket.MSG_WAITALL)


@two_worlds("ipv4", "ipv6")
def test_dontwait(place: Place) -> object:
    near, _ = place.pair()
    sock = place.bound()
    return (
        outcome(near.recv, 1, socket.MSG_DONTWAIT),
        outcome(sock.recv, 1, socket.MSG_DONTWAIT),
        near.gettimeout(),
    )


@two_worlds("ipv4", "ipv6")
def test_dontwait_when_full(place: Place) -> object:
    near, _ = place.pair()
    place.drained(near)
    near.setblocking(True)
    return outcome(near.send, b"x", socket.MSG_DONTWAIT)


@two_worlds("ipv4", "ipv6")
def test_trunc_tells_the_whole_length_of_a_datagram(place: Place) -> object:
    here, there = place.datagrams()
    here.sendto(bytes(100), there.getsockname())
    arrives(there)
    buffer = bytearray(10)
    return there.recv_into(buffer, 10, socket.MSG_TRUNC), ready(there)


@two_worlds("ipv4", "ipv6")
def test_trunc_throws_a_stream_away(place: Place) -> object:
    near, far = place.pair()
    near.sendall(b"abcdef")
    settle()
    buffer = bytearray(b"...")
    count = far.recv_into(buffer, 3, socket.MSG_TRUNC)
    return count, bytes(buffer), far.recv(9)


@two_worlds("ipv4", "ipv6")
def test_nosignal(place: Place) -> object:
    near, far = place.pair()
    near.shutdown(socket.SHUT_WR)
    return outcome(near.send, b"x", socket.MSG_NOSIGNAL), far.recv(1)


@two_worlds("ipv4", "ipv6")
@pytest.mark.parametrize("kind", ["tcp", "udp"])
def test_error_queue_is_empty(place: Place, kind: str) -> object:
    sock = place.pair()[0] if kind == "tcp" else place.bound()
    return outcome(sock.recv, 9, socket.MSG_ERRQUEUE)


@two_worlds("ipv4", "ipv6")
def test_urgent_octet(place: Place) -> object:
    near, far = place.pair()
    near.send(b"abc")
    near.send(b"de!", socket.MSG_OOB)
    near.send(b"fg")
    shown = becomes(far, "IN|PRI")
    excepts = select.select([], [], [far], PATIENCE)[2] == [far]
    settle()
    urgent = far.recv(9, socket.MSG_OOB)
    again = outcome(far.recv, 9, socket.MSG_OOB)
    return shown, excepts, urgent, again, far.recv(99), far.recv(99)


@two_worlds("ipv4", "ipv6")
def test_urgent_octet_inline(place: Place) -> object:
    near, far = place.pair()
    far.setsockopt(socket.SOL_SOCKET, socket.SO_OOBINLINE, 1)
    near.send(b"ab!", socket.MSG_OOB)
    near.send(b"cd")
    becomes(far, "PRI")
    settle()

    def at_mark() -> int:
        return int(struct.unpack("i", fcntl.ioctl(far, SIOCATMARK, bytes(4)))[0])

    seen: list[object] = [at_mark(), outcome(far.recv, 9, socket.MSG_OOB), far.recv(99), at_mark()]
    return seen, far.recv(99), at_mark()


@two_worlds("ipv4", "ipv6")
@pytest.mark.parametrize("kind", ["tcp", "udp", "listener"])
def test_no_urgent_octet(place: Place, kind: str) -> object:
    sock = (
        place.pair()[0] if kind == "tcp" else (place.bound() if kind == "udp" else place.listener())
    )
    sock.setblocking(False)
    return outcome(sock.recv, 9, socket.MSG_OOB)


@two_worlds("ipv4", "ipv6")
def test_urgent_datagram(place: Place) -> object:
    here, there = place.datagrams()
    return outcome(here.sendto, b"x", socket.MSG_OOB, there.getsockname())


# ---------------------------------------------------------------- sendmsg and recvmsg


@two_worlds("ipv4", "ipv6")
def test_gather_and_scatter(place: Place) -> object:
    near, far = place.pair()
    sent = near.sendmsg([b"abc", bytearray(b"def"), b"", memoryview(b"ghij")])
    settle()
    one, two = bytearray(4), bytearray(20)
    count, ancillary, flags, address = far.recvmsg_into([one, two])
    return sent, count, ancillary, flags, address, bytes(one), bytes(two[:6])


@two_worlds("ipv4", "ipv6")
def test_recvmsg_on_a_stream(place: Place) -> object:
    near, far = place.pair()
    near.sendall(b"abcdef")
    settle()
    seen = [far.recvmsg(4), far.recvmsg(4, 100, socket.MSG_PEEK), far.recvmsg(4, 100)]
    near.close()
    settle()
    return seen, far.recvmsg(4)


@two_worlds("ipv4", "ipv6")
def test_message_datagram(place: Place) -> object:
    here, there = place.datagrams()
    sent = here.sendmsg([b"ab", b"cd"], [], 0, there.getsockname())
    arrives(there)
    data, ancillary, flags, address = there.recvmsg(100)
    return sent, data, ancillary, flags, address == here.getsockname()


@two_worlds("ipv4", "ipv6")
@pytest.mark.parametrize("flag", [0, socket.MSG_TRUNC, socket.MSG_PEEK])
def test_flags_of_a_cut_datagram(place: Place, flag: int) -> object:
    here, there = place.datagrams()
    here.sendto(bytes(50), there.getsockname())
    arrives(there)
    data, _, flags, _ = there.recvmsg(10, 0, flag)
    return len(data), flags, ready(there)


@two_worlds("ipv4", "ipv6")
def test_message_parts_of_wrong_kinds(place: Place) -> object:
    near, far = place.pair()
    seen = [
        outcome(near.sendmsg, b"bytes are a sequence of ints"),
        outcome(near.sendmsg, ["text"]),
        outcome(near.sendmsg, 5),
        outcome(near.sendmsg, [b"x"], 5),
        outcome(near.sendmsg, [b"x"], [(1, 2)]),
        outcome(near.sendmsg, []),
        outcome(far.recvmsg, -1),
        outcome(far.recvmsg, 1, -1),
        outcome(far.recvmsg, "x"),
        outcome(far.recvmsg_into, bytearray(5)),
        outcome(far.recvmsg_into, [b"fixed"]),
    ]
    far.setblocking(False)
    return seen, outcome(far.recvmsg, 10), outcome(far.recvmsg_into, [bytearray(3)])


@two_worlds("ipv4", "ipv6")
def test_empty_messages(place: Place) -> object:
    here, there = place.datagrams()
    sent = here.sendmsg([], [], 0, there.getsockname())
    arrives(there)
    count, _, _, address = there.recvmsg_into([])
    return sent, count, address == here.getsockname(), ready(there)


@two_worlds("ipv4", "ipv6")
def test_message_on_an_unconnected_socket(place: Place) -> object:
    return outcome(place.datagram().sendmsg, [b"x"]), outcome(place.stream().recvmsg, 1)


@two_worlds("ipv4", "ipv6")
def test_unknown_ancillary_data(place: Place) -> object:
    here, there = place.datagrams()
    item = (socket.IPPROTO_IPV6 if place.v6 else socket.IPPROTO_IP, 9999, bytes(4))
    return outcome(here.sendmsg, [b"x"], [item], 0, there.getsockname())


@two_worlds("ipv4", "ipv6")
def test_large_gather(place: Place) -> object:
    near, far = place.pair()
    parts = [bytes([number]) * number for number in range(200)]
    sent = near.sendmsg(parts)
    return sent, exactly(far, sent) == b"".join(parts)


@two_worlds("ipv4")
@pytest.mark.parametrize("ttl", [None, 9])
def test_hop_limit_as_ancillary_data(place: Place, ttl: int | None) -> object:
    here, there = place.datagrams()
    there.setsockopt(
        socket.IPPROTO_IP, socket.IP_RECVTTL if hasattr(socket, "IP_RECVTTL") else 12, 1
    )
    if ttl is not None:
        here.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, ttl)
    here.sendto(b"x", there.getsockname())
    arrives(there)
    return there.recvmsg(10, 100)[:3]


@two_worlds("ipv4")
def test_type_of_service_as_ancillary_data(place: Place) -> object:
    here, there = place.datagrams()
    there.setsockopt(socket.IPPROTO_IP, 13, 1)  # IP_RECVTOS, not in every Python
    here.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, 0x10)
    here.sendto(b"x", there.getsockname())
    arrives(there)
    return there.recvmsg(10, 100)[:3]


@two_worlds("ipv6")
def test_hop_limit_and_class_as_ancillary_data(place: Place) -> object:
    here, there = place.datagrams()
    there.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVHOPLIMIT, 1)
    there.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVTCLASS, 1)
    here.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS, 9)
    here.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_TCLASS, 0x20)
    here.sendto(b"x", there.getsockname())
    arrives(there)
    data, ancillary, flags, _ = there.recvmsg(10, 100)
    return data, sorted(ancillary), flags


@two_worlds("ipv4")
def test_destination_as_ancillary_data(place: Place) -> object:
    here = place.bound()
    there = place.bound(host="0.0.0.0")
    there.setsockopt(socket.IPPROTO_IP, 8, 1)  # IP_PKTINFO, not in every Python
    here.sendto(b"x", ("127.0.0.1", there.getsockname()[1]))
    arrives(there)
    data, ancillary, flags, _ = there.recvmsg(10, 100)
    return data, [(level, kind, value[8:]) for level, kind, value in ancillary], flags


@two_worlds("ipv4")
def test_room_for_ancillary_data_is_too_small(place: Place) -> object:
    here, there = place.datagrams()
    there.setsockopt(socket.IPPROTO_IP, 12, 1)  # IP_RECVTTL
    here.sendto(b"x", there.getsockname())
    arrives(there)
    data, ancillary, flags, _ = there.recvmsg(10)
    return data, ancillary, flags & socket.MSG_CTRUNC


@two_worlds("ipv4")
def test_source_chosen_by_ancillary_data(place: Place) -> object:
    here, there = place.datagram(), place.bound()
    info = struct.pack("@I4s4s", 0, socket.inet_aton("127.0.0.3"), bytes(4))
    here.sendmsg([b"x"], [(socket.IPPROTO_IP, 8, info)], 0, there.getsockname())  # IP_PKTINFO
    arrives(there)
    return there.recvfrom(9)[1][0]


@two_worlds("ipv4")
def test_hop_limit_chosen_by_ancillary_data(place: Place) -> object:
    here, there = place.datagrams()
    there.setsockopt(socket.IPPROTO_IP, 12, 1)  # IP_RECVTTL
    item = (socket.IPPROTO_IP, socket.IP_TTL, struct.pack("@i", 7))
    here.sendmsg([b"x"], [item], 0, there.getsockname())
    arrives(there)
    return there.recvmsg(9, 100)[1]


@two_worlds("ipv6")
def test_header_fields_chosen_by_ancillary_data(place: Place) -> object:
    here, there = place.datagrams()
    level = socket.IPPROTO_IPV6
    for option in (socket.IPV6_RECVHOPLIMIT, socket.IPV6_RECVTCLASS, socket.IPV6_RECVPKTINFO):
        there.setsockopt(level, option, 1)
    lo = socket.if_nametoindex("lo")
    items = [
        (level, socket.IPV6_HOPLIMIT, struct.pack("@i", 7)),
        (level, socket.IPV6_TCLASS, struct.pack("@i", 0x30)),
        (
            level,
            socket.IPV6_PKTINFO,
            socket.inet_pton(socket.AF_INET6, "::1") + struct.pack("@I", lo),
        ),
    ]
    here.sendmsg([b"x"], items, 0, there.getsockname())
    arrives(there)
    return sorted(there.recvmsg(9, 200)[1])


@two_worlds("ipv6")
def test_wrong_ancillary_data(place: Place) -> object:
    here, there = place.datagrams()
    level, at = socket.IPPROTO_IPV6, there.getsockname()
    return [
        outcome(here.sendmsg, [b"x"], [(level, kind, value)], 0, at)
        for kind, value in (
            (socket.IPV6_HOPLIMIT, struct.pack("@i", 256)),
            (socket.IPV6_HOPLIMIT, b"x"),
            (socket.IPV6_TCLASS, struct.pack("@i", 256)),
            (socket.IPV6_PKTINFO, b"x"),
        )
    ]
