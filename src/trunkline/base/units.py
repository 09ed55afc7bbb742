"""Units: times are integer nanoseconds, rates bits a second, sizes octets; chances parts of 2^32.

The texts are tc-netem's: `20ms`, `1s`, `10Mbit`, `64KiB`, `1%`. A number with no unit is refused where
guessing would be dangerous: a delay of `20` could be anything.
"""

from __future__ import annotations

from typing import Final

from trunkline.base.dice import CERTAIN

MICROSECOND: Final = 1_000
MILLISECOND: Final = 1_000_000
SECOND: Final = 1_000_000_000
MINUTE: Final = 60 * SECOND
LONGEST: Final = 100 * 365 * 24 * 60 * MINUTE

_TIMES: Final = {
    "ns": 1,
    "us": MICROSECOND,
    "µs": MICROSECOND,
    "ms": MILLISECOND,
    "s": SECOND,
    "min": MINUTE,
    "h": 60 * MINUTE,
}
_RATES: Final = {
    "bit": 1,
    "kbit": 10**3,
    "Kbit": 10**3,
    "Mbit": 10**6,
    "mbit": 10**6,
    "Gbit": 10**9,
    "gbit": 10**9,
    "bps": 8,
    "kbps": 8 * 10**3,
    "mbps": 8 * 10**6,
    "gbps": 8 * 10**9,
}
_SIZES: Final = {
    "": 1,
    "B": 1,
    "KB": 10**3,
    "kB": 10**3,
    "MB": 10**6,
    "KiB": 1 << 10,
    "MiB": 1 << 20,
    "k": 1 << 10,
    "m": 1 << 20,
}


def duration(text: str) -> int:
    """Nanoseconds of `20ms`, `1.5s`, `2min`; `0` needs no unit. Raises ValueError that says what was expected."""
    value = _scaled(text, _TIMES, "a duration such as 20ms, 1.5s or 2min")
    if value > LONGEST:
        raise ValueError(f"{text!r} is not a duration of at most 100 years")
    return value


def rate(text: str) -> int:
    """Bits a second of `10Mbit`, `1Gbit`, `64kbit`; as tc has it, `kbps` counts octets. Raises ValueError."""
    value = _scaled(text, _RATES, "a rate such as 10Mbit, 64kbit or 1Gbit")
    if value <= 0:
        raise ValueError(f"{text!r} is not a rate above 0")
    return value


def size(text: str) -> int:
    """Octets of `1500`, `64KiB`, `1MB`. Raises ValueError."""
    return _scaled(text, _SIZES, "a size such as 1500, 64KiB or 1MB")


def chance(text: str) -> int:
    """Parts of 2^32 of `1%`, `0.1%`; `0` needs no sign. Raises ValueError."""
    value = _scaled(text, {"%": CERTAIN // 100}, "a percentage such as 1% or 0.1%", CERTAIN)
    if value > CERTAIN:
        raise ValueError(f"{text!r} is not a percentage up to 100%")
    return value


def _scaled(text: str, units: dict[str, int], expected: str, whole: int = 0) -> int:
    text = text.strip()
    at = len(text)
    while at > 0 and not (text[at - 1].isdigit() or text[at - 1] == "."):
        at -= 1
    number, unit = text[:at], text[at:].strip()
    integral, _, fraction = number.partition(".")
    digits = integral + fraction
    if not digits.isascii() or not digits.isdigit() or len(digits) > 30:
        raise ValueError(f"{text!r} is not {expected}")
    if unit == "" and int(digits) == 0:
        return 0
    scale = units.get(unit, 0)
    if scale == 0:
        raise ValueError(f"{text!r} is not {expected}")
    if whole:  # per cent: scale exactly, so that 100% is certain
        parts: int = 10 ** len(fraction)
        return int(digits) * whole // (100 * parts)
    divisor: int = 10 ** len(fraction)
    return int(digits) * scale // divisor


def clock_text(now: int) -> str:
    """Seconds with microseconds, as a person reads a time in a ladder: `1.020345`."""
    return f"{now // SECOND}.{now % SECOND // MICROSECOND:06d}"


def rate_text(rate: int) -> str:
    """A rate for people: `10Mbit`, `64kbit`."""
    for unit, scale in (("Gbit", 10**9), ("Mbit", 10**6), ("kbit", 10**3)):
        if rate >= scale:
            return f"{rate / scale:.3f}".rstrip("0").rstrip(".") + unit
    return f"{rate}bit"


def duration_text(span: int) -> str:
    """A duration for people: `20ms`, `1.5s`, `3h`; the largest unit that keeps it exact to 3 digits."""
    for unit, scale in (("s", SECOND), ("ms", MILLISECOND), ("us", MICROSECOND)):
        if span >= scale:
            return f"{span / scale:.3f}".rstrip("0").rstrip(".") + unit
    return f"{span}ns" if span else "0s"
