"""Randomness: os.urandom, random, secrets, uuid and ssl.RAND_bytes from the machine's own dice."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any, Final

from trunkline.system.strands import current_system

Real = Callable[..., Any]

# The functions of `random` that are methods of its hidden instance.
FUNCTIONS: Final = tuple(
    name
    for name in [
        "seed",
        "random",
        "uniform",
        "triangular",
        "randint",
        "choice",
        "randrange",
        "sample",
        "shuffle",
        "choices",
        "normalvariate",
        "lognormvariate",
        "expovariate",
        "vonmisesvariate",
        "gammavariate",
        "gauss",
        "betavariate",
        "binomialvariate",
        "paretovariate",
        "weibullvariate",
        "getstate",
        "setstate",
        "getrandbits",
        "randbytes",
    ]
    if hasattr(random, name)
)


def urandom(real: Real, count: Any, *flags: Any) -> Any:
    """os.urandom, os.getrandom, ssl.RAND_bytes."""
    system = current_system()
    if system is None:
        return real(count, *flags)
    return system.randomness.urandom(count.__index__())


def make_random(name: str) -> Callable[..., Any]:
    """A function of the `random` module, on the machine's own instance."""

    def function(real: Real, *arguments: Any, **named: Any) -> Any:
        system = current_system()
        if system is None:
            return real(*arguments, **named)
        return getattr(system.randomness.instance, name)(*arguments, **named)

    function.__name__ = name
    return function


def make_seed(original: Any) -> Any:
    """random.Random.seed: without a seed, from the machine's dice."""

    def seed(self: random.Random, a: Any = None, version: int = 2) -> None:
        if a is None and not isinstance(self, random.SystemRandom):
            system = current_system()
            if system is not None:
                a = int.from_bytes(system.randomness.urandom(32), "big")
        original(self, a, version)

    return seed


def getnode(real: Real) -> Any:
    """uuid.getnode."""
    system = current_system()
    return real() if system is None else system.randomness.node()


def uuid1(real: Real, node: int | None = None, clock_seq: int | None = None) -> Any:
    """uuid.uuid1."""
    system = current_system()
    if system is None:
        return real(node, clock_seq)
    return system.randomness.uuid1(system.clock.time_ns(), node, clock_seq)
