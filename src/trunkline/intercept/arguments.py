"""Arguments of socket calls, read as CPython reads them, with its own complaints."""

from __future__ import annotations

import sys
from math import isnan
from typing import Any, Final

from trunkline.system.descriptors import DESCRIPTOR_LIMIT, FIRST_DESCRIPTOR

LARGEST: Final = 1 << 40  # octets that one receive may ask for
LONGEST_TIMEOUT: Final = 1e10  # seconds
_END: Final = FIRST_DESCRIPTOR + DESCRIPTOR_LIMIT


def is_ours(descriptor: Any) -> bool:
    """Whether it is a number of the range of simulated descriptors."""
    return descriptor.__class__ is int and FIRST_DESCRIPTOR <= descriptor < _END


def timeout_of(value: Any) -> float | None:
    """Seconds of a socket's timeout, or None."""
    if value is None:
        return None
    if isinstance(value, str) or not (hasattr(value, "__float__") or hasattr(value, "__index__")):
        kind = type(value).__name__
        raise TypeError(f"'{kind}' object cannot be interpreted as an integer")
    seconds = float(value)
    if isnan(seconds):
        raise ValueError("Invalid value NaN (not a number)")
    if seconds < 0:
        raise ValueError("Timeout value out of range")
    if seconds > LONGEST_TIMEOUT:
        raise OverflowError("timestamp out of range for platform time_t")
    return seconds


def index(value: Any) -> int:
    """An argument that CPython wants as an integer."""
    if isinstance(value, int):
        return int(value)
    if not hasattr(value, "__index__"):
        raise TypeError(f"'{type(value).__name__}' object cannot be interpreted as an integer")
    number: int = value.__index__()
    return number


def integer(value: Any) -> int:
    """An argument that CPython reads with "i"."""
    number = index(value)
    if number > 0x7FFFFFFF:
        raise OverflowError("signed integer is greater than maximum")
    if number < -0x80000000:
        raise OverflowError("signed integer is less than minimum")
    return number


def size(value: Any, caller: str) -> int:
    """An argument that says how much to receive."""
    number = index(value)
    if abs(number) > sys.maxsize:
        raise OverflowError("Python int too large to convert to C ssize_t")
    if number < 0:
        raise ValueError(f"negative buffersize in {caller}")
    if number > LARGEST:
        raise MemoryError
    return number


def octets_of(data: Any) -> bytes:
    """A copy of what a bytes-like object holds."""
    if isinstance(data, bytes):
        return bytes(data)
    try:
        view = memoryview(data)
    except TypeError:
        raise TypeError(f"a bytes-like object is required, not '{type(data).__name__}'") from None
    if not view.c_contiguous:
        raise BufferError("memoryview: underlying buffer is not C-contiguous")
    return view.tobytes()


def writable(buffer: Any, nbytes: int, caller: str) -> tuple[memoryview, int]:
    """A view to write to, and how much is asked for."""
    try:
        view = memoryview(buffer)
    except TypeError:
        raise TypeError(
            f"{caller}() argument 1 must be read-write bytes-like object, not"
            f" {type(buffer).__name__}"
        ) from None
    if view.readonly:
        raise TypeError(
            f"{caller}() argument 1 must be read-write bytes-like object, not"
            f" {type(buffer).__name__}"
        )
    if view.format != "B" or view.ndim != 1:
        view = view.cast("B")
    nbytes = integer(nbytes)
    if nbytes < 0:
        raise ValueError(f"negative buffersize in {caller}")
    if nbytes > len(view):
        raise ValueError(
            "nbytes is greater than the length of the buffer"
            if caller == "recvfrom_into"
            else "buffer too small for requested bytes"
        )
    return view, nbytes or len(view)


def enum_of(value: int, kind: Any) -> Any:
    """The member of an enum, or the number itself."""
    try:
        return kind(value)
    except ValueError:
        return value
