"""asyncio's set of all tasks, told in order of creation: in a set of objects the order is the addresses'."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Iterator
from typing import Any, Final

from trunkline.system.strands import current_strand

Real = Callable[..., Any]
Task = asyncio.Task[Any]

_numbers: Final = itertools.count()


class Tasks(set[Task]):
    """A set that is walked in the order in which the tasks were made."""

    def __iter__(self) -> Iterator[Task]:
        return iter(sorted(super().__iter__(), key=number_of))

    def __reduce__(self) -> Any:
        return set, (list(self),)


def number_of(task: Any) -> int:
    """The number of a task, in order of creation."""
    number: int = getattr(task, "_trunkline_number", -1)
    return number


def all_tasks(real: Real, loop: Any = None) -> Any:
    """asyncio.all_tasks."""
    found = real(loop)
    return found if current_strand() is None else Tasks(found)


def count(registry: Any) -> Callable[[Any], None]:
    """What a registry's `add` becomes: it numbers the tasks that come."""
    add = type(registry).add

    def numbered(task: Any) -> None:
        if not hasattr(task, "_trunkline_number"):
            try:
                task._trunkline_number = next(_numbers)
            except AttributeError:  # a task of other making, without room for a number
                pass
        add(registry, task)

    return numbered
