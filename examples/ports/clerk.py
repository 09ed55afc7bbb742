"""Answers every call at one port, over IPv6 and IPv4."""

import socket
import sys

port, place = int(sys.argv[1]), sys.argv[2]
with socket.create_server(("", port), family=socket.AF_INET6, dualstack_ipv6=True) as welcoming:
    while True:
        connection, caller = welcoming.accept()
        with connection:
            connection.sendall(f"This is {place}, port {port}.".encode())
