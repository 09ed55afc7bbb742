"""Every test here runs with the table in place, and none leaves it there."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.intercept.machines import Machines
from trunkline.intercept import install, uninstall


@pytest.fixture
def installed() -> Iterator[None]:
    install()
    yield
    uninstall()


@pytest.fixture
def machines(installed: None) -> Iterator[Machines]:
    with Machines() as made:
        yield made
