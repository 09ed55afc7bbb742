"""Where the simulated host does not do what the kernel does, and why that is right or known.

By body (`file::function`) and key of what it observes ("" for a body that observes one thing; with the
family after it where only one differs: "key ipv6"). An entry that is no longer needed fails its test.
"""

from __future__ import annotations

from typing import Final

DIFFERENCES: Final[dict[str, dict[str, str]]] = {}
