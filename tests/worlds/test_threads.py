"""Threads that wait on sockets, on each other, and both."""

from __future__ import annotations

import concurrent.futures
import os
import queue
import select
import socket
import threading
import time

import pytest

from tests.worlds.stage import (
    PATIENCE,
    Place,
    Running,
    exactly,
    mask_names,
    outcome,
    settle,
    to_the_end,
    two_worlds,
)


@two_worlds("ipv4", "ipv6")
def test_accept_waits_for_a_call(place: Place) -> object:
    listener = place.listener()
    server = Running(listener.accept)
    settle()
    near = place.stream()
    near.connect(listener.getsockname())
    conn, address = server.result()  # type: ignore[misc]
    place.keep(conn)
    return address == near.getsockname()


@two_worlds("ipv4", "ipv6")
def test_recv_waits_for_data(place: Place) -> object:
    near, far = place.pair()
    reader = Running(far.recv, 100)
    settle()
    near.sendall(b"at last")
    return reader.result()


@two_worlds("ipv4", "ipv6")
def test_recv_waits_for_the_end(place: Place) -> object:
    near, far = place.pair()
    reader = Running(far.recv, 100)
    settle()
    near.close()
    return reader.result()


@two_worlds("ipv4", "ipv6")
def test_recv_is_told_of_a_reset(place: Place) -> object:
    from tests.worlds.stage import linger

    near, far = place.pair()
    reader = Running(far.recv, 100)
    settle()
    near.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger(0))
    near.close()
    return reader.result()


@two_worlds("ipv4", "ipv6")
def test_recvfrom_waits_for_a_datagram(place: Place) -> object:
    here, there = place.datagrams()
    reader = Running(there.recvfrom, 100)
    settle()
    here.sendto(b"at last", there.getsockname())
    data, address = reader.result()  # type: ignore[misc]
    return data, address == here.getsockname()


@two_worlds("ipv4", "ipv6")
def test_send_waits_for_room(place: Place) -> object:
    near, far = place.pair()
    sent = place.drained(near)
    near.setblocking(True)
    writer = Running(near.sendall, b"x" * 1000)
    settle()
    waiting = writer.is_alive()
    got = len(exactly(far, sent + 1000))
    return waiting, writer.result(), got == sent + 1000


@two_worlds("ipv4", "ipv6")
def test_shutdown_wakes_a_reader(place: Place) -> object:
    near, _ = place.pair()
    reader = Running(near.recv, 100)
    settle()
    near.shutdown(socket.SHUT_RD)
    return reader.result()


@two_worlds("ipv4", "ipv6")
def test_shutdown_wakes_one_who_accepts(place: Place) -> object:
    listener = place.listener()
    server = Running(listener.accept)
    settle()
    listener.shutdown(socket.SHUT_RDWR)
    return server.result()


@two_worlds("ipv4", "ipv6")
def test_shutdown_wakes_a_writer(place: Place) -> object:
    near, _ = place.pair()
    place.drained(near)
    near.setblocking(True)
    writer = Running(near.sendall, b"x")
    settle()
    near.shutdown(socket.SHUT_WR)
    return writer.result()


@two_worlds("ipv4", "ipv6")
def test_shutdown_wakes_a_datagram_reader(place: Place) -> object:
    here, there = place.datagrams()
    here.connect(there.getsockname())
    reader = Running(here.recv, 100)
    settle()
    here.shutdown(socket.SHUT_RD)
    return reader.result()


@two_worlds("ipv4", "ipv6")
def test_two_readers_of_one_stream(place: Place) -> object:
    near, far = place.pair()
    readers = [Running(far.recv, 1) for _ in range(2)]
    settle()
    near.sendall(b"ab")
    return sorted(reader.result() for reader in readers)  # type: ignore[type-var]


@two_worlds("ipv4", "ipv6")
def test_two_who_accept(place: Place) -> object:
    listener = place.listener()
    servers = [Running(listener.accept) for _ in range(2)]
    settle()
    callers = [place.stream(), place.stream()]
    for sock in callers:
        sock.connect(listener.getsockname())
    seen = set()
    for server in servers:
        conn, address = server.result()  # type: ignore[misc]
        place.keep(conn)
        seen.add(address)
    return seen == {sock.getsockname() for sock in callers}


