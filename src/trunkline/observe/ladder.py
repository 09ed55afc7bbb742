"""The ladder diagram: an exchange between two hosts, drawn so that a learner can follow it in 100 columns.

The two upright lines are the hosts. Each packet is a rung, in order of sending; the time beside a line is
when that host sent the packet or got it, so that a packet which is overtaken shows a later time than the
one below it. A lost packet's arrow ends in an x. Beside each rung stands what happens in the life of the
call. What the rungs say is `phrases`; which packets belong together is `conversations`.
"""

from __future__ import annotations

import textwrap
from typing import Final, NamedTuple

from trunkline.base.addresses import address_text
from trunkline.base.units import clock_text
from trunkline.observe.choosing import choose, conversation_table
from trunkline.observe.conversations import Conversation, conversations
from trunkline.observe.folding import Mark, folded
from trunkline.observe.phrases import PICK_UP, Phrases, Rung
from trunkline.observe.recorder import Recorder
from trunkline.observe.tables import clipped
from trunkline.wire.header import TCP, UDP
from trunkline.wire.tcp import FIN, RST, Tcp
from trunkline.wire.text import endpoint_text

WIDTH: Final = 100
ARROW: Final = 40  # columns between the lines
NAME_SHOWN: Final = 19  # characters of a name above a line, or in the words
OTHERS_SHOWN: Final = 12  # conversations that are listed below the drawn one
_FAULTS: Final = {"cut": "is cut", "mended": "is mended"}


class Paper(NamedTuple):
    """Columns for a time, for a packet's number, and for the words."""

    clock: int
    number: int
    words: int


def ladder(recorder: Recorder, choice: str = "") -> str:
    """The diagram of one exchange: the first answered TCP call, or what `choosing.choose` takes.

    Raises ValueError with one line where there is no such exchange.
    """
    found = conversations(recorder)
    if not found and not choice:
        return "Nobody talked with anybody."
    chosen = choose(found, choice)
    text = draw(chosen)
    if len(found) > 1:
        number = found.index(chosen) + 1
        text += f"\n\nThis is conversation {number} of {len(found):,}; --ladder N draws number N:\n"
        text += conversation_table(found, OTHERS_SHOWN)
    if recorder.missed:
        text += f"\n\n{recorder.missed:,} events came after the recorder was full."
    return "\n".join([clipped(line.rstrip(), WIDTH) for line in text.split("\n")])


def draw(conversation: Conversation) -> str:
    """Head, sockets, rungs and a line of sums."""
    rungs = Phrases(conversation).rungs()
    marks = _marks(conversation, rungs)
    times = [time for rung in rungs for time in (rung.message.sent, rung.message.arrived)]
    clock = max([len(_time(time)) for time in [*times, *[mark.now for mark in marks]]] + [8])
    number = max([len(str(rung.message.number)) for rung in rungs] + [3])
    paper = Paper(clock, number, WIDTH - 2 * clock - ARROW - number - 7)
    lines = [*_head(conversation), "", *_posts(conversation, paper)]
    for row in folded(conversation, rungs, marks):
        if isinstance(row, Rung):
            lines.extend(_draw_rung(conversation, row, paper))
        elif isinstance(row, Mark):
            lines.extend(_draw_mark(row, paper))
        else:
            lines.append(f"{'':{number + 1 + clock}} ┊{row.text:^{ARROW}}┊")
    return "\n".join([*lines, "", *_sums(conversation, rungs)])


def _marks(conversation: Conversation, rungs: list[Rung]) -> list[Mark]:
    """What befell the cables, and what the programs did at another time than a packet tells."""
    marks = [
        Mark(fault.now, None, f"{fault.cable} {_FAULTS.get(fault.what, fault.what)}", "")
        for fault in conversation.faults
    ]
    if conversation.key.protocol != TCP or not conversation.calls:
        return marks
    accepted = conversation.called(False, "accept")
    opened = next((rung for rung in rungs if rung.words.startswith(PICK_UP)), None)
    if accepted is not None and (opened is None or opened.message.arrived != accepted.now):
        marks.append(Mark(accepted.now, False, "", PICK_UP))
    for left in (True, False):
        closed = conversation.called(left, "close", "shutdown")
        ends = [
            rung.message.sent
            for rung in rungs
            if conversation.from_left(rung.message) is left
            and isinstance(rung.message.packet.upper, Tcp)
            and rung.message.packet.upper.flags & (FIN | RST)
        ]
        if closed is None or not conversation.answered() or (ends and ends[0] <= closed.now):
            continue
        marks.append(Mark(closed.now, left, "", f"hang up when all is said: {closed.verb}()"))
    return marks


