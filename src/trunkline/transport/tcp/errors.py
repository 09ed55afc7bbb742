"""What an ICMP error, or a neighbour that does not answer, does to a connection.

RFC 9293 §3.9.2.2 (MUST-54 to MUST-56, SHLD-25, SHLD-26), RFC 5461 (soft errors while opening), RFC 5927
(an error must quote what is under way), RFC 1191 and RFC 8201 (packet too big).
"""

from __future__ import annotations

from trunkline.base.results import TOO_BIG
from trunkline.internet.reports import Report
from trunkline.transport.tcp.block import (
    CLOSED,
    SYN_RECEIVED,
    SYN_SENT,
    TIME_WAIT,
    Block,
    tell,
)
from trunkline.transport.tcp.closing import finish
from trunkline.transport.tcp.sending import path_narrowed
from trunkline.transport.tcp.sequence import MASK


def reported(block: Block, report: Report, now: int) -> None:
    """An error about a segment of this connection reached us. RFC 9293 §3.9.2.2 MUST-54."""
    counters = block.common.counters
    state = block.state
    if state in (CLOSED, TIME_WAIT):
        return
    if report.seq >= 0:
        # RFC 5927 §4 ICMP-040: it quotes something that is under way, or somebody made it up
        ahead = (report.seq - block.snd_una) & MASK
        if ahead > (block.snd_nxt - block.snd_una) & MASK:
            counters.count("tcp: ICMP about nothing under way")
            return
    counters.count("ICMP errors")
    if report.code == TOO_BIG:
        # RFC 1191 §6.4, RFC 8201 §5.4: smaller segments, and what was too big again
        internet = block.common.internet
        internet.narrowed(report, now)  # only now that the quote is believed
        internet.refresh(block.path)
        if state not in (SYN_SENT, SYN_RECEIVED):
            path_narrowed(block)
        return
    policy = block.common.policy
    opening = state in (SYN_SENT, SYN_RECEIVED)
    if report.hard and (opening or policy.hard_errors_abort):
        finish(block, report.code, now)  # SHLD-26
        return
    if state == SYN_SENT and policy.soft_errors_abort_opening:
        finish(block, report.code, now)  # RFC 5461 §4.1, as Linux
        return
    # SHLD-25: told to the program; MUST-56: the connection goes on
    block.soft_error = report.code
    if block.settings.report_soft_errors:
        tell(block)
