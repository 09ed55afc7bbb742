"""Asks for a text that comes in numbered datagrams, puts them in order, asks again for what is missing."""

import socket

sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sock.settimeout(0.5)
lines: dict[int, str] = {}
total = 0
request = b""  # nothing by number: everything
while not total or len(lines) < total:
    sock.sendto(request, ("library", 5000))
    arrived = []
    try:
        while not total or len(lines) < total:
            number, count, line = sock.recv(2048).decode().split(" ", 2)
            arrived.append(number)
            lines[int(number)] = line
            total = int(count)
    except TimeoutError:
        pass
    print("arrived:", *arrived)
    missing = [str(number) for number in range(total) if number not in lines]
    if missing:
        print("missing:", *missing, "- asking again")
        request = " ".join(missing).encode()
print()
for number in sorted(lines):
    print(lines[number])
