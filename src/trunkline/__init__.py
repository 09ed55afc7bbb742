"""Trunkline: an internet in a Python process."""

__version__ = "0.1.0.dev0"