def _head(conversation: Conversation) -> list[str]:
    """Who calls whom, and what the sockets are called."""
    left, right = _name(conversation, True), _name(conversation, False)
    near, far = _end(conversation, True), _end(conversation, False)
    protocol = conversation.key.protocol
    if protocol not in (TCP, UDP):
        return [f"{left} ({near}) asks {right} ({far}): are you there?"]
    if protocol == UDP:
        return [
            f"{left} writes to {right} over UDP: datagrams are postcards; no dialling, no hanging up.",
            f"  {'datagram socket':18} {near:40} {left}'s",
            f"  {'datagram socket':18} {far:40} {right}'s",
        ]
    called = f"{right}, port {conversation.right[1]}"
    lines = [
        f"{left} calls {right}, port {conversation.right[1]}, over TCP. A socket is a telephone:",
        f"  {'client socket':18} {near:40} {left}'s; connect() dials with it",
    ]
    if conversation.answered():
        lines.append(f"  {'listening socket':18} {called:40} the welcoming one: rings, never talks")
        lines.append(f"  {'connection socket':18} {far:40} from accept(), for this call alone")
    else:
        lines.append(f"  {'listening socket':18} {called:40} nobody picked up")
    return lines


def _posts(conversation: Conversation, paper: Paper) -> list[str]:
    """The names above the lines, and how to read the columns."""
    left, right = _name(conversation, True), _name(conversation, False)
    life = "the call" if conversation.key.protocol == TCP else ""
    left, right = clipped(left, NAME_SHOWN), clipped(right, NAME_SHOWN)
    names = f"{left}{right:>{ARROW + 2 - len(left)}}"
    clock, number = paper.clock, paper.number
    return [
        f"{'No.':>{number}} {'time':>{clock}} {names} {'time':{clock}}  {life}".rstrip(),
        f"{'':{number + 1 + clock}} ┬{'':{ARROW}}┬",
    ]


def _draw_rung(conversation: Conversation, rung: Rung, paper: Paper) -> list[str]:
    """One packet: its number, the arrow, with its words on as many lines as they need."""
    message = rung.message
    rightwards = conversation.from_left(message)
    sent, arrived = _time(message.sent), _time(message.arrived)
    if rung.lost and not message.arrivals:
        arrived = ""
    near, far = (sent, arrived) if rightwards else (arrived, sent)
    number = str(message.number or "")
    return _lines(number, near, f"│{_arrow(rung, rightwards)}│", far, rung.words, paper)


def _draw_mark(mark: Mark, paper: Paper) -> list[str]:
    """What is no packet: across for a cable, a dot on the line of a host."""
    time = _time(mark.now)
    if mark.left is None:
        title = f" {mark.title[: ARROW - 6]} "
        return _lines("", time, f"╪{title:═^{ARROW}}╪", time, mark.words, paper)
    near, far = (time, "") if mark.left else ("", time)
    dots = ("●", "│") if mark.left else ("│", "●")
    return _lines("", near, f"{dots[0]}{'':{ARROW}}{dots[1]}", far, mark.words, paper)


def _lines(number: str, near: str, middle: str, far: str, text: str, paper: Paper) -> list[str]:
    """A row, and those below it that its words need."""
    clock = paper.clock
    words = textwrap.wrap(text, paper.words) or [""]
    lines = [
        f"{number:>{paper.number}} {near:>{clock}} {middle} {far:{clock}}  {words[0]}".rstrip()
    ]
    for more in words[1:]:
        lines.append(f"{'':{paper.number + 1 + clock}} │{'':{ARROW}}│ {'':{clock}}  {more}")
    return lines


def _arrow(rung: Rung, rightwards: bool) -> str:
    """`── SYN seq=0 ──────>` as wide as the space between the lines; a lost one ends in an x."""
    label = clipped(rung.label, ARROW - 5)
    lost = rung.lost
    length = ARROW if not lost else min(ARROW, max(len(label) + 8, ARROW * 5 // 8))
    tip = "x" if lost else (">" if rightwards else "<")
    if rightwards:
        body = f"── {label} ".ljust(length - 1, "─") + tip
        return body.ljust(ARROW)
    body = tip + f" {label} ──".rjust(length - 1, "─")
    return body.rjust(ARROW)


def _sums(conversation: Conversation, rungs: list[Rung]) -> list[str]:
    """How much was said, lost and said again."""
    messages = conversation.messages
    lost = sum(1 for rung in rungs if rung.lost)
    again = sum(1 for rung in rungs if rung.again)
    said = [0, 0]
    for rung in rungs:
        said[not conversation.from_left(rung.message)] += rung.fresh
    span = clock_text(conversation.ended - conversation.begun)
    count = len(messages)
    left, right = _name(conversation, True), _name(conversation, False)
    line = f"{count:,} packet{'s' if count != 1 else ''}, {lost:,} lost, {again:,} sent again"
    return [
        f"{line}; {left} said {said[0]:,} octets, {right} {said[1]:,}; {span} s in all",
    ]


def _name(conversation: Conversation, left: bool) -> str:
    node = conversation.left_node if left else conversation.right_node
    address = conversation.left[0] if left else conversation.right[0]
    return node or address_text(address)


def _end(conversation: Conversation, left: bool) -> str:
    address, port = conversation.left if left else conversation.right
    if conversation.key.protocol in (TCP, UDP):
        return endpoint_text(address, port)
    return address_text(address)


def _time(now: int) -> str:
    return clock_text(now) if now >= 0 else ""
