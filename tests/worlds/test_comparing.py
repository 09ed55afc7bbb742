"""The comparison itself: it fails when the worlds disagree, and when a listed difference is gone."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from tests.worlds import stage
from tests.worlds.stage import Place, compare, on_a_simulated_host, on_the_kernel

pytestmark = pytest.mark.once


def verdict(
    kernel: object, simulated: object, listed: Mapping[str, str], family: str = "ipv4"
) -> str:
    """What `compare` says; "" if it is content."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(stage.DIFFERENCES, "a::body", dict(listed))
        try:
            compare("a::body", family, kernel, simulated)
        except pytest.fail.Exception as error:
            return str(error)
    return ""


def test_equal_observations_are_fine() -> None:
    assert verdict((1, "x"), (1, "x"), {}) == ""
    assert verdict({"a": 1}, {"a": 1}, {}) == ""


def test_a_difference_fails() -> None:
    assert "kernel    1" in verdict(1, 2, {})
    said = verdict({"a": 1, "b": 2}, {"a": 1, "b": 3}, {})
    assert "b:" in said
    assert "a:" not in said


def test_what_only_one_world_observes_fails() -> None:
    assert verdict({"a": 1}, {}, {})
    assert verdict({}, {"a": None}, {})
    assert verdict(None, {}, {})


def test_types_count() -> None:
    assert verdict(1, "1", {})
    assert verdict(b"x", "x", {})


def test_a_listed_difference_is_allowed() -> None:
    assert verdict({"a": 1}, {"a": 2}, {"a": "a reason"}) == ""
    assert verdict(1, 2, {"": "a reason"}) == ""
    assert verdict({"a": 1}, {"a": 2}, {"a ipv4": "a reason"}) == ""
    assert verdict({"a": 1}, {"a": 2}, {"a ipv6": "a reason"})


def test_a_listed_difference_that_is_gone_fails() -> None:
    assert "strike it off" in verdict({"a": 1}, {"a": 1}, {"a": "a reason"})


def test_the_worlds_are_two() -> None:
    """One body really runs on a simulated host: its name and clock are not this machine's."""
    import socket
    import time

    def body(place: Place) -> tuple[str, bool]:
        return socket.gethostname(), time.time() >= 1893456000  # 2030 began

    assert on_a_simulated_host(body, "ipv4") == ("h", True)
    assert on_the_kernel(body, "ipv4") != ("h", True)


def test_an_error_says_where_it_happened() -> None:
    def body(place: Place) -> None:
        if place.world == "simulated":
            raise ValueError("here only")

    with pytest.raises(ValueError, match="here only") as caught:
        stage.two_worlds()(body)()
    assert caught.value.__notes__ == ["This happened on the simulated host."]
