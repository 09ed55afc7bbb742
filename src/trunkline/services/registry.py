"""Which services there are, and what each needs: one line names the extra that is missing."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Service:
    """A service by name: the module that is its program, and the libraries it stands on."""

    name: str
    module: str
    port: int
    needs: tuple[str, ...] = ()
    extra: str = "services"


SERVICES: Final = {
    service.name: service for service in (Service("http", "trunkline.services.http", 80),)
}


def missing(libraries: tuple[str, ...]) -> list[str]:
    """The libraries that are not installed."""
    return [name for name in libraries if importlib.util.find_spec(name) is None]


def missing_line(what: str, libraries: tuple[str, ...], extra: str) -> str:
    """One line about what is missing and how to get it; "" if nothing is."""
    absent = missing(libraries)
    if not absent:
        return ""
    return f"{what} needs {', '.join(absent)}: pip install 'trunkline[{extra}]'"


def service_mistake(name: str) -> str:
    """What keeps a service from running, "" if nothing does."""
    service = SERVICES[name]
    return missing_line(f"the service {name}", service.needs, service.extra)
