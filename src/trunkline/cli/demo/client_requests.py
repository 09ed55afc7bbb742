"""A blocking client on requests: asks a server for a page and a download, over IPv4 and over IPv6."""

import hashlib
import socket
import sys
import time

import requests


def main(host: str, port: int) -> None:
    for family, label in ((socket.AF_INET, "IPv4"), (socket.AF_INET6, "IPv6")):
        address = socket.getaddrinfo(host, port, family)[0][4][0]
        base = (
            f"http://[{address}]:{port}"
            if family == socket.AF_INET6
            else f"http://{address}:{port}"
        )
        with requests.Session() as session:
            page = session.get(base).json()
            print(
                f"{socket.gethostname()}: {page['host']} over {label} says that I am {page['you']}"
            )
            begin = time.monotonic()
            reply = session.get(f"{base}/blob/65536")
            taken = time.monotonic() - begin
        whole = hashlib.sha256(reply.content).hexdigest() == reply.headers["X-Digest"]
        state = "whole" if whole else "damaged"
        print(
            f"{socket.gethostname()}: {len(reply.content)} octets over {label} in {taken:.2f} s, {state}"
        )
        if not whole:
            sys.exit(1)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