@two_worlds("ipv4", "ipv6")
def test_server_with_a_thread_for_each_caller(place: Place) -> object:
    listener = place.listener(16)
    count = 6

    def answer(conn: socket.socket) -> None:
        with conn:
            while data := conn.recv(100):
                conn.sendall(data[::-1])

    def serve() -> None:
        workers = []
        for _ in range(count):
            conn, _ = listener.accept()
            workers.append(threading.Thread(target=answer, args=(conn,)))
            workers[-1].start()
        for worker in workers:
            worker.join()

    def call(number: int) -> bytes:
        with socket.create_connection(listener.getsockname()[:2]) as sock:
            sock.sendall(b"caller %d" % number)
            sock.shutdown(socket.SHUT_WR)
            return to_the_end(sock)

    server = Running(serve)
    callers = [Running(call, number) for number in range(count)]
    return [caller.result() for caller in callers], server.result()


@two_worlds("ipv4", "ipv6")
def test_thread_pool(place: Place) -> object:
    near, far = place.pair()
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        reader = pool.submit(far.recv, 9)
        pool.submit(near.sendall, b"pooled").result()
        return reader.result(PATIENCE)


@two_worlds("ipv4", "ipv6")
def test_queue_between_threads(place: Place) -> object:
    near, far = place.pair()
    heard: queue.Queue[bytes] = queue.Queue()

    def listen() -> None:
        while data := far.recv(1):
            heard.put(data)
        heard.put(b"")

    listener = Running(listen)
    near.sendall(b"abc")
    near.close()
    seen = list(iter(lambda: heard.get(timeout=PATIENCE), b""))
    listener.result()
    return seen, outcome(heard.get, timeout=0.01)


@two_worlds()
def test_locks(place: Place) -> object:
    lock, again = threading.Lock(), threading.RLock()
    with lock, again, again:
        other = Running(lock.acquire, True, 0.01)
        third = Running(again.acquire, False)
        seen = [other.result(), third.result(), lock.locked()]
    return [*seen, lock.acquire(timeout=1), outcome(lock.release), outcome(lock.release)]


@two_worlds()
def test_conditions_and_events(place: Place) -> object:
    condition, event, barrier = threading.Condition(), threading.Event(), threading.Barrier(2)
    box: list[int] = []

    def produce() -> None:
        barrier.wait()
        settle()
        with condition:
            box.append(1)
            condition.notify()
        event.set()

    producer = Running(produce)
    barrier.wait()
    with condition:
        got = condition.wait_for(lambda: box, PATIENCE)
    return list(got), event.wait(PATIENCE), event.wait(0.01), producer.result()


@two_worlds()
def test_semaphore_and_timer(place: Place) -> object:
    semaphore = threading.Semaphore(0)
    timer = threading.Timer(0.01, semaphore.release)
    timer.start()
    seen = [semaphore.acquire(timeout=PATIENCE), semaphore.acquire(timeout=0.01)]
    timer.join()
    return seen


@two_worlds()
def test_thread_objects(place: Place) -> object:
    names: list[str] = []
    local = threading.local()
    local.value = 1

    def look() -> None:
        names.append(threading.current_thread().name)
        names.append(str(hasattr(local, "value")))

    thread = threading.Thread(target=look, name="looker")
    before = (thread.is_alive(), thread.ident)
    thread.start()
    thread.join()
    return (
        before,
        names,
        thread.is_alive(),
        threading.current_thread() is threading.main_thread(),
        threading.main_thread().name,
        outcome(thread.start),
        outcome(threading.current_thread().join),
    )


@two_worlds()
def test_sleeping_threads_overlap(place: Place) -> object:
    begun = time.monotonic()
    sleepers = [Running(time.sleep, 0.03) for _ in range(5)]
    for sleeper in sleepers:
        sleeper.result()
    return 0.029 <= time.monotonic() - begun < 0.14


@two_worlds()
def test_exception_in_a_thread(place: Place) -> object:
    seen: list[str] = []
    before = threading.excepthook
    threading.excepthook = lambda hook: seen.append(str(hook.exc_value))

    def fail() -> None:
        raise ValueError("from the thread")

    thread = threading.Thread(target=fail)
    thread.start()
    thread.join()
    threading.excepthook = before
    return seen


@two_worlds("ipv4", "ipv6")
@pytest.mark.parametrize("timeout", [None, PATIENCE])
def test_connect_waits_for_room_in_the_queue_of_a_thread(
    place: Place, timeout: float | None
) -> object:
    """A server that answers one after the other serves them all."""
    listener = place.listener()

    def serve() -> int:
        count = 0
        for _ in range(5):
            conn, _ = listener.accept()
            with conn:
                conn.sendall(b"%d" % count)
                count += 1
        return count

    server = Running(serve)
    seen = []
    for _ in range(5):
        with socket.create_connection(listener.getsockname()[:2], timeout=timeout) as sock:
            seen.append(to_the_end(sock))
    return seen, server.result()


