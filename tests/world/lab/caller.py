"""Calls a host over one family: datagrams, one of them large, then 200,000 octets there and back."""

import os
import random
import socket
import sys
import threading
import time

name, version = sys.argv[1], sys.argv[2]
family = socket.AF_INET6 if version == "6" else socket.AF_INET
time.sleep(0.001)
with socket.socket(family, socket.SOCK_DGRAM) as mouth:
    mouth.settimeout(0.5)
    for size in (10, 4000, 100):
        asked = os.urandom(size)
        while True:
            mouth.sendto(asked, (name, 7))
            try:
                if mouth.recv(65536) == asked[::-1]:
                    break
            except TimeoutError:
                print("asking again after", time.monotonic())
with socket.socket(family) as call:
    call.connect((name, 4007))
    body = random.randbytes(200_000)
    talking = threading.Thread(target=call.sendall, args=(body,))
    talking.start()
    heard = b""
    while len(heard) < len(body) and (data := call.recv(65536)):
        heard += data
    talking.join()
    assert heard == body
print("IPv" + version, "done at", time.time())
