"""What every test shares: the Hypothesis profiles, and a header that says which build is tested."""

from __future__ import annotations

import os
import sys

import pytest
from hypothesis import HealthCheck, settings

from tools import compiled

# The same examples every time: a red run is repeated by running it again. `make soak` looks further.
settings.register_profile(
    "ci",
    derandomize=True,
    deadline=None,
    database=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile(
    "soak", settings.get_profile("ci"), derandomize=False, max_examples=10_000
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))


def pytest_report_header(config: pytest.Config) -> str:
    build = "compiled" if compiled.is_machine_code(compiled.paths()[0]) else "interpreted"
    octets = (
        "strict octets" if os.environ.get("TRUNKLINE_STRICT") == "1" else "packets by reference"
    )
    return f"trunkline: {build}, {octets}, Python {sys.version.split()[0]}"
