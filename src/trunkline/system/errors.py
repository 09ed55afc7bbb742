"""What a world has to say when a run cannot go on, and how its strands are unwound."""

from __future__ import annotations


class WorldError(RuntimeError):
    """A run could not go on."""


class Deadlock(WorldError):
    """Nothing is left to happen, and a foreground program still waits without a deadline."""


class Spinning(WorldError):
    """A strand has not given the baton back for the watchdog's limit of real seconds."""


class Interrupted(KeyboardInterrupt):
    """Ctrl-C during a run: `unfinished` has a line for each program that had not ended."""

    def __init__(self, when: str, unfinished: list[str]) -> None:
        super().__init__(f"at {when} s: " + "; ".join(unfinished))
        self.unfinished = unfinished


class EscapeRefused(PermissionError):
    """A program on a simulated host called for something real: a child process, a real descriptor."""


class StrandExit(BaseException):
    """Raised inside a strand to unwind it, when its world closes or its program is killed."""
