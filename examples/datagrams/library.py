"""Sends a text line by line, a datagram each, numbered; sends again what it is asked for."""

import socket

LINES = """\
An envelope with an address on it,
and nobody to say that it arrived:
that is a datagram.
It may be lost.
It may come late, behind its younger sisters.
It may come twice.
Whoever wants them all, and in order,
numbers them,
counts them,
and asks again.
That is most of what TCP does,
and all that this program does.""".splitlines()

sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sock.bind(("", 5000))
while True:
    request, reader = sock.recvfrom(2048)
    wanted = [int(word) for word in request.split()] or range(len(LINES))
    for number in wanted:
        sock.sendto(f"{number} {len(LINES)} {LINES[number]}".encode(), reader)
