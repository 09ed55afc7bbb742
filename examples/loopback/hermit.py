"""Listens at both loopback addresses, and calls itself at each of them, and by the name of localhost."""

import socket
import threading


def answer(welcoming: socket.socket) -> None:
    while True:
        connection, caller = welcoming.accept()
        with connection:
            connection.sendall(f"you are {caller[0]}".encode())


for family, address in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
    welcoming = socket.create_server((address, 8000), family=family)
    threading.Thread(target=answer, args=(welcoming,), daemon=True).start()

for name in ("127.0.0.1", "::1", "localhost"):
    with socket.create_connection((name, 8000)) as line:
        print(
            f"I called {name}, which is {line.getpeername()[0]}, and heard: {line.recv(100).decode()}"
        )
