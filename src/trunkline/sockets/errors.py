"""OSErrors by errno name, with Linux's texts: the only place of floors 0-7 that makes them.

The number is the platform's own, because Python picks the subclass (ConnectionResetError and so on) by it;
on Linux both number and text are those of the kernel.
"""

from __future__ import annotations

import errno
from typing import Final

from trunkline.base.results import ERRNO

TEXTS: Final = {
    "EPERM": "Operation not permitted",
    "EBADF": "Bad file descriptor",
    "EAGAIN": "Resource temporarily unavailable",
    "ENOMEM": "Cannot allocate memory",
    "EACCES": "Permission denied",
    "EFAULT": "Bad address",
    "EEXIST": "File exists",
    "ENODEV": "No such device",
    "ENOENT": "No such file or directory",
    "ENXIO": "No such device or address",
    "EINVAL": "Invalid argument",
    "EMFILE": "Too many open files",
    "ENOTTY": "Inappropriate ioctl for device",
    "ESPIPE": "Illegal seek",
    "EPIPE": "Broken pipe",
    "EDOM": "Numerical argument out of domain",
    "ELOOP": "Too many levels of symbolic links",
    "EPROTO": "Protocol error",
    "ENOTSOCK": "Socket operation on non-socket",
    "EDESTADDRREQ": "Destination address required",
    "EMSGSIZE": "Message too long",
    "EPROTOTYPE": "Protocol wrong type for socket",
    "ENOPROTOOPT": "Protocol not available",
    "EPROTONOSUPPORT": "Protocol not supported",
    "ESOCKTNOSUPPORT": "Socket type not supported",
    "EOPNOTSUPP": "Operation not supported",
    "EAFNOSUPPORT": "Address family not supported by protocol",
    "EADDRINUSE": "Address already in use",
    "EADDRNOTAVAIL": "Cannot assign requested address",
    "ENETDOWN": "Network is down",
    "ENETUNREACH": "Network is unreachable",
    "ECONNABORTED": "Software caused connection abort",
    "ECONNRESET": "Connection reset by peer",
    "ENOBUFS": "No buffer space available",
    "EISCONN": "Transport endpoint is already connected",
    "ENOTCONN": "Transport endpoint is not connected",
    "ETIMEDOUT": "Connection timed out",
    "ECONNREFUSED": "Connection refused",
    "EHOSTDOWN": "Host is down",
    "EHOSTUNREACH": "No route to host",
    "EALREADY": "Operation already in progress",
    "EINPROGRESS": "Operation now in progress",
}

NUMBERS: Final = {name: number for number, name in errno.errorcode.items()}


def number_of(name: str) -> int:
    """The platform's number of an errno name; 0 for the empty name of a success."""
    if not name:
        return 0
    if name == "EOPNOTSUPP":  # the same number as ENOTSUP, and errorcode knows one name a number
        return errno.EOPNOTSUPP
    number = NUMBERS.get(name)
    return errno.EINVAL if number is None else number


def failure(name: str) -> OSError:
    """The OSError of an errno name, as a system call that failed with it raises."""
    return OSError(number_of(name), TEXTS.get(name, name))


def failure_of(code: int) -> OSError:
    """The OSError of a result code of floors 0 to 4."""
    return failure(ERRNO[code])