@two_worlds("ipv4", "ipv6")
def test_close_leaves_a_blocked_reader_waiting(place: Place) -> object:
    """The call under way keeps the connection; the end goes out when it returns."""
    near, far = place.pair()
    reader = Running(far.recv, 9)
    settle()
    far.close()
    near.sendall(b"late")
    return reader.result(), near.recv(9)


@two_worlds("ipv4", "ipv6")
def test_close_under_a_reader_with_a_timeout(place: Place) -> object:
    """It polls first, and then finds its socket closed."""
    near, far = place.pair()
    far.settimeout(PATIENCE)
    reader = Running(far.recv, 9)
    settle()
    far.close()
    near.sendall(b"late")
    return reader.result()


@two_worlds("ipv4", "ipv6")
def test_close_leaves_one_who_accepts_waiting(place: Place) -> object:
    listener = place.listener()
    name = listener.getsockname()
    server = Running(listener.accept)
    settle()
    listener.close()
    near = place.stream()
    called = outcome(near.connect, name)
    answer = server.result()
    if isinstance(answer, tuple):
        place.keep(answer[0])
        answer = answer[1] == near.getsockname()
    settle()
    return called, answer, outcome(place.stream().connect, name)


@two_worlds("ipv4", "ipv6")
def test_close_of_a_datagram_socket_under_a_reader(place: Place) -> object:
    here, there = place.datagrams()
    name = there.getsockname()
    reader = Running(there.recv, 9)
    settle()
    there.close()
    here.sendto(b"late", name)
    got = reader.result()
    settle()
    return got, outcome(place.datagram().bind, name)


@two_worlds("ipv4", "ipv6")
@pytest.mark.parametrize("timeout", [None, PATIENCE])
def test_close_under_a_reader_while_another_descriptor_is_open(
    place: Place, timeout: float | None
) -> object:
    near, far = place.pair()
    place.keep(far.dup())
    far.settimeout(timeout)
    reader = Running(far.recv, 4)
    settle()
    far.close()
    near.sendall(b"late")
    return reader.result()


@two_worlds("ipv4", "ipv6")
@pytest.mark.parametrize("timeout", [None, PATIENCE])
def test_close_under_a_writer(place: Place, timeout: float | None) -> object:
    """What one call under way has to send is sent whole, and the end comes behind it."""
    near, far = place.pair()
    sent = place.drained(near)
    near.settimeout(timeout)
    writer = Running(near.send, b"x" * 1000)
    settle()
    near.close()
    got = len(to_the_end(far)) - sent
    return writer.result(), got


@two_worlds("ipv4", "ipv6")
def test_close_under_a_timed_out_reader(place: Place) -> object:
    """The wait holds the connection: its end goes out when that is over."""
    near, far = place.pair()
    far.settimeout(0.05)
    reader = Running(far.recv, 9)
    settle()
    far.close()
    near.setblocking(False)
    before = outcome(near.recv, 9)
    seen = reader.result()
    near.settimeout(PATIENCE)
    return before, seen, near.recv(9)


@two_worlds()
def test_close_under_a_pipe_reader(place: Place) -> object:
    here, there = os.pipe()
    reader = Running(os.read, here, 9)
    settle()
    os.close(here)
    os.write(there, b"late")
    seen = reader.result()
    settle()
    again = outcome(os.write, there, b"later")
    os.close(there)
    return seen, again


@two_worlds("ipv4", "ipv6")
def test_close_under_select(place: Place) -> object:
    """Closing wakes nobody; when something else does, what was closed is told as ready."""
    near, far = place.pair()
    _, two = place.pair()
    waiter = Running(select.select, [far.fileno(), two.fileno()], [], [far.fileno()], PATIENCE)
    number = far.fileno()
    settle()
    far.close()
    settle()
    waiting = waiter.is_alive()
    near.sendall(b"late")
    reads, _, excepts = waiter.result()  # type: ignore[misc]
    return waiting, reads == [number], excepts == [number]


@two_worlds("ipv4", "ipv6")
def test_close_under_poll(place: Place) -> object:
    near, far = place.pair()
    poller = select.poll()
    poller.register(far, select.POLLIN)
    waiter = Running(poller.poll, PATIENCE * 1000)
    settle()
    far.close()
    near.sendall(b"late")
    (_, mask), *rest = waiter.result()  # type: ignore[misc]
    return mask_names(mask), rest


@two_worlds("ipv4", "ipv6")
def test_close_under_epoll(place: Place) -> object:
    """The epoll under way is held; a descriptor that is closed is in it no more."""
    near, far = place.pair()
    epoll = place.keep(select.epoll())
    epoll.register(far, select.EPOLLIN)
    waiter = Running(epoll.poll, PATIENCE)
    settle()
    epoll.close()
    near.sendall(b"x")
    return len(waiter.result())  # type: ignore[arg-type]
