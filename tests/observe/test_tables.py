"""Plain tables."""

from __future__ import annotations

from trunkline.observe.tables import table, text_width


def test_a_table() -> None:
    rows = [["eth0", "1,500", "12 µs", "up"], ["lo", "65536", "7", ""], ["wlan0", "", "", "down"]]
    assert table(["name", "MTU", "cost", "state"], rows) == (
        "name     MTU  cost   state\n"
        "-----  -----  -----  -----\n"
        "eth0   1,500  12 µs  up\n"
        "lo     65536  7\n"
        "wlan0                down"
    )


def test_rows_may_be_short_or_absent() -> None:
    assert table(["a", "b"], []) == "a  b\n-  -"
    assert table(["a", "b"], [["only"]]) == "a     b\n----  -\nonly"


def test_widths_as_a_terminal_has_them() -> None:
    assert text_width("abc") == 3
    assert text_width("ä") == 1
    assert text_width("a\u0308") == 1
    assert text_width("表") == 2
    assert table(["表", "x"], [["ab", "y"]]) == "表  x\n--  -\nab  y"


def test_no_line_ends_in_spaces() -> None:
    assert table(["a", ""], [["only"]]) == "a\n----\nonly"
