"""Where the simulated host does not do what the kernel does, and why that is right or known.

By body (`file::function`) and key of what it observes ("" for a body that observes one thing; with the
family after it where only one differs: "key ipv6"). An entry that is no longer needed fails its test.
"""

from __future__ import annotations

from typing import Final

# Linux holds an open file for the call that is under way in another thread; ours lets go at once.
CLOSED_UNDER_A_CALL: Final = "known: a blocked call does not keep what another thread closes"

DIFFERENCES: Final[dict[str, dict[str, str]]] = {
    "test_threads::test_close_leaves_a_blocked_reader_waiting": {"": CLOSED_UNDER_A_CALL},
    "test_threads::test_close_under_a_reader_with_a_timeout": {"": CLOSED_UNDER_A_CALL},
    "test_threads::test_close_leaves_one_who_accepts_waiting": {"": CLOSED_UNDER_A_CALL},
    "test_threads::test_close_of_a_datagram_socket_under_a_reader": {"": CLOSED_UNDER_A_CALL},
    "test_unix::test_errors": {"type": "known: the text of a TypeError says memoryview"},
    "test_unix::test_passing_descriptors": {"": "known: descriptors cannot be passed (SCM_RIGHTS)"},
}
