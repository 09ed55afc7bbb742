"""Arguments of the Python interface, looked at before they are used: TopologyError in one line for a wrong one."""

from __future__ import annotations

import operator
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from trunkline.system import command
from trunkline.topology.addressing import parse_interface
from trunkline.topology.commands import command_mistake, folder_mistake, split_command
from trunkline.topology.description import LARGEST_MTU, SMALLEST_MTU, Address
from trunkline.topology.mistakes import TopologyError
from trunkline.topology.names import name_mistake
from trunkline.transport.tcp.policy import TcpPolicy, policy_named


def wrong(found: object, expected: str, where: str = "") -> TopologyError:
    """`alice: found 5, expected text`."""
    place = f"{where}: " if where else ""
    return TopologyError(f"{place}found {found!r:.60}, expected {expected}")


def unquoted(
    message: str, value: object, reader: Callable[[str], int], units: tuple[str, ...]
) -> str:
    """A reader's message; about a value that is no text, with the text that was perhaps meant."""
    if isinstance(value, str):
        return message
    message = message.replace(repr(str(value)), repr(value), 1)
    for unit in units:
        try:
            reader(f"{value}{unit}")
        except ValueError:
            continue
        meant = f'"{value}{unit}"'
        if unit == "%" and isinstance(value, float) and value <= 1:
            meant += f' or "{value * 100:g}%"'
        return f"{message} (did you mean {meant}?)"
    return message


def check_name(name: object) -> None:
    """A machine's name."""
    if not isinstance(name, str):
        raise wrong(name, 'a name such as "alice"')
    mistake = name_mistake(name)
    if mistake:
        raise TopologyError(mistake)


def checked_seed(seed: int) -> int:
    """What the dice start from."""
    try:
        return operator.index(seed)
    except TypeError:
        raise wrong(seed, "a whole number", "seed") from None


def checked_mtu(mtu: int, whose: str) -> int:
    """An MTU that both families can use."""
    if not isinstance(mtu, int) or not SMALLEST_MTU <= mtu <= LARGEST_MTU:
        raise TopologyError(
            f"{whose}: an MTU of {mtu!r}, expected {SMALLEST_MTU} (which IPv6 needs) to {LARGEST_MTU}"
        )
    return mtu


def checked_policy(name: str, tcp: str | TcpPolicy) -> TcpPolicy:
    """A preset by its name, or a policy itself."""
    if isinstance(tcp, TcpPolicy):
        return tcp
    if not isinstance(tcp, str):
        raise wrong(tcp, "linux, rfc, freebsd or a TcpPolicy", f"{name}: tcp")
    try:
        return policy_named(tcp)
    except ValueError as error:
        raise TopologyError(f"{name}: {error}") from None


def checked_interfaces(written: str | Sequence[str], where: str) -> tuple[Address, ...]:
    """One address with its prefix, or several."""
    texts = [written] if isinstance(written, str) else written
    if not isinstance(texts, Sequence) or not all(isinstance(text, str) for text in texts):
        raise wrong(written, "an address such as 10.0.1.1/24, or a list of them", where)
    try:
        return tuple(parse_interface(text) for text in texts)
    except ValueError as error:
        raise TopologyError(f"{where}: {error}") from None


def checked_mapping(given: object, expected: str, where: str) -> Mapping[Any, Any]:
    """A mapping, empty for None."""
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        raise wrong(given, expected, where)
    return given


def checked_command(
    name: str, target: object, cwd: str | None, at_once: bool
) -> tuple[str, ...] | list[str]:
    """The words of a command line, as one text or as a list. What runs later may lack its script still."""
    if isinstance(target, str):
        folder = os.path.abspath(cwd or ".") if at_once else ""
        mistake = command_mistake(target, folder)
        if mistake:
            raise TopologyError(f"{name}: {mistake}")
        return split_command(target)
    if not isinstance(target, list | tuple) or not all(isinstance(word, str) for word in target):
        raise wrong(target, 'a function, or a command such as "python call.py"', name)
    try:
        command.parse(list(target))
    except ValueError as error:
        raise TopologyError(f"{name}: {error}") from None
    return list(target)


def check_surroundings(name: str, env: object, cwd: str | None, stdin: object) -> None:
    """What a program is given beside its arguments."""
    for key, text in checked_mapping(
        env, 'a mapping such as {"LANG": "C"}', f"{name}: env"
    ).items():
        if not isinstance(key, str) or not isinstance(text, str):
            raise wrong({key: text}, "names and texts", f"{name}: env")
    if cwd is not None:
        if not isinstance(cwd, str):
            raise wrong(cwd, "the name of a directory", f"{name}: cwd")
        mistake = folder_mistake(os.getcwd(), cwd)
        if mistake:
            raise TopologyError(f"{name}: cwd: {mistake}")
    if stdin is not None and not isinstance(stdin, str | bytes):
        raise wrong(stdin, "the text that it reads", f"{name}: stdin")
