"""The two names that the compiler reads, with stand-ins where mypy_extensions is not installed.

The type checker and mypyc read `native.pyi`, which takes both from mypy_extensions; this file is what
runs. It is never compiled. Interpreted, an `i64` is an `int` and `mypyc_attr` changes nothing.
"""

try:
    from mypy_extensions import i64, mypyc_attr
except ImportError:  # the interpreted core needs no package at all
    i64 = int

    def mypyc_attr(*_flags, **_settings):
        return lambda decorated: decorated


__all__ = ["i64", "mypyc_attr"]
