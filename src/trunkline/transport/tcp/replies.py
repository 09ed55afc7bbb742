"""Answers to segments that do not fit: resets for strangers, challenge ACKs, and how often they may be.

RFC 9293 §3.5.2 (reset generation), §3.10.7.1; RFC 5961 §7 (challenge ACKs and their limit).
"""

from __future__ import annotations

from typing import Final

from trunkline.base.addresses import BROADCAST4, is_multicast, is_unspecified
from trunkline.base.results import SENT
from trunkline.base.timers import NEVER
from trunkline.base.units import SECOND
from trunkline.link.nic import Nic
from trunkline.transport.tcp.block import ACK_NOW, Block, Common, Reply, touch
from trunkline.transport.tcp.sequence import MASK
from trunkline.wire.header import IpHeader
from trunkline.wire.tcp import ACK, FIN, RST, SYN, Tcp

REPLIES: Final = 1024  # resets waiting for one poll


def refuse(common: Common, nic: Nic, ip: IpHeader, header: Tcp, length: int, now: int) -> None:
    """Answer a segment that belongs to nothing with a reset. RFC 9293 §3.10.7.1."""
    flags = header.flags
    if flags & RST:
        return  # never a reset for a reset
    if flags & ACK:
        reset = Tcp(header.dst_port, header.src_port, header.ack, 0, RST, 0)
    else:
        if flags & SYN:
            length += 1
        if flags & FIN:
            length += 1
        reset = Tcp(header.dst_port, header.src_port, 0, (header.seq + length) & MASK, RST | ACK, 0)
    answer(common, nic, ip, reset, now)


def answer(common: Common, nic: Nic, ip: IpHeader, header: Tcp, now: int) -> None:
    """Queue a segment back to where one came from."""
    # RFC 9293 §3.9.2.3 MUST-57, MUST-63: nothing goes to or from a group
    src = ip.src
    if is_multicast(src) or is_unspecified(src) or src == BROADCAST4:
        common.counters.count("tcp: source address")
        return
    if len(common.replies) >= REPLIES:
        common.counters.count("tcp: too many replies")
        return
    path = common.internet.path_to(src, ip.dst, nic if _scoped(src) else None, now)
    if path.result != SENT:
        common.counters.count("tcp: no way back")
        return
    common.replies.append(Reply(path, header))
    if not common.node.pending:
        common.node.mark()


def challenge(block: Block, has_data: bool, now: int) -> None:
    """Say where we stand to a segment that does not fit. RFC 5961 §7 CC-054: not too often."""
    common = block.common
    policy = common.policy
    if not has_data:
        # as Linux: data that does not fit is no part of a loop of acknowledgements
        last = block.challenged_at
        if last != NEVER and now - last < policy.challenge_interval:
            common.counters.count("challenge ACKs withheld")
            return
        second = now // SECOND
        if second != common.challenge_second:
            # the limit is thrown anew each second, so that nobody can count what others get
            half = policy.challenge_limit // 2
            common.challenge_second = second
            common.challenge_count = half + common.dice.below(policy.challenge_limit - half + 1)
        if common.challenge_count <= 0:
            common.counters.count("challenge ACKs withheld")
            return
        common.challenge_count -= 1
        block.challenged_at = now
    common.counters.count("challenge ACKs")
    block.ack_wanted = ACK_NOW
    touch(block)


def _scoped(address: bytes) -> bool:
    """Whether the NIC is part of the address."""
    return len(address) == 16 and address[0] == 0xFE and address[1] & 0xC0 == 0x80
