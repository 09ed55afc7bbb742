"""A megabyte across a bad network arrives whole, in each family, whatever the seed."""

from __future__ import annotations

import hashlib
import os
import socket

import pytest

import trunkline

BODY = hashlib.shake_256(b"a megabyte").digest(1_000_000)


def serve() -> None:
    with socket.create_server(("", 80), family=socket.AF_INET6, dualstack_ipv6=True) as welcoming:
        connection, _who = welcoming.accept()
        with connection:
            connection.sendall(BODY)


def download(address: str) -> str:
    digest = hashlib.sha256()
    with socket.create_connection((address, 80)) as connection:
        while data := connection.recv(65536):
            digest.update(data)
    return digest.hexdigest()


def run(seed: int, version: int) -> None:
    with trunkline.Internet(seed=seed) as net:
        alice, bob = net.host("alice"), net.host("bob")
        net.link(
            alice,
            bob,
            delay="10ms",
            jitter="1ms",
            loss="5%",
            reorder="1%",
            duplicate="1%",
            corrupt="0.1%",
        )
        bob.start(serve)
        call = alice.start(download, bob.address if version == 4 else bob.address6, at="1ms")
        net.run(until="1h")
        assert call.result == hashlib.sha256(BODY).hexdigest()


@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize("seed", range(6))
def test_a_download_arrives_whole(seed: int, version: int) -> None:
    run(seed, version)


@pytest.mark.soak
@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize("seed", range(int(os.environ.get("TRUNKLINE_SEEDS", "200"))))
def test_a_download_arrives_whole_for_every_seed(seed: int, version: int) -> None:
    run(seed, version)
