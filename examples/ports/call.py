"""Calls the same host at three ports: two are answered, and nobody lives at the third."""

import socket

for port in (7001, 7002, 7003):
    try:
        with socket.create_connection(("office", port)) as line:
            host, number = line.getpeername()[:2]
            print(f"{host} port {number}: {line.recv(100).decode()}")
    except ConnectionRefusedError:
        print(f"port {port}: connection refused")
