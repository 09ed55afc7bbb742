"""Echoes datagrams and streams of both families, one thread for each socket, for ever."""

import socket
import threading


def datagrams(family: int, address: str) -> None:
    with socket.socket(family, socket.SOCK_DGRAM) as ear:
        if family == socket.AF_INET6:
            ear.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        ear.bind((address, 7))
        while True:
            data, who = ear.recvfrom(65536)
            ear.sendto(data[::-1], who)


def talk(connection: socket.socket) -> None:
    with connection:
        while data := connection.recv(65536):
            connection.sendall(data)


threading.Thread(target=datagrams, args=(socket.AF_INET, "0.0.0.0")).start()
threading.Thread(target=datagrams, args=(socket.AF_INET6, "::")).start()
with socket.create_server(("", 4007), family=socket.AF_INET6, dualstack_ipv6=True) as welcoming:
    while True:
        threading.Thread(target=talk, args=(welcoming.accept()[0],)).start()
