"""A client on httpx: fetches a page three times on one connection."""

import socket
import sys
import time

import httpx


def main(host: str, port: int) -> None:
    with httpx.Client(base_url=f"http://{host}:{port}", timeout=30) as client:
        for number in range(1, 4):
            begin = time.monotonic()
            reply = client.get("/")
            taken = time.monotonic() - begin
            lines = reply.text.count("\n")
            print(
                f"{socket.gethostname()}: page {number} from {host}, {lines} lines in {taken:.2f} s"
            )


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
