"""A link: the handle of a cable, which can be cut, mended and made worse while the world runs.

What a link can do to packets is named and meant as tc-netem has it; both ways unless `to` says towards whom.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from trunkline.base.dice import CERTAIN
from trunkline.base.units import duration_text, rate_text
from trunkline.fabric.cable import Cable, Direction, Impairments
from trunkline.topology.arguments import unquoted, wrong
from trunkline.topology.description import IMPAIRMENTS, End
from trunkline.topology.mistakes import TopologyError, suggestion

if TYPE_CHECKING:
    from trunkline.link.nic import Nic
    from trunkline.topology.internet import Internet
    from trunkline.topology.machine import Machine


class Link:
    """A cable between two machines; what `Internet.link` gives back."""

    def __init__(
        self,
        net: Internet,
        name: str,
        ends: tuple[End, End],
        nics: tuple[Nic, Nic],
        cable: Cable,
        mtu: int,
    ) -> None:
        self.net = net
        self.name = name
        self.ends = ends
        self.nics = nics
        self.cable = cable
        self.mtu = mtu

    def down(self) -> None:
        """Cut it: what is on it is lost, and so is all that is sent until it is up again."""
        self._tell("cut")
        self.cable.down(self.net.loop.now)

    def up(self) -> None:
        """Mend it."""
        self._tell("mended")
        self.cable.up()

    def set(self, to: Machine | str | None = None, **impairments: str | int) -> None:
        """Change what it does to packets from now on: `cable.set(loss="5%", to=bob)`.

        What is not named stays as it is. Raises TopologyError.
        """
        changes = read_impairments(self.name, impairments)
        self._directions(to)  # whether it is an end
        self.change(changes, to if isinstance(to, str) else "" if to is None else to.name)

    def change(self, changes: dict[str, int], to: str = "") -> None:
        """`set`, with values read already."""
        directions = self._directions(to or None)
        if changes:
            texts = [f"{name} {impairment_text(name, value)}" for name, value in changes.items()]
            self._tell("now has " + ", ".join(texts) + (f" to {to}" if to else ""))
        for direction in directions:
            apply(direction.impairments, changes)

    def _tell(self, what: str) -> None:
        """Tell whoever watches."""
        loop = self.net.loop
        if loop.trace is not None:
            numbers = (self.nics[0].number, self.nics[1].number)
            loop.trace.cable(self.name, numbers, what, loop.now)

    def settings(self, to: Machine | str) -> dict[str, int]:
        """What it does to packets on their way to one end: ns, bit/s, packets, parts of 2^32."""
        impairments = self._directions(to)[0].impairments
        return {name: getattr(impairments, name) for name in IMPAIRMENTS}

    def statistics(self) -> dict[str, dict[str, int]]:
        """What became of the packets, by the machine they were on their way to."""
        return {
            self.ends[1].machine: self.cable.forward.statistics(),
            self.ends[0].machine: self.cable.backward.statistics(),
        }

    def _directions(self, to: Machine | str | None) -> list[Direction]:
        if to is None:
            return [self.cable.forward, self.cable.backward]
        if not isinstance(to, str) and not hasattr(to, "name"):
            raise wrong(to, "a machine or its name", f"link {self.name}")
        name = to if isinstance(to, str) else to.name
        if name == self.ends[1].machine:
            return [self.cable.forward]
        if name == self.ends[0].machine:
            return [self.cable.backward]
        ends = [end.machine for end in self.ends]
        raise TopologyError(
            f'link {self.name}: "{name}" is not an end of it{suggestion(name, ends)}'
        )

    def __repr__(self) -> str:
        return f"<Link {self.name}>"


def read_impairments(link: str, impairments: dict[str, str | int]) -> dict[str, int]:
    """Values with units as the fabric has them. Raises TopologyError in one line."""
    changes = {}
    for name, text in impairments.items():
        reader = IMPAIRMENTS.get(name)
        if reader is None:
            raise TopologyError(
                f'link {link}: unknown impairment "{name}"{suggestion(name, IMPAIRMENTS)}'
            )
        try:
            changes[name] = reader(str(text))
        except ValueError as error:
            found = unquoted(str(error), text, reader, ("ms", "Mbit", "%"))
            raise TopologyError(f"link {link}: {name}: {found}") from None
    return changes


def impairment_text(name: str, value: int) -> str:
    """A value as a lab has it: `20ms`, `10Mbit`, `1%`."""
    if name in {"delay", "jitter"}:
        return duration_text(value)
    if name == "rate":
        return rate_text(value)
    return str(value) if name == "queue" else f"{value * 100 / CERTAIN:.4g}%"


def apply(impairments: Impairments, changes: dict[str, int]) -> None:
    """Change some knobs of a direction."""
    for name, value in changes.items():
        setattr(impairments, name, value)
