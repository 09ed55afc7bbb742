"""Downloads two million octets, and says whenever it had to wait for more than a second."""

import time
import urllib.request

begin = time.monotonic()
last = begin
total = 0
with urllib.request.urlopen("http://bob/octets/2000000") as reply:
    while data := reply.read1():
        now = time.monotonic()
        if now - last > 1:
            print(f"after {total} octets: waited {now - last:.1f} s")
        last = now
        total += len(data)
print(f"{total} octets in {last - begin:.1f} s")
