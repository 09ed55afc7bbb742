"""The ladder diagram: an exchange between two hosts, drawn so that a learner can follow it in 100 columns.

The two upright lines are the hosts. Each packet is a rung, in order of sending; the time beside a line is
when that host sent the packet or got it, so that a packet which is overtaken shows a later time than the
one below it. A lost packet's arrow ends in an x. Beside each rung stands what happens in the life of the
call. What the rungs say is `phrases`; which packets belong together is `conversations`.
"""

from __future__ import annotations

import textwrap
from typing import Final

from trunkline.base.addresses import address_text
from trunkline.base.units import clock_text
from trunkline.observe.conversations import (
    Conversation,
    conversations,
    main_conversation,
)
from trunkline.observe.phrases import Phrases, Rung
from trunkline.observe.recorder import Recorder
from trunkline.wire.header import TCP, UDP
from trunkline.wire.text import endpoint_text, protocol_text

WIDTH: Final = 100
ARROW: Final = 43  # columns between the lines
RUNGS_LIMIT: Final = 160
RUN_KEPT: Final = 4  # of a long run of ordinary rungs, the first ones kept
RUN_LEFT_OUT: Final = 4  # at least so many are left out at a time


def ladder(recorder: Recorder, number: int = 0) -> str:
    """The diagram of one exchange: the `number`-th of the world, or (0) the first answered TCP call."""
    found = conversations(recorder)
    chosen = main_conversation(found)
    if number:
        chosen = found[number - 1] if number <= len(found) else None
    if chosen is None:
        if number:
            return f"There is no exchange {number}: {len(found)} were seen."
        return "Nobody talked with anybody."
    text = draw(chosen)
    earlier = [one for one in found[: found.index(chosen)] if one.key.protocol in (TCP, UDP)]
    if earlier and not number:
        text += "\n\nBefore it: " + "; ".join([_title(one) for one in earlier[:3]])
        text += f"; and {len(earlier) - 3} more" if len(earlier) > 3 else ""
    if recorder.missed:
        text += f"\n\n{recorder.missed:,} events came after the recorder was full."
    return "\n".join([_cut(line) for line in text.split("\n")])


def list_conversations(recorder: Recorder) -> list[str]:
    """A line for each exchange, numbered as `ladder` takes them."""
    found = conversations(recorder)
    return [f"{number:3} {_title(one)}" for number, one in enumerate(found, 1)]


def draw(conversation: Conversation) -> str:
    """Head, sockets, rungs and a line of sums."""
    rungs = Phrases(conversation).rungs()
    clock = max([len(_time(rung.message.sent)) for rung in rungs] + [8])
    clock = max([clock, *[len(_time(rung.message.arrived)) for rung in rungs]])
    lines = [*_head(conversation), "", *_posts(conversation, clock)]
    for item in shortened(rungs):
        if isinstance(item, Rung):
            lines.extend(_draw_rung(conversation, item, clock))
        else:
            lines.append(f"{'':{clock}} ┊{item:^{ARROW}}┊")
    return "\n".join([*lines, "", *_sums(conversation, rungs)])


def shortened(rungs: list[Rung]) -> list[Rung | str]:
    """The rungs, with long runs of ordinary ones replaced by a text that says how many."""
    found: list[Rung | str] = []
    run: list[Rung] = []
    for rung in rungs:
        if rung.ordinary:
            run.append(rung)
            continue
        found.extend(_shorten_run(run))
        run = []
        found.append(rung)
    found.extend(_shorten_run(run))
    if len(found) > RUNGS_LIMIT:
        kept = RUNGS_LIMIT // 2
        left_out = found[kept:-kept]
        count = sum(int(item.split()[0]) if isinstance(item, str) else 1 for item in left_out)
        lost = sum(1 for item in left_out if isinstance(item, Rung) and item.lost)
        found[kept:-kept] = [f"{count} rungs left out, {lost} of them lost"]
    return found


def _shorten_run(run: list[Rung]) -> list[Rung | str]:
    left_out = len(run) - 2 * RUN_KEPT
    if left_out < RUN_LEFT_OUT:
        return [*run]
    octets = sum(len(rung.message.packet.payload) for rung in run[RUN_KEPT:-RUN_KEPT])
    said = f", {octets:,} octets" if octets else ""
    return [*run[:RUN_KEPT], f"{left_out} like these{said}", *run[-RUN_KEPT:]]


def _title(conversation: Conversation) -> str:
    """`alice 10.0.0.1:49152 calls bob 10.0.1.1:80 (TCP)`."""
    verb = "calls" if conversation.key.protocol == TCP else "writes to"
    if conversation.key.protocol not in (TCP, UDP):
        verb = "pings"
    left, right = _name(conversation, True), _name(conversation, False)
    title = f"{left} {_end(conversation, True)} {verb} {right} {_end(conversation, False)}"
    title += f" ({protocol_text(conversation.key.protocol)})"
    if conversation.answered():
        return title
    refused = any(message.src == conversation.right for message in conversation.messages)
    return title + (", refused" if refused else ", no answer")


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


def _posts(conversation: Conversation, clock: int) -> list[str]:
    """The names above the lines, and how to read the columns."""
    left, right = _name(conversation, True), _name(conversation, False)
    life = "the call" if conversation.key.protocol == TCP else ""
    names = f"{left}{right:>{ARROW + 2 - len(left)}}"
    return [
        f"{'time':>{clock}} {names} {'time':{clock}}  {life}".rstrip(),
        f"{'':{clock}} ┬{'':{ARROW}}┬",
    ]


def _draw_rung(conversation: Conversation, rung: Rung, clock: int) -> list[str]:
    """One packet: the arrow, with its words on as many lines as they need."""
    message = rung.message
    rightwards = conversation.from_left(message)
    sent, arrived = _time(message.sent), _time(message.arrived)
    if rung.lost and not message.arrivals:
        arrived = ""
    near, far = (sent, arrived) if rightwards else (arrived, sent)
    arrow = _arrow(rung, rightwards)
    room = WIDTH - 2 * clock - ARROW - 6
    words = textwrap.wrap(rung.words, room) or [""]
    lines = [f"{near:>{clock}} │{arrow}│ {far:{clock}}  {words[0]}".rstrip()]
    for more in words[1:]:
        lines.append(f"{'':{clock}} │{'':{ARROW}}│ {'':{clock}}  {more}")
    return lines


def _arrow(rung: Rung, rightwards: bool) -> str:
    """`── SYN seq=0 ──────>` as wide as the space between the lines; a lost one ends in an x."""
    label = rung.label
    room = ARROW - 7
    if len(label) > room:
        label = label[: room - 1] + "…"
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
    times = [message.sent for message in messages]
    for message in messages:
        times.extend(message.arrivals)
    span = clock_text(max(times) - min(times)) if times else "0"
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


def _cut(line: str) -> str:
    line = line.rstrip()
    return line if len(line) <= WIDTH else line[: WIDTH - 1] + "…"
